/*
 * hpf_server.h
 *		Fuzz targets in a backend: what they do with bytes of any origin.
 *
 * A target ends the backend (abort) when a promise is broken.
 */
#ifndef HPF_SERVER_H
#define HPF_SERVER_H

#include "../hpf.h"

typedef struct hpf_server_target
{
	const char *name;

	/* once, in a memory context that stays; or NULL */
	void (*begin)(void);

	/*
	 * For each input, in a memory context that the next one clears.  False:
	 * it says nothing, and is not worth being kept.
	 */
	bool (*use)(const uint8_t *bytes, size_t nbytes);

	/* makes an input of another; NULL: libFuzzer's own way */
	size_t (*mutate)(uint8_t *bytes, size_t nbytes, size_t max, unsigned seed,
					 hpf_change *change);
} hpf_server_target;

/* fuzz_jsonb.c; they use the row type of table fuzz_rows */
extern const hpf_server_target hpf_params;
extern const hpf_server_target hpf_fill;
extern const hpf_server_target hpf_policy;

/* fuzz_value.c; it uses table fuzz_lots */
extern const hpf_server_target hpf_value;

/*
 * Acts in a subtransaction, in the current memory context.  Answers 0, or the
 * SQLSTATE of the ERROR.  One that is internal, or tells of memory that ran
 * out, is a broken promise.
 */
extern int hpf_attempt(void (*act)(void *argument), void *argument);

#endif /* HPF_SERVER_H */
