/* kg_batch.h: the questions of a graph in batches, the queries they become, and the way back from
 * the queries' gradients to a step of the vectors they were made of. What a query meets in between
 * is the regime's (kg_full.c: all entities; kg_drawn.c: some).
 *
 * Every rank knows the whole batch; whoever trains questions [low, high) of it makes their queries
 * and gradients, and trn_kg_batch_step brings all together. Sums go by the order of questions. */
#ifndef TRN_ALGO_KG_TRAIN_KG_BATCH_H
#define TRN_ALGO_KG_TRAIN_KG_BATCH_H

#include "algo/kg/train/kg_state.h"
#include "algo/kg/train/kg_window.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* "Which entities go with `known`?"; the answers are label[first .. first + labels). */
typedef struct trn_kg_asked {
    int32_t side, relation, known, labels;
    int64_t first;
} trn_kg_asked_t;

/* A run of a batch's questions that are answered together: of one side, of one relation where the
 * model projects, and not across a border of tiles. */
typedef struct trn_kg_piece {
    int64_t start, end;
} trn_kg_piece_t;

typedef struct trn_kg_batch {
    trn_kg_state_t *state;
    int64_t questions, labels; /* of an epoch: by side, relation row and known entity */
    trn_kg_asked_t *question;
    int32_t *label;
    bool single;  /* every question has one answer, whose row is gathered too */
    int64_t each; /* rows of a question: known entity; answer if single; with
                   * self_negative the known entity again, as it is */
    int64_t size, drawn,
        tile;         /* questions of a batch, candidates drawn for it, tile of questions */
    int64_t branches; /* sums over tiles that ranks put together */
    int64_t dim, width, relation_width, second_width;

    int64_t now, pieces; /* of the batch at work */
    int *maker;          /* [tiles]: the rank that makes the gradients of each */
    int64_t *pick;       /* [now] its questions, ascending */
    int64_t *ahead;      /* [ahead_most x size]: those of batches to come, and of this one ... */
    int64_t ahead_most, ahead_epoch, ahead_first, ahead_end; /* ... in places [first, end) */
    trn_kg_piece_t *piece;
    int32_t *id;                    /* [ids = each x now of the questions, drawn] */
    int *owner;                     /* [ids]: rank that holds the entity ... */
    int64_t *place;                 /* [ids]: ... and its row in the state of this rank, or -1 */
    float *rows;                    /* their vectors [x dim]; known ones with dropout */
    float *relation;                /* [now x relation width], with dropout */
    float *known, *answer;          /* [now x width]: as the model projects them, or in `rows` */
    float *self;                    /* [now x width]: the same of the known entity as it is */
    float *candidates;              /* [drawn x dim], in `rows` */
    float *projected, *g_projected; /* [each x now x width], if the model projects */
    float *query, *g_query;         /* [now x width] */
    float *g_compared;          /* [(each - 1) now x width]: of `answer` and `self`, by comparing */
    uint8_t *kept;              /* [now x (dim + relation width)]: not dropped */
    int32_t *head, *next;       /* lists of the gradients of one entity or relation */
    float *sum;                 /* [widest row] */
    const float **second;       /* [pieces]: second rows of relations, of own tiles */
    float *visitor;             /* [pieces x second width]: others' ones */
    float *g_second;            /* [pieces x second width]: of own tiles or own relations */
    MPI_Request *requests;      /* [pieces] */
    int64_t most_pieces, grown; /* branches of this batch */
    int *grower;                /* [grown]: ranks that make them, ascending */
    int *counts;                /* [4 x ranks] */
    MPI_Datatype row;           /* dim floats */

    trn_kg_desk_t desk; /* where these lie, for others to read: */
    float *needed;      /* [ids x dim]: own rows that others need */
    float *g_row;       /* [each x now x dim] */
    float *g_relation;  /* [now x relation width] */
    float *branch;      /* [branches x drawn x dim]: gradients of candidates */
} trn_kg_batch_t;

/* Read the train split and allocate. `drawn` candidates go with each batch, their gradients come in
 * at most `branches` sums over tiles of `tile` questions. Local: read by every rank. Fails with
 * TRN_INPUT, TRN_IO, TRN_MEMORY; free it then too. Memory: 28 bytes a question, and the batch. */
trn_status_t trn_kg_batch_create(trn_kg_batch_t *batch, trn_kg_state_t *state, const trn_kg_t *kg,
                                 int64_t drawn, int64_t branches, int64_t tile);

/* Make what others read. Collective, after all have created theirs. Fails (agreed) with
 * TRN_MEMORY. Cost: of trn_kg_desk_create. */
trn_status_t trn_kg_batch_open(trn_kg_batch_t *batch);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_batch_free(trn_kg_batch_t *batch);

/* Bytes that trn_kg_batch_create and _open take. Local, no data needed. */
int64_t trn_kg_batch_bytes(const trn_kg_header_t *header, const trn_kg_options_t *options,
                           int64_t triples, int64_t drawn, int64_t branches, int64_t tile,
                           int64_t ranks);

/* Make questions [first, first + now) of this epoch's order the batch at work and fetch its rows:
 * those of candidates, of this rank's questions and, where nothing is drawn, of all known entities.
 * Collective; cannot fail. */
void trn_kg_batch_pick(trn_kg_batch_t *batch, int64_t first);

/* All known answers of question i of the batch, ascending; returns how many. Local. Cost: two
 * binary searches where every question has one answer of its own. */
int64_t trn_kg_batch_answers(const trn_kg_batch_t *batch, int64_t i, const int32_t **answer);

/* The second half of trn_kg_batch_pick. Collective; cannot fail. Cost: on one node a barrier and a
 * copy of each row that others own, else trn_kg_batch_pass_rows; second rows in a message each. */
void trn_kg_batch_fetch(trn_kg_batch_t *batch);

/* Make the queries of questions [low, high) of the batch, borders of pieces; their g_query and
 * g_compared become 0. Local. */
void trn_kg_batch_query(trn_kg_batch_t *batch, int64_t low, int64_t high);

/* From g_query and g_compared of [low, high) to the gradients of the questions' rows and
 * relations, with those of the regularisers. g_second is added to: the regime sets it to 0 first,
 * and may add what comes through projected candidates. Local. */
void trn_kg_batch_back(trn_kg_batch_t *batch, int64_t low, int64_t high);

/* Let every rank read the gradients of all questions, of which rank r has made those of tiles
 * [tiles r / P, tiles (r + 1) / P), and the branches, as far as it steps what they are of.
 * Collective; cannot fail. Cost: on one node a barrier, else trn_kg_batch_pass_gradients; gradients
 * of second rows in a message each. */
void trn_kg_batch_share(trn_kg_batch_t *batch);

/* Both by messages, where ranks are on several nodes. A question's rows go to the rank that makes
 * its gradients, and these go back; candidates to all, and of their gradients each owner's part to
 * it; gradients of relations to all. Collective; cannot fail. */
void trn_kg_batch_pass_rows(trn_kg_batch_t *batch);
void trn_kg_batch_pass_gradients(trn_kg_batch_t *batch);

/* One step of the optimiser: relations; and entities, with g_drawn[drawn] (rows; only those of own
 * entities are looked at) added for the candidates. `dense` (may be NULL) is [own entity rows x
 * dim]: the gradients of all, to which those of the questions are added, and which become 0.
 * Local. */
void trn_kg_batch_step(trn_kg_batch_t *batch, const float *const *g_drawn, float *dense);

/* The first tile of a rank among those of the batch at work; the rank that makes a question's
 * gradients. Local. */
int64_t trn_kg_batch_tile(const trn_kg_batch_t *batch, int64_t rank);
int trn_kg_batch_maker(const trn_kg_batch_t *batch, int64_t question);

#endif
