/* kg_neighbors.c: the verb `kg-neighbors`: the entities nearest to entities. */
#include "algo/kg_predict.h"
#include "base/emit.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cmd/command.h"
#include "mpi/agree.h"
#include "text/lookup.h"

static const trn_param_t params[] = {
    {"top", 0, TRN_PARAM_INT, "10", 1, 100000, NULL, "K", "how many neighbours of each"}, {0}};

static trn_status_t find(const trn_run_t *run, int64_t count, char **names, int32_t *entities) {
    trn_lookup_t *lookup;
    TRN_TRY(trn_lookup_create(&lookup, count, names, false, NULL));
    trn_status_t status = TRN_OK;
    for (int i = 1; i < run->nfiles && status == TRN_OK; i++) {
        int64_t entity = trn_lookup_find(lookup, run->files[i]);
        entities[i - 1] = (int32_t)entity;
        if (entity >= 0) continue;
        trn_nearest_t near = {0};
        for (int64_t j = 0; j < count; j++)
            trn_nearest_try(&near, run->files[i], names[j]);
        status = trn_fail(TRN_INPUT, "%s: no entity of %s%s%s%s", run->files[i], run->files[0],
                          near.name ? "; did you mean '" : "", near.name ? near.name : "",
                          near.name ? "'?" : "");
    }
    trn_lookup_destroy(&lookup);
    return status;
}

static trn_status_t search(trn_run_t *run, const trn_kg_model_t *model, char **names,
                           const int32_t *entities, trn_best_t *best) {
    int64_t k = trn_params_int(run->params, "top");
    json_t *table = json_array();
    trn_status_t status = TRN_OK;
    for (int i = 1; i < run->nfiles && status == TRN_OK; i++) {
        status = trn_kg_nearest(model, run->comm, entities[i - 1], k, best);
        for (int64_t j = 0; status == TRN_OK && j < k && best[j].index >= 0; j++)
            json_array_append_new(
                table, json_pack("{s:o, s:I, s:o, s:f}", "query", trn_json_text(run->files[i]),
                                 "rank", (json_int_t)(j + 1), "entity",
                                 trn_json_text(names[best[j].index]), "cosine", best[j].score));
    }
    if (status == TRN_OK && run->rank == 0) json_object_set(run->result, "neighbors", table);
    json_decref(table);
    return status;
}

static trn_status_t work(trn_run_t *run, trn_kg_model_t *model) {
    char **names = NULL;
    int32_t *entities = NULL;
    trn_best_t *best = NULL;
    int64_t count, k = trn_params_int(run->params, "top");
    trn_status_t status;
    TRN_TRY(trn_store_read_strings(model->store, "/entity/names", &count, &names));
    status = trn_alloc(&entities, run->nfiles, sizeof *entities, "entities");
    if (status == TRN_OK) status = trn_alloc(&best, k, sizeof *best, "neighbours");
    if (status == TRN_OK) status = find(run, count, names, entities);
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) status = search(run, model, names, entities, best);
    trn_free(&names);
    trn_free(&entities);
    trn_free(&best);
    return status;
}

static trn_status_t run_kg_neighbors(trn_run_t *run) {
    trn_kg_model_t model;
    int64_t bytes;
    TRN_TRY(
        trn_kg_predict_cost(run->comm, run->files[0], trn_params_int(run->params, "top"), &bytes));
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        return TRN_OK;
    }
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    TRN_TRY(trn_kg_model_open(&model, run->comm, run->files[0], NULL));
    trn_status_t status = work(run, &model);
    trn_kg_model_close(&model);
    return status;
}

const trn_command_t trn_command_kg_neighbors = {
    .name = "kg-neighbors",
    .summary = "find the entities nearest to entities of a knowledge graph",
    .files = "MODEL.h5 ENTITY...",
    .description = "Prints the entities whose vectors have the greatest cosine with each ENTITY's. "
                   "Complex numbers count as two real ones.",
    .min_files = 2,
    .max_files = 1 << 20,
    .params = params,
    .run = run_kg_neighbors,
};
