/* print.h: numbers into text, so that every one of them comes back. */
#ifndef TRN_TEXT_PRINT_H
#define TRN_TEXT_PRINT_H

#include "base/dtype.h"

#include <stdint.h>

enum { TRN_PRINT_BYTES = 32 /* room that a number needs; the longest has 24 signs and its NUL */ };

/* Write the number at `number`, of a whole type (not bool) as it is, float64 as %.17g, float32 as
 * %.9g. Returns the end, where no NUL need stand. Local. */
char *trn_print_number(char *to, trn_dtype_t type, const void *number);

/* A whole number that is not negative. Returns the end. Local. */
char *trn_print_whole(char *to, uint64_t value);

#endif
