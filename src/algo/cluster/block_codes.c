/* block_codes.c: a row to block codes and back. */
#include "algo/cluster/block_codes.h"

#include <math.h>
#include <string.h>

enum { NO_SCALE = -128 /* the exponent of a block of zeros */, MOST_EXPONENT = 127 };

int64_t trn_block_scales(const trn_block_form_t *form) {
    return (form->cols + form->block - 1) / form->block;
}

int64_t trn_block_bytes(const trn_block_form_t *form) {
    return form->bits == 8 ? form->cols : (form->cols + 1) / 2;
}

/* The least e with x <= 2^e, for x > 0: frexp leaves exactly 1/2 of a power of two. */
static int exponent_of(double x) {
    int e;
    return frexp(x, &e) == 0.5 ? e - 1 : e;
}

/* Scale `b` as it is stored; *value = what that means. A scale too small for its type is 0. */
static bool put_scale(const trn_block_form_t *form, double largest, int64_t b, void *scale,
                      double *value) {
    double wanted = largest / (form->bits == 8 ? 127 : 7);
    if (form->power) {
        int e = wanted > 0 ? exponent_of(wanted) : NO_SCALE;
        if (e < NO_SCALE) e = NO_SCALE;
        *value = e == NO_SCALE ? 0 : ldexp(1, e);
        ((int8_t *)scale)[b] = (int8_t)(e > MOST_EXPONENT ? MOST_EXPONENT : e);
        return e <= MOST_EXPONENT;
    }
    *value = form->scale == TRN_F32 ? (double)(float)wanted : wanted;
    if (form->scale == TRN_F32)
        ((float *)scale)[b] = (float)wanted;
    else
        ((double *)scale)[b] = wanted;
    return isfinite(*value);
}

/* What scale `b` stands for. */
static double get_scale(const trn_block_form_t *form, const void *scale, int64_t b) {
    if (form->power) {
        int e = ((const int8_t *)scale)[b];
        return e == NO_SCALE ? 0 : ldexp(1, e);
    }
    return form->scale == TRN_F32 ? (double)((const float *)scale)[b] : ((const double *)scale)[b];
}

/* A rounded scale may leave the largest number a hair above `most`, or, if it is subnormal, far
 * above. */
static int code_of(double x, double scale, int most) {
    if (scale == 0) return 0;
    double code = rint(x / scale);
    return code > most ? most : code < -most ? -most : (int)code;
}

/* Halves of a byte: even columns set it, odd ones add to it, so columns must come in order. */
static void put_code(const trn_block_form_t *form, int64_t j, int value, unsigned char *code) {
    if (form->bits == 8)
        code[j] = (unsigned char)(value & 255);
    else if (j % 2 == 0)
        code[j / 2] = (unsigned char)(value & 15);
    else
        code[j / 2] = (unsigned char)(code[j / 2] | (value & 15) << 4);
}

/* Two's complement of four bits: 8..15 are -8..-1. */
static int get_code(const trn_block_form_t *form, int64_t j, const unsigned char *code) {
    if (form->bits == 8) return ((const signed char *)code)[j];
    int half = j % 2 == 0 ? code[j / 2] & 15 : code[j / 2] >> 4;
    return half < 8 ? half : half - 16;
}

/* Block by block; after a scale that does not fit the codes are zeros, and the caller gives up. */
bool trn_block_encode(const trn_block_form_t *form, const double *x, void *scale, void *code) {
    int most = form->bits == 8 ? 127 : 7;
    bool fits = true;
    for (int64_t b = 0, j = 0; j < form->cols; b++) {
        int64_t end = j + form->block < form->cols ? j + form->block : form->cols;
        double largest = 0, value;
        for (int64_t i = j; i < end; i++)
            largest = fabs(x[i]) > largest ? fabs(x[i]) : largest;
        fits &= put_scale(form, largest, b, scale, &value);
        for (; j < end; j++)
            put_code(form, j, fits ? code_of(x[j], value, most) : 0, code);
    }
    return fits;
}

void trn_block_decode(const trn_block_form_t *form, const void *scale, const void *code,
                      double *x) {
    for (int64_t j = 0; j < form->cols; j++)
        x[j] = get_code(form, j, code) * get_scale(form, scale, j / form->block);
}
