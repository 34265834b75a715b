/*
 * hpg_publish.c
 *		hp_publish(name, model): a model becomes the next version of a name.
 *
 * The same model under the same name is the same version: whoever trains on
 * the same rows again publishes nothing new, and is told so.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "hpg.h"
#include "hpg_registry.h"

HPG_FUNCTION(hp_publish);

#define MAX_NAME 200 /* bytes */

/* ---------- names ---------- */

static void
bad_name(const char *message)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s", message),
					errhint("A name is a text of up to %d bytes, such as "
							"'ames' or 'ames/condominiums'.",
							MAX_NAME)));
}

static void
check_name(const char *name)
{
	bool is_blank = true;

	for (const char *c = name; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			bad_name("name of a model must not have control characters");
		is_blank &= *c == ' ';
	}
	if (is_blank)
		bad_name("name of a model must not be empty");
	if (strlen(name) > MAX_NAME)
		bad_name("name of a model is too long");
}

/* ---------- the row ---------- */

/* What of a model stands beside it, so that nobody has to fetch it. */
static int
summary_cells(hpg_cell *cells, const hpc_model_summary *summary)
{
	const hpc_texts *texts = &summary->texts;
	char hex[2 * HPC_DIGEST_SIZE + 1];
	int n = 0;

	hpc_digest_to_hex(&summary->data_digest, hex);
	hpg_cell_text(&cells[n++], "algorithm",
				  hpc_algorithm_name(summary->algorithm));
	hpg_cell_integer(&cells[n++], "algorithm_version",
					 (int32) summary->algorithm_version);
	hpg_cell_text(&cells[n++], "target",
				  texts->target != NULL ? hpg_name(texts->target) : NULL);
	hpg_cell_value(&cells[n++], "features", INT4OID,
				   Int32GetDatum(summary->nfeatures), false);
	hpg_cell_value(&cells[n++], "rows", INT8OID, Int64GetDatum(summary->nrows),
				   false);
	hpg_cell_text(&cells[n++], "data_digest", hex);
	hpg_cell_value(&cells[n++], "params", JSONBOID,
				   texts->params != NULL
					   ? JsonbPGetDatum(hpg_json_parse(texts->params))
					   : (Datum) 0,
				   texts->params == NULL);
	hpg_cell_value(&cells[n++], "mae", FLOAT8OID,
				   Float8GetDatum(summary->oob_mae), isnan(summary->oob_mae));
	hpg_cell_value(&cells[n++], "nbytes", INT8OID,
				   Int64GetDatum(summary->nbytes), false);
	return n;
}

static void
insert_version(const char *name, int32 version, const char *digest,
			   const hpc_model *model, const char *note)
{
	hpg_cell cells[HPG_MAX_CELLS];
	hpc_model_summary summary;
	int n = 0;

	hpc_model_summarize(model, &summary);
	hpg_cell_text(&cells[n++], "name", name);
	hpg_cell_integer(&cells[n++], "version", version);
	hpg_cell_text(&cells[n++], "digest", digest);
	hpg_cell_value(&cells[n++], "model", hpg_registry_model_type(),
				   PointerGetDatum(model), false);
	n += summary_cells(cells + n, &summary);
	hpg_cell_text(&cells[n++], "note", note);
	hpg_cell_now(&cells[n++], "published_at");
	hpg_cell_caller(&cells[n++], "published_by");
	hpg_registry_insert(HPG_VERSIONS, cells, n);
}

/* ---------- hp_publish ---------- */

static int32
publish(const char *name, const hpc_model *model, const char *note)
{
	hpc_digest digest = hpc_model_digest(model);
	char hex[2 * HPC_DIGEST_SIZE + 1];
	hpg_version_range range;
	Snapshot snapshot;
	int32 version;

	hpc_digest_to_hex(&digest, hex);
	hpg_registry_lock(name);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	hpg_registry_versions(name, hex, snapshot, &range);
	UnregisterSnapshot(snapshot);
	if (range.same != 0)
	{
		ereport(NOTICE,
				(errmsg("the model is version %d of \"%s\" already",
						range.same, name),
				 note != NULL ? errdetail("The note was not kept.") : 0));
		return range.same;
	}
	if (pg_add_s32_overflow(range.greatest, 1, &version))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("model \"%s\" has too many versions", name)));
	insert_version(name, version, hex, model, note);
	return version;
}

/* hp_publish(name text, model hp_model, note text) returns integer */
Datum
hp_publish(PG_FUNCTION_ARGS)
{
	char *name;

	hpg_registry_check_writable("hp_publish()");
	name = hpg_arg_name(fcinfo, 0);
	check_name(name);
	hpg_check_given(fcinfo, 1, "model");
	PG_RETURN_INT32(publish(name, hpg_arg_model(fcinfo, 1),
							PG_ARGISNULL(2)
								? NULL
								: text_to_cstring(PG_GETARG_TEXT_PP(2))));
}
