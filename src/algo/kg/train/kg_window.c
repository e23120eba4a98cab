/* kg_window.c: rows of a batch in memory that the ranks of a node share, instead of messages. */
#include "algo/kg/train/kg_window.h"

#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"

/* True on all ranks if every one of them reads all others' memory. */
static bool on_one_node(const trn_kg_window_t *window, MPI_Comm comm, int ranks) {
    bool apart = false;
    for (int r = 0; r < ranks; r++)
        apart = apart || !trn_shared_block(window->shared, r);
    return !trn_any(comm, apart);
}

trn_status_t trn_kg_window_create(trn_kg_window_t *window, MPI_Comm comm, int64_t bytes) {
    int ranks;
    *window = (trn_kg_window_t){0};
    MPI_Comm_rank(comm, &window->rank);
    MPI_Comm_size(comm, &ranks);
    if (ranks > 1 && trn_shared_create(&window->shared, comm, bytes) != TRN_OK && window->rank == 0)
        trn_log(TRN_LOG_INFO, "kg-train", "ranks pass messages within the node too: %s",
                trn_message());
    if (window->shared && !on_one_node(window, comm, ranks)) trn_shared_destroy(&window->shared);
    if (window->shared) {
        window->own = trn_shared_block(window->shared, window->rank);
        return TRN_OK;
    }
    return trn_agree(comm, trn_alloc(&window->own, bytes, 1, "gradients of a batch"));
}

void trn_kg_window_free(trn_kg_window_t *window) {
    if (!window->shared) trn_free(&window->own);
    trn_shared_destroy(&window->shared);
    window->own = NULL;
}

const void *trn_kg_window_of(const trn_kg_window_t *window, int rank, const void *own) {
    if (!window->shared || rank == window->rank) return own;
    return (const char *)trn_shared_block(window->shared, rank) + ((const char *)own - window->own);
}
