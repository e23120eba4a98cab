/* kg_batch.h: a batch of queries, the vectors they are made of, and the way back from the gradients
 * of queries to a step of those vectors. What a query meets in between is the regime's (kg_full.c:
 * all entities; kg_negatives.c: some that are drawn).
 *
 * Every rank knows the whole batch. Its queries are cut into tiles, which ranks share out; the rank
 * that trains a tile makes its queries and gradients, and trn_kg_batch_share and _step bring all
 * together. Sums go by the order of queries, so the number of ranks decides nothing.
 *
 * Rows of a batch, `ids` of them, come in this order: the known entities of all queries; their
 * answers, where every query has one; their known entities again, where these compete as candidates
 * (self_negative); the candidates drawn. */
#ifndef TRN_ALGO_KG_TRAIN_KG_BATCH_H
#define TRN_ALGO_KG_TRAIN_KG_BATCH_H

#include "algo/kg/train/kg_epoch.h"
#include "algo/kg/train/kg_state.h"
#include "algo/kg/train/kg_window.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Candidates that are drawn for a batch, all its queries meet them; and their gradients, which come
 * as partial sums over tiles, each made by one rank, in the order of tiles (mpi/reduce.h). */
typedef struct trn_kg_draws {
    int64_t count;          /* 0: none */
    const float *rows;      /* [count x dim], in the vectors' rows */
    int64_t most, partials; /* partial sums at most; of the batch at work */
    int *maker;             /* [partials] the rank that makes each, ascending */
    float *partial;         /* [most x count x dim], for others to read */
} trn_kg_draws_t;

/* What queries are made of. Local but for `rows` of all candidates: a rank has those it needs. */
typedef struct trn_kg_vectors {
    int32_t *id;                  /* [ids] entities */
    float *rows;                  /* [ids x dim]; known ones with dropout */
    float *relation;              /* [now x relation width], with dropout */
    float *projected;             /* [each x now x width], if the model projects */
    float *known, *answer, *self; /* [now x width]: as the model projects them, or in `rows` */
    float *query;                 /* [now x width] */
    uint8_t *kept;                /* [now x (dim + relation width)]: not dropped */
} trn_kg_vectors_t;

/* Gradients of these; `rows` and `relation` are for others to read. */
typedef struct trn_kg_gradients {
    float *query;     /* [now x width] */
    float *compared;  /* [(each - 1) now x width]: of `answer` and `self`, by comparing */
    float *projected; /* [each x now x width], if the model projects */
    float *rows;      /* [each x now x dim] */
    float *relation;  /* [now x relation width] */
} trn_kg_gradients_t;

/* One row on its way from one rank to another, or to the same. */
typedef struct trn_kg_route {
    int from, to;
    const float *source; /* on `from` */
    float *goal;         /* on `to` */
} trn_kg_route_t;

/* Who has what rows, and messages (kg_exchange.c). */
typedef struct trn_kg_exchange {
    int *maker;             /* [tiles]: the rank that trains each */
    int *owner;             /* [ids]: rank that holds the entity ... */
    int64_t *place;         /* [ids]: ... and its row in the state of this rank, or -1 */
    float *needed;          /* [ids x dim]: own rows that others need, for them to read */
    trn_kg_route_t *route;  /* [ids], where there is more than one rank */
    int *counts;            /* [4 x ranks] */
    const float **second;   /* [pieces]: second rows of relations, of own tiles */
    float *visitor;         /* [pieces x second width]: others' ones */
    float *g_second;        /* [pieces x second width]: of own tiles or own relations */
    MPI_Request *requests;  /* [pieces] */
    MPI_Datatype row;       /* dim floats */
    trn_kg_window_t window; /* holds what is for others to read */
} trn_kg_exchange_t;

/* Gradients of one row, brought together by lists (kg_batch_step.c). */
typedef struct trn_kg_lists {
    int32_t *head; /* [own entity rows + relation rows] first item, or -1 */
    int32_t *next; /* [ids] the next item of the same row, or -1 */
    float *sum;    /* [widest row] */
} trn_kg_lists_t;

typedef struct trn_kg_batch {
    trn_kg_state_t *state; /* borrowed */
    int64_t dim, width, relation_width, second_width;
    int64_t each; /* rows of a query: 1, 2 with its answer, 3 with its known entity once more */
    trn_kg_epoch_t epoch;
    trn_kg_draws_t draws;
    trn_kg_vectors_t v;
    trn_kg_gradients_t g;
    trn_kg_exchange_t exchange;
    trn_kg_lists_t lists;
} trn_kg_batch_t;

/* What a regime wants of a batch. */
typedef struct trn_kg_batch_plan {
    int64_t negatives; /* candidates drawn for each batch */
    int64_t partials;  /* partial sums of their gradients at most */
    int64_t tile;      /* queries */
} trn_kg_batch_plan_t;

/* Read the train split and allocate. Local: read by every rank. Fails with TRN_INPUT, TRN_IO,
 * TRN_MEMORY; free it then too. Memory: 28 bytes a query, and the batch. */
trn_status_t trn_kg_batch_create(trn_kg_batch_t *batch, trn_kg_state_t *state, const trn_kg_t *kg,
                                 const trn_kg_batch_plan_t *plan);

/* Make what others read. Collective, after all have created theirs. Fails (agreed) with
 * TRN_MEMORY. Cost: of trn_kg_window_create. */
trn_status_t trn_kg_batch_open(trn_kg_batch_t *batch);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_batch_free(trn_kg_batch_t *batch);

/* Plan of trn_kg_batch_create and _open, all of which stays. Of what ranks read of each other the
 * system counts on each about as much as is its own. Local. */
void trn_kg_batch_take(trn_ledger_t *ledger, const trn_kg_state_t *shape, int64_t triples,
                       const trn_kg_batch_plan_t *plan);

/* Make the queries from place `first` of this epoch's order on the batch at work and fetch its
 * rows: those of candidates, of this rank's queries and, where nothing is drawn, of all known
 * entities. Collective; cannot fail. Cost: on one node a barrier and a copy of each row that others
 * own, else messages; second rows in a message each. */
void trn_kg_batch_pick(trn_kg_batch_t *batch, int64_t first);

/* Make the queries [low, high) of the batch, borders of pieces; their gradients g.query and
 * g.compared become 0. Local. */
void trn_kg_batch_query(trn_kg_batch_t *batch, int64_t low, int64_t high);

/* From g.query and g.compared of [low, high) to the gradients of the queries' rows and relations,
 * with those of the regularisers. exchange.g_second is added to: the regime sets it to 0 first, and
 * may add what comes through projected candidates. Local. */
void trn_kg_batch_back(trn_kg_batch_t *batch, int64_t low, int64_t high);

/* Let every rank read the gradients of all queries and the partial sums, as far as it steps what
 * they are of. Collective; cannot fail. Cost: on one node a barrier, else messages; gradients of
 * second rows in a message each. */
void trn_kg_batch_share(trn_kg_batch_t *batch);

/* One step of the optimiser: relations; and entities, with g_drawn[count] (rows; only those of own
 * entities are looked at) added for the candidates. `dense` (may be NULL) is [own entity rows x
 * dim]: the gradients of all, to which those of the queries are added, and which become 0.
 * Local. */
void trn_kg_batch_step(trn_kg_batch_t *batch, const float *const *g_drawn, float *dense);

#endif
