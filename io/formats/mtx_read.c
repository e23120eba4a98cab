/* mtx_read.c: the lines of a Matrix Market file, read by all ranks (mtx.h). */
#include "base/log.h"
#include "base/mem.h"
#include "io/formats/mtx.h"
#include "io/text/scan.h"
#include "io/text/text.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <stdio.h>
#include <string.h>

/* One rank's share of the lines. */
typedef struct reader {
    const trn_mtx_t *mtx;
    const char *path;
    const trn_route_t *to;
    trn_scan_t *scan;     /* NULL: the share is empty */
    int64_t end;          /* lines that begin from this byte on are others' */
    int64_t entries;      /* lines of data so far */
    int64_t below, above; /* of these, entries so placed to the diagonal of a symmetric matrix */
    int64_t lost;         /* whole numbers that were rounded */
    int64_t row, col;     /* place of the next number of an array */
    trn_triplet_t mirror; /* image of the entry given last, if ... */
    bool mirrored;        /* ... it is yet to be given */
} reader_t;

/* The next line of data, NULL behind the last; *at is where it begins. */
static trn_status_t next_line(reader_t *r, char **line, int64_t *at) {
    *line = NULL;
    while (r->scan && (*at = trn_scan_offset(r->scan)) < r->end) {
        int64_t bytes;
        TRN_TRY(trn_scan_until(r->scan, '\n', TRN_MTX_LINE, line, &bytes));
        if (!*line) return TRN_OK;
        const char *text = *line;
        while (*text == ' ' || *text == '\t' || *text == '\r')
            text++;
        if (text == *line + bytes || *text == '%') continue;
        r->entries++;
        return TRN_OK;
    }
    *line = NULL;
    return TRN_OK;
}

/* The first line that begins in the share is the one behind the first line end from the byte before
 * it on. */
static trn_status_t skip_to_line(reader_t *r) {
    char *line;
    int64_t bytes;
    return trn_scan_until(r->scan, '\n', TRN_MTX_LINE, &line, &bytes);
}

static trn_status_t open_reader(reader_t *r, MPI_Comm comm) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t bytes = r->mtx->input.bytes - r->mtx->offset;
    int64_t first = r->mtx->offset + trn_part_start(bytes, ranks, rank);
    r->end = r->mtx->offset + trn_part_start(bytes, ranks, rank + 1);
    if (trn_input_whole(&r->mtx->input)) { /* which can only be read from the start */
        first = r->mtx->offset;
        r->end = rank == 0 ? INT64_MAX : first;
    }
    if (first >= r->end) return TRN_OK;
    bool inside = first > r->mtx->offset;
    TRN_TRY(trn_scan_open(&r->scan, &r->mtx->input, first - inside));
    return inside ? skip_to_line(r) : TRN_OK;
}

/* Counting ------------------------------------------------------------------------------------- */

static trn_status_t check_count(const trn_mtx_t *mtx, const char *path, int64_t entries) {
    if (entries == mtx->entries) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: promises %lld entries, but %lld follow; %s", path,
                    (long long)mtx->size_line, (long long)mtx->entries, (long long)entries,
                    entries < mtx->entries ? "truncated?" : "correct the line of sizes");
}

static trn_status_t count_lines(reader_t *r, MPI_Comm comm) {
    char *line;
    int64_t at;
    TRN_TRY(open_reader(r, comm));
    do {
        TRN_TRY(next_line(r, &line, &at));
        if (r->entries % 65536 == 0) trn_watch_tick();
    } while (line);
    return TRN_OK;
}

trn_status_t trn_mtx_count(MPI_Comm comm, const trn_mtx_t *mtx, const char *path, int64_t *before) {
    *before = 0;
    if (!mtx->array) return TRN_OK;
    int rank;
    MPI_Comm_rank(comm, &rank);
    reader_t r = {.mtx = mtx, .path = path};
    trn_status_t status = count_lines(&r, comm);
    status = trn_scan_end(&r.scan, status);
    trn_wait_all(comm); /* a compressed file keeps one rank busy */
    TRN_AGREE(comm, status);
    int64_t entries = r.entries;
    MPI_Exscan(&r.entries, before, 1, MPI_INT64_T, MPI_SUM, comm);
    if (rank == 0) *before = 0;
    MPI_Allreduce(MPI_IN_PLACE, &entries, 1, MPI_INT64_T, MPI_SUM, comm);
    return check_count(mtx, path, entries); /* equal on all ranks */
}

/* Reading -------------------------------------------------------------------------------------- */

/* First row of an array's column that is in the file. */
static int64_t first_row(const trn_mtx_t *mtx, int64_t col) {
    return mtx->symmetry == TRN_MTX_GENERAL ? 0 : col + (mtx->symmetry == TRN_MTX_SKEW);
}

/* Place of an array's number `before` of the file. */
static void seek_place(reader_t *r, int64_t before) {
    int64_t cols = r->mtx->cols, rows = r->mtx->rows;
    if (rows == 0) return;
    if (r->mtx->symmetry == TRN_MTX_GENERAL) {
        r->col = before / rows;
        before %= rows;
    }
    while (r->col < cols && before >= rows - first_row(r->mtx, r->col))
        before -= rows - first_row(r->mtx, r->col++);
    r->row = first_row(r->mtx, r->col) + before;
}

static void step_place(reader_t *r) {
    if (++r->row == r->mtx->rows) r->row = first_row(r->mtx, ++r->col);
}

/* File and line before what trn_mtx_parse said about the line that begins at byte `at`. */
static trn_status_t locate(const reader_t *r, trn_status_t status, int64_t at) {
    if (status != TRN_INPUT) return status;
    return trn_fail_prefix(status, "%s:%lld: ", r->path,
                           (long long)trn_text_lines(&r->mtx->input, at) + 1);
}

/* Give one entry, *got: that of the next line, or the image of the one before. */
static trn_status_t next_entry(reader_t *r, trn_triplet_t *entry, bool *got) {
    *got = true;
    if (r->mirrored) {
        *entry = r->mirror;
        r->mirrored = false;
        return TRN_OK;
    }
    char *line;
    int64_t at;
    TRN_TRY(next_line(r, &line, &at));
    *got = line != NULL;
    if (!line) return TRN_OK;
    bool held;
    *entry = (trn_triplet_t){r->row, r->col, 0};
    trn_status_t status = trn_mtx_parse(r->mtx, line, entry, &held);
    if (status != TRN_OK) return locate(r, status, at);
    if (r->mtx->array) step_place(r);
    r->lost += !held;
    r->mirrored = r->mtx->symmetry != TRN_MTX_GENERAL && entry->row != entry->col;
    r->below += r->mirrored && entry->row > entry->col;
    r->above += r->mirrored && entry->row < entry->col;
    double value = r->mtx->symmetry == TRN_MTX_SKEW ? -entry->value : entry->value;
    r->mirror = (trn_triplet_t){entry->col, entry->row, value};
    return TRN_OK;
}

static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    bool got = true;
    trn_watch_tick();
    for (*count = 0; *count < room; ++*count) {
        TRN_TRY(next_entry(user, triplets + *count, &got));
        if (!got) break;
    }
    return TRN_OK;
}

static int owner(void *user, int64_t row, int64_t col) {
    const trn_route_t *to = ((const reader_t *)user)->to;
    return to->owner(to->user, row, col);
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    const trn_route_t *to = ((const reader_t *)user)->to;
    return to->take(to->user, count, triplets);
}

/* What all ranks have seen together. Collective; the outcome is equal on all ranks. */
static trn_status_t conclude(MPI_Comm comm, const reader_t *r) {
    int64_t seen[4] = {r->entries, r->below, r->above, r->lost};
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Allreduce(MPI_IN_PLACE, seen, 4, MPI_INT64_T, MPI_SUM, comm);
    TRN_TRY(check_count(r->mtx, r->path, seen[0]));
    if (seen[1] > 0 && seen[2] > 0)
        return trn_fail(TRN_INPUT,
                        "%s:1: a %ssymmetric matrix with %lld entries below the diagonal and %lld "
                        "above it; leave out one side, or write 'general'",
                        r->path, r->mtx->symmetry == TRN_MTX_SKEW ? "skew-" : "",
                        (long long)seen[1], (long long)seen[2]);
    if (rank == 0 && seen[3] > 0)
        trn_log(TRN_LOG_WARN, "numbers",
                "%s: %lld whole numbers do not fit float%d and were rounded", r->path,
                (long long)seen[3], r->mtx->digits > 24 ? 64 : 32);
    return TRN_OK;
}

trn_status_t trn_mtx_route(MPI_Comm comm, const trn_mtx_t *mtx, const char *path, int64_t before,
                           const trn_route_t *to, int64_t batch) {
    reader_t r = {.mtx = mtx, .path = path, .to = to};
    if (mtx->array) seek_place(&r, before);
    trn_status_t status = trn_agree(comm, open_reader(&r, comm));
    if (status == TRN_OK)
        status = trn_sparse_route(comm, &(trn_route_t){owner, give, take, &r}, batch);
    status = trn_agree(comm, trn_scan_end(&r.scan, status));
    return status == TRN_OK ? conclude(comm, &r) : status;
}

static trn_status_t drain(reader_t *r, MPI_Comm comm) {
    trn_triplet_t entry;
    bool got;
    TRN_TRY(open_reader(r, comm));
    do {
        TRN_TRY(next_entry(r, &entry, &got));
        if (r->entries % 65536 == 0) trn_watch_tick();
    } while (got);
    return TRN_OK;
}

trn_status_t trn_mtx_verify(MPI_Comm comm, const trn_mtx_t *mtx, const char *path) {
    int64_t before;
    TRN_TRY(trn_mtx_count(comm, mtx, path, &before));
    reader_t r = {.mtx = mtx, .path = path};
    if (mtx->array) seek_place(&r, before);
    trn_status_t status = drain(&r, comm);
    status = trn_scan_end(&r.scan, status);
    trn_wait_all(comm);
    TRN_AGREE(comm, status);
    return conclude(comm, &r);
}
