/* kg_neighbors.c: the verb `kg-neighbors`: the entities nearest to entities. */
#include "algo/common/names.h"
#include "algo/kg/answer/kg_predict.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <stdio.h>

static const trn_param_t params[] = {{"top", 'k', TRN_PARAM_INT, "10", 1, 100000, .metavar = "K",
                                      .help = "how many neighbours of each"},
                                     {0}};

typedef struct neighborhood {
    trn_kg_model_t model;
    int64_t count;
    int32_t *entities; /* [count] */
    trn_best_t *best;  /* [count x k] on rank 0 */
    int64_t *numbers;  /* the same */
    trn_labels_t names;
} neighborhood_t;

static trn_status_t allocate(const trn_run_t *run, neighborhood_t *n, int64_t k) {
    n->count = run->nfiles - 1;
    TRN_TRY(trn_alloc(&n->entities, n->count, sizeof *n->entities, "entities"));
    if (run->rank > 0) return TRN_OK;
    TRN_TRY(trn_alloc(&n->best, n->count * k, sizeof *n->best, "neighbours"));
    return trn_alloc(&n->numbers, n->count * k, sizeof *n->numbers, "neighbours");
}

static trn_status_t find(const trn_run_t *run, neighborhood_t *n) {
    static const char list[] = "/entity/names";
    char *const *names = run->files + 1;
    TRN_TRY(trn_names_find(n->model.store, run->comm, list, n->count, names, n->entities));
    for (int64_t i = 0; i < n->count; i++)
        if (n->entities[i] < 0)
            return trn_names_unknown(n->model.store, run->comm, list, run->files[0], names[i],
                                     "entity", 0, NULL);
    return TRN_OK;
}

static void report(const trn_run_t *run, const neighborhood_t *n, int64_t k) {
    json_t *table = json_array();
    for (int64_t i = 0; i < n->count; i++)
        for (int64_t j = 0; j < k && n->best[i * k + j].index >= 0; j++) {
            const trn_best_t *best = &n->best[i * k + j];
            json_array_append_new(
                table, json_pack("{s:o, s:I, s:o, s:f}", "query", trn_json_text(run->files[i + 1]),
                                 "rank", (json_int_t)(j + 1), "entity",
                                 trn_json_text(trn_labels_name(&n->names, best->index)), "cosine",
                                 best->score));
        }
    json_object_set_new(run->result, "neighbors", table);
}

static trn_status_t search(trn_run_t *run, neighborhood_t *n, int64_t k) {
    TRN_TRY(trn_kg_model_open(&n->model, run->comm, run->files[0], NULL));
    TRN_AGREE(run->comm, allocate(run, n, k));
    TRN_TRY(find(run, n));
    TRN_TRY(trn_kg_nearest(&n->model, run->comm, n->count, n->entities, k, run->threads, n->best));
    for (int64_t i = 0; run->rank == 0 && i < n->count * k; i++)
        n->numbers[i] = n->best[i].index;
    TRN_TRY(trn_names_read(n->model.store, run->comm, "/entity/names", n->count * k, n->numbers,
                           &n->names));
    if (run->rank == 0) report(run, n, k);
    return TRN_OK;
}

static trn_status_t run_kg_neighbors(trn_run_t *run) {
    trn_kg_header_t header;
    char has[64];
    int64_t k;
    TRN_TRY(trn_kg_header_open(run->comm, run->files[0], &header));
    snprintf(has, sizeof has, "the model has %lld entities", (long long)header.entities);
    int64_t others = header.entities > 1 ? header.entities - 1 : 1;
    TRN_TRY(trn_params_at_most(run->params, "top", others, has, &k));
    int64_t bytes = trn_kg_predict_bytes(&header, run->comm, k, run->threads);
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        return TRN_OK;
    }
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    neighborhood_t n = {0};
    trn_status_t status = search(run, &n, k);
    trn_kg_model_close(&n.model);
    trn_free(&n.entities);
    trn_free(&n.best);
    trn_free(&n.numbers);
    trn_labels_free(&n.names);
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
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), {.name = "ENTITY"}),
    .params = params,
    .run = run_kg_neighbors,
};
