/* print.c: numbers into text. */
#include "text/print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Digits come from the last to the first, and are written the other way round. */
char *trn_print_whole(char *to, uint64_t value) {
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

static char *print_signed(char *to, int64_t value) {
    if (value < 0) *to++ = '-';
    return trn_print_whole(to, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* Small whole numbers, which are frequent, look the same without printf. */
static char *print_real(char *to, double value, bool narrow) {
    if (value >= 0 && value < 1e9 && !signbit(value) && value == (double)(int32_t)value)
        return trn_print_whole(to, (uint64_t)value);
    return to + snprintf(to, TRN_PRINT_BYTES, narrow ? "%.9g" : "%.17g", value);
}

/* By way of the widest type of its kind; enough digits that reading it gives the same bits. */
char *trn_print_number(char *to, trn_dtype_t type, const void *number) {
    union {
        float f32;
        double f64;
        int64_t whole;
        uint64_t natural;
    } it = {.natural = 0};
    trn_dtype_t wide = !trn_dtype_whole(type)   ? (type == TRN_F64 ? TRN_F64 : TRN_F32)
                       : trn_dtype_signed(type) ? TRN_I64
                                                : TRN_U64;
    size_t size = (size_t)trn_dtype_size(type);
    memcpy(&it, number, size);         /* little-endian: the low bytes are the number */
    if (wide == TRN_I64 && size < 8) { /* its sign goes up to the top */
        int shift = 64 - 8 * (int)size;
        uint64_t high = it.natural << shift;
        it.whole = (int64_t)high >> shift;
    }
    switch (wide) {
    case TRN_F64:
        return print_real(to, it.f64, false);
    case TRN_I64:
        return print_signed(to, it.whole);
    case TRN_U64:
        return trn_print_whole(to, it.natural);
    default:
        return print_real(to, (double)it.f32, true);
    }
}
