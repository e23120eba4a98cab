/* kg_neighborhood.c: from names of entities to names of their neighbors. */
#include "algo/kg/ask/kg_neighborhood.h"

#include "base/emit.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>

static const char list[] = "/entity/names";

void trn_kg_neighborhood_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    enum { FIGURES = 2 /* of a row, beside two names */, LOOKUP = 32 /* bytes of a name sought */ };
    const trn_kg_neighborhood_t *n = user;
    const trn_kg_search_size_t size = {n->count, n->k, n->threads, ranks};
    int64_t all = trn_ledger_bytes(n->count, n->k), letters = 0;
    trn_kg_model_plan(ledger, &n->header, ranks, rank);
    trn_ledger_take(ledger, "queries", n->count, (int64_t)sizeof *n->entities);
    if (rank == 0) {
        trn_ledger_take(ledger, "answers", all, (int64_t)sizeof *n->best);
        trn_ledger_pass(ledger, "names",
                        trn_names_look_bytes(n->header.entities) + n->count * LOOKUP, 1);
    }
    trn_kg_nearest_plan(ledger, &n->header, &size, rank);
    if (rank > 0) return;
    for (int64_t i = 0; i < n->count; i++)
        letters += (int64_t)strlen(n->names[i]);
    trn_kg_answer_names_plan(ledger, n->header.entities, &size);
    trn_ledger_take(ledger, "result", all, trn_estimate_row_bytes(2, FIGURES, 0));
    trn_ledger_take(ledger, "result", 2 * letters, n->k);
}

static trn_status_t allocate(trn_kg_neighborhood_t *n, int rank) {
    TRN_TRY(trn_alloc(&n->entities, n->count, sizeof *n->entities, "entities"));
    if (rank > 0) return TRN_OK;
    return trn_alloc(&n->best, n->count * n->k, sizeof *n->best, "neighbours");
}

static trn_status_t find_entities(trn_kg_neighborhood_t *n, MPI_Comm comm) {
    TRN_TRY(trn_names_find(n->model.store, comm, list, n->count, n->names, n->entities));
    for (int64_t i = 0; i < n->count; i++)
        if (n->entities[i] < 0)
            return trn_names_unknown(n->model.store, comm, list, n->path, n->names[i], "entity", 0,
                                     NULL);
    return TRN_OK;
}

trn_status_t trn_kg_neighborhood_find(trn_kg_neighborhood_t *n, MPI_Comm comm) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_kg_model_open(&n->model, comm, n->path, NULL));
    TRN_AGREE(comm, allocate(n, rank));
    TRN_TRY(find_entities(n, comm));
    TRN_TRY(trn_kg_nearest(&n->model, comm, n->count, n->entities, n->k, n->threads, n->best));
    const trn_kg_answers_t found = {.count = n->count, .k = n->k, .best = n->best};
    return trn_kg_answer_names(&found, n->model.store, comm, list, &n->labels);
}

void trn_kg_neighborhood_report(const trn_kg_neighborhood_t *n, json_t *result) {
    json_t *table = json_array();
    for (int64_t i = 0; i < n->count; i++)
        for (int64_t j = 0; j < n->k && n->best[i * n->k + j].index >= 0; j++) {
            const trn_best_t *best = &n->best[i * n->k + j];
            json_array_append_new(
                table, json_pack("{s:o, s:I, s:o, s:f}", "query", trn_json_text(n->names[i]),
                                 "rank", (json_int_t)(j + 1), "entity",
                                 trn_json_text(trn_labels_name(&n->labels, best->index)), "cosine",
                                 best->score));
        }
    json_object_set_new(result, "neighbors", table);
}

void trn_kg_neighborhood_free(trn_kg_neighborhood_t *n) {
    trn_kg_model_close(&n->model);
    trn_free(&n->entities);
    trn_free(&n->best);
    trn_labels_free(&n->labels);
}
