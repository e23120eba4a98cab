/* kg_rules.c: the verb `kg-rules`: rules that a model proposes and the graph confirms. */
#include "algo/kg/answer/kg_rules.h"

#include "cli/command.h"

#include <string.h>

static const trn_param_t params[] = {
    {"length", 0, TRN_PARAM_LIST, "2 3", .metavar = "N",
     .help = "how many relations a body may have: any of 1, 2 and 3; each costs as many times more "
             "as there are relations"},
    {"inverse", 0, TRN_PARAM_BOOL, "false",
     .help = "let relations stand in bodies the other way round too"},
    {"nearest", 0, TRN_PARAM_INT, "10", 1, 1000000, .metavar = "K",
     .help = "how many bodies are measured for each head relation and length: those whose composed "
             "parameters are nearest"},
    {"min-support", 0, TRN_PARAM_INT, "1", 0, 9e18,
     .help = "leave out rules that hold for fewer pairs of entities"},
    {"min-confidence", 0, TRN_PARAM_REAL, "0", 0, 1,
     .help = "leave out rules that hold for a smaller part of the pairs that the body connects"},
    {0},
};

static trn_status_t options_of(const trn_run_t *run, trn_rules_options_t *options) {
    char *const *words;
    int count = trn_params_list(run->params, "length", &words);
    *options = (trn_rules_options_t){
        .inverse = trn_params_bool(run->params, "inverse"),
        .nearest = trn_params_int(run->params, "nearest"),
        .min_support = trn_params_int(run->params, "min-support"),
        .min_confidence = trn_params_real(run->params, "min-confidence"),
    };
    for (int i = 0; i < count; i++) {
        if (strlen(words[i]) != 1 || *words[i] < '1' || *words[i] > '0' + TRN_RULE_LENGTH)
            return trn_fail(TRN_USAGE, "--length: '%s' is none of 1, 2 and 3", words[i]);
        options->length[*words[i] - '0'] = true;
    }
    return TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    trn_rules_t *rules = user;
    rules->model = run->files[0];
    TRN_TRY(options_of(run, &rules->options));
    return trn_rules_look(rules, run->comm, run->files[1], run->dry);
}

static trn_status_t work(trn_run_t *run, void *user) {
    return trn_rules_find(user, run->comm);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const trn_rules_t *rules = user;
    if (run->rank > 0) return TRN_OK;
    json_object_set_new(run->result, "model", json_string(rules->header.model->name));
    trn_rules_report(rules, trn_params_bool(run->params, "json"), run->result);
    return TRN_OK;
}

static void job_free(void *user) {
    trn_rules_free(user);
}

const trn_command_t trn_command_kg_rules = {
    .name = "kg-rules",
    .summary = "find rules such as parent(x,z), parent(z,y) => grandparent(x,y)",
    .files = "M.h5 G.h5",
    .description =
        "For each relation of the graph G.h5, composes the parameters that the model M.h5 (transe, "
        "distmult, complex or rotate) has learnt for chains of relations, takes the nearest chains "
        "as bodies of rules and counts on the train triples how good each is: support, the pairs "
        "(x,y) that body and head connect; confidence, support in the pairs that the body "
        "connects; pca, support in those of them whose x has any fact of the head; coverage, "
        "support in the pairs that the head connects. The number of ranks does not change the "
        "result.",
    .examples =
        "rules of two steps that the facts bear out\ttrunnion kg-rules D.h5 G.h5 --length 2\n"
        "as JSON\ttrunnion kg-rules D.h5 G.h5 --length 2 --json",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("M.h5"), TRN_READS("G.h5")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(trn_rules_t),
                                  .look = look,
                                  .plan = trn_rules_plan,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
