/* store_behind.c: commit in two steps. A thread writes, reads back and syncs what was kept for it,
 * while the caller goes on; it sends no messages, and what needs them is left to
 * trn_store_commit_finish. */
#include "io/store/store_impl.h"
#include "mpi/agree.h"

trn_status_t trn_store_write_behind(trn_store_t *store) {
    return trn_agree(store->comm, trn_queue_create(&store->queue));
}

/* The thread's work: a call of trn_store_write put off, and after all of them the part of commit
 * that is Local. */
static trn_status_t write_kept(void *self, const trn_kept_t *kept) {
    trn_store_t *store = self;
    if (kept)
        return trn_store_put(store, &store->table.entries[kept->entry], kept->first, kept->rows,
                             kept->data);
    TRN_TRY(trn_store_check_written(store));
    return store->sync ? trn_bytes_sync(store->fd, store->temporary) : TRN_OK;
}

trn_status_t trn_store_commit_start(trn_store_t **store, trn_status_t status) {
    if (status == TRN_OK) status = trn_queue_start((*store)->queue, write_kept, *store);
    status = trn_agree((*store)->comm, status);
    if (status != TRN_OK) trn_store_abandon(store);
    return status;
}

bool trn_store_commit_ready(const trn_store_t *store) {
    return trn_queue_ready(store->queue);
}

trn_status_t trn_store_commit_finish(trn_store_t **store) {
    return trn_store_commit(store, trn_queue_join((*store)->queue));
}
