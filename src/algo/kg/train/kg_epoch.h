/* kg_epoch.h: the queries of an epoch, in an order of its own, a batch at a time.
 *
 * Every training triple asks for its tail and for its head. Queries are kept sorted by side,
 * relation row and known entity; an epoch goes through a permutation of their numbers, and the
 * numbers of a batch are sorted again, so that queries of a relation lie together. */
#ifndef TRN_ALGO_KG_TRAIN_KG_EPOCH_H
#define TRN_ALGO_KG_TRAIN_KG_EPOCH_H

#include "algo/kg/train/kg_state.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* "Which entities go with `known`?"; the answers are label[first .. first + labels). */
typedef struct trn_kg_labeled {
    int32_t side, relation, known, labels;
    int64_t first;
} trn_kg_labeled_t;

/* A run of a batch's queries that are answered together: of one side, of one relation where the
 * model projects, and not across a border of tiles. */
typedef struct trn_kg_piece {
    int64_t start, end;
} trn_kg_piece_t;

/* Numbers of queries of the batches to come, the present one among them: looking them up is shared
 * out to the ranks, several batches at a time. */
typedef struct trn_kg_ahead {
    int64_t *query;            /* [most x size] */
    int64_t most;              /* batches */
    int64_t epoch, first, end; /* places [first, end) of this epoch's order are in `query` */
    int *counts;               /* [2 x ranks] */
} trn_kg_ahead_t;

/* Equal on all ranks. Arrays are owned. */
typedef struct trn_kg_epoch {
    int64_t count, labels;   /* queries, and answers, of an epoch */
    trn_kg_labeled_t *query; /* [count], room for `labels` */
    int32_t *label;          /* [labels] */
    bool single;             /* every query has one answer; else all known ones (KvsAll) */
    int64_t size, tile;      /* queries of a batch at most, and of a tile, which one rank trains */

    int64_t now;   /* queries of the batch at work */
    int64_t *pick; /* [now] their numbers, ascending; in `ahead` */
    int64_t pieces, most_pieces;
    trn_kg_piece_t *piece; /* [pieces] */
    trn_kg_ahead_t ahead;
} trn_kg_epoch_t;

/* Set the sizes of an epoch over so many triples. Local; allocates nothing. */
void trn_kg_epoch_shape(trn_kg_epoch_t *epoch, const trn_kg_state_t *state, int64_t triples,
                        int64_t tile);

/* Read the train split of a shaped epoch; state->span becomes its queries. Local: read by every
 * rank. Fails with TRN_INPUT, TRN_IO, TRN_MEMORY; free it then too. Cost: two sorts of the
 * triples. */
trn_status_t trn_kg_epoch_create(trn_kg_epoch_t *epoch, trn_kg_state_t *state, const trn_kg_t *kg);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_epoch_free(trn_kg_epoch_t *epoch);

/* Plan of trn_kg_epoch_create: 28 bytes a query stay. Local. */
void trn_kg_epoch_plan(trn_ledger_t *ledger, const trn_kg_epoch_t *epoch, int ranks);

/* Make the queries from place `first` of this epoch's order on the batch at work. Collective;
 * cannot fail. Cost: every few batches an Allgatherv of their numbers. */
void trn_kg_epoch_pick(trn_kg_epoch_t *epoch, const trn_kg_state_t *state, int64_t first);

/* All known answers of query i of the batch, ascending; returns how many. Local. Cost: two binary
 * searches where every query has one answer of its own. */
int64_t trn_kg_epoch_answers(const trn_kg_epoch_t *epoch, int64_t i, const int32_t **answer);

/* Tiles of the batch at work; the first of a rank. Local. */
int64_t trn_kg_epoch_tiles(const trn_kg_epoch_t *epoch);
int64_t trn_kg_epoch_tile(const trn_kg_epoch_t *epoch, int64_t ranks, int64_t rank);

#endif
