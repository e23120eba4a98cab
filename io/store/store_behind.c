/* Writing behind: rows are copied, and a thread writes, reads back and syncs them, while the caller
 * goes on. The thread sends no messages; what needs them is left to trn_store_commit_finish. */
#include "base/mem.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE = 512 };

/* A call of trn_store_write that waits for its turn. */
typedef struct kept {
    int64_t entry, first, rows;
    char *data;
} kept_t;

struct trn_behind {
    kept_t *kept;
    int64_t count, capacity;
    pthread_t thread;
    bool running;
    atomic_bool ready;
    trn_status_t status; /* of the thread, and its message */
    char message[MESSAGE];
};

trn_status_t trn_store_write_behind(trn_store_t *store) {
    return trn_agree(store->comm,
                     trn_alloc_zero(&store->behind, 1, sizeof *store->behind, "a save behind"));
}

trn_status_t trn_behind_keep(trn_store_t *store, const trn_entry_t *entry, int64_t first,
                             int64_t rows, const void *data) {
    trn_behind_t *b = store->behind;
    kept_t it = {entry - store->table.entries, first, rows, NULL};
    TRN_TRY(trn_grow(&b->kept, &b->capacity, b->count + 1, sizeof *b->kept, "a save behind"));
    TRN_TRY(trn_alloc(&it.data, rows, (size_t)entry->row_bytes, "the copy of a save behind"));
    memcpy(it.data, data, (size_t)(rows * entry->row_bytes));
    b->kept[b->count++] = it;
    return TRN_OK;
}

static void *write_all(void *argument) {
    trn_store_t *store = argument;
    trn_behind_t *b = store->behind;
    for (int64_t i = 0; i < b->count && b->status == TRN_OK; i++) {
        kept_t *it = &b->kept[i];
        b->status =
            trn_store_put(store, &store->table.entries[it->entry], it->first, it->rows, it->data);
        trn_free(&it->data);
    }
    if (b->status == TRN_OK) b->status = trn_store_check_written(store);
    if (b->status == TRN_OK && store->sync) b->status = trn_bytes_sync(store->fd, store->temporary);
    if (b->status != TRN_OK) snprintf(b->message, sizeof b->message, "%s", trn_message());
    atomic_store(&b->ready, true);
    return NULL;
}

trn_status_t trn_store_commit_start(trn_store_t **store, trn_status_t status) {
    trn_behind_t *b = (*store)->behind;
    if (status == TRN_OK) {
        b->running = pthread_create(&b->thread, NULL, write_all, *store) == 0;
        if (!b->running) status = trn_fail(TRN_MEMORY, "no thread to be had to save behind");
    }
    status = trn_agree((*store)->comm, status);
    if (status != TRN_OK) trn_store_abandon(store);
    return status;
}

bool trn_store_commit_ready(const trn_store_t *store) {
    return atomic_load(&store->behind->ready);
}

trn_status_t trn_store_commit_finish(trn_store_t **store) {
    trn_behind_t *b = (*store)->behind;
    pthread_join(b->thread, NULL);
    b->running = false;
    if (b->status != TRN_OK) (void)trn_fail(b->status, "%s", b->message);
    return trn_store_commit(store, b->status);
}

void trn_behind_free(trn_behind_t **behind) {
    trn_behind_t *b = *behind;
    if (!b) return;
    if (b->running) pthread_join(b->thread, NULL);
    for (int64_t i = 0; i < b->count; i++)
        trn_free(&b->kept[i].data);
    trn_free(&b->kept);
    trn_free(behind);
}
