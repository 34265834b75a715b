/*
 * hpc_gram.c
 *		Sums of products of the columns of a design, exact, fold by fold.
 *
 * A cell is an integer: score × sqrt(weight of the row) in units of 2^-bits,
 * rounded; so each product has the weight of its row, and sums do not depend
 * on the order of rows or on who adds them.  Scores have mean square 1, so by
 * Cauchy and Schwarz no sum of products of n rows of weight below 2 exceeds
 * 2n: with 2 × bits = 60 - log2(n) all stay below 2^62, and cells below 2^31.
 * That is a precision of 2^-20 standard deviations for a million rows.
 *
 *		index:	  0   1    2 .. nnumbers + 1   nnumbers + 2 ..
 *		column:	  1   y    numbers             flags
 *
 *		      0 | x
 *		      1 | x x			numbers: every product of every row
 *		numbers | x x x x
 *		  flags | x x x x .		flags: where a row has them, and then their
 *		        | x x x x . .	cell is that of column 1
 *
 * Rows are taken in blocks, all of one fold: block by column for numbers, row
 * by row for flags.  Folds are the tasks that threads share.
 *
 * A regression on all rows but those of a fold needs the sums of the other
 * folds, added up; centring and scaling are left to doubles.
 *
 * Cost: of a row nnumbers^2 / 2 + nflags × (nnumbers + nflags / 2) additions,
 * where nflags is how many it has; memory: 20 bytes for each pair of columns.
 */
#include <math.h>
#include <string.h>

#include "hpc_gram.h"
#include "hpc_memory.h"

#define BLOCK_ROWS 64
#define WORK_PER_POLL 1000000
#define SUMS_PER_POLL 65536

/* A flag of a smaller variance is constant. */
#define LEAST_VARIANCE 1e-18

/* Rows of one fold that are added together. */
typedef struct block
{
	uint32_t nrows;
	uint32_t row[BLOCK_ROWS];
	double root[BLOCK_ROWS];
	uint32_t nflags[BLOCK_ROWS];
	int32_t *cell;    /* [ndense][BLOCK_ROWS] */
	int32_t *flag;    /* [BLOCK_ROWS][nfeatures] */
	int64_t *product; /* [ndense] of a row, with column 1 */
} block;

static inline size_t
triangle(size_t row)
{
	return row * (row + 1) / 2;
}

/* Columns that each row has a cell of. */
static inline size_t
ndense(const hpc_gram *gram)
{
	return (size_t) gram->design->nnumbers + 2;
}

static inline size_t
index_of(int column)
{
	return (size_t) column + 2;
}

/* ---------- cells ---------- */

static inline int32_t
to_cell(double x)
{
	return (int32_t) (x < 0 ? x - 0.5 : x + 0.5);
}

static void
fill_roots(const hpc_gram *gram, block *b, double unit)
{
	const hpc_design *design = gram->design;

	memset(b->cell, 0, ndense(gram) * BLOCK_ROWS * sizeof(int32_t));
	for (uint32_t i = 0; i < b->nrows; i++)
	{
		double units = hpc_design_units(design, b->row[i]);
		double root = sqrt(units) * unit;

		b->root[i] = root;
		b->nflags[i] = 0;
		b->cell[i] = to_cell(root);
		b->cell[BLOCK_ROWS + i] =
			to_cell(root * hpc_design_target(design, b->row[i]));
	}
}

static void
fill_numbers(const hpc_design_term *term, const hpc_feature *feature, block *b)
{
	int32_t *cell = b->cell + index_of(term->column) * BLOCK_ROWS;

	for (uint32_t i = 0; i < b->nrows; i++)
	{
		double score = term->score[hpc_code(feature, b->row[i])];

		cell[i] = to_cell(score * b->root[i]);
	}
}

static void
fill_flags(const hpc_design_term *term, const hpc_feature *feature, block *b,
		   int nfeatures)
{
	for (uint32_t i = 0; i < b->nrows; i++)
	{
		int flag = hpc_design_flag(term, feature, b->row[i]);

		if (flag != HPC_NO_COLUMN)
			b->flag[i * (size_t) nfeatures + b->nflags[i]++] = flag;
	}
}

static void
fill_block(const hpc_gram *gram, block *b, double unit)
{
	const hpc_frame *frame = gram->design->frame;

	fill_roots(gram, b, unit);
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_design_term *term = &gram->design->terms[i];
		const hpc_feature *feature = &frame->features[i];
		bool number = term->level == NULL;

		if (number && term->column != HPC_NO_COLUMN)
			fill_numbers(term, feature, b);
		if (!number || term->missing != HPC_NO_COLUMN)
			fill_flags(term, feature, b, frame->nfeatures);
	}
}

/* ---------- products ---------- */

static inline int64_t
multiply(const int32_t *a, const int32_t *b)
{
	int64_t sum = 0;

	for (int i = 0; i < BLOCK_ROWS; i++)
		sum += (int64_t) a[i] * b[i];
	return sum;
}

/* Products of the cells that all rows have.  False: stopped. */
static bool
add_numbers(const hpc_gram *gram, const block *b, int64_t *sum, hpc_crew *crew,
			int worker)
{
	size_t work = 0;

	for (size_t i = 0; i < ndense(gram); i++)
	{
		const int32_t *cell = b->cell + i * BLOCK_ROWS;

		for (size_t j = 0; j <= i; j++)
			*sum++ += multiply(cell, b->cell + j * BLOCK_ROWS);
		work += i * BLOCK_ROWS;
		if (work > WORK_PER_POLL)
		{
			work = 0;
			if (hpc_crew_stopped(crew, worker))
				return false;
		}
	}
	return true;
}

/* Products of the flags of a row, with its cells and with each other. */
static void
add_flags(const hpc_gram *gram, const block *b, uint32_t i, int64_t *sum)
{
	const int32_t *flag =
		b->flag + i * (size_t) gram->design->frame->nfeatures;
	size_t n = ndense(gram);

	for (size_t j = 0; j < n; j++)
		b->product[j] = (int64_t) b->cell[i] * b->cell[j * BLOCK_ROWS + i];
	for (uint32_t f = 0; f < b->nflags[i]; f++)
	{
		int64_t *row = sum + triangle(index_of(flag[f]));

		for (size_t j = 0; j < n; j++)
			row[j] += b->product[j];
		for (uint32_t other = 0; other <= f; other++)
			row[index_of(flag[other])] += b->product[0];
	}
}

static bool
add_block(const hpc_gram *gram, block *b, double unit, int64_t *sum,
		  hpc_crew *crew, int worker)
{
	fill_block(gram, b, unit);
	for (uint32_t i = 0; i < b->nrows; i++)
	{
		if (b->nflags[i] > 0)
			add_flags(gram, b, i, sum);
	}
	b->nrows = 0;
	return add_numbers(gram, b, sum, crew, worker) &&
		   !hpc_crew_stopped(crew, worker);
}

/* Root of one unit of weight, in units of cells: at most 2^(bits + 1/2). */
static double
root_unit(const hpc_gram *gram)
{
	int half = 0;

	/* the heaviest row has a weight from 1/2 up to 2 */
	while ((uint64_t) gram->design->most_units >> (2 * half + 1) > 0)
		half++;
	return hpc_scale(1, gram->bits - half);
}

/* False: stopped. */
static bool
clear_sums(const hpc_gram *gram, int64_t *sum, hpc_crew *crew, int worker)
{
	size_t n = triangle(index_of(gram->ncolumns));

	for (size_t at = 0; at < n; at += SUMS_PER_POLL)
	{
		size_t left = n - at < SUMS_PER_POLL ? n - at : SUMS_PER_POLL;

		memset(sum + at, 0, left * sizeof(int64_t));
		if (hpc_crew_stopped(crew, worker))
			return false;
	}
	return true;
}

static void
add_fold(hpc_crew *crew, int worker, uint64_t fold, void *context)
{
	hpc_gram *gram = context;
	uint32_t nrows = gram->design->frame->nrows;
	double unit = root_unit(gram);
	block *b = gram->scratch[fold];

	if (!clear_sums(gram, gram->sum[fold], crew, worker))
		return;
	for (uint32_t row = 0; row < nrows; row++)
	{
		if (gram->fold[row] == fold)
			b->row[b->nrows++] = row;
		if (b->nrows == BLOCK_ROWS &&
			!add_block(gram, b, unit, gram->sum[fold], crew, worker))
			return;
	}
	if (b->nrows > 0)
		add_block(gram, b, unit, gram->sum[fold], crew, worker);
}

/*
 * Flags, whose deviation is that of a share, are divided by its power 3/4: a
 * rare level is then shrunk more than if it were standardised.
 */
static void
choose_scales(hpc_gram *gram)
{
	double total = 0;

	for (int f = 0; f < HPC_NFOLDS; f++)
		total += (double) gram->sum[f][0];
	for (int column = 0; column < gram->ncolumns; column++)
	{
		size_t at = triangle(index_of(column));
		double share = 0;
		double variance;

		gram->scale[column] = 1;
		if (column < gram->design->nnumbers)
			continue;
		for (int f = 0; f < HPC_NFOLDS; f++)
			share += (double) gram->sum[f][at];
		share /= total;
		variance = share * (1 - share);
		if (variance > LEAST_VARIANCE)
		{
			double root = sqrt(sqrt(variance));

			gram->scale[column] = 1 / (root * sqrt(root));
		}
	}
}

hpc_status
hpc_gram_add_rows(hpc_gram *gram, hpc_crew *crew)
{
	hpc_status status = hpc_crew_share(crew, HPC_NFOLDS, add_fold, gram);

	if (status == HPC_OK)
		choose_scales(gram);
	return status;
}

/* ---------- normal equations ---------- */

/* A sum over all folds but one. */
static double
sum_without(const hpc_gram *gram, int held_out, size_t at)
{
	int64_t sum = 0;

	for (int f = 0; f < HPC_NFOLDS; f++)
		sum += f != held_out ? gram->sum[f][at] : 0;
	return (double) sum;
}

bool
hpc_gram_cross(const hpc_gram *gram, int held_out, hpc_normal *normal)
{
	double total = sum_without(gram, held_out, 0);

	if (total <= 0)
		return false;
	normal->target_mean = sum_without(gram, held_out, 1) / total;
	for (int i = 0; i < gram->ncolumns; i++)
	{
		size_t row = triangle(index_of(i));

		normal->mean[i] =
			sum_without(gram, held_out, row) / total * gram->scale[i];
		normal->cross[i] =
			sum_without(gram, held_out, row + 1) / total * gram->scale[i] -
			normal->mean[i] * normal->target_mean;
	}
	return true;
}

bool
hpc_gram_normal(const hpc_gram *gram, int held_out, hpc_normal *normal,
				hpc_crew *crew, int worker)
{
	size_t n = (size_t) gram->ncolumns;
	double total = sum_without(gram, held_out, 0);

	if (!hpc_gram_cross(gram, held_out, normal))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		size_t row = triangle(i + 2) + 2;

		for (size_t j = 0; j <= i; j++)
		{
			double product = sum_without(gram, held_out, row + j) / total *
								 gram->scale[i] * gram->scale[j] -
							 normal->mean[i] * normal->mean[j];

			normal->matrix[i * n + j] = product;
			normal->matrix[j * n + i] = product;
		}
		if (i % 8 == 0 && hpc_crew_stopped(crew, worker))
			return false;
	}
	return true;
}

double
hpc_gram_loss(const hpc_gram *gram, int fold, const double *coefficient,
			  double intercept, double *share)
{
	size_t n = (size_t) gram->ncolumns + 2;
	const int64_t *row = gram->sum[fold];
	double loss = 0;

	/* what each column of the triangle has in the residual */
	share[0] = -intercept;
	share[1] = 1;
	for (size_t i = 2; i < n; i++)
		share[i] = -coefficient[i - 2] * gram->scale[i - 2];
	for (size_t i = 0; i < n; i++)
	{
		double others = 0;

		for (size_t j = 0; j < i && share[i] != 0; j++)
			others += share[j] * (double) row[j];
		loss += share[i] * (2 * others + share[i] * (double) row[i]);
		row += i + 1;
	}
	return hpc_scale(loss, -2 * gram->bits);
}

hpc_status
hpc_normal_init(hpc_env *env, hpc_normal *normal, int ncolumns)
{
	size_t n = (size_t) ncolumns;

	normal->matrix = hpc_alloc(env, n * n, sizeof(double));
	normal->cross = hpc_alloc0(env, n, sizeof(double));
	normal->mean = hpc_alloc0(env, n, sizeof(double));
	return normal->matrix != NULL && normal->cross != NULL &&
				   normal->mean != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

void
hpc_normal_free(hpc_env *env, hpc_normal *normal)
{
	hpc_free(env, normal->matrix);
	hpc_free(env, normal->cross);
	hpc_free(env, normal->mean);
}

/* ---------- memory ---------- */

/* A block and its arrays, one after the other. */
static block *
make_block(hpc_env *env, const hpc_gram *gram)
{
	size_t n = ndense(gram);
	size_t nfeatures = (size_t) gram->design->frame->nfeatures;
	size_t ncells = (n + nfeatures) * BLOCK_ROWS;
	block *b = hpc_alloc(env, 1,
						 sizeof(block) + n * sizeof(int64_t) +
							 ncells * sizeof(int32_t));

	if (b == NULL)
		return NULL;
	b->nrows = 0;
	b->product = (int64_t *) (b + 1);
	b->cell = (int32_t *) (b->product + n);
	b->flag = b->cell + n * BLOCK_ROWS;
	return b;
}

hpc_status
hpc_gram_init(hpc_env *env, hpc_gram *gram, const hpc_design *design,
			  const uint8_t *fold)
{
	int rows_bits = 0;

	memset(gram, 0, sizeof(*gram));
	gram->design = design;
	gram->fold = fold;
	gram->ncolumns = design->ncolumns;
	while ((uint64_t) design->frame->nrows > UINT64_C(1) << rows_bits)
		rows_bits++;
	gram->bits = (60 - rows_bits) / 2;
	gram->scale = hpc_alloc(env, (size_t) design->ncolumns, sizeof(double));
	if (gram->scale == NULL)
		return HPC_NO_MEMORY;
	for (int f = 0; f < HPC_NFOLDS; f++)
	{
		gram->sum[f] = hpc_alloc(env, triangle(index_of(design->ncolumns)),
								 sizeof(int64_t));
		gram->scratch[f] = make_block(env, gram);
		if (gram->sum[f] == NULL || gram->scratch[f] == NULL)
			return HPC_NO_MEMORY;
	}
	return HPC_OK;
}

void
hpc_gram_free(hpc_env *env, hpc_gram *gram)
{
	for (int f = 0; f < HPC_NFOLDS; f++)
	{
		hpc_free(env, gram->sum[f]);
		hpc_free(env, gram->scratch[f]);
	}
	hpc_free(env, gram->scale);
}
