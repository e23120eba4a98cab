/* kg_classify.h: triples told true from false: those of a split against a file of false ones. */
#ifndef TRN_ALGO_KG_ANSWER_KG_CLASSIFY_H
#define TRN_ALGO_KG_ANSWER_KG_CLASSIFY_H

#include "algo/common/estimate.h"
#include "algo/kg/answer/kg_judge.h"
#include "algo/kg/kg_lines.h"

/* How triples were judged; of a relation, or sums. */
typedef struct trn_kg_verdicts {
    int64_t facts, held;        /* of the split, and those of them that hold */
    int64_t falses, false_held; /* the same of the file */
} trn_kg_verdicts_t;

/* A classification. Start with {0}. */
typedef struct trn_kg_classification {
    trn_split_t split;
    const char *path; /* of the false triples */
    trn_kg_form_t form;
    uint64_t seed;
    bool per_relation;
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_held_t held;              /* by what has been looked at */
    trn_kg_lines_t lines;         /* the false triples */
    trn_kg_found_t valid, falses; /* what is known of the valid triples and of the false ones */
    int64_t known;                /* false triples that the graph has as facts */
    trn_kg_model_t model;
    trn_kg_judge_t judge;
    trn_kg_verdicts_t *verdicts; /* [relations], equal on all ranks */
    char **names;                /* of relations, or NULL */
} trn_kg_classification_t;

/* Open the graph, read the false triples and count what is known of them. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT (a name in the lines that the graph lacks, no valid
 * triples, no triples to judge), TRN_IO, TRN_MEMORY; free it then too. */
trn_status_t trn_kg_classification_look(trn_kg_classification_t *c, MPI_Comm comm,
                                        const char *model, const char *graph);

/* Plan of what follows, with what is held. Local. */
trn_estimator_t trn_kg_classification_plan;

/* Fit a judge and let it judge. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO,
 * TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost: that of trn_kg_judge_fit, of scoring all
 * triples, and of trn_kg_known_create for the false ones. */
trn_status_t trn_kg_classification_judge(trn_kg_classification_t *c, MPI_Comm comm,
                                         const char *model);

/* Accuracy, precision and recall, and with per_relation a table, into an object. Local. */
void trn_kg_classification_report(const trn_kg_classification_t *c, json_t *result);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_classification_free(trn_kg_classification_t *c);

#endif
