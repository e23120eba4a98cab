/* kmeans_split.c: an empty cluster takes the farthest row of the largest one. */
#include "algo/cluster/kmeans_impl.h"

#include "base/mem.h"
#include "kern/search/nearest.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

/* A row, and the square of its distance. */
typedef struct far {
    double square;
    int64_t row;
} far_t;

/* The farthest row of cluster `c`, the first of several; row -1 if all of them lie on its center.
 * Collective. */
static far_t farthest(const trn_lloyd_t *l, int64_t c) {
    far_t own = {0, INT64_MAX};
    for (int64_t i = 0; i < l->now.rows; i++)
        if (l->now.label[i] == c && l->now.square[i] > own.square)
            own = (far_t){l->now.square[i], l->span.first_row + i};
    double most = own.square;
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, l->rows->tall.comm);
    if (own.square < most) own.row = INT64_MAX;
    MPI_Allreduce(MPI_IN_PLACE, &own.row, 1, MPI_INT64_T, MPI_MIN, l->rows->tall.comm);
    return (far_t){most, most > 0 ? own.row : -1};
}

/* The largest cluster that still has rows apart from its center, of equals the first; -1: none. */
static int64_t largest(const trn_lloyd_t *l, const unsigned char *done) {
    int64_t best = -1;
    for (int64_t c = 0; c < l->now.k; c++)
        if (!done[c] && l->now.size[c] > 1 && (best < 0 || l->now.size[c] > l->now.size[best]))
            best = c;
    return best;
}

/* Row `row` goes from one cluster to another, in whole sums, too. Collective. */
static trn_status_t move(trn_lloyd_t *l, int64_t row, int64_t from, int64_t to, double *space) {
    int64_t cols = l->now.cols, at = row - l->span.first_row;
    int64_t *into = l->sum + to * cols;
    TRN_TRY(trn_cluster_fetch(l->rows, 1, &row, space));
    trn_nearest_row_t moved = {TRN_F64, cols, space, 1};
    moved.factor = trn_assign_factor(l->options->unit, TRN_F64, cols, space);
    memset(into, 0, sizeof *into * (size_t)cols);
    trn_nearest_kernels()->add(&moved, l->unit, into);
    for (int64_t j = 0; j < cols; j++)
        l->sum[from * cols + j] -= into[j];
    l->now.size[from]--;
    l->now.size[to]++;
    l->now.moved++;
    if (at < 0 || at >= l->now.rows) return TRN_OK;
    l->now.label[at] = (int32_t)to;
    l->now.square[at] = 0;
    return TRN_OK;
}

/* Empty clusters in the order of their numbers. The largest is looked for anew each time, for it
 * may have become smaller. */
static trn_status_t fill(trn_lloyd_t *l, unsigned char *done, double *space) {
    for (int64_t c = 0; c < l->now.k; c++) {
        int64_t from;
        far_t far = {0, -1};
        if (l->now.size[c] > 0) continue;
        while ((from = largest(l, done)) >= 0) {
            far = farthest(l, from);
            if (far.row >= 0) break;
            done[from] = 1;
        }
        if (from < 0) return TRN_OK; /* fewer different rows than clusters */
        TRN_TRY(move(l, far.row, from, c, space));
    }
    return TRN_OK;
}

/* Every rank knows all sizes, so that all take the same turns. */
trn_status_t trn_lloyd_split(trn_lloyd_t *l) {
    unsigned char *done = NULL;
    double *space = NULL;
    trn_status_t status = trn_alloc_zero(&done, l->now.k, 1, "clusters that cannot be split");
    if (status == TRN_OK) status = trn_alloc(&space, l->now.cols, sizeof *space, "a row");
    status = trn_agree(l->rows->tall.comm, status);
    if (status == TRN_OK) status = fill(l, done, space);
    trn_free(&done);
    trn_free(&space);
    return status;
}
