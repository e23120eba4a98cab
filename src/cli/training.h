/* training.h: how a verb trains, by the options that all trainers have (TRN_CHECKPOINT_PARAMS). */
#ifndef TRN_CLI_TRAINING_H
#define TRN_CLI_TRAINING_H

#include "algo/common/trainer.h"
#include "cli/command.h"

/* Read the options into a trainer's run, which borrows from `run` but for its params: these are to
 * be freed with trn_training_free, after a failure too. Fails with TRN_USAGE. Local, equal on all
 * ranks. */
trn_status_t trn_training_read(trn_trainer_run_t *training, const trn_run_t *run);

/* Free what reading made; {0} is fine. Local. */
void trn_training_free(trn_trainer_run_t *training);

#endif
