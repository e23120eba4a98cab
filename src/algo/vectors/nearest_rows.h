/* nearest_rows.h: the rows of a matrix nearest to each row of another, exactly.
 *
 * Both matrices stay where they are, dealt to the ranks: queries go round, some thousand at a time,
 * and meet every rank's rows as tiles of float32 products. What comes within the rounding bound of
 * a query's k-th best is compared again from the rows themselves in float64, and only that enters
 * its list. So answers depend neither on BLAS nor on tiles, ranks, threads or memory. */
#ifndef TRN_ALGO_VECTORS_NEAREST_ROWS_H
#define TRN_ALGO_VECTORS_NEAREST_ROWS_H

#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "base/status.h"
#include "kern/search/topk.h"
#include "mpi/sparse/sparse.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* What a score is; the higher, the nearer. */
typedef enum trn_nearness {
    TRN_NEAREST_COSINE, /* 0 where either row is all zeros */
    TRN_NEAREST_DOT,
    TRN_NEAREST_L2 /* minus the distance */
} trn_nearness_t;

/* What is asked for. Start with TRN_NEAREST_ROWS(metric, k); all pointers are borrowed, NULL: none.
 */
typedef struct trn_nearest_rows {
    trn_nearness_t metric;
    int64_t k;          /* answers to a query, at least 1 */
    int64_t skip;       /* so many of the best are left out first */
    int threads;        /* at most 1: the caller's alone */
    double least, most; /* scores outside are no answers */
    bool zeros_apart;   /* nor are rows that are all zeros */
    bool self;          /* nor is row i for query i */
    /* Nor is row exclude[i] for query i: [queries], equal on all ranks, -1: none. */
    const int64_t *exclude;
    /* Nor are the columns of row i, whatever their values: this rank's queries x rows. */
    const trn_sparse_t *excluded;
    /* Nor are rows of the query's own group: [rows] and [queries], equal on all ranks. */
    const int64_t *group, *query_group;
} trn_nearest_rows_t;

#define TRN_NEAREST_ROWS(how, number)                                                              \
    ((trn_nearest_rows_t){.metric = (how), .k = (number), .least = -INFINITY, .most = INFINITY})

/* best[own queries x k] = for each query of this rank (as tall.h deals them) the rows of `among` of
 * highest score, equal scores by number; entries of index -1 and score -infinity fill up. Queries
 * and rows are of equally many columns and may be one matrix; those that pass by
 * (algo/matrix/tall_in.h) must come as float64, and how reading went is the caller's to ask.
 * Collective, equal arguments but where said otherwise. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC
 * (squares of the numbers overflow). Memory: trn_nearest_rows_plan. Cost a rank: 2 queries x rows x
 * cols / ranks flops; all queries received once, their lists sent once; rows pass by once in
 * trn_nearest_rounds. Many rows within rounding of a query's k-th best, such as copies of one row,
 * cost 2 cols flops in float64 each. */
trn_status_t trn_nearest_rows(trn_tall_t queries, trn_tall_t among, const trn_nearest_rows_t *how,
                              trn_best_t *best);

/* Sizes of a search, for plans. */
typedef struct trn_nearest_rows_size {
    int64_t queries, rows, cols;
    int64_t excluded; /* entries of `excluded` on all ranks, or 0 */
    int64_t listed;   /* k + skip */
    int threads;
} trn_nearest_rows_size_t;

/* What trn_nearest_rows takes beside its arguments, under "search" and "libraries". Local. */
void trn_nearest_rows_plan(trn_ledger_t *ledger, const trn_nearest_rows_size_t *size, int ranks);

/* How often the rows pass by. Local. */
int64_t trn_nearest_rounds(const trn_nearest_rows_size_t *size);

#endif
