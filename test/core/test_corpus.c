/*
 * test_corpus.c
 *		Feeds the kept inputs of the fuzzers to their targets, without a
 *		fuzzer: what once went wrong, and what goes everywhere.
 *
 * The files are found from the top directory, where tests run, or under
 * $HPF_CORPUS.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt.h"
#include "../fuzz/hpf.h"

/* Feeds one file.  False: it could not be read. */
static bool
replay_file(const char *path, hpf_target target)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t nbytes = 0;
	bool passed = false;

	if (file == NULL)
		return false;
	if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0)
	{
		nbytes = (size_t) ftell(file);
		rewind(file);
		bytes = malloc(nbytes + 1);
		passed = bytes != NULL && fread(bytes, 1, nbytes, file) == nbytes;
	}
	fclose(file);
	if (passed)
	{
		printf("# %s\n", path);
		fflush(stdout); /* the last one named is the one that crashed */
		target(bytes, nbytes);
	}
	free(bytes);
	return passed;
}

static void
replay(const char *name, hpf_target target)
{
	const char *top = getenv("HPF_CORPUS");
	char directory[3000];
	DIR *entries;
	struct dirent *entry;
	int nreplayed = 0;
	int nwrong = 0;

	snprintf(directory, sizeof(directory), "%s/%s",
			 top != NULL ? top : "test/fuzz/corpus", name);
	entries = opendir(directory);
	while (entries != NULL && (entry = readdir(entries)) != NULL)
	{
		char path[4000];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		nwrong += !replay_file(path, target);
		nreplayed++;
	}
	if (entries != NULL)
		closedir(entries);
	hpt_ok(nwrong == 0 && nreplayed > 0, "%s: %d inputs", name, nreplayed);
}

/* Inputs that need no file. */
static void
check_nothing(void)
{
	static const uint8_t zeros[256];

	for (size_t n = 0; n <= sizeof(zeros); n++)
	{
		hpf_model(zeros, n);
		hpf_dataset(zeros, n);
	}
	hpf_model(NULL, 0);
	hpf_dataset(NULL, 0);
	hpt_ok(true, "nothing, and zeros");
}

int
main(void)
{
	check_nothing();
	replay("model", hpf_model);
	replay("dataset", hpf_dataset);
	return hpt_done();
}
