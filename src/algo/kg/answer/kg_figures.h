/* kg_figures.h: what ranks of true answers say of a model: MRR, Hits@k, mean rank. */
#ifndef TRN_ALGO_KG_ANSWER_KG_FIGURES_H
#define TRN_ALGO_KG_ANSWER_KG_FIGURES_H

#include <jansson.h>
#include <stdint.h>

/* Sums over queries. Start with {0}. */
typedef struct trn_kg_figures {
    int64_t queries, ties, hits[3]; /* hits: ranks up to 1, 3, 10 */
    double reciprocal, optimistic, pessimistic, rank;
} trn_kg_figures_t;

/* Add a query whose answer has `better` candidates before it and `equal` ones beside it: a tie
 * counts half, rank = 1 + better + equal / 2; `optimistic` and `pessimistic` sum up the reciprocals
 * of what none and all would give. Local. */
void trn_kg_figures_add(trn_kg_figures_t *figures, int64_t better, int64_t equal);

/* Mean of one of the sums; 0 without queries. Local. */
double trn_kg_figures_mean(const trn_kg_figures_t *figures, double sum);

/* Set PREFIXmrr, PREFIXhits1, 3, 10 and PREFIXmean_rank of an object. Local. */
void trn_kg_figures_put(const trn_kg_figures_t *figures, const char *prefix, json_t *to);

#endif
