/* passing.c: rows read block by block, and written as they were changed. Neither fails on the way,
 * for other ranks wait for this one's part of a sum: what goes wrong is kept. */
#include "algo/matrix/passing.h"

static trn_view_t pass_in(void *user, int64_t block) {
    return trn_rows_block(((trn_passing_t *)user)->rows, block);
}

static void pass_out(void *user, int64_t first, trn_view_t rows) {
    trn_passing_t *p = user;
    if (p->written == TRN_OK)
        p->written = trn_rows_write(p->out, first, rows.rows, rows.type, rows.data);
}

trn_status_t trn_passing_open(trn_passing_t *p, MPI_Comm comm, const char *path,
                              trn_matrix_type_t type, const int64_t *start) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    *p = (trn_passing_t){0};
    TRN_TRY(trn_rows_open(&p->rows, comm, path, &(trn_rows_how_t){0}));
    const trn_rows_about_t *about = trn_rows_about(p->rows);
    p->stream = (trn_banded_stream_t){pass_in, pass_out,    p,
                                      type,    start[rank], start[rank + 1] - start[rank]};
    p->x = (trn_banded_t){
        .comm = comm, .rows = about->rows, .cols = about->cols, .stream = &p->stream};
    return trn_rows_hold(p->rows, trn_transform_block(about->rows), type, INT64_MAX);
}

trn_status_t trn_passing_outcome(const trn_passing_t *p, trn_status_t status) {
    trn_status_t reading = trn_rows_outcome(p->rows);
    if (reading != TRN_OK) return reading;
    return p->written != TRN_OK ? p->written : status;
}

trn_status_t trn_passing_save(trn_passing_t *p, const char *output, trn_rows_make_t make,
                              trn_status_t (*change)(const void *user, const trn_banded_t *x),
                              const void *user) {
    make.rows = p->x.rows;
    make.cols = p->x.cols;
    make.own_first = p->stream.first_row;
    make.own_rows = p->stream.own_rows;
    make.type = p->stream.type;
    TRN_TRY(trn_rows_create(&p->out, p->x.comm, output, &make));
    return trn_rows_commit(&p->out, trn_passing_outcome(p, change(user, &p->x)));
}

void trn_passing_close(trn_passing_t *p) {
    trn_rows_close(&p->rows);
}
