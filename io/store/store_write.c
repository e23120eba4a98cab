/* store_write.c: a store from its creation to the last row. Declarations are equal on all ranks, so
 * that each has the same table; rank 0 lays the file out of it, and each rank writes its bands. */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"
#include "base/own.h"
#include "base/signal.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SPAN_BLOCKS = 8,                /* hashed, then written together */
    LONGEST_NAME = 400,             /* of a dataset */
    METADATA_BYTES = 64 << 10,      /* upper bound of what HDF5 needs for a file ... */
    METADATA_BYTES_EACH = 12 << 10, /* ... and for a dataset, its checksums and alignment */
    STRING_BYTES_EACH = 64          /* ... and for a string beside its text */
};

/* Create --------------------------------------------------------------------------------------- */

/* Attributes: their text goes into the table's heap. */
static trn_status_t declare_text(trn_table_t *table, const char *object, const char *name,
                                 const char *value) {
    trn_attribute_t *attribute;
    TRN_TRY(trn_table_add_attribute(table, object, name, TRN_ATTRIBUTE_TEXT, &attribute));
    return trn_table_add_text(table, value, &attribute->text);
}

static trn_status_t declare_int(trn_table_t *table, const char *object, const char *name,
                                trn_attribute_type_t type, int64_t value) {
    trn_attribute_t *attribute;
    TRN_TRY(trn_table_add_attribute(table, object, name, type, &attribute));
    attribute->integer = value;
    return TRN_OK;
}

/* What every store says of itself. `complete` is 0 until the last step of commit sets it. */
static trn_status_t declare_root(trn_table_t *table, const char *kind, const char *created_by,
                                 const json_t *params, uint64_t seed) {
    char *json = params ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (params && !json) return trn_fail(TRN_MEMORY, "no memory for the parameters as JSON");
    trn_status_t status =
        declare_int(table, "/", "trunnion_format", TRN_ATTRIBUTE_INT, TRN_STORE_FORMAT);
    if (status == TRN_OK) status = declare_text(table, "/", "kind", kind);
    if (status == TRN_OK) status = declare_text(table, "/", "created_by", created_by);
    if (status == TRN_OK) status = declare_text(table, "/", "params", json ? json : "{}");
    if (status == TRN_OK)
        status = declare_int(table, "/", "seed", TRN_ATTRIBUTE_UNSIGNED, (int64_t)seed);
    if (status == TRN_OK) status = declare_int(table, "/", "complete", TRN_ATTRIBUTE_INT, 0);
    free(json);
    return status;
}

trn_status_t trn_store_place(MPI_Comm comm, const char *path) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_agree(comm, rank == 0 ? trn_path_writable(path) : TRN_OK);
}

/* All that can be known now is checked now: a job should not compute for hours and then find no
 * directory. */
trn_status_t trn_store_create(trn_store_t **store, MPI_Comm comm, const char *path,
                              const char *kind, const char *created_by, const json_t *params,
                              uint64_t seed) {
    TRN_TRY(trn_store_new(store, comm, path));
    (*store)->sync = true;
    trn_status_t status = trn_path_temporary(comm, path, &(*store)->temporary);
    if (status == TRN_OK && (*store)->rank == 0) status = trn_path_writable(path);
    if (status == TRN_OK) status = declare_root(&(*store)->table, kind, created_by, params, seed);
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_store_abandon(store);
    return status;
}

/* Declare -------------------------------------------------------------------------------------- */

/* Debug builds: the text and the numbers are the same everywhere. */
static trn_status_t check_same(const trn_store_t *store, const char *name, int64_t a, int64_t b,
                               int64_t c) {
    int64_t numbers[3] = {a, b, c};
    uint64_t sum = XXH3_64bits_withSeed(numbers, sizeof numbers, XXH3_64bits(name, strlen(name)));
    return trn_check_equal(store->comm, (int64_t)(sum >> 1), name);
}

/* One more dataset in the table, and its band beside it under the same number. `strings`: where
 * they come from, or NULL for numbers. */
static trn_status_t declare(trn_store_t *store, const char *name, trn_dtype_t type, int64_t rows,
                            int64_t cols, const trn_band_t *strings) {
    trn_table_t *table = &store->table;
    if (store->created || name[0] != '/' || strlen(name) > LONGEST_NAME ||
        trn_table_entry(table, name))
        return trn_fail(TRN_INTERNAL,
                        "%s:%s: a dataset needs a new name from the root, before "
                        "trn_store_begin",
                        store->path, name);
    TRN_TRY(trn_grow(&store->bands, &store->band_capacity, table->nentries + 1,
                     sizeof *store->bands, "bands of a store"));
    store->bands[table->nentries] = strings ? *strings : (trn_band_t){0};
    trn_entry_t *entry;
    TRN_TRY(trn_table_add_entry(table, name, &entry));
    TRN_TRY(trn_entry_shape(entry, type, rows, cols));
    if (type == TRN_STRING) store->blocks_left += entry->blocks;
    return TRN_OK;
}

trn_status_t trn_store_dataset(trn_store_t *store, const char *name, trn_dtype_t type, int64_t rows,
                               int64_t cols) {
    TRN_TRY(check_same(store, name, type, rows, cols));
    return trn_agree(store->comm, declare(store, name, type, rows, cols, NULL));
}

trn_status_t trn_store_strings_from(trn_store_t *store, const char *name, int64_t count,
                                    int64_t bytes, trn_strings_t source, void *self) {
    const trn_band_t band = {.strings = source, .self = self, .text_bytes = bytes};
    MPI_Bcast(&count, 1, MPI_INT64_T, 0, store->comm);
    return trn_agree(store->comm, declare(store, name, TRN_STRING, count, 0, &band));
}

/* Strings that rank 0 has as an array, `self`. */
static trn_status_t of_array(void *self, const char *name, int64_t first, int64_t count,
                             const char *const **strings) {
    (void)name, (void)count;
    *strings = self ? (const char *const *)self + first : NULL;
    return TRN_OK;
}

trn_status_t trn_store_strings(trn_store_t *store, const char *name, int64_t count,
                               const char *const *strings) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < count && store->rank == 0; i++)
        bytes += (int64_t)strlen(strings[i]) + 1;
    return trn_store_strings_from(store, name, count, bytes, of_array,
                                  store->rank == 0 ? (void *)(uintptr_t)strings : NULL);
}

/* In debug builds it is checked that the ranks agree on name and value. */
trn_status_t trn_store_set_int(trn_store_t *store, const char *object, const char *name,
                               int64_t value) {
    TRN_TRY(check_same(store, name, value, 0, 0));
    return trn_agree(store->comm,
                     declare_int(&store->table, object, name, TRN_ATTRIBUTE_INT, value));
}

trn_status_t trn_store_set_real(trn_store_t *store, const char *object, const char *name,
                                double value) {
    trn_attribute_t *attribute;
    trn_status_t status =
        trn_table_add_attribute(&store->table, object, name, TRN_ATTRIBUTE_REAL, &attribute);
    if (status == TRN_OK) attribute->real = value;
    return trn_agree(store->comm, status);
}

trn_status_t trn_store_set_text(trn_store_t *store, const char *object, const char *name,
                                const char *value) {
    return trn_agree(store->comm, declare_text(&store->table, object, name, value));
}

void trn_store_set_sync(trn_store_t *store, bool sync) {
    store->sync = sync;
}

/* Begin ---------------------------------------------------------------------------------------- */

/* An upper bound of the file's size, for refusing it before it is made. */
static int64_t size_bound(const trn_store_t *store) {
    int64_t bytes = METADATA_BYTES + 2 * store->table.nheap;
    for (int64_t i = 0; i < store->table.nentries; i++) {
        const trn_entry_t *entry = &store->table.entries[i];
        bytes += METADATA_BYTES_EACH + entry->rows * entry->row_bytes + 8 * entry->blocks;
        if (entry->type == TRN_STRING)
            bytes += STRING_BYTES_EACH * entry->rows + 2 * store->bands[i].text_bytes;
    }
    return bytes;
}

/* Rank 0: make the file and own its disk space. */
static trn_status_t make_file(trn_store_t *store, int64_t bound) {
    char *directory;
    TRN_TRY(trn_directory_of(store->path, &directory));
    trn_status_t status = trn_bytes_check_free(store->path, directory, bound);
    if (status != TRN_OK) goto done;
    /* Made here and not by HDF5, which would follow a link, and for the sake of errno. */
    TRN_OR(done, trn_path_create(store->temporary, &store->fd));
    store->created = true;
    TRN_OR(done, trn_hdf_lay_out(store));
    struct stat info = {0};
    fstat(store->fd, &info);
    status = trn_bytes_reserve(store->fd, store->path, directory, (int64_t)info.st_size);
done:
    trn_free(&directory);
    return status;
}

/* Rank 0: make the file; if that fails before all strings were asked for, tell the others. */
static trn_status_t lead_layout(trn_store_t *store, int64_t bound) {
    trn_status_t status = make_file(store, bound);
    trn_layout_dismiss(store);
    return status;
}

/* The last call of each source, with count 0, lets it free what it holds, whether the layout went
 * well or not. */
static void let_go_of_strings(trn_store_t *store) {
    const char *const *nothing;
    for (int64_t i = 0; i < store->table.nentries; i++)
        if (store->bands[i].strings)
            store->bands[i].strings(store->bands[i].self, "", 0, 0, &nothing);
}

/* The limit of file sizes (RLIMIT_FSIZE) is each process's own, so each rank asks; disk space is
 * one, so rank 0 asks. Then rank 0 lays out, and the others open the file that it made, by the
 * offsets that it found. */
trn_status_t trn_store_begin(trn_store_t *store) {
    int64_t bound = store->rank == 0 ? size_bound(store) : 0;
    MPI_Bcast(&bound, 1, MPI_INT64_T, 0, store->comm);
    TRN_AGREE(store->comm, trn_bytes_check_limit(store->path, bound));
    trn_status_t status = store->rank == 0 ? lead_layout(store, bound) : trn_layout_follow(store);
    let_go_of_strings(store);
    TRN_AGREE(store->comm, status);
    MPI_Bcast(store->table.entries,
              (int)(store->table.nentries * (int64_t)sizeof *store->table.entries), MPI_BYTE, 0,
              store->comm);
    store->created = true;
    return trn_agree(store->comm, trn_path_join(store->comm, store->temporary, &store->fd));
}

/* Write ---------------------------------------------------------------------------------------- */

/* First row after the block of `row`. */
static int64_t block_end(const trn_entry_t *entry, int64_t row) {
    int64_t end = (row / entry->block_rows + 1) * entry->block_rows;
    return end < entry->rows ? end : entry->rows;
}

/* The band takes rows [first, first + rows) in: room for the checksums of its pieces and for a
 * copy of its head. */
static trn_status_t extend_band(trn_band_t *band, const trn_entry_t *entry, int64_t first,
                                int64_t rows) {
    if (band->next == band->first) {
        band->first = band->next = first;
        XXH3_64bits_reset(&band->state);
        int64_t head = (block_end(entry, first) - first) * entry->row_bytes;
        if (first % entry->block_rows != 0 && !band->head)
            TRN_TRY(trn_alloc(&band->head, head, 1, "the border of a band"));
    }
    int64_t pieces = (first + rows - 1) / entry->block_rows - band->first / entry->block_rows + 1;
    return trn_grow(&band->sums, &band->capacity, pieces, sizeof *band->sums, "checksums");
}

/* Hash rows [first, end) piece by piece. */
static void hash_rows(trn_band_t *band, const trn_entry_t *entry, int64_t first, int64_t end,
                      const char *data) {
    for (int64_t row = first, next; row < end; row = next) {
        next = block_end(entry, row);
        bool whole = next <= end;
        if (!whole) next = end;
        int64_t piece = row / entry->block_rows - band->first / entry->block_rows;
        size_t bytes = (size_t)((next - row) * entry->row_bytes);
        if (piece == 0 && band->head)
            memcpy(band->head + (row - band->first) * entry->row_bytes, data, bytes);
        XXH3_64bits_update(&band->state, data, bytes);
        band->sums[piece] = XXH3_64bits_digest(&band->state);
        if (whole) XXH3_64bits_reset(&band->state);
        data += bytes;
    }
}

/* Local: rows were declared everywhere, so any rank can tell that its own are within them. */
trn_status_t trn_store_write(trn_store_t *store, const char *name, int64_t first, int64_t rows,
                             const void *data) {
    const trn_entry_t *entry = trn_table_entry(&store->table, name);
    if (!entry || !entry->row_bytes || !store->created || first < 0 || rows < 0 ||
        first > entry->rows - rows)
        return trn_fail(TRN_INTERNAL, "%s:%s: rows %lld to %lld were not declared", store->path,
                        name, (long long)first, (long long)(first + rows));
    if (rows == 0) return TRN_OK;
    return store->queue ? trn_queue_keep(store->queue, (int)(entry - store->table.entries), first,
                                         rows, entry->row_bytes, data)
                        : trn_store_put(store, entry, first, rows, data);
}

/* Hash and write by turns, SPAN_BLOCKS blocks at a time. The band's rows must ascend without a gap,
 * since a piece's checksum goes on from row to row. */
trn_status_t trn_store_put(trn_store_t *store, const trn_entry_t *entry, int64_t first,
                           int64_t rows, const void *data) {
    trn_band_t *band = &store->bands[entry - store->table.entries];
    if (band->next > band->first && first != band->next)
        return trn_fail(TRN_INTERNAL, "%s:%s: row %lld was written where %lld was due", store->path,
                        trn_table_text(&store->table, entry->name), (long long)first,
                        (long long)band->next);
    TRN_TRY(extend_band(band, entry, first, rows));
    const char *at = data;
    int64_t step = SPAN_BLOCKS * entry->block_rows;
    for (int64_t row = first, end; row < first + rows; row = end) {
        end = (row / step + 1) * step; /* long writes are cheaper, but the hashed is yet in cache */
        if (end > first + rows) end = first + rows;
        int64_t offset = entry->offset + row * entry->row_bytes;
        int64_t bytes = (end - row) * entry->row_bytes;
        hash_rows(band, entry, row, end, at);
        TRN_TRY(trn_bytes_write(store->fd, store->temporary, offset, at, bytes));
        if (store->sync) trn_bytes_start_writeback(store->fd, offset, bytes);
        at += bytes;
    }
    band->next = first + rows;
    return TRN_OK;
}
