/* algo/graph/eval: labels of rows, and scores of vectors by them: a case worked out by hand, the
 * same bits at any number of ranks and threads as on one; memory that fails. */
#include "algo/graph/eval/nodes_eval.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t pair(uint64_t row, uint64_t label) {
    return row << 32 | label;
}

/* Sorted, each once, labels without gaps. */
static void labels_of_rows(void) {
    uint64_t pairs[] = {pair(9, 7), pair(2, 5), pair(2, 1), pair(9, 7), pair(4, 1)};
    trn_node_labels_t l = {0};
    CHECK_OK(trn_node_labels_make(&l, 5, pairs));
    CHECK_EQUAL(l.nodes, 3);
    CHECK_EQUAL(l.labels, 3);
    CHECK_EQUAL(l.repeated, 1);
    CHECK_EQUAL(l.unused, 5); /* 0, 2, 3, 4, 6 */
    CHECK_EQUAL(l.most, 2);
    static const int64_t row[] = {2, 4, 9}, start[] = {0, 2, 3, 4};
    static const int32_t label[] = {0, 1, 0, 2};
    CHECK(memcmp(l.row, row, sizeof row) == 0 && memcmp(l.start, start, sizeof start) == 0);
    CHECK(memcmp(l.label, label, sizeof label) == 0);
    trn_node_labels_free(&l);
}

/* Nodes with label i mod 2, node 3 with both; x tells them apart, but for node 5, which looks like
 * the others. Of those that test, in this order, 4 5 3: 4 right, 5 gets 0 and had 1, 3 right twice.
 */
static void by_hand(void) {
    uint64_t pairs[] = {pair(0, 0), pair(1, 1), pair(2, 0), pair(3, 1),
                        pair(4, 0), pair(5, 1), pair(3, 0)};
    static const double x[] = {1, -1, 2, 0, 3, 2}, percent[] = {50};
    static const int64_t order[] = {0, 1, 2, 4, 5, 3};
    trn_node_labels_t l = {0};
    trn_nodes_score_t score;
    trn_nodes_fits_t fits;
    trn_nodes_how_t how = {.percent = percent,
                           .percents = 1,
                           .splits = 1,
                           .order = order,
                           .c = 10,
                           .tolerance = 1e-9,
                           .threads = 1};
    CHECK_OK(trn_node_labels_make(&l, 7, pairs));
    CHECK_OK(trn_nodes_eval(&l, comm, x, 1, &how, "x", &score, &fits));
    CHECK_EQUAL(score.train, 3);
    CHECK_EQUAL(score.test, 3);
    CHECK_EQUAL(score.untrained, 0);
    CHECK(fabs(score.micro - 6.0 / 8) <= 1e-15); /* 3 right, 1 wrong, 1 missed */
    CHECK(fabs(score.macro - (4.0 / 5 + 2.0 / 3) / 2) <= 1e-15);
    CHECK_EQUAL(fits.fits, 2);
    CHECK_EQUAL(fits.unsettled, 0);
    static const int64_t lonely[] = {0, 2, 4, 1, 5, 3}; /* 1 has no example: never given */
    how.order = lonely;
    CHECK_OK(trn_nodes_eval(&l, comm, x, 1, &how, "x", &score, &fits));
    CHECK_EQUAL(score.untrained, 1);
    CHECK(fabs(score.micro - 2.0 / 7) <= 1e-15); /* 1 5 get 0 and had 1; 3 gets 0 only */
    CHECK(fabs(score.macro - (2.0 / 4 + 0) / 2) <= 1e-15);
    static const double low[] = {10}, high[] = {1e-9};
    how.percent = low;
    CHECK_EQUAL(trn_nodes_eval(&l, comm, x, 1, &how, "x", &score, &fits), TRN_INPUT);
    how.percent = high;
    CHECK_EQUAL(trn_nodes_eval(&l, comm, x, 1, &how, "x", &score, &fits), TRN_INPUT);
    static const double large[] = {1e200, -1e200, 2e200, 0, 3e200, 2e200};
    how.percent = percent;
    CHECK_EQUAL(trn_nodes_eval(&l, comm, large, 1, &how, "x", &score, &fits), TRN_NUMERIC);
    trn_node_labels_free(&l);
}

enum { NODES = 300, COLS = 5, LABELS = 35, PERCENTS = 2, SPLITS = 2 };

static double x[NODES * COLS];
static trn_node_labels_t sample;

static void make_sample(void) {
    uint64_t pairs[2 * NODES];
    for (int64_t i = 0; i < NODES; i++) {
        for (int64_t j = 0; j < COLS; j++)
            x[i * COLS + j] =
                (double)((2654435761 * i + 40503 * j + 69069 * i * j) % 65537) / 65537 - 0.5;
        pairs[2 * i] = pair((uint64_t)i, (uint64_t)(i % LABELS));
        pairs[2 * i + 1] = pair((uint64_t)i, (uint64_t)(x[i * COLS] > 0 ? 0 : 1));
    }
    CHECK_OK(trn_node_labels_make(&sample, 2 * NODES, pairs));
}

static trn_status_t evaluate(MPI_Comm on, int threads, trn_nodes_score_t *score,
                             trn_nodes_fits_t *fits) {
    static const double percent[] = {20, 60};
    trn_nodes_how_t how = {.percent = percent,
                           .percents = PERCENTS,
                           .splits = SPLITS,
                           .seed = 7,
                           .c = 1,
                           .tolerance = 1e-6,
                           .threads = threads};
    return trn_nodes_eval(&sample, on, x, COLS, &how, "x", score, fits);
}

static void same_bits(void) {
    trn_nodes_score_t one[SPLITS * PERCENTS], score[SPLITS * PERCENTS];
    trn_nodes_fits_t fits_of_one, fits;
    make_sample();
    memset(one, 0, sizeof one);
    memset(score, 0, sizeof score);
    CHECK_OK(evaluate(MPI_COMM_SELF, 1, one, &fits_of_one));
    for (int threads = 1; threads <= 2; threads++) {
        CHECK_OK(evaluate(comm, threads, score, &fits));
        CHECK(memcmp(one, score, sizeof one) == 0);
        CHECK(memcmp(&fits_of_one, &fits, sizeof fits) == 0);
    }
    CHECK(score[0].micro > 0.4 && score[0].micro != score[2].micro); /* another split */
    trn_node_labels_free(&sample);
}

static trn_status_t once(void *argument) {
    (void)argument;
    trn_nodes_score_t score[SPLITS * PERCENTS];
    trn_nodes_fits_t fits;
    return evaluate(comm, 1, score, &fits);
}

static void memory_fails(void) {
    make_sample();
    harness_inject(once, NULL);
    trn_node_labels_free(&sample);
}

HARNESS_MAIN({"labels of rows", labels_of_rows}, {"by hand", by_hand}, {"same bits", same_bits},
             {"memory fails", memory_fails})
