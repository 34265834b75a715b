/*
 * hpg_charts.h
 *		The charts of hp_report, each an inline SVG.
 *
 * Wide charts have a column of the page to themselves; small ones stand side
 * by side where there is room.
 */
#ifndef HPG_CHARTS_H
#define HPG_CHARTS_H

#include "hpg_study.h"

/* Rows up to which each is drawn as a dot. */
#define HPG_MOST_DOTS 3000

/* hpg_charts.c: what the rows say */
extern void hpg_chart_pairs(StringInfo page, const hpg_study *study);
extern void hpg_chart_thirds(StringInfo page, const hpg_study *study);
extern void hpg_chart_spread(StringInfo page, const hpg_study *study);
extern void hpg_chart_dates(StringInfo page, const hpg_study *study);
extern void hpg_chart_coverage(StringInfo page, const hpg_study *study);
extern void hpg_chart_curve(StringInfo page, const hpg_study *study);

/* hpg_charts_model.c: what the model says of itself */
extern void
hpg_chart_importance(StringInfo page, const hpg_ranked *ranked, int nfeatures);

/* Small ones, of the features that matter most. */
extern void hpg_chart_dependence(StringInfo page, const hpc_model *model,
								 const hpg_ranked *ranked, int nfeatures);

#endif /* HPG_CHARTS_H */
