/*
 * hpg_report.h
 *		What the files of hp_report share.
 */
#ifndef HPG_REPORT_H
#define HPG_REPORT_H

#include "hpg_study.h"

/* A page in the making. */
typedef struct hpg_page
{
	StringInfoData text;
	const hpc_model *model;
	hpc_model_summary summary;
	const hpg_ranked *ranked; /* [nfeatures], by importance */
	hpg_study *study;         /* of the source, or NULL */
} hpg_page;

/* hpg_report_tables.c */
extern void hpg_report_metrics(hpg_page *page);
extern void hpg_report_unlike(hpg_page *page);
extern void hpg_report_record(hpg_page *page);

#endif /* HPG_REPORT_H */
