/* closure_save.c: R into a file (closure.h). */
#include "algo/graph/closure.h"

#include "base/mem.h"
#include "io/rows/rows.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PIECE = 1 << 16, BITS = 8 };

/* Stores --------------------------------------------------------------------------------------- */

/* This rank's rows on their way into a store. */
typedef struct out {
    const trn_closure_t *closure;
    trn_store_t *store;
    int64_t at;      /* pairs before those that wait */
    int64_t waiting; /* of column */
    int32_t *column; /* [PIECE] */
    float *one;      /* [PIECE] the value of every pair */
    uint8_t *bits;   /* [bytes] a packed row */
    int64_t bytes;
} out_t;

static int64_t row_bytes(const trn_closure_t *c) {
    return (c->graph.nodes + BITS - 1) / BITS;
}

static trn_status_t open_out(out_t *out, bool packed) {
    if (packed) return trn_alloc(&out->bits, out->bytes, 1, "a packed row");
    TRN_TRY(trn_alloc(&out->column, PIECE, sizeof *out->column, "columns to write"));
    TRN_TRY(trn_alloc(&out->one, PIECE, sizeof *out->one, "values to write"));
    for (int i = 0; i < PIECE; i++)
        out->one[i] = 1;
    return TRN_OK;
}

static trn_status_t flush(out_t *out) {
    int64_t count = out->waiting, at = out->at;
    if (count == 0) return TRN_OK;
    out->at += count;
    out->waiting = 0;
    TRN_TRY(trn_store_write(out->store, "/col", at, count, out->column));
    return trn_store_write(out->store, "/value", at, count, out->one);
}

static trn_status_t put_rows(void *user, trn_reach_t *reach, int64_t first, int64_t count) {
    out_t *out = user;
    (void)first;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *row = trn_reach_row(reach, i);
        for (int64_t left = trn_reach_count(reach, i); left > 0;) {
            int64_t some = PIECE - out->waiting < left ? PIECE - out->waiting : left;
            memcpy(out->column + out->waiting, row, (size_t)some * sizeof *row);
            out->waiting += some;
            row += some;
            left -= some;
            if (out->waiting == PIECE) TRN_TRY(flush(out));
        }
    }
    return TRN_OK;
}

static trn_status_t put_bits(void *user, trn_reach_t *reach, int64_t first, int64_t count) {
    out_t *out = user;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *row = trn_reach_row(reach, i);
        memset(out->bits, 0, (size_t)out->bytes);
        for (int64_t j = 0; j < trn_reach_count(reach, i); j++)
            out->bits[row[j] / BITS] |= (uint8_t)(1 << row[j] % BITS);
        TRN_TRY(trn_store_write(out->store, "/bits", first + i, 1, out->bits));
    }
    return TRN_OK;
}

/* Where this rank's rows begin, and the end of all by the last rank. */
static trn_status_t put_starts(out_t *out, int64_t first, int64_t end, bool last) {
    const trn_closure_t *c = out->closure;
    int64_t start[1024], at = out->at, n = 0;
    for (int64_t i = first; i < end + last; i++) {
        start[n++] = at;
        if (i < end) at += c->count[i];
        if (n < 1024 && i + 1 < end + last) continue;
        TRN_TRY(trn_store_write(out->store, "/row_ptr", i + 1 - n, n, start));
        n = 0;
    }
    return TRN_OK;
}

/* Local. */
static trn_status_t put_all(out_t *out, bool packed) {
    trn_closure_t *c = (trn_closure_t *)out->closure;
    int rank, ranks;
    int64_t before;
    MPI_Comm_rank(c->comm, &rank);
    MPI_Comm_size(c->comm, &ranks);
    if (packed) return trn_closure_each(c, put_bits, out);
    int64_t end = trn_closure_band(c, rank + 1, &before);
    int64_t first = trn_closure_band(c, rank, &out->at);
    TRN_TRY(put_starts(out, first, end, rank == ranks - 1));
    TRN_TRY(trn_closure_each(c, put_rows, out));
    return flush(out);
}

static trn_status_t declare(const trn_closure_t *c, trn_store_t *store,
                            const trn_closure_make_t *make) {
    TRN_TRY(trn_store_set_int(store, "/", "rows", c->rows));
    TRN_TRY(trn_store_set_int(store, "/", "cols", c->graph.nodes));
    if (make->packed) {
        TRN_TRY(trn_store_dataset(store, "/bits", TRN_U8, c->rows, row_bytes(c)));
    } else {
        TRN_TRY(trn_store_dataset(store, "/row_ptr", TRN_I64, c->rows + 1, 0));
        TRN_TRY(trn_store_dataset(store, "/col", TRN_I32, c->pairs, 0));
        TRN_TRY(trn_store_dataset(store, "/value", TRN_F32, c->pairs, 0));
    }
    if (make->declare) TRN_TRY(make->declare(make->user, store));
    return trn_store_begin(store);
}

static trn_status_t save_store(trn_closure_t *c, const char *path, const trn_closure_make_t *make) {
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, c->comm, path, make->packed ? "reachability" : "matrix",
                             make->created_by, make->params, 0));
    out_t out = {.closure = c, .store = store, .bytes = row_bytes(c)};
    trn_status_t status = trn_agree(c->comm, open_out(&out, make->packed));
    if (status == TRN_OK) status = declare(c, store, make);
    if (status == TRN_OK)
        status = trn_store_commit_replace(&store, put_all(&out, make->packed));
    else
        trn_store_abandon(&store);
    trn_free(&out.column);
    trn_free(&out.one);
    trn_free(&out.bits);
    return status;
}

/* Matrix Market -------------------------------------------------------------------------------- */

static trn_status_t take_rows(void *user, trn_reach_t *reach, int64_t first, int64_t count) {
    int32_t **to = user;
    (void)first;
    for (int64_t i = 0; i < count; i++) {
        int64_t length = trn_reach_count(reach, i);
        memcpy(*to, trn_reach_row(reach, i), (size_t)length * sizeof **to);
        *to += length;
    }
    return TRN_OK;
}

/* This rank's band as a block in memory. Local. */
static trn_status_t make_band(trn_closure_t *c, const char *path, trn_sparse_t **band) {
    int rank;
    int64_t before, end_pairs, *start = NULL;
    int32_t *column = NULL;
    MPI_Comm_rank(c->comm, &rank);
    int64_t first = trn_closure_band(c, rank, &before);
    int64_t rows = trn_closure_band(c, rank + 1, &end_pairs) - first, pairs = end_pairs - before;
    if (pairs > trn_mem_left() / (int64_t)sizeof *column)
        return trn_fail(TRN_MEMORY,
                        "%s: %lld pairs were counted, %lld of them this rank's: too many for a "
                        ".mtx file, which is made in memory; write .h5, to which rows pass by, or "
                        "raise --memory by %lld bytes",
                        path, (long long)c->pairs, (long long)pairs,
                        (long long)(pairs * (int64_t)sizeof *column - trn_mem_left()));
    trn_status_t status = trn_alloc_zero(&start, rows + 1, sizeof *start, "rows to write");
    if (status == TRN_OK) status = trn_alloc(&column, pairs, sizeof *column, "pairs to write");
    for (int64_t i = 0; i < rows && status == TRN_OK; i++)
        start[i + 1] = start[i] + c->count[first + i];
    int32_t *at = column;
    if (status == TRN_OK) status = trn_closure_each(c, take_rows, &at);
    if (status == TRN_OK)
        status =
            trn_sparse_adopt(band, TRN_SPARSE_PATTERN,
                             (trn_extent_t){first, rows, 0, c->graph.nodes}, start, column, NULL);
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    return status;
}

trn_status_t trn_closure_save(trn_closure_t *c, const char *path, const trn_closure_make_t *make) {
    const char *dot = strrchr(path, '.');
    if (!dot || strcasecmp(dot, ".mtx") != 0) return save_store(c, path, make);
    trn_sparse_t *band = NULL;
    trn_status_t status = trn_agree(c->comm, make_band(c, path, &band));
    trn_rows_make_t rows = {.rows = c->rows, .cols = c->graph.nodes};
    if (status == TRN_OK) status = trn_rows_save_sparse(c->comm, path, band, &rows);
    trn_sparse_destroy(&band);
    return status;
}

int64_t trn_closure_save_bytes(int64_t nodes, int64_t rows, int ranks) {
    int64_t guess = trn_ledger_bytes(nodes, rows) / ranks; /* a store keeps little of it */
    return trn_store_write_bytes(guess) + PIECE * (int64_t)(sizeof(int32_t) + sizeof(float)) +
           nodes / 8 + 1; /* a row of bits */
}
