/* block_codes.h: rows as small whole numbers with a scale for each block of columns.
 *
 * A block's scale is its largest size over 127 (8 bits) or 7 (4 bits), or the power of two next
 * above that; a code is the nearest whole number of scales, ties to even. So no number is off by
 * more than half a scale. */
#ifndef TRN_ALGO_CLUSTER_BLOCK_CODES_H
#define TRN_ALGO_CLUSTER_BLOCK_CODES_H

#include "base/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* The form of a coded row. */
typedef struct trn_block_form {
    int64_t cols, block;
    int bits;   /* 8: a byte a number, int8; 4: two numbers a byte, the first in its low half */
    bool power; /* scales are powers of two: int8 exponents, -128 for a block of zeros */
    trn_dtype_t scale; /* else float32 or float64 */
} trn_block_form_t;

/* Scales and bytes of codes of a row. Local. */
int64_t trn_block_scales(const trn_block_form_t *form);
int64_t trn_block_bytes(const trn_block_form_t *form);

/* Code a row: scale[trn_block_scales] of its type, code[trn_block_bytes]. False if a number is too
 * large for such a scale. Local. */
bool trn_block_encode(const trn_block_form_t *form, const double *x, void *scale, void *code);

/* And back. Local. */
void trn_block_decode(const trn_block_form_t *form, const void *scale, const void *code, double *x);

#endif
