/* tall_move.c: tall matrices on the move: transposed, gathered whole, and with the signs of their
 * columns settled between the ranks. */
#include "algo/matrix/tall.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dense/redist.h"

#include <math.h>
#include <string.h>

/* Rows, or columns, cut at the borders of the ranks' blocks. */
static trn_status_t cut(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols, bool across) {
    int ranks;
    int64_t *starts, whole[2] = {0, across ? rows : cols};
    *dist = NULL;
    MPI_Comm_size(comm, &ranks);
    TRN_TRY(trn_alloc(&starts, ranks + 1, sizeof *starts, "block borders"));
    for (int r = 0; r <= ranks; r++)
        starts[r] = trn_tall_start(comm, across ? cols : rows, r);
    trn_status_t status = across ? trn_dist_create_at(dist, 1, whole, ranks, starts)
                                 : trn_dist_create_at(dist, ranks, starts, 1, whole);
    trn_free(&starts);
    return status;
}

trn_status_t trn_tall_dist(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols) {
    return cut(dist, comm, rows, cols, false);
}

/* Columns go to the ranks that own them as rows, and are transposed there. Collective. */
static trn_status_t send_columns(trn_tall_t transpose, trn_tall_t x) {
    trn_dist_t *from = NULL, *to = NULL;
    trn_redist_t *redist = NULL;
    int64_t rows = x.rows, cols = x.block.cols;
    trn_view_t band = {TRN_MATRIX_F64, rows, 0, 0, NULL};
    trn_status_t status = cut(&from, x.comm, rows, cols, false);
    if (status == TRN_OK) status = cut(&to, x.comm, rows, cols, true);
    band.cols = band.stride = transpose.block.rows;
    if (status == TRN_OK)
        status = trn_alloc(&band.data, rows * band.cols, sizeof(double), "a band of columns");
    TRN_OR(done, trn_agree(x.comm, status));
    TRN_OR(done, trn_redist_create(&redist, x.comm, TRN_MATRIX_F64, from, to));
    trn_redist_run(redist, x.block, band);
    trn_view_transpose(band, transpose.block);
done:
    trn_redist_destroy(&redist);
    trn_dist_destroy(&from);
    trn_dist_destroy(&to);
    trn_free(&band.data);
    return status;
}

trn_status_t trn_tall_transpose(trn_tall_t *transpose, trn_tall_t x) {
    int ranks;
    MPI_Comm_size(x.comm, &ranks);
    trn_status_t status =
        trn_agree(x.comm, trn_tall_create(transpose, x.comm, x.block.cols, x.rows));
    if (status == TRN_OK && ranks == 1)
        trn_view_transpose(x.block, transpose->block);
    else if (status == TRN_OK)
        status = send_columns(*transpose, x);
    if (status != TRN_OK) trn_tall_free(transpose);
    return status;
}

void trn_tall_transpose_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks,
                             int rank) {
    enum { PARTS = 4 }; /* rows and columns of both distributions, ranks of each */
    int64_t own = trn_tall_rows(cols, ranks, rank) * rows;
    trn_ledger_take(ledger, "matrix", own, sizeof(double));
    if (ranks == 1) return;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "moving", own, sizeof(double));
    trn_ledger_take(ledger, "moving", 4, TRN_REDIST_MESSAGE);
    trn_ledger_take(ledger, "moving", PARTS * (int64_t)ranks, TRN_REDIST_PART);
    trn_ledger_back(ledger, &before);
}

/* Plan of an Allgatherv in whole rows, and this rank's rows in their place. */
static trn_status_t plan_gather(trn_tall_t x, double *all, int **counts) {
    int rank, ranks;
    MPI_Comm_rank(x.comm, &rank);
    MPI_Comm_size(x.comm, &ranks);
    *counts = NULL;
    TRN_TRY(trn_alloc(counts, 2 * ranks, sizeof **counts, "row counts"));
    for (int r = 0; r < ranks; r++) {
        (*counts)[ranks + r] = (int)trn_tall_start(x.comm, x.rows, r);
        (*counts)[r] = (int)trn_tall_start(x.comm, x.rows, r + 1) - (*counts)[ranks + r];
    }
    const double *mine = x.block.data;
    double *place = all + (*counts)[ranks + rank] * x.block.cols;
    for (int64_t i = 0; i < x.block.rows; i++)
        memcpy(place + i * x.block.cols, mine + i * x.block.stride,
               sizeof(double) * (size_t)x.block.cols);
    return TRN_OK;
}

/* Counts are whole rows, by a type of one row, so that an int holds them longer. */
trn_status_t trn_tall_gather(trn_tall_t x, double *all) {
    int ranks, *counts;
    MPI_Comm_size(x.comm, &ranks);
    trn_status_t status = trn_agree(x.comm, plan_gather(x, all, &counts));
    if (status == TRN_OK) {
        MPI_Datatype row;
        MPI_Type_contiguous((int)x.block.cols, MPI_DOUBLE, &row);
        MPI_Type_commit(&row);
        MPI_Allgatherv(MPI_IN_PLACE, 0, row, all, counts, counts + ranks, row, x.comm);
        MPI_Type_free(&row);
    }
    trn_free(&counts);
    return status;
}

/* The largest number of each column becomes positive; of equal ones the first row's, on the lowest
 * rank. So vectors do not depend on the method's whim. */
void trn_tall_fix_signs(trn_tall_t x, trn_tall_t follower) {
    double *x_at = x.block.data, *y_at = follower.block.data;
    for (int64_t j = 0; j < x.block.cols; j++) {
        struct {
            double size;
            int rank;
        } best = {-1, 0}, winner;
        double sign = 1;
        MPI_Comm_rank(x.comm, &best.rank);
        for (int64_t i = 0; i < x.block.rows; i++) {
            double value = x_at[i * x.block.stride + j];
            if (fabs(value) <= best.size) continue;
            best.size = fabs(value);
            sign = value < 0 ? -1 : 1;
        }
        MPI_Allreduce(&best, &winner, 1, MPI_DOUBLE_INT, MPI_MAXLOC, x.comm);
        MPI_Bcast(&sign, 1, MPI_DOUBLE, winner.rank, x.comm);
        for (int64_t i = 0; sign < 0 && i < x.block.rows; i++)
            x_at[i * x.block.stride + j] = -x_at[i * x.block.stride + j];
        if (j >= follower.block.cols) continue;
        for (int64_t i = 0; sign < 0 && i < follower.block.rows; i++)
            y_at[i * follower.block.stride + j] = -y_at[i * follower.block.stride + j];
    }
}
