/* spmm_impl.h: what the files of spmm.h share. */
#ifndef TRN_MPI_SPARSE_SPMM_IMPL_H
#define TRN_MPI_SPARSE_SPMM_IMPL_H

#include "kern/sparse/spmm.h"
#include "mpi/sparse/spmm.h"

/* The way of rows of B between the ranks. All arrays are by rank. */
typedef struct halo {
    int64_t *in;        /* [ranks + 1]: rows in[q] <= f < in[q + 1] of `far` come from rank q */
    int64_t *out_rows;  /* [ranks] how many go to rank q: ... */
    int64_t *out_first; /* [ranks] ... own rows from this one on, or -1: ... */
    int64_t *out;       /* [ranks + 1] ... those in list[out[q] .. out[q + 1]) */
    int32_t *list;
    int64_t far_rows, sent_rows, listed; /* sums */
    char *far[2];                        /* [far_rows x width]: the present slab and the next */
    char *packed;                        /* [listed x width] */
} halo_t;

/* B^T and C^T of a product from the right. */
typedef struct transpose {
    int64_t m;               /* rows of B and C */
    int64_t *b_start;        /* [ranks + 1] bands of B */
    int64_t *c_start;        /* [ranks + 1] bands of C */
    char *strip;             /* [columns x own rows]: own band of B or C, transposed */
    trn_view_t b_transposed; /* [own columns of B x m] */
    trn_view_t c_transposed; /* [own columns of C x m] */
} transpose_t;

struct trn_spmm_plan {
    MPI_Comm comm;
    int rank, ranks;
    trn_spmm_options_t options;
    trn_dtype_t type;
    /* The product as it is computed: `in` rows of B meet `out` rows of C. */
    int64_t *in_start;     /* [ranks + 1] */
    int64_t *out_start;    /* [ranks + 1] */
    int64_t *s_start;      /* [ranks + 1] bands of S as it was given */
    MPI_Request *requests; /* [2 x ranks] */
    int nrequests;         /* under way */
    int64_t cols;          /* of B and C */
    trn_sparse_t *routed;  /* the block, if it had to come from elsewhere */
    int32_t *column;       /* its columns as kern/spmm.h wants them, if there is a halo */
    trn_spmm_t product;
    halo_t halo;
    transpose_t transpose;
    int64_t width, bytes;
    trn_view_t b_shape, c_shape; /* what execution must be given; no data */
};

/* Boundaries of the row bands of `dist` into start[ranks + 1]. Fails with TRN_USAGE. Local. */
trn_status_t trn_spmm_starts(const trn_dist_t *dist, int ranks, const char *what, int64_t *start);

/* Find the rows that `block`'s entries meet on other ranks, renumber its columns, tell the owners.
 * Collective. Fails (agreed). */
trn_status_t trn_spmm_halo_plan(trn_spmm_plan_t *plan, const trn_sparse_t *block);

/* Bytes that the halo takes whatever the slabs, and for each column of a slab. Local. */
int64_t trn_spmm_halo_fixed(const trn_spmm_plan_t *plan);
int64_t trn_spmm_halo_column(const trn_spmm_plan_t *plan, bool doubled);

/* Allocate the buffers for slabs of plan->width columns. Local. */
trn_status_t trn_spmm_halo_buffers(trn_spmm_plan_t *plan);

/* Start moving columns [first, first + cols) of B into far[which]. Local; never fails. */
void trn_spmm_halo_post(trn_spmm_plan_t *plan, trn_view_t b, int64_t first, int64_t cols,
                        int which);
/* Let messages move; wait for them. Local. */
void trn_spmm_halo_progress(trn_spmm_plan_t *plan);
void trn_spmm_wait(trn_spmm_plan_t *plan);
void trn_spmm_halo_free(halo_t *halo);

/* Rows of `cols` numbers that lie `stride` numbers apart; free the type after use. Local. */
MPI_Datatype trn_spmm_row_type(trn_dtype_t type, int64_t cols, int64_t stride);

/* Bytes that transposing takes; allocate them. Local. */
int64_t trn_spmm_transpose_bytes(const trn_spmm_plan_t *plan);
trn_status_t trn_spmm_transpose_buffers(trn_spmm_plan_t *plan);

/* B into transpose.b_transposed; transpose.c_transposed (+ beta C) into C. Collective; never fail.
 */
void trn_spmm_transpose_in(trn_spmm_plan_t *plan, trn_view_t b);
void trn_spmm_transpose_out(trn_spmm_plan_t *plan, double beta, trn_view_t c);
void trn_spmm_transpose_free(transpose_t *transpose);

#endif
