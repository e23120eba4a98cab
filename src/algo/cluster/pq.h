/* pq.h: product quantization: rows cut into equal parts, each with a codebook of its own.
 *
 * H. Jegou, M. Douze, C. Schmid: Product quantization for nearest neighbor search, IEEE Trans. PAMI
 * 33 (2011). */
#ifndef TRN_ALGO_CLUSTER_PQ_H
#define TRN_ALGO_CLUSTER_PQ_H

#include "algo/cluster/codebook.h"
#include "algo/cluster/kmeans.h"

/* What comes out; start with {0}. */
typedef struct trn_pq {
    trn_codebook_t book; /* parts x k centers of cols / parts numbers, on every rank */
    int64_t rows;        /* this rank's */
    uint16_t *code;      /* [rows x parts] */
    double objective;    /* squared distances of all parts together */
    int64_t empty;       /* centers without rows, of all parts */
} trn_pq_t;

/* Cluster each part of the rows by itself; `parts` divide the columns, options.k <= 65536.
 * Collective, equal arguments. Fails (agreed) as trn_kmeans. Free the result even then. */
trn_status_t trn_pq(trn_pq_t *result, const trn_cluster_rows_t *rows, int64_t parts,
                    const trn_kmeans_options_t *options);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_pq_free(trn_pq_t *result);

/* What it takes on a rank of `own` rows; the result stays. Local. */
void trn_pq_plan(trn_ledger_t *ledger, int64_t own, int64_t cols, int64_t parts,
                 const trn_kmeans_options_t *options);

#endif
