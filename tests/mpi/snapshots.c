/* algo/graph/snapshots: counts of windows by the definition, planted communities found again, the
 * same bits on any number of ranks, selective updates that touch nothing else. */
#define _GNU_SOURCE
#include "algo/graph/snapshots/snapshots.h"

#include "algo/graph/eval/clusters_eval.h"
#include "algo/graph/snapshots/landmarks.h"
#include "algo/graph/snapshots/windows.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "tall_sample.h"

/* Graphs --------------------------------------------------------------------------------------- */

/* Whether i and j have an edge: a chance for nodes of one group, another for others, as published
 * for SYN-FIX: a node has 16 neighbors, z of them outside. */
typedef struct planted {
    int64_t n, groups;
    double degree, z;
    uint64_t seed;
} planted_t;

/* Of group g of `groups` at time 0; at each time some nodes are in the next group. */
static int64_t group_of(const planted_t *p, int64_t i, int time) {
    int64_t group = i * p->groups / p->n;
    for (int t = 1; t <= time; t++) {
        uint32_t words[4];
        trn_rng_words(p->seed, (uint64_t)i, 1, (uint32_t)t, TRN_RNG_TEST, words);
        if (words[0] % 32 == 0) group = (group + 1 + words[1] % (p->groups - 1)) % p->groups;
    }
    return group;
}

/* `drawn`: when the edges of i and j were last drawn. */
static bool has_edge(const planted_t *p, int64_t i, int64_t j, int drawn, bool same) {
    uint32_t words[4];
    int64_t low = i < j ? i : j, high = i < j ? j : i;
    double size = (double)p->n / (double)p->groups;
    double chance = same ? (p->degree - p->z) / (size - 1) : p->z / ((double)p->n - size);
    trn_rng_words(p->seed, (uint64_t)(low * p->n + high), 2, (uint32_t)drawn, TRN_RNG_TEST, words);
    return i != j && words[0] < chance * 4294967296.;
}

typedef bool edge_t(const void *graph, int64_t i, int64_t j);

/* This rank's rows of a matrix. */
static trn_sparse_t *rows_of(MPI_Comm on, int64_t n, edge_t *edge, const void *graph) {
    trn_sparse_t *rows = NULL;
    int on_rank;
    int64_t count = 0;
    MPI_Comm_rank(on, &on_rank);
    trn_extent_t extent = {trn_tall_start(on, n, on_rank), 0, 0, n};
    extent.rows = trn_tall_start(on, n, on_rank + 1) - extent.first_row;
    trn_triplet_t *t = malloc(sizeof *t * (size_t)(extent.rows * n + 1));
    for (int64_t i = extent.first_row; i < extent.first_row + extent.rows; i++)
        for (int64_t j = 0; j < n; j++)
            if (edge(graph, i, j)) t[count++] = (trn_triplet_t){i, j, 1};
    CHECK_OK(trn_sparse_create(&rows, TRN_SPARSE_PATTERN, extent, count, t));
    free(t);
    return rows;
}

/* A planted graph at a time, with all edges drawn anew. */
typedef struct moment {
    const planted_t *p;
    int time;
    const int64_t *group;
} moment_t;

static bool in_moment(const void *graph, int64_t i, int64_t j) {
    const moment_t *m = graph;
    return has_edge(m->p, i, j, m->time, m->group[i] == m->group[j]);
}

static trn_sparse_t *planted(MPI_Comm on, const planted_t *p, int time, int64_t *group) {
    for (int64_t i = 0; i < p->n; i++)
        group[i] = group_of(p, i, time);
    return rows_of(on, p->n, in_moment, &(moment_t){p, time, group});
}

/* A small graph with a triangle, a path, a star and a lone node. */
static bool small(const void *graph, int64_t i, int64_t j) {
    static const int edge[][2] = {{0, 1}, {1, 2}, {0, 2}, {2, 3}, {3, 4}, {4, 5},
                                  {5, 6}, {5, 7}, {5, 8}, {8, 9}, {9, 0}};
    (void)graph;
    for (size_t e = 0; e < sizeof edge / sizeof *edge; e++)
        if ((edge[e][0] == i && edge[e][1] == j) || (edge[e][1] == i && edge[e][0] == j))
            return true;
    return false;
}

enum { SMALL = 11 };

/* Parts ---------------------------------------------------------------------------------------- */

typedef struct dense {
    int64_t first, cols;
    double *value; /* [n x cols] */
} dense_t;

static trn_status_t put(void *user, int64_t row, int64_t count, const int32_t *column,
                        const double *pmi) {
    dense_t *d = user;
    for (int64_t e = 0; e < count; e++) {
        CHECK(e == 0 || column[e] > column[e - 1]);
        d->value[(d->first + row) * d->cols + column[e]] = pmi[e];
    }
    return TRN_OK;
}

/* By powers of the dense walk. */
static void windows_of(int window, const int64_t *landmark, int64_t cols) {
    double a[SMALL][SMALL], walk[SMALL][SMALL], next[SMALL][SMALL], count[SMALL][SMALL] = {{0}};
    double degree[SMALL] = {0}, volume = 0, got[SMALL * SMALL] = {0}, *degrees;
    trn_sparse_t *rows = rows_of(comm, SMALL, small, NULL);
    for (int i = 0; i < SMALL; i++)
        for (int j = 0; j < SMALL; j++) {
            walk[i][j] = a[i][j] = small(NULL, i, j);
            degree[i] += a[i][j];
            volume += a[i][j];
        }
    for (int r = 0; r < window; r++) {
        for (int i = 0; i < SMALL; i++)
            for (int j = 0; j < SMALL; j++) {
                count[i][j] += walk[i][j];
                next[i][j] = 0;
                for (int k = 0; k < SMALL; k++)
                    if (degree[k] > 0) next[i][j] += a[i][k] / degree[k] * walk[k][j];
            }
        memcpy(walk, next, sizeof walk);
    }
    CHECK_OK(trn_windows_degrees(comm, rows, &degrees));
    trn_extent_t extent = trn_sparse_extent(rows);
    trn_windows_t w = {comm, window, 1, rows, degrees, .cols = cols, .landmark = landmark};
    dense_t to = {extent.first_row, cols, got};
    CHECK_OK(trn_windows_open(&w));
    unsigned char wanted[SMALL] = {1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1};
    CHECK_OK(trn_windows_rows(&w, 0, extent.rows, wanted + extent.first_row, put, &to));
    trn_windows_close(&w);
    MPI_Allreduce(MPI_IN_PLACE, got, SMALL * SMALL, MPI_DOUBLE, MPI_SUM, comm);
    int positive = 0;
    for (int i = 0; i < SMALL; i++)
        for (int64_t c = 0; c < cols; c++) {
            int64_t j = landmark ? landmark[c] : c;
            double pmi = i != 4 && count[i][j] > 0
                             ? log(volume * count[i][j] / (window * degree[i] * degree[j]))
                             : 0;
            CHECK(fabs(got[i * cols + c] - fmax(pmi, 0)) < 1e-12);
            positive += pmi > 0;
        }
    CHECK(positive > 10);
    trn_free(&degrees);
    trn_sparse_destroy(&rows);
}

static void windows(void) {
    static const int64_t some[] = {0, 2, 5, 9};
    for (int window = 1; window <= 5; window++) {
        windows_of(window, NULL, SMALL);
        windows_of(window, some, 4);
    }
}

/* Of a hub and the ends of paths the scores are the largest; no node without edges is taken. */
static void landmarks(void) {
    trn_sparse_t *rows = rows_of(comm, SMALL, small, NULL);
    double *degree;
    int64_t *landmark = NULL, count;
    CHECK_OK(trn_windows_degrees(comm, rows, &degree));
    for (int64_t want = 1; want <= SMALL; want++) {
        CHECK_OK(trn_landmarks_pick(comm, rows, degree, 2, want, 1, &landmark, &count));
        CHECK_EQUAL(count, want < SMALL - 1 ? want : SMALL - 1);
        for (int64_t c = 0; c < count; c++) {
            CHECK(landmark[c] != SMALL - 1);
            CHECK(c == 0 || landmark[c] > landmark[c - 1]);
            for (int64_t d = 0; d < c && want <= 3; d++) /* three can lie apart */
                CHECK(!small(NULL, landmark[c], landmark[d]));
        }
        trn_free(&landmark);
    }
    trn_free(&degree);
    trn_sparse_destroy(&rows);
}

/* Snapshots ------------------------------------------------------------------------------------ */

static trn_snapshots_options_t options_of(int64_t k, int64_t landmarks) {
    return (trn_snapshots_options_t){.k = k,
                                     .dim = k,
                                     .landmarks = landmarks,
                                     .window = 2,
                                     .parts = 1,
                                     .steps = 200,
                                     .tolerance = 1e-6,
                                     .rounds = 10,
                                     .starts = 5,
                                     .seed = 1,
                                     .threads = 1};
}

static double nmi_of(const trn_snapshots_t *s, int64_t t, const int64_t *truth) {
    trn_clusters_score_t score;
    int64_t *found = calloc((size_t)s->n, sizeof *found);
    for (int64_t i = 0; i < s->own; i++)
        found[s->first + i] = s->at[t].label[i];
    MPI_Allreduce(MPI_IN_PLACE, found, (int)s->n, MPI_INT64_T, MPI_SUM, s->comm);
    CHECK_OK(trn_clusters_eval(s->n, found, truth, &score));
    free(found);
    return score.nmi;
}

static void falls(const double *course, int64_t count) {
    for (int64_t i = 1; i < count; i++)
        CHECK(course[i] <= course[i - 1] + 1e-12 * course[0]);
}

/* Ten snapshots of 128 nodes in 4 groups. */
static double follow(double z, double alpha) {
    planted_t p = {128, 4, 16, z, (uint64_t)(100 * z)};
    int64_t group[128];
    double sum = 0;
    trn_snapshots_t s;
    trn_snapshots_options_t o = options_of(4, 128);
    o.alpha = alpha;
    CHECK_OK(trn_snapshots_begin(&s, comm, p.n, &o));
    for (int time = 0; time < 10; time++) {
        trn_sparse_t *rows = planted(comm, &p, time, group);
        CHECK_OK(trn_snapshots_add(&s, &rows));
        sum += nmi_of(&s, time, group) / 10;
        falls(s.at[time].course, s.at[time].done + 1);
        falls(s.at[time].falls, s.at[time].rounds + 1);
        CHECK(alpha > 0 || s.at[time].falls[s.at[time].rounds] == s.at[time].objective);
        CHECK_EQUAL(s.at[time].placed, 128);
    }
    trn_snapshots_free(&s);
    return sum;
}

static void communities(void) {
    CHECK(follow(3, 0) >= 0.95);
    CHECK(follow(5, 0) >= 0.9);
    CHECK(follow(3, 1) >= 0.95);
    CHECK(follow(5, 1) >= 0.9);
}

/* Clusters keep their numbers: the most of each is what it was before. */
static void same_names(const trn_snapshots_t *s, int64_t t) {
    int64_t stays = 0;
    for (int64_t i = 0; i < s->own; i++)
        stays += s->at[t].label[i] == s->at[t - 1].label[i];
    MPI_Allreduce(MPI_IN_PLACE, &stays, 1, MPI_INT64_T, MPI_SUM, s->comm);
    CHECK(stays > s->n * 8 / 10);
}

static trn_snapshots_t run(MPI_Comm on, const planted_t *p, const trn_snapshots_options_t *o,
                           int count) {
    trn_snapshots_t s;
    int64_t *group = malloc(sizeof *group * (size_t)p->n);
    CHECK_OK(trn_snapshots_begin(&s, on, p->n, o));
    for (int time = 0; time < count; time++) {
        trn_sparse_t *rows = planted(on, p, time, group);
        CHECK_OK(trn_snapshots_add(&s, &rows));
        if (time > 0) same_names(&s, time);
    }
    free(group);
    return s;
}

/* Rows of `all`, which one rank has made, are those of s. */
static void same_bits(const trn_snapshots_t *s, const trn_snapshots_t *all) {
    int64_t r = s->options.dim;
    CHECK_EQUAL(s->landmarks, all->landmarks);
    for (int64_t t = 0; t < s->count; t++) {
        const trn_snapshot_t *a = &s->at[t], *b = &all->at[t];
        CHECK_EQUAL(a->done, b->done);
        CHECK_EQUAL(a->rounds, b->rounds);
        CHECK(a->objective == b->objective && a->spread == b->spread);
        CHECK(memcmp(a->h, b->h, sizeof(double) * (size_t)(r * s->landmarks)) == 0);
        CHECK(memcmp(a->w, b->w + s->first * r, sizeof(float) * (size_t)(s->own * r)) == 0);
        CHECK(memcmp(a->label, b->label + s->first, sizeof(int32_t) * (size_t)s->own) == 0);
    }
}

/* Three blocks of rows, others' landmarks, windows of three, parts and threads. */
static void ranks_do_not_show(void) {
    planted_t p = {1100, 4, 16, 3, 7};
    trn_snapshots_options_t o = options_of(4, 100);
    o.window = 3;
    o.starts = 2;
    o.steps = 30;
    trn_snapshots_t alone = run(MPI_COMM_SELF, &p, &o, 2);
    o.parts = 3;
    o.threads = 2;
    trn_snapshots_t s = run(comm, &p, &o, 2);
    same_bits(&s, &alone);
    trn_snapshots_free(&alone);
    trn_snapshots_free(&s);
}

/* Updates -------------------------------------------------------------------------------------- */

/* The edges of nodes below `redrawn` are others at time 1. */
typedef struct partly {
    const planted_t *p;
    int time;
    int64_t redrawn;
} partly_t;

static bool in_partly(const void *graph, int64_t i, int64_t j) {
    const partly_t *g = graph;
    bool anew = g->time > 0 && (i < g->redrawn || j < g->redrawn);
    int64_t a = i % 2, b = j % 2;
    if (anew && i < g->redrawn) a = 1 - a;
    if (anew && j < g->redrawn) b = 1 - b;
    return has_edge(g->p, i, j, anew, a == b);
}

static trn_snapshots_t update(const planted_t *p, int64_t redrawn, bool selective,
                              trn_change_how_t how) {
    trn_snapshots_t s;
    trn_snapshots_options_t o = options_of(2, 300);
    o.selective = selective;
    o.change = how;
    CHECK_OK(trn_snapshots_begin(&s, comm, p->n, &o));
    for (int time = 0; time < 2; time++) {
        trn_sparse_t *rows = rows_of(comm, p->n, in_partly, &(partly_t){p, time, redrawn});
        CHECK_OK(trn_snapshots_add(&s, &rows));
    }
    return s;
}

/* Nodes that change groups are found, and no row of another moves by a bit. */
static void selective(void) {
    enum { N = 1100, REDRAWN = 55 };
    planted_t p = {N, 2, 16, 2, 3};
    trn_snapshots_t s = update(&p, REDRAWN, true, (trn_change_how_t){0.6, 1});
    int64_t r = s.options.dim, moved[2] = {0}, truth[N];
    CHECK_EQUAL(s.at[1].solved, REDRAWN);
    CHECK(s.at[1].landmarks_solved > 0 && s.at[1].landmarks_solved < 40);
    for (int64_t i = 0; i < s.own; i++)
        moved[s.first + i >= REDRAWN] +=
            memcmp(s.at[0].w + i * r, s.at[1].w + i * r, sizeof(float) * (size_t)r) != 0;
    MPI_Allreduce(MPI_IN_PLACE, moved, 2, MPI_INT64_T, MPI_SUM, comm);
    CHECK_EQUAL(moved[0], REDRAWN);
    CHECK_EQUAL(moved[1], 0);
    for (int64_t i = 0; i < N; i++)
        truth[i] = i < REDRAWN ? 1 - i % 2 : i % 2;
    CHECK(nmi_of(&s, 1, truth) >= 0.95);
    trn_snapshots_free(&s);
    s = update(&p, REDRAWN, true, (trn_change_how_t){0, 20. / N}); /* the 20 that changed most */
    CHECK_EQUAL(s.at[1].solved, 20);
    CHECK(s.at[1].changed > 500); /* neighbors of these */
    trn_snapshots_free(&s);
    s = update(&p, 0, true, (trn_change_how_t){0, 1}); /* nothing has changed */
    CHECK_EQUAL(s.at[1].solved, 0);
    CHECK(memcmp(s.at[0].w, s.at[1].w, sizeof(float) * (size_t)(s.own * r)) == 0);
    CHECK(memcmp(s.at[0].label, s.at[1].label, sizeof(int32_t) * (size_t)s.own) == 0);
    trn_snapshots_free(&s);
    s = update(&p, REDRAWN, false, (trn_change_how_t){0, 1});
    CHECK_EQUAL(s.at[1].solved, N);
    CHECK(nmi_of(&s, 1, truth) >= 0.95);
    trn_snapshots_free(&s);
}

/* What may go wrong -----------------------------------------------------------------------------
 */

static bool none(const void *graph, int64_t i, int64_t j) {
    (void)graph, (void)i, (void)j;
    return false;
}

static bool pairs(const void *graph, int64_t i, int64_t j) {
    (void)graph;
    return i + j == 7 && (i == 3 || j == 3 || i == 1 || j == 1);
}

/* A node that has had no edges has no label, one that has lost them keeps its own. */
static void absent(void) {
    trn_snapshots_t s;
    trn_snapshots_options_t o = options_of(3, 100);
    trn_sparse_t *rows = rows_of(comm, SMALL, none, NULL);
    CHECK_OK(trn_snapshots_begin(&s, comm, SMALL, &o));
    CHECK(trn_snapshots_add(&s, &rows) == TRN_INPUT);
    trn_snapshots_free(&s);
    CHECK_OK(trn_snapshots_begin(&s, comm, SMALL, &o));
    rows = rows_of(comm, SMALL, small, NULL);
    CHECK_OK(trn_snapshots_add(&s, &rows));
    rows = rows_of(comm, SMALL, none, NULL);
    CHECK_OK(trn_snapshots_add(&s, &rows));
    CHECK_EQUAL(s.at[1].bare, SMALL - 1);
    for (int64_t i = 0; i < s.own; i++) {
        CHECK((s.at[0].label[i] == -1) == (i == SMALL - 1));
        CHECK_EQUAL(s.at[1].label[i], s.at[0].label[i]);
    }
    trn_snapshots_free(&s);
    o.k = 6;
    CHECK_OK(trn_snapshots_begin(&s, comm, SMALL, &o)); /* fewer nodes than clusters */
    rows = rows_of(comm, SMALL, pairs, NULL);
    CHECK_OK(trn_snapshots_add(&s, &rows));
    CHECK_EQUAL(s.at[0].placed, 4);
    CHECK_EQUAL(s.at[0].found, 4);
    rows = rows_of(comm, SMALL, small, NULL); /* and then enough */
    CHECK_OK(trn_snapshots_add(&s, &rows));
    CHECK_EQUAL(s.landmarks, 4);
    CHECK_EQUAL(s.at[1].found, 6);
    trn_snapshots_free(&s);
}

static trn_status_t tiny(void *argument) {
    trn_snapshots_t s;
    trn_snapshots_options_t o = options_of(2, 4);
    trn_sparse_t *rows[2] = {NULL, NULL};
    (void)argument;
    o.starts = 1;
    o.steps = 1;
    o.rounds = 1;
    o.alpha = ranks > 2 ? 0 : 0.1;
    o.selective = true;
    o.change.most = 1;
    trn_status_t status = trn_snapshots_begin(&s, comm, SMALL, &o);
    for (int t = 0; t < 2 && status == TRN_OK; t++) {
        trn_extent_t extent = {trn_tall_start(comm, SMALL, rank), 0, 0, SMALL};
        extent.rows = trn_tall_start(comm, SMALL, rank + 1) - extent.first_row;
        trn_triplet_t triplets[SMALL * SMALL];
        int64_t count = 0;
        for (int64_t i = extent.first_row; i < extent.first_row + extent.rows; i++)
            for (int64_t j = 0; j < SMALL; j++)
                if (t == 0 ? small(NULL, i, j) : pairs(NULL, i, j))
                    triplets[count++] = (trn_triplet_t){i, j, 1};
        status =
            trn_agree(comm, trn_sparse_create(&rows[t], TRN_SPARSE_F64, extent, count, triplets));
        if (status == TRN_OK) status = trn_snapshots_add(&s, &rows[t]);
        trn_sparse_destroy(&rows[t]);
    }
    trn_snapshots_free(&s);
    return status;
}

static void without_memory(void) {
    harness_inject(tiny, NULL);
}

HARNESS_MAIN({"windows", windows}, {"landmarks", landmarks}, {"communities", communities},
             {"ranks do not show", ranks_do_not_show}, {"selective", selective}, {"absent", absent},
             {"without memory", without_memory})
