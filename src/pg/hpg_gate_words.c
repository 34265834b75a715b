/*
 * hpg_gate_words.c
 *		What hp_gate says when it does not let a candidate pass.
 *
 * Each refusal has an SQLSTATE of its own, for jobs that release models, and
 * one line that says in figures why: that is what they log.
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "hpg_compat.h"
#include "hpg_gate.h"

/* Share of the holdout that a model may have been trained on. */
#define MAX_OVERLAP 0.01

/* ---------- a row ---------- */

void
hpg_gate_undefined(const hpg_gate *gate, double actual, double candidate,
				   double released)
{
	const char *who = actual < 0      ? "actual value"
					  : candidate < 0 ? "prediction of the candidate"
									  : "prediction of the released model";
	double value = actual < 0 ? actual : candidate < 0 ? candidate : released;

	if (gate->metric == HPC_METRIC_MAPE)
		ereport(ERROR,
				(errcode(ERRCODE_DIVISION_BY_ZERO),
				 errmsg("mape is undefined where the actual value is 0"),
				 errhint("Leave such rows out of the holdout, or use mae.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_ARGUMENT_FOR_LOG),
			 errmsg("rmsle is undefined for negative values"),
			 errdetail("The %s is %s.", who, float8out_internal(value)),
			 errhint("Leave such rows out of the holdout, or use rmse.")));
}

/* ---------- overlap ---------- */

static void
refuse_overlap(const hpg_gate_side *side)
{
	int64 n = side->nseen + side->nunseen;

	ereport(ERROR,
			(errcode(HPG_ERRCODE_GATE_OVERLAP),
			 errmsg("%lld of %lld comparable rows of the holdout (%.1f %%) "
					"were in the training of the %s",
					(long long) side->nseen, (long long) n,
					100.0 * (double) side->nseen / (double) n, side->who),
			 errdetail("A model is better on rows that it was trained on; up "
					   "to %g %% of them are let pass.",
					   100 * MAX_OVERLAP),
			 errhint("Keep rows out of trainings by a key, with hp_split or "
					 "hp_fold, or compare all the same with overlap => "
					 "'allow'.")));
}

/* It is not known whether there is any. */
static void
warn_of_overlap(const hpg_gate *gate, const hpg_gate_side *side)
{
	switch (side->sketch)
	{
		case HPG_NO_FEATURES:
			break;
		case HPG_NO_SKETCH:
			ereport(WARNING,
					(errmsg("which rows the %s was trained on is not known",
							side->who),
					 errdetail("Models of houseprice 0.1.0, and what is merged "
							   "from such, do not keep it. "
							   "Whether some of them are in the holdout was "
							   "not checked.")));
			break;
		case HPG_WEIGHTS_MISSING:
			ereport(WARNING,
					(errmsg("the holdout has no column \"%s\" of weights, by "
							"which rows of the training of the %s could be "
							"told",
							hpg_name(side->summary.texts.weight), side->who),
					 errdetail("Whether some of them are in the holdout was "
							   "not checked.")));
			break;
		case HPG_SKETCHED:
			if (side->nseen + side->nunseen == 0 && gate->sums.nrows > 0)
				ereport(NOTICE,
						(errmsg("the %s keeps a sample of its training's "
								"rows, with which no row of the holdout can "
								"be compared",
								side->who)));
			break;
	}
}

static void
check_side(const hpg_gate *gate, const hpg_gate_side *side)
{
	double n = (double) (side->nseen + side->nunseen);

	if (gate->overlap_allowed)
		return;
	if ((double) side->nseen > MAX_OVERLAP * n)
		refuse_overlap(side);
	warn_of_overlap(gate, side);
}

void
hpg_gate_check_overlap(const hpg_gate *gate)
{
	check_side(gate, &gate->candidate);
	check_side(gate, &gate->released);
}

/* ---------- the verdict ---------- */

/* "mae 17802.3 against 18020.1 (-1.2 %)" */
static char *
figures(const hpg_gate *gate, const hpc_gate_result *result)
{
	char *values =
		psprintf("%s %.6g against %.6g", hpc_metric_name(gate->metric),
				 result->candidate, result->released);

	if (isnan(result->difference))
		return values;
	return psprintf("%s (%+.1f %%)", values, 100 * result->difference);
}

static char *
version_words(const hpg_gate *gate)
{
	return psprintf("version %d of model \"%s\"", gate->released_version,
					gate->name);
}

/* What the candidate has to be. */
static char *
claim(const hpg_gate *gate)
{
	if (gate->released_version == 0)
		return pstrdup("better than the mean of the targets of its training");
	if (gate->tolerance < 0)
		return psprintf("better than %s by %g %%", version_words(gate),
						-100 * gate->tolerance);
	return psprintf("as good as %s", version_words(gate));
}

static void
refuse_worse(const hpg_gate *gate, const hpc_gate_result *result)
{
	bool plain = gate->released_version > 0 && gate->tolerance >= 0;

	ereport(ERROR,
			(errcode(HPG_ERRCODE_GATE_WORSE),
			 errmsg("the candidate is %s %s: %s",
					plain ? "worse than" : "not",
					plain ? version_words(gate) : claim(gate),
					figures(gate, result)),
			 isnan(result->lower)
				 ? 0
				 : errdetail("By %lld rows, with a confidence of 95 %%, the "
							 "difference is not below %+.1f %%; the tolerance "
							 "is %g %%.",
							 (long long) gate->sums.nrows,
							 100 * result->lower, 100 * gate->tolerance),
			 gate->released_version > 0
				 ? errhint("hp_diff shows what the two models differ in.")
				 : 0));
}

/* What the rows say, and what more of them would. */
static char *
doubts(const hpg_gate *gate, const hpc_gate_result *result)
{
	char *words;

	if (gate->sums.nrows < HPC_GATE_MIN_ROWS)
		return psprintf("A verdict needs %d rows at least.",
						HPC_GATE_MIN_ROWS);
	if (isnan(result->upper))
		return pstrdup("The released model is never off.");
	words = psprintf("With a confidence of 95 %%, the difference is below "
					 "%+.1f %%; the tolerance is %g %%. Of an equal candidate "
					 "it would be below %+.1f %%",
					 100 * result->upper, 100 * gate->tolerance,
					 100 * result->detectable);
	if (isnan(result->rows_needed))
		return psprintf("%s.", words);
	return psprintf("%s, and on about %.0f such rows one would pass four "
					"times out of five.",
					words, result->rows_needed);
}

static void
refuse_undecided(const hpg_gate *gate, const hpc_gate_result *result)
{
	ereport(ERROR,
			(errcode(HPG_ERRCODE_GATE_UNDECIDED),
			 errmsg("%lld rows do not decide whether the candidate is %s: %s",
					(long long) gate->sums.nrows, claim(gate),
					figures(gate, result)),
			 errdetail("%s", doubts(gate, result)),
			 gate->sums.nrows < HPC_GATE_MIN_ROWS
				 ? errhint("Give more rows, or let such a candidate pass "
						   "with undecided => 'pass'.")
				 : errhint("Give more rows or a larger tolerance, or let such "
						   "a candidate pass with undecided => 'pass'.")));
}

/* Does the first of its name predict the mean, too? */
static bool
is_no_better(const hpg_gate *gate, const hpc_gate_result *result)
{
	return gate->released_version == 0 && result->verdict == HPC_GATE_PASSED &&
		   !(result->difference < 0);
}

void
hpg_gate_check_verdict(const hpg_gate *gate, const hpc_gate_result *result)
{
	if (gate->sums.nrows == 0)
		ereport(ERROR,
				(errcode(HPG_ERRCODE_GATE_UNDECIDED),
				 errmsg("the holdout has no row with a target"),
				 errdetail("It has %lld rows without a value in column "
						   "\"%s\".",
						   (long long) gate->nskipped,
						   hpg_name(gate->target))));
	if (gate->same)
		ereport(NOTICE,
				(errmsg("the candidate is version %d of model \"%s\", which "
						"is released",
						gate->released_version, gate->name)));
	else if (result->verdict == HPC_GATE_WORSE || is_no_better(gate, result))
		refuse_worse(gate, result);
	else if (result->verdict == HPC_GATE_UNDECIDED && !gate->undecided_passes)
		refuse_undecided(gate, result);
}
