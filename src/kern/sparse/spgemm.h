/* spgemm.h: products of two sparse matrices held in compressed rows, row by row (Gustavson: Two
 * fast algorithms for sparse matrices, ACM TOMS 4(3), 1978).
 *
 * Row i of C = A B is the sum of the rows k of B that row i of A names. It is gathered in a hash
 * table where few terms meet many columns, else in an array with one place a column and a bitmap of
 * those in use. Either way each entry of C is 0 plus its terms in ascending k, in float64, and the
 * entries come by ascending column: the bits of C depend on A and B alone. A sum that happens to be
 * 0 stays an entry. */
#ifndef TRN_KERN_SPARSE_SPGEMM_H
#define TRN_KERN_SPARSE_SPGEMM_H

#include "kern/sparse/sparse_type.h"

#include <stdbool.h>
#include <stdint.h>

/* A factor: entries of row i are start[i] <= e < start[i + 1], columns ascending within a row.
 * `values` holds float or double by type; TRN_SPARSE_PATTERN: NULL, all are 1. Borrowed. */
typedef struct trn_spgemm_factor {
    int64_t rows, cols;
    const int64_t *start;  /* [rows + 1] */
    const int32_t *column; /* [start[rows]] */
    const void *values;    /* [start[rows]] */
    trn_sparse_type_t type;
} trn_spgemm_factor_t;

/* Where a row is gathered; the choice never shows in the result. */
typedef enum trn_spgemm_gather {
    TRN_SPGEMM_AUTO, /* by the row's number of terms */
    TRN_SPGEMM_HASH,
    TRN_SPGEMM_DENSE
} trn_spgemm_gather_t;

/* A product. With type TRN_SPARSE_PATTERN the semiring is Boolean (or, and) and C is a pattern,
 * else it is (+, x) and C holds floats or doubles. */
typedef struct trn_spgemm {
    trn_spgemm_factor_t a, b; /* a.cols <= b.rows */
    trn_sparse_type_t type;   /* of C */
    trn_spgemm_gather_t gather;
    int32_t first_col; /* what is added to the columns of C */
} trn_spgemm_t;

/* What a product takes. */
typedef struct trn_spgemm_work {
    int64_t terms;       /* multiplications */
    int64_t bound;       /* of the entries of C: terms of a row, or the columns if they are fewer */
    int64_t hashed_most; /* terms of the longest row that is hashed; -1: none is */
    bool dense;          /* some row is gathered densely */
} trn_spgemm_work_t;

/* Measure a product; terms[i] becomes the terms of row i. Local. Cost: one look at b.start an entry
 * of A. */
trn_spgemm_work_t trn_spgemm_measure(const trn_spgemm_t *product, int64_t *terms);

/* Bytes of scratch memory that each thread needs; a multiple of 64. Local. */
int64_t trn_spgemm_scratch(const trn_spgemm_t *product, const trn_spgemm_work_t *work);

/* The most that can come to for any factors of that many columns; looks at b.cols and gather alone.
 * Local. */
int64_t trn_spgemm_scratch_most(const trn_spgemm_t *product);

/* Cut rows into `parts` ranges [cut[t], cut[t + 1]) of about equal weight, a row weighing its terms
 * and one more. Local. Cost: O(rows + parts). */
void trn_spgemm_cut(int64_t rows, const int64_t *terms, int parts, int64_t *cut);

/* The threads of a product: number, rows of each (trn_spgemm_cut), scratch memory of each, one
 * after the other, 64-byte aligned. */
typedef struct trn_spgemm_team {
    int threads;
    const int64_t *cut; /* [threads + 1] */
    void *scratch;      /* [threads x trn_spgemm_scratch] */
} trn_spgemm_team_t;

/* Add the number of entries of each row of C to count[rows]. Local. Cost: as trn_spgemm_fill, less
 * all that has to do with values; about a third of the time. */
void trn_spgemm_count(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                      const trn_spgemm_team_t *team, int64_t *count);

/* Compute C: row i goes to column[at[i]...] and values[at[i]...], and at[i] moves behind it. Local.
 * Cost: `terms` multiplications and additions; of B, `terms` entries are read from memory. */
void trn_spgemm_fill(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                     const trn_spgemm_team_t *team, int64_t *at, int32_t *column, void *values);

/* Compute rows [first, end) of C on one thread, one after the other from place start[first] on,
 * counting as it goes: start[first + 1 ... end] become row pointers. Rows in turn from 0 on, with
 * start[0] = 0, make all of C in the room for work.bound entries. Local. Cost: as trn_spgemm_fill.
 */
void trn_spgemm_pack(const trn_spgemm_t *product, const trn_spgemm_work_t *work, void *scratch,
                     int64_t first, int64_t end, int64_t *start, int32_t *column, void *values);

/* Estimate the entries of C from every so-manieth row, about one in 64: count's entries of those
 * rows over their bound, 1 if they have none. Local. Cost: 1/64 of trn_spgemm_count. */
double trn_spgemm_density(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                          const int64_t *terms, void *scratch);

/* The slow, obvious twin: one row of C as sum[b.cols], where present[j] says if there is an entry;
 * returns their number. Local. Cost: O(b.cols + terms). */
int64_t trn_spgemm_ref(const trn_spgemm_t *product, int64_t row, double *sum, bool *present);

#endif
