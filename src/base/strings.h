/* strings.h: many strings in one allocation. */
#ifndef TRN_BASE_STRINGS_H
#define TRN_BASE_STRINGS_H

#include "base/status.h"

#include <stdint.h>

/* *strings = a copy of the `count` strings in text[bytes], which follow each other and are each
 * ended by NUL: pointers and text in one allocation, to be freed with trn_free. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_strings_make(int64_t count, const char *text, int64_t bytes, char ***strings);

/* *copy = a list of `count` strings like `strings`: one allocation, to be freed with trn_free.
 * Fails with TRN_MEMORY. Local. */
trn_status_t trn_strings_copy(int64_t count, char *const *strings, char ***copy);

/* Bytes of the strings with their NULs. Local. */
int64_t trn_strings_bytes(int64_t count, char *const *strings);

#endif
