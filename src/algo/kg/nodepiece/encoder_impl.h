/* encoder_impl.h: what the files of the encoder share. */
#ifndef TRN_ALGO_KG_NODEPIECE_ENCODER_IMPL_H
#define TRN_ALGO_KG_NODEPIECE_ENCODER_IMPL_H

#include "algo/kg/nodepiece/encoder.h"

enum {
    TILE = 128, /* rows of the second layer that go together */
    BLOCK = 512 /* rows whose first layer is summed together */
};

/* The different pieces that one slot holds in a batch. */
typedef struct slot {
    int64_t count;  /* of them */
    int32_t *used;  /* [count <= room]: which */
    int32_t *place; /* [2 x most]: of a row's piece and distance in `used`, or -1 */
    float *table;   /* [count x h]: their products; in the backward pass their gradients */
} slot_t;

typedef struct work {
    int64_t room;   /* rows of the tables of all own slots */
    slot_t *slots;  /* [own slots] */
    int32_t *lists; /* the memory of `used` and `place`, and of `table` */
    float *tables;
    int32_t *mark;    /* [pieces]: place in `used`, or -1 */
    uint8_t *touched; /* [pieces]: 1: in some slot of the batch */
    int32_t *spot;    /* [pieces]: place among those */
    int64_t spots;
    float *gathered;       /* [pieces of a slot x t] */
    float *input_back;     /* the same */
    float *hidden;         /* [most x h] */
    const float **addends; /* [2 x own slots]: rows that are summed */
    float *tile;           /* [TILE x (dim + h)] */
    float *tile_second;    /* [h x dim] */
    double *sum;           /* the widest sum */
    int *counts;           /* [2 x ranks] */
    int64_t rows;          /* of the last forward pass */
    int64_t block;         /* first row of the block now summed */
    bool training;
    int64_t step;
} work_t;

/* The pieces that a slot can hold at once in `most` rows. Local. */
static inline int64_t trn_slot_room(const trn_encoder_shape_t *s, int64_t slot, int64_t most) {
    if (slot >= s->nearest) return s->types < most ? s->types : most;
    return (s->anchors < most ? s->anchors : most) + (s->distances < most ? s->distances : most);
}

/* First slot of a group. Local. */
int64_t trn_group_slot(const trn_encoder_t *e, int64_t group);

#endif
