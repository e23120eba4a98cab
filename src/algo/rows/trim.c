/* trim.c: rows that stay, copied from file to file in lists; a map of where they went. */
#include "algo/rows/trim.h"

#include "algo/matrix/matrix_file_plan.h"
#include "algo/rows/pick.h"
#include "algo/rows/row_names.h"
#include "algo/rows/trim_sparse.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <string.h>

/* Who writes what ------------------------------------------------------------------------------ */

/* The rows of `count` that a rank writes. */
static void set_band(trn_rows_make_t *make, int64_t count, int ranks, int rank) {
    make->rows = count;
    make->own_first = trn_part_start(count, ranks, rank);
    make->own_rows = trn_part_start(count, ranks, rank + 1) - make->own_first;
}

/* Names and numbers are those of all rows: each rank writes its band of them, or rank 0 all. */
static void fill_in(trn_trim_t *trim, MPI_Comm comm, const trn_ids_t *ids) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    set_band(&trim->make, ids->count, ranks, rank);
    trim->make.cols = trn_rows_about(trim->rows)->cols;
    trim->make.names = trim->names;
    trim->make.ids = ids->id;
}

/* Rows with order ------------------------------------------------------------------------------ */

/* This rank's rows, list by list. Local. */
static trn_status_t copy_lists(trn_trim_t *trim, trn_pick_t *pick, const trn_ids_t *ids,
                               char *values) {
    int64_t first = trim->make.own_first, end = first + trim->make.own_rows;
    for (int64_t at = first, some; at < end; at += some) {
        some = end - at < pick->room ? end - at : pick->room;
        TRN_TRY(trn_pick_rows(pick, some, ids->id + at, values));
        TRN_TRY(trn_rows_write(trim->out, at, some, pick->type, values));
    }
    return TRN_OK;
}

/* What is read are this rank's output rows, wherever in the file they lie. Collective. */
static trn_status_t copy_ordered(trn_trim_t *trim, MPI_Comm comm, const trn_ids_t *ids) {
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    trn_pick_t pick = {0};
    char *values = NULL;
    int64_t room = trn_pick_room(about, trim->make.type, trim->make.own_rows, trim->list);
    trn_status_t status = trn_pick_begin(&pick, trim->rows, trim->make.type, room);
    if (status == TRN_OK)
        status = trn_alloc(&values, room * about->cols, (size_t)trn_dtype_size(trim->make.type),
                           "rows to copy");
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_agree(comm, copy_lists(trim, &pick, ids, values));
    /* Numbers that did not fit are refused before anything is put in place. */
    if (status == TRN_OK) status = trn_rows_outcome(trim->rows);
    trn_pick_free(&pick);
    trn_free(&values);
    return status;
}

/* Entries without order ------------------------------------------------------------------------ */

/* place[rows] = the new number of every row, -1: it is gone. Local. */
static trn_status_t make_place(int64_t rows, const trn_ids_t *ids, int64_t **place) {
    TRN_TRY(trn_alloc(place, rows, sizeof **place, "new numbers of rows"));
    for (int64_t i = 0; i < rows; i++)
        (*place)[i] = -1;
    for (int64_t i = 0; i < ids->count; i++)
        (*place)[ids->id[i]] = i;
    return TRN_OK;
}

/* The bands that ranks write. Local. */
static trn_status_t make_dist(MPI_Comm comm, int64_t count, int64_t cols, trn_dist_t **dist) {
    int64_t *start, col[2] = {0, cols};
    int ranks;
    MPI_Comm_size(comm, &ranks);
    *dist = NULL;
    TRN_TRY(trn_alloc(&start, ranks + 1, sizeof *start, "bands of rows"));
    for (int r = 0; r <= ranks; r++)
        start[r] = trn_part_start(count, ranks, r);
    trn_status_t status = trn_dist_create_at(dist, ranks, start, 1, col);
    trn_free(&start);
    return status;
}

/* Entries travel to the rank that writes their row. Collective. */
static trn_status_t copy_routed(trn_trim_t *trim, MPI_Comm comm, const trn_ids_t *ids) {
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    int64_t *place = NULL, numbers = trim->make.own_rows * about->cols;
    double *values = NULL;
    trn_dist_t *dist = NULL;
    trn_status_t status = make_place(about->rows, ids, &place);
    if (status == TRN_OK) status = make_dist(comm, ids->count, about->cols, &dist);
    if (status == TRN_OK && !trim->sparse)
        status = trn_alloc(&values, numbers, sizeof *values, "rows to copy");
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done,
           trn_rows_load_moved(trim->rows, place, dist, trim->sparse ? &trim->band : NULL, values));
    if (!trim->sparse)
        status =
            trn_rows_write(trim->out, trim->make.own_first, trim->make.own_rows, TRN_F64, values);
    status = trn_agree(comm, status);
done:
    trn_free(&place);
    trn_free(&values);
    trn_dist_destroy(&dist);
    return status;
}

/* All together --------------------------------------------------------------------------------- */

/* The types that a sparse matrix can have. */
static trn_sparse_type_t sparse_type(const trn_trim_t *trim) {
    return trim->make.type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
}

/* Everything but the end: a dense file is written under another name, a sparse one lies in memory.
 * Collective. */
static trn_status_t copy(trn_trim_t *trim, MPI_Comm comm, const trn_ids_t *ids) {
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    TRN_TRY(trn_row_names_of(trim->rows, comm, ids, &trim->names));
    fill_in(trim, comm, ids);
    if (!trim->sparse) {
        TRN_TRY(trn_rows_create(&trim->out, comm, trim->to, &trim->make));
        trim->entries = trim->make.own_rows * about->cols;
    }
    if (about->routed) {
        TRN_TRY(copy_routed(trim, comm, ids));
    } else if (trim->sparse) {
        TRN_AGREE(comm,
                  trn_trim_sparse(trim->rows, trim->make.own_first, trim->make.own_rows,
                                  ids->id + trim->make.own_first, sparse_type(trim), &trim->band));
        TRN_TRY(trn_rows_outcome(trim->rows));
    } else {
        TRN_TRY(copy_ordered(trim, comm, ids));
    }
    if (trim->sparse) trim->entries = trn_sparse_count(trim->band);
    return TRN_OK;
}

/* The file takes its place, if all of them are well. Collective. */
static trn_status_t end(trn_trim_t *trim, MPI_Comm comm, trn_status_t status) {
    if (!trim->sparse)
        status = trn_rows_commit(&trim->out, status);
    else if (status == TRN_OK)
        status = trn_rows_save_sparse(comm, trim->to, trim->band, &trim->make);
    trn_sparse_destroy(&trim->band);
    trn_free(&trim->names);
    return status;
}

/* Two loops, so that the last matrix's failure leaves nothing of the first. */
trn_status_t trn_trim(trn_trim_t *trims, int n, MPI_Comm comm, const trn_ids_t *ids) {
    trn_status_t status = TRN_OK;
    for (int i = 0; i < n && status == TRN_OK; i++)
        status = copy(&trims[i], comm, ids);
    for (int i = 0; i < n; i++)
        status = end(&trims[i], comm, status);
    return status;
}

trn_status_t trn_trim_map(MPI_Comm comm, const char *path, int64_t rows, const trn_ids_t *ids,
                          const trn_rows_make_t *made, trn_rows_out_t **out) {
    trn_rows_make_t make = {.cols = 1,
                            .flat = true,
                            .type = TRN_I64,
                            .created_by = made->created_by,
                            .params = made->params};
    int64_t *number = NULL;
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    set_band(&make, rows, ranks, rank);
    *out = NULL;
    TRN_AGREE(comm, trn_alloc(&number, make.own_rows, sizeof *number, "new numbers of rows"));
    for (int64_t i = 0; i < make.own_rows; i++)
        number[i] = -1;
    /* Every rank has all numbers and looks for those of its band: no messages. */
    for (int64_t i = 0; i < ids->count; i++)
        if (ids->id[i] >= make.own_first && ids->id[i] < make.own_first + make.own_rows)
            number[ids->id[i] - make.own_first] = i;
    trn_status_t status = trn_rows_create(out, comm, path, &make);
    if (status == TRN_OK) {
        status = trn_rows_write(*out, make.own_first, make.own_rows, TRN_I64, number);
        status = trn_agree(comm, status);
        if (status != TRN_OK) status = trn_rows_commit(out, status);
    }
    trn_free(&number);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

/* Names of rows that stay: a guess of their length, twice while they are put in order. */
static void plan_names(trn_ledger_t *ledger, const trn_rows_about_t *about, int64_t count) {
    enum { NAME = 24 };
    if (!about->named) return;
    trn_ledger_take(ledger, "names", count, NAME + sizeof(char *));
    trn_ledger_pass(ledger, "names", count, NAME + 2 * (int64_t)sizeof(int64_t));
}

/* Entries of which nothing is known but how many there are, an even share each. */
static void plan_entries(trn_ledger_t *ledger, const trn_trim_t *trim, int64_t own, int ranks) {
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    trn_matrix_info_t info = trn_matrix_info_of(about);
    int64_t start[2] = {0, own};
    double part = about->rows > 0 ? (double)trim->make.rows / (double)about->rows / ranks : 0;
    int64_t entries = (int64_t)((double)about->entries * part);
    trn_bands_t bands = {.ranks = 1, .start = start, .entries = &entries};
    if (about->routed) trn_ledger_take(ledger, "picking", about->rows, sizeof(int64_t));
    trn_sparse_load_plan(ledger, &info, sparse_type(trim), &bands, 0);
}

/* What copying takes beside what stays until the end. */
static void plan_copy(trn_ledger_t *ledger, const trn_trim_t *trim, int ranks) {
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    int64_t own = trim->make.own_rows, size = trn_dtype_size(trim->make.type);
    trn_ledger_t before = *ledger;
    if (about->routed) {
        if (about->sparse) plan_entries(ledger, trim, own, ranks);
        trn_ledger_take(ledger, "rows", own * about->cols, sizeof(double));
    } else {
        int64_t room = trn_pick_room(about, trim->make.type, own, trim->list);
        trn_pick_plan(ledger, about, trim->make.type, room);
        trn_ledger_take(ledger, "rows", room * about->cols, size);
    }
    trn_ledger_back(ledger, &before);
}

/* Files that are written stay open until all are, so what they take adds up. */
void trn_trim_plan(trn_ledger_t *ledger, const trn_trim_t *trims, int n, int64_t count, int ranks,
                   int rank) {
    for (int i = 0; i < n; i++) {
        trn_trim_t one = trims[i];
        const trn_rows_about_t *about = trn_rows_about(one.rows);
        set_band(&one.make, count, ranks, rank);
        one.make.cols = about->cols;
        plan_names(ledger, about, count);
        if (one.sparse) {
            plan_entries(ledger, &one, one.make.own_rows, ranks);
            continue;
        }
        trn_ledger_take(ledger, "writing", trn_rows_write_bytes(one.to, &one.make, rank == 0), 1);
        plan_copy(ledger, &one, ranks);
    }
}
