/* strings.h: many strings in one allocation. */
#ifndef TRN_BASE_STRINGS_H
#define TRN_BASE_STRINGS_H

#include "base/status.h"

#include <stdint.h>

/* *strings = a copy of the `count` strings in text[bytes], which follow each other and are each
 * ended by NUL: pointers and text in one allocation, to be freed with trn_free. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_strings_make(int64_t count, const char *text, int64_t bytes, char ***strings);

#endif
