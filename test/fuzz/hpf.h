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

#endif /* HPF_H */
