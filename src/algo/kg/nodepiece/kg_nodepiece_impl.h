/* kg_nodepiece_impl.h: what the files of training with an encoder share. */
#ifndef TRN_ALGO_KG_NODEPIECE_KG_NODEPIECE_IMPL_H
#define TRN_ALGO_KG_NODEPIECE_KG_NODEPIECE_IMPL_H

#include "algo/kg/nodepiece/kg_nodepiece.h"

/* One question of a batch; known and answer are rows of what is encoded. */
typedef struct question {
    int32_t side, known, relation, answer;
} question_t;

/* Float arrays of a batch, or of the chunk of questions at work, that one table allocates. */
enum buffer {
    CHUNK_KNOWN,    /* [chunk x dim] */
    CHUNK_ANSWER,   /* the same */
    CHUNK_RELATION, /* [chunk x relation width] */
    CHUNK_QUERY,    /* [chunk x dim] */
    CHUNK_TRUE,     /* [chunk]: score of the answer, and its weight in the gradient */
    CHUNK_TRUE_BACK,
    CHUNK_SCALE, /* [chunk]: what turns the others' exponentials into their weights */
    SCORES,      /* [chunk x rows] */
    WEIGHTS,     /* the same */
    RARITY,      /* [entities]: logarithm of what one counts as a candidate */
    G_KNOWN,
    G_ANSWER,
    G_RELATION,
    G_QUERY,
    G_CANDIDATE,    /* [rows x dim] */
    G_ALL_RELATION, /* [relation rows x relation width] */
    BUFFERS
};

typedef struct learner {
    trn_kg_state_t *state;
    const trn_nodepiece_options_t *options;
    trn_encoder_t *encoder;
    uint64_t hashes; /* digest of all */
    trn_triple_t *triples;
    int64_t count; /* of triples */
    int64_t dim, relation_width, relation_rows, batch, chunk;
    trn_metric_t metric;
    question_t *questions;
    int32_t *ids, *row;           /* entities encoded; [entities]: their row, or -1 */
    int64_t now, rows, most_rows; /* questions of this batch, entities encoded for it; at most */
    float *buffer[BUFFERS];
    trn_loss_part_t *part; /* [chunk]: greatest score and sum of exponentials */
    double *sum;           /* [rows x dim + relation rows x relation width + 1] */
} learner_t;

/* A number that other hashes would change: this rank's part of a sum over all ranks. Local. */
uint64_t trn_kg_nodepiece_digest(const trn_nodepiece_hash_t *hash);

/* What is saved beside the state. */
extern const trn_kg_extra_t trn_kg_nodepiece_extra;

#endif
