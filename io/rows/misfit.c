/* misfit.c: numbers that do not fit, on all ranks together. */
#include "io/rows/misfit.h"

#include "base/log.h"

trn_status_t trn_misfit_judge(MPI_Comm comm, const char *path, int64_t cols, trn_dtype_t type,
                              const trn_misfit_t *misfit, bool allowed) {
    int64_t count = misfit->count, first = count > 0 ? misfit->first : INT64_MAX;
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Allreduce(MPI_IN_PLACE, &count, 1, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT64_T, MPI_MIN, comm);
    if (count == 0) return TRN_OK;
    long long row = first / (cols > 0 ? cols : 1) + 1, col = first % (cols > 0 ? cols : 1) + 1;
    if (!allowed)
        return trn_fail(TRN_INPUT,
                        "%s: row %lld, column %lld: %s cannot hold this number (%lld in all); "
                        "choose a wider type, or let `convert --misfits warn` round it",
                        path, row, col, trn_dtype_name(type), (long long)count);
    if (rank == 0)
        trn_log(TRN_LOG_WARN, "numbers",
                "%s: %lld numbers do not fit %s and were rounded; the first is in row %lld, column "
                "%lld",
                path, (long long)count, trn_dtype_name(type), row, col);
    return TRN_OK;
}
