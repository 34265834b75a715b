/*
 * test_golden.c
 *		Models pinned to the byte, for every compiler and machine.
 *
 * test/golden/digests.txt has a line for each: a table, an algorithm with its
 * options, and the digest of the model.  Digests change only when the format
 * or what is learned is changed on purpose; never with compiler,
 * optimisation, threads or machine.
 *
 *		test_golden                 compares
 *		test_golden --write FILE    writes the digests anew
 *
 * test/golden/digests-0.1.0.txt has the digests of 0.1.0: its models are those
 * of now without the sections that came later.  As long as an algorithm is of
 * version 1 (hpc_algorithm_version) its lines there must hold.
 *
 * A table is houses:ROWS:SEED or numbers:ROWS:SEED, followed by words that
 * change it: weights, cents, skewed.  Members of a blend stand side by side
 * with a plus between them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_section.h"
#include "hpt_table.h"

#define MAX_LINE 1000
#define MAX_LINES 200
#define MAX_SIGNS 8

/* One line of the file. */
typedef struct golden
{
	char line[MAX_LINE]; /* cut into words by the parser */
	hpt_table table;
	hpc_params params;
	hpc_params members[HPC_MAX_MEMBERS];
	int nsigns;
	hpc_monotone signs[MAX_SIGNS];
} golden;

static void
give_up(const char *what, const char *where)
{
	printf("Bail out! %s: %s\n", what, where);
	exit(1);
}

/* ---------- tables ---------- */

static void
change_table(hpt_table *table, const char *word)
{
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double *target = &table->target[row];

		if (strcmp(word, "weights") == 0)
			table->weight[row] = (double) (1 + hpc_mix(row) % 7) / 2;
		else if (strcmp(word, "cents") == 0)
			*target += (double) (hpc_mix(row) % 100) / 100;
		else if (strcmp(word, "skewed") == 0)
			*target = hpc_exp(*target * 0x1p-17) * 1000;
		else
			give_up("no such change of a table", word);
	}
}

/* kind:rows:seed[:change]... */
static void
make_table(hpt_table *table, char *words)
{
	char *rest;
	char *kind = strtok_r(words, ":", &rest);
	uint32_t nrows = (uint32_t) strtoul(strtok_r(NULL, ":", &rest), NULL, 10);
	uint64_t seed = strtoull(strtok_r(NULL, ":", &rest), NULL, 10);
	char *change;

	if (strcmp(kind, "houses") == 0)
		hpt_table_houses(table, nrows, seed);
	else if (strcmp(kind, "numbers") == 0)
		hpt_table_numbers(table, 6, nrows, nrows, seed);
	else
		give_up("no such table", kind);
	while ((change = strtok_r(NULL, ":", &rest)) != NULL)
		change_table(table, change);
}

/* ---------- options ---------- */

/* column:sign,column:sign, in order of the columns' names */
static void
read_signs(golden *g, hpc_params *params, char *words)
{
	char *rest;
	char *word = strtok_r(words, ",", &rest);

	for (; word != NULL; word = strtok_r(NULL, ",", &rest))
	{
		char *colon = strchr(word, ':');

		if (colon == NULL || g->nsigns == MAX_SIGNS)
			give_up("no signs", word);
		*colon = '\0';
		g->signs[g->nsigns++] = (hpc_monotone){word, atoi(colon + 1)};
	}
	params->monotone = g->signs;
	params->nmonotone = g->nsigns;
}

static double
value_of(const hpc_parameter *which, const char *word)
{
	char *end;
	double value = strtod(word, &end);

	for (int i = 0; which->choices != NULL && which->choices[i] != NULL; i++)
	{
		if (strcmp(which->choices[i], word) == 0)
			return i;
	}
	if (*end != '\0' || which->choices != NULL)
		give_up("no value", word);
	return value;
}

/* name=value */
static void
read_option(golden *g, hpc_params *params, char *word)
{
	char *equals = strchr(word, '=');
	const hpc_parameter *which;

	if (equals == NULL)
		give_up("no option", word);
	*equals = '\0';
	which = hpc_parameter_find(params->algorithm, word);
	if (which == NULL)
		give_up("no such option", word);
	if (which->type == HPC_SIGNS)
		read_signs(g, params, equals + 1);
	else if (which->type == HPC_SWITCH && strcmp(equals + 1, "unset") == 0)
		params->log_target = -1;
	else if (!hpc_params_set(params, which, value_of(which, equals + 1)))
		give_up("no such value", equals + 1);
}

/* algorithm option ... [+ algorithm option ...]... */
static void
read_options(golden *g, char *words)
{
	char *rest;
	char *word = strtok_r(words, " ", &rest);
	hpc_params *params = &g->params;

	for (bool begins = true; word != NULL; word = strtok_r(NULL, " ", &rest))
	{
		if (strcmp(word, "+") == 0)
		{
			begins = true;
			params = &g->members[g->params.nmembers++];
		}
		else if (begins)
		{
			if (hpc_algorithm_by_name(word) == 0)
				give_up("no such algorithm", word);
			hpc_params_init(params, hpc_algorithm_by_name(word));
			params->leak = HPC_LEAK_ALLOW;
			begins = false;
		}
		else
			read_option(g, params, word);
	}
	g->params.members = g->members;
}

/* ---------- lines ---------- */

/* table, tab, options, tab, digest; answers the digest. */
static char *
read_line(golden *g, const char *line)
{
	char *rest;
	char *table;
	char *options;
	char *digest;

	memset(g, 0, sizeof(*g));
	snprintf(g->line, sizeof(g->line), "%s", line);
	table = strtok_r(g->line, "\t\n", &rest);
	options = strtok_r(NULL, "\t\n", &rest);
	digest = strtok_r(NULL, "\t\n", &rest);
	if (digest == NULL)
		give_up("a line has three fields", line);
	make_table(&g->table, table);
	read_options(g, options);
	return digest;
}

static const char *
digest_of(const golden *g, int nthreads, bool before)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model =
		hpt_table_model(&memory, &g->table, &g->params, nthreads, &nbytes);
	const char *digest = hpt_digest(model);

	if (before)
	{
		hpc_model *bare = hpt_as_before(model, &nbytes);

		digest = hpt_digest(bare);
		free(bare);
	}
	hpt_release(&memory.env, model);
	return digest;
}

/* A line of 0.1.0: one thread is enough, the other file has two. */
static void
check_line_before(const char *line)
{
	static golden g;
	const char *expected = read_line(&g, line);

	hpt_ok(strcmp(digest_of(&g, 1, true), expected) == 0, "0.1.0: %.*s",
		   (int) (strrchr(line, '\t') - line), line);
	hpt_table_free(&g.table);
}

static void
check_line(const char *line)
{
	static golden g;
	const char *expected = read_line(&g, line);
	int length = (int) (strrchr(line, '\t') - line);

	for (int nthreads = 1; nthreads <= 2; nthreads++)
	{
		const char *found = digest_of(&g, nthreads, false);

		if (!hpt_ok(strcmp(found, expected) == 0, "%.*s, %d threads", length,
					line, nthreads))
			hpt_note("got %s, expected %s", found, expected);
	}
	hpt_table_free(&g.table);
}

static char lines[MAX_LINES][MAX_LINE];

static int
read_file(const char *name)
{
	FILE *file = fopen(name, "r");
	int n = 0;

	if (file == NULL)
		give_up("could not open", name);
	while (n < MAX_LINES && fgets(lines[n], MAX_LINE, file) != NULL)
		n++;
	fclose(file);
	return n;
}

static bool
is_comment(const char *line)
{
	return line[0] == '#' || line[0] == '\n';
}

/* Digests first, so that a line that cannot be read spoils nothing. */
static int
write_file(const char *name)
{
	static char digests[MAX_LINES][33];
	int n = read_file(name);
	FILE *file;

	for (int i = 0; i < n; i++)
	{
		static golden g;

		if (is_comment(lines[i]))
			continue;
		read_line(&g, lines[i]);
		strcpy(digests[i], digest_of(&g, 1, false));
		hpt_table_free(&g.table);
	}
	file = fopen(name, "w");
	if (file == NULL)
		give_up("could not write", name);
	for (int i = 0; i < n; i++)
	{
		if (is_comment(lines[i]))
			fputs(lines[i], file);
		else
			fprintf(file, "%.*s\t%s\n",
					(int) (strrchr(lines[i], '\t') - lines[i]), lines[i],
					digests[i]);
	}
	return fclose(file) != 0;
}

int
main(int argc, char **argv)
{
	int n;

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_file(argv[2]);
	n = read_file("test/golden/digests.txt");
	for (int i = 0; i < n; i++)
	{
		if (!is_comment(lines[i]))
			check_line(lines[i]);
	}
	n = read_file("test/golden/digests-0.1.0.txt");
	for (int i = 0; i < n; i++)
	{
		if (!is_comment(lines[i]))
			check_line_before(lines[i]);
	}
	return hpt_done();
}
