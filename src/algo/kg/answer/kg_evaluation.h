/* kg_evaluation.h: link prediction: the true answers of a split, or of a file, ranked by a model
 * among all entities or given ones, and what their ranks say. */
#ifndef TRN_ALGO_KG_ANSWER_KG_EVALUATION_H
#define TRN_ALGO_KG_ANSWER_KG_EVALUATION_H

#include "algo/common/estimate.h"
#include "algo/kg/answer/kg_given.h"
#include "algo/kg/answer/kg_rank.h"
#include "algo/kg/answer/kg_seen.h"
#include "algo/kg/kg.h"
#include "algo/kg/kg_categories.h"
#include "algo/kg/kg_known.h"
#include "algo/kg/kg_model.h"

/* What is asked, among whom, and what is to be told. */
typedef struct trn_kg_evaluation_options {
    trn_split_t split;
    const char *candidates; /* file of questions instead, or NULL */
    trn_kg_form_t form;     /* of that file */
    int64_t sample;         /* candidates drawn for each question; 0: all */
    uint64_t seed;
    bool types; /* among those alone that the relation has been seen with */
    bool raw, per_relation, per_side;
    int threads;
} trn_kg_evaluation_options_t;

/* An evaluation. Start with {0}. */
typedef struct trn_kg_evaluation {
    trn_kg_evaluation_options_t options;
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_held_t held;       /* by what has been looked at */
    trn_triple_t *triples; /* of the split, until `known` is there */
    trn_kg_found_t found;
    trn_known_t *known;
    trn_kg_model_t model;
    trn_kg_seen_t seen;   /* of types */
    trn_kg_given_t given; /* of a sample and of candidates */
    int64_t count;        /* queries: of a split two a triple, tail first */
    trn_kg_query_t *queries;
    trn_kg_count_t *counts;
    char **names;             /* of relations, or NULL */
    trn_category_t *category; /* theirs, or NULL */
} trn_kg_evaluation_t;

/* Open the graph, read the questions and count what is known of them. Refused with TRN_MEMORY
 * before that if memory cannot suffice, unless `dry`. Collective, equal arguments. Fails (agreed)
 * with TRN_INPUT, TRN_IO, TRN_MEMORY; free it then too. */
trn_status_t trn_kg_evaluation_look(trn_kg_evaluation_t *e, MPI_Comm comm, const char *model,
                                    const char *graph, bool dry);

/* Plan of what follows, with what is held. Local. */
trn_estimator_t trn_kg_evaluation_plan;

/* Pairs of a question and a candidate. Local. */
int64_t trn_kg_evaluation_comparisons(const trn_kg_evaluation_t *e);

/* Rank; the counts are equal on all ranks, and *seconds are those of the ranking. Collective. Fails
 * (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost: that of
 * trn_kg_rank or trn_kg_given_rank, and of reading the graph and the model. */
trn_status_t trn_kg_evaluation_rank(trn_kg_evaluation_t *e, MPI_Comm comm, const char *model,
                                    double *seconds);

/* Figures of the ranks, and tables of them that were asked for, into an object. Local. */
void trn_kg_evaluation_report(const trn_kg_evaluation_t *e, json_t *result);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_evaluation_free(trn_kg_evaluation_t *e);

#endif
