/* convert.c: numbers of one type into another.
 *
 * Every number goes through the widest of its kind: float64, int64 or uint64, in runs that stay in
 * the first cache. None of these steps rounds, so that there is one rounding in all, into `to`. */
#include "kern/dense/convert.h"

#include <math.h>
#include <string.h>

enum { RUN = 512 /* numbers on the stack at a time */ };

typedef union wide {
    double real[RUN];
    int64_t whole[RUN];
    uint64_t natural[RUN];
} wide_t;

/* Reduced precision ---------------------------------------------------------------------------- */

/* `value` rounded to a float of 16 bits with `fraction` bits behind the point: the bits of a
 * float64 are cut to the right place, by hand, since by way of float32 it would be rounded twice.
 */
static uint16_t narrow(double value, int fraction) {
    int exponent_bits = 15 - fraction, bias = (1 << (exponent_bits - 1)) - 1;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    uint16_t infinite = (uint16_t)(((1 << exponent_bits) - 1) << fraction);
    if (isnan(value)) return (uint16_t)(sign | infinite | 1 << (fraction - 1));
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023 + bias;
    if (exponent >= (1 << exponent_bits) - 1) return sign | infinite;
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    int drop = 52 - fraction;
    if (exponent < 1) { /* a subnormal number, or 0 */
        drop += 1 - exponent;
        exponent = 0;
        if (drop > 60) return sign;
    } else {
        mantissa &= ~(UINT64_C(1) << 52);
    }
    uint64_t kept = mantissa >> drop, rest = mantissa & ((UINT64_C(1) << drop) - 1);
    uint64_t half = UINT64_C(1) << (drop - 1);
    if (rest > half || (rest == half && kept & 1)) kept++;
    /* A carry out of the fraction is one more in the exponent: right up to infinity. */
    return (uint16_t)(sign | (((uint64_t)exponent << fraction) + kept));
}

uint16_t trn_half_of(double value) {
    return narrow(value, 10);
}

uint16_t trn_bfloat_of(double value) {
    return narrow(value, 7);
}

/* By its definition: 2^-24 times the fraction for subnormals; all 65536 are exact in float64. */
double trn_half_to(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                   : ldexp(fraction + 1024, exponent - 25);
    return half >> 15 ? -size : size;
}

/* The upper half of a float32. */
static double bfloat_to(uint16_t bits) {
    uint32_t all = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &all, sizeof value);
    return (double)value;
}

/* Into the widest ------------------------------------------------------------------------------ */

/* Byte by byte, for files of the other byte order. */
static void copy_swapped(trn_numbers_t from, int64_t count, char *to) {
    int64_t size = trn_dtype_size(from.type);
    const char *at = from.data;
    for (int64_t i = 0; i < count; i++, at += from.stride * size)
        for (int64_t k = 0; k < size; k++)
            to[i * size + k] = at[size - 1 - k];
}

#define WIDEN(type, wide, expression)                                                              \
    for (int64_t i = 0; i < count; i++) {                                                          \
        type x;                                                                                    \
        memcpy(&x, at + i * step, sizeof x);                                                       \
        wide[i] = expression;                                                                      \
    }                                                                                              \
    break

/* Numbers of any type, next to each other or not, in this machine's order. */
static void widen(trn_numbers_t from, int64_t count, wide_t *to) {
    const char *at = from.data;
    int64_t step = from.stride * trn_dtype_size(from.type);
    switch (from.type) {
    case TRN_F32:
        WIDEN(float, to->real, (double)x);
    case TRN_F64:
        WIDEN(double, to->real, x);
    case TRN_F16:
        WIDEN(uint16_t, to->real, trn_half_to(x));
    case TRN_BF16:
        WIDEN(uint16_t, to->real, bfloat_to(x));
    case TRN_I8:
        WIDEN(int8_t, to->whole, x);
    case TRN_I16:
        WIDEN(int16_t, to->whole, x);
    case TRN_I32:
        WIDEN(int32_t, to->whole, x);
    case TRN_I64:
        WIDEN(int64_t, to->whole, x);
    case TRN_U8:
        WIDEN(uint8_t, to->natural, x);
    case TRN_U16:
        WIDEN(uint16_t, to->natural, x);
    case TRN_U32:
        WIDEN(uint32_t, to->natural, x);
    case TRN_U64:
        WIDEN(uint64_t, to->natural, x);
    case TRN_BOOL:
        WIDEN(uint8_t, to->natural, x != 0);
    case TRN_STRING:
    case TRN_OTHER:
        break;
    }
}

/* Out of the widest ---------------------------------------------------------------------------- */

/* The widest kind of a type, and a number of it. */
typedef enum kind { REAL, WHOLE, NATURAL } kind_t;

/* Whole numbers with a sign, without one, or reals. */
static kind_t kind_of(trn_dtype_t type) {
    return !trn_dtype_whole(type) ? REAL : trn_dtype_signed(type) ? WHOLE : NATURAL;
}

/* The first misfit is kept, the others are counted. */
static void miss(trn_misfit_t *misfit, int64_t index, double value) {
    if (misfit->count++ > 0) return;
    misfit->first = index;
    misfit->value = value;
}

/* Whether the number has at most `bits` digits between its first and last 1: then a float with so
 * many holds it exactly. */
bool trn_holds_whole(uint64_t size, int bits) {
    return size >> bits == 0 || (size >> __builtin_ctzll(size)) >> bits == 0;
}

/* Binary digits of the types of reals. */
static int digits_of(trn_dtype_t type) {
    return type == TRN_F64 ? 53 : type == TRN_F32 ? 24 : type == TRN_F16 ? 11 : 8;
}

/* Number i of a type of reals = `value`, rounded; returns whether it became infinite. */
static bool put_real(trn_dtype_t type, char *to, int64_t step, int64_t i, double value) {
    float single = (float)value;
    uint16_t small;
    switch (type) {
    case TRN_F64:
        memcpy(to + i * step, &value, sizeof value);
        return isinf(value);
    case TRN_F32:
        memcpy(to + i * step, &single, sizeof single);
        return isinf(single);
    default:
        small = type == TRN_F16 ? trn_half_of(value) : trn_bfloat_of(value);
        memcpy(to + i * step, &small, sizeof small);
        return (small & 0x7fff) == (type == TRN_F16 ? 0x7c00 : 0x7f80);
    }
}

/* A finite number that becomes infinite does not fit; one that is rounded does. */
static void reals_to_reals(const double *from, trn_numbers_t to, int64_t count, int64_t base,
                           trn_misfit_t *misfit) {
    int64_t step = to.stride * trn_dtype_size(to.type);
    for (int64_t i = 0; i < count; i++)
        if (put_real(to.type, to.data, step, i, from[i]) && !isinf(from[i]))
            miss(misfit, base + i, from[i]);
}

/* Whole numbers into reals; straight into float32, for by way of float64 they would be rounded
 * twice. Of the 16-bit types a number that this happens to is counted anyway. */
static void wholes_to_reals(const wide_t *from, kind_t kind, trn_numbers_t to, int64_t count,
                            int64_t base, trn_misfit_t *misfit) {
    int64_t step = to.stride * trn_dtype_size(to.type);
    int digits = digits_of(to.type);
    for (int64_t i = 0; i < count; i++) {
        int64_t x = from->whole[i];
        bool negative = kind == WHOLE && x < 0;
        uint64_t size = negative ? -(uint64_t)x : from->natural[i];
        double value = negative ? -(double)size : (double)size;
        float single = negative ? -(float)size : (float)size;
        bool infinite =
            put_real(to.type, to.data, step, i, to.type == TRN_F32 ? (double)single : value);
        if (infinite || !trn_holds_whole(size, digits)) miss(misfit, base + i, value);
    }
}

/* The bounds of a type of whole numbers. */
static int64_t least_of(trn_dtype_t type) {
    return trn_dtype_signed(type) ? INT64_MIN >> (64 - 8 * trn_dtype_size(type)) : 0;
}

static uint64_t most_of(trn_dtype_t type) {
    uint64_t all = UINT64_MAX >> (64 - 8 * trn_dtype_size(type));
    return trn_dtype_signed(type) ? all >> 1 : all;
}

/* The low bytes of a number are the number, in whatever width: this machine is little-endian. */
static void put_whole(trn_numbers_t to, int64_t i, uint64_t bits) {
    size_t size = (size_t)trn_dtype_size(to.type);
    memcpy((char *)to.data + i * to.stride * (int64_t)size, &bits, size);
}

/* To the nearest, ties to even; a misfit becomes the nearest that there is, NaN 0. */
static void reals_to_wholes(const double *from, trn_numbers_t to, int64_t count, int64_t base,
                            trn_misfit_t *misfit) {
    int64_t least = least_of(to.type);
    uint64_t most = most_of(to.type);
    for (int64_t i = 0; i < count; i++) {
        double x = from[i], nearest = nearbyint(x);
        uint64_t bits;
        /* (double)most of 64 bits is one more than `most`, and all below it fits. */
        bool above = nearest >= 0x1p63 ? nearest >= (double)most : nearest > (double)most;
        if (isnan(x))
            bits = 0;
        else if (above || nearest < (double)least)
            bits = above ? most : (uint64_t)least;
        else
            bits = nearest < 0 ? (uint64_t)(int64_t)nearest : (uint64_t)nearest;
        put_whole(to, i, bits);
        if (!(x == nearest) || above || nearest < (double)least) miss(misfit, base + i, x);
    }
}

/* What is out of range becomes the nearest bound. */
static void wholes_to_wholes(const wide_t *from, kind_t kind, trn_numbers_t to, int64_t count,
                             int64_t base, trn_misfit_t *misfit) {
    int64_t least = least_of(to.type);
    uint64_t most = most_of(to.type);
    for (int64_t i = 0; i < count; i++) {
        int64_t x = from->whole[i];
        uint64_t bits = from->natural[i];
        bool negative = kind == WHOLE && x < 0, below = negative && x < least;
        bool above = !negative && bits > most;
        if (below) bits = (uint64_t)least;
        if (above) bits = most;
        put_whole(to, i, bits);
        if (below || above)
            miss(misfit, base + i, kind == WHOLE ? (double)x : (double)from->natural[i]);
    }
}

/* One of four ways, by what the numbers are and shall be. */
static void narrow_run(const wide_t *from, kind_t kind, trn_numbers_t to, int64_t count,
                       int64_t base, trn_misfit_t *misfit) {
    bool whole = trn_dtype_whole(to.type);
    if (kind == REAL)
        (whole ? reals_to_wholes : reals_to_reals)(from->real, to, count, base, misfit);
    else
        (whole ? wholes_to_wholes : wholes_to_reals)(from, kind, to, count, base, misfit);
}

/* Numbers of one type next to each other are copied as they are, with all bits. */
void trn_convert(trn_numbers_t from, trn_numbers_t to, int64_t count, int64_t base,
                 trn_misfit_t *misfit) {
    int64_t size = trn_dtype_size(from.type), to_size = trn_dtype_size(to.type);
    if (from.type == to.type && !from.swapped && from.stride == 1 && to.stride == 1) {
        memcpy(to.data, from.data, (size_t)(count * size));
        return;
    }
    kind_t kind = kind_of(from.type);
    for (int64_t done = 0; done < count; done += RUN) {
        int64_t some = count - done < RUN ? count - done : RUN;
        wide_t wide;
        char turned[8 * RUN];
        trn_numbers_t run = from, out = to;
        run.data = (char *)from.data + done * from.stride * size;
        out.data = (char *)to.data + done * to.stride * to_size;
        if (from.swapped && size > 1) {
            copy_swapped(run, some, turned);
            run = (trn_numbers_t){from.type, false, turned, 1};
        }
        widen(run, some, &wide);
        narrow_run(&wide, kind, out, some, base + done, misfit);
    }
}
