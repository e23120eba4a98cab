/* propagate_sample.h: the small golden graph of users and items, on any communicator. */
#ifndef TESTS_MPI_PROPAGATE_SAMPLE_H
#define TESTS_MPI_PROPAGATE_SAMPLE_H

#include "algo/graph/lightgcn/propagate.h"
#include "harness.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <stdlib.h>

enum { USERS = 30, ITEMS = 40, NODES = USERS + ITEMS, DIM = 8, LAYERS = 3 };

/* The golden graph: which item a user likes. */
static inline bool golden(int64_t u, int64_t v) {
    return (7 * u + 11 * v + u * v) % 5 == 0;
}
static inline double start_number(int64_t i, int64_t j, int64_t s) {
    return (double)((7919 * i + 104729 * j + 15485863 * s) % 1009) / 1009. - .5;
}
/* A graph on a communicator, with numbers to work with. */
typedef struct problem {
    MPI_Comm comm;
    int rank, ranks;
    trn_dist_t *bands;
    trn_sparse_t *likes;
    trn_bipartite_t *a;
    trn_sides_t x, y, scratch;
} problem_t;

static inline trn_status_t make_likes(trn_sparse_t **likes, bool (*liked)(int64_t, int64_t),
                                      const trn_dist_t *bands, int r) {
    trn_extent_t at = trn_sparse_extent_of(bands, r);
    trn_triplet_t *t = malloc(sizeof *t * USERS * ITEMS);
    int64_t count = 0;
    for (int64_t u = at.first_row; u < at.first_row + at.rows; u++)
        for (int64_t v = 0; v < ITEMS; v++)
            if (liked(u, v)) t[count++] = (trn_triplet_t){u, v, 1};
    trn_status_t status = trn_sparse_create(likes, TRN_SPARSE_PATTERN, at, count, t);
    free(t);
    return status;
}

/* Even bands, or such that keep blocks of `block` rows whole: here all on rank 0. */
static inline trn_status_t make_in(problem_t *p, bool (*liked)(int64_t, int64_t),
                                   trn_bipartite_kind_t kind, trn_dtype_t type, int64_t block,
                                   MPI_Comm on) {
    *p = (problem_t){.comm = on};
    MPI_Comm_rank(on, &p->rank);
    MPI_Comm_size(on, &p->ranks);
    trn_status_t status = trn_dist_create(&p->bands, USERS, ITEMS, block > 1 ? 1 : p->ranks, 1);
    if (status == TRN_OK) status = make_likes(&p->likes, liked, p->bands, p->rank);
    status = trn_agree(on, status);
    trn_bipartite_of_t of = {on, p->likes, p->bands, kind, type, DIM, 1, block};
    if (status == TRN_OK) status = trn_bipartite_create(&p->a, &of);
    if (status == TRN_OK) status = trn_sides_create(&p->x, p->a);
    if (status == TRN_OK) status = trn_sides_create(&p->y, p->a);
    if (status == TRN_OK) status = trn_sides_create(&p->scratch, p->a);
    return status;
}

static inline trn_status_t make(problem_t *p, bool (*liked)(int64_t, int64_t),
                                trn_bipartite_kind_t kind, trn_dtype_t type, MPI_Comm on) {
    return make_in(p, liked, kind, type, 1, on);
}

static inline void destroy(problem_t *p) {
    trn_sides_free(&p->x);
    trn_sides_free(&p->y);
    trn_sides_free(&p->scratch);
    trn_bipartite_destroy(&p->a);
    trn_sparse_destroy(&p->likes);
    trn_dist_destroy(&p->bands);
}

/* Numbers by node (users first) and column. */
static inline void fill(const trn_sides_t *x, double (*number)(int64_t, int64_t, int64_t)) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(x, side);
        int64_t first = trn_matrix_first_row(x->side[side]) + (side == TRN_ITEMS ? USERS : 0);
        for (int64_t i = 0; i < v.rows; i++)
            for (int64_t j = 0; j < v.cols; j++) {
                double n = number(first + i, j, 0);
                if (v.type == TRN_F64)
                    ((double *)v.data)[i * v.stride + j] = n;
                else
                    ((float *)v.data)[i * v.stride + j] = (float)n;
            }
    }
}

/* All numbers on rank 0 of their communicator. */
static inline void gather(const trn_sides_t *x, int64_t users, int64_t cols, int64_t size,
                          void *all) {
    trn_matrix_gather(x->side[TRN_USERS], all);
    trn_matrix_gather(x->side[TRN_ITEMS], (char *)all + users * cols * size);
}

#endif
