/* spmm.h: a sparse block times a dense one: C = alpha S B + beta C.
 *
 * Each number of C is one chain of (fused, where the processor can) multiply-adds over the entries
 * of its row in the order in which they stand, starting from beta C: threads, tiles and the cut of
 * B's columns into slabs do not show in the bits. The time goes to fetching rows of B from all over
 * memory, so they are asked for many entries ahead; 2 MiB pages (base/mem.h) help as much. */
#ifndef TRN_KERN_SPARSE_SPMM_H
#define TRN_KERN_SPARSE_SPMM_H

#include "kern/sparse/sparse_type.h"

#include <stdbool.h>
#include <stdint.h>

/* Dense rows: row i starts at element i x stride. */
typedef struct trn_spmm_source {
    const void *data;
    int64_t stride;
} trn_spmm_source_t;

/* One product. S [rows x any] in compressed rows: row i has the entries start[i] <= e <
 * start[i + 1]. B comes in two pieces so that rows that lie here and rows that were received need
 * not be copied together: entry e meets row column[e] of b[0] or, if that is negative, row
 * -1 - column[e] of b[1]. */
typedef struct trn_spmm {
    int64_t rows;
    const int64_t *start;  /* [rows + 1] */
    const int32_t *column; /* [start[rows]] */
    trn_sparse_type_t entries;
    const void *values; /* [start[rows]] by `entries`; NULL: ones */
    bool wide;          /* B and C are double, else float */
    bool wide_sums;     /* sums are double, and rounded once where C is float */
    trn_spmm_source_t b[2];
    int64_t cols;       /* of B and C: any number */
    void *c;            /* [rows x cols] */
    int64_t c_stride;   /* elements from row to row */
    double alpha, beta; /* beta = 0: C is not read */
    bool boolean;       /* or-and: see trn_spmm_boolean */
} trn_spmm_t;

/* Make a product the Boolean one, C = S and B, or-ed over the entries of a row: entries count by
 * being there, numbers of B by being other than 0; C becomes 0 or 1, or-ed to what it was if beta
 * is not 0. B and the old C must hold no negative numbers: the or is taken as a sum that is not 0.
 * Local. */
void trn_spmm_boolean(trn_spmm_t *product);

/* Compute rows [first, end) on the calling thread. Local. Cost: 2 entries x cols flops; reads
 * entries x cols numbers of B in pieces of one tile (up to 16 vector registers). */
void trn_spmm_rows(const trn_spmm_t *product, int64_t first, int64_t end);

/* Compute rows [first, end) on `threads` threads, which share the rows out by their entries. Local.
 */
void trn_spmm_threads(const trn_spmm_t *product, int64_t first, int64_t end, int threads);

/* First of the rows [first, end) that `part` of `parts` gets when they are cut by entries, an empty
 * row counting as one: trn_spmm_cut(..., parts, parts) is `end`. Local. Cost: a binary search. */
int64_t trn_spmm_cut(const int64_t *start, int64_t first, int64_t end, int64_t parts, int64_t part);

/* The same as trn_spmm_rows over all rows, in float64 and the obvious order: c[rows x cols], dense,
 * gets the result and is not read. Local. */
void trn_spmm_ref(const trn_spmm_t *product, double *c);

/* The inner loops of one instruction set (simd_spmm.c), by [float, double, float with sums of
 * double][entries]. Private to this module.
 */
typedef struct trn_spmm_kernels {
    void (*rows[3][3])(const trn_spmm_t *product, int64_t first, int64_t end);
    const char *name;
} trn_spmm_kernels_t;

/* The best set this processor runs. Local. */
const trn_spmm_kernels_t *trn_spmm_kernels(void);

#endif
