/* finite.c: a number is not finite if all bits of its exponent are set. Looked at as whole numbers,
 * a stretch is judged without a branch for each number; only one that holds such a number is gone
 * through again. */
#include "kern/dense/finite.h"

#include <string.h>

enum { STRETCH = 256 /* numbers judged together */ };

/* One function for each width: `bits_t` is a whole number as wide as the numbers are. */
#define NOT_FINITE(name, real_t, bits_t, exponent)                                                 \
    int64_t name(int64_t n, const real_t *x) {                                                     \
        for (int64_t first = 0; first < n; first += STRETCH) {                                     \
            int64_t count = n - first < STRETCH ? n - first : STRETCH;                             \
            bits_t bits[STRETCH], found = 0;                                                       \
            memcpy(bits, x + first, (size_t)count * sizeof *bits);                                 \
            for (int64_t i = 0; i < count; i++)                                                    \
                found |= (bits[i] & (exponent)) == (exponent);                                     \
            for (int64_t i = 0; found && i < count; i++)                                           \
                if ((bits[i] & (exponent)) == (exponent)) return first + i;                        \
        }                                                                                          \
        return -1;                                                                                 \
    }
NOT_FINITE(trn_not_finite_f32, float, uint32_t, 0x7f800000u)
NOT_FINITE(trn_not_finite_f64, double, uint64_t, 0x7ff0000000000000u)
