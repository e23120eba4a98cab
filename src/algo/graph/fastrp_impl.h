/* fastrp_impl.h: what the files of fastrp.h share. */
#ifndef TRN_ALGO_GRAPH_FASTRP_IMPL_H
#define TRN_ALGO_GRAPH_FASTRP_IMPL_H

#include "algo/graph/fastrp.h"

/* A job on one rank: rows are its own, by local numbers. */
typedef struct trn_fastrp_job {
    const trn_fastrp_in_t *in;
    trn_fastrp_options_t options;
    int64_t nodes, first, rows;
    double s;         /* of R */
    double *strength; /* [rows] degree^alpha 2^-exponent */
    double *inverse;  /* [rows] 1 / degree; 0 where that is 0 */
    int exponent;     /* such that the largest strength is near 1, for float32's range */
    double *property; /* [features x feature_dim] their projection; NULL: no features */
    double *space;    /* [threads x 2 dim] rows of each thread */
    int64_t bad;      /* the first node whose vector is not finite; INT64_MAX: none */
} trn_fastrp_job_t;

/* Columns of U_0 that are random. Local. */
int64_t trn_fastrp_random(const trn_fastrp_options_t *options);

/* Fill strength, inverse and property, which are allocated. Collective; cannot fail. */
void trn_fastrp_degrees(trn_fastrp_job_t *job);

/* row[dim] = a row of U_0. Local. */
void trn_fastrp_start_row(const trn_fastrp_job_t *job, int64_t i, double *row);

/* u = U_0. Local. */
void trn_fastrp_start(const trn_fastrp_job_t *job, trn_view_t u);

/* u = A U_0 by sparse products. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_fastrp_first(const trn_fastrp_job_t *job, trn_view_t u);

/* In how many slabs of columns that is done, the entries of U_0 being `entries`: the product of one
 * slab takes no more than half of what U does. Local. */
int64_t trn_fastrp_slabs(const trn_fastrp_options_t *options, int64_t nodes, int64_t edges,
                         int64_t entries);

/* Entries of U_0 if it is to be sparse, else -1; `given` as trn_fastrp_size_t.projected. Local. */
int64_t trn_fastrp_sparse(const trn_fastrp_options_t *options, int64_t nodes, int64_t given,
                          bool dense);

/* z = self f(U_0). Local. */
void trn_fastrp_self(trn_fastrp_job_t *job, trn_view_t z);

/* What is done to rows of u = A U_(k-1). */
typedef struct trn_fastrp_step {
    trn_view_t u;
    double weight;  /* of f(U_k) in the sum */
    trn_view_t old; /* U_(k-1), data NULL: not wanted */
    double before;  /* of f(U_(k-1)), if the sum has it not yet */
    trn_view_t z;   /* the sum so far, data NULL: 0 */
    bool last;      /* u becomes z + before f(old) + weight f(U_k); else u becomes U_k, and z gets
                     * weight f(U_k) more unless that weight is 0 */
} trn_fastrp_step_t;

/* Local. */
void trn_fastrp_rows(trn_fastrp_job_t *job, const trn_fastrp_step_t *step);

/* Columns of z: mean off, over their deviation; see that all numbers are finite. Collective. Fails
 * (agreed) with TRN_MEMORY, TRN_NUMERIC. */
trn_status_t trn_fastrp_finish(trn_fastrp_job_t *job, trn_view_t z);

#endif
