/* names.h: lists of names in one allocation. */
#ifndef TRN_IO_FORMATS_NAMES_H
#define TRN_IO_FORMATS_NAMES_H

#include "base/status.h"

#include <stdint.h>

/* *copy = a list of `count` names like `names`: one allocation, to be freed with trn_free. Fails
 * with TRN_MEMORY. Local. */
trn_status_t trn_names_copy(int64_t count, char *const *names, char ***copy);

/* Bytes of the names with their NULs. Local. */
int64_t trn_names_bytes(int64_t count, char *const *names);

#endif
