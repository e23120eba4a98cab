/* store_commit.c: verify, exchange the borders, write checksums, sync, seal, rename. */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BORDER_TAG = 7350 };

/* Everything that commit needs beside the store; made before the first message. */
typedef struct plan {
    char *block;           /* [TRN_BLOCK_BYTES]: border pieces of others */
    int64_t *bands;        /* [ranks x nentries x 2]: first and next of each */
    int64_t *mine;         /* [nentries x 2] */
    MPI_Request *requests; /* [ranks] */
    char *former;          /* name under which NAME.prev is prepared */
    char *previous;        /* NAME.prev */
    char *directory;
} plan_t;

/* Also of a plan that was made in part. */
static void plan_free(plan_t *plan) {
    trn_free(&plan->block);
    trn_free(&plan->bands);
    trn_free(&plan->mine);
    trn_free(&plan->requests);
    trn_free(&plan->former);
    trn_free(&plan->previous);
    trn_free(&plan->directory);
}

/* *text = stem and ending, the caller's to free. */
static trn_status_t name(char **text, const char *stem, const char *ending) {
    int64_t bytes = (int64_t)(strlen(stem) + strlen(ending)) + 1;
    TRN_TRY(trn_alloc(text, bytes, 1, "a file name"));
    snprintf(*text, (size_t)bytes, "%s%s", stem, ending);
    return TRN_OK;
}

/* All memory and names that commit needs, and this rank's bands as they will travel. */
static trn_status_t plan_make(plan_t *plan, const trn_store_t *store) {
    int64_t n = store->table.nentries;
    TRN_TRY(trn_alloc(&plan->block, TRN_BLOCK_BYTES, 1, "border pieces"));
    TRN_TRY(trn_alloc(&plan->bands, 2 * n * store->ranks, sizeof *plan->bands, "bands of ranks"));
    TRN_TRY(trn_alloc(&plan->mine, 2 * n, sizeof *plan->mine, "bands of ranks"));
    TRN_TRY(trn_alloc(&plan->requests, store->ranks, sizeof *plan->requests, "border requests"));
    TRN_TRY(name(&plan->former, store->temporary, ".prev"));
    TRN_TRY(name(&plan->previous, store->path, ".prev"));
    TRN_TRY(trn_directory_of(store->path, &plan->directory));
    for (int64_t i = 0; i < n; i++) {
        plan->mine[2 * i] = store->bands[i].first;
        plan->mine[2 * i + 1] = store->bands[i].next;
    }
    return TRN_OK;
}

/* Verify --------------------------------------------------------------------------------------- */

/* Read back what this rank wrote of one dataset, piece by piece. */
static trn_status_t verify_band(const trn_store_t *store, int64_t index, trn_window_t *window,
                                char *block) {
    const trn_entry_t *entry = &store->table.entries[index];
    const trn_band_t *band = &store->bands[index];
    int64_t piece = 0;
    for (int64_t row = band->first, end; row < band->next; row = end, piece++) {
        end = (row / entry->block_rows + 1) * entry->block_rows;
        if (end > band->next) end = band->next;
        uint64_t sum;
        TRN_TRY(trn_window_hash(window, entry->offset + row * entry->row_bytes,
                                (end - row) * entry->row_bytes, block, &sum));
        if (sum != band->sums[piece])
            return trn_fail(TRN_IO,
                            "%s:%s: rows %lld to %lld read back other than they were written; the "
                            "disk or the memory is bad",
                            store->temporary, trn_table_text(&store->table, entry->name),
                            (long long)row, (long long)end - 1);
    }
    return TRN_OK;
}

/* Read back through the page cache, which also waits for what a network file system reports late.
 * One window serves all datasets in turn. */
trn_status_t trn_store_check_written(const trn_store_t *store) {
    trn_window_t window = {.fd = store->fd, .path = store->temporary};
    char *block;
    trn_status_t status = trn_alloc(&block, TRN_BLOCK_BYTES, 1, "a block to read back");
    for (int64_t i = 0; i < store->table.nentries && status == TRN_OK; i++)
        status = verify_band(store, i, &window, block);
    trn_window_close(&window);
    trn_free(&block);
    return status;
}

/* Borders -------------------------------------------------------------------------------------- */

/* First and next row of a rank's band of one dataset. */
static const int64_t *band_of(const plan_t *plan, int64_t nentries, int rank, int64_t index) {
    return plan->bands + 2 * (rank * nentries + index);
}

/* All bands together are all rows, once, in rank order. Equal on all ranks. */
static trn_status_t check_cover(const trn_store_t *store, const plan_t *plan) {
    for (int64_t i = 0; i < store->table.nentries; i++) {
        const trn_entry_t *entry = &store->table.entries[i];
        if (entry->type == TRN_STRING) continue;
        int64_t due = 0;
        for (int rank = 0; rank < store->ranks; rank++) {
            const int64_t *band = band_of(plan, store->table.nentries, rank, i);
            if (band[0] == band[1]) continue;
            if (band[0] != due) break;
            due = band[1];
        }
        if (due != entry->rows)
            return trn_fail(TRN_INTERNAL, "%s:%s: row %lld was not written, or out of rank order",
                            store->path, trn_table_text(&store->table, entry->name),
                            (long long)due);
    }
    return TRN_OK;
}

/* Bytes of the piece that `band` has of a block begun on an earlier rank. */
static int64_t head_bytes(const trn_entry_t *entry, const int64_t band[2]) {
    if (band[0] == band[1] || band[0] % entry->block_rows == 0) return 0;
    int64_t end = (band[0] / entry->block_rows + 1) * entry->block_rows;
    return ((end < band[1] ? end : band[1]) - band[0]) * entry->row_bytes;
}

/* The rank on which the block of `row` begins. */
static int owner_of(const trn_store_t *store, const plan_t *plan, int64_t index, int64_t row) {
    int64_t begin = row - row % store->table.entries[index].block_rows;
    for (int rank = 0; rank < store->ranks; rank++) {
        const int64_t *band = band_of(plan, store->table.nentries, rank, index);
        if (band[0] <= begin && begin < band[1]) return rank;
    }
    return -1; /* not when check_cover has passed */
}

/* Send the head to the rank on which its block begins; complete the checksum of the own last block
 * with the heads of the ranks that go on with it. All receives are posted before any send waits. */
static void exchange_borders(trn_store_t *store, plan_t *plan, int64_t index) {
    const trn_entry_t *entry = &store->table.entries[index];
    trn_band_t *band = &store->bands[index];
    int64_t n = store->table.nentries, received = 0;
    int requests = 0;
    bool open = band->next > band->first && band->next % entry->block_rows != 0 &&
                owner_of(store, plan, index, band->next) == store->rank;
    int64_t block = band->next / entry->block_rows;
    for (int rank = store->rank + 1; open && rank < store->ranks; rank++) {
        const int64_t *other = band_of(plan, n, rank, index);
        int64_t bytes = head_bytes(entry, other);
        if (bytes == 0 || other[0] / entry->block_rows != block) continue;
        MPI_Irecv(plan->block + received, (int)bytes, MPI_BYTE, rank, BORDER_TAG, store->comm,
                  &plan->requests[requests++]);
        received += bytes;
    }
    int64_t bytes = head_bytes(entry, band_of(plan, n, store->rank, index));
    if (bytes > 0)
        MPI_Send(band->head, (int)bytes, MPI_BYTE, owner_of(store, plan, index, band->first),
                 BORDER_TAG, store->comm);
    MPI_Waitall(requests, plan->requests, MPI_STATUSES_IGNORE);
    if (received == 0) return;
    XXH3_64bits_update(&band->state, plan->block, (size_t)received);
    band->sums[block - band->first / entry->block_rows] = XXH3_64bits_digest(&band->state);
}

/* Checksums of the blocks that begin in this rank's band. */
static trn_status_t write_sums(const trn_store_t *store, int64_t index) {
    const trn_entry_t *entry = &store->table.entries[index];
    const trn_band_t *band = &store->bands[index];
    if (band->next == band->first) return TRN_OK;
    int64_t first_piece = band->first / entry->block_rows;
    int64_t begin = first_piece + (band->first % entry->block_rows != 0);
    int64_t end = (band->next - 1) / entry->block_rows + 1;
    return trn_bytes_write(store->fd, store->temporary, entry->sums + 8 * begin,
                           band->sums + (begin - first_piece), 8 * (end - begin));
}

/* Finish --------------------------------------------------------------------------------------- */

/* Give the present file the name NAME.prev besides, so that NAME never vanishes. */
static trn_status_t keep_former(const trn_store_t *store, const plan_t *plan) {
    TRN_TRY(trn_store_replaceable(store->path));
    if (access(store->path, F_OK) != 0) return TRN_OK;
    TRN_TRY(trn_store_replaceable(plan->previous));
    bool linked = link(store->path, plan->former) == 0;
    /* A file system without links: NAME is missing for a moment, NAME.prev is there. */
    bool moved = rename(linked ? plan->former : store->path, plan->previous) == 0;
    trn_status_t status = TRN_OK;
    if (!moved)
        status = trn_fail(TRN_IO, "%s: cannot keep the former file: %s; check its permissions",
                          plan->previous, strerror(errno));
    if (linked)
        (void)unlink(plan->former); /* is still there if both were one file, or on failure */
    return status;
}

/* Rank 0, after all data are on disk. */
static trn_status_t seal(trn_store_t *store, const plan_t *plan, bool keep) {
    TRN_TRY(trn_hdf_seal(store->fd, store->temporary));
    TRN_TRY(trn_trailer_write(store->fd, store->temporary, &store->table));
    if (store->sync) TRN_TRY(trn_bytes_sync(store->fd, store->temporary));
    if (keep) TRN_TRY(keep_former(store, plan));
    TRN_TRY(trn_path_rename(store->fd, store->temporary, store->path));
    store->created = false;
    return store->sync ? trn_bytes_sync_directory(plan->directory) : TRN_OK;
}

/* Bands are known everywhere, so every rank finds by itself who sends a border to whom. Then
 * checksums of all ranks are on the disk before rank 0 says that the file is complete. */
static trn_status_t finish(trn_store_t *store, plan_t *plan, bool keep) {
    int n = (int)store->table.nentries;
    MPI_Allgather(plan->mine, 2 * n, MPI_INT64_T, plan->bands, 2 * n, MPI_INT64_T, store->comm);
    TRN_TRY(check_cover(store, plan));
    for (int64_t i = 0; i < n; i++)
        exchange_borders(store, plan, i);
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < n && status == TRN_OK; i++)
        status = write_sums(store, i);
    if (status == TRN_OK && store->sync) status = trn_bytes_sync(store->fd, store->temporary);
    TRN_AGREE(store->comm, status);
    return trn_agree(store->comm, store->rank == 0 ? seal(store, plan, keep) : TRN_OK);
}

/* The ranks agree twice: on having verified what they wrote, before messages flow, and (in finish)
 * on having written their checksums, before the rename. */
static trn_status_t commit(trn_store_t **store, trn_status_t status, bool keep) {
    plan_t plan = {0};
    if (status == TRN_OK && !(*store)->created)
        status = trn_fail(TRN_INTERNAL, "%s: commit without begin", (*store)->path);
    if (status == TRN_OK) status = plan_make(&plan, *store);
    if (status == TRN_OK && !(*store)->queue) status = trn_store_check_written(*store);
    status = trn_agree((*store)->comm, status);
    if (status == TRN_OK) status = finish(*store, &plan, keep);
    plan_free(&plan);
    trn_store_abandon(store); /* removes the temporary file if it is still there */
    return status;
}

trn_status_t trn_store_commit(trn_store_t **store, trn_status_t status) {
    return commit(store, status, true);
}

trn_status_t trn_store_commit_replace(trn_store_t **store, trn_status_t status) {
    return commit(store, status, false);
}
