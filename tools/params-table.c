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
print_default(const hpc_parameter *which)
{
	if (which->unset != NULL)
		printf("%s", which->unset);
	else if (which->type == HPC_BOOL || which->type == HPC_SWITCH)
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
	char takes[256];
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
		hpc_parameter_takes(&table[i], takes, sizeof(takes));
		printf("| `%s` | %s | ", table[i].name, takes);
		print_default(&table[i]);
		printf(" | %s |\n", table[i].help);
	}
	return 0;
}
