/* change.c: rows of two adjacency matrices held against each other. */
#define _GNU_SOURCE
#include "algo/graph/snapshots/change.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <stdlib.h>

/* Of local row i of both; entries by ascending column. */
static double change_of(const trn_sparse_t *before, const trn_sparse_t *now, int64_t i) {
    const int32_t *one = trn_sparse_column(before), *other = trn_sparse_column(now);
    int64_t a = trn_sparse_start(before)[i], b = trn_sparse_start(now)[i];
    int64_t a_end = trn_sparse_start(before)[i + 1], b_end = trn_sparse_start(now)[i + 1];
    double apart = 0, all = 0;
    while (a < a_end || b < b_end) {
        bool first = a < a_end && (b == b_end || one[a] <= other[b]);
        bool second = b < b_end && (a == a_end || other[b] <= one[a]);
        double x = first ? trn_sparse_value(before, a++) : 0;
        double y = second ? trn_sparse_value(now, b++) : 0;
        apart += (x - y) * (x - y);
        all += x * x + y * y;
    }
    return all > 0 ? sqrt(apart / all) : 0;
}

static int by_change(const void *a, const void *b, void *user) {
    const double *change = user;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (change[i] != change[j]) return change[i] > change[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

trn_status_t trn_change_choose(MPI_Comm comm, const trn_sparse_t *before, const trn_sparse_t *now,
                               const trn_change_how_t *how, unsigned char *wanted,
                               trn_changed_t *changed) {
    trn_extent_t extent = trn_sparse_extent(now);
    int64_t n = extent.cols, *node = NULL;
    double *change = NULL;
    *changed = (trn_changed_t){0};
    trn_status_t status = trn_alloc_zero(&change, n, sizeof *change, "changes of nodes");
    if (status == TRN_OK) status = trn_alloc(&node, n, sizeof *node, "nodes that changed");
    if ((status = trn_agree(comm, status)) == TRN_OK) {
        for (int64_t i = 0; i < extent.rows; i++)
            change[extent.first_row + i] = change_of(before, now, i);
        trn_sum_large(comm, n, MPI_DOUBLE, change);
        for (int64_t i = 0; i < n; i++)
            if (change[i] > how->tolerance) node[changed->changed++] = i;
        double most = ceil(how->most * (double)n * (1 - 1e-15)); /* .07 of 100 is 7 */
        changed->chosen = (double)changed->changed < most ? changed->changed : (int64_t)most;
        if (changed->chosen < changed->changed)
            qsort_r(node, (size_t)changed->changed, sizeof *node, by_change, change);
        for (int64_t i = 0; i < extent.rows; i++)
            wanted[i] = 0;
        for (int64_t i = 0; i < changed->chosen; i++) {
            int64_t row = node[i] - extent.first_row;
            if (row >= 0 && row < extent.rows) wanted[row] = 1;
        }
    }
    trn_free(&change);
    trn_free(&node);
    return status;
}
