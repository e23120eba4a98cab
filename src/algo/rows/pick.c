/* pick.c: rows by number: sorted, then read in spans of neighbours, then put where they belong. */
#include "algo/rows/pick.h"

#include "algo/rows/ids.h"
#include "base/mem.h"
#include "io/text/decode.h"

#include <string.h>

enum {
    SPAN = 1 << 20,      /* bytes that are read at once */
    NEAR = 4 << 10,      /* bytes between two rows that cost less to read than a call does; a row
                          * in vain is read anyway, so that at most twice as much is read */
    CHECKED = 256 << 10, /* the same where bytes come in blocks with a checksum, or as text */
};

/* Whether rows lie in the file as they are, to be read from any of them on. */
static bool direct(const trn_rows_about_t *about) {
    return about->coding == TRN_CODING_NONE &&
           (strcmp(about->format, "npy") == 0 || strcmp(about->format, "safetensors") == 0);
}

/* Whether reading begins at the front of the file each time. */
static bool sequential(const trn_rows_about_t *about) {
    return about->coding != TRN_CODING_NONE || strcmp(about->format, "npz") == 0;
}

/* At least 1, for rows without columns are divided by it. */
static int64_t row_bytes(const trn_rows_about_t *about, trn_dtype_t type) {
    int64_t bytes = about->cols * trn_dtype_size(type);
    return bytes > 0 ? bytes : 1;
}

static int64_t at_least_one(int64_t n) {
    return n > 0 ? n : 1;
}

/* A row that is longer than SPAN makes a span alone. */
static int64_t span_rows(const trn_rows_about_t *about, trn_dtype_t type) {
    int64_t rows = at_least_one(SPAN / row_bytes(about, type));
    return rows < about->rows ? rows : at_least_one(about->rows);
}

int64_t trn_pick_room(const trn_rows_about_t *about, trn_dtype_t type, int64_t rows,
                      int64_t bytes) {
    if (sequential(about)) bytes *= 4;
    int64_t room = at_least_one(bytes / row_bytes(about, type));
    return room < rows ? room : at_least_one(rows);
}

trn_status_t trn_pick_begin(trn_pick_t *pick, trn_rows_t *rows, trn_dtype_t type, int64_t room) {
    const trn_rows_about_t *about = trn_rows_about(rows);
    int64_t row = row_bytes(about, type), gap = direct(about) ? NEAR : CHECKED;
    *pick = (trn_pick_t){.rows = rows,
                         .type = type,
                         .room = room,
                         .span_rows = span_rows(about, type),
                         .gap = gap > row ? gap / row : 1};
    TRN_TRY(trn_alloc(&pick->order, room, sizeof *pick->order, "the order of rows"));
    trn_status_t status =
        trn_alloc(&pick->span, pick->span_rows, (size_t)row_bytes(about, type), "rows to pick");
    if (status != TRN_OK) trn_pick_free(pick);
    return status;
}

void trn_pick_plan(trn_ledger_t *ledger, const trn_rows_about_t *about, trn_dtype_t type,
                   int64_t room) {
    enum { PIECE = 1 << 20 /* that a reader keeps */ };
    trn_ledger_take(ledger, "picking", PIECE + trn_decoder_bytes(about->coding), 1);
    trn_ledger_take(ledger, "picking", room, sizeof(int64_t));
    trn_ledger_take(ledger, "picking", span_rows(about, type), row_bytes(about, type));
}

void trn_pick_free(trn_pick_t *pick) {
    trn_free(&pick->order);
    trn_free(&pick->span);
}

/* The end of the span that begins at order[from]: near neighbours, SPAN bytes at most. *solid:
 * rows follow each other in the file and in the list alike, without gaps. */
static int64_t span_end(const trn_pick_t *pick, int64_t from, int64_t count, const int64_t *id,
                        bool *solid) {
    const int64_t *order = pick->order;
    int64_t first = id[order[from]], end = from + 1;
    *solid = true;
    for (; end < count; end++) {
        int64_t step = id[order[end]] - id[order[end - 1]];
        if (step > 1 + pick->gap || id[order[end]] - first >= pick->span_rows) break;
        *solid = *solid && step == 1 && order[end] == order[end - 1] + 1;
    }
    return end;
}

trn_status_t trn_pick_rows(trn_pick_t *pick, int64_t count, const int64_t *id, void *values) {
    const trn_rows_about_t *about = trn_rows_about(pick->rows);
    int64_t bytes = about->cols * trn_dtype_size(pick->type);
    const int64_t *order = pick->order;
    char *to = values;
    trn_ids_order(count, id, pick->order);
    for (int64_t from = 0, end; from < count; from = end) {
        bool solid; /* then the rows need no copy: they are read to where they belong */
        end = span_end(pick, from, count, id, &solid);
        int64_t first = id[order[from]], rows = id[order[end - 1]] - first + 1;
        char *into = solid ? to + order[from] * bytes : pick->span;
        TRN_TRY(trn_rows_read(pick->rows, first, rows, pick->type, into));
        for (int64_t i = from; i < end && !solid; i++)
            memcpy(to + order[i] * bytes, pick->span + (id[order[i]] - first) * bytes,
                   (size_t)bytes);
    }
    return TRN_OK;
}
