/* kg_classify.c: the protocol of triple classification (Socher et al. 2013, section 4.3). */
#include "algo/kg/answer/kg_classify.h"

#include "algo/kg/kg_known.h"
#include "algo/kg/kg_score.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>

/* The first false triple with a name that the graph lacks fails. Collective. */
static trn_status_t check_names(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg) {
    for (int64_t i = 0; i < lines->count; i++) {
        const trn_triple_t *t = &lines->number[i];
        int at = t->head < 0 ? 0 : t->relation < 0 ? 1 : t->tail < 0 ? 2 : -1;
        if (at >= 0) return trn_kg_lines_unknown(lines, comm, kg, i, at, 0, NULL);
    }
    return TRN_OK;
}

/* How many of the false triples are facts. Collective. */
static trn_status_t count_known(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg,
                                int64_t *known) {
    trn_known_t *facts = NULL;
    *known = 0;
    TRN_TRY(trn_kg_known_both(kg, comm, TRN_SPLITS, lines->count, lines->number, &facts));
    for (int64_t i = 0; i < lines->count; i++) {
        const trn_triple_t *t = &lines->number[i];
        *known += trn_kg_is_known(facts, &(trn_kg_question_t){t->head, t->relation, -1}, t->tail);
    }
    trn_known_destroy(&facts);
    return TRN_OK;
}

trn_status_t trn_kg_classify(const trn_kg_model_t *model, MPI_Comm comm, const trn_kg_t *kg,
                             trn_split_t split, const trn_kg_lines_t *lines,
                             const trn_kg_judge_t *judge, trn_kg_verdicts_t *verdicts,
                             int64_t *known) {
    int64_t facts = kg->triples[split], most = facts > lines->count ? facts : lines->count;
    trn_triple_t *triples = NULL;
    double *score = NULL;
    memset(verdicts, 0, (size_t)kg->relations * sizeof *verdicts);
    TRN_TRY(check_names(lines, comm, kg));
    TRN_TRY(count_known(lines, comm, kg, known));
    trn_status_t status = trn_alloc(&triples, facts, sizeof *triples, "triples to judge");
    if (status == TRN_OK) status = trn_alloc(&score, most, sizeof *score, "scores to judge");
    if (status == TRN_OK) status = trn_kg_read(kg, split, 0, facts, triples);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_kg_score_triples(model, comm, facts, triples, score));
    for (int64_t i = 0; i < facts; i++) {
        trn_kg_verdicts_t *v = &verdicts[triples[i].relation];
        v->facts++;
        v->held += trn_kg_judge_holds(judge, triples[i].relation, score[i]);
    }
    TRN_OR(done, trn_kg_score_triples(model, comm, lines->count, lines->number, score));
    for (int64_t i = 0; i < lines->count; i++) {
        trn_kg_verdicts_t *v = &verdicts[lines->number[i].relation];
        v->falses++;
        v->false_held += trn_kg_judge_holds(judge, lines->number[i].relation, score[i]);
    }
done:
    trn_free(&triples);
    trn_free(&score);
    return status;
}

double trn_kg_verdicts_accuracy(const trn_kg_verdicts_t *v) {
    int64_t all = v->facts + v->falses;
    return all > 0 ? (double)(v->held + v->falses - v->false_held) / (double)all : 0;
}
