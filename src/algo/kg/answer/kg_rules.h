/* kg_rules.h: rules "body => head" of a knowledge graph, proposed by a model, measured on the
 * graph.
 *
 * The parameters of the relations in a body are composed (added for TransE, multiplied for
 * DistMult, ComplEx and RotatE) and the bodies nearest to the head's parameters are kept
 * (EMBEDRULE: Yang, Yih, He, Gao, Deng: Embedding entities and relations for learning and inference
 * in knowledge bases, ICLR 2015). How good they are is then counted on the train triples; PCA
 * confidence is that of AMIE (Galarraga, Teflioudi, Hose, Suchanek, WWW 2013). */
#ifndef TRN_ALGO_KG_ANSWER_KG_RULES_H
#define TRN_ALGO_KG_ANSWER_KG_RULES_H

#include "algo/common/estimate.h"
#include "algo/kg/kg.h"
#include "algo/kg/kg_model.h"
#include "base/status.h"
#include "graph/adjacency.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRN_RULE_LENGTH = 3 /* the longest body */ };

typedef struct trn_rules_options {
    bool length[TRN_RULE_LENGTH + 1]; /* which lengths of bodies are looked for; [0] is not used */
    bool inverse;                     /* relations may stand in bodies the other way round */
    int64_t nearest;                  /* bodies measured for each head and length */
    int64_t min_support;
    double min_confidence;
} trn_rules_options_t;

/* One rule. Pairs are (x, y) of entities, each counted once. */
typedef struct trn_rule {
    int32_t head, length;
    int32_t body[TRN_RULE_LENGTH + 1]; /* relations; + the number of relations: the other way */
    double distance;
    int64_t support;    /* pairs that body and head connect */
    int64_t body_pairs; /* pairs that the body connects */
    int64_t pca_pairs;  /* of these, those whose x has a fact of the head relation */
    int64_t head_pairs; /* pairs that the head connects */
} trn_rule_t;

/* Whether rules can be got from a model: TRN_USAGE with the ones that can. Local. */
trn_status_t trn_rules_able(const trn_model_t *model);

/* A search. Start with {0}, the options and the path of the model (borrowed). */
typedef struct trn_rules {
    trn_rules_options_t options;
    const char *model;
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_held_t held;           /* by what has been looked at */
    trn_triple_t *triples;     /* of train, until there are matrices */
    trn_adjacency_size_t size; /* of these */
    int64_t count;
    trn_rule_t *rules; /* [count], equal on all ranks and for any number of ranks, by head, falling
                        * confidence, distance, body */
    char **names;      /* of relations */
} trn_rules_t;

/* Open the graph and measure its matrices. Refused with TRN_MEMORY before that if memory cannot
 * suffice, unless `dry`. Collective, equal arguments. Fails (agreed) with TRN_USAGE (the model
 * cannot compose), TRN_INPUT, TRN_IO, TRN_MEMORY; free it then too. Cost: two sorts of train, on
 * every rank. */
trn_status_t trn_rules_look(trn_rules_t *rules, MPI_Comm comm, const char *graph, bool dry);

/* Plan of what follows, with what is held. Local. */
trn_estimator_t trn_rules_plan;

/* Find rules; heads are shared out over the ranks. Collective. Fails (agreed) with TRN_INPUT,
 * TRN_IO, TRN_MEMORY. Cost: for bodies of n relations at most relations^(n + 1) / ranks distances.
 */
trn_status_t trn_rules_find(trn_rules_t *rules, MPI_Comm comm);

/* A table of them into an object, with `parts` also head and body of each apart. Local. */
void trn_rules_report(const trn_rules_t *rules, bool parts, json_t *result);

/* Free what it holds; {0} is fine. Local. */
void trn_rules_free(trn_rules_t *rules);

#endif
