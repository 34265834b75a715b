/*
 * hpc_lines.h
 *		A second copy of a frame's codes, for histograms of all features.
 *
 * Or only the packs that such a copy has, for rows that move (hpc_records.h),
 * which are a copy of their own.
 */
#ifndef HPC_LINES_H
#define HPC_LINES_H

#include "hpc_frame.h"

/* Numbers that a byte tells apart: the cells of a narrow feature, or a pack. */
#define HPC_NARROW_CELLS 256

/*
 * With fewer rows there are no lines, and they are not read: what packs save
 * is less than what their cells cost.
 */
#define HPC_LINE_ROWS 1024

/*
 * Narrow features that are counted as one: their byte is c0 + n0 (c1 + n1 (c2
 * + ...)), with the members' codes c and numbers of codes n.  A feature alone
 * is a pack, too.
 */
typedef struct hpc_pack
{
	uint32_t ncells; /* n0 n1 n2 ... */
	int nmembers;
	int member[HPC_BLOCK]; /* features */
} hpc_pack;

/* Bytes of a row's line, at most: those of a line of the cache. */
#define HPC_LINE_BYTES 64

/* Codes of a row side by side: those of row i at codes + i * stride. */
typedef struct hpc_line
{
	void *memory;
	unsigned char *codes; /* aligned to a line of the cache */
	size_t stride;
	int first_pack; /* npacks bytes in nblocks blocks ... */
	int npacks;
	int nblocks;
	int first_wide; /* ... then nwide features of two bytes */
	int nwide;
} hpc_line;

/* Where the codes of a narrow feature are, and which, by the pack's byte. */
typedef struct hpc_member
{
	int pack;
	uint8_t code[HPC_NARROW_CELLS];
} hpc_member;

typedef struct hpc_lines
{
	int npacks;
	hpc_pack *packs; /* [npacks] all narrow features, line by line */
	int nwide;
	int *wide;           /* [nwide] all others, line by line */
	hpc_member *members; /* [nfeatures] narrow ones */
	int nlines;
	hpc_line *lines; /* [nlines] */
} hpc_lines;

/* Codes that a narrow feature has: its factor in a pack. */
static inline uint32_t
hpc_codes_in_use(const hpc_feature *feature)
{
	return feature->nbins + (feature->nmissing > 0);
}

/*
 * Makes lines, at most 64 bytes a row each: a byte a feature, less what packs
 * save, or two.  *lines is NULL where they would not help (few rows, or no
 * more than a block to read) or memory is scarce.
 */
extern hpc_status
hpc_lines_create(hpc_env *env, const hpc_frame *frame, hpc_lines **lines);
extern void hpc_lines_free(hpc_env *env, hpc_lines *lines);

/*
 * Packs of a frame that has narrow features only, and no lines; free them by
 * hpc_lines_free.
 */
extern hpc_status
hpc_packs_create(hpc_env *env, const hpc_frame *frame, hpc_lines **packs);

/* The byte of a pack for a row of the frame. */
extern unsigned char
hpc_pack_byte(const hpc_frame *frame, const hpc_pack *pack, uint32_t row);

#endif /* HPC_LINES_H */
