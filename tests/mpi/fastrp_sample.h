/* fastrp_sample.h: graphs and their parts on each rank, for tests of fastrp. */
#ifndef TESTS_MPI_FASTRP_SAMPLE_H
#define TESTS_MPI_FASTRP_SAMPLE_H

#include "algo/graph/fastrp.h"

#include "algo/matrix/tall.h"
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 4000, DIM = 24 };

static int64_t other_end(int64_t i, int64_t k) {
    int64_t m = NODES - 5; /* the last five nodes are isolated */
    return k == 0 ? (7 * i + 3) % m : k == 1 ? (i * i + 11) % m : i / 40;
}
static bool leads(int64_t i, int64_t j) {
    int64_t m = NODES - 5;
    return i < m && j < m && i != j &&
           (j == other_end(i, 0) || j == other_end(i, 1) || j == other_end(i, 2));
}
static double plain(int64_t i, int64_t j) {
    return leads(i, j) || leads(j, i);
}
/* The same under other names. */
static int64_t renamed(int64_t i) {
    return (i * 1789 + 41) % NODES;
}

/* A graph, and R as numbers; 0 is no entry. */
typedef struct graph {
    int64_t nodes;
    double (*weight)(int64_t i, int64_t j); /* symmetric */
    double (*r)(int64_t i, int64_t c);      /* NULL: a random one */
    double (*feature)(int64_t i, int64_t j);
    int64_t features;
    bool dense_r, valued;
    bool renamed; /* node i is node renamed(i) of the large graph */
} graph_t;

/* This rank's part of it. */
typedef struct sample {
    trn_fastrp_in_t in;
    trn_dist_t *dist, *features_dist;
    trn_sparse_t *adjacency, *sparse_r;
    trn_matrix_t *dense_r, *features;
} sample_t;

/* Bands of whole blocks: even, or ever longer ones behind an empty one. */
static trn_dist_t *bands(MPI_Comm on, int64_t rows, int64_t cols, bool even) {
    int parts;
    MPI_Comm_size(on, &parts);
    int64_t start[65] = {0}, block = trn_tall_block(rows), blocks = (rows + block - 1) / block;
    for (int p = 1; p <= parts; p++) {
        int64_t weight = even ? p : (int64_t)(p - 1) * p,
                all = even ? parts : (int64_t)(parts - 1) * parts;
        int64_t at = all > 0 ? blocks * weight / all * block : rows;
        start[p] = p == parts || at > rows ? rows : at;
    }
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create_at(&dist, parts, start, 1, (int64_t[]){0, cols}));
    return dist;
}

static trn_sparse_t *sparse_of(trn_sparse_type_t type, int64_t first, int64_t rows, int64_t cols,
                               double (*number)(int64_t, int64_t)) {
    int64_t count = 0, room = 16 * rows + 16;
    trn_triplet_t *triplets = malloc((size_t)room * sizeof *triplets);
    for (int64_t i = first; i < first + rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double x = number(i, j);
            if (x == 0) continue;
            if (count == room) triplets = realloc(triplets, (size_t)(room *= 2) * sizeof *triplets);
            triplets[count++] = (trn_triplet_t){i, j, x};
        }
    trn_sparse_t *sparse;
    CHECK_OK(
        trn_sparse_create(&sparse, type, (trn_extent_t){first, rows, 0, cols}, count, triplets));
    free(triplets);
    return sparse;
}

/* The adjacency of the large graph edge by edge, for it has 16 million places. */
static trn_sparse_t *large(const graph_t *g, int64_t first, int64_t rows) {
    int64_t count = 0, *name = malloc(NODES * sizeof *name);
    trn_triplet_t *triplets = malloc((size_t)(6 * NODES) * sizeof *triplets);
    for (int64_t i = 0; i < NODES; i++)
        name[g->renamed ? renamed(i) : i] = i;
    for (int64_t a = 0; a < NODES - 5; a++)
        for (int64_t k = 0; k < 3; k++) {
            int64_t b = other_end(a, k), i = name[a], j = name[b];
            bool again = a == b || (b < a && leads(b, a));
            for (int64_t l = 0; l < k; l++)
                again = again || other_end(a, l) == b;
            if (again) continue;
            if (i >= first && i < first + rows)
                triplets[count++] = (trn_triplet_t){i, j, g->weight(i, j)};
            if (j >= first && j < first + rows)
                triplets[count++] = (trn_triplet_t){j, i, g->weight(j, i)};
        }
    trn_sparse_t *sparse;
    CHECK_OK(trn_sparse_create(&sparse, g->valued ? TRN_SPARSE_F64 : TRN_SPARSE_PATTERN,
                               (trn_extent_t){first, rows, 0, NODES}, count, triplets));
    free(triplets);
    free(name);
    return sparse;
}

static trn_matrix_t *dense_of(MPI_Comm on, const trn_dist_t *dist,
                              double (*number)(int64_t, int64_t)) {
    trn_matrix_t *matrix;
    CHECK_OK(trn_matrix_create(&matrix, on, TRN_F64, dist));
    trn_view_t view = trn_matrix_block(matrix);
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t c = 0; c < view.cols; c++)
            ((double *)view.data)[i * view.stride + c] =
                number(trn_matrix_first_row(matrix) + i, c);
    return matrix;
}

static void make(sample_t *s, MPI_Comm on, const graph_t *g, int64_t dim, bool even) {
    int me;
    MPI_Comm_rank(on, &me);
    *s = (sample_t){.dist = bands(on, g->nodes, dim, even)};
    int64_t first = trn_dist_row_start(s->dist, me), rows = trn_dist_local_rows(s->dist, me);
    s->adjacency = g->nodes == NODES
                       ? large(g, first, rows)
                       : sparse_of(TRN_SPARSE_PATTERN, first, rows, g->nodes, g->weight);
    if (g->r && g->dense_r) s->dense_r = dense_of(on, s->dist, g->r);
    if (g->r && !g->dense_r) s->sparse_r = sparse_of(TRN_SPARSE_F64, first, rows, dim, g->r);
    if (g->feature) {
        s->features_dist = bands(on, g->nodes, g->features, even);
        s->features = dense_of(on, s->features_dist, g->feature);
    }
    s->in = (trn_fastrp_in_t){on, s->dist, s->adjacency, s->sparse_r, s->dense_r, s->features};
}

static void drop(sample_t *s) {
    trn_sparse_destroy(&s->adjacency);
    trn_sparse_destroy(&s->sparse_r);
    trn_matrix_destroy(&s->dense_r);
    trn_matrix_destroy(&s->features);
    trn_dist_destroy(&s->features_dist);
    trn_dist_destroy(&s->dist);
}

/* All vectors on rank 0, by number; elsewhere zeros. */
static void *solve(MPI_Comm on, const graph_t *g, const trn_fastrp_options_t *o, bool even) {
    sample_t s;
    trn_matrix_t *z = NULL;
    size_t bytes = (size_t)(g->nodes * o->dim * trn_matrix_type_size(o->type));
    void *all = calloc(bytes, 1);
    make(&s, on, g, o->dim, even);
    CHECK_OK(trn_fastrp(&z, &s.in, o));
    if (z) trn_matrix_gather(z, all);
    trn_matrix_destroy(&z);
    drop(&s);
    return all;
}

#endif
