/*
 * hpg_study_coverage.c
 *		Whether the intervals of a model hold as many targets as they promise.
 *
 * In all, and in each third of the rows by prediction: intervals that hold
 * nine targets in ten because they are too wide for the cheap and too narrow
 * for the dear are not what was asked for.
 */
#include "postgres.h"

#include "utils/float.h"

#include "hpg_study.h"

static const double nominal[HPG_COVERAGES] = {0.5, 0.8, 0.9, 0.95};

#define FIRST_SIZE 1024

struct hpg_covered
{
	double predicted;
	double width[HPG_COVERAGES];
	bool inside[HPG_COVERAGES];
};

/* Room for one more; a sample is of no size that is known before. */
static struct hpg_covered *
next_covered(hpg_study *study)
{
	if (study->ncovered == study->covered_size)
	{
		study->covered_size = Max(2 * study->covered_size, FIRST_SIZE);
		study->covered =
			hpg_study_resize(study, study->covered,
							 study->covered_size * sizeof(struct hpg_covered));
	}
	return &study->covered[study->ncovered++];
}

void
hpg_study_cover(hpg_study *study, const hpc_value *values, double actual,
				uint32_t *codes)
{
	struct hpg_covered *row = next_covered(study);
	hpc_outlook outlook;

	hpc_model_outlook(NULL, study->model, values, codes, &outlook);
	for (int i = 0; i < HPG_COVERAGES; i++)
	{
		hpc_interval interval;

		hpc_outlook_interval(study->model, &outlook, nominal[i], &interval);
		row->predicted = interval.prediction;
		row->width[i] = interval.upper - interval.lower;
		row->inside[i] = actual >= interval.lower && actual <= interval.upper;
	}
}

static double
share(int64 some, int64 all)
{
	return all > 0 ? (double) some / (double) all : get_float8_nan();
}

static void
measure(hpg_study *study, int which)
{
	hpg_coverage *coverage = &study->coverage[which];
	int64 held[HPG_THIRDS] = {0};
	int64 n[HPG_THIRDS] = {0};
	int64 nheld = 0;
	hpc_sum width;

	hpc_sum_init(&width);
	for (int64 i = 0; i < study->ncovered; i++)
	{
		const struct hpg_covered *row = &study->covered[i];
		int third = hpg_third_of(study, row->predicted);

		n[third]++;
		held[third] += row->inside[which];
		nheld += row->inside[which];
		hpc_sum_add(&width, study->relative
								? row->width[which] / row->predicted
								: row->width[which]);
	}
	coverage->nominal = nominal[which];
	coverage->held = share(nheld, study->ncovered);
	coverage->width = hpg_mean(&width, study->ncovered);
	for (int third = 0; third < HPG_THIRDS; third++)
		coverage->held_by[third] = share(held[third], n[third]);
}

void
hpg_study_coverage(hpg_study *study)
{
	for (int i = 0; i < HPG_COVERAGES && study->ncovered > 0; i++)
		measure(study, i);
}
