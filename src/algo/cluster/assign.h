/* assign.h: the nearest of K centers for every row that passes by, exactly.
 *
 * Products in float32 with a bound of their rounding leave a row with one candidate, or with a few,
 * between which distances in float64 decide, ties for the smaller number. So a label is that of the
 * least float64 distance over all centers, whatever BLAS, tiles and threads did. */
#ifndef TRN_ALGO_CLUSTER_ASSIGN_H
#define TRN_ALGO_CLUSTER_ASSIGN_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/matrix.h"

#include <stdbool.h>
#include <stdint.h>

/* Centers, and what comparing takes. Start with {0}. */
typedef struct trn_assign {
    int64_t k, width;
    int threads;
    bool unit;      /* rows count as scaled to length 1; rows of zeros stay */
    double *center; /* [k x width], for the caller to fill before trn_assign_ready */
    /* The rest is private. Centers less their mean, scaled to about 1: what products are made of.
     */
    float *moved;                 /* [k x width] */
    float *half;                  /* [k] half their squares */
    double *mean;                 /* [width] */
    double scale;                 /* a power of two */
    double length;                /* of the longest moved center */
    double offset;                /* length of the mean, scaled */
    struct trn_assign_desk *desk; /* [threads] */
    int64_t again;                /* rows that were compared in float64, for tests and tuning */
} trn_assign_t;

/* Room for k centers of `width` numbers, and for `threads` threads. Fails with TRN_MEMORY; free it
 * even then. Local. */
trn_status_t trn_assign_create(trn_assign_t *assign, int64_t k, int64_t width, int threads);
void trn_assign_free(trn_assign_t *assign);

/* What that takes. Local. */
void trn_assign_plan(trn_ledger_t *ledger, int64_t k, int64_t width, int threads);

/* The centers have been filled or changed. Local. Cost: a few passes over them. */
void trn_assign_ready(trn_assign_t *assign);

/* label[i] = the center nearest to row i of the view (float32 or float64), square[i] = the square
 * of its distance in float64. Local. Cost: 2 rows k width flops of sgemm, and a few in a hundred.
 */
void trn_assign_rows(trn_assign_t *assign, trn_view_t rows, int32_t *label, double *square);

/* 1, or what makes the row of length 1. Local. */
double trn_assign_factor(bool unit, trn_dtype_t type, int64_t width, const void *row);

#endif
