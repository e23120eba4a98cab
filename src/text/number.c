/* number.c: most numbers in files have few digits and a small exponent: one division of whole
 * numbers then rounds them rightly, and the library is asked only about the others. */
#include "text/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_DIGITS = 19,   /* that fit into 64 bits whatever they are */
    MOST_FIVES = 27,    /* 5^27 < 2^63 */
    MOST_POWER = 100000 /* exponents are cut off here: infinite or zero long before */
};

__extension__ typedef unsigned __int128 wide_t;

/* 5^0 ... 5^27 */
static const uint64_t fives[MOST_FIVES + 1] = {
    1,
    5,
    25,
    125,
    625,
    3125,
    15625,
    78125,
    390625,
    1953125,
    9765625,
    48828125,
    244140625,
    1220703125,
    6103515625,
    30517578125,
    152587890625,
    762939453125,
    3814697265625,
    19073486328125,
    95367431640625,
    476837158203125,
    2384185791015625,
    11920928955078125,
    59604644775390625,
    298023223876953125,
    1490116119384765625,
    7450580596923828125,
};

/* A number as it is written: digits x 10^power. */
typedef struct decimal {
    uint64_t digits;
    int power;
    bool cut; /* there were more digits */
} decimal_t;

/* Without the locale, which isdigit would ask. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* 2^e for -1022 <= e <= 1023. */
static double two_to(int e) {
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* digits x 10^power for |power| <= MOST_FIVES. 10^p is 5^p 2^p: the five is multiplied or divided
 * in whole numbers and rounded once, by the conversion; the two then is exact. */
static double scale(uint64_t digits, int power) {
    if (power >= 0) return (double)((wide_t)digits * fives[power]) * two_to(power);
    int shift = __builtin_clzll(digits);
    wide_t dividend = (wide_t)(digits << shift) << 64, five = fives[-power];
    wide_t quotient = dividend / five; /* at least 2^64: its last bit is far below rounding ... */
    if (quotient * five != dividend) quotient |= 1; /* ... and may stand for all that follow */
    return (double)quotient * two_to(power - shift - 64);
}

/* Digits from `at` on into d; *point counts those behind a point. NULL if there are none. */
static const char *scan_digits(const char *at, decimal_t *d) {
    const char *point = NULL;
    int used = 0, kept = 0; /* digits; those that count */
    for (;; at++) {
        if (*at == '.' && !point) {
            point = at;
        } else if (is_digit(*at)) {
            used++;
            if (kept < MOST_DIGITS) {
                d->digits = 10 * d->digits + (uint64_t)(*at - '0');
                kept += d->digits != 0;
                d->power -= point != NULL;
            } else {
                d->cut = true;
                d->power += point == NULL;
            }
        } else {
            return used ? at : NULL;
        }
    }
}

/* An e without digits behind it is not the number's: "1e" is 1, and the e is left. */
static const char *scan_power(const char *at, decimal_t *d) {
    if (*at != 'e' && *at != 'E') return at;
    const char *digit = at + 1 + (at[1] == '+' || at[1] == '-');
    if (!is_digit(*digit)) return at;
    int power = 0;
    for (; is_digit(*digit); digit++)
        if (power < MOST_POWER) power = 10 * power + (*digit - '0');
    d->power += at[1] == '-' ? -power : power;
    return digit;
}

/* nan, inf or infinity. */
static const char *scan_word(const char *text, double *value) {
    static const char *const words[] = {"nan", "infinity", "inf"};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if (strncasecmp(text, words[i], length) != 0) continue;
        *value = i == 0 ? (double)NAN : (double)INFINITY;
        return text + length;
    }
    return NULL;
}

/* 19 digits fit into 64 bits, and 10^27 = 5^27 x 2^27 into what scale() multiplies by: so the quick
 * way is exact before its one rounding. All others, few in files of numbers, go to strtod. */
const char *trn_number_real(const char *text, double *value) {
    bool negative = *text == '-';
    const char *unsigned_text = text + (negative || *text == '+');
    decimal_t d = {0};
    const char *end = scan_digits(unsigned_text, &d);
    if (!end) {
        end = scan_word(unsigned_text, value);
    } else {
        end = scan_power(end, &d);
        if (d.digits == 0)
            *value = 0;
        else if (!d.cut && d.power >= -MOST_FIVES && d.power <= MOST_FIVES)
            *value = scale(d.digits, d.power);
        else
            *value = strtod(unsigned_text, NULL);
    }
    if (end && negative) *value = -*value;
    return end;
}

const char *trn_number_float(const char *text, float *value) {
    enum { BELOW = 0x1fffffff, HALF = 0x10000000 }; /* bits of a float64 that a float32 has not */
    double wide;
    uint64_t bits;
    const char *end = trn_number_real(text, &wide);
    if (!end) return NULL;
    memcpy(&bits, &wide, sizeof bits);
    /* Rounding twice may differ from rounding once if the first stops halfway between two float32;
     * below the normal ones halves look otherwise. */
    bool normal = fabs(wide) >= (double)FLT_MIN || bits << 1 == 0;
    *value = normal && (bits & BELOW) != HALF ? (float)wide : strtof(text, NULL);
    return end;
}

/* Overflow is not an error here: callers compare with what they can hold. */
const char *trn_number_whole(const char *text, int64_t *value) {
    bool negative = *text == '-';
    const char *at = text + (negative || *text == '+');
    if (!is_digit(*at)) return NULL;
    int64_t number = 0;
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            number = INT64_MAX;
    *value = negative ? -number : number;
    return at;
}
