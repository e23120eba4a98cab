/* communities.c: rows that are not 0 go together into a matrix of their own, which k-means
 * clusters, and labels go back. */
#define _GNU_SOURCE
#include "algo/graph/snapshots/communities.h"

#include "algo/cluster/kmeans.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dense/redist.h"
#include "mpi/large.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 300 /* of k-means at most */ };

/* The rows that are not 0, as they lie here and as trn_tall deals so many. */
typedef struct packed {
    int64_t own, all;
    int64_t *row; /* [own] of W */
    double *here; /* [own x r] */
    double *label;
    trn_dist_t *from[2], *to[2]; /* of rows, and of labels */
    trn_tall_t tall;
    trn_tall_t labels; /* [all x 1] */
} packed_t;

static void packed_free(packed_t *p) {
    trn_free(&p->row);
    trn_free(&p->here);
    trn_free(&p->label);
    for (int i = 0; i < 2; i++) {
        trn_dist_destroy(&p->from[i]);
        trn_dist_destroy(&p->to[i]);
    }
    trn_tall_free(&p->tall);
    trn_tall_free(&p->labels);
}

/* Scale to sum 1. Local. */
static trn_status_t pack(packed_t *p, trn_tall_t w) {
    int64_t r = w.block.cols, rows = w.block.rows;
    TRN_TRY(trn_alloc(&p->row, rows, sizeof *p->row, "rows to cluster"));
    TRN_TRY(trn_alloc(&p->here, rows * r, sizeof *p->here, "rows to cluster"));
    TRN_TRY(trn_alloc(&p->label, rows, sizeof *p->label, "labels"));
    for (int64_t i = 0; i < rows; i++) {
        const double *from = (const double *)w.block.data + i * w.block.stride;
        double *to = p->here + p->own * r, sum = 0;
        for (int64_t c = 0; c < r; c++)
            sum += from[c];
        if (!(sum > 0)) continue;
        for (int64_t c = 0; c < r; c++)
            to[c] = from[c] / sum;
        p->row[p->own++] = i;
    }
    return TRN_OK;
}

/* Bands as the rows lie, and even ones of whole blocks. Collective. */
static trn_status_t place(packed_t *p, trn_tall_t w) {
    int64_t *start = NULL, r = w.block.cols;
    int ranks;
    MPI_Comm_size(w.comm, &ranks);
    trn_status_t status;
    TRN_OR(done, trn_agree(w.comm, trn_alloc(&start, ranks + 1, sizeof *start, "bands of rows")));
    start[0] = 0;
    MPI_Allgather(&p->own, 1, MPI_INT64_T, start + 1, 1, MPI_INT64_T, w.comm);
    for (int q = 0; q < ranks; q++)
        start[q + 1] += start[q];
    p->all = start[ranks];
    for (int i = 0; i < 2 && status == TRN_OK; i++) {
        int64_t cols[2] = {0, i == 0 ? r : 1};
        status = trn_dist_create_at(&p->from[i], ranks, start, 1, cols);
        if (status == TRN_OK) status = trn_tall_dist(&p->to[i], w.comm, p->all, cols[1]);
    }
    if (status == TRN_OK) status = trn_tall_create(&p->tall, w.comm, p->all, r);
    if (status == TRN_OK) status = trn_tall_create(&p->labels, w.comm, p->all, 1);
    status = trn_agree(w.comm, status);
done:
    trn_free(&start);
    return status;
}

static trn_status_t move(packed_t *p, MPI_Comm comm, bool back) {
    trn_redist_t *redist = NULL;
    int i = back ? 1 : 0;
    int64_t cols = back ? 1 : p->tall.block.cols;
    trn_view_t here = {TRN_F64, p->own, cols, cols, back ? p->label : p->here};
    trn_view_t there = back ? p->labels.block : p->tall.block;
    TRN_TRY(trn_redist_create(&redist, comm, TRN_F64, back ? p->to[i] : p->from[i],
                              back ? p->from[i] : p->to[i]));
    trn_redist_run(redist, back ? there : here, back ? here : there);
    trn_redist_destroy(&redist);
    return TRN_OK;
}

/* k-means from the last centers, if there are any, and anew; *again: the former is kept. */
static trn_status_t cluster(const trn_communities_t *c, const packed_t *p, int64_t k,
                            trn_kmeans_t *best, bool *again) {
    trn_cluster_rows_t rows = {p->tall, 0, p->tall.block.cols, NULL, "rows of W"};
    trn_kmeans_options_t o = {.k = k,
                              .start = TRN_KMEANS_PLUS,
                              .starts = c->starts,
                              .steps = STEPS,
                              .seed = c->seed,
                              .split = true,
                              .quiet = true,
                              .threads = c->threads};
    trn_kmeans_t other = {0};
    *again = false;
    trn_status_t status = trn_kmeans(best, &rows, &o);
    if (status != TRN_OK || !c->center || c->found != k) return status;
    o.start = TRN_KMEANS_GIVEN;
    o.given = c->center;
    o.starts = 1;
    status = trn_kmeans(&other, &rows, &o);
    *again = status == TRN_OK && other.objective[other.steps] <= best->objective[best->steps];
    if (*again) {
        trn_kmeans_t worse = *best;
        *best = other;
        other = worse;
    }
    trn_kmeans_free(&other);
    return status;
}

/* More common nodes first, of equals the smaller pair. */
static int by_common(const void *a, const void *b, void *user) {
    const int64_t *common = user;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (common[i] != common[j]) return common[i] > common[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* name[k] of new clusters, those of the last snapshot with which they share the most nodes,
 * greedily; common[k x k] counts them, new by old. The rest take what names are left. */
static trn_status_t match(int64_t k, int64_t *common, int32_t *name) {
    int64_t *pair = NULL, count = 0, next = 0;
    unsigned char *used = NULL;
    trn_status_t status = trn_alloc(&pair, k * k, sizeof *pair, "common nodes");
    if (status == TRN_OK) status = trn_alloc_zero(&used, k, 1, "names of clusters");
    for (int64_t at = 0; status == TRN_OK && at < k * k; at++)
        if (common[at] > 0) pair[count++] = at;
    for (int64_t c = 0; c < k; c++)
        name[c] = -1;
    if (count > 0) qsort_r(pair, (size_t)count, sizeof *pair, by_common, common);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = pair[i] / k, old = pair[i] % k;
        if (name[c] >= 0 || used[old]) continue;
        name[c] = (int32_t)old;
        used[old] = 1;
    }
    for (int64_t c = 0; c < k && status == TRN_OK; c++) {
        if (name[c] >= 0) continue;
        while (used[next])
            next++;
        name[c] = (int32_t)next++;
    }
    trn_free(&pair);
    trn_free(&used);
    return status;
}

/* Names of new clusters: their own, or, if there were as many before, by common nodes. Collective.
 */
static trn_status_t name_clusters(const trn_communities_t *c, const packed_t *p, MPI_Comm comm,
                                  int64_t k, bool own, int32_t *name) {
    int64_t *common = NULL;
    for (int64_t i = 0; i < k; i++)
        name[i] = (int32_t)i;
    if (own || c->found != k || !c->label) return TRN_OK;
    trn_status_t status = trn_alloc_zero(&common, k * k, sizeof *common, "common nodes");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < p->own; i++) {
        int32_t before = c->label[p->row[i]];
        if (before >= 0) common[(int64_t)p->label[i] * k + before]++;
    }
    trn_sum_large(comm, k * k, MPI_INT64_T, common);
    status = trn_agree(comm, match(k, common, name));
done:
    trn_free(&common);
    return status;
}

/* Labels and centers of this snapshot, in place of those before. */
static void keep(trn_communities_t *c, const packed_t *p, trn_tall_t w, const trn_kmeans_t *found,
                 const int32_t *name) {
    int64_t r = w.block.cols;
    for (int64_t i = 0; i < w.block.rows; i++)
        c->label[i] = -1;
    for (int64_t i = 0; i < p->own; i++)
        c->label[p->row[i]] = name[(int64_t)p->label[i]];
    for (int64_t i = 0; i < found->k; i++)
        memcpy(c->center + name[i] * r, found->center + i * r, (size_t)r * sizeof(double));
    c->found = found->k;
    c->placed = p->all;
    c->objective = found->objective[found->steps];
}

static trn_status_t make_room(trn_communities_t *c, trn_tall_t w, int32_t **name) {
    TRN_TRY(trn_alloc(name, c->k, sizeof **name, "names of clusters"));
    if (c->label) return TRN_OK;
    TRN_TRY(trn_alloc(&c->label, w.block.rows, sizeof *c->label, "labels"));
    for (int64_t i = 0; i < w.block.rows; i++)
        c->label[i] = -1;
    return trn_alloc_zero(&c->center, c->k * w.block.cols, sizeof *c->center, "centers");
}

trn_status_t trn_communities_find(trn_communities_t *c, trn_tall_t w) {
    packed_t p = {0};
    trn_kmeans_t found = {0};
    int32_t *name = NULL;
    bool again;
    trn_status_t status = make_room(c, w, &name);
    if (status == TRN_OK) status = pack(&p, w);
    TRN_OR(done, trn_agree(w.comm, status));
    TRN_OR(done, place(&p, w));
    int64_t k = p.all < c->k ? p.all : c->k;
    if (k > 0) {
        TRN_OR(done, move(&p, w.comm, false));
        TRN_OR(done, cluster(c, &p, k, &found, &again));
        for (int64_t i = 0; i < p.tall.block.rows; i++)
            ((double *)p.labels.block.data)[i] = found.label[i];
        TRN_OR(done, move(&p, w.comm, true));
        TRN_OR(done, name_clusters(c, &p, w.comm, k, again, name));
        keep(c, &p, w, &found, name);
    } else {
        for (int64_t i = 0; i < w.block.rows; i++)
            c->label[i] = -1;
        c->found = c->placed = 0;
        c->objective = 0;
    }
done:
    packed_free(&p);
    trn_kmeans_free(&found);
    trn_free(&name);
    return status;
}

void trn_communities_free(trn_communities_t *c) {
    trn_free(&c->center);
    trn_free(&c->label);
}

void trn_communities_plan(trn_ledger_t *ledger, const trn_communities_t *c, int64_t own,
                          int64_t r) {
    trn_ledger_take(ledger, "labels", own, (int64_t)sizeof(int32_t));
    trn_ledger_take(ledger, "labels", c->k * r, (int64_t)sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "clustering", own, 16 + 8 * r); /* pack */
    trn_ledger_take(ledger, "clustering", own, 8 + 8 * r);  /* place */
    trn_kmeans_options_t o = {
        .k = c->k, .starts = c->starts, .steps = STEPS, .threads = c->threads};
    trn_kmeans_plan(ledger, own, r, &o);
    o.starts = 1;
    trn_kmeans_plan(ledger, own, r, &o);
    trn_ledger_take(ledger, "clustering", 2 * c->k * c->k, 8); /* names */
    trn_ledger_back(ledger, &before);
}
