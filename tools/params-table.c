/*
 * params-table.c
 *		Prints the parameters of an algorithm as the rows of the table in
 *		docs/reference/params.md, from the core's table of parameters.
 *
 *		cc -I src/core tools/params-table.c src/core/hpc_params.c -lm
 *		./a.out forest
 */
#include <stdio.h>

#include "hpc.h"

static void
print_takes(const hpc_parameter *which)
{
	switch (which->type)
	{
		case HPC_INTEGER:
			printf("an integer from %.0f to %.0f", which->min, which->max);
			break;
		case HPC_REAL:
			printf("a number from %g to %g", which->min, which->max);
			break;
		case HPC_BOOL:
			printf("true or false");
			break;
		case HPC_CHOICE:
			printf("'%s' or '%s'", which->choices[0], which->choices[1]);
			break;
		case HPC_NAMES:
			printf("a list of column names");
			break;
		case HPC_OBJECT:
			printf("a fill as hp_clean takes it");
			break;
	}
}

static void
print_default(const hpc_parameter *which)
{
	if (which->unset != NULL)
		printf("%s", which->unset);
	else if (which->type == HPC_BOOL)
		printf("%s", which->fallback != 0 ? "true" : "false");
	else if (which->type == HPC_CHOICE)
		printf("'%s'", which->choices[(int) which->fallback]);
	else
		printf("%.10g", which->fallback);
}

int
main(int argc, char **argv)
{
	hpc_algorithm algorithm =
		argc == 2 ? hpc_algorithm_by_name(argv[1]) : (hpc_algorithm) 0;
	int nparameters;
	const hpc_parameter *table = hpc_parameter_table(&nparameters);

	if (algorithm == 0)
	{
		fprintf(stderr, "usage: %s ALGORITHM\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < nparameters; i++)
	{
		if ((table[i].algorithms & 1u << algorithm) == 0)
			continue;
		printf("| `%s` | ", table[i].name);
		print_takes(&table[i]);
		printf(" | ");
		print_default(&table[i]);
		printf(" | %s |\n", table[i].help);
	}
	return 0;
}
