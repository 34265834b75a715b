/*
 * hpc_series_inside.h
 *		What the files of a boosted series share.
 */
#ifndef HPC_SERIES_INSIDE_H
#define HPC_SERIES_INSIDE_H

#include "hpc_series.h"

/* Rows of a chunk. */
#define HPC_CHUNK 2048

/* In place of a node: the row has to walk down the tree. */
#define HPC_WALKS UINT16_MAX

struct hpc_series_tally
{
	__extension__ unsigned __int128 sum; /* of |weight × q| */
	double most;                         /* largest of them; or of residuals */
	hpc_sum loss;
};

static inline uint32_t
hpc_count_chunks(uint32_t n, uint32_t size)
{
	return n / size + (n % size != 0);
}

static inline uint32_t
hpc_chunk_end(uint32_t first, uint32_t size, uint32_t n)
{
	return n - first < size ? n : first + size;
}

static inline bool
hpc_series_holds_out(const hpc_series *s, uint32_t row)
{
	return s->held_out != HPC_NO_FOLD && s->rules->fold[row] == s->held_out;
}

/* Part of a pass: a chunk of rows.  worker: whose tally it may use. */
typedef void (*hpc_pass)(hpc_series *s, int worker, uint32_t chunk);

/* Runs a pass with tallies cleared.  False: stopped. */
extern bool hpc_series_pass(hpc_series *s, hpc_crew *crew, int worker,
							hpc_pass pass, uint32_t nchunks);

/* The same over the rows of the frame. */
extern bool
hpc_series_row_pass(hpc_series *s, hpc_crew *crew, int worker, hpc_pass pass);
extern hpc_series_tally hpc_series_count(const hpc_series *s);

/*
 * The finest step with which pseudo-residuals up to limit can fill the bag,
 * however many of them are as large.
 */
extern int hpc_safe_step(const hpc_series_rules *rules, double limit);

/* Fills the bag with all rows to learn from.  False: stopped. */
extern bool hpc_series_take_all(hpc_series *s, hpc_crew *crew, int worker);

/*
 * Lets the residuals know the last tree and fills the bag of the next.  Where
 * not one row is drawn, all are taken.  False: stopped.
 */
extern bool hpc_series_fill(hpc_series *s, hpc_crew *crew, int worker);

/* ---------- hpc_series_records.c: where the bag has records ---------- */

/* Fills the records with the targets, in units of 2^unit. */
extern void hpc_series_load(hpc_series *s, hpc_crew *crew, int worker);

/* Mean of the residuals. */
extern double
hpc_series_record_mean(const hpc_series *s, hpc_crew *crew, int worker);

/* Subtracts the base; its tallies have the largest residual.  False: stopped. */
extern bool hpc_series_record_base(hpc_series *s, hpc_crew *crew, int worker);

/*
 * Lets the residuals know the last tree, if there is one, and tallies q.
 * False: stopped.
 */
extern bool hpc_series_record_pass(hpc_series *s, hpc_crew *crew, int worker);

#endif /* HPC_SERIES_INSIDE_H */
