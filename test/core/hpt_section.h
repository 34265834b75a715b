/*
 * hpt_section.h
 *		Models with one optional section more, less, or another.
 */
#ifndef HPT_SECTION_H
#define HPT_SECTION_H

#include "hpc_model.h"

/*
 * A copy, malloc'd and sealed, in which the section of a kind has this content
 * (NULL: there is none).
 */
extern hpc_model *
hpt_with_section(const hpc_model *model, uint32_t kind, const void *content,
				 size_t size, size_t *nbytes);

/* The same without all that a blend has for its members. */
extern hpc_model *hpt_bare(const hpc_model *model, size_t *nbytes);

/*
 * What 0.1.0 would have written: without the sections that came later, in the
 * members too.
 */
extern hpc_model *hpt_as_before(const hpc_model *model, size_t *nbytes);

/* Content and size of a section of the model; NULL: it has none. */
extern const void *
hpt_section(const hpc_model *model, uint32_t kind, size_t *size);

/*
 * Reads all that optional sections have to tell; ends the program where a
 * value has no group.  Answers a sum of everything, of no meaning.
 */
extern uint64_t hpt_read_sections(const hpc_model *model);

#endif /* HPT_SECTION_H */
