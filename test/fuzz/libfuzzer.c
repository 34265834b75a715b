/*
 * libfuzzer.c
 *		The entry that libFuzzer looks for; HPF_TARGET is what it feeds.
 */
#include "hpf.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	return HPF_TARGET(bytes, nbytes);
}
