/*
 * hpc_cpu.h
 *		What the processor at hand can do.
 */
#ifndef HPC_CPU_H
#define HPC_CPU_H

#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>

/* Of functions that use them. */
#define HPC_WIDE_TARGET __attribute__((target("avx2")))
#endif

/* Does it have registers of 32 bytes, with all that AVX2 does with them? */
static inline bool
hpc_has_wide_registers(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

#endif /* HPC_CPU_H */
