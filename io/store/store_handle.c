/* store_handle.c: the store as an object, which reading, writing and commit rest on: made, given
 * up, freed. A store owns its descriptor, its table, and while it writes its temporary file, its
 * bands and its queue; whichever of these it has, closing frees. */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"
#include "base/own.h"
#include "base/signal.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"

#include <unistd.h>

/* Agreed on: all ranks have a store, or none has. */
trn_status_t trn_store_new(trn_store_t **store, MPI_Comm comm, const char *path) {
    trn_status_t status = trn_alloc_zero(store, 1, sizeof **store, "a store");
    if (status == TRN_OK) {
        (*store)->comm = comm;
        (*store)->fd = -1;
        MPI_Comm_rank(comm, &(*store)->rank);
        MPI_Comm_size(comm, &(*store)->ranks);
        status = trn_strdup(&(*store)->path, path);
    }
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_store_close(store);
    return status;
}

/* Local, and in any state: what has not been made yet is NULL or -1. */
void trn_store_close(trn_store_t **store) {
    trn_store_t *it = *store;
    if (!it) return;
    trn_queue_free(&it->queue);
    if (it->fd >= 0) close(it->fd);
    for (int64_t i = 0; it->bands && i < it->table.nentries; i++) {
        trn_free(&it->bands[i].sums);
        trn_free(&it->bands[i].head);
    }
    trn_free(&it->bands);
    trn_table_free(&it->table);
    trn_free(&it->path);
    trn_free(&it->temporary);
    trn_free(&it->names);
    trn_free(&it->block);
    trn_free(store);
}

/* Rank 0 made the temporary file, and only if it is still the one behind the descriptor is it
 * removed. */
void trn_store_abandon(trn_store_t **store) {
    if (!*store) return;
    trn_queue_free(&(*store)->queue); /* its thread writes to the file that goes */
    if ((*store)->rank == 0 && (*store)->created) trn_own_unlink((*store)->temporary, (*store)->fd);
    trn_signal_release((*store)->temporary);
    trn_store_close(store);
}
