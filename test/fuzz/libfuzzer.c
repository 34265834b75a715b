/*
 * libfuzzer.c
 *		The entries that libFuzzer looks for: HPF_TARGET is what it feeds,
 *		HPF_MUTATOR, where there is one, what makes an input of another.
 */
#include "hpf.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	return HPF_TARGET(bytes, nbytes);
}

#ifdef HPF_MUTATOR
extern size_t LLVMFuzzerMutate(uint8_t *bytes, size_t nbytes, size_t max);
extern size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes,
									  size_t max, unsigned seed);

size_t
LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max,
						unsigned seed)
{
	return HPF_MUTATOR(bytes, nbytes, max, seed, LLVMFuzzerMutate);
}
#endif
