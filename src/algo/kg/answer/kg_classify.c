/* kg_classify.c: the protocol of triple classification (Socher et al. 2013, section 4.3). */
#include "algo/kg/answer/kg_classify.h"

#include "algo/common/names.h"
#include "algo/kg/kg_score.h"
#include "base/emit.h"
#include "base/mem.h"
#include "mpi/agree.h"

static trn_kg_asked_t asked_of(const trn_kg_classification_t *c) {
    return (trn_kg_asked_t){
        .splits = TRN_SPLITS, .count = c->lines.count, .triples = c->lines.number};
}

/* Looking -------------------------------------------------------------------------------------- */

/* The first false triple with a name that the graph lacks fails. Collective. */
static trn_status_t check_names(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg) {
    for (int64_t i = 0; i < lines->count; i++) {
        const trn_triple_t *t = &lines->number[i];
        int at = t->head < 0 ? 0 : t->relation < 0 ? 1 : t->tail < 0 ? 2 : -1;
        if (at >= 0) return trn_kg_lines_unknown(lines, comm, kg, i, at, 0, NULL);
    }
    return TRN_OK;
}

trn_status_t trn_kg_classification_look(trn_kg_classification_t *c, MPI_Comm comm,
                                        const char *model, const char *graph) {
    TRN_TRY(trn_kg_open(&c->kg, comm, graph));
    if (c->kg.triples[c->split] == 0)
        return trn_fail(TRN_INPUT, "%s: /%s: has no triples; choose another --split", graph,
                        trn_split_name(c->split));
    TRN_TRY(trn_kg_header_open(comm, model, &c->header));
    TRN_TRY(trn_kg_lines_read(&c->lines, comm, c->path, "triple", &c->form, &c->kg));
    TRN_TRY(check_names(&c->lines, comm, &c->kg));
    const trn_kg_asked_t asked = asked_of(c);
    TRN_TRY(trn_kg_judge_count(&c->kg, comm, &c->valid));
    TRN_TRY(trn_kg_known_count(&c->kg, comm, &asked, &c->falses));
    c->held = trn_held_now(comm);
    return TRN_OK;
}

/* Plan ----------------------------------------------------------------------------------------- */

void trn_kg_classification_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    enum { FIGURES = 5 /* of a line of the table, and a name */ };
    const trn_kg_classification_t *c = user;
    int64_t facts = c->kg.triples[c->split], relations = c->kg.relations;
    int64_t most = facts > c->lines.count ? facts : c->lines.count;
    trn_held_take(ledger, &c->held);
    trn_ledger_take(ledger, "relations", relations, (int64_t)sizeof *c->verdicts);
    trn_kg_model_plan(ledger, &c->header, ranks, rank);
    trn_kg_judge_plan(ledger, &c->kg, &c->header, &c->valid, ranks);
    trn_ledger_t before = *ledger;
    trn_kg_known_plan(ledger, &c->falses, ranks);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "judging", facts, (int64_t)sizeof(trn_triple_t));
    trn_ledger_take(ledger, "judging", most, (int64_t)sizeof(double));
    trn_kg_score_triples_plan(ledger, &c->header, ranks);
    trn_ledger_back(ledger, &before);
    if (!c->per_relation) return;
    trn_ledger_take(ledger, "relations", relations, (int64_t)sizeof(char *));
    trn_ledger_take(ledger, "relations", 2 * trn_names_usual_bytes(relations), 1);
    if (rank == 0)
        trn_ledger_take(ledger, "result", relations, trn_estimate_row_bytes(1, FIGURES, 0));
}

/* Judging -------------------------------------------------------------------------------------- */

/* How many of the false triples are facts. Collective. */
static trn_status_t count_known(trn_kg_classification_t *c, MPI_Comm comm) {
    const trn_kg_asked_t asked = asked_of(c);
    trn_known_t *facts = NULL;
    TRN_TRY(trn_kg_known_create(&c->kg, comm, &asked, &c->falses, &facts));
    for (int64_t i = 0; i < c->lines.count; i++) {
        const trn_triple_t *t = &c->lines.number[i];
        c->known += trn_kg_is_known(facts, &(trn_kg_question_t){t->head, t->relation, -1}, t->tail);
    }
    trn_known_destroy(&facts);
    return TRN_OK;
}

/* Judge the triples of the split, then the false ones. Collective. */
static trn_status_t judge_all(trn_kg_classification_t *c, MPI_Comm comm) {
    const trn_kg_lines_t *lines = &c->lines;
    int64_t facts = c->kg.triples[c->split], most = facts > lines->count ? facts : lines->count;
    trn_triple_t *triples = NULL;
    double *score = NULL;
    trn_status_t status = trn_alloc(&triples, facts, sizeof *triples, "triples to judge");
    if (status == TRN_OK) status = trn_alloc(&score, most, sizeof *score, "scores to judge");
    if (status == TRN_OK) status = trn_kg_read(&c->kg, c->split, 0, facts, triples);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_kg_score_triples(&c->model, comm, facts, triples, score));
    for (int64_t i = 0; i < facts; i++) {
        trn_kg_verdicts_t *v = &c->verdicts[triples[i].relation];
        v->facts++;
        v->held += trn_kg_judge_holds(&c->judge, triples[i].relation, score[i]);
    }
    TRN_OR(done, trn_kg_score_triples(&c->model, comm, lines->count, lines->number, score));
    for (int64_t i = 0; i < lines->count; i++) {
        trn_kg_verdicts_t *v = &c->verdicts[lines->number[i].relation];
        v->falses++;
        v->false_held += trn_kg_judge_holds(&c->judge, lines->number[i].relation, score[i]);
    }
done:
    trn_free(&triples);
    trn_free(&score);
    return status;
}

trn_status_t trn_kg_classification_judge(trn_kg_classification_t *c, MPI_Comm comm,
                                         const char *model) {
    int64_t count;
    TRN_AGREE(comm, trn_alloc_zero(&c->verdicts, c->kg.relations, sizeof *c->verdicts, "verdicts"));
    TRN_TRY(trn_kg_model_open(&c->model, comm, model, &c->kg));
    TRN_TRY(trn_kg_judge_fit(&c->judge, &c->model, comm, &c->kg, &c->valid, c->seed));
    TRN_TRY(count_known(c, comm));
    TRN_TRY(judge_all(c, comm));
    if (!c->per_relation) return TRN_OK;
    return trn_store_read_strings(c->kg.store, "/relation/names", &count, &c->names);
}

/* Reporting ------------------------------------------------------------------------------------ */

/* Part of all that are judged right. */
static double accuracy(const trn_kg_verdicts_t *v) {
    int64_t all = v->facts + v->falses;
    return all > 0 ? (double)(v->held + v->falses - v->false_held) / (double)all : 0;
}

static void report_relations(const trn_kg_classification_t *c, json_t *result) {
    json_t *table = json_array();
    for (int64_t r = 0; r < c->kg.relations; r++) {
        const trn_kg_verdicts_t *v = &c->verdicts[r];
        if (v->facts + v->falses == 0) continue;
        json_array_append_new(table,
                              json_pack("{s:o, s:f, s:b, s:I, s:I, s:f}", "relation",
                                        trn_json_text(c->names[r]), "threshold",
                                        c->judge.threshold[r], "fitted_alone", (int)c->judge.own[r],
                                        "positives", (json_int_t)v->facts, "negatives",
                                        (json_int_t)v->falses, "accuracy", accuracy(v)));
    }
    json_object_set_new(result, "relations", table);
}

void trn_kg_classification_report(const trn_kg_classification_t *c, json_t *result) {
    trn_kg_verdicts_t sum = {0};
    for (int64_t r = 0; r < c->kg.relations; r++) {
        sum.facts += c->verdicts[r].facts;
        sum.held += c->verdicts[r].held;
        sum.falses += c->verdicts[r].falses;
        sum.false_held += c->verdicts[r].false_held;
    }
    int64_t held = sum.held + sum.false_held;
    double precision = held > 0 ? (double)sum.held / (double)held : 0;
    double recall = sum.facts > 0 ? (double)sum.held / (double)sum.facts : 0;
    double both = precision + recall;
    json_t *figures =
        json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:f}", "model",
                  c->model.header.model->name, "split", trn_split_name(c->split), "accuracy",
                  accuracy(&sum), "precision", precision, "recall", recall, "f1",
                  both > 0 ? 2 * precision * recall / both : 0, "positives", (json_int_t)sum.facts,
                  "negatives", (json_int_t)sum.falses, "accuracy_valid", c->judge.accuracy);
    json_object_update(result, figures);
    json_decref(figures);
    if (c->names) report_relations(c, result);
}

void trn_kg_classification_free(trn_kg_classification_t *c) {
    trn_kg_model_close(&c->model);
    trn_kg_close(&c->kg);
    trn_kg_lines_free(&c->lines);
    trn_kg_judge_free(&c->judge);
    trn_free(&c->verdicts);
    trn_free(&c->names);
}
