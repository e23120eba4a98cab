/* transplant.c: what new rows are made of, settled for the rows of each rank. */
#include "algo/vectors/transplant.h"

#include "algo/vectors/nearest_rows.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

void trn_transplant_free(trn_transplant_t *t) {
    trn_free(&t->start);
    trn_free(&t->id);
    trn_free(&t->weight);
    trn_free(&t->why);
}

/* Room for `parts` parts in all. Local. */
static trn_status_t create(trn_transplant_t *t, MPI_Comm comm, int64_t rows, int64_t parts) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    t->comm = comm;
    t->rows = rows;
    t->first = trn_tall_start(comm, rows, rank);
    t->own = trn_tall_start(comm, rows, rank + 1) - t->first;
    TRN_TRY(trn_alloc_zero(&t->start, t->own + 1, sizeof *t->start, "parts of rows"));
    TRN_TRY(trn_alloc(&t->id, parts, sizeof *t->id, "parts of rows"));
    TRN_TRY(trn_alloc(&t->weight, parts, sizeof *t->weight, "parts of rows"));
    return trn_alloc_zero(&t->why, t->own, sizeof *t->why, "kinds of rows");
}

/* Rows of this rank. */
static int64_t own_rows(MPI_Comm comm, int64_t rows) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_tall_start(comm, rows, rank + 1) - trn_tall_start(comm, rows, rank);
}

/* Append a part to row i, the last one so far. */
static void add(trn_transplant_t *t, int64_t i, int64_t id, double weight) {
    int64_t at = t->start[i + 1]++;
    t->id[at] = id;
    t->weight[at] = weight;
}

/* Similar rows --------------------------------------------------------------------------------- */

/* Row i out of its list of the nearest. The best has weight 1 before scaling, so that nothing
 * overflows however low the temperature is. */
static void mix(trn_transplant_t *t, int64_t i, const trn_best_t *best,
                const trn_transplant_how_t *how) {
    double sum = 0;
    int64_t from = t->start[i + 1], found = 0;
    for (; found < how->k && best[found].index >= 0; found++) {
        double weight = exp((best[found].score - best[0].score) / how->temperature);
        add(t, i, best[found].index, weight);
        sum += weight;
    }
    for (int64_t at = from; at < from + found; at++)
        t->weight[at] /= sum;
    t->why[i] = found > 0 ? TRN_WHY_MIXED : TRN_WHY_RANDOM;
}

/* zero[own] = whether a row of the target has no auxiliary vector. Local. */
static void find_zeros(trn_tall_t target, bool *zero) {
    int64_t rows = trn_tall_block(target.rows), own = target.block.rows;
    int64_t first = trn_tall_first_block(target);
    for (int64_t at = 0; at < own; at += rows) {
        trn_view_t view = trn_tall_block_rows(target, first + at / rows);
        for (int64_t i = 0; i < view.rows; i++) {
            const double *row = (double *)view.data + i * view.stride;
            zero[at + i] = true;
            for (int64_t j = 0; j < view.cols && zero[at + i]; j++)
                zero[at + i] = row[j] == 0;
        }
    }
}

/* Rows in order, so that parts of all of them lie one after the other. */
static trn_status_t settle(trn_transplant_t *t, const bool *zero, const trn_best_t *best,
                           const trn_transplant_how_t *how) {
    for (int64_t i = 0; i < t->own; i++) {
        int64_t same = how->overlap[t->first + i];
        t->start[i + 1] = t->start[i];
        if (same >= 0) {
            add(t, i, same, 1);
            t->why[i] = TRN_WHY_COPIED;
        } else if (zero[i]) {
            t->why[i] = TRN_WHY_RANDOM;
        } else {
            mix(t, i, best + i * how->k, how);
        }
    }
    return TRN_OK;
}

trn_status_t trn_transplant_similar(trn_transplant_t *t, trn_tall_t source, trn_tall_t target,
                                    const trn_transplant_how_t *how) {
    trn_nearest_rows_t nearest = TRN_NEAREST_ROWS(TRN_NEAREST_COSINE, how->k);
    nearest.zeros_apart = !how->zero_sources;
    nearest.threads = how->threads;
    trn_best_t *best = NULL;
    bool *zero = NULL;
    int64_t own = own_rows(target.comm, target.rows);
    trn_status_t status = create(t, target.comm, target.rows, own * how->k);
    if (status == TRN_OK) status = trn_alloc(&best, own * how->k, sizeof *best, "nearest rows");
    if (status == TRN_OK) status = trn_alloc(&zero, own, sizeof *zero, "rows of zeros");
    status = trn_agree(target.comm, status);
    if (status == TRN_OK) status = trn_nearest_rows(target, source, &nearest, best);
    if (status == TRN_OK) { /* once more past the targets: lists do not tell zeros from no answer */
        find_zeros(target, zero);
        status = settle(t, zero, best, how);
    }
    trn_free(&best);
    trn_free(&zero);
    if (status != TRN_OK) trn_transplant_free(t);
    return status;
}

/* Others --------------------------------------------------------------------------------------- */

trn_status_t trn_transplant_overlap(trn_transplant_t *t, MPI_Comm comm, int64_t rows,
                                    const int64_t *overlap) {
    trn_status_t status = trn_agree(comm, create(t, comm, rows, own_rows(comm, rows)));
    for (int64_t i = 0; i < t->own && status == TRN_OK; i++) {
        int64_t same = overlap[t->first + i];
        t->start[i + 1] = t->start[i];
        t->why[i] = same >= 0 ? TRN_WHY_COPIED : TRN_WHY_RANDOM;
        if (same >= 0) add(t, i, same, 1);
    }
    if (status != TRN_OK) trn_transplant_free(t);
    return status;
}

trn_status_t trn_transplant_pieces(trn_transplant_t *t, MPI_Comm comm, int64_t rows,
                                   const int64_t *start, const int64_t *id) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t from = trn_tall_start(comm, rows, rank), to = trn_tall_start(comm, rows, rank + 1);
    trn_status_t status = trn_agree(comm, create(t, comm, rows, start[to] - start[from]));
    for (int64_t i = 0; i < t->own && status == TRN_OK; i++) {
        int64_t count = start[from + i + 1] - start[from + i];
        t->start[i + 1] = t->start[i];
        t->why[i] = TRN_WHY_PIECES;
        for (int64_t p = 0; p < count; p++)
            add(t, i, id[start[from + i] + p], 1.0 / (double)count);
    }
    if (status != TRN_OK) trn_transplant_free(t);
    return status;
}

void trn_transplant_count(const trn_transplant_t *t, int64_t count[5]) {
    memset(count, 0, 5 * sizeof *count);
    for (int64_t i = 0; i < t->own; i++)
        count[t->why[i]]++;
    MPI_Allreduce(MPI_IN_PLACE, count, 5, MPI_INT64_T, MPI_SUM, t->comm);
}

void trn_transplant_plan(trn_ledger_t *ledger, int64_t rows, int64_t parts, int ranks, int rank) {
    int64_t own = trn_tall_rows(rows, ranks, rank);
    trn_ledger_take(ledger, "parts", own + 1, sizeof(int64_t) + 1);
    trn_ledger_take(ledger, "parts", own * parts, sizeof(int64_t) + sizeof(double));
}

/* Moments -------------------------------------------------------------------------------------- */

/* A pass over the blocks of a matrix, whose sums follow the tree of mpi/reduce.h. */
typedef struct pass {
    trn_tall_t x;
    const double *mean; /* NULL: sum; else: squares of what is left without it */
} pass_t;

static void add_block(void *user, int64_t block, double *sums) {
    const pass_t *p = user;
    trn_view_t view = trn_tall_block_rows(p->x, block);
    memset(sums, 0, (size_t)view.cols * sizeof *sums);
    for (int64_t i = 0; i < view.rows; i++) {
        const double *row = (double *)view.data + i * view.stride;
        for (int64_t j = 0; j < view.cols; j++) {
            double x = p->mean ? row[j] - p->mean[j] : row[j];
            sums[j] += p->mean ? x * x : x;
        }
    }
}

trn_status_t trn_transplant_moments(trn_tall_in_t *in, double *mean, double *deviation) {
    trn_tall_t x = in->tall;
    int64_t rows = trn_tall_block(x.rows), blocks = (x.rows + rows - 1) / rows;
    int64_t cols = in->in.info.cols;
    pass_t pass = {.x = x};
    trn_status_t status = trn_reduce_tree(x.comm, blocks, cols, add_block, &pass, mean);
    TRN_TRY(trn_tall_in_outcome(in, status));
    for (int64_t j = 0; j < cols; j++)
        mean[j] /= (double)x.rows;
    /* Squares of what is left, not squares less the square of the mean, which would cancel. */
    pass.mean = mean;
    status = trn_reduce_tree(x.comm, blocks, cols, add_block, &pass, deviation);
    TRN_TRY(trn_tall_in_outcome(in, status));
    for (int64_t j = 0; j < cols; j++)
        deviation[j] = sqrt(deviation[j] / (double)x.rows);
    return TRN_OK;
}
