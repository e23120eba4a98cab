/* finite.c: a number is not finite if all bits of its exponent are set. Looked at as whole numbers,
 * a stretch is judged without a branch for each number; only one that holds such a number is gone
 * through again. */
#include "kern/dense/finite.h"

#include <string.h>

enum { STRETCH = 256 /* numbers judged together */ };

int64_t trn_not_finite_f32(int64_t n, const float *x) {
    const uint32_t exponent = 0x7f800000;
    for (int64_t first = 0; first < n; first += STRETCH) {
        int64_t count = n - first < STRETCH ? n - first : STRETCH;
        uint32_t bits[STRETCH], found = 0;
        memcpy(bits, x + first, (size_t)count * sizeof *bits);
        for (int64_t i = 0; i < count; i++)
            found |= (bits[i] & exponent) == exponent;
        for (int64_t i = 0; found && i < count; i++)
            if ((bits[i] & exponent) == exponent) return first + i;
    }
    return -1;
}

int64_t trn_not_finite_f64(int64_t n, const double *x) {
    const uint64_t exponent = 0x7ff0000000000000;
    for (int64_t first = 0; first < n; first += STRETCH) {
        int64_t count = n - first < STRETCH ? n - first : STRETCH;
        uint64_t bits[STRETCH], found = 0;
        memcpy(bits, x + first, (size_t)count * sizeof *bits);
        for (int64_t i = 0; i < count; i++)
            found |= (bits[i] & exponent) == exponent;
        for (int64_t i = 0; found && i < count; i++)
            if ((bits[i] & exponent) == exponent) return first + i;
    }
    return -1;
}
