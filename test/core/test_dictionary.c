/*
 * test_dictionary.c
 *		Dictionaries against a list that is searched from its start, and
 *		through refused allocations.
 */
#include <string.h>

#include "hpc_dictionary.h"
#include "hpt.h"

#define NWORDS 3000

/* Word i of the test: short ones repeat, bytes of any value. */
typedef struct word
{
	char bytes[24];
	uint32_t nbytes;
} word;

static void
make_words(word *words, uint64_t seed)
{
	hpt_random random = {seed};

	for (int i = 0; i < NWORDS; i++)
	{
		words[i].nbytes = (uint32_t) hpt_random_below(&random, 24);
		if (hpt_random_below(&random, 2) == 0)
			words[i].nbytes %= 3;
		for (uint32_t j = 0; j < words[i].nbytes; j++)
			words[i].bytes[j] = (char) hpt_random_bits(&random);
	}
}

static bool
same_word(const word *a, const char *bytes, uint32_t nbytes)
{
	return a->nbytes == nbytes &&
		   (nbytes == 0 || memcmp(a->bytes, bytes, nbytes) == 0);
}

/* Code of words[i] by counting the new words before it. */
static uint32_t
slow_code(const word *words, int i, uint32_t *code_of, uint32_t *ncodes)
{
	for (int j = 0; j < i; j++)
	{
		if (same_word(&words[j], words[i].bytes, words[i].nbytes))
			return code_of[i] = code_of[j];
	}
	return code_of[i] = (*ncodes)++;
}

static void
check_codes(void)
{
	static word words[NWORDS];
	static uint32_t code_of[NWORDS];
	hpc_dictionary dictionary = {0};
	hpt_memory memory;
	uint32_t ncodes = 0;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	make_words(words, 1);
	for (int i = 0; i < NWORDS; i++)
	{
		uint32_t expected = slow_code(words, i, code_of, &ncodes);
		uint32_t code;

		nwrong += hpc_dictionary_code(&memory.env, &dictionary, words[i].bytes,
									  words[i].nbytes, &code) != HPC_OK ||
				  code != expected;
	}
	hpt_ok(nwrong == 0 && dictionary.nentries == ncodes,
		   "%u codes in the order of arrival", ncodes);
	for (int i = 0; i < NWORDS; i++)
	{
		uint32_t nbytes;
		const char *bytes =
			hpc_dictionary_entry(&dictionary, code_of[i], &nbytes);

		nwrong += !same_word(&words[i], bytes, nbytes);
	}
	hpt_ok(nwrong == 0, "entries give the bytes back");
	hpc_dictionary_free(&memory.env, &dictionary);
	hpt_ok(memory.nblocks == 0 && dictionary.nentries == 0,
		   "freeing leaves an empty dictionary");
}

/* Words of one letter, of any length: each the beginning of the next. */
static void
check_beginnings(void)
{
	char bytes[NWORDS];
	hpc_dictionary dictionary = {0};
	hpt_memory memory;
	int nwrong = 0;

	memset(bytes, 'x', sizeof(bytes));
	hpt_memory_init(&memory, 1);
	for (int round = 0; round < 2; round++)
	{
		for (uint32_t i = 0; i < NWORDS; i++)
		{
			uint32_t code;

			nwrong += hpc_dictionary_code(&memory.env, &dictionary, bytes,
										  NWORDS - 1 - i, &code) != HPC_OK ||
					  code != i;
		}
	}
	hpt_ok(nwrong == 0, "beginnings of each other are different words");
	hpc_dictionary_free(&memory.env, &dictionary);
}

/* The empty string is a string, also as the first one and without bytes. */
static void
check_empty(void)
{
	hpc_dictionary dictionary = {0};
	hpt_memory memory;
	uint32_t code[4];
	uint32_t nbytes;

	hpt_memory_init(&memory, 1);
	hpc_dictionary_code(&memory.env, &dictionary, "", 0, &code[0]);
	hpc_dictionary_code(&memory.env, &dictionary, "", 0, &code[1]);
	hpc_dictionary_code(&memory.env, &dictionary, NULL, 0, &code[2]);
	hpc_dictionary_code(&memory.env, &dictionary, "\0", 1, &code[3]);
	hpc_dictionary_entry(&dictionary, 0, &nbytes);
	hpt_ok(code[0] == 0 && code[1] == 0 && code[2] == 0 && nbytes == 0,
		   "the empty string has one code");
	hpt_ok(code[3] == 1, "a zero byte is another string");
	hpc_dictionary_free(&memory.env, &dictionary);
}

/* With request number fail_at refused: earlier entries stay, a retry works. */
static bool
survives_refusal(const word *words, int64_t fail_at, bool *refused)
{
	hpc_dictionary dictionary = {0};
	hpt_memory memory;
	uint32_t code;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	memory.fail_at = fail_at;
	*refused = false;
	for (int i = 0; i < 300; i++)
	{
		hpc_status status =
			hpc_dictionary_code(&memory.env, &dictionary, words[i].bytes,
								words[i].nbytes, &code);

		*refused |= status == HPC_NO_MEMORY;
		if (status == HPC_NO_MEMORY)
			status =
				hpc_dictionary_code(&memory.env, &dictionary, words[i].bytes,
									words[i].nbytes, &code);
		nwrong += status != HPC_OK;
	}
	for (int i = 0; i < 300; i++)
	{
		uint32_t nbytes;
		const char *bytes;

		hpc_dictionary_code(&memory.env, &dictionary, words[i].bytes,
							words[i].nbytes, &code);
		bytes = hpc_dictionary_entry(&dictionary, code, &nbytes);
		nwrong += !same_word(&words[i], bytes, nbytes);
	}
	hpc_dictionary_free(&memory.env, &dictionary);
	return nwrong == 0 && memory.nblocks == 0;
}

static void
check_refusals(void)
{
	static word words[NWORDS];
	int64_t fail_at = 0;
	bool refused = true;
	bool passed = true;

	make_words(words, 2);
	while (refused)
		passed &= survives_refusal(words, ++fail_at, &refused);
	hpt_ok(passed && fail_at > 10,
		   "each of %d allocations can fail and be tried again",
		   (int) fail_at - 1);
}

static int
slow_compare(const word *a, const word *b)
{
	for (uint32_t i = 0; i < a->nbytes && i < b->nbytes; i++)
	{
		if (a->bytes[i] != b->bytes[i])
			return (uint8_t) a->bytes[i] < (uint8_t) b->bytes[i] ? -1 : 1;
	}
	return a->nbytes < b->nbytes ? -1 : a->nbytes > b->nbytes;
}

static void
check_order(void)
{
	static word words[NWORDS];
	int nwrong = 0;

	make_words(words, 3);
	for (int i = 0; i < NWORDS; i++)
	{
		const word *a = &words[i];
		const word *b = &words[(i * 7 + 1) % NWORDS];
		int order =
			hpc_compare_bytes(a->bytes, a->nbytes, b->bytes, b->nbytes);

		nwrong += (order > 0) - (order < 0) != slow_compare(a, b);
	}
	hpt_ok(nwrong == 0, "bytes are compared as unsigned, shorter first");
	hpt_ok(hpc_compare_bytes(NULL, 0, NULL, 0) == 0 &&
			   hpc_compare_bytes(NULL, 0, "a", 1) < 0,
		   "nothing comes before something");
}

int
main(void)
{
	check_codes();
	check_beginnings();
	check_empty();
	check_refusals();
	check_order();
	return hpt_done();
}
