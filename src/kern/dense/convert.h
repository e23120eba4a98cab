/* convert.h: numbers of one type into another, and how many of them the other cannot hold. */
#ifndef TRN_KERN_DENSE_CONVERT_H
#define TRN_KERN_DENSE_CONVERT_H

#include "base/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers that did not fit, added up over conversions. Start with {0}. */
typedef struct trn_misfit {
    int64_t count;
    int64_t first; /* index of the first, as counted by the caller: see trn_convert */
    double value;  /* the first as it was, rounded to float64 */
} trn_misfit_t;

/* Numbers as they lie in memory or in a file. */
typedef struct trn_numbers {
    trn_dtype_t type;
    bool swapped;   /* bytes of a number stand the other way round; only when read */
    void *data;     /* any alignment */
    int64_t stride; /* numbers from one to the next: 1 when they touch */
} trn_numbers_t;

/* to[i] = from[i] for i < count, `from` and `to` apart in memory, of types of numbers (`to` not
 * bool). Rounds to nearest, ties to even; NaN stays NaN where the type has one. Counted in *misfit
 * as not fitting are whole numbers that a floating-point type does not hold exactly; numbers with a
 * fraction, out of range or NaN for a whole type, which gets the nearest number it has, 0 for NaN;
 * and finite numbers that become infinite. That a fraction is rounded is no misfit. The first of
 * all gets index `base` + i. Local. Cost: about a nanosecond a number; a copy if the types agree.
 */
void trn_convert(trn_numbers_t from, trn_numbers_t to, int64_t count, int64_t base,
                 trn_misfit_t *misfit);

/* Whether a float of `bits` binary digits (24: float32, 53: float64) holds the whole number of this
 * size exactly. Local. */
bool trn_holds_whole(uint64_t size, int bits);

/* The nearest float16 and bfloat16 to a float64, and back. Local. */
uint16_t trn_half_of(double value);
uint16_t trn_bfloat_of(double value);
double trn_half_to(uint16_t half);

#endif
