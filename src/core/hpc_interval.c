/*
 * hpc_interval.c
 *		An interval around the prediction for one row (hpc_calibrate.h).
 */
#include <math.h>

#include "hpc_calibrate.h"
#include "hpc_predict.h"

bool
hpc_model_has_intervals(const hpc_model *model)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return view.calibration != NULL;
}

/* How far the trees disagree about the row that was coded last. */
static double
spread_of_trees(const hpc_model_view *view, double mean, const uint32_t *codes)
{
	uint32_t ntrees = view->training->ntrees;
	double leaves[HPC_MASKS_GROUP];
	double squares = 0;

	for (uint32_t first = 0; first < ntrees; first += HPC_MASKS_GROUP)
	{
		uint32_t n = ntrees - first < HPC_MASKS_GROUP ? ntrees - first
													  : HPC_MASKS_GROUP;

		hpc_walk(view, first, 1, codes, 0, n, leaves);
		for (uint32_t i = 0; i < n; i++)
			squares += (leaves[i] - mean) * (leaves[i] - mean);
	}
	return ntrees > 1 ? sqrt(squares / (ntrees - 1)) : 0;
}

/* From the learned scale, without what turns a median into a mean. */
static double
value_at(const hpc_model_view *view, double raw)
{
	if (isinf(raw))
		return raw > 0 ? raw : view->training->log_scale != 0 ? 0 : raw;
	return view->training->log_scale != 0 ? hpc_model_number(hpc_exp(raw))
										  : raw;
}

void
hpc_model_outlook(const hpc_predictor *predictor, const hpc_model *model,
				  const hpc_value *values, uint32_t *codes,
				  hpc_outlook *outlook)
{
	const hpc_calibration_record *calibration;
	hpc_model_view view;
	double difficulty;

	hpc_model_open(model, &view);
	calibration = view.calibration;
	/* of a predictor the codes may be places in masks, which no tree knows */
	if (calibration->by_spread != 0)
		predictor = NULL;
	outlook->raw = hpc_predict_raw(&view, predictor, values, codes);
	difficulty = calibration->by_spread != 0
					 ? spread_of_trees(&view, outlook->raw, codes)
					 : outlook->raw;
	outlook->scale = hpc_calibration_scale(calibration, difficulty);
}

void
hpc_outlook_interval(const hpc_model *model, const hpc_outlook *outlook,
					 double coverage, hpc_interval *interval)
{
	hpc_model_view view;
	double reach;

	hpc_model_open(model, &view);
	reach = hpc_calibration_score(view.calibration, coverage) * outlook->scale;
	interval->prediction =
		hpc_predict_retransform(view.training, outlook->raw);
	interval->lower = value_at(&view, outlook->raw - reach);
	interval->upper = value_at(&view, outlook->raw + reach);
}

void
hpc_model_predict_interval(const hpc_model *model, const hpc_value *values,
						   double coverage, uint32_t *codes,
						   hpc_interval *interval)
{
	hpc_outlook outlook;

	hpc_model_outlook(NULL, model, values, codes, &outlook);
	hpc_outlook_interval(model, &outlook, coverage, interval);
}
