/* kg_margin.h: steps of training with margin loss, where each triple has a negative of its own.
 *
 * One step on a batch of n pairs, as SpTransX, TorchKGE and PyKEEN's stochastic loop take it:
 *   loss = 1/n sum max(0, margin - score(right triple) + score(the one with `other` in it))
 * then Adagrad (squares += g^2, values -= rate g / (sqrt(squares) + 1e-10)) on all rows. Rows are
 * read and gradients added in place (kern/triple.h); a relation's pairs come one after the other,
 * so relations, also TransR's matrices, have their step as soon as their last pair is done, and
 * only entities need a table of gradients.
 *
 * Bordes et al.: Translating Embeddings for Modeling Multi-relational Data (2013), Algorithm 1, but
 * for Adagrad and the norms of rows. */
#ifndef TRN_CMD_BENCH_CONTEST_KG_MARGIN_H
#define TRN_CMD_BENCH_CONTEST_KG_MARGIN_H

#include "base/status.h"
#include "graph/triple.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* A matrix of parameters with Adagrad's sums of squares; the caller's. */
typedef struct trn_kg_table {
    int64_t rows, width;
    float *values, *squares; /* [rows x width] */
} trn_kg_table_t;

typedef struct trn_kg_margin_rule {
    const trn_model_t *model;
    trn_model_shape_t shape;
    double margin, rate;
    bool plain; /* by the model's own functions, pair by pair: slow, for tests */
    trn_kg_table_t entity, relation, second; /* second: no rows where the model has none */
} trn_kg_margin_rule_t;

/* A right triple and the entity that replaces its head or its tail. */
typedef struct trn_kg_pair {
    trn_triple_t triple;
    int32_t other;
    trn_side_t side; /* the side that is replaced */
} trn_kg_pair_t;

typedef struct trn_kg_margin trn_kg_margin_t;

/* Room for steps of at most `batch` pairs on the tables of `rule`, which must outlive it. Local.
 * Fails with TRN_MEMORY. Cost: a table of gradients of the entities, zeroed. */
trn_status_t trn_kg_margin_create(trn_kg_margin_t **margin, const trn_kg_margin_rule_t *rule,
                                  int64_t batch);

/* Free; NULL is fine. Local. */
void trn_kg_margin_destroy(trn_kg_margin_t **margin);

/* One step on this thread; numbers must be in range. Returns the mean loss before it; not finite
 * once anything went wrong. Local, no allocation. Cost: 12 dim flops a pair (TransR: 12 dim x
 * relation_dim, in GEMMs on up to 64 pairs of one relation), and a pass over the rows touched. */
double trn_kg_margin_step(trn_kg_margin_t *margin, int64_t count, const trn_kg_pair_t *pairs);

#endif
