/*
 * hpc_lines.c
 *		A second copy of a frame's codes, for histograms of all features.
 *
 * What a row costs in a histogram is the lines of the cache that are fetched
 * for it, and an addition for each feature.  In blocks of eight columns that
 * is a line for each block, since the rows of small nodes lie far apart.  So
 * the codes of a row are put side by side, up to 64 bytes in a line.
 *
 * Features whose numbers of codes have a product of at most HPC_NARROW_CELLS
 * are packed: one byte holds the number of their combination, and is counted
 * by one addition.  The histogram of each member is what sums over the others
 * leave.  They are sums of integers, so nothing shows in the result.
 * (LightGBM bundles features that exclude each other to the same end: Ke et
 * al. 2017, section 4.)  Members are chosen by first fit, those of many codes
 * first.
 *
 * All other uses of the codes take one feature, or a row's way down a tree:
 * for them the blocks are better.
 */
#include "hpc_lines.h"
#include "hpc_memory.h"

/* Rows of which a line is written at a time. */
#define STRETCH 1024

/* ---------- packs ---------- */

/* Adds a narrow feature to the first pack that has room, or to a new one. */
static void
join_pack(hpc_lines *lines, int index, uint32_t ncodes)
{
	hpc_pack *pack = lines->packs;
	hpc_pack *end = lines->packs + lines->npacks;

	while (pack < end && (pack->nmembers == HPC_BLOCK ||
						  pack->ncells * ncodes > HPC_NARROW_CELLS))
		pack++;
	if (pack == end)
	{
		lines->npacks++;
		pack->ncells = 1;
		pack->nmembers = 0;
	}
	pack->ncells *= ncodes;
	pack->member[pack->nmembers++] = index;
}

/* Which code of each member a byte holds. */
static void
decode_pack(const hpc_frame *frame, hpc_lines *packs, int index)
{
	const hpc_pack *pack = &packs->packs[index];
	uint32_t step = 1;

	for (int i = 0; i < pack->nmembers; i++)
	{
		hpc_member *member = &packs->members[pack->member[i]];
		uint32_t ncodes = hpc_codes_in_use(&frame->features[pack->member[i]]);

		member->pack = index;
		for (uint32_t byte = 0; byte < pack->ncells; byte++)
			member->code[byte] = (uint8_t) (byte / step % ncodes);
		step *= ncodes;
	}
}

static void
choose_members(const hpc_frame *frame, hpc_lines *lines)
{
	for (uint32_t ncodes = HPC_NARROW_CELLS; ncodes > 0; ncodes--)
	{
		for (int i = 0; i < frame->nfeatures; i++)
		{
			if (frame->features[i].width == 1 &&
				hpc_codes_in_use(&frame->features[i]) == ncodes)
				join_pack(lines, i, ncodes);
		}
	}
	for (int i = 0; i < lines->npacks; i++)
		decode_pack(frame, lines, i);
}

/* Writes the bytes of a pack for some rows. */
static void
write_pack(const hpc_frame *frame, const hpc_pack *pack, unsigned char *to,
		   size_t stride, uint32_t first, uint32_t end)
{
	uint32_t step = 1;

	for (int i = 0; i < pack->nmembers; i++)
	{
		const hpc_feature *feature = &frame->features[pack->member[i]];

		for (uint32_t row = first; row < end; row++)
		{
			uint32_t below = i > 0 ? to[row * stride] : 0;

			to[row * stride] =
				(unsigned char) (below + step * hpc_code(feature, row));
		}
		step *= hpc_codes_in_use(feature);
	}
}

/* ---------- lines ---------- */

/* Which packs and which features of two bytes are in the next line. */
static void
plan_line(hpc_lines *lines, int first_pack, int first_wide)
{
	hpc_line *line = &lines->lines[lines->nlines++];
	int nbytes;

	line->first_pack = first_pack;
	line->npacks = lines->npacks - first_pack;
	if (line->npacks > HPC_LINE_BYTES)
		line->npacks = HPC_LINE_BYTES;
	line->nblocks = (line->npacks + HPC_BLOCK - 1) / HPC_BLOCK;
	nbytes = line->nblocks * HPC_BLOCK;
	line->first_wide = first_wide;
	line->nwide = lines->nwide - first_wide;
	if (line->nwide > (HPC_LINE_BYTES - nbytes) / 2)
		line->nwide = (HPC_LINE_BYTES - nbytes) / 2;
	nbytes += 2 * line->nwide;
	/* a power of two, so that no row stands in two lines of the cache */
	line->stride = HPC_BLOCK;
	while (line->stride < (size_t) nbytes)
		line->stride *= 2;
}

static void
plan_lines(const hpc_frame *frame, hpc_lines *lines)
{
	int npacks = 0;
	int nwide = 0;

	for (int i = 0; i < frame->nfeatures; i++)
	{
		if (frame->features[i].width == 2)
			lines->wide[lines->nwide++] = i;
	}
	while (npacks < lines->npacks || nwide < lines->nwide)
	{
		plan_line(lines, npacks, nwide);
		npacks += lines->lines[lines->nlines - 1].npacks;
		nwide += lines->lines[lines->nlines - 1].nwide;
	}
}

/* Writes some rows of a line. */
static void
write_line(const hpc_frame *frame, const hpc_lines *lines,
		   const hpc_line *line, uint32_t first, uint32_t end)
{
	unsigned char *wide = line->codes + line->nblocks * HPC_BLOCK;

	for (int i = 0; i < line->npacks; i++)
		write_pack(frame, &lines->packs[line->first_pack + i], line->codes + i,
				   line->stride, first, end);
	for (int i = 0; i < line->nwide; i++)
	{
		const hpc_feature *feature =
			&frame->features[lines->wide[line->first_wide + i]];

		for (uint32_t row = first; row < end; row++)
			*(uint16_t *) (wide + row * line->stride + 2 * i) =
				(uint16_t) hpc_code(feature, row);
	}
}

static hpc_status
make_line(hpc_env *env, const hpc_frame *frame, const hpc_lines *lines,
		  hpc_line *line)
{
	line->memory =
		hpc_alloc(env, (size_t) frame->nrows + HPC_LINE_BYTES / HPC_BLOCK,
				  line->stride);
	if (line->memory == NULL)
		return HPC_NO_MEMORY;
	line->codes = (unsigned char *) line->memory +
				  -(uintptr_t) line->memory % HPC_LINE_BYTES;
	for (uint32_t row = 0; row < frame->nrows; row += STRETCH)
	{
		uint32_t left = frame->nrows - row;

		write_line(frame, lines, line, row,
				   row + (left < STRETCH ? left : STRETCH));
		if (row / STRETCH % 32 == 31 && hpc_cancelled(env))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
allocate_lines(hpc_env *env, const hpc_frame *frame, hpc_lines **made)
{
	size_t nfeatures = (size_t) frame->nfeatures;
	hpc_lines *lines = hpc_alloc0(env, 1, sizeof(hpc_lines));

	*made = lines;
	if (lines == NULL)
		return HPC_NO_MEMORY;
	lines->packs = hpc_alloc(env, nfeatures, sizeof(hpc_pack));
	lines->wide = hpc_alloc(env, nfeatures, sizeof(int));
	lines->lines = hpc_alloc0(env, nfeatures, sizeof(hpc_line));
	lines->members = hpc_alloc0(env, nfeatures, sizeof(hpc_member));
	return lines->packs != NULL && lines->wide != NULL &&
				   lines->lines != NULL && lines->members != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

/* Do lines help, and may they take what they need? */
static bool
are_wanted(const hpc_env *env, const hpc_frame *frame)
{
	int nwide = 0;
	uint64_t nbytes;

	for (int i = 0; i < frame->nfeatures; i++)
		nwide += frame->features[i].width == 2;
	if (frame->nrows < HPC_LINE_ROWS || frame->nblocks + nwide < 2)
		return false;
	nbytes = (uint64_t) frame->nrows *
			 ((uint64_t) frame->nblocks * HPC_BLOCK + 2 * (uint64_t) nwide);
	return env->memory_left == NULL ||
		   env->memory_left(env->opaque) / 4 > nbytes;
}

hpc_status
hpc_lines_create(hpc_env *env, const hpc_frame *frame, hpc_lines **lines)
{
	hpc_status status;

	*lines = NULL;
	if (!are_wanted(env, frame))
		return HPC_OK;
	status = allocate_lines(env, frame, lines);
	if (status == HPC_OK)
	{
		choose_members(frame, *lines);
		plan_lines(frame, *lines);
	}
	for (int i = 0; status == HPC_OK && i < (*lines)->nlines; i++)
		status = make_line(env, frame, *lines, &(*lines)->lines[i]);
	if (status != HPC_OK)
	{
		hpc_lines_free(env, *lines);
		*lines = NULL;
	}
	return status;
}

/* ---------- packs alone ---------- */

hpc_status
hpc_packs_create(hpc_env *env, const hpc_frame *frame, hpc_lines **packs)
{
	hpc_status status = allocate_lines(env, frame, packs);

	if (status == HPC_OK)
		choose_members(frame, *packs);
	else
	{
		hpc_lines_free(env, *packs);
		*packs = NULL;
	}
	return status;
}

unsigned char
hpc_pack_byte(const hpc_frame *frame, const hpc_pack *pack, uint32_t row)
{
	uint32_t byte = 0;

	for (int i = pack->nmembers; i-- > 0;)
	{
		const hpc_feature *feature = &frame->features[pack->member[i]];

		byte = byte * hpc_codes_in_use(feature) + hpc_code(feature, row);
	}
	return (unsigned char) byte;
}

void
hpc_lines_free(hpc_env *env, hpc_lines *lines)
{
	if (lines == NULL)
		return;
	for (int i = 0; i < lines->nlines; i++)
		hpc_free(env, lines->lines[i].memory);
	hpc_free(env, lines->packs);
	hpc_free(env, lines->wide);
	hpc_free(env, lines->lines);
	hpc_free(env, lines->members);
	hpc_free(env, lines);
}
