/* simd_swivel.c: Swivel's inner loops, compiled once for each instruction set (CMakeLists.txt). */
#include "kern/train/swivel.h"

#include <math.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

enum { CHUNK = 64 /* cells between two logarithms: 2^64 is far below FLT_MAX */ };

/* exp(-|x|), relative error 2e-7: 2^y = 2^n 2^f with f in [-1/2, 1/2], minimax polynomial of
 * degree 5 (weighted least squares on Chebyshev nodes, max relative error 7.5e-8). */
static inline float exp_minus_abs(float x) {
    float y = fabsf(x) * -1.44269504f;
    y = y > -126.0f ? y : -126.0f;   /* smallest normal power */
    const float magic = 12582912.0f; /* 1.5 x 2^23: adding it rounds to integer */
    float n = (y + magic) - magic, f = y - n;
    float p = 0.001327647152f;
    p = p * f + 0.009675541331f;
    p = p * f + 0.05550713275f;
    p = p * f + 0.2402211972f;
    p = p * f + 0.6931469671f;
    p = p * f + 1.000000072f;
    int32_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += (int32_t)n * (1 << 23); /* a left shift of a negative number is undefined */
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* One row as if nothing were observed: errors -> multiplier x sigmoid(error); returns the sum of
 * softplus(e) = max(e, 0) + log(1 + exp(-|e|)), the logarithms as one log of a product. */
static double dense_row(int64_t cols, float *restrict errors, float row_bias,
                        const float *restrict col_bias, float multiplier) {
    double sum = 0;
    for (int64_t start = 0; start < cols; start += CHUNK) {
        int64_t count = cols - start < CHUNK ? cols - start : CHUNK;
        float *restrict e = errors + start;
        const float *restrict c = col_bias + start;
        float positive = 0, product = 1;
#pragma omp simd reduction(+ : positive) reduction(* : product)
        for (int64_t j = 0; j < count; j++) {
            float x = e[j] + (row_bias + c[j]);
            float t = exp_minus_abs(x), r = multiplier / (1 + t);
            positive += x > 0 ? x : 0;
            product *= 1 + t;
            e[j] = x > 0 ? r : t * r;
        }
        sum += (double)(positive + logf(product));
    }
    return sum;
}

/* The observed cells of a row: errors as if x = 1 -> multiplier x f(x) x error; returns the sum of
 * f(x) error^2 / 2 less the softplus that the dense pass counted for them. */
static double observed_row(int64_t count, float *restrict errors,
                           const trn_swivel_cell_t *restrict cells, float multiplier) {
    double sum = 0;
    for (int64_t start = 0; start < count; start += CHUNK) {
        int64_t end = count - start < CHUNK ? count : start + CHUNK;
        float fitted = 0, positive = 0, product = 1;
#pragma omp simd reduction(+ : fitted, positive) reduction(* : product)
        for (int64_t k = start; k < end; k++) {
            float x = errors[k], error = x - cells[k].log_count, slope = cells[k].weight * error;
            fitted += slope * error;
            positive += x > 0 ? x : 0;
            product *= 1 + exp_minus_abs(x);
            errors[k] = multiplier * slope;
        }
        sum += 0.5 * (double)fitted - (double)(positive + logf(product));
    }
    return sum;
}

/* Scalar stores into a row that vector loads read next would stall, so observed errors are copied
 * out first and their slopes stored back last. */
static double epilogue(int64_t first_row, int64_t rows, int64_t cols, float *errors,
                       const float *row_bias, const float *col_bias, float multiplier,
                       const trn_swivel_cell_t **cells, const trn_swivel_cell_t *cells_end,
                       float *observed) {
    double loss = 0;
    const trn_swivel_cell_t *cell = *cells;
    for (int64_t i = 0; i < rows; i++) {
        float *row = errors + i * cols;
        const trn_swivel_cell_t *begin = cell;
        for (; cell < cells_end && cell->row == first_row + i; cell++)
            observed[cell - begin] = row[cell->col] + (row_bias[i] + col_bias[cell->col]);
        loss += dense_row(cols, row, row_bias[i], col_bias, multiplier);
        loss += observed_row(cell - begin, observed, begin, multiplier);
        for (const trn_swivel_cell_t *c = begin; c < cell; c++)
            row[c->col] = observed[c - begin];
    }
    *cells = cell;
    return loss;
}

/* No small number: accumulators start above 0. */
static void adagrad(int64_t n, float *restrict values, float *restrict accumulator,
                    const float *restrict gradient, float rate) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i], a = accumulator[i] + g * g;
        accumulator[i] = a;
        values[i] -= rate * g / sqrtf(a);
    }
}

static void rmsprop(int64_t n, float *restrict values, float *restrict accumulator,
                    const float *restrict gradient, float rate, float decay) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i], a = decay * accumulator[i] + (1 - decay) * g * g;
        accumulator[i] = a;
        values[i] -= rate * g / sqrtf(a + 1e-10f);
    }
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_swivel_kernels_t JOIN(trn_swivel_kernels_, TRN_SIMD) = {epilogue, adagrad, rmsprop,
                                                                  TEXT(TRN_SIMD)};
