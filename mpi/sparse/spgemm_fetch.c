/* The rows of B that a band of A names: asked for once, brought as often as wanted. */
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/sparse/spgemm.h"
#include "mpi/sparse/spgemm_impl.h"
#include "mpi/watch.h"

#include <string.h>

enum {
    ITEM_MOST = 8,          /* bytes of an item */
    WORD = 64,              /* bits */
    MESSAGE_MOST = 1 << 30, /* bytes: MPI counts in int */
};

/* Shapes --------------------------------------------------------------------------------------- */

/* band[ranks + 1] gets the first row of each rank's band. Collective. */
static trn_status_t find_bands(MPI_Comm comm, const char *name, const trn_sparse_t *sparse,
                               int64_t *band) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    band[0] = 0;
    MPI_Allgather(&x.rows, 1, MPI_INT64_T, band + 1, 1, MPI_INT64_T, comm);
    for (int r = 0; r < ranks; r++)
        band[r + 1] += band[r];
    trn_status_t status = TRN_OK;
    if (x.first_row != band[rank] || x.first_col != 0)
        status =
            trn_fail(TRN_USAGE,
                     "spgemm: %s: this block starts at (%lld, %lld), not at (%lld, 0); give "
                     "bands of whole rows in the order of the ranks",
                     name, (long long)x.first_row, (long long)x.first_col, (long long)band[rank]);
    return trn_agree(comm, status);
}

/* Bands of A and B, and that A's columns are B's rows. Ranks beyond the bands have no columns.
 * Collective. */
static trn_status_t check_shapes(fetch_t *f, const trn_sparse_t *a) {
    TRN_TRY(find_bands(f->comm, "A", a, f->band));
    TRN_TRY(find_bands(f->comm, "B", f->b, f->band));
    trn_extent_t x = trn_sparse_extent(a), y = trn_sparse_extent(f->b);
    f->rows = f->band[f->ranks];
    f->cols = y.cols;
    MPI_Allreduce(MPI_IN_PLACE, &f->cols, 1, MPI_INT64_T, MPI_MAX, f->comm);
    trn_status_t status = TRN_OK;
    if (x.rows > 0 && x.cols != f->rows)
        status = trn_fail(TRN_USAGE, "spgemm: A has %lld columns but B %lld rows",
                          (long long)x.cols, (long long)f->rows);
    else if (y.rows > 0 && y.cols != f->cols)
        status = trn_fail(TRN_USAGE, "spgemm: B has %lld columns on one rank but %lld on another",
                          (long long)y.cols, (long long)f->cols);
    return trn_agree(f->comm, status);
}

/* Who needs what ------------------------------------------------------------------------------- */

/* One bit a row of B, and how many bits are set before each word. */
typedef struct names {
    uint64_t *bits;  /* [rows / 64 + 1] */
    int32_t *before; /* [rows / 64 + 1] */
} names_t;

/* Number of marked rows before row k. */
static int32_t bits_below(const names_t *names, int64_t k) {
    uint64_t below = names->bits[k / WORD] & (((uint64_t)1 << k % WORD) - 1);
    return names->before[k / WORD] + __builtin_popcountll(below);
}

/* Mark the rows that A names and number them. */
static trn_status_t mark_names(fetch_t *f, const trn_sparse_t *a, names_t *names) {
    int64_t words = f->rows / WORD + 1, entries = trn_sparse_count(a);
    const int32_t *column = trn_sparse_column(a);
    TRN_TRY(trn_alloc_zero(&names->bits, words, sizeof *names->bits, "needed rows"));
    TRN_TRY(trn_alloc(&names->before, words, sizeof *names->before, "needed rows"));
    TRN_TRY(trn_alloc(&f->column, entries, sizeof *f->column, "renumbered columns"));
    for (int64_t e = 0; e < entries; e++)
        names->bits[column[e] / WORD] |= (uint64_t)1 << column[e] % WORD;
    int32_t seen = 0;
    for (int64_t w = 0; w < words; w++) {
        names->before[w] = seen;
        seen += __builtin_popcountll(names->bits[w]);
    }
    for (int64_t e = 0; e < entries; e++)
        f->column[e] = bits_below(names, column[e]);
    for (int r = 0; r <= f->ranks; r++)
        f->needed[r] = bits_below(names, f->band[r]);
    return TRN_OK;
}

/* Bytes of so many int32 in a parcel. */
static int64_t parcel_bytes(int64_t count) {
    return (count + 1) / 2 * 8;
}

/* The needed rows by their local numbers, rank by rank, to `list`; bytes[r] of them for rank r. */
static void write_list(const fetch_t *f, const names_t *names, int32_t *list, int64_t *bytes) {
    for (int r = 0; r < f->ranks; r++) {
        int64_t count = 0;
        for (int64_t k = f->band[r]; k < f->band[r + 1]; k++) {
            if (k % WORD == 0 && names->bits[k / WORD] == 0) {
                k += WORD - 1; /* none of a whole word, which may reach beyond the band */
                continue;
            }
            if (names->bits[k / WORD] >> k % WORD & 1) list[count++] = (int32_t)(k - f->band[r]);
        }
        if (count % 2) list[count++] = -1;
        bytes[r] = parcel_bytes(count);
        list += count;
    }
}

/* Tell the owners which rows this rank needs, and hear what is asked. Collective. */
static trn_status_t ask(fetch_t *f, const trn_sparse_t *a) {
    names_t names = {0};
    int32_t *list = NULL;
    int64_t *bytes = NULL;
    trn_status_t status = mark_names(f, a, &names);
    if (status == TRN_OK)
        status = trn_alloc(&list, f->needed[f->ranks] + f->ranks, sizeof *list, "needed rows");
    if (status == TRN_OK) status = trn_alloc(&bytes, f->ranks, sizeof *bytes, "needed rows");
    TRN_OR(done, trn_agree(f->comm, status));
    write_list(f, &names, list, bytes);
    trn_free(&names.bits);
    trn_free(&names.before);
    TRN_OR(done, trn_exchange(f->comm, list, bytes, &f->asked));
    for (int r = 0; r < f->ranks; r++) {
        const int32_t *rows = (const int32_t *)((char *)f->asked.data + f->asked.start[r]);
        int64_t count = (f->asked.start[r + 1] - f->asked.start[r]) / (int64_t)sizeof *rows;
        f->asked_count[r] = count - (count > 0 && rows[count - 1] < 0);
    }
done:
    trn_free(&names.bits);
    trn_free(&names.before);
    trn_free(&list);
    trn_free(&bytes);
    return status;
}

/* What the asked rows hold in each bucket goes to those who asked. Collective. */
static void count_buckets(fetch_t *f) {
    const int64_t *start = trn_sparse_start(f->b);
    const int32_t *column = trn_sparse_column(f->b);
    for (int r = 0; r < f->ranks; r++) {
        const int32_t *rows = (const int32_t *)((char *)f->asked.data + f->asked.start[r]);
        int64_t *out = f->out + r * f->buckets;
        memset(out, 0, (size_t)f->buckets * sizeof *out);
        for (int64_t i = 0; i < f->asked_count[r]; i++) {
            int64_t e = start[rows[i]], end = start[rows[i] + 1];
            if (f->buckets == 1)
                out[0] += end - e;
            else
                for (; e < end; e++)
                    out[trn_part_of(f->cols, f->buckets, column[e])]++;
        }
    }
    MPI_Alltoall(f->out, (int)f->buckets, MPI_INT64_T, f->in, (int)f->buckets, MPI_INT64_T,
                 f->comm);
}

/* Counts by buckets of columns only where slabs may be wanted. */
static trn_status_t allocate(fetch_t *f, bool buckets) {
    if (buckets && f->cols > 1)
        f->buckets = f->cols < TRN_SPGEMM_BUCKETS ? f->cols : TRN_SPGEMM_BUCKETS;
    TRN_TRY(trn_alloc(&f->needed, f->ranks + 1, sizeof *f->needed, "needed rows"));
    TRN_TRY(trn_alloc(&f->asked_count, f->ranks, sizeof *f->asked_count, "asked rows"));
    TRN_TRY(trn_alloc(&f->in, f->ranks * f->buckets, sizeof *f->in, "counts of columns"));
    TRN_TRY(trn_alloc(&f->out, f->ranks * f->buckets, sizeof *f->out, "counts of columns"));
    if (f->ranks == 1) return TRN_OK; /* nothing leaves */
    for (int i = 0; i < 2; i++)
        TRN_TRY(trn_alloc(&f->buffer[i], f->message, ITEM_MOST, "rows that leave"));
    return TRN_OK;
}

/* Who needs what is found once; what travels later are only counts, columns and values, of which
 * both sides know how many there are. */
trn_status_t trn_spgemm_fetch_plan(fetch_t *fetch, MPI_Comm comm, const trn_sparse_t *a,
                                   const trn_sparse_t *b, bool values, bool buckets,
                                   int64_t message) {
    static const int64_t value_bytes[] = {[TRN_SPARSE_F32] = 4, [TRN_SPARSE_F64] = 8};
    *fetch = (fetch_t){.comm = comm, .b = b, .buckets = 1};
    fetch->value_bytes = values ? value_bytes[trn_sparse_type(b)] : 0;
    if (message <= 0) message = TRN_SPGEMM_MESSAGE;
    if (message > MESSAGE_MOST) message = MESSAGE_MOST;
    fetch->message = message < ITEM_MOST ? 1 : message / ITEM_MOST;
    MPI_Comm_rank(comm, &fetch->rank);
    MPI_Comm_size(comm, &fetch->ranks);
    TRN_AGREE(comm, trn_alloc(&fetch->band, fetch->ranks + 1, sizeof *fetch->band, "bands"));
    TRN_TRY(trn_check_equal(comm, trn_sparse_type(b), "type of B"));
    TRN_TRY(check_shapes(fetch, a));
    TRN_AGREE(comm, allocate(fetch, buckets));
    TRN_TRY(ask(fetch, a));
    count_buckets(fetch);
    return TRN_OK;
}

void trn_spgemm_fetch_free(fetch_t *fetch) {
    trn_free(&fetch->band);
    trn_free(&fetch->column);
    trn_free(&fetch->needed);
    trn_parcels_free(&fetch->asked);
    trn_free(&fetch->asked_count);
    trn_free(&fetch->in);
    trn_free(&fetch->out);
    trn_free(&fetch->buffer[0]);
    trn_free(&fetch->buffer[1]);
}

slab_t trn_spgemm_slab(const fetch_t *fetch, int64_t first, int64_t end) {
    return (slab_t){first, end, trn_part_start(fetch->cols, fetch->buckets, first),
                    trn_part_start(fetch->cols, fetch->buckets, end)};
}

/* Fetching ------------------------------------------------------------------------------------- */

/* Entries in a slab of the rows that go to or come from one rank, out of `out` or `in`. */
static int64_t entries_of(const fetch_t *f, slab_t slab, const int64_t *counts, int other) {
    int64_t entries = 0;
    for (int64_t i = slab.first; i < slab.end; i++)
        entries += counts[other * f->buckets + i];
    return entries;
}

int64_t trn_spgemm_fetch_entries(const fetch_t *fetch, slab_t slab) {
    int64_t entries = 0;
    for (int r = 0; r < fetch->ranks; r++)
        entries += entries_of(fetch, slab, fetch->in, r);
    return entries;
}

/* A walk over the items of the rows that one rank has asked. */
typedef struct reader {
    const fetch_t *fetch;
    slab_t slab;
    item_t item;
    const int32_t *row;
    int64_t e, end; /* of the present row, what is left */
} reader_t;

/* The first entry of a row whose column is `col` or more. */
static int64_t find(const int32_t *column, int64_t e, int64_t end, int64_t col) {
    while (e < end) {
        int64_t middle = e + (end - e) / 2;
        if (column[middle] < col)
            e = middle + 1;
        else
            end = middle;
    }
    return e;
}

/* Take up the next row. */
static void next_row(reader_t *r) {
    const int64_t *start = trn_sparse_start(r->fetch->b) + *r->row++;
    const int32_t *column = trn_sparse_column(r->fetch->b);
    r->e = start[0];
    r->end = start[1];
    if (r->slab.first > 0) r->e = find(column, r->e, r->end, r->slab.first_col);
    if (r->slab.end < r->fetch->buckets) r->end = find(column, r->e, r->end, r->slab.end_col);
}

/* The next `count` items, which there must be, to `to`. */
static void read_items(reader_t *r, int64_t count, void *to) {
    const int32_t *column = trn_sparse_column(r->fetch->b);
    const char *values = trn_sparse_values(r->fetch->b);
    int64_t size = r->fetch->value_bytes;
    int32_t *numbers = to;
    for (int64_t i = 0; i < count;) {
        if (r->item == ITEM_COUNT || r->e == r->end) next_row(r);
        int64_t n = r->end - r->e < count - i ? r->end - r->e : count - i;
        if (r->item == ITEM_COUNT) {
            numbers[i++] = (int32_t)(r->end - r->e);
            continue;
        }
        if (r->item == ITEM_COLUMN)
            for (int64_t j = 0; j < n; j++)
                numbers[i + j] = column[r->e + j] - (int32_t)r->slab.first_col;
        else
            memcpy((char *)to + i * size, values + r->e * size, (size_t)(n * size));
        r->e += n;
        i += n;
    }
}

/* At the first row that `asker` wants. */
static reader_t open_reader(const fetch_t *f, slab_t slab, item_t item, int asker) {
    return (reader_t){
        f, slab, item, (const int32_t *)((char *)f->asked.data + f->asked.start[asker]), 0, 0};
}

/* One round: items for rank `to` leave in messages of bounded size, each packed while the one
 * before is under way, and those of rank `from` arrive where they belong. Both sides know how many
 * there are; every rank posts its messages number m before it waits for any of that number, so all
 * of them come through. */
static void pass(const fetch_t *f, reader_t *reader, int64_t outgoing, int to, int64_t incoming,
                 int from, int64_t size, char *into) {
    MPI_Request leaving[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL}, arriving;
    for (int64_t at = 0, turn = 0; at < outgoing || at < incoming; at += f->message, turn ^= 1) {
        if (at < incoming) {
            int64_t n = incoming - at < f->message ? incoming - at : f->message;
            MPI_Irecv(into + at * size, (int)(n * size), MPI_BYTE, from, 0, f->comm, &arriving);
        }
        if (at < outgoing) {
            int64_t n = outgoing - at < f->message ? outgoing - at : f->message;
            MPI_Wait(&leaving[turn], MPI_STATUS_IGNORE);
            read_items(reader, n, f->buffer[turn]);
            MPI_Isend(f->buffer[turn], (int)(n * size), MPI_BYTE, to, 0, f->comm, &leaving[turn]);
        }
        if (at < incoming) MPI_Wait(&arriving, MPI_STATUS_IGNORE);
        trn_watch_tick();
    }
    MPI_Waitall(2, leaving, MPI_STATUSES_IGNORE);
}

/* Round r: to the rank r above, from the rank r below; round 0 is this rank itself. Rows arrive in
 * the order of ranks, as `needed` numbers them. */
void trn_spgemm_fetch(const fetch_t *fetch, slab_t slab, item_t item, void *into) {
    int64_t size = item == ITEM_VALUE ? fetch->value_bytes : (int64_t)sizeof(int32_t);
    for (int round = 0; round < fetch->ranks; round++) {
        int to = (fetch->rank + round) % fetch->ranks;
        int from = (fetch->rank + fetch->ranks - round) % fetch->ranks;
        int64_t out = fetch->asked_count[to], in = fetch->needed[from + 1] - fetch->needed[from];
        int64_t begin = fetch->needed[from];
        if (item != ITEM_COUNT) {
            out = entries_of(fetch, slab, fetch->out, to);
            in = entries_of(fetch, slab, fetch->in, from);
            begin = 0;
            for (int r = 0; r < from; r++)
                begin += entries_of(fetch, slab, fetch->in, r);
        }
        reader_t reader = open_reader(fetch, slab, item, to);
        if (round == 0)
            read_items(&reader, out, (char *)into + begin * size);
        else
            pass(fetch, &reader, out, to, in, from, size, (char *)into + begin * size);
    }
}
