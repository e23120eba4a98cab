/* tall_out.c: a file whose rows are made of those of another as they pass by. */
#include "algo/matrix/tall_out.h"

#include "base/mem.h"
#include "mpi/agree.h"

/* The last block may be shorter. */
static int64_t numbers_of_block(const trn_tall_in_t *in, const trn_tall_made_t *made) {
    int64_t block = trn_tall_block(in->in.info.rows), rows = in->in.info.rows;
    return (block < rows ? block : rows) * made->cols;
}

static trn_rows_make_t shape(const trn_tall_in_t *in, const trn_tall_made_t *made,
                             const trn_rows_make_t *make, int ranks, int rank) {
    trn_rows_make_t whole = *make;
    int64_t block = trn_tall_block(in->in.info.rows);
    int64_t blocks = (in->in.info.rows + block - 1) / block;
    whole.rows = in->in.info.rows;
    whole.cols = made->cols;
    whole.own_first = trn_part_start(blocks, ranks, rank) * block;
    if (whole.own_first > whole.rows) whole.own_first = whole.rows;
    whole.own_rows = trn_tall_rows(whole.rows, ranks, rank);
    return whole;
}

/* This rank's blocks, in order; after a failure nothing more is written. Local. */
static trn_status_t write_blocks(trn_tall_in_t *in, const trn_tall_made_t *made,
                                 trn_rows_out_t *out, void *values) {
    int64_t rows = trn_tall_block(in->tall.rows), first = trn_tall_first_block(in->tall);
    int64_t blocks = (in->tall.block.rows + rows - 1) / rows;
    trn_status_t status = TRN_OK;
    for (int64_t b = first; b < first + blocks && status == TRN_OK; b++) {
        trn_view_t view = trn_tall_block_rows(in->tall, b);
        made->make(made->user, b * rows, view, values);
        status = trn_rows_write(out, b * rows, view.rows, made->type, values);
    }
    return status;
}

trn_status_t trn_tall_save(trn_tall_in_t *in, const char *path, const trn_tall_made_t *made,
                           const trn_rows_make_t *make) {
    return trn_tall_save_if(in, path, made, make, NULL);
}

trn_status_t trn_tall_save_if(trn_tall_in_t *in, const char *path, const trn_tall_made_t *made,
                              const trn_rows_make_t *make,
                              trn_status_t (*outcome)(void *user, trn_status_t status)) {
    MPI_Comm comm = in->tall.comm;
    int rank, ranks;
    void *values;
    trn_rows_out_t *out = NULL;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    trn_rows_make_t whole = shape(in, made, make, ranks, rank);
    trn_status_t status =
        trn_agree(comm, trn_alloc(&values, numbers_of_block(in, made),
                                  (size_t)trn_dtype_size(made->type), "rows to write"));
    if (status == TRN_OK) status = trn_rows_create(&out, comm, path, &whole);
    if (status == TRN_OK) {
        status = write_blocks(in, made, out, values);
        /* The others' reading counts, too: nothing is put in place that has zeros for rows. */
        status = trn_tall_in_outcome(in, trn_agree(comm, status));
        if (outcome) status = outcome(made->user, status);
        status = trn_rows_commit(&out, status);
    }
    trn_free(&values);
    return status;
}

void trn_tall_save_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, const char *path,
                        const trn_tall_made_t *made, const trn_rows_make_t *make, int ranks,
                        int rank) {
    trn_rows_make_t whole = shape(in, made, make, ranks, rank);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "saving", numbers_of_block(in, made), trn_dtype_size(made->type));
    trn_ledger_take(ledger, "saving", trn_rows_write_bytes(path, &whole, rank == 0), 1);
    trn_ledger_back(ledger, &before);
}
