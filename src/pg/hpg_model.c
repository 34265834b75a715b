/*
 * hpg_model.c
 *		The type hp_model, and models as arguments.
 *
 * A datum of the type is the core's model as it is: its first four bytes,
 * which the core leaves alone, are the varlena header.  Every value that
 * enters the database (text and binary input) is validated as a whole and its
 * digest recomputed; from then on models are used in place and equal digests
 * mean equal models.
 *
 * Text form: a line to read, then the bytes behind the varlena header in
 * base64.
 *
 *		houseprice model 1: forest, 100 trees, 7 features, 1460 rows, 3f2a…
 *		AWhQTQEAAAAJAAAA...
 *
 * A model without trees says what it is: "linear, 79 features, ...", "blend
 * of 2, 79 features, ...".
 *
 * A model stored out of line is fetched once: a call site knows it by the
 * identity of the stored value, the cache (hpg_cache.c) by its digest.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/base64.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_registry.h"

HPG_FUNCTION(hp_model_in);
HPG_FUNCTION(hp_model_out);
HPG_FUNCTION(hp_model_recv);
HPG_FUNCTION(hp_model_send);
HPG_FUNCTION(hp_model_from_bytea);
HPG_FUNCTION(hp_model_to_bytea);

#define TEXT_PREFIX "houseprice model 1: "
#define MODEL_ALIGNMENT 8

/* ---------- input and output ---------- */

/* Makes size bytes from offset 4 on a validated datum. */
static Datum
validated(struct varlena *datum, size_t size)
{
	hpc_env env;
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice model",
							  ALLOCSET_SMALL_SIZES);

	hpg_env_init(&env, scratch, 1);
	hpg_check_status(&env, hpc_model_validate(&env, datum, size));
	MemoryContextDelete(scratch);
	SET_VARSIZE(datum, size);
	return PointerGetDatum(datum);
}

static struct varlena *
allocate_datum(size_t size)
{
	struct varlena *datum = palloc(size);

	memset(datum, 0, VARHDRSZ);
	return datum;
}

static void
bad_text(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type hp_model"),
			 errdetail("%s", detail),
			 errhint("Models are made by hp_train, and copied whole.")));
}

/* hp_model_in(cstring) returns hp_model */
Datum
hp_model_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	char *line_end = strchr(text, '\n');
	struct varlena *datum;
	int length;
	int nbytes;

	if (strncmp(text, TEXT_PREFIX, strlen(TEXT_PREFIX)) != 0)
		bad_text("The text does not begin with \"" TEXT_PREFIX "\".");
	if (line_end == NULL)
		bad_text("There is no second line.");
	length = (int) strlen(line_end + 1);
	datum = allocate_datum((size_t) pg_b64_dec_len(length) + VARHDRSZ + 1);
	nbytes = pg_b64_decode(line_end + 1, length, VARDATA(datum),
						   pg_b64_dec_len(length) + 1);
	if (nbytes < 0)
		bad_text("The second line is not base64.");
	return validated(datum, (size_t) nbytes + VARHDRSZ);
}

static void
append_count(StringInfo line, uint64 count, const char *noun)
{
	appendStringInfo(line, UINT64_FORMAT " %s%s, ", count, noun,
					 count == 1 ? "" : "s");
}

/* The first line, which says what the bytes behind it are. */
static void
append_line(StringInfo line, const hpc_model *model,
			const hpc_model_summary *summary)
{
	hpc_digest digest = hpc_model_digest(model);
	char hex[2 * HPC_DIGEST_SIZE + 1];

	hpc_digest_to_hex(&digest, hex);
	appendStringInfoString(line, TEXT_PREFIX);
	appendStringInfoString(line, hpc_algorithm_name(summary->algorithm));
	if (summary->nmembers > 0)
		appendStringInfo(line, " of %d", summary->nmembers);
	appendStringInfoString(line, ", ");
	if (summary->ntrees > 0)
		append_count(line, summary->ntrees, "tree");
	append_count(line, summary->nfeatures, "feature");
	append_count(line, summary->nrows, "row");
	appendStringInfo(line, "digest %s\n", hex);
}

/* hp_model_out(hp_model) returns cstring */
Datum
hp_model_out(PG_FUNCTION_ARGS)
{
	const hpc_model *model = hpg_arg_model(fcinfo, 0);
	hpc_model_summary summary;
	StringInfoData line;
	int nbytes;
	int encoded;
	char *text;

	hpc_model_summarize(model, &summary);
	nbytes = (int) (summary.nbytes - VARHDRSZ);
	initStringInfo(&line);
	append_line(&line, model, &summary);
	text = palloc_extended((size_t) line.len + pg_b64_enc_len(nbytes) + 1,
						   MCXT_ALLOC_HUGE);
	memcpy(text, line.data, line.len);
	encoded = pg_b64_encode((const char *) model + VARHDRSZ, nbytes,
							text + line.len, pg_b64_enc_len(nbytes));
	text[line.len + encoded] = '\0';
	PG_RETURN_CSTRING(text);
}

/* hp_model_recv(internal) returns hp_model */
Datum
hp_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int nbytes = message->len - message->cursor;
	struct varlena *datum = allocate_datum((size_t) nbytes + VARHDRSZ);

	pq_copymsgbytes(message, VARDATA(datum), nbytes);
	return validated(datum, (size_t) nbytes + VARHDRSZ);
}

/* hp_model_send(hp_model) returns bytea: all but the varlena header */
Datum
hp_model_send(PG_FUNCTION_ARGS)
{
	const hpc_model *model = hpg_arg_model(fcinfo, 0);
	hpc_model_summary summary;
	StringInfoData message;

	hpc_model_summarize(model, &summary);
	pq_begintypsend(&message);
	pq_sendbytes(&message, (const char *) model + VARHDRSZ,
				 (int) (summary.nbytes - VARHDRSZ));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* hp_model_from_bytea(bytea) returns hp_model: what hp_model_send wrote */
Datum
hp_model_from_bytea(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	size_t nbytes = VARSIZE_ANY_EXHDR(bytes);
	struct varlena *datum = allocate_datum(nbytes + VARHDRSZ);

	memcpy(VARDATA(datum), VARDATA_ANY(bytes), nbytes);
	return validated(datum, nbytes + VARHDRSZ);
}

/* hp_model_to_bytea(hp_model) returns bytea */
Datum
hp_model_to_bytea(PG_FUNCTION_ARGS)
{
	return hp_model_send(fcinfo);
}

/* ---------- models as arguments ---------- */

/* The context of a call site ends, and with it what the call site used. */
static void
end_call(void *arg)
{
	hpg_call *call = arg;

	if (call->pinned)
		hpg_cache_unpin(call->loaded);
	call->pinned = false;
}

void
hpg_call_init(hpg_call *call, MemoryContext context)
{
	memset(call, 0, sizeof(*call));
	call->context = context;
	call->end.func = end_call;
	call->end.arg = call;
	MemoryContextRegisterResetCallback(context, &call->end);
}

hpg_call *
hpg_call_of(FunctionCallInfo fcinfo)
{
	hpg_call *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
	{
		call = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(hpg_call));
		hpg_call_init(call, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = call;
	}
	return call;
}

/* The model in a varlena that is in memory and whole, aligned. */
static const hpc_model *
aligned_model(struct varlena *datum)
{
	size_t size = VARSIZE(datum);
	void *copy;

	if ((uintptr_t) datum % MODEL_ALIGNMENT == 0)
		return (const hpc_model *) datum;
	copy = palloc(size);
	memcpy(copy, datum, size);
	return copy;
}

hpc_digest
hpg_datum_digest(Datum datum)
{
	union
	{
		char bytes[HPC_MODEL_HEAD];
		uint64 aligned;
	} head = {{0}};
	struct varlena *slice =
		detoast_attr_slice((struct varlena *) DatumGetPointer(datum), 0,
						   HPC_MODEL_HEAD - VARHDRSZ);

	memcpy(head.bytes + VARHDRSZ, VARDATA_ANY(slice),
		   Min(VARSIZE_ANY_EXHDR(slice), HPC_MODEL_HEAD - VARHDRSZ));
	pfree(slice);
	return hpc_model_digest((const hpc_model *) &head);
}

static bool
is_loaded(const hpg_call *call, const hpc_digest *digest)
{
	return call->loaded != NULL &&
		   memcmp(&call->loaded->digest, digest, sizeof(*digest)) == 0;
}

static void
let_go(hpg_call *call)
{
	hpg_loaded *loaded = call->loaded;

	if (loaded == NULL)
		return;
	call->loaded = NULL;
	call->toast_value = InvalidOid;
	if (call->pinned)
		hpg_cache_unpin(loaded);
	else
		MemoryContextDelete(loaded->context);
	call->pinned = call->passing = false;
}

/* A model that lies in a row, and is gone with it. */
static hpg_loaded *
load_passing(hpg_call *call, const hpc_model *model)
{
	hpc_digest digest = hpc_model_digest(model);
	MemoryContext context;

	if (!is_loaded(call, &digest) || !call->passing)
	{
		let_go(call);
		call->passing = true;
		context = AllocSetContextCreate(call->context, "houseprice model",
										ALLOCSET_SMALL_SIZES);
		call->loaded = MemoryContextAllocZero(context, sizeof(hpg_loaded));
		call->loaded->context = context;
		call->loaded->digest = digest;
		call->loaded->countdown = hpc_predictor_rows(model);
	}
	call->loaded->model = model;
	return call->loaded;
}

/* A model that has to be fetched or unpacked. */
static void
load_stored(hpg_call *call, struct varlena *value)
{
	hpc_digest digest = hpg_datum_digest(PointerGetDatum(value));
	MemoryContext before;

	if (is_loaded(call, &digest) && !call->passing)
		return;
	let_go(call);
	before = MemoryContextSwitchTo(call->context);
	call->loaded = hpg_cache_get(value, &digest, &call->pinned);
	MemoryContextSwitchTo(before);
}

hpg_loaded *
hpg_call_model(hpg_call *call, Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	struct varatt_external pointer;

	if (!VARATT_IS_EXTENDED(value))
		return load_passing(call, aligned_model(value));
	if (!VARATT_IS_EXTERNAL_ONDISK(value))
	{
		load_stored(call, value);
		return call->loaded;
	}
	VARATT_EXTERNAL_GET_POINTER(pointer, value);
	if (call->toast_value != pointer.va_valueid ||
		call->toast_relation != pointer.va_toastrelid)
	{
		load_stored(call, value);
		call->toast_value = pointer.va_valueid;
		call->toast_relation = pointer.va_toastrelid;
	}
	return call->loaded;
}

void
hpg_models_differ(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model differs between rows"),
			 errhint("Give the rows of one model at a time: GROUP BY what "
					 "tells the models apart.")));
}

hpg_loaded *
hpg_call_same_model(FunctionCallInfo fcinfo, int arg, hpg_resolver resolve,
					hpg_call *call, MemoryContext context, hpc_digest *digest)
{
	bool first = call->context == NULL;
	hpg_loaded *loaded;

	hpg_check_given(fcinfo, arg, "model");
	if (first)
		hpg_call_init(call, context);
	loaded = resolve(call, PG_GETARG_DATUM(arg));
	if (!first && memcmp(&loaded->digest, digest, sizeof(*digest)) != 0)
		hpg_models_differ();
	*digest = loaded->digest;
	return loaded;
}

HeapTupleHeader
hpg_arg_row(FunctionCallInfo fcinfo, int arg)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("row must not be NULL"),
				 errhint("Leave such rows out with FILTER (WHERE h IS "
						 "DISTINCT FROM NULL).")));
	return PG_GETARG_HEAPTUPLEHEADER(arg);
}

const hpc_model *
hpg_arg_model(FunctionCallInfo fcinfo, int arg)
{
	struct varlena *value = PG_DETOAST_DATUM(PG_GETARG_DATUM(arg));

	return aligned_model(value);
}
