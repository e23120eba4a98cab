/* nodes_count.c: labels given to nodes that test, counted right and wrong. */
#include "algo/graph/eval/nodes_eval_impl.h"

#include "base/mem.h"
#include "kern/search/topk.h"
#include "kern/train/logistic.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <omp.h>
#include <string.h>

enum { CHUNK = 128 /* nodes whose scores are made together */ };

/* What nodes are held against, and the counts that result: whole numbers, added in any order. */
typedef struct judging {
    const trn_nodes_run_t *run;
    const int32_t *order; /* of the nodes that test */
    int64_t test;
    double *w;        /* [labels x D] */
    uint8_t *present; /* [labels] */
    int64_t *counts;  /* [3 x labels] given and had, given only, had only */
} judging_t;

/* Of one thread. */
typedef struct desk {
    double *space, *score; /* score: [labels x CHUNK] */
    trn_best_t *best;      /* [most labels of a node] */
    int64_t *counts;       /* [3 x labels] */
} desk_t;

static trn_status_t furnish(const judging_t *j, desk_t *desk) {
    int64_t labels = j->run->labels->labels;
    TRN_TRY(trn_alloc(&desk->space, trn_logistic_space(CHUNK, j->run->cols, 1), sizeof *desk->space,
                      "scores"));
    TRN_TRY(trn_alloc(&desk->score, labels * CHUNK, sizeof *desk->score, "scores"));
    TRN_TRY(trn_alloc(&desk->best, j->run->labels->most, sizeof *desk->best, "scores"));
    return trn_alloc_zero(&desk->counts, 3 * labels, sizeof *desk->counts, "counts");
}

static bool has(const trn_node_labels_t *l, int32_t node, int64_t label) {
    for (int64_t k = l->start[node]; k < l->start[node + 1]; k++)
        if (l->label[k] == label) return true;
    return false;
}

/* A node gets as many labels as it has: those of the highest scores, of equal ones the first. */
static void judge_node(const judging_t *j, int32_t node, const double *score, int64_t stride,
                       desk_t *desk) {
    const trn_node_labels_t *l = j->run->labels;
    int64_t k = l->start[node + 1] - l->start[node], *counts = desk->counts;
    trn_topk_clear(k, desk->best);
    for (int64_t i = 0; i < l->labels; i++)
        if (j->present[i]) trn_topk_enter((trn_best_t){i, score[i * stride]}, k, desk->best);
    for (int64_t i = l->start[node]; i < l->start[node + 1]; i++)
        counts[2 * l->labels + l->label[i]]++;
    for (int64_t i = 0; i < k && desk->best[i].index >= 0; i++) {
        int64_t label = desk->best[i].index;
        bool right = has(l, node, label);
        counts[(right ? 0 : l->labels) + label]++;
        if (right) counts[2 * l->labels + label]--;
    }
}

/* Nodes from order[first] on. */
static void judge_chunk(const judging_t *j, int64_t first, desk_t *desk) {
    int64_t rows = j->test - first < CHUNK ? j->test - first : CHUNK;
    trn_logistic_t l = {.x = j->run->x,
                        .cols = j->run->cols,
                        .row = j->order + first,
                        .rows = rows,
                        .labels = (int)j->run->labels->labels};
    trn_logistic_scores(&l, j->w, desk->space, desk->score);
    for (int64_t i = 0; i < rows; i++)
        judge_node(j, j->order[first + i], desk->score + i, rows, desk);
}

/* This rank's share of the nodes. */
static void judge_all(const judging_t *j, desk_t *desk, int threads) {
    const trn_nodes_run_t *run = j->run;
    int64_t chunks = (j->test + CHUNK - 1) / CHUNK;
    int64_t first = chunks * run->rank / run->ranks, end = chunks * (run->rank + 1) / run->ranks;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t i = first; i < end; i++) {
        judge_chunk(j, i * CHUNK, &desk[omp_get_thread_num()]);
    }
    for (int t = 0; t < threads; t++)
        for (int64_t i = 0; i < 3 * run->labels->labels; i++)
            j->counts[i] += desk[t].counts[i];
}

/* 0 where nothing was given nor had. */
static double f1(int64_t right, int64_t wrong, int64_t missed) {
    int64_t all = 2 * right + wrong + missed;
    return all > 0 ? 2 * (double)right / (double)all : 0;
}

static void conclude(const judging_t *j, trn_nodes_score_t *score) {
    int64_t labels = j->run->labels->labels, sum[3] = {0};
    const int64_t *n = j->counts;
    for (int64_t i = 0; i < labels; i++) {
        score->untrained += !j->present[i];
        score->macro += f1(n[i], n[labels + i], n[2 * labels + i]) / (double)labels;
        for (int k = 0; k < 3; k++)
            sum[k] += n[k * labels + i];
    }
    score->micro = f1(sum[0], sum[1], sum[2]);
}

/* w = the weights of an item from all ranks: each label is one rank's. Collective. */
static void join_weights(const judging_t *j, int64_t item) {
    const trn_nodes_run_t *run = j->run;
    for (int64_t i = 0; i < run->count; i++) {
        int64_t group = run->own[i] % run->groups, first = trn_nodes_group_first(run, group);
        int64_t labels = trn_nodes_group_first(run, group + 1) - first;
        if (run->own[i] / run->groups == item)
            memcpy(j->w + first * run->d, run->w + i * TRN_LOGISTIC_LABELS * run->d,
                   (size_t)(labels * run->d) * sizeof *j->w);
    }
    trn_sum_large(run->comm, run->labels->labels * run->d, MPI_DOUBLE, j->w);
}

static trn_status_t prepare(judging_t *j, desk_t *desk, int threads) {
    int64_t labels = j->run->labels->labels;
    TRN_TRY(trn_alloc_zero(&j->w, labels * j->run->d, sizeof *j->w, "weights of labels"));
    TRN_TRY(trn_alloc(&j->present, labels, sizeof *j->present, "labels"));
    TRN_TRY(trn_alloc_zero(&j->counts, 3 * labels, sizeof *j->counts, "counts"));
    for (int t = 0; t < threads; t++)
        TRN_TRY(furnish(j, &desk[t]));
    return TRN_OK;
}

static void clear(judging_t *j, desk_t *desk, int threads) {
    for (int t = 0; t < threads && desk; t++) {
        trn_free(&desk[t].space);
        trn_free(&desk[t].score);
        trn_free(&desk[t].best);
        trn_free(&desk[t].counts);
    }
    trn_free(&j->w);
    trn_free(&j->present);
    trn_free(&j->counts);
}

trn_status_t trn_nodes_count(const trn_nodes_run_t *run, int64_t item, trn_nodes_score_t *score) {
    int64_t nodes = run->labels->nodes;
    int64_t train = trn_nodes_train(run->labels, run->how->percent[item % run->how->percents]);
    judging_t j = {.run = run,
                   .order = run->order + item / run->how->percents * nodes + train,
                   .test = nodes - train};
    int threads = run->how->threads;
    desk_t *desk = NULL;
    trn_status_t status = trn_alloc_zero(&desk, threads, sizeof *desk, "threads");
    if (status == TRN_OK) status = prepare(&j, desk, threads);
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) {
        *score = (trn_nodes_score_t){.train = train, .test = j.test};
        trn_nodes_present(run, item, j.present);
        join_weights(&j, item);
        judge_all(&j, desk, threads);
        trn_sum_large(run->comm, 3 * run->labels->labels, MPI_INT64_T, j.counts);
        conclude(&j, score);
    }
    clear(&j, desk, threads);
    trn_free(&desk);
    return status;
}
