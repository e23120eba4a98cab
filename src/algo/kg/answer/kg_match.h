/* kg_match.h: queries of a trained model held against all its entities, tile by tile.
 *
 * A tile is scored in float32, and for each score there is a bound of what rounding did to it: who
 * wants exact results scores again, by the definition in float64, what comes within the bound of
 * his mark. Scores of models that measure distances by square roots are q e - |e|^2 / 2 in place of
 * -|q - e|, which orders alike. */
#ifndef TRN_ALGO_KG_ANSWER_KG_MATCH_H
#define TRN_ALGO_KG_ANSWER_KG_MATCH_H

#include "algo/kg/kg_model.h"
#include "algo/kg/kg_score.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

enum { TRN_KG_CHUNK = 256 /* queries at most */, TRN_KG_TILE = 512 /* entities */ };

/* "(entity, relation, ?)", or "(?, relation, entity)" for TRN_SIDE_HEAD, and the true answer, which
 * is the caller's business. */
typedef struct trn_kg_query {
    int32_t entity, relation, target;
    trn_side_t side;
} trn_kg_query_t;

/* Lengths of a query vector and of its known entity; error of the query vector. */
typedef struct trn_kg_lengths {
    double query, known, error;
} trn_kg_lengths_t;

/* Queries at work. What callers read: the chunk is queries[order[first .. first + n)]. */
typedef struct trn_kg_match {
    const trn_kg_model_t *model;
    MPI_Comm comm;
    int64_t count;
    const trn_kg_query_t *queries;
    int64_t first, n;
    int64_t *order; /* [count] by side and relation row */
    float *rows;    /* [n x dim] known entities of the chunk */

    int threads;
    int64_t most;        /* queries in a chunk */
    trn_metric_t metric; /* L2 is compared by products */
    bool l2, torus;
    int64_t dim, width, row;   /* `row`: whose candidates `band` holds, or -1 */
    float *x;                  /* [most x width] known entities, projected */
    float *relation;           /* [most x relation width] */
    float *q;                  /* [most x width] */
    const float *band;         /* [entities x width] candidates, perhaps projected */
    float *projected;          /* the same, owned; empty if the model does not project */
    float *half;               /* [entities] half squares, or 0 */
    double *length;            /* [2 x tiles] greatest of entities and of candidates */
    double stretch;            /* of the projection: what its rounding error grows by */
    float *score;              /* [threads x most x TRN_KG_TILE] */
    trn_kg_lengths_t *lengths; /* [most] */
    trn_kg_exact_t *exact;     /* [threads] */
} trn_kg_match_t;

/* A tile of candidates. Row i of `score`, less `half`, is what query i of the chunk makes of them.
 */
typedef struct trn_kg_tile {
    int64_t first, n;  /* of the band */
    const float *half; /* [n] */
    float *score;      /* [chunk x TRN_KG_TILE]; may be overwritten */
    int thread;        /* that has it, from 0 */
} trn_kg_tile_t;

/* Begin with queries[count] (borrowed), at most `most` of them at a time, TRN_KG_CHUNK or fewer.
 * Local, equal arguments on all ranks but for the model's band. Fails with TRN_MEMORY; free it then
 * too. */
trn_status_t trn_kg_match_create(trn_kg_match_t *match, const trn_kg_model_t *model, MPI_Comm comm,
                                 int64_t count, const trn_kg_query_t *queries, int64_t most,
                                 int threads);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_match_free(trn_kg_match_t *match);

/* What a match has to hold, on one of `ranks` ranks. */
typedef struct trn_kg_match_size {
    int64_t entities, count, most; /* the band's; queries, and those at a time */
    int threads, ranks;
} trn_kg_match_size_t;

/* Plan of a match, all of which stays while it lives. Local. */
void trn_kg_match_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                       const trn_kg_match_size_t *size);

/* Take the next chunk; false if there is none. Collective; cannot fail. Cost: an Allreduce of dim
 * floats a query; where the model projects and the relation is another one, N / ranks
 * projections. */
bool trn_kg_match_next(trn_kg_match_t *match);

/* Score the chunk against the band and show each tile to `visit`; threads share the tiles, in any
 * order. Local. Cost: 2 N width / ranks flops a query. */
typedef void (*trn_kg_visit_t)(void *self, const trn_kg_match_t *match, const trn_kg_tile_t *tile);
void trn_kg_match_tiles(trn_kg_match_t *match, trn_kg_visit_t visit, void *self);

/* The score of `candidate` (a row of dim floats) for query i of the chunk, by the definition.
 * Local: `thread` as in a tile, 0 outside of them. */
double trn_kg_match_exact(const trn_kg_match_t *match, int thread, int64_t i,
                          const float *candidate);

/* What float32 would give for an exact score if nothing were rounded. Local. */
double trn_kg_match_value(const trn_kg_match_t *match, int64_t i, double exact);

/* How far rounding may have moved scores of about `value` in a tile. Local. */
double trn_kg_match_error(const trn_kg_match_t *match, const trn_kg_tile_t *tile, int64_t i,
                          double value);

#endif
