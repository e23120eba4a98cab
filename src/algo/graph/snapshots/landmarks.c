/* landmarks.c: scores of all nodes by windows, then a choice that every rank makes for itself. */
#define _GNU_SOURCE
#include "algo/graph/snapshots/landmarks.h"

#include "algo/graph/snapshots/windows.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <stdlib.h>

enum { CANDIDATES = 4 /* for each landmark */, BITS = 64 };

/* Scores ----------------------------------------------------------------------------------------
 */

typedef struct scores {
    int64_t first; /* node */
    double *score; /* [n] */
} scores_t;

static trn_status_t add_up(void *user, int64_t row, int64_t count, const int32_t *column,
                           const double *pmi) {
    scores_t *s = user;
    (void)column;
    double sum = 0;
    for (int64_t e = 0; e < count; e++)
        sum += pmi[e];
    s->score[s->first + row] = sum;
    return TRN_OK;
}

/* Parts of the rows whose counts take about 16 MiB, as if every walk came to another node; `own`
 * entries of the rank that has most, of `all`. */
static int64_t parts_of(int64_t n, double own, double all) {
    enum { ENTRY = 12, PART = 16 << 20, MOST = 10000 };
    double bytes = own * all / (double)n * ENTRY;
    return bytes < (double)MOST * PART ? (int64_t)(bytes / PART) + 1 : MOST;
}

static int64_t parts_over(MPI_Comm comm, const trn_sparse_t *a) {
    double all = (double)trn_sparse_count(a), most = all;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_DOUBLE, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, comm);
    return parts_of(trn_sparse_extent(a).cols, most, all);
}

/* score[n] = sums of positive PMI, on every rank. Collective. */
static trn_status_t score_all(MPI_Comm comm, const trn_sparse_t *a, const double *degree,
                              int window, int threads, double *score) {
    trn_extent_t extent = trn_sparse_extent(a);
    trn_windows_t w = {.comm = comm,
                       .window = window < 2 ? window : 2,
                       .threads = threads,
                       .a = a,
                       .degree = degree};
    scores_t s = {extent.first_row, score};
    int64_t parts = parts_over(comm, a);
    for (int64_t i = 0; i < extent.cols; i++)
        score[i] = 0;
    trn_status_t status = trn_windows_open(&w);
    for (int64_t p = 0; p < parts && status == TRN_OK; p++) {
        int64_t first = extent.rows * p / parts, end = extent.rows * (p + 1) / parts;
        status = trn_windows_rows(&w, first, end - first, NULL, add_up, &s);
    }
    trn_windows_close(&w);
    if (status == TRN_OK) trn_sum_large(comm, extent.cols, MPI_DOUBLE, score);
    return status;
}

/* Choice ----------------------------------------------------------------------------------------
 */

static int by_score(const void *a, const void *b, void *user) {
    const double *score = user;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (score[i] != score[j]) return score[i] > score[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

static int by_number(const void *a, const void *b) {
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    return i < j ? -1 : i > j;
}

/* Which of candidates[count] have an edge, as bits near[count][words], on every rank. Collective;
 * place[n] of nodes among the candidates, -1. */
static void find_near(MPI_Comm comm, const trn_sparse_t *a, int64_t count, const int64_t *candidate,
                      const int32_t *place, uint64_t *near) {
    trn_extent_t extent = trn_sparse_extent(a);
    const int64_t *start = trn_sparse_start(a);
    const int32_t *column = trn_sparse_column(a);
    int64_t words = (count + BITS - 1) / BITS;
    for (int64_t c = 0; c < count; c++) {
        int64_t row = candidate[c] - extent.first_row;
        if (row < 0 || row >= extent.rows) continue;
        for (int64_t e = start[row]; e < start[row + 1]; e++) {
            int32_t at = place[column[e]];
            if (at >= 0) near[c * words + at / BITS] |= (uint64_t)1 << at % BITS;
        }
    }
    trn_sum_large(comm, count * words, MPI_UINT64_T, near); /* a row has one owner */
}

static bool meets(const uint64_t *near, const uint64_t *taken, int64_t words) {
    for (int64_t i = 0; i < words; i++)
        if (near[i] & taken[i]) return true;
    return false;
}

/* taken[words]: up to `want` of `count` candidates, in their order. */
static void take(int64_t count, int64_t want, const uint64_t *near, uint64_t *taken) {
    int64_t words = (count + BITS - 1) / BITS, n = 0;
    for (int apart = 1; apart >= 0; apart--)
        for (int64_t c = 0; c < count && n < want; c++) {
            uint64_t bit = (uint64_t)1 << c % BITS;
            if (taken[c / BITS] & bit) continue;
            if (apart && meets(near + c * words, taken, words)) continue;
            taken[c / BITS] |= bit;
            n++;
        }
}

/* node[count]: all that have edges become those that are taken. Collective. */
static trn_status_t choose(MPI_Comm comm, const trn_sparse_t *a, int64_t want, int64_t *node,
                           int64_t *count) {
    int64_t n = trn_sparse_extent(a).cols, some = CANDIDATES * want;
    if (some > *count) some = *count;
    int64_t words = (some + BITS - 1) / BITS, kept = 0;
    int32_t *place = NULL;
    uint64_t *near = NULL, *taken = NULL;
    trn_status_t status = trn_alloc(&place, n, sizeof *place, "candidates");
    if (status == TRN_OK)
        status = trn_alloc_zero(&near, some * words, sizeof *near, "edges of candidates");
    if (status == TRN_OK) status = trn_alloc_zero(&taken, words, sizeof *taken, "landmarks");
    status = trn_agree(comm, status);
    for (int64_t i = 0; status == TRN_OK && i < n; i++)
        place[i] = -1;
    if (status == TRN_OK) {
        for (int64_t c = 0; c < some; c++)
            place[node[c]] = (int32_t)c;
        find_near(comm, a, some, node, place, near);
        take(some, want, near, taken);
        for (int64_t c = 0; c < some; c++)
            if (taken[c / BITS] >> c % BITS & 1) node[kept++] = node[c];
        *count = kept;
    }
    trn_free(&place);
    trn_free(&near);
    trn_free(&taken);
    return status;
}

trn_status_t trn_landmarks_pick(MPI_Comm comm, const trn_sparse_t *a, const double *degree,
                                int window, int64_t want, int threads, int64_t **landmark,
                                int64_t *count) {
    int64_t n = trn_sparse_extent(a).cols;
    double *score = NULL;
    *count = 0;
    trn_status_t status = trn_alloc(landmark, n, sizeof **landmark, "landmarks");
    if (status == TRN_OK) status = trn_alloc(&score, n, sizeof *score, "scores of nodes");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < n; i++)
        if (degree[i] > 0) (*landmark)[(*count)++] = i;
    if (*count > want) {
        TRN_OR(done, score_all(comm, a, degree, window, threads, score));
        qsort_r(*landmark, (size_t)*count, sizeof **landmark, by_score, score);
        TRN_OR(done, choose(comm, a, want, *landmark, count));
        qsort(*landmark, (size_t)*count, sizeof **landmark, by_number);
    }
    status = trn_agree(comm, trn_realloc(landmark, *count, sizeof **landmark, "landmarks"));
done:
    trn_free(&score);
    if (status != TRN_OK) trn_free(landmark);
    return status;
}

/* Scores and their order; one part of A A at a time, beside A once more as the first term. */
void trn_landmarks_plan(trn_ledger_t *ledger, const trn_spgemm_size_t *size, int window,
                        int64_t want) {
    int64_t n = size->inner;
    trn_spgemm_size_t part = *size;
    trn_ledger_take(ledger, "landmarks", n, 8);
    if (n <= want) return;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "choosing", n, 8);
    trn_ledger_t scores = *ledger;
    trn_ledger_take(ledger, "choosing", n, 28);
    trn_ledger_take(ledger, "choosing", size->a, 12);
    part.a = size->a / parts_of(n, (double)size->a, (double)size->all_b) + 1;
    trn_ledger_take(ledger, "choosing", part.a, 12);
    trn_ledger_take(ledger, "choosing", size->rows + 1, 16);
    if (window > 1) trn_spgemm_take(ledger, &part);
    trn_ledger_back(ledger, &scores);
    int64_t some = CANDIDATES * want < n ? CANDIDATES * want : n;
    trn_ledger_take(ledger, "choosing", n, 4);
    trn_ledger_take(ledger, "choosing", some * (some / BITS + 1), 8);
    trn_ledger_back(ledger, &before);
}
