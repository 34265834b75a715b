/*
 * hpf.h
 *		Fuzz targets: what they do with bytes of any origin.
 *
 * A target ends the program (abort) when a promise of the core is broken, and
 * otherwise answers 0.  tools/fuzz.sh feeds them by libFuzzer, test_corpus by
 * the files in corpus/.
 */
#ifndef HPF_H
#define HPF_H

#include <stddef.h>
#include <stdint.h>

typedef int (*hpf_target)(const uint8_t *bytes, size_t nbytes);

/* A model: validated as it is, then with header and digest put right. */
extern int hpf_model(const uint8_t *bytes, size_t nbytes);

/* Flat rows: read, merged, trained on. */
extern int hpf_dataset(const uint8_t *bytes, size_t nbytes);

/* ---------- the layout of a model (hpf_layout.c) ---------- */

/*
 * Puts magic, version, size and digest of a model right that fills nbytes
 * bytes, aligned to 8, and before them those of what can be taken for the
 * members of a blend.
 */
extern void hpf_seal(void *bytes, size_t nbytes);

/* Gives a valid model another seed, and its digest. */
extern void hpf_reseed(void *bytes);

/* libFuzzer's own change of some bytes, of which there may be max then. */
typedef size_t hpf_change(uint8_t *bytes, size_t nbytes, size_t max);

/* Changes a model: a field, an element, a section; most are sealed again. */
extern size_t hpf_mutate_model(uint8_t *bytes, size_t nbytes, size_t max,
							   unsigned seed, hpf_change *change);

#endif /* HPF_H */
