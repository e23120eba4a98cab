/* kg_rules.c: the verb `kg-rules`: rules that a model proposes and the graph confirms. */
#include "algo/kg/answer/kg_rules.h"

#include "base/clock.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 4096 };

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

/* "parent(x,z1), parent(z1,y) => grandparent(x,y)" */
static void rule_text(const trn_rule_t *rule, int64_t relations, char *const *names,
                      char text[TEXT_BYTES]) {
    static const char *const variable[] = {"x", "z1", "z2"};
    int at = 0;
    assert(rule->length <= TRN_RULE_LENGTH);
    for (int i = 0; i < rule->length && at < TEXT_BYTES; i++) {
        const char *from = variable[i], *to = i + 1 < rule->length ? variable[i + 1] : "y";
        bool turned = rule->body[i] >= relations;
        at += snprintf(text + at, (size_t)(TEXT_BYTES - at), "%s%s(%s,%s)", i ? ", " : "",
                       names[rule->body[i] - (turned ? relations : 0)], turned ? to : from,
                       turned ? from : to);
    }
    if (at < TEXT_BYTES)
        snprintf(text + at, (size_t)(TEXT_BYTES - at), " => %s(x,y)", names[rule->head]);
}

static json_t *body_json(const trn_rule_t *rule, int64_t relations, char *const *names) {
    json_t *body = json_array();
    for (int i = 0; i < rule->length; i++) {
        bool turned = rule->body[i] >= relations;
        json_array_append_new(
            body, json_pack("{s:o, s:b}", "relation",
                            trn_json_text(names[rule->body[i] - (turned ? relations : 0)]),
                            "inverse", turned));
    }
    return body;
}

static double ratio(int64_t a, int64_t b) {
    return b > 0 ? (double)a / (double)b : 0;
}

static void report(trn_run_t *run, int64_t relations, char *const *names, int64_t count,
                   const trn_rule_t *rules) {
    bool all = trn_params_bool(run->params, "json");
    json_t *table = json_array();
    for (int64_t i = 0; i < count; i++) {
        const trn_rule_t *r = &rules[i];
        char text[TEXT_BYTES];
        rule_text(r, relations, names, text);
        json_t *row = json_pack(
            "{s:o, s:f, s:I, s:I, s:f, s:f, s:f}", "rule", trn_json_text(text), "distance",
            r->distance, "support", (json_int_t)r->support, "body_pairs", (json_int_t)r->body_pairs,
            "confidence", ratio(r->support, r->body_pairs), "pca", ratio(r->support, r->pca_pairs),
            "coverage", ratio(r->support, r->head_pairs));
        if (all) { /* what a program wants and a table has no room for */
            json_object_set_new(row, "head", trn_json_text(names[r->head]));
            json_object_set_new(row, "body", body_json(r, relations, names));
        }
        json_array_append_new(table, row);
    }
    json_object_set_new(run->result, "rules_found", json_integer(count));
    json_object_set_new(run->result, "rules", table);
}

static trn_status_t find(trn_run_t *run, const trn_kg_t *kg, const trn_rules_options_t *options) {
    trn_kg_model_t model = {0};
    trn_rule_t *rules = NULL;
    char **names = NULL;
    int64_t count = 0, named;
    trn_status_t status;
    double start = trn_seconds();
    TRN_OR(done, trn_kg_model_open(&model, run->comm, run->files[0], kg));
    TRN_OR(done, trn_rules_able(model.header.model));
    TRN_OR(done, trn_rules_find(run->comm, kg, &model, options, &rules, &count));
    TRN_OR(done, trn_store_read_strings(kg->store, "/relation/names", &named, &names));
    if (run->rank == 0) {
        json_object_set_new(run->result, "model", json_string(model.header.model->name));
        json_object_set_new(run->result, "seconds", json_real(trn_seconds() - start));
        report(run, kg->relations, names, count, rules);
    }
done:
    trn_kg_model_close(&model);
    trn_free(&rules);
    trn_free(&names);
    return status;
}

/* What a rank needs: to the result of a dry run, or for a refusal. */
static trn_status_t estimate(trn_run_t *run, const trn_kg_t *kg,
                             const trn_rules_options_t *options) {
    trn_store_t *store;
    trn_kg_header_t header;
    TRN_TRY(trn_store_open(&store, run->comm, run->files[0], "kg-model"));
    trn_status_t status = trn_agree(run->comm, trn_kg_header_read(store, &header));
    if (status == TRN_OK) status = trn_rules_able(header.model);
    if (status == TRN_OK) {
        int64_t own = (header.entities + run->ranks - 1) / run->ranks;
        int64_t model =
            4 * (own * header.shape.dim +
                 trn_kg_relation_rows(&header) * header.model->relation_width(&header.shape));
        int64_t rules = trn_rules_bytes(kg, &header, options);
        if (trn_params_bool(run->params, "dry-run"))
            json_object_set_new(run->result, "bytes_per_rank",
                                json_pack("{s:I, s:I, s:I}", "model", (json_int_t)model, "rules",
                                          (json_int_t)rules, "total", (json_int_t)(model + rules)));
        else
            status = trn_mem_expect(model + rules, run->ranks);
    }
    trn_store_close(&store);
    return status;
}

static trn_status_t run_rules(trn_run_t *run) {
    trn_rules_options_t options;
    trn_kg_t kg = {0};
    TRN_TRY(options_of(run, &options));
    trn_status_t status = trn_kg_open(&kg, run->comm, run->files[1]);
    if (status == TRN_OK) status = estimate(run, &kg, &options);
    if (status == TRN_OK && !trn_params_bool(run->params, "dry-run"))
        status = find(run, &kg, &options);
    trn_kg_close(&kg);
    return status;
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
    .run = run_rules,
};
