/* kg_classify.h: triples told true from false: those of a split against a file of false ones. */
#ifndef TRN_ALGO_KG_ANSWER_KG_CLASSIFY_H
#define TRN_ALGO_KG_ANSWER_KG_CLASSIFY_H

#include "algo/kg/answer/kg_judge.h"
#include "algo/kg/kg_lines.h"

/* How triples were judged; of a relation, or sums. */
typedef struct trn_kg_verdicts {
    int64_t facts, held;        /* of the split, and those of them that hold */
    int64_t falses, false_held; /* the same of the file */
} trn_kg_verdicts_t;

/* Let a judge that was fitted judge the triples of a split and the false ones of `lines`;
 * verdicts[relations], equal on all ranks. *known counts the false ones that the graph has as
 * facts. Collective, equal arguments but for the model's band. Fails (agreed) with TRN_INPUT (a
 * name in the lines that the graph lacks), TRN_IO, TRN_MEMORY, TRN_NUMERIC (a score overflows).
 * Cost: that of scoring all of them, and of trn_kg_known_both for the false ones. */
trn_status_t trn_kg_classify(const trn_kg_model_t *model, MPI_Comm comm, const trn_kg_t *kg,
                             trn_split_t split, const trn_kg_lines_t *lines,
                             const trn_kg_judge_t *judge, trn_kg_verdicts_t *verdicts,
                             int64_t *known);

/* Part of all that are judged right. Local. */
double trn_kg_verdicts_accuracy(const trn_kg_verdicts_t *verdicts);

#endif
