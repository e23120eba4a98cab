/* kg_questions.h: questions that people write about a graph, or whole triples to be scored, and a
 * model's answers to them. */
#ifndef TRN_ALGO_KG_ASK_KG_QUESTIONS_H
#define TRN_ALGO_KG_ASK_KG_QUESTIONS_H

#include "algo/common/estimate.h"
#include "algo/common/names.h"
#include "algo/kg/answer/kg_judge.h"
#include "algo/kg/answer/kg_predict.h"
#include "algo/kg/kg_lines.h"
#include "algo/kg/nodepiece/kg_unseen.h"

/* What is wanted. Paths are borrowed. */
typedef struct trn_kg_questions_options {
    const char *model, *graph, *questions;
    const char *facts;  /* of entities that the graph has not, or NULL */
    trn_kg_form_t form; /* of the two files of lines */
    bool score;         /* the lines are whole triples: score them */
    bool calibrate;     /* ... and judge them */
    uint64_t seed;      /* of that */
    bool exclude;       /* known answers are none */
    int64_t k;          /* answers to each */
    int threads;
} trn_kg_questions_options_t;

/* Questions and their answers. Start with {0}. */
typedef struct trn_kg_questions {
    trn_kg_questions_options_t options;
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_held_t held; /* by what has been looked at */
    trn_kg_model_t model;
    trn_unseen_t unseen;
    trn_encoder_shape_t encoder; /* of unseen entities */
    trn_kg_lines_t lines;
    int64_t letters;              /* of all names in them */
    trn_kg_question_t *questions; /* [lines.count]; of a triple the one for its tail */
    trn_triple_t *triples;        /* [lines.count] of those that are scored */
    trn_kg_found_t found, valid;  /* facts about the questions, and about the valid split */
    trn_known_t *known;
    double *scores; /* [lines.count] */
    trn_kg_judge_t judge;
    trn_best_t *best;                 /* [lines.count x k] on rank 0 */
    trn_labels_t entities, relations; /* names of the answers, there */
} trn_kg_questions_t;

/* Read the questions, look their names up and count what is known about them; the header is there
 * already. Collective, equal arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (an unknown
 * name, not one '?'), TRN_IO, TRN_MEMORY; free it then too. */
trn_status_t trn_kg_questions_look(trn_kg_questions_t *q, MPI_Comm comm);

/* Plan of what follows, with what is held. Local. */
trn_estimator_t trn_kg_questions_plan;

/* Answer or score them. Collective. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY, TRN_NUMERIC.
 * Cost: that of trn_kg_answer, or of trn_kg_score_triples and trn_kg_judge_fit, and of reading the
 * model and the names. */
trn_status_t trn_kg_questions_answer(trn_kg_questions_t *q, MPI_Comm comm);

/* A table of answers or of scores, into an object; on rank 0. Local. */
void trn_kg_questions_report(const trn_kg_questions_t *q, json_t *result);

/* Free what they hold; {0} is fine. Local. */
void trn_kg_questions_free(trn_kg_questions_t *q);

#endif
