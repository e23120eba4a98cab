/* checkpoint.h: resume from the newest good one of two generations, FILE and FILE.prev. */
#ifndef TRN_ALGO_COMMON_CHECKPOINT_H
#define TRN_ALGO_COMMON_CHECKPOINT_H

#include "base/status.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdbool.h>

typedef enum trn_resume {
    TRN_RESUME_AUTO, /* resume if there is a checkpoint */
    TRN_RESUME_NEVER,
    TRN_RESUME_MUST
} trn_resume_t;

/* The policy called "auto", "never" or "must", as --resume spells it. Fails with TRN_USAGE. Local.
 */
trn_status_t trn_resume_parse(const char *text, trn_resume_t *policy);

/* Load the state of a trainer from the store `path` of `kind`. `load` is Collective, is given the
 * open store and `user`, reads (and so verifies) what it needs and returns an agreed status; it may
 * be called again with the former generation, so it has to overwrite what it loaded before.
 *
 * When `path` is missing or damaged, `path`.prev is tried and a warning logged. If that works, a
 * damaged `path` is renamed to `path`.damaged so that the next commit does not
 * make it the kept generation.
 * With no file at all: *loaded = false and TRN_OK, or TRN_INPUT under TRN_RESUME_MUST. Files that
 * are there but all damaged are TRN_INPUT, never a silent new start; so is another kind. A failure
 * of `load` other than TRN_INPUT or TRN_IO is returned at once. Before success, under
 * TRN_RESUME_NEVER too: TRN_IO if `path` or `path`.prev is what no job of ours made
 * (trn_store_replaceable), and what killed jobs left half written (`path`.tmp.*) is removed.
 * Collective, equal arguments. Cost: reading one or two stores. */
trn_status_t trn_checkpoint_load(MPI_Comm comm, const char *path, const char *kind,
                                 trn_resume_t policy,
                                 trn_status_t (*load)(trn_store_t *store, void *user), void *user,
                                 bool *loaded);

/* Remove both generations, once the result that they led to is safe; what cannot be removed, or is
 * no store, stays. Collective, equal arguments. */
void trn_checkpoint_remove(MPI_Comm comm, const char *path);

#endif
