/*
 * hpc_gate.h
 *		What the tests see of hpc_gate.c beyond hpc.h.
 */
#ifndef HPC_GATE_H
#define HPC_GATE_H

#include "hpc.h"

/*
 * Student's t of 95 %, one-sided: exact up to 4 degrees of freedom, then by
 * the expansion of Cornish and Fisher (Abramowitz and Stegun 1964, 26.7.5),
 * off by less than 1e-3 from 5 and less than 1e-7 from 29 on.
 */
extern double hpc_student_95(uint64_t freedom);

#endif /* HPC_GATE_H */
