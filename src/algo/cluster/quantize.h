/* quantize.h: the codes of all rows into a store as the rows pass by, and how far they are off. */
#ifndef TRN_ALGO_CLUSTER_QUANTIZE_H
#define TRN_ALGO_CLUSTER_QUANTIZE_H

#include "algo/cluster/coder.h"
#include "io/store/store.h"

#include <jansson.h>

/* Sums over all rows, in float64 by the tree over blocks. */
typedef struct trn_quantize_error {
    double squares; /* of differences */
    double size;    /* of numbers themselves, squared */
    double cosines; /* over `pairs` */
    double pairs;   /* rows of which neither it nor its code is all zeros */
    double largest; /* difference */
} trn_quantize_error_t;

/* A pass. Start with {0}. */
typedef struct trn_quantize {
    trn_coder_t *coder;             /* borrowed */
    const trn_cluster_rows_t *rows; /* borrowed */
    /* Codes that are known, of this rank's rows, in the type of the coder's shape; NULL: each block
     * is encoded as it comes. Borrowed. */
    const void *known;
    trn_quantize_error_t error; /* on every rank */
    int64_t bytes;              /* of codes and scales, of all rows */
} trn_quantize_t;

/* Declare the datasets of codes, and attributes that say how they are made. Collective. Fails as
 * the store's calls do. */
trn_status_t trn_quantize_declare(const trn_quantize_t *pass, trn_store_t *store);

/* Let the rows pass by once and write their codes. Collective, between trn_store_begin and commit.
 * Fails (agreed) as a pass does, with TRN_NUMERIC (a number too large for its scale), TRN_MEMORY,
 * TRN_IO. */
trn_status_t trn_quantize_write(trn_quantize_t *pass, trn_store_t *store);

/* What the pass takes, beside the coder. Local. */
void trn_quantize_plan(trn_ledger_t *ledger, const trn_coder_t *coder, int64_t rows);

/* Figures: bytes before (numbers of `size` bytes) and after (with `more`, of a codebook), errors.
 * Local. */
json_t *trn_quantize_figures(const trn_quantize_t *pass, int64_t size, int64_t more);

#endif
