/* restore.c: trimmed rows back into the matrix that they came from. */
#include "algo/rows/pick.h"
#include "algo/rows/trim.h"
#include "base/mem.h"
#include "io/text/decode.h"
#include "mpi/agree.h"

#include <string.h>

/* A rank's work: rows of the whole matrix by blocks, over which some are laid. */
typedef struct restoring {
    const trn_trim_t *trim;
    const trn_ids_t *ids;
    int64_t block;  /* rows that pass at a time */
    int64_t *order; /* [ids] places by ascending number of the row that they go to */
    int64_t *from;  /* [block] rows of the small matrix that go into a block */
    trn_pick_t pick;
    char *values, *over; /* [block x cols] of the whole and of the small matrix */
} restoring_t;

/* Two lists of rows, so half of what one may have. */
static int64_t block_rows(const trn_rows_make_t *make, int64_t list) {
    int64_t row = make->cols * trn_dtype_size(make->type), rows = row > 0 ? list / 2 / row : 1;
    rows = rows < make->own_rows ? rows : make->own_rows;
    return rows > 0 ? rows : 1;
}

/* Memory for all of it, before anything is read. */
static trn_status_t begin(restoring_t *r, trn_rows_t *small) {
    const trn_rows_about_t *about = trn_rows_about(r->trim->rows);
    trn_dtype_t type = r->trim->make.type;
    size_t size = (size_t)trn_dtype_size(type);
    r->block = block_rows(&r->trim->make, r->trim->list);
    TRN_TRY(trn_alloc(&r->order, r->ids->count, sizeof *r->order, "the order of rows"));
    TRN_TRY(trn_alloc(&r->from, r->block, sizeof *r->from, "rows to put back"));
    TRN_TRY(trn_alloc(&r->values, r->block * about->cols, size, "rows to copy"));
    TRN_TRY(trn_alloc(&r->over, r->block * about->cols, size, "rows to put back"));
    trn_ids_order(r->ids->count, r->ids->id, r->order);
    return trn_pick_begin(&r->pick, small, type, r->block);
}

static void release(restoring_t *r) {
    trn_pick_free(&r->pick);
    trn_free(&r->order);
    trn_free(&r->from);
    trn_free(&r->values);
    trn_free(&r->over);
}

/* The rows of one block that come from elsewhere: those at order[at ... ), up to `end`. Returns how
 * many. Local. */
static int64_t count_over(const restoring_t *r, int64_t at, int64_t end) {
    int64_t count = 0;
    while (at + count < r->ids->count && r->ids->id[r->order[at + count]] < end) {
        r->from[count] = r->order[at + count];
        count++;
    }
    return count;
}

/* Local. */
static trn_status_t copy_blocks(restoring_t *r) {
    const trn_rows_make_t *make = &r->trim->make;
    int64_t bytes = make->cols * trn_dtype_size(make->type);
    int64_t first = make->own_first, end = first + make->own_rows, at = 0;
    /* Rows of the ranks before this one are theirs to put back. */
    while (at < r->ids->count && r->ids->id[r->order[at]] < first)
        at++;
    for (int64_t row = first, some; row < end; row += some) {
        some = end - row < r->block ? end - row : r->block;
        TRN_TRY(trn_rows_read(r->trim->rows, row, some, make->type, r->values));
        int64_t count = count_over(r, at, row + some);
        /* The small matrix may have its rows in any order: --ids keeps the caller's. */
        TRN_TRY(trn_pick_rows(&r->pick, count, r->from, r->over));
        for (int64_t i = 0; i < count; i++)
            memcpy(r->values + (r->ids->id[r->order[at + i]] - row) * bytes, r->over + i * bytes,
                   (size_t)bytes);
        at += count;
        TRN_TRY(trn_rows_write(r->trim->out, row, some, make->type, r->values));
    }
    return TRN_OK;
}

static void set_band(trn_rows_make_t *make, const trn_rows_about_t *about, int ranks, int rank) {
    make->rows = about->rows;
    make->cols = about->cols;
    make->own_first = trn_part_start(about->rows, ranks, rank);
    make->own_rows = trn_part_start(about->rows, ranks, rank + 1) - make->own_first;
}

trn_status_t trn_restore(trn_trim_t *trim, trn_rows_t *small, MPI_Comm comm, const trn_ids_t *ids) {
    restoring_t r = {.trim = trim, .ids = ids};
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    set_band(&trim->make, trn_rows_about(trim->rows), ranks, rank);
    trim->make.names_of = trim->rows;
    trn_status_t status = trn_agree(comm, begin(&r, small));
    if (status == TRN_OK) status = trn_rows_create(&trim->out, comm, trim->to, &trim->make);
    if (status == TRN_OK) status = trn_agree(comm, copy_blocks(&r));
    if (status == TRN_OK) status = trn_rows_outcome(trim->rows);
    if (status == TRN_OK) status = trn_rows_outcome(small);
    status = trn_rows_commit(&trim->out, status);
    trim->entries = trim->make.own_rows * trim->make.cols;
    release(&r);
    return status;
}

void trn_restore_plan(trn_ledger_t *ledger, const trn_trim_t *trim, const trn_rows_t *small,
                      int64_t count, int ranks, int rank) {
    enum { PIECE = 1 << 20 /* that a reader keeps */ };
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    trn_rows_make_t make = trim->make;
    int64_t size = trn_dtype_size(make.type);
    set_band(&make, about, ranks, rank);
    int64_t block = block_rows(&make, trim->list);
    make.names_of = trim->rows;
    trn_ledger_take(ledger, "writing", trn_rows_write_bytes(trim->to, &make, rank == 0), 1);
    trn_ledger_take(ledger, "rows", block * 2 * about->cols, size);
    trn_ledger_take(ledger, "rows", PIECE + trn_decoder_bytes(about->coding), 1);
    trn_ledger_take(ledger, "rows", block + count, sizeof(int64_t));
    trn_pick_plan(ledger, trn_rows_about(small), make.type, block);
}
