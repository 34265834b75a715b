/*
 * test_coder.c
 *		Codes of a row by buckets and hash tables: those of a count.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_coder.h"
#include "hpt.h"

/* A model of one feature, as far as coding goes. */
typedef struct subject
{
	hpt_memory memory;
	hpc_model_view view;
	hpc_feature_record feature;
	hpc_coder *coder;
} subject;

static void
subject_init(subject *s, hpc_kind kind)
{
	memset(s, 0, sizeof(*s));
	hpt_memory_init(&s->memory, 1);
	s->feature.kind = kind;
	s->feature.nsplits = 1;
	s->view.features = &s->feature;
	s->view.nfeatures = 1;
}

static void
subject_free(subject *s)
{
	hpc_coder_free(&s->memory.env, s->coder);
	if (s->memory.nblocks != 0)
		abort();
}

/* A coder that cannot be made is none, and the tests below say so. */
static void
make_coder(subject *s)
{
	if (hpc_coder_create(&s->memory.env, &s->view, &s->coder) != HPC_OK)
		abort();
}

static uint32_t
code(const subject *s, const hpc_coder *coder, const hpc_value *value)
{
	uint32_t found;

	hpc_code_row(&s->view, coder, value, &found);
	return found;
}

/* ---------- numbers ---------- */

static bool
right_number(const subject *s, double x)
{
	hpc_value value = {.number = x};
	uint32_t expected = 0;

	while (expected < s->feature.nthresholds &&
		   s->view.thresholds[expected] < x)
		expected++;
	return code(s, s->coder, &value) == expected &&
		   code(s, NULL, &value) == expected;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* n thresholds, of which equal ones are dropped. */
static void
check_numbers(const char *what, double *thresholds, uint32_t n)
{
	static const double points[] = {0,        -0.0,    1,        -1,
									DBL_MIN,  5e-324,  -5e-324,  DBL_MAX,
									-DBL_MAX, 1e300,   INFINITY, -INFINITY,
									1e-300,   1234.56, 1e17};
	subject s;
	uint32_t ndistinct = 0;
	int nwrong = 0;

	qsort(thresholds, n, sizeof(double), compare_doubles);
	for (uint32_t i = 0; i < n; i++)
	{
		if (i == 0 || thresholds[i] > thresholds[ndistinct - 1])
			thresholds[ndistinct++] = thresholds[i];
	}
	subject_init(&s, HPC_NUMBER);
	s.view.thresholds = thresholds;
	s.feature.nthresholds = ndistinct;
	make_coder(&s);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		nwrong += !right_number(&s, points[i]);
	for (uint32_t i = 0; i < ndistinct; i += ndistinct / 300 + 1)
	{
		nwrong += !right_number(&s, thresholds[i]);
		nwrong += !right_number(&s, nextafter(thresholds[i], INFINITY));
		nwrong += !right_number(&s, nextafter(thresholds[i], -INFINITY));
	}
	hpt_ok(s.coder != NULL && nwrong == 0, "numbers: %s", what);
	subject_free(&s);
}

#define MAX_THRESHOLDS 100000

static void
check_all_numbers(void)
{
	double *t = malloc(MAX_THRESHOLDS * sizeof(double));
	hpt_random random = {31};

	for (int i = 0; i < 254; i++)
		t[i] = 1872.5 + i;
	check_numbers("years", t, 254);
	for (int i = 0; i < 3000; i++)
		t[i] = hpt_random_double(&random, -20, 20);
	check_numbers("of very different sizes", t, 3000);
	for (int i = 0; i < 500; i++)
		t[i] = hpt_random_double(&random, -1074, 1023);
	check_numbers("of all sizes", t, 500);
	for (int i = 0; i < MAX_THRESHOLDS; i++)
		t[i] = hpt_random_normal(&random);
	check_numbers("a hundred thousand", t, MAX_THRESHOLDS);
	t[0] = 17;
	check_numbers("one", t, 1);
	t[0] = -DBL_MAX;
	t[1] = DBL_MAX;
	check_numbers("the two farthest", t, 2);
	for (int i = 0; i < 40; i++)
		t[i] = 5e-324 * i;
	check_numbers("the closest", t, 40);
	for (int i = 0; i < 40; i++)
		t[i] = i == 0 ? 1e16 : nextafter(t[i - 1], INFINITY);
	check_numbers("neighbours", t, 40);
	free(t);
}

/* ---------- categories ---------- */

typedef void (*naming)(char *text, uint32_t i);

static void
name_street(char *text, uint32_t i)
{
	sprintf(text, "Street %u", i);
}

static void
name_long(char *text, uint32_t i)
{
	sprintf(text, "a long way to say that this is %u, and no other one", i);
}

/* Lengths 0, 1, 2 ... of one letter. */
static void
name_length(char *text, uint32_t i)
{
	memset(text, 'x', i);
	text[i] = '\0';
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Every other name is a category; codes are as without a table. */
static void
check_categories(const char *what, naming name, uint32_t n)
{
	char(*names)[80] = calloc(2 * (size_t) n, 80);
	hpc_string *strings = calloc(n, sizeof(hpc_string));
	subject s;
	int nwrong = 0;

	for (uint32_t i = 0; i < 2 * n; i++)
		name(names[i], i);
	qsort(names, 2 * (size_t) n, 80, compare_names);
	for (uint32_t i = 0; i < n; i++)
	{
		strings[i].offset = 80 * 2 * i;
		strings[i].nbytes = (uint32_t) strlen(names[2 * i]);
	}
	subject_init(&s, HPC_CATEGORY);
	s.view.strings = names[0];
	s.view.categories = strings;
	s.feature.ncategories = n;
	make_coder(&s);
	for (uint32_t i = 0; i < 2 * n; i++)
	{
		hpc_value value = {.bytes = names[i],
						   .nbytes = (uint32_t) strlen(names[i])};
		uint32_t expected = i % 2 == 0 ? i / 2 : HPC_NO_CODE;

		nwrong += code(&s, s.coder, &value) != expected;
		nwrong += code(&s, NULL, &value) != expected;
	}
	hpt_ok(s.coder != NULL && nwrong == 0, "categories: %s", what);
	subject_free(&s);
	free(strings);
	free(names);
}

static void
check_nothing(void)
{
	hpc_value number = {.number = NAN};
	hpc_value missing = {.missing = true};
	hpc_value text = {.bytes = "", .nbytes = 0};
	double threshold = 5;
	subject s;

	subject_init(&s, HPC_NUMBER);
	s.view.thresholds = &threshold;
	s.feature.nthresholds = 1;
	make_coder(&s);
	hpt_ok(code(&s, s.coder, &number) == HPC_NO_CODE &&
			   code(&s, s.coder, &missing) == HPC_NO_CODE,
		   "NaN and a missing number have no code");
	s.feature.nsplits = 0;
	number.number = 1;
	hpt_ok(code(&s, s.coder, &number) == HPC_NO_CODE,
		   "nor has what no tree asks for");
	subject_free(&s);
	subject_init(&s, HPC_CATEGORY);
	make_coder(&s);
	hpt_ok(code(&s, s.coder, &text) == HPC_NO_CODE,
		   "nor a category where there is none");
	subject_free(&s);
}

int
main(void)
{
	check_all_numbers();
	check_categories("streets", name_street, 900);
	check_categories("so many that places are taken", name_street, 32768);
	check_categories("of one length", name_long, 300);
	check_categories("of every length", name_length, 39);
	check_nothing();
	return hpt_done();
}
