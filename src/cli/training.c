/* training.c: from options to a trainer's run. */
#include "cli/training.h"

#include "base/schedule.h"

trn_status_t trn_training_read(trn_trainer_run_t *training, const trn_run_t *run) {
    const trn_params_t *p = run->params;
    *training = (trn_trainer_run_t){.checkpoint = trn_params_text(p, "checkpoint"),
                                    .checkpoint_minutes = trn_params_real(p, "checkpoint-every"),
                                    .save_behind = trn_params_bool(p, "save-behind"),
                                    .keep_checkpoint = trn_params_given(p, "checkpoint"),
                                    .created_by = run->command,
                                    .params = trn_params_json(p)};
    TRN_TRY(trn_resume_parse(trn_params_text(p, "resume"), &training->resume));
    return trn_time_limit(trn_params_text(p, "time-limit"), &training->time_limit);
}

void trn_training_free(trn_trainer_run_t *training) {
    json_decref(training->params);
    training->params = NULL;
}
