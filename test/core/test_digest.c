/*
 * test_digest.c
 *		Published vectors of SHA-256 and SipHash-2-4-128, and what the hashes
 *		of values, rows and sets of rows promise.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hpt.h"

/* ---------- SHA-256 ---------- */

static void
to_hex(const uint8_t *bytes, size_t nbytes, char *hex)
{
	size_t i;

	for (i = 0; i < nbytes; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
}

/* Digest of times copies of text, fed in pieces of the given size. */
static void
check_sha256(const char *text, int times, size_t piece, const char *expected,
			 const char *name)
{
	static char buffer[1000001];
	hpc_sha256 sha;
	uint8_t digest[32];
	char hex[65];
	size_t length = strlen(text) * (size_t) times;
	size_t at;
	int i;

	for (i = 0; i < times; i++)
		memcpy(buffer + strlen(text) * (size_t) i, text, strlen(text) + 1);
	hpc_sha256_begin(&sha);
	for (at = 0; at < length; at += piece)
		hpc_sha256_add(&sha, buffer + at,
					   length - at < piece ? length - at : piece);
	hpc_sha256_full(&sha, digest);
	to_hex(digest, sizeof(digest), hex);
	hpt_is_string(hex, expected, name);
}

static void
check_sha256_vectors(void)
{
	static const char million[] =
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	static const char two_blocks[] =
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";

	check_sha256("", 1, 1,
				 "e3b0c44298fc1c149afbf4c8996fb924"
				 "27ae41e4649b934ca495991b7852b855",
				 "SHA-256 of nothing");
	check_sha256("abc", 1, 3,
				 "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad",
				 "SHA-256 of abc");
	check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
				 56, two_blocks, "SHA-256 of 56 bytes");
	check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
				 1, two_blocks, "SHA-256 of 56 bytes, one by one");
	check_sha256("a", 1000000, 1000000, million, "SHA-256 of a million a");
	check_sha256("a", 1000000, 63, million, "the same in pieces of 63");
	check_sha256("a", 1000000, 65, million, "the same in pieces of 65");
}

static void
check_hex(void)
{
	hpc_sha256 sha;
	hpc_digest digest;
	char hex[33];

	hpc_sha256_begin(&sha);
	hpc_sha256_add(&sha, "abc", 3);
	digest = hpc_sha256_end(&sha);
	hpc_digest_to_hex(&digest, hex);
	hpt_is_string(hex, "ba7816bf8f01cfea414140de5dae2223",
				  "a digest is the first half of SHA-256");
}

/* ---------- SipHash ---------- */

/* Hash of the bytes 0, 1, ... n - 1 under the key 0, 1, ... 15, in hex. */
static void
check_siphash(size_t n, const char *expected)
{
	hpc_hash key = {UINT64_C(0x0706050403020100),
					UINT64_C(0x0f0e0d0c0b0a0908)};
	hpc_hash hash;
	uint8_t bytes[64];
	uint8_t out[16];
	char hex[33];
	char name[40];
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = (uint8_t) i;
	hash = hpc_hash_bytes(key, bytes, n);
	for (i = 0; i < 8; i++)
	{
		out[i] = (uint8_t) (hash.low >> (8 * i));
		out[i + 8] = (uint8_t) (hash.high >> (8 * i));
	}
	to_hex(out, sizeof(out), hex);
	sprintf(name, "SipHash-2-4-128 of %d bytes", (int) n);
	hpt_is_string(hex, expected, name);
}

/* Vectors of the authors' reference implementation. */
static void
check_siphash_vectors(void)
{
	check_siphash(0, "a3817f04ba25a8e66df67214c7550293");
	check_siphash(1, "da87c1d86b99af44347659119b22fc45");
	check_siphash(7, "a1f1ebbed8dbc153c0b84aa61ff08239");
	check_siphash(8, "3b62a9ba6258f5610f83e264f31497b4");
	check_siphash(15, "5493e99933b0a8117e08ec0f97cfc3d9");
	check_siphash(16, "6ee2a4ca67b054bbfd3315bf85230577");
	check_siphash(63, "5150d1772f50834a503e069a973fbd7c");
}

/* ---------- values ---------- */

static bool
same(hpc_hash a, hpc_hash b)
{
	return a.low == b.low && a.high == b.high;
}

static hpc_hash
hash_number(double number, hpc_kind kind)
{
	hpc_value value = {false, 0, NULL, 0};

	value.number = number;
	return hpc_value_hash(hpc_column_key("x", kind), kind, &value);
}

static hpc_hash
hash_text(const char *text)
{
	hpc_value value = {false, 0, NULL, 0};

	value.bytes = text;
	value.nbytes = (uint32_t) strlen(text);
	return hpc_value_hash(hpc_column_key("x", HPC_CATEGORY), HPC_CATEGORY,
						  &value);
}

static hpc_hash
hash_missing(hpc_kind kind)
{
	hpc_value value = {true, 0, NULL, 0};

	return hpc_value_hash(hpc_column_key("x", kind), kind, &value);
}

static void
check_values(void)
{
	hpc_hash key = hpc_column_key("x", HPC_NUMBER);
	static const uint8_t one[8] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f};

	hpt_ok(same(hash_number(1, HPC_NUMBER), hpc_hash_bytes(key, one, 8)),
		   "a number hashes as its 8 bytes, low byte first");
	hpt_ok(same(hash_number(0.0, HPC_NUMBER), hash_number(-0.0, HPC_NUMBER)),
		   "-0 is 0");
	hpt_ok(same(hash_number(NAN, HPC_NUMBER), hash_number(-NAN, HPC_NUMBER)),
		   "there is one NaN");
	hpt_ok(!same(hash_number(NAN, HPC_NUMBER), hash_missing(HPC_NUMBER)),
		   "NaN is not missing");
	hpt_ok(!same(hash_number(0, HPC_NUMBER), hash_missing(HPC_NUMBER)),
		   "0 is not missing");
	key = hpc_column_key("x", HPC_CATEGORY);
	key.low = ~key.low;
	hpt_ok(same(hash_missing(HPC_CATEGORY), hpc_hash_bytes(key, "", 0)),
		   "missing is no bytes under the complemented key");
	hpt_ok(!same(hash_text(""), hash_missing(HPC_CATEGORY)),
		   "the empty text is not missing");
	hpt_ok(!same(hash_number(1, HPC_NUMBER), hash_number(1, HPC_BOOLEAN)) &&
			   !same(hash_number(1, HPC_NUMBER), hash_number(1, HPC_TIME)),
		   "kinds are apart");
	hpt_ok(!same(hpc_column_key("x", HPC_NUMBER),
				 hpc_column_key("y", HPC_NUMBER)),
		   "columns are apart");
	hpt_ok(!same(hash_text("a"), hash_text("b")), "texts are apart");
	hpt_ok(!same(hash_text("a"), hash_text("a\t")), "lengths are apart");
}

/* ---------- rows ---------- */

static hpc_hash
random_hash(hpt_random *random)
{
	hpc_hash hash;

	hash.low = hpt_random_bits(random);
	hash.high = hpt_random_bits(random);
	return hash;
}

static int
count_bits(uint64_t x)
{
	int n = 0;

	for (; x != 0; x &= x - 1)
		n++;
	return n;
}

static hpc_hash
flip(hpc_hash hash, int bit)
{
	if (bit < 64)
		hash.low ^= UINT64_C(1) << bit;
	else
		hash.high ^= UINT64_C(1) << (bit - 64);
	return hash;
}

/*
 * Each bit of row and value, flipped, must flip each bit of the result half
 * of the time.
 */
static void
check_diffusion(void)
{
	static int flips[256][128];
	hpt_random random = {99};
	const int ntrials = 4000;
	int least = ntrials;
	int most = 0;
	int trial;
	int in;
	int out;

	memset(flips, 0, sizeof(flips));
	for (trial = 0; trial < ntrials; trial++)
	{
		hpc_hash row = random_hash(&random);
		hpc_hash value = random_hash(&random);
		hpc_hash base = hpc_hash_combine(row, value);

		for (in = 0; in < 256; in++)
		{
			hpc_hash other =
				in < 128 ? hpc_hash_combine(flip(row, in), value)
						 : hpc_hash_combine(row, flip(value, in - 128));

			for (out = 0; out < 128; out++)
				flips[in][out] +=
					(int) ((out < 64
								? (base.low ^ other.low) >> out
								: (base.high ^ other.high) >> (out - 64)) &
						   1);
		}
	}
	for (in = 0; in < 256; in++)
	{
		for (out = 0; out < 128; out++)
		{
			if (flips[in][out] < least)
				least = flips[in][out];
			if (flips[in][out] > most)
				most = flips[in][out];
		}
	}

	/* 32,768 counts with mean 2,000 and sd 32: within 6 sd */
	if (!hpt_ok(least > 1810 && most < 2190,
				"combine: every bit in flips every bit out half the time"))
		hpt_note("%d to %d of %d", least, most, ntrials);
}

static void
check_weight(void)
{
	hpt_random random = {6};
	hpc_hash row = random_hash(&random);
	hpc_value half = {.number = 0.5};
	hpc_hash key = hpc_column_key("weight", HPC_NUMBER);

	hpt_ok(same(hpc_hash_weight(row, 1), row), "weight: 1 is as none");
	hpt_ok(same(hpc_hash_weight(row, 0.5),
				hpc_hash_combine(row, hpc_value_hash(key, HPC_NUMBER, &half))),
		   "weight: another one is a further value");
}

static void
check_combine(void)
{
	hpt_random random = {5};
	hpc_hash zero = {0, 0};
	hpc_hash a = random_hash(&random);
	hpc_hash b = random_hash(&random);

	hpt_ok(!same(hpc_hash_combine(a, b), hpc_hash_combine(b, a)),
		   "combine: order counts");
	hpt_ok(!same(hpc_hash_combine(hpc_hash_combine(zero, a), b),
				 hpc_hash_combine(hpc_hash_combine(zero, b), a)),
		   "combine: order of columns counts");
	hpt_ok(!same(hpc_hash_combine(zero, zero), zero),
		   "combine: zero is not a fixed point");
	check_diffusion();
}

static void
check_mix(void)
{
	/* second and third output of splitmix64 seeded with 0 */
	hpt_ok(hpc_mix(UINT64_C(0x9e3779b97f4a7c15)) ==
			   UINT64_C(0xe220a8397b1dcdaf),
		   "mix: first output of splitmix64 from 0");
	hpt_ok(hpc_mix(UINT64_C(0x3c6ef372fe94f82a)) ==
			   UINT64_C(0x6e789e6aa1b965f4),
		   "mix: second output of splitmix64 from 0");
	hpt_ok(count_bits(hpc_mix(1) ^ hpc_mix(2)) > 16, "mix: spreads bits");
}

/* ---------- sets of rows ---------- */

static bool
same_digest(hpc_digest a, hpc_digest b)
{
	return memcmp(a.byte, b.byte, HPC_DIGEST_SIZE) == 0;
}

static hpc_digest
digest_of(const hpc_hash *rows, size_t n, size_t nparts)
{
	hpc_set_digest parts[7];
	hpc_set_digest all = {0, 0, 0};
	size_t i;

	memset(parts, 0, sizeof(parts));
	for (i = 0; i < n; i++)
		hpc_set_digest_add(&parts[i % nparts], rows[i]);
	for (i = 0; i < nparts; i++)
		hpc_set_digest_merge(&all, &parts[i]);
	return hpc_set_digest_end(&all);
}

static void
check_sets(void)
{
	hpt_random random = {11};
	hpc_hash rows[1000];
	hpc_digest digest;
	char hex[33];
	size_t i;

	for (i = 0; i < 1000; i++)
		rows[i] = random_hash(&random);
	digest = digest_of(rows, 1000, 1);
	hpt_shuffle(&random, rows, 1000, sizeof(rows[0]));
	hpt_ok(same_digest(digest, digest_of(rows, 1000, 1)),
		   "a set's digest does not depend on order");
	hpt_ok(same_digest(digest, digest_of(rows, 1000, 7)),
		   "nor on how its parts were merged");
	hpt_ok(!same_digest(digest, digest_of(rows, 999, 1)),
		   "a row less is another set");
	rows[1] = rows[0];
	digest = digest_of(rows, 2, 1);
	hpt_ok(!same_digest(digest, digest_of(rows, 1, 1)),
		   "a row twice is not the row once");
	digest = digest_of(rows, 0, 1);
	hpc_digest_to_hex(&digest, hex);
	hpt_is_string(hex, "9d908ecfb6b256def8b49a7c504e6c88",
				  "digest of no rows");
}

int
main(void)
{
	check_sha256_vectors();
	check_hex();
	check_siphash_vectors();
	check_values();
	check_mix();
	check_combine();
	check_weight();
	check_sets();
	return hpt_done();
}
