/* tables.h: products of rows with a matrix, approximately: each part of a row stands for its
 * center, whose product is looked up. */
#ifndef TRN_ALGO_CLUSTER_TABLES_H
#define TRN_ALGO_CLUSTER_TABLES_H

#include "algo/cluster/coder.h"
#include "algo/matrix/tall_out.h"

/* A pass. Start with {0}. */
typedef struct trn_tables {
    const trn_codebook_t *book;   /* borrowed */
    const trn_codebook_t *weight; /* [parts x width] rows of `weight->width` numbers; borrowed */
    /* Private. */
    trn_coder_t coder;
    double *table; /* [parts x k x weight->width] products of centers */
    int32_t *code; /* [parts x block] */
    double *exact; /* [block x weight->width] */
    double *error; /* [own blocks x 2] squares of differences, and of exact products */
    int64_t block, first;
} trn_tables_t;

/* Multiply the centers, and get ready for a pass over `in`, open, with float64 blocks. Collective.
 * Fails (agreed) with TRN_MEMORY. Cost: k parts width weight->width products, once. */
trn_status_t trn_tables_open(trn_tables_t *tables, const trn_tall_in_t *in, int threads);

/* What rows become, for trn_tall_save: float64; the exact product is made beside it, to know the
 * error. Local. */
trn_tall_made_t trn_tables_made(trn_tables_t *tables);

/* After the pass: squares of all differences, and of all exact numbers, by the tree over blocks.
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_tables_error(const trn_tables_t *tables, const trn_tall_in_t *in,
                              double squares[2]);

/* Free; {0} is fine. Local. */
void trn_tables_close(trn_tables_t *tables);

/* What it takes beside both codebooks, for `rows` rows. Local. */
void trn_tables_plan(trn_ledger_t *ledger, const trn_tables_t *tables, int64_t rows, int threads,
                     int ranks, int rank);

#endif
