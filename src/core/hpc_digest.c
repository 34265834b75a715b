/*
 * hpc_digest.c
 *		Hashes of values and rows, digests of row sets and of bytes.
 *
 * Three strengths for three uses:
 *
 *	SHA-256, cut to 128 bits, names models and tables: whoever trusts a
 *	digest must be able to trust that nobody made a second thing with it.
 *
 *	SipHash-2-4-128 turns one value into 128 bits under the key of its column.
 *	The key holds name and kind, so equal values of different columns, or of
 *	different kinds, have unrelated hashes.
 *
 *	A keyless permutation folds the hashes of the values of a row into one.
 *
 * A table is a multiset of rows, so its digest adds the row hashes modulo
 * 2^64 in two lanes, with a count: any order and any grouping of the rows
 * gives the same sums.
 *
 * All words are read and written low byte first by shifts, so results do not
 * depend on the byte order of the machine.  Cost: about 12 rounds of SipHash
 * for a number, 2 rounds more for each further 8 bytes of text.
 *
 * Literature: FIPS 180-4 (2015); Aumasson, Bernstein, "SipHash: a fast
 * short-input PRF" (2012); Steele, Lea, Flood, "Fast splittable pseudorandom
 * number generators" (2014); Luby, Rackoff, "How to construct pseudorandom
 * permutations from pseudorandom functions" (1988).
 */
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "hashes and models are little-endian"
#endif

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HAVE_SHA_INSTRUCTIONS
#endif

#include "hpc.h"

/* ---------- words ---------- */

static inline uint32_t
rotate_right32(uint32_t x, int bits)
{
	return (x >> bits) | (x << (32 - bits));
}

static inline uint64_t
rotate_left64(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* Reads 8 bytes, low byte first: the order of this machine. */
static inline uint64_t
load64(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Writes 8 bytes, low byte first. */
static inline void
store64(uint8_t *bytes, uint64_t word)
{
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (word >> (8 * i));
}

/* SHA-256 is defined with the high byte first. */
static inline uint32_t
load32_high_first(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
		   (uint32_t) bytes[2] << 8 | (uint32_t) bytes[3];
}

static inline void
store32_high_first(uint8_t *bytes, uint32_t word)
{
	bytes[0] = (uint8_t) (word >> 24);
	bytes[1] = (uint8_t) (word >> 16);
	bytes[2] = (uint8_t) (word >> 8);
	bytes[3] = (uint8_t) word;
}

/* ---------- SHA-256 ---------- */

/* First 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Fills the message schedule of one block. */
static void
sha256_schedule(uint32_t w[64], const uint8_t block[64])
{
	int t;

	for (t = 0; t < 16; t++)
		w[t] = load32_high_first(block + 4 * t);
	for (; t < 64; t++)
	{
		uint32_t s0 = rotate_right32(w[t - 15], 7) ^
					  rotate_right32(w[t - 15], 18) ^ (w[t - 15] >> 3);
		uint32_t s1 = rotate_right32(w[t - 2], 17) ^
					  rotate_right32(w[t - 2], 19) ^ (w[t - 2] >> 10);

		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
}

/*
 * One round.  The eight words of state are named by the caller, who shifts
 * the names round by round instead of the words.
 */
#define SHA256_ROUND(a, b, c, d, e, f, g, h, t)                \
	do                                                         \
	{                                                          \
		h += (rotate_right32(e, 6) ^ rotate_right32(e, 11) ^   \
			  rotate_right32(e, 25)) +                         \
			 ((e & f) ^ (~e & g)) + sha256_constant[t] + w[t]; \
		d += h;                                                \
		h += (rotate_right32(a, 2) ^ rotate_right32(a, 13) ^   \
			  rotate_right32(a, 22)) +                         \
			 ((a & b) ^ (a & c) ^ (b & c));                    \
	} while (0)

/* The compression function: folds one block into the state. */
static void
sha256_block_portable(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64];
	uint32_t a = state[0];
	uint32_t b = state[1];
	uint32_t c = state[2];
	uint32_t d = state[3];
	uint32_t e = state[4];
	uint32_t f = state[5];
	uint32_t g = state[6];
	uint32_t h = state[7];
	int t;

	sha256_schedule(w, block);
	for (t = 0; t < 64; t += 8)
	{
		SHA256_ROUND(a, b, c, d, e, f, g, h, t);
		SHA256_ROUND(h, a, b, c, d, e, f, g, t + 1);
		SHA256_ROUND(g, h, a, b, c, d, e, f, t + 2);
		SHA256_ROUND(f, g, h, a, b, c, d, e, t + 3);
		SHA256_ROUND(e, f, g, h, a, b, c, d, t + 4);
		SHA256_ROUND(d, e, f, g, h, a, b, c, t + 5);
		SHA256_ROUND(c, d, e, f, g, h, a, b, t + 6);
		SHA256_ROUND(b, c, d, e, f, g, h, a, t + 7);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

#ifdef HAVE_SHA_INSTRUCTIONS
/*
 * The same by the processor's instructions, which keep the state as the words
 * (a b e f) and (c d g h), highest first, and do two rounds at a time.
 */
__attribute__((target("sha,sse4.1,ssse3"))) static void
sha256_block_native(uint32_t state[8], const uint8_t block[64])
{
	const __m128i high_first =
		_mm_set_epi64x(INT64_C(0x0c0d0e0f08090a0b), 0x0405060700010203);
	__m128i dcba = _mm_loadu_si128((const __m128i *) state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *) (state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
	const __m128i abef_before = abef;
	const __m128i cdgh_before = cdgh;
	__m128i w[4]; /* the last 16 words of the schedule, as a ring */
	int i;

	for (i = 0; i < 16; i++)
	{
		__m128i *now = &w[i & 3];
		__m128i sum;

		if (i < 4)
			*now =
				_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) block + i),
								 high_first);
		else
			*now = _mm_sha256msg2_epu32(
				_mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) & 3]),
							  _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3],
											  4)),
				w[(i + 3) & 3]);
		sum = _mm_add_epi32(*now,
							_mm_loadu_si128(
								(const __m128i *) (sha256_constant + 4 * i)));
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
	}
	abef = _mm_add_epi32(abef, abef_before);
	cdgh = _mm_add_epi32(cdgh, cdgh_before);
	dcba = _mm_shuffle_epi32(abef, 0x1b); /* f e b a, lowest first a b e f */
	hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *) state, _mm_blend_epi16(dcba, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *) (state + 4), _mm_alignr_epi8(hgfe, dcba, 8));
}

static bool
has_sha_instructions(void)
{
	unsigned eax;
	unsigned ebx;
	unsigned ecx;
	unsigned edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
		   (ebx >> 29 & 1) && __builtin_cpu_supports("sse4.1");
}
#endif

static void
sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t nblocks)
{
#ifdef HAVE_SHA_INSTRUCTIONS
	if (has_sha_instructions())
	{
		for (; nblocks > 0; nblocks--, blocks += 64)
			sha256_block_native(state, blocks);
	}
#endif
	for (; nblocks > 0; nblocks--, blocks += 64)
		sha256_block_portable(state, blocks);
}

void
hpc_sha256_begin(hpc_sha256 *sha)
{
	/* fractions of the square roots of the first 8 primes */
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memset(sha, 0, sizeof(*sha));
	memcpy(sha->state, start, sizeof(start));
}

void
hpc_sha256_add(hpc_sha256 *sha, const void *bytes, size_t nbytes)
{
	const uint8_t *next = bytes;
	size_t held = sha->nbytes % 64;

	sha->nbytes += nbytes;
	if (held > 0)
	{
		size_t take = nbytes < 64 - held ? nbytes : 64 - held;

		memcpy(sha->block + held, next, take);
		next += take;
		nbytes -= take;
		if (held + take < 64)
			return;
		sha256_blocks(sha->state, sha->block, 1);
	}
	sha256_blocks(sha->state, next, nbytes / 64);
	memcpy(sha->block, next + nbytes / 64 * 64, nbytes % 64);
}

/* All 256 bits.  The state is used up. */
void
hpc_sha256_full(hpc_sha256 *sha, uint8_t digest[32])
{
	uint64_t nbits = sha->nbytes * 8;
	size_t held = sha->nbytes % 64;
	int i;

	sha->block[held++] = 0x80;
	if (held > 56)
	{
		memset(sha->block + held, 0, 64 - held);
		sha256_blocks(sha->state, sha->block, 1);
		held = 0;
	}
	memset(sha->block + held, 0, 56 - held);
	store32_high_first(sha->block + 56, (uint32_t) (nbits >> 32));
	store32_high_first(sha->block + 60, (uint32_t) nbits);
	sha256_blocks(sha->state, sha->block, 1);
	for (i = 0; i < 8; i++)
		store32_high_first(digest + 4 * i, sha->state[i]);
}

/* The first 128 bits, our digest.  The state is used up. */
hpc_digest
hpc_sha256_end(hpc_sha256 *sha)
{
	uint8_t full[32];
	hpc_digest digest;

	hpc_sha256_full(sha, full);
	memcpy(digest.byte, full, HPC_DIGEST_SIZE);
	return digest;
}

void
hpc_digest_to_hex(const hpc_digest *digest, char hex[33])
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 0; i < HPC_DIGEST_SIZE; i++)
	{
		hex[2 * i] = digits[digest->byte[i] >> 4];
		hex[2 * i + 1] = digits[digest->byte[i] & 15];
	}
	hex[32] = '\0';
}

/* ---------- SipHash-2-4-128 ---------- */

typedef struct sip_state
{
	uint64_t v0;
	uint64_t v1;
	uint64_t v2;
	uint64_t v3;
} sip_state;

static inline void
sip_round(sip_state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left64(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left64(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left64(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left64(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left64(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left64(s->v2, 32);
}

static inline sip_state
sip_begin(hpc_hash key)
{
	sip_state s;

	s.v0 = key.low ^ UINT64_C(0x736f6d6570736575);
	s.v1 = key.high ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
	s.v2 = key.low ^ UINT64_C(0x6c7967656e657261);
	s.v3 = key.high ^ UINT64_C(0x7465646279746573);
	return s;
}

static inline void
sip_word(sip_state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

static inline hpc_hash
sip_end(sip_state *s)
{
	hpc_hash hash;
	int i;

	s->v2 ^= 0xee;
	for (i = 0; i < 4; i++)
		sip_round(s);
	hash.low = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
	s->v1 ^= 0xdd;
	for (i = 0; i < 4; i++)
		sip_round(s);
	hash.high = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
	return hash;
}

hpc_hash
hpc_hash_bytes(hpc_hash key, const void *bytes, size_t nbytes)
{
	const uint8_t *next = bytes;
	sip_state s = sip_begin(key);
	uint64_t last = (uint64_t) (nbytes & 0xff) << 56;
	size_t left;
	size_t i;

	for (left = nbytes; left >= 8; left -= 8, next += 8)
		sip_word(&s, load64(next));
	for (i = 0; i < left; i++)
		last |= (uint64_t) next[i] << (8 * i);
	sip_word(&s, last);
	return sip_end(&s);
}

/* hpc_hash_bytes of the 8 bytes of a word, without the bytes. */
static inline hpc_hash
hash_word(hpc_hash key, uint64_t word)
{
	sip_state s = sip_begin(key);

	sip_word(&s, word);
	sip_word(&s, UINT64_C(8) << 56);
	return sip_end(&s);
}

/* hpc_hash_bytes of no bytes. */
static inline hpc_hash
hash_nothing(hpc_hash key)
{
	sip_state s = sip_begin(key);

	sip_word(&s, 0);
	return sip_end(&s);
}

/* ---------- values and rows ---------- */

hpc_hash
hpc_column_key(const char *name, hpc_kind kind)
{
	hpc_hash key;

	key.low = HPC_TAG_CONTENT;
	key.high = (uint64_t) kind;
	return hpc_hash_bytes(key, name, strlen(name));
}

/* The bits of a number, equal for numbers that count as equal. */
static inline uint64_t
canonical_bits(double number)
{
	uint64_t bits;

	if (number == 0)
		return 0;
	if (number != number)
		return UINT64_C(0x7ff8000000000000);
	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

hpc_hash
hpc_value_hash(hpc_hash column_key, hpc_kind kind, const hpc_value *value)
{
	if (value->missing)
	{
		/* no bytes under a key of its own: not the empty text */
		column_key.low = ~column_key.low;
		return hash_nothing(column_key);
	}
	if (kind == HPC_CATEGORY)
		return hpc_hash_bytes(column_key, value->bytes, value->nbytes);
	return hash_word(column_key, canonical_bits(value->number));
}

/*
 * A permutation of the row's state for each value and of the value for each
 * state, so nothing is lost.  The lanes cross and are multiplied before the
 * value goes in, or two columns could change places; three Feistel rounds
 * then spread every bit over both lanes.
 */
hpc_hash
hpc_hash_combine(hpc_hash row, hpc_hash value)
{
	uint64_t low = (row.high + 1) * UINT64_C(0x9e3779b97f4a7c15) + value.low;
	uint64_t high = row.low * UINT64_C(0xd1342543de82ef95) + value.high;
	hpc_hash combined;

	high += hpc_mix(low);
	low += hpc_mix(high);
	high += hpc_mix(low);
	combined.low = low;
	combined.high = high;
	return combined;
}

hpc_hash
hpc_hash_weight(hpc_hash row, double weight)
{
	hpc_value value = {.number = weight};

	if (weight == 1)
		return row;
	return hpc_hash_combine(row, hpc_value_hash(hpc_column_key("weight",
															   HPC_NUMBER),
												HPC_NUMBER, &value));
}

/* ---------- sets of rows ---------- */

void
hpc_set_digest_add(hpc_set_digest *set, hpc_hash row)
{
	set->nrows++;
	set->low += row.low;
	set->high += row.high;
}

void
hpc_set_digest_merge(hpc_set_digest *set, const hpc_set_digest *other)
{
	set->nrows += other->nrows;
	set->low += other->low;
	set->high += other->high;
}

hpc_digest
hpc_set_digest_end(const hpc_set_digest *set)
{
	uint8_t bytes[24];
	hpc_sha256 sha;

	store64(bytes, set->nrows);
	store64(bytes + 8, set->low);
	store64(bytes + 16, set->high);
	hpc_sha256_begin(&sha);
	hpc_sha256_add(&sha, bytes, sizeof(bytes));
	return hpc_sha256_end(&sha);
}
