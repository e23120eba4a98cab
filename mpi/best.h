/* best.h: lists of the best (kern/search/topk.h) of several ranks, merged by MPI's own reductions.
 */
#ifndef TRN_MPI_BEST_H
#define TRN_MPI_BEST_H

#include "kern/search/topk.h"

#include <mpi.h>
#include <stdint.h>

/* For MPI_Allreduce and the like over trn_best_t list[count x k]. */
typedef struct trn_best_lists {
    MPI_Datatype type; /* one list of k entries, best first */
    MPI_Op merge;      /* exact, so in any order */
} trn_best_lists_t;

/* Make them for lists of k entries, 1 <= k < 2^27. Local. */
trn_best_lists_t trn_best_lists(int64_t k);

/* Free them. Local. */
void trn_best_lists_free(trn_best_lists_t *lists);

#endif
