/* kg_margin_impl.h: what the files of kg_margin share. */
#ifndef TRN_CMD_BENCH_CONTEST_KG_MARGIN_IMPL_H
#define TRN_CMD_BENCH_CONTEST_KG_MARGIN_IMPL_H

#include "cmd/bench/contest/kg_margin.h"
#include "kern/train/triple.h"

/* Pairs of one relation whose rows TransR's products take at a time: 2 x 64 rows of 128 floats and
 * their images fit the second-level cache. */
enum { TRN_KG_MARGIN_BLOCK = 64 };

struct trn_kg_margin {
    trn_kg_margin_rule_t rule;
    trn_pair_kernel_t *kernel; /* NULL: MATRIX or plain */
    const trn_triple_kernels_t *kernels;
    float *gradient;        /* [entities x dim], 0 between steps */
    unsigned char *touched; /* [entities], 0 between steps */
    int64_t *start;         /* [relations + 1] */
    int32_t *order;         /* [batch]: places of pairs, by relation */
    float *room;            /* what follows lies in it */
    float *gr, *gs;         /* gradients of the relation at hand */
    float *seen;            /* [dim]: u, or [cos r | sin r] */
    float *apart[3];        /* [dim]: gradients of entities that are not all different */
    float *block[3];        /* y and z, their images under M, and the gradients of y and z */
    float *plain[6];        /* [2 x widest] each */
    float weight;           /* 1 / pairs of the batch */
};

/* A pair by the model's own functions: adds to the gradients of its entities, to gr and to gs, and
 * returns the loss. */
float trn_kg_margin_plain(trn_kg_margin_t *m, const trn_kg_pair_t *pair);

#endif
