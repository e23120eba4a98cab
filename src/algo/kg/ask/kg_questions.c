/* kg_questions.c: what people ask of a graph, and a model's answers. */
#include "algo/kg/ask/kg_questions.h"

#include "algo/kg/ask/kg_questions_impl.h"
#include "algo/kg/kg_score.h"
#include "base/emit.h"
#include "base/mem.h"
#include "mpi/agree.h"

/* Looking -------------------------------------------------------------------------------------- */

static trn_kg_asked_t asked_of(const trn_kg_questions_t *q) {
    return (trn_kg_asked_t){.splits = TRN_SPLITS,
                            .count = q->lines.count,
                            .questions = q->questions,
                            .more = q->unseen.facts,
                            .extra = q->unseen.fact};
}

trn_status_t trn_kg_questions_look(trn_kg_questions_t *q, MPI_Comm comm) {
    const trn_kg_questions_options_t *o = &q->options;
    TRN_TRY(trn_kg_open(&q->kg, comm, o->graph));
    TRN_TRY(trn_kg_header_check(&q->header, o->model, &q->kg));
    if (o->facts) {
        TRN_TRY(trn_unseen_read(&q->unseen, comm, o->facts, &o->form, &q->kg));
        TRN_TRY(trn_unseen_look(&q->unseen, comm, o->model, &q->encoder));
    }
    TRN_TRY(trn_kg_questions_read(q, comm));
    const trn_kg_asked_t asked = asked_of(q);
    TRN_TRY(trn_kg_known_count(&q->kg, comm, &asked, &q->found));
    if (o->calibrate) TRN_TRY(trn_kg_judge_count(&q->kg, comm, &q->valid));
    q->held = trn_held_now(comm);
    return TRN_OK;
}

/* Plan ----------------------------------------------------------------------------------------- */

static void plan_scores(trn_ledger_t *ledger, const trn_kg_questions_t *q, int ranks, int rank) {
    enum { FIGURES = 5 /* of a row, beside three names */ };
    int64_t count = q->lines.count;
    if (q->options.calibrate) trn_kg_judge_plan(ledger, &q->kg, &q->header, &q->valid, ranks);
    trn_ledger_take(ledger, "scores", count, (int64_t)sizeof(double));
    trn_kg_score_triples_plan(ledger, &q->header, ranks);
    if (rank > 0) return;
    trn_ledger_take(ledger, "result", count,
                    trn_estimate_row_bytes(3, q->options.calibrate ? FIGURES : 2, 0));
    trn_ledger_take(ledger, "result", q->letters, 1);
}

/* Answers have names as long as those that are asked about, or as is usual. */
static void plan_answers(trn_ledger_t *ledger, const trn_kg_questions_t *q, int ranks, int rank) {
    enum { FIGURES = 3 /* of a row, beside four names */ };
    const trn_kg_search_size_t size = {q->lines.count, q->options.k, q->options.threads, ranks};
    int64_t all = trn_ledger_bytes(size.count, size.k);
    if (rank == 0) trn_ledger_take(ledger, "answers", all, (int64_t)sizeof(trn_best_t));
    trn_kg_answer_plan(ledger, &q->header, &size, rank);
    if (rank > 0) return;
    trn_kg_answer_names_plan(ledger, q->kg.entities, &size);
    trn_ledger_take(ledger, "result", all, trn_estimate_row_bytes(4, FIGURES, 0));
    trn_ledger_take(ledger, "result", q->letters + q->letters / 3, size.k);
}

void trn_kg_questions_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_kg_questions_t *q = user;
    trn_held_take(ledger, &q->held);
    trn_kg_model_plan(ledger, &q->header, ranks, rank);
    if (q->options.facts)
        trn_unseen_encode_plan(ledger, &q->unseen, &q->header, &q->encoder, ranks, rank);
    trn_kg_known_plan(ledger, &q->found, ranks);
    (q->options.score ? plan_scores : plan_answers)(ledger, q, ranks, rank);
}

/* Work ----------------------------------------------------------------------------------------- */

static trn_status_t answer(trn_kg_questions_t *q, MPI_Comm comm) {
    const trn_kg_questions_options_t *o = &q->options;
    trn_kg_wanted_t wanted = {o->k, q->kg.entities, o->exclude ? q->known : NULL};
    trn_status_t status = TRN_OK;
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) status = trn_alloc(&q->best, q->lines.count * o->k, sizeof *q->best, "answers");
    TRN_AGREE(comm, status);
    TRN_TRY(
        trn_kg_answer(&q->model, comm, q->lines.count, q->questions, &wanted, o->threads, q->best));
    trn_kg_answers_t found = {q->lines.count, o->k, q->best, q->questions, false};
    TRN_TRY(trn_kg_answer_names(&found, q->kg.store, comm, "/entity/names", &q->entities));
    found.relations = true;
    return trn_kg_answer_names(&found, q->kg.store, comm, "/relation/names", &q->relations);
}

static trn_status_t score(trn_kg_questions_t *q, MPI_Comm comm) {
    if (q->options.calibrate)
        TRN_TRY(trn_kg_judge_fit(&q->judge, &q->model, comm, &q->kg, &q->valid, q->options.seed));
    TRN_AGREE(comm, trn_alloc(&q->scores, q->lines.count, sizeof *q->scores, "scores"));
    return trn_kg_score_triples(&q->model, comm, q->lines.count, q->triples, q->scores);
}

trn_status_t trn_kg_questions_answer(trn_kg_questions_t *q, MPI_Comm comm) {
    const trn_kg_questions_options_t *o = &q->options;
    const trn_kg_asked_t asked = asked_of(q);
    TRN_TRY(trn_kg_model_open(&q->model, comm, o->model, &q->kg));
    if (o->facts) TRN_TRY(trn_unseen_encode(&q->unseen, &q->model, comm));
    TRN_TRY(trn_kg_known_create(&q->kg, comm, &asked, &q->found, &q->known));
    return o->score ? score(q, comm) : answer(q, comm);
}

/* Reporting ------------------------------------------------------------------------------------ */

static void report_question(const trn_kg_questions_t *q, int64_t i, json_t *table) {
    const trn_kg_question_t *question = &q->questions[i];
    const trn_labels_t *names = question->relation < 0 ? &q->relations : &q->entities;
    char *const *name = q->lines.name[i];
    int64_t k = q->options.k;
    const trn_best_t *best = q->best + i * k;
    for (int64_t j = 0; j < k && best[j].index >= 0; j++)
        json_array_append_new(
            table,
            json_pack("{s:o, s:o, s:o, s:I, s:o, s:f, s:b}", "head", trn_json_text(name[0]),
                      "relation", trn_json_text(name[1]), "tail", trn_json_text(name[2]), "rank",
                      (json_int_t)(j + 1), "answer",
                      trn_json_text(trn_labels_name(names, best[j].index)), "score", best[j].score,
                      "known", (int)trn_kg_is_known(q->known, question, best[j].index)));
}

static void report_score(const trn_kg_questions_t *q, int64_t i, json_t *table) {
    char *const *name = q->lines.name[i];
    const trn_triple_t *t = &q->triples[i];
    double score = q->scores[i];
    json_t *line =
        json_pack("{s:o, s:o, s:o, s:f, s:b}", "head", trn_json_text(name[0]), "relation",
                  trn_json_text(name[1]), "tail", trn_json_text(name[2]), "score", score, "known",
                  (int)trn_kg_is_known(q->known, &q->questions[i], t->tail));
    if (q->judge.threshold) {
        json_object_set_new(line, "threshold", json_real(q->judge.threshold[t->relation]));
        json_object_set_new(line, "holds",
                            json_boolean(trn_kg_judge_holds(&q->judge, t->relation, score)));
        json_object_set_new(line, "probability",
                            json_real(trn_kg_judge_probability(&q->judge, t->relation, score)));
    }
    json_array_append_new(table, line);
}

void trn_kg_questions_report(const trn_kg_questions_t *q, json_t *result) {
    bool scored = q->options.score;
    json_t *table = json_array();
    for (int64_t i = 0; i < q->lines.count; i++)
        (scored ? report_score : report_question)(q, i, table);
    json_object_set_new(result, scored ? "triples" : "answers", table);
}

void trn_kg_questions_free(trn_kg_questions_t *q) {
    trn_kg_model_close(&q->model);
    trn_kg_close(&q->kg);
    trn_unseen_free(&q->unseen);
    trn_known_destroy(&q->known);
    trn_labels_free(&q->entities);
    trn_labels_free(&q->relations);
    trn_kg_lines_free(&q->lines);
    trn_free(&q->questions);
    trn_free(&q->triples);
    trn_free(&q->scores);
    trn_kg_judge_free(&q->judge);
    trn_free(&q->best);
}
