#include "mpi/reduce.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <limits.h>

/* Sum of column `i` over blocks [first, first + count), by halves. */
static double tree(const double *values, int64_t width, int64_t i, int64_t first, int64_t count) {
    if (count == 0) return 0;
    if (count == 1) return values[first * width + i];
    int64_t half = count / 2;
    return tree(values, width, i, first, half) + tree(values, width, i, first + half, count - half);
}

void trn_tree_sum(int64_t blocks, int64_t width, const double *values, double *sum) {
    for (int64_t i = 0; i < width; i++)
        sum[i] = tree(values, width, i, 0, blocks);
}

trn_status_t trn_reduce_blocks(MPI_Comm comm, int64_t blocks, int64_t width, const double *partial,
                               double *sum) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    double *all = NULL;
    int *counts = NULL;
    if (blocks * width > INT_MAX)
        return trn_fail(TRN_USAGE, "sum of %lld blocks of %lld values: too many for one message",
                        (long long)blocks, (long long)width);
    trn_status_t status = trn_alloc(&all, blocks * width, sizeof *all, "partial sums");
    if (status == TRN_OK) status = trn_alloc(&counts, 2 * ranks, sizeof *counts, "counts");
    TRN_OR(done, trn_agree(comm, status));
    for (int r = 0; r < ranks; r++) {
        int64_t first = trn_part_start(blocks, ranks, r),
                end = trn_part_start(blocks, ranks, r + 1);
        counts[r] = (int)((end - first) * width);
        counts[ranks + r] = (int)(first * width);
    }
    MPI_Allgatherv(partial, counts[rank], MPI_DOUBLE, all, counts, counts + ranks, MPI_DOUBLE,
                   comm);
    trn_tree_sum(blocks, width, all, sum);
done:
    trn_free(&all);
    trn_free(&counts);
    return status;
}
