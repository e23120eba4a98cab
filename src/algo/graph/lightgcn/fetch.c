/* fetch.c: rows asked of their owners by number, ascending, and sent back in that order, so that
 * the answers of ranks 0, 1, ... stand one after the other as the rows were numbered. */
#include "algo/graph/lightgcn/fetch.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>

enum { UNIT = 8 /* bytes that parcels are multiples of */ };

trn_status_t trn_fetch_create(trn_fetch_t *f, MPI_Comm comm, const int64_t *start) {
    *f = (trn_fetch_t){.comm = comm, .start = start};
    MPI_Comm_rank(comm, &f->rank);
    MPI_Comm_size(comm, &f->ranks);
    if (f->ranks == 1) return TRN_OK;
    TRN_TRY(trn_alloc(&f->bytes, f->ranks, sizeof *f->bytes, "counts of rows"));
    return trn_alloc(&f->place, start[f->ranks], sizeof *f->place, "places of rows");
}

void trn_fetch_free(trn_fetch_t *f) {
    trn_free(&f->place);
    trn_free(&f->bytes);
    trn_free(&f->send);
    trn_parcels_free(&f->asked);
    trn_parcels_free(&f->rows);
}

void trn_fetch_begin(trn_fetch_t *f) {
    f->count = 0;
    for (int64_t i = 0; f->place && i < f->start[f->ranks]; i++)
        f->place[i] = -1;
}

static bool own(const trn_fetch_t *f, int64_t row) {
    return row >= f->start[f->rank] && row < f->start[f->rank + 1];
}

void trn_fetch_want(trn_fetch_t *f, int64_t row) {
    if (f->place && !own(f, row)) f->place[row] = 0;
}

int trn_fetch_owner(const trn_fetch_t *f, int64_t row) {
    int low = 0, high = f->ranks - 1; /* the last rank whose band starts at or before the row */
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (f->start[middle] <= row)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Number the rows that are wanted and ask for them. */
static trn_status_t ask(trn_fetch_t *f) {
    int64_t wanted = 0;
    for (int64_t i = 0; i < f->start[f->ranks]; i++)
        if (f->place[i] >= 0) f->place[i] = (int32_t)wanted++;
    f->count = wanted;
    TRN_AGREE(f->comm, trn_grow(&f->send, &f->room, wanted * UNIT, 1, "rows to ask for"));
    int64_t *id = f->send, n = 0;
    for (int r = 0; r < f->ranks; r++) {
        int64_t before = n;
        for (int64_t i = f->start[r]; i < f->start[r + 1]; i++)
            if (f->place[i] >= 0) id[n++] = i;
        f->bytes[r] = (n - before) * UNIT;
    }
    return trn_exchange(f->comm, f->send, f->bytes, &f->asked);
}

/* Send the rows that were asked for. Strides are the same on every rank. */
static trn_status_t answer(trn_fetch_t *f, trn_view_t rows) {
    int64_t size = trn_matrix_type_size(rows.type),
            row = (rows.cols * size + UNIT - 1) / UNIT * UNIT;
    int64_t asked = f->asked.start[f->ranks] / UNIT, first = f->start[f->rank];
    TRN_AGREE(f->comm, trn_grow(&f->send, &f->room, asked * row, 1, "rows to send"));
    const int64_t *id = f->asked.data;
    for (int64_t i = 0; i < asked; i++)
        memcpy((char *)f->send + i * row,
               (const char *)rows.data + (id[i] - first) * rows.stride * size,
               (size_t)(rows.cols * size));
    for (int r = 0; r < f->ranks; r++)
        f->bytes[r] = (f->asked.start[r + 1] - f->asked.start[r]) / UNIT * row;
    f->stride = row / size;
    return trn_exchange(f->comm, f->send, f->bytes, &f->rows);
}

trn_status_t trn_fetch_bring(trn_fetch_t *f, trn_view_t rows) {
    if (!f->place) return TRN_OK;
    TRN_TRY(ask(f));
    return answer(f, rows);
}

int32_t trn_fetch_place(const trn_fetch_t *f, int64_t row) {
    return (int32_t)(f->place && !own(f, row) ? -1 - f->place[row] : row - f->start[f->rank]);
}

const void *trn_fetch_row(const trn_fetch_t *f, trn_view_t rows, int32_t place) {
    int64_t size = trn_matrix_type_size(rows.type);
    if (place >= 0) return (const char *)rows.data + place * rows.stride * size;
    return (const char *)f->rows.data + (-1 - (int64_t)place) * f->stride * size;
}
