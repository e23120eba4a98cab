/* kg_placement.h: entity blocks, with the state of their optimiser, on their way between ranks.
 *
 * A block lies in a slot of some rank. The slots of its own blocks are the state's arrays, the
 * others are made here. A move goes chunk by chunk of rows: what leaves is copied out, sent, and
 * what comes is copied in, so that a block may take the slot of one that leaves at the same time
 * and a rank needs no room but its slots and one chunk of each. */
#ifndef TRN_ALGO_KG_BUCKETS_KG_PLACEMENT_H
#define TRN_ALGO_KG_BUCKETS_KG_PLACEMENT_H

#include "algo/kg/train/kg_state.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

enum { TRN_KG_PARTS = 3 /* of a block: values and two moments */ };

typedef struct trn_kg_placement {
    trn_kg_state_t *state;
    int64_t slots;               /* on this rank */
    int64_t width[TRN_KG_PARTS]; /* floats of a row */
    float *more[TRN_KG_PARTS];   /* slots behind the state's own */
    int *rank;                   /* [blocks]: where each lies now, the same on all ranks */
    int64_t *slot;               /* [blocks]: its slot if it lies here */
    int64_t *next_slot;          /* [blocks]: where it is going to lie */
    int64_t *taken;              /* [slots]: by which block, or -1 */
    int64_t *leaving, *coming;   /* [slots]: blocks on the move */
    float *out, *in;             /* [slots x chunk rows x floats of a row] */
    int64_t chunk;               /* rows */
    MPI_Request *requests;       /* [2 slots] */
} trn_kg_placement_t;

/* Make `slots` slots, no fewer than own blocks and no more than `most`, which is the same on all
 * ranks; blocks are at home. Local. Fails with TRN_MEMORY; what was made is to be freed. */
trn_status_t trn_kg_placement_create(trn_kg_placement_t *places, trn_kg_state_t *state,
                                     int64_t slots, int64_t most);

/* Free; {0} is fine. Local. */
void trn_kg_placement_free(trn_kg_placement_t *places);

/* Plan of trn_kg_placement_create, all of which stays. Local. */
void trn_kg_placement_plan(trn_ledger_t *ledger, const trn_kg_state_t *state, int64_t slots,
                           int64_t most);

/* Values (part 0) or a moment (1, 2) of a block that lies here; NULL if there is none. Local. */
float *trn_kg_placement_part(const trn_kg_placement_t *places, int part, int64_t block);

/* rows[count x dim] = the vectors of these entities, wherever they lie, on every rank. Collective,
 * equal arguments. Cost: of trn_gather_rows (mpi/gather.h). */
void trn_kg_placement_gather(const trn_kg_placement_t *places, int64_t count, const int32_t *entity,
                             float *rows);

/* Move every block to the rank that to[blocks] names; with `home`, to its own slot too, to be where
 * the state says. Collective, equal arguments; cannot fail. Cost: each block that changes its rank
 * is sent once. */
void trn_kg_placement_move(trn_kg_placement_t *places, const int *to, bool home);

#endif
