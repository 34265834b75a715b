/*
 * hpg_spill.c
 *		States of parallel workers that are too large to be passed as a datum.
 *
 * A worker's rows reach the leader through a queue, as one datum, which must
 * stay below 1 GB and exists several times on the way.  From
 * houseprice.spill_threshold on, the rows go to a temporary file and the
 * datum only names it:
 *
 *		worker  data set ──▶ file            name ──▶ queue
 *		leader                 └──▶ data set ◀── name ◀─┘
 *
 * Files are PostgreSQL's own temporary files: below temp_tablespaces, counted
 * by temp_file_limit and pg_stat_database, swept when the server starts after
 * a crash.  But a worker exits before the leader reads, so the files cannot
 * be the worker's; and the leader may fail before it has heard of them.
 * Hence they carry the leader's process id, and the leader removes all files
 * of its workers whenever none of its queries can want them:
 *
 *		Whoever reads such a file is a query in parallel mode.  When the
 *		backend is not in parallel mode, and none of its workers is left,
 *		its workers' files are rubbish.
 *
 * It looks when a query that read such files ends, and when a transaction or
 * subtransaction does, which covers errors and cancels in whatever process.
 * A directory in the default tablespace says that there is something to look
 * for, so that otherwise a transaction pays for one system call.
 *
 * A file is not removed when it has been read: above a sort that is scanned
 * again the same state is read again.
 *
 * States that the backend itself has serialised (the leader takes part in the
 * work; partitions are aggregated one by one) are removed with the memory of
 * the query.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_tablespace_d.h"
#include "common/file_utils.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "hpg_border.h"
#include "hpg_compat.h"

/* kB; a datum is copied whole several times, in which no cancel is heard */
#define DEFAULT_THRESHOLD (16 * 1024)
#define LARGEST_THRESHOLD (512 * 1024)

static int spill_threshold = DEFAULT_THRESHOLD;

/* Bytes in files that this process has written and that it knows to exist. */
static uint64 spilled_bytes = 0;

/* How a data set is passed on. */
enum
{
	STATE_EMPTY,
	STATE_INLINE, /* its flat bytes follow */
	STATE_FILE    /* a spill_name follows */
};

typedef struct spill_name
{
	FileSet files;
	char file[32];
} spill_name;

/* ---------- whose files ---------- */

/* FileSetInit never gives this number. */
#define NUMBER_OF_WORKERS PG_UINT32_MAX

/* Tells leader that its workers have left files somewhere. */
static void
sign_path(char *path, pid_t leader)
{
	char directory[MAXPGPATH];

	TempTablespacePath(directory, DEFAULTTABLESPACE_OID);
	snprintf(path, MAXPGPATH, "%s/%s%d.houseprice", directory,
			 PG_TEMP_FILE_PREFIX, (int) leader);
}

static void
put_sign(pid_t leader)
{
	char directory[MAXPGPATH];
	char path[MAXPGPATH];

	TempTablespacePath(directory, DEFAULTTABLESPACE_OID);
	sign_path(path, leader);
	PathNameCreateTemporaryDir(directory, path);
}

/* Removes what workers of this backend have left in a tablespace. */
static void
sweep_tablespace(Oid tablespace)
{
	FileSet files = {MyProcPid, NUMBER_OF_WORKERS, 1, {tablespace}};

	FileSetDeleteAll(&files);
}

/*
 * Removes what workers of this backend have left, unless a query may still
 * want it.  Raises no error but for lack of memory.
 */
static void
sweep(void)
{
	char path[MAXPGPATH];
	DIR *directory;
	struct dirent *entry;

	if (IsParallelWorker() || IsInParallelMode())
		return;
	sign_path(path, MyProcPid);
	if (access(path, F_OK) != 0)
		return;
	directory = AllocateDir("pg_tblspc");
	while ((entry = ReadDirExtended(directory, "pg_tblspc", LOG)) != NULL)
	{
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			sweep_tablespace((Oid) strtoul(entry->d_name, NULL, 10));
	}
	FreeDir(directory);
	sweep_tablespace(DEFAULTTABLESPACE_OID);
	PathNameDeleteTemporaryDir(path);
}

static void
sweep_after_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_ABORT)
		sweep();
}

static void
sweep_after_subtransaction(SubXactEvent event, SubTransactionId mine,
						   SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		sweep();
}

static void
sweep_after_query(void *arg)
{
	sweep();
}

void
hpg_spill_init(void)
{
	DefineCustomIntVariable("houseprice.spill_threshold",
							"Size from which a parallel worker passes its "
							"rows on in a temporary file.",
							"For testing.", &spill_threshold,
							DEFAULT_THRESHOLD, 0, LARGEST_THRESHOLD, PGC_SUSET,
							GUC_UNIT_KB | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	RegisterXactCallback(sweep_after_transaction, NULL);
	RegisterSubXactCallback(sweep_after_subtransaction, NULL);
}

/* ---------- making a file ---------- */

/* A file of this backend itself, to end with the query. */
typedef struct own_file
{
	MemoryContextCallback callback;
	FileSet files;
	uint64 nbytes;
} own_file;

static void
remove_own_file(void *arg)
{
	own_file *own = arg;

	spilled_bytes -= own->nbytes;
	FileSetDeleteAll(&own->files);
}

/* Names the file to be written, and sees to it that it will be removed. */
static void
name_file(FunctionCallInfo fcinfo, spill_name *name, uint64 nbytes)
{
	static uint32 counter = 0;

	memset(name, 0, sizeof(*name));
	FileSetInit(&name->files);
	snprintf(name->file, sizeof(name->file), "%d.%u", MyProcPid, ++counter);
	if (IsParallelWorker())
	{
		name->files.creator_pid = MyProc->lockGroupLeader->pid;
		name->files.number = NUMBER_OF_WORKERS;
		put_sign(name->files.creator_pid);
	}
	else
	{
		MemoryContext context = fcinfo->flinfo->fn_mcxt;
		own_file *own = MemoryContextAllocZero(context, sizeof(own_file));

		own->callback.func = remove_own_file;
		own->callback.arg = own;
		own->files = name->files;
		own->nbytes = nbytes;
		MemoryContextRegisterResetCallback(context, &own->callback);
	}
	spilled_bytes += nbytes;
}

/* The server's own check counts open files only. */
static void
check_file_limit(uint64 nbytes)
{
	if (temp_file_limit < 0 ||
		spilled_bytes + nbytes <= (uint64) temp_file_limit * 1024)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("temporary file size exceeds temp_file_limit (%dkB)",
					temp_file_limit),
			 errdetail("A parallel worker passes on " UINT64_FORMAT
					   " MB of training rows.",
					   nbytes >> 20)));
}

/* ---------- streams ---------- */

typedef struct spill_stream
{
	BufFile *file;
	hpc_env *env;
} spill_stream;

/*
 * Moves bytes to or from the file.  The core is on the stack: an error is
 * kept, and raised when the core has returned.
 */
static hpc_status
move_bytes(spill_stream *stream, void *bytes, size_t nbytes, bool to_file)
{
	MemoryContext before = CurrentMemoryContext;
	uint32 holdoff = InterruptHoldoffCount;
	volatile hpc_status status = HPC_CANCELLED;

	if (stream->env->check(stream->env->opaque))
		return HPC_CANCELLED;
	PG_TRY();
	{
		HOLD_INTERRUPTS();
		if (to_file)
			BufFileWrite(stream->file, bytes, nbytes);
		else if (BufFileRead(stream->file, bytes, nbytes) != nbytes)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("temporary file of a parallel worker ends too "
							"early")));
		status = HPC_OK;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		hpg_border_catch(stream->env->opaque);
	}
	PG_END_TRY();
	InterruptHoldoffCount = holdoff;
	return status;
}

static hpc_status
write_piece(void *opaque, const void *bytes, size_t nbytes)
{
	return move_bytes(opaque, unconstify(void *, bytes), nbytes, true);
}

static hpc_status
read_piece(void *opaque, void *bytes, size_t nbytes)
{
	return move_bytes(opaque, bytes, nbytes, false);
}

/* ---------- sending ---------- */

static void
send_file(FunctionCallInfo fcinfo, StringInfo message, hpc_env *env,
		  const hpc_dataset *dataset, uint64 nbytes)
{
	spill_stream stream = {NULL, env};
	spill_name name;

	check_file_limit(nbytes);
	name_file(fcinfo, &name, nbytes);
	stream.file = BufFileCreateFileSet(&name.files, name.file);
	hpg_check_status(env,
					 hpc_dataset_to_stream(dataset, write_piece, &stream));
	BufFileClose(stream.file);
	pq_sendbyte(message, STATE_FILE);
	pq_sendbytes(message, (const char *) &name, sizeof(name));
}

void
hpg_send_dataset(FunctionCallInfo fcinfo, StringInfo message, hpc_env *env,
				 const hpc_dataset *dataset)
{
	size_t nbytes = dataset != NULL ? hpc_dataset_flat_size(dataset) : 0;

	if (dataset == NULL)
		pq_sendbyte(message, STATE_EMPTY);
	else if (nbytes > (size_t) spill_threshold * 1024)
		send_file(fcinfo, message, env, dataset, nbytes);
	else
	{
		pq_sendbyte(message, STATE_INLINE);
		pq_sendint64(message, nbytes);
		enlargeStringInfo(message, (int) nbytes);
		hpc_dataset_to_flat(dataset, message->data + message->len);
		message->len += (int) nbytes;
	}
}

/* ---------- receiving ---------- */

/* Once per call site: workers' files go when the query does. */
static void
sweep_with_query(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	MemoryContextCallback *callback;

	if (fcinfo->flinfo->fn_extra != NULL)
		return;
	callback = MemoryContextAllocZero(context, sizeof(*callback));
	callback->func = sweep_after_query;
	MemoryContextRegisterResetCallback(context, callback);
	fcinfo->flinfo->fn_extra = callback;
}

static hpc_dataset *
receive_file(FunctionCallInfo fcinfo, StringInfo message, hpc_env *env)
{
	spill_stream stream = {NULL, env};
	spill_name name;
	hpc_dataset *dataset;

	pq_copymsgbytes(message, (char *) &name, sizeof(name));
	sweep_with_query(fcinfo);
	stream.file = BufFileOpenFileSet(&name.files, name.file, O_RDONLY, false);
	hpg_check_status(env, hpc_dataset_from_stream(env, read_piece, &stream,
												  &dataset));
	BufFileClose(stream.file);
	return dataset;
}

hpc_dataset *
hpg_receive_dataset(FunctionCallInfo fcinfo, StringInfo message, hpc_env *env)
{
	hpc_dataset *dataset = NULL;
	size_t nbytes;

	switch (pq_getmsgbyte(message))
	{
		case STATE_EMPTY:
			break;
		case STATE_INLINE:
			nbytes = (size_t) pq_getmsgint64(message);
			hpg_check_status(env,
							 hpc_dataset_from_flat(
								 env, pq_getmsgbytes(message, (int) nbytes),
								 nbytes, &dataset));
			break;
		case STATE_FILE:
			dataset = receive_file(fcinfo, message, env);
			break;
		default:
			elog(ERROR, "invalid partial training state");
	}
	return dataset;
}
