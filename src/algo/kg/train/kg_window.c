#include "algo/kg/train/kg_window.h"

#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"

/* True on all ranks if every one of them reads all others' memory. */
static bool on_one_node(const trn_kg_desk_t *desk, MPI_Comm comm, int ranks) {
    bool apart = false;
    for (int r = 0; r < ranks; r++)
        apart = apart || !trn_shared_block(desk->shared, r);
    return !trn_any(comm, apart);
}

trn_status_t trn_kg_desk_create(trn_kg_desk_t *desk, MPI_Comm comm, int64_t bytes) {
    int ranks;
    *desk = (trn_kg_desk_t){0};
    MPI_Comm_rank(comm, &desk->rank);
    MPI_Comm_size(comm, &ranks);
    if (ranks > 1 && trn_shared_create(&desk->shared, comm, bytes) != TRN_OK && desk->rank == 0)
        trn_log(TRN_LOG_INFO, "kg-train", "ranks pass messages within the node too: %s",
                trn_message());
    if (desk->shared && !on_one_node(desk, comm, ranks)) trn_shared_destroy(&desk->shared);
    if (desk->shared) {
        desk->own = trn_shared_block(desk->shared, desk->rank);
        return TRN_OK;
    }
    return trn_agree(comm, trn_alloc(&desk->own, bytes, 1, "gradients of a batch"));
}

void trn_kg_desk_free(trn_kg_desk_t *desk) {
    if (!desk->shared) trn_free(&desk->own);
    trn_shared_destroy(&desk->shared);
    desk->own = NULL;
}

const void *trn_kg_desk_of(const trn_kg_desk_t *desk, int rank, const void *own) {
    if (!desk->shared || rank == desk->rank) return own;
    return (const char *)trn_shared_block(desk->shared, rank) + ((const char *)own - desk->own);
}
