/* kg_window.h: memory that lies alike on every rank, with arrays that the others read: in place if
 * all ranks are on one node, else after a message has brought them to the same place here. */
#ifndef TRN_ALGO_KG_TRAIN_KG_WINDOW_H
#define TRN_ALGO_KG_TRAIN_KG_WINDOW_H

#include "base/status.h"
#include "mpi/shared.h"

#include <mpi.h>
#include <stdint.h>

typedef struct trn_kg_window {
    char *own;            /* this rank's memory, aligned */
    trn_shared_t *shared; /* which holds it, or NULL: others' arrays come by message */
    int rank;
} trn_kg_window_t;

/* Make `bytes` of memory (equal on all ranks), in /dev/shm if there are neighbours and it has room.
 * Collective. Fails (agreed) with TRN_MEMORY. Cost: of trn_shared_create. */
trn_status_t trn_kg_window_create(trn_kg_window_t *window, MPI_Comm comm, int64_t bytes);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_window_free(trn_kg_window_t *window);

/* Where to read what `rank` has in its own memory where this rank has `own`. Local. */
const void *trn_kg_window_of(const trn_kg_window_t *window, int rank, const void *own);

#endif
