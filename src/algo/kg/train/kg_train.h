/* kg_train.h: train a knowledge-graph model on any number of ranks: the loop around a regime
 * (kg_state.h), with checkpoints between batches. */
#ifndef TRN_ALGO_KG_TRAIN_KG_TRAIN_H
#define TRN_ALGO_KG_TRAIN_KG_TRAIN_H

#include "algo/common/trainer.h"
#include "algo/kg/kg_known.h"
#include "algo/kg/train/kg_state.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>

/* What came out of a run. */
typedef struct trn_kg_report {
    int64_t epochs;              /* done, of those before a resume too */
    double loss;                 /* mean per query of the last epoch */
    double seconds, cpu_seconds; /* training alone, this run; all ranks' CPU */
    double triples_per_second;
    double valid_mrr; /* of the model written, if valid_every is not 0 */
    int64_t best_epoch;
} trn_kg_report_t;

/* Train a model of the open graph `kg` and write its store (kg_model.h) to `output`. Checkpoints
 * are such stores with more datasets in /train (the optimiser's state in block order) and
 * attributes epoch, step and settings. The result does not depend on ranks, nor on stops and
 * resumes. With options->valid_every the model of the epoch
 * with the best MRR of the valid split is written; it waits in `output`.best. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT (bad graph or checkpoint), TRN_USAGE (a checkpoint of
 * other settings, a model that the regime cannot train), TRN_MEMORY, TRN_IO, TRN_NUMERIC (loss not
 * finite; the last good checkpoint stays), TRN_STOPPED (a signal asked for it, or the time limit is
 * near; the checkpoint is written). */
trn_status_t trn_kg_train(MPI_Comm comm, const trn_kg_t *kg, const trn_kg_header_t *header,
                          const trn_kg_options_t *options, const trn_kg_regime_t *regime,
                          const trn_trainer_run_t *run, const char *output,
                          trn_kg_report_t *report);

/* What a training is of. */
typedef struct trn_kg_train_size {
    const trn_kg_header_t *header;
    const trn_kg_options_t *options;
    const trn_kg_regime_t *regime;
    const trn_kg_t *kg;
    const trn_kg_found_t *found; /* of trn_kg_valid_count; if the valid split is looked at */
    bool save_behind;
} trn_kg_train_size_t;

/* Plan of trn_kg_train on rank `rank` of `ranks`. Local. */
void trn_kg_train_plan(trn_ledger_t *ledger, const trn_kg_train_size_t *size, int ranks, int rank);

/* Write the model of a state to `path`; with `training` also what a resume needs. `behind` NULL:
 * it is there afterwards; else *behind is a store that is being written, for
 * trn_store_commit_finish, and `training` is true. Collective. Fails (agreed) with TRN_IO,
 * TRN_MEMORY, TRN_INPUT. */
trn_status_t trn_kg_save(trn_kg_state_t *state, const trn_kg_t *kg, const trn_trainer_run_t *run,
                         const char *path, bool training, trn_store_t **behind);

/* Plans of trn_kg_save and trn_kg_start_from, of which nothing stays. Local. */
void trn_kg_save_plan(trn_ledger_t *ledger, const trn_kg_state_t *shape, bool behind);
void trn_kg_start_plan(trn_ledger_t *ledger, const trn_kg_state_t *shape);

/* Take the vectors of the model options->start, if there is one, as starting values: of entities,
 * and of relations where the model has as long ones. Collective. Fails (agreed) with TRN_INPUT
 * (another graph's, or of another size), TRN_IO, TRN_MEMORY. */
trn_status_t trn_kg_start_from(trn_kg_state_t *state, const trn_kg_t *kg);

/* Go on from the checkpoint as run->resume says. Collective. Fails (agreed) as
 * trn_checkpoint_load, and with TRN_USAGE if the checkpoint was made with other settings. */
trn_status_t trn_kg_resume(trn_kg_state_t *state, const trn_kg_t *kg, const trn_trainer_run_t *run,
                           bool *resumed);

#endif
