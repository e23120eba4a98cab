/* map_algebra.c: maps one after the other, and backwards. Rank 0 alone does it. */
#include "algo/map/map.h"

#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/dense/lapack.h"

#include <stdio.h>
#include <string.h>

/* One after the other -------------------------------------------------------------------------- */

/* A bias arises where the second map has a mean or a bias, which the first matrix does not see. */
void trn_map_then_shape(trn_map_t *first, const trn_map_t *second) {
    first->out = second->out;
    first->has_bias = first->has_bias || second->has_mean || second->has_bias;
    first->count = 0;
    first->fit[0] = 0;
}

/* ((x - m) A + b - n) B + c = (x - m) A B + ((b - n) B + c): the mean stays what is taken off
 * first, so that nothing cancels. */
trn_status_t trn_map_then(trn_map_t *first, const trn_map_t *second) {
    trn_map_t whole = *first;
    double *shift = NULL;
    trn_map_then_shape(&whole, second);
    whole.matrix = whole.mean = whole.bias = whole.values = NULL;
    trn_status_t status = trn_map_allocate(&whole);
    if (status == TRN_OK) status = trn_alloc_zero(&shift, second->in, sizeof *shift, "a shift");
    if (status == TRN_OK) {
        trn_gemm_f64(whole.in, whole.out, second->in,
                     (trn_factor_t){first->matrix, second->in, false}, second->matrix, 0,
                     whole.matrix);
        if (whole.mean) memcpy(whole.mean, first->mean, sizeof(double) * (size_t)whole.in);
        for (int64_t j = 0; j < second->in; j++)
            shift[j] = (first->bias ? first->bias[j] : 0) - (second->mean ? second->mean[j] : 0);
        if (second->bias) memcpy(whole.bias, second->bias, sizeof(double) * (size_t)whole.out);
        if (whole.bias)
            trn_gemm_f64(1, whole.out, second->in, (trn_factor_t){shift, second->in, false},
                         second->matrix, 1, whole.bias);
        trn_map_free(first);
        *first = whole;
    } else {
        trn_map_free(&whole);
    }
    trn_free(&shift);
    return status;
}

/* Backwards ------------------------------------------------------------------------------------ */

/* Fewer columns than rows lose something, and it is for these kinds to say what is nearest. */
static bool projects(const trn_map_t *map) {
    return strcmp(map->fit, "pca") == 0 || strcmp(map->fit, "slice") == 0 ||
           strcmp(map->fit, "whiten") == 0;
}

trn_status_t trn_map_invertible(const trn_map_t *map, const char *path, bool *exact) {
    *exact = map->in == map->out;
    if (*exact || (map->out < map->in && projects(map))) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: a %s of %lld numbers to %lld has no inverse", path,
                    map->fit[0] ? map->fit : "map", (long long)map->in, (long long)map->out);
}

/* Mean and bias change places, and so do the sides. */
void trn_map_invert_shape(trn_map_t *map) {
    int64_t in = map->in;
    bool mean = map->has_mean;
    map->in = map->out;
    map->out = in;
    map->has_mean = map->has_bias;
    map->has_bias = mean;
    map->count = 0;
}

/* square [n x n] = M^T M, n = map->out; M itself where that is square. */
static void square_of(const trn_map_t *map, double *square) {
    int64_t n = map->out;
    if (map->in == n)
        memcpy(square, map->matrix, sizeof *square * (size_t)(n * n));
    else
        trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                               .m = n,
                               .n = n,
                               .k = map->in,
                               .alpha = 1,
                               .a = {map->matrix, n, true},
                               .b = {map->matrix, n, false},
                               .c = square,
                               .ldc = n});
}

/* The inverse, or (M^T M)^-1 M^T, by which y gives the nearest x that has it. */
static trn_status_t invert(trn_map_t *map, double *square, double *work, const char *path) {
    static const double least = 1e-13; /* below it an inverse has no digit that is right */
    int64_t n = map->out;
    square_of(map, square);
    double condition = trn_lapack_invert(n, square, NULL, work);
    if (condition < least)
        return trn_fail(TRN_INPUT,
                        "%s: has no inverse: its matrix is singular (1 / condition %.1e), so that "
                        "rows do not come back",
                        path, condition);
    if (map->in == n) {
        memcpy(map->matrix, square, sizeof *square * (size_t)(n * n));
        return TRN_OK;
    }
    double *back;
    TRN_TRY(trn_alloc(&back, n * map->in, sizeof *back, "an inverse"));
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = n,
                           .n = map->in,
                           .k = n,
                           .alpha = 1,
                           .a = {square, n, false},
                           .b = {map->matrix, n, true},
                           .c = back,
                           .ldc = map->in});
    trn_free(&map->matrix);
    map->matrix = back;
    return TRN_OK;
}

/* x = (y - bias) M^-1 + mean. */
trn_status_t trn_map_invert(trn_map_t *map, const char *path) {
    double *square = NULL, *work = NULL, *mean = map->mean;
    int64_t n = map->out;
    trn_status_t status = trn_alloc(&square, n * n, sizeof *square, "an inverse");
    if (status == TRN_OK)
        status = trn_alloc(&work, trn_lapack_invert_work(n), sizeof *work, "work of DGETRI");
    if (status == TRN_OK) status = invert(map, square, work, path);
    trn_free(&square);
    trn_free(&work);
    if (status != TRN_OK) return status;
    map->mean = map->bias;
    map->bias = mean;
    trn_map_invert_shape(map);
    return TRN_OK;
}

void trn_map_invert_plan(trn_ledger_t *ledger, const trn_map_t *map) {
    int64_t n = map->out, back = map->in == n ? 0 : n * map->in;
    trn_ledger_pass(ledger, "work", n * n + trn_lapack_invert_work(n) + back, sizeof(double));
}
