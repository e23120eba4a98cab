/* multiply_plan.c: what products of matrices in files take (multiply_impl.h). The plans follow
 * multiply_dense, multiply_mixed and multiply_sparse in multiply.c. */
#include "algo/matrix/product/multiply_impl.h"
#include "kern/dense/blas.h"
#include "mpi/dense/redist.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/sparse/spgemm.h"

/* Bytes of a number of the product. */
static int64_t size_of(const trn_multiply_t *job) {
    return trn_matrix_type_size(job->type);
}

trn_sparse_type_t trn_multiply_sparse_type(const trn_multiply_t *job) {
    return job->type == TRN_MATRIX_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
}

/* Numbers of a rank's share. */
static int64_t held(const trn_dist_t *dist, int rank) {
    return trn_dist_local_rows(dist, rank) * trn_dist_local_cols(dist, rank);
}

/* C: loaded or made. */
static void plan_sum(const trn_multiply_t *job, int rank, trn_ledger_t *ledger) {
    if (job->path[C])
        trn_matrix_load_plan(ledger, &job->info[C], job->type, &job->bands[C], rank);
    else
        trn_ledger_take(ledger, "matrix", held(job->stored[C], rank), size_of(job));
}

/* Saving a dense C, when all else is freed. */
static void plan_save(const trn_multiply_t *job, int rank, trn_ledger_t *ledger) {
    trn_ledger_t before = {0};
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "matrix", held(job->stored[C], rank), size_of(job));
    if (job->want->output)
        trn_matrix_save_plan(ledger, job->want->output, trn_dist_local_rows(job->stored[C], rank),
                             job->cols[C], job->type);
}

/* Two dense operands: what has been chosen counts its buffers with the shares of A, B and C. */
void trn_multiply_plan_dense(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_multiply_t *job = user;
    (void)ranks;
    int64_t shares = 0;
    for (int i = A; i <= C; i++)
        shares += held(job->stored[i], rank) * size_of(job);
    trn_matrix_load_plan(ledger, &job->info[A], job->type, &job->bands[A], rank);
    trn_matrix_load_plan(ledger, &job->info[B], job->type, &job->bands[B], rank);
    plan_sum(job, rank, ledger);
    if (job->choice.bytes > shares)
        trn_ledger_take(ledger, "buffers", job->choice.bytes - shares, 1);
    int64_t parts = job->choice.bytes > 0 ? job->choice.shape.rows : 1;
    int64_t packed = trn_blas_bytes(size_of(job), (job->rows[C] + parts - 1) / parts, job->cols[A]);
    trn_ledger_take(ledger, "libraries", packed, job->want->threads);
    plan_save(job, rank, ledger);
}

trn_spmm_size_t trn_multiply_spmm_size(const trn_multiply_t *job, int ranks, int rank) {
    int s = job->info[A].sparse ? A : B, d = s == A ? B : A;
    bool right = s == B, transposed = job->transpose[s] != right;
    int64_t first = trn_part_start(job->cols[C], ranks, rank); /* columns of C, if it is B S */
    trn_spmm_size_t x = {.ranks = ranks,
                         .right = right,
                         .type = job->type,
                         .rows = right ? job->cols[d] : job->rows[d],
                         .out = right ? job->cols[C] : job->rows[C],
                         .cols = right ? job->rows[C] : job->cols[C],
                         .own_b = trn_dist_local_rows(job->dist[d], rank),
                         .own_c = trn_dist_local_rows(job->dist[C], rank),
                         .given = job->bands[s].entries[rank]};
    x.own_rows = right
                     ? trn_part_start(x.rows, ranks, rank + 1) - trn_part_start(x.rows, ranks, rank)
                     : x.own_b;
    x.own_out = right ? trn_part_start(job->cols[C], ranks, rank + 1) - first : x.own_c;
    x.entries = x.given;
    if (!transposed && (!right || ranks == 1)) return x;
    /* The entries of some columns: as many as of so many rows, if columns are like rows. */
    int64_t even = job->info[s].entries / ranks + 1;
    x.entry = trn_sparse_entry_bytes(trn_multiply_sparse_type(job));
    if (transposed && x.given < even) x.entries = even + even / 32;
    return x;
}

/* One operand sparse, the other dense. */
void trn_multiply_plan_mixed(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_multiply_t *job = user;
    int s = job->info[A].sparse ? A : B, d = s == A ? B : A;
    trn_sparse_load_plan(ledger, &job->info[s], trn_multiply_sparse_type(job), &job->bands[s],
                         rank);
    trn_ledger_t loaded = *ledger;
    trn_matrix_load_plan(ledger, &job->info[d], job->type, &job->bands[d], rank);
    if (job->transpose[d]) { /* a strip of columns, and what it is transposed into */
        trn_ledger_take(ledger, "moving", held(job->dist[d], rank), size_of(job));
        if (ranks > 1) trn_ledger_take(ledger, "moving", 4, TRN_REDIST_MESSAGE);
        trn_ledger_take(ledger, "matrix", held(job->dist[d], rank), size_of(job));
        trn_ledger_back(ledger, &loaded);
        trn_ledger_take(ledger, "matrix", held(job->dist[d], rank), size_of(job));
    }
    plan_sum(job, rank, ledger);
    trn_spmm_size_t size = trn_multiply_spmm_size(job, ranks, rank);
    if (job->narrow) size.cols = size.right ? size.cols : 1;
    trn_spmm_take(ledger, &size);
    plan_save(job, rank, ledger);
}

/* The transpose takes the place of a sparse operand. */
static void plan_transpose(const trn_multiply_t *job, int which, int rank, trn_ledger_t *ledger) {
    int64_t entry = trn_sparse_entry_bytes(trn_multiply_sparse_type(job));
    int64_t entries = job->bands[which].entries[rank];
    trn_sparse_move_take(ledger, "matrix", entries, trn_dist_local_rows(job->dist[which], rank),
                         entry);
    trn_ledger_give(ledger, "matrix", entries, entry);
    trn_ledger_give(ledger, "matrix", trn_dist_local_rows(job->stored[which], rank) + 1,
                    sizeof(int64_t));
}

/* Two sparse operands: C is guessed, as if entries lay at random. */
void trn_multiply_plan_sparse(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_multiply_t *job = user;
    trn_spgemm_size_t size = {.ranks = ranks,
                              .threads = job->want->threads,
                              .rows = trn_dist_local_rows(job->dist[A], rank),
                              .inner = job->rows[B],
                              .cols = job->cols[B],
                              .a = job->bands[A].entries[rank],
                              .all_b = job->bands[B].entries[0],
                              .type = job->want->boolean ? TRN_SPARSE_PATTERN
                                                         : trn_multiply_sparse_type(job)};
    for (int r = 1; r < ranks; r++)
        size.all_b += job->bands[B].entries[r];
    for (int i = A; i <= B; i++) {
        trn_sparse_load_plan(ledger, &job->info[i], trn_multiply_sparse_type(job), &job->bands[i],
                             rank);
        if (job->transpose[i]) plan_transpose(job, i, rank, ledger);
    }
    if (job->narrow) size.all_b = 0;
    trn_spgemm_take(ledger, &size);
    int64_t entries = job->narrow ? 0 : trn_spgemm_guess(&size);
    trn_ledger_t before = {0};
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "matrix", entries, trn_sparse_entry_bytes(size.type));
    trn_ledger_take(ledger, "matrix", size.rows + 1, sizeof(int64_t));
    if (job->want->output)
        trn_sparse_save_plan(ledger, job->want->output, size.rows, entries, size.type);
}
