/* Row bands that balance entries (spmm.h). */
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/spmm.h"

/* start[part]: the first of this rank's rows (or the one after them) with at least part / ranks of
 * all weight before it; untouched if there is none. The least over ranks is the boundary. */
static void find(int64_t first, int64_t before, int64_t all, int64_t count, const int64_t *entries,
                 int ranks, int64_t *start) {
    int part = 1;
    for (int64_t i = 0; i <= count; i++) {
        for (; part < ranks && trn_part_start(all, ranks, part) <= before; part++)
            start[part] = first + i;
        if (i < count) before += entries[i] + 1;
    }
}

trn_status_t trn_spmm_bands(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols,
                            int64_t count, const int64_t *entries) {
    *dist = NULL;
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t *start = NULL, mine[2] = {count, count}, before[2] = {0, 0}, all[2];
    trn_status_t status = trn_alloc(&start, ranks + 1, sizeof *start, "row bands");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < count; i++)
        mine[1] += entries[i];
    MPI_Exscan(mine, before, 2, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(mine, all, 2, MPI_INT64_T, MPI_SUM, comm);
    if (rank == 0) before[0] = before[1] = 0; /* which Exscan leaves undefined */
    if (all[0] != rows) {
        status = trn_fail(TRN_USAGE, "rows: entries of %lld rows were told, of %lld; tell of all",
                          (long long)all[0], (long long)rows);
        goto done;
    }
    for (int r = 1; r <= ranks; r++)
        start[r] = rows;
    start[0] = 0;
    find(before[0], before[1], all[1], count, entries, ranks, start);
    MPI_Allreduce(MPI_IN_PLACE, start, ranks + 1, MPI_INT64_T, MPI_MIN, comm);
    int64_t whole[] = {0, cols};
    status = trn_agree(comm, trn_dist_create_at(dist, ranks, start, 1, whole));
    if (status != TRN_OK) trn_dist_destroy(dist);
done:
    trn_free(&start);
    return status;
}
