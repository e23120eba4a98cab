/* encoder.h: vectors of entities made of pieces: what `kg-train --encoder nodepiece` learns.
 *
 * An entity's hash fills k + m slots: the k nearest anchors with their distances, and m relation
 * types. Every anchor, every distance and every type has a vector of t numbers, its piece; an
 * anchor's slot holds the sum of its piece and its distance's. Two layers make the entity's vector
 * of the slots one after the other: W2 relu(W1 x + b1) + b2, with h numbers between them, of which
 * some may be left out of a step (dropout). Source: Galkin et al.: NodePiece (ICLR 2022), encoder
 * "cat".
 *
 * Slots are few and repeat: in a batch of rows the first layer multiplies each piece that a slot
 * holds once by the slot's part of W1 and adds up looked-up products, row by row. Slots are dealt
 * to up to 8 ranks in fixed groups, with their parts of W1; sums over groups go by the tree of
 * mpi/reduce.h. The second layer works on tiles of 128 rows, dealt to all ranks. So bits do not
 * depend on the number of ranks. Pieces, W2 and biases are on every rank. */
#ifndef TRN_ALGO_KG_NODEPIECE_ENCODER_H
#define TRN_ALGO_KG_NODEPIECE_ENCODER_H

#include "algo/kg/nodepiece/nodepiece_hash.h"
#include "algo/kg/train/kg_state.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Sizes, fixed by the hashes and the options. */
typedef struct trn_encoder_shape {
    int64_t anchors, distances, types; /* vocabularies: with one for "none" each but distances */
    int64_t nearest, context;          /* k, m */
    int64_t piece, hidden, dim;        /* t, h, and numbers of an entity's vector */
} trn_encoder_shape_t;

/* The four arrays that are learned. */
enum trn_encoder_part {
    TRN_ENCODER_PIECE,  /* [anchors + distances + types x t] */
    TRN_ENCODER_FIRST,  /* [k + m slots x t x h]; this rank's slots */
    TRN_ENCODER_SECOND, /* [h x dim] */
    TRN_ENCODER_BIAS,   /* [1 x h + dim] */
    TRN_ENCODER_PARTS
};

typedef struct trn_encoder {
    MPI_Comm comm;
    int rank, ranks;
    trn_encoder_shape_t shape;
    int64_t entities, most; /* that have hashes; rows that can be encoded at once */
    int64_t groups, first_group, own_groups, first_slot, own_slots;
    double dropout; /* part of the hidden numbers that a step leaves out */
    uint64_t seed;
    float *values[TRN_ENCODER_PARTS], *gradient[TRN_ENCODER_PARTS];
    float *moments[TRN_ENCODER_PARTS][2]; /* of the optimiser; NULL: not for training */
    int32_t *code[2];  /* [own slots x entities]: piece of a slot, and of its distance or -1 */
    float *out;        /* [most x dim]: the vectors, equal on all ranks */
    float *back;       /* [most x dim]: the loss's gradient, to be filled by the caller */
    struct work *work; /* private */
} trn_encoder_t;

/* Sizes of an encoder over hashes. Local. */
trn_encoder_shape_t trn_encoder_shape(const trn_nodepiece_hash_t *hash, int64_t piece,
                                      int64_t hidden, int64_t dim);

/* Numbers that are learned, all ranks together. Local. */
int64_t trn_encoder_parameters(const trn_encoder_shape_t *shape);

/* Rows and numbers of a row of a part; of FIRST all slots'. Local. */
int64_t trn_encoder_rows(const trn_encoder_shape_t *shape, enum trn_encoder_part part);
int64_t trn_encoder_width(const trn_encoder_shape_t *shape, enum trn_encoder_part part);

/* Make an encoder of `entities` entities without hashes, numbers 0. `optimiser` NULL: not to be
 * trained. Collective, equal arguments. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_encoder_create(trn_encoder_t **encoder, MPI_Comm comm,
                                const trn_encoder_shape_t *shape, int64_t entities, int64_t most,
                                const trn_kg_optimizer_t *optimiser);

/* Free and set to NULL; NULL is fine. Local. */
void trn_encoder_destroy(trn_encoder_t **encoder);

/* Plan of trn_encoder_create with its passes, under "encoder"; all of it stays while it lives.
 * `optimiser` as there. Local. */
void trn_encoder_plan(trn_ledger_t *ledger, const trn_encoder_shape_t *shape, int64_t entities,
                      int64_t most, const trn_kg_optimizer_t *optimiser, int ranks, int rank);

/* Starting values: normal numbers by (seed, array, row), such that vectors' numbers are of about
 * the size `scale`. Local. */
void trn_encoder_start(trn_encoder_t *encoder, uint64_t seed, double scale);

/* Take over the hashes of entities [hash->first, hash->first + hash->count) of `hash`, which must
 * be of the encoder's shape. Local. */
void trn_encoder_take(trn_encoder_t *encoder, const trn_nodepiece_hash_t *hash);

/* Take over the hashes of all bands. Collective. Fails (agreed) with TRN_MEMORY. Cost: a Bcast of
 * every hash. */
trn_status_t trn_encoder_spread(trn_encoder_t *encoder, const trn_nodepiece_hash_t *hash);

/* encoder->out[count x dim] = the vectors of entity[count], count <= most; with `training`, numbers
 * are left out by (seed, step, row). Collective, equal arguments. Fails (agreed) with TRN_MEMORY.
 * Cost: 2 t h flops for each different piece in each slot, (2k + m) h additions and 2 h dim flops a
 * row, shared out; messages of 16 h bytes a row for each level of the tree. */
trn_status_t trn_encoder_forward(trn_encoder_t *encoder, int64_t count, const int32_t *entity,
                                 bool training, int64_t step);

/* From encoder->back[count x dim], equal on all ranks, of the rows of the last forward pass to
 * encoder->gradient: complete on every rank for its numbers. Collective. Fails (agreed) with
 * TRN_MEMORY. Cost: twice that of the forward pass. */
trn_status_t trn_encoder_backward(trn_encoder_t *encoder, int64_t count);

/* A step of the optimiser along the gradients; `step` counts from 1. Local. */
void trn_encoder_step(trn_encoder_t *encoder, const trn_kg_options_t *options, double rate,
                      int64_t step);

#endif
