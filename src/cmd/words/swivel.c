/* swivel.c: the verb `swivel`: word embeddings from co-occurrence counts. */
#include "algo/words/swivel.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/training.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "E.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "embedding store to write"},
    {"dim", 0, TRN_PARAM_INT, "128", 1, 65536, .group = "Training",
     .help = "length of the vectors"},
    {"epochs", 0, TRN_PARAM_INT, "0", 0, 100000,
     .help = "passes over all shards; 0 chooses by the size of the vocabulary"},
    {"shard-size", 0, TRN_PARAM_INT, "0", 0, 65536,
     .help = "rows and columns of a shard; small shards learn faster; 0 chooses by the size of the "
             "vocabulary"},
    {"variant", 0, TRN_PARAM_CHOICE, "v1", .choices = "v1|v2", .group = "Optimizer and weights",
     .help = "published settings: v1 Adagrad, rate 1, confidence 0.1 + 0.25 x^0.5; v2 RMSProp, "
             "rate 0.1, confidence x^0.5"},
    {"learning-rate", 0, TRN_PARAM_REAL, NULL, 1e-9, 1e9,
     .help =
         "step size at the start; default: v1 (S/512)^(1/3) but at most 1 for shards of S, v2 0.1"},
    {"final-rate", 0, TRN_PARAM_REAL, "1", 0, 1,
     .help = "fraction of the learning rate reached at the end, linearly"},
    {"confidence-base", 0, TRN_PARAM_REAL, NULL, 0, 1e9,
     .help = "weight of an observed count x: base + scale x^exponent; default from the variant"},
    {"confidence-scale", 0, TRN_PARAM_REAL, NULL, 0, 1e9, .help = "see confidence-base"},
    {"confidence-exponent", 0, TRN_PARAM_REAL, "0.5", 0, 4, .help = "see confidence-base"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of the starting vectors"},
    TRN_CHECKPOINT_PARAMS,
    {0},
};

static double real_or(const trn_run_t *run, const char *name, double otherwise) {
    return trn_params_given(run->params, name) ? trn_params_real(run->params, name) : otherwise;
}

static trn_swivel_options_t options_of(const trn_run_t *run) {
    bool v1 = strcmp(trn_params_text(run->params, "variant"), "v1") == 0;
    return (trn_swivel_options_t){
        .dim = trn_params_int(run->params, "dim"),
        .epochs = trn_params_int(run->params, "epochs"),
        .shard = trn_params_int(run->params, "shard-size"),
        .optimiser = v1 ? TRN_ADAGRAD : TRN_RMSPROP,
        .rate = real_or(run, "learning-rate", 0),
        .final_rate = trn_params_real(run->params, "final-rate"),
        .decay = 0.1,
        .accumulator = v1 ? 0.1 : 1.0,
        .base = real_or(run, "confidence-base", v1 ? 0.1 : 0.0),
        .scale = real_or(run, "confidence-scale", v1 ? 0.25 : 1.0),
        .exponent = trn_params_real(run->params, "confidence-exponent"),
        .seed = (uint64_t)trn_params_int(run->params, "seed"),
    };
}

static void report_result(trn_run_t *run, const trn_swivel_report_t *r) {
    double rate = r->seconds > 0 ? r->flops / r->seconds : 0;
    json_t *result = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "words", (json_int_t)r->words,
        "nonzeros", (json_int_t)r->nonzeros, "shard_size", (json_int_t)r->shard, "blocks",
        (json_int_t)r->blocks, "epochs", (json_int_t)r->epochs, "loss", r->loss, "seconds",
        r->seconds, "cpu_seconds", r->cpu_seconds, "gflops", rate * 1e-9, "share_of_sgemm",
        r->ceiling > 0 ? rate / r->ceiling : 0, "waiting", r->waited);
    json_object_update(run->result, result);
    json_decref(result);
}

static trn_status_t train(trn_run_t *run, trn_store_t *counts, const trn_swivel_options_t *options,
                          const char *output) {
    trn_trainer_run_t training;
    trn_swivel_report_t report;
    trn_status_t status = trn_training_read(&training, run);
    if (status == TRN_OK)
        status =
            trn_swivel_train(run->comm, counts, options, &training, run->threads, output, &report);
    trn_training_free(&training);
    if (status == TRN_OK) report_result(run, &report);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    trn_swivel_options_t options = options_of(run);
    trn_store_t *counts = NULL;
    trn_status_t status;
    TRN_TRY(trn_store_open(&counts, run->comm, run->files[0], "cooccurrence"));
    int64_t words = 0;
    trn_store_has(counts, "/row_sums", NULL, &words, NULL);
    trn_swivel_defaults(&options, words, counts);
    trn_swivel_use_t use = {.threads = run->threads,
                            .save_behind = trn_params_bool(run->params, "save-behind"),
                            .dry = trn_params_bool(run->params, "dry-run")};
    TRN_OR(done, trn_swivel_estimate(run->comm, counts, &options, &use, run->result));
    double flops = 6.0 * (double)words * (double)words * (double)options.dim;
    if (use.dry)
        json_object_set_new(run->result, "flops_per_epoch", json_real(flops));
    else
        TRN_OR(done, train(run, counts, &options, output));
done:
    trn_store_close(&counts);
    return status;
}

const trn_command_t trn_command_swivel = {
    .name = "swivel",
    .summary = "train Swivel word embeddings from co-occurrence counts",
    .files = "X.h5 -o E.h5",
    .description =
        "Factorises the logarithms of the counts in X.h5 (made by cooccur) shard by shard: row "
        "vectors stay, column vectors rotate through the ranks. The number of ranks and threads "
        "does not change a bit of the result. USR1 or TERM saves a checkpoint and ends with exit "
        "code 85; the same command goes on from there, on any number of ranks.",
    .examples = "train vectors of 16 numbers\ttrunnion swivel X.h5 --dim 16 --epochs 5 -o E.h5\n"
                "on two ranks\tmpirun -n 2 trunnion swivel X.h5 --dim 16 --epochs 5 -o E.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("X.h5")),
    .blas = true,
    .saves = true,
    .params = params,
    .run = run,
};
