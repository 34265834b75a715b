/*
 * hpc_records.h
 *		Rows that move with all that is read of them.
 */
#ifndef HPC_RECORDS_H
#define HPC_RECORDS_H

#include <string.h>

#include "hpc_lines.h"
#include "hpc_parallel.h"
#include "hpc_random.h"

/* Packs that a record has room for. */
#define HPC_RECORD_PACKS 8

/*
 * A record is a row's residual, a double, and the bytes of the frame's packs
 * (hpc_packs_create).  They stand side by side without gaps, since what limits
 * their speed is the memory that is walked.
 */
typedef struct hpc_records
{
	unsigned char *rows; /* [n × size] */
	size_t size;         /* bytes of a record */
	uint64_t *keys;      /* for random draws, by row; NULL: there are none */
	bool wide;           /* the processor has the registers (hpc_cpu.h) */
} hpc_records;

/* Where the bytes of packs begin. */
#define HPC_RECORD_CODES sizeof(double)

static inline size_t
hpc_record_size(int npacks)
{
	return HPC_RECORD_CODES + (size_t) npacks;
}

static inline unsigned char *
hpc_record(const hpc_records *records, uint32_t i)
{
	return records->rows + i * records->size;
}

static inline double
hpc_record_residual(const unsigned char *record)
{
	double residual;

	memcpy(&residual, record, sizeof(residual));
	return residual;
}

static inline void
hpc_record_set_residual(unsigned char *record, double residual)
{
	memcpy(record, &residual, sizeof(residual));
}

/* The code of a feature. */
static inline uint32_t
hpc_record_code(const hpc_member *member, const unsigned char *record)
{
	return member->code[record[HPC_RECORD_CODES + member->pack]];
}

/*
 * Adds an amount to the cells of n packs, [HPC_NARROW_CELLS] each, by their
 * bytes: of the first ones, or of those that are used.  With constants nothing
 * is asked.
 */
static inline __attribute__((always_inline)) void
hpc_record_add(const unsigned char *record, int64_t amount, int64_t *cells,
			   const uint8_t *used, int n)
{
	const unsigned char *code = record + HPC_RECORD_CODES;

	/* by hand: at -O2 compilers leave a loop of eight as it is */
#define ADD_PACK(j)                                            \
	if (n > (j))                                               \
	{                                                          \
		int pack = used != NULL ? used[j] : (j);               \
                                                               \
		cells[pack * HPC_NARROW_CELLS + code[pack]] += amount; \
	}
	ADD_PACK(0)
	ADD_PACK(1)
	ADD_PACK(2)
	ADD_PACK(3)
	ADD_PACK(4)
	ADD_PACK(5)
	ADD_PACK(6)
	ADD_PACK(7)
#undef ADD_PACK
}

/* Makes a record of a row of the frame, whose packs these are. */
extern void
hpc_record_make(unsigned char *record, double residual, const hpc_frame *frame,
				const hpc_lines *packs, uint32_t row);

/* What goes left and what goes right. */
typedef struct hpc_divider
{
	bool by_draw;

	/* left: hpc_draw(stream, key) is below */
	uint64_t stream;
	uint64_t threshold;

	/* right: the bit of the byte of this pack */
	int pack;
	uint32_t right[HPC_NARROW_CELLS / 32];
} hpc_divider;

static inline bool
hpc_record_goes_right(const hpc_records *records, const hpc_divider *divider,
					  uint32_t i)
{
	uint32_t byte;

	if (divider->by_draw)
		return hpc_draw(divider->stream, records->keys[i]) >=
			   divider->threshold;
	byte = hpc_record(records, i)[HPC_RECORD_CODES + divider->pack];
	return divider->right[byte / 32] >> (byte % 32) & 1;
}

/*
 * Divides rows first .. first + n - 1 in place, the nleft that go left before
 * what goes right, in no order.  nworkers of the crew share the work; 1: only
 * this one works.  False: the crew stopped, and all rows are there, but not
 * divided.
 */
extern bool
hpc_records_divide(const hpc_records *records, const hpc_divider *divider,
				   uint32_t first, uint32_t n, uint32_t nleft, hpc_crew *crew,
				   int worker, int nworkers);

#endif /* HPC_RECORDS_H */
