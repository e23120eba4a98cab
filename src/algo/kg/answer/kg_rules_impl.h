/* kg_rules_impl.h: what the files of kg_rules share. */
#ifndef TRN_ALGO_KG_ANSWER_KG_RULES_IMPL_H
#define TRN_ALGO_KG_ANSWER_KG_RULES_IMPL_H

#include "algo/kg/answer/kg_rules.h"
#include "graph/adjacency.h"

/* Relation parameters in the form in which they are composed. */
typedef enum trn_compose {
    TRN_COMPOSE_SUM,
    TRN_COMPOSE_PRODUCT,
    TRN_COMPOSE_COMPLEX
} trn_compose_t;

typedef struct trn_composer {
    trn_compose_t how;
    int64_t atoms, width;
    double *atom;    /* [atoms x width]; of unit length where they are multiplied */
    double *scratch; /* [(TRN_RULE_LENGTH + 1) x width] */
} trn_composer_t;

/* Take the relations' rows from a model. Fails with TRN_USAGE, TRN_MEMORY. Local. */
trn_status_t trn_composer_create(trn_composer_t *composer, const trn_kg_model_t *model);
void trn_composer_destroy(trn_composer_t *composer);

/* Plan of trn_composer_create, under "relations". */
void trn_composer_plan(trn_ledger_t *ledger, const trn_kg_header_t *header);

/* Put the composition of `n` atoms, given that of the first n - 1, at its place in scratch. */
void trn_composer_extend(trn_composer_t *composer, int n, int64_t atom);

/* How far the composition of n atoms is from the head's parameters. Products are brought to unit
 * length first, since they shrink with every factor. */
double trn_composer_distance(const trn_composer_t *composer, int n, int64_t head);

/* What counting needs. */
typedef struct trn_tally trn_tally_t;

trn_status_t trn_tally_create(trn_tally_t **tally, const trn_adjacency_t *adjacency);
void trn_tally_destroy(trn_tally_t **tally);

/* Fill in the pairs of a rule whose head, length and body are set. */
void trn_tally_rule(trn_tally_t *tally, trn_rule_t *rule);

/* Plan of trn_tally_create, under "products". */
void trn_tally_plan(trn_ledger_t *ledger, const trn_adjacency_size_t *size);

/* Bytes of a rule in a result, with its parts. */
int64_t trn_rules_row_bytes(void);

#endif
