/* kg_evaluation.c: questions, what is known of them, ranks: in that order, so that memory is
 * reckoned from the sizes of the files before it is taken. */
#include "algo/kg/answer/kg_evaluation.h"

#include "algo/common/names.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mpi/agree.h"

static bool asks_split(const trn_kg_evaluation_t *e) {
    return !e->options.candidates;
}

static trn_kg_asked_t asked_of(const trn_kg_evaluation_t *e) {
    return (trn_kg_asked_t){
        .splits = TRN_SPLITS, .count = e->kg.triples[e->options.split], .triples = e->triples};
}

/* Looking -------------------------------------------------------------------------------------- */

static trn_status_t check_split(const trn_kg_evaluation_t *e) {
    trn_split_t split = e->options.split;
    if (!asks_split(e) || e->kg.triples[split] > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: /%s: has no triples; choose another --split",
                    trn_store_path(e->kg.store), trn_split_name(split));
}

/* Nothing is known yet: refuse what is too much even if nothing comes to be, and name what is
 * enough if all facts do. */
static trn_status_t check_early(const trn_kg_evaluation_t *e, MPI_Comm comm) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_kg_evaluation_t low = *e, high = *e;
    const trn_kg_asked_t asked = asked_of(e);
    int64_t questions = 2 * asked.count;
    low.count = high.count = questions;
    low.held = high.held = trn_held_now(comm);
    high.found = trn_kg_known_most(&e->kg, &asked);
    low.found = (trn_kg_found_t){.questions = questions};
    high.held.now += asked.count * (int64_t)(sizeof(trn_triple_t) + 2 * sizeof(trn_kg_query_t));
    low.held.now = high.held.now;
    return trn_estimate_early(ranks, trn_kg_evaluation_plan, &low, &high);
}

/* Queries of the split, and how much is known of them. Collective. */
static trn_status_t read_split(trn_kg_evaluation_t *e, MPI_Comm comm) {
    const trn_kg_asked_t shape = asked_of(e);
    int64_t count = shape.count;
    e->count = 2 * count;
    trn_status_t status = trn_alloc(&e->triples, count, sizeof *e->triples, "triples to ask for");
    if (status == TRN_OK) status = trn_kg_read(&e->kg, e->options.split, 0, count, e->triples);
    if (status == TRN_OK) status = trn_alloc(&e->queries, e->count, sizeof *e->queries, "queries");
    TRN_AGREE(comm, status);
    trn_kg_queries(count, e->triples, e->queries);
    const trn_kg_asked_t asked = asked_of(e);
    return trn_kg_known_count(&e->kg, comm, &asked, &e->found);
}

static trn_status_t read_candidates(trn_kg_evaluation_t *e, MPI_Comm comm) {
    TRN_TRY(trn_kg_given_read(&e->given, comm, e->options.candidates, &e->options.form, &e->kg));
    e->count = e->given.count;
    e->queries = e->given.queries;
    return TRN_OK;
}

trn_status_t trn_kg_evaluation_look(trn_kg_evaluation_t *e, MPI_Comm comm, const char *model,
                                    const char *graph, bool dry) {
    TRN_TRY(trn_kg_open(&e->kg, comm, graph));
    TRN_TRY(check_split(e));
    TRN_TRY(trn_kg_header_open(comm, model, &e->header));
    if (!dry && asks_split(e)) TRN_TRY(check_early(e, comm));
    TRN_TRY(asks_split(e) ? read_split(e, comm) : read_candidates(e, comm));
    e->held = trn_held_now(comm);
    return TRN_OK;
}

int64_t trn_kg_evaluation_comparisons(const trn_kg_evaluation_t *e) {
    int64_t sample = e->options.sample, others = e->header.entities - 1;
    if (e->options.candidates) return e->given.candidates;
    return e->count * (sample == 0 ? others + 1 : sample < others ? sample : others);
}

/* Plan ----------------------------------------------------------------------------------------- */

static void plan_relations(trn_ledger_t *ledger, const trn_kg_evaluation_t *e, int ranks,
                           int rank) {
    enum { FIGURES = 6 /* of a line, and a name and a category */ };
    int64_t relations = e->kg.relations, letters = trn_names_usual_bytes(relations);
    trn_ledger_take(ledger, "relations", relations, (int64_t)sizeof(char *));
    trn_ledger_take(ledger, "relations", letters, 1);
    trn_ledger_pass(ledger, "relations", letters, 1);
    trn_ledger_take(ledger, "relations", relations, (int64_t)sizeof(trn_category_t));
    trn_kg_categories_plan(ledger, &e->kg, ranks, rank);
    if (rank == 0 && e->options.per_relation) {
        trn_ledger_take(ledger, "result", relations, trn_estimate_row_bytes(2, FIGURES, 0));
        trn_ledger_take(ledger, "result", letters, 1);
    }
}

void trn_kg_evaluation_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_kg_evaluation_t *e = user;
    const trn_kg_evaluation_options_t *o = &e->options;
    const trn_kg_match_size_t size = {.entities = trn_kg_own(e->header.entities, ranks, rank),
                                      .count = e->count,
                                      .threads = o->threads,
                                      .ranks = ranks};
    enum { HEAP = 3 << 20 /* what malloc keeps of lists that grew while they were read */ };
    trn_held_take(ledger, &e->held);
    if (o->candidates && rank == 0) trn_ledger_take(ledger, "libraries", HEAP, 1);
    if (asks_split(e)) {
        trn_kg_known_plan(ledger, &e->found, ranks);
        trn_ledger_give(ledger, "inputs", e->kg.triples[o->split], (int64_t)sizeof(trn_triple_t));
    }
    if (o->sample > 0) trn_kg_given_draw_plan(ledger, &e->header, e->count, o->sample, ranks, rank);
    trn_ledger_take(ledger, "counts", e->count, (int64_t)sizeof *e->counts);
    trn_kg_model_plan(ledger, &e->header, ranks, rank);
    if (o->per_relation || o->per_side) plan_relations(ledger, e, ranks, rank);
    if (o->types) trn_kg_seen_plan(ledger, e->kg.triples[TRN_TRAIN], e->kg.relations, ranks, rank);
    if (o->sample > 0 || o->candidates)
        trn_kg_given_rank_plan(ledger, &e->header, o->threads, ranks);
    else
        trn_kg_rank_plan(ledger, &e->header, &size);
}

/* Work ----------------------------------------------------------------------------------------- */

/* Among whom the answers are ranked. Collective. */
static trn_status_t find_known(trn_kg_evaluation_t *e, MPI_Comm comm) {
    const trn_kg_evaluation_options_t *o = &e->options;
    const trn_kg_asked_t asked = asked_of(e);
    if (asks_split(e)) TRN_TRY(trn_kg_known_create(&e->kg, comm, &asked, &e->found, &e->known));
    trn_free(&e->triples);
    if (o->sample > 0)
        TRN_TRY(trn_kg_given_draw(&e->given, comm, &e->kg, e->count, e->queries, e->known,
                                  o->sample, o->seed));
    return trn_agree(comm, trn_alloc(&e->counts, e->count, sizeof *e->counts, "ranks"));
}

/* What the lines for relations and categories need. Collective. */
static trn_status_t read_relations(trn_kg_evaluation_t *e, MPI_Comm comm) {
    int64_t count;
    TRN_TRY(trn_store_read_strings(e->kg.store, "/relation/names", &count, &e->names));
    TRN_AGREE(comm, trn_alloc(&e->category, e->kg.relations, sizeof *e->category,
                              "categories of relations"));
    return trn_kg_categories(&e->kg, comm, e->category);
}

trn_status_t trn_kg_evaluation_rank(trn_kg_evaluation_t *e, MPI_Comm comm, const char *model,
                                    double *seconds) {
    const trn_kg_evaluation_options_t *o = &e->options;
    TRN_TRY(find_known(e, comm));
    TRN_TRY(trn_kg_model_open(&e->model, comm, model, &e->kg));
    if (o->per_relation || o->per_side) TRN_TRY(read_relations(e, comm));
    if (o->types) TRN_TRY(trn_kg_seen_create(&e->seen, &e->kg, comm));
    double start = trn_seconds();
    trn_status_t status = e->given.start
                              ? trn_kg_given_rank(&e->given, &e->model, comm, o->threads, e->counts)
                              : trn_kg_rank(&e->model, comm, e->known, o->types ? &e->seen : NULL,
                                            e->count, e->queries, o->threads, e->counts);
    *seconds = trn_seconds() - start;
    return status;
}

void trn_kg_evaluation_free(trn_kg_evaluation_t *e) {
    trn_kg_model_close(&e->model);
    trn_kg_close(&e->kg);
    trn_known_destroy(&e->known);
    trn_free(&e->triples);
    if (!e->given.owner) trn_free(&e->queries);
    trn_kg_given_free(&e->given);
    trn_kg_seen_free(&e->seen);
    trn_free(&e->counts);
    trn_free(&e->names);
    trn_free(&e->category);
}
