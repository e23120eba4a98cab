/* algo/graph/eval: measures worked out by hand, pairs drawn the same at any number of ranks and
 * never with an edge, scores of rows that many chunks share out; memory that fails. */
#include "algo/graph/eval/links_eval.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Scores 3 2 2 1 of edges, 2 1 0 0 of others. */
static void by_hand(void) {
    double edge[] = {2, 3, 1, 2}, other[] = {0, 2, 1, 0}, auc, precision;
    trn_links_measure(4, edge, 4, other, &auc, &precision);
    CHECK(fabs(auc - (4 + 3.5 + 3.5 + 2.5) / 16) <= 1e-15);
    CHECK(fabs(precision - (1 + 2 * (3.0 / 4) + 4.0 / 6) / 4) <= 1e-15);
    CHECK(edge[0] == 1 && edge[3] == 3 && other[3] == 2);
    CHECK(fabs(trn_links_hits(4, edge, 4, other, 1) - 1.0 / 4) <= 1e-15); /* ties miss */
    CHECK(fabs(trn_links_hits(4, edge, 4, other, 2) - 3.0 / 4) <= 1e-15);
    CHECK(trn_links_hits(4, edge, 4, other, 3) == 1);
    CHECK(trn_links_hits(4, edge, 4, other, 5) == 1);
    double same[] = {1, 1, 1}, alike[] = {1, 1};
    trn_links_measure(3, same, 2, alike, &auc, &precision);
    CHECK(auc == 0.5 && fabs(precision - 0.6) <= 1e-15);
}

enum { ROWS = 40, DRAWS = 3000 };

/* Rows of which one is even are edges: pairs of odd ones are left. */
static void make_edges(trn_row_pairs_t *edges) {
    *edges = (trn_row_pairs_t){.rows = ROWS};
    CHECK_OK(trn_alloc(&edges->key, ROWS * ROWS, sizeof *edges->key, "edges"));
    for (int64_t u = 0; u < ROWS; u++)
        for (int64_t v = u + 1; v < ROWS; v++)
            if (u % 2 == 0 || v % 2 == 0) edges->key[edges->count++] = u * ROWS + v;
}

static void draws(void) {
    trn_row_pairs_t edges, one = {0}, all = {0}, none = {0};
    int seen[ROWS * ROWS] = {0}, most = 0, least = DRAWS;
    make_edges(&edges);
    const trn_row_pairs_t *avoid[] = {&none, &edges};
    CHECK_OK(trn_row_pairs_draw(&one, MPI_COMM_SELF, ROWS, DRAWS, 5, false, avoid, 2));
    CHECK_OK(trn_row_pairs_draw(&all, comm, ROWS, DRAWS, 5, false, avoid, 2));
    CHECK(memcmp(one.key, all.key, DRAWS * sizeof *one.key) == 0);
    for (int i = 0; i < DRAWS; i++) {
        int64_t u = all.key[i] / ROWS, v = all.key[i] % ROWS;
        CHECK(u % 2 == 1 && v % 2 == 1 && u < v);
        seen[all.key[i]]++;
    }
    for (int64_t u = 1; u < ROWS; u += 2) /* 190 pairs, 15.8 times each */
        for (int64_t v = u + 2; v < ROWS; v += 2) {
            int n = seen[u * ROWS + v];
            most = n > most ? n : most;
            least = n < least ? n : least;
        }
    CHECK(most < 40 && least > 1);
    trn_row_pairs_free(&one);
    trn_row_pairs_free(&all);
    for (int64_t i = 0; i < ROWS * ROWS; i++) /* all pairs have an edge */
        edges.key[i] = i;
    edges.count = ROWS * ROWS;
    CHECK_EQUAL(trn_row_pairs_draw(&all, comm, ROWS, 3, 5, true, avoid, 2), TRN_INPUT);
    trn_row_pairs_free(&all);
    trn_row_pairs_free(&edges);
}

/* So many columns that few pairs make a chunk. */
enum { WIDE = 200000, PAIRS = 24 };

static trn_cluster_rows_t wide_rows(double *data) {
    int64_t first = trn_tall_start(comm, ROWS, rank),
            own = trn_tall_start(comm, ROWS, rank + 1) - first;
    for (int64_t i = 0; i < own * WIDE; i++)
        data[i] = (double)((first * WIDE + i) % 7 - 3);
    return (trn_cluster_rows_t){
        .tall = {comm, ROWS, {TRN_F64, own, WIDE, WIDE, data}, NULL}, .cols = WIDE, .name = "rows"};
}

static trn_status_t draw_and_score(void *rows) {
    trn_row_pairs_t pairs = {0};
    double score[PAIRS];
    trn_status_t status = trn_row_pairs_draw(&pairs, comm, ROWS, PAIRS, 5, false, NULL, 0);
    if (status == TRN_OK) status = trn_links_score(rows, &pairs, TRN_LINK_DOT, score);
    for (int i = 0; i < PAIRS && status == TRN_OK; i++) {
        int64_t u = pairs.key[i] / ROWS * WIDE, v = pairs.key[i] % ROWS * WIDE;
        double wanted = 0;
        for (int64_t k = 0; k < WIDE; k++)
            wanted += (double)((u + k) % 7 - 3) * (double)((v + k) % 7 - 3);
        CHECK(score[i] == wanted);
    }
    trn_row_pairs_free(&pairs);
    return status;
}

static void chunks(void) {
    double *data = malloc(sizeof(double) * ROWS * WIDE);
    trn_cluster_rows_t rows = wide_rows(data);
    harness_inject(draw_and_score, &rows);
    free(data);
}

HARNESS_MAIN({"by hand", by_hand}, {"draws", draws}, {"chunks, and memory fails", chunks})
