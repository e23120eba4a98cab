/* kg_questions_read.c: reads questions and gives their names numbers: those of the graph, and
 * behind them those of entities that the graph has not. */
#include "algo/kg/ask/kg_questions_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <inttypes.h>
#include <string.h>

enum { ABSENT = -2 };

static bool is_open(const char *name) {
    return strcmp(name, "?") == 0;
}

/* The number in one place of question i: -1 if it is open, ABSENT if nothing has that name. */
static int32_t number_at(const trn_kg_questions_t *q, const trn_lookup_t *unseen, int64_t i,
                         int at) {
    const trn_triple_t *t = &q->lines.number[i];
    const char *name = q->lines.name[i][at];
    int32_t number = at == 0 ? t->head : at == 1 ? t->relation : t->tail;
    if (is_open(name)) return -1;
    if (number >= 0) return number;
    int64_t found = unseen && at != 1 ? trn_lookup_find(unseen, name) : -1;
    return found < 0 ? ABSENT : (int32_t)(q->kg.entities + found);
}

static trn_status_t check_open(const trn_kg_questions_t *q, int64_t i, int open) {
    bool whole = q->options.score;
    if (open == (whole ? 0 : 1)) return TRN_OK;
    const char *flaw = whole ? "a '?' stands in a triple to score; leave --score out to ask"
                       : open == 0
                           ? "exactly one of the three must be '?'; --score scores whole triples"
                           : "exactly one of the three must be '?'";
    return trn_fail(TRN_INPUT, "%s:%" PRId64 ": %s", q->lines.path, q->lines.line[i], flaw);
}

/* Question i by numbers. Collective. */
static trn_status_t number_question(trn_kg_questions_t *q, MPI_Comm comm,
                                    const trn_lookup_t *unseen, int64_t i) {
    int32_t number[TRN_TRIPLE_COLUMNS];
    int open = 0;
    for (int at = 0; at < TRN_TRIPLE_COLUMNS; at++) {
        number[at] = number_at(q, unseen, i, at);
        open += number[at] == -1;
        q->letters += (int64_t)strlen(q->lines.name[i][at]);
        if (number[at] == ABSENT)
            return trn_kg_lines_unknown(&q->lines, comm, &q->kg, i, at,
                                        at == 1 ? 0 : q->unseen.count, q->unseen.names);
    }
    TRN_TRY(check_open(q, i, open));
    bool whole = q->options.score;
    if (whole) q->triples[i] = (trn_triple_t){number[0], number[1], number[2]};
    /* a whole triple is looked up as the question for its tail */
    q->questions[i] = (trn_kg_question_t){number[0], number[1], whole ? -1 : number[2]};
    return TRN_OK;
}

trn_status_t trn_kg_questions_read(trn_kg_questions_t *q, MPI_Comm comm) {
    const trn_kg_questions_options_t *o = &q->options;
    trn_lookup_t *unseen = NULL;
    TRN_TRY(trn_kg_lines_read(&q->lines, comm, o->questions, "question", &o->form, &q->kg));
    int64_t count = q->lines.count;
    trn_status_t status = trn_alloc(&q->questions, count, sizeof *q->questions, "questions");
    if (status == TRN_OK && o->score)
        status = trn_alloc(&q->triples, count, sizeof *q->triples, "triples");
    if (status == TRN_OK && q->unseen.count > 0)
        status = trn_lookup_create(&unseen, q->unseen.count, q->unseen.names, false, NULL);
    status = trn_agree(comm, status);
    for (int64_t i = 0; i < count && status == TRN_OK; i++)
        status = number_question(q, comm, unseen, i);
    trn_lookup_destroy(&unseen);
    return status;
}
