/* kg_nodepiece.h: training of a model whose entities have no vectors of their own: an encoder makes
 * them of hashes (encoder.h, nodepiece_hash.h).
 *
 * A batch of questions has its answers win against candidates that the whole batch shares: entities
 * drawn for it and all that its questions name, each counted by how often it is in a batch (Bengio
 * and Senecal, IEEE TNN 19, 2008); the loss is softmax cross-entropy. The result is a
 * store of kind "kg-model" like any other, with the encoded vectors of all entities, and under
 * /nodepiece what the encoder learned and the hashes: /nodepiece/pieces, /nodepiece/first,
 * /nodepiece/second, /nodepiece/bias, and the attributes nodepiece_piece, nodepiece_hidden,
 * nodepiece_settings. */
#ifndef TRN_ALGO_KG_NODEPIECE_KG_NODEPIECE_H
#define TRN_ALGO_KG_NODEPIECE_KG_NODEPIECE_H

#include "algo/kg/nodepiece/encoder.h"
#include "algo/kg/nodepiece/nodepiece_hash.h"
#include "algo/kg/train/kg_state.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* What decides the result beside trn_kg_options_t. */
typedef struct trn_nodepiece_options {
    const trn_nodepiece_hash_t *hash; /* borrowed */
    int64_t piece, hidden;            /* numbers of a piece's vector; between the layers */
    double dropout;                   /* of those, in training */
} trn_nodepiece_options_t;

/* Sizes of the hashes that trn_kg_nodepiece_hash will make or read; of those to be made `farthest`
 * is the most that can be. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_kg_nodepiece_look(trn_nodepiece_hash_t *sizes, MPI_Comm comm, const trn_kg_t *kg,
                                   const char *path);

/* Plan of trn_kg_nodepiece_hash: the hashes stay under "hashes". Local. */
void trn_kg_nodepiece_hash_plan(trn_ledger_t *ledger, const trn_kg_t *kg,
                                const trn_nodepiece_hash_t *sizes, const char *path, int ranks,
                                int rank);

/* Hashes from the store `path`, or, if it is NULL, made with the verb's usual settings. Collective,
 * equal arguments. Fails (agreed) as trn_nodepiece_hash_open and trn_nodepiece_hash_create. */
trn_status_t trn_kg_nodepiece_hash(trn_nodepiece_hash_t *hash, MPI_Comm comm, const trn_kg_t *kg,
                                   const char *path, uint64_t seed);

/* Numbers that training learns: pieces, layers, and the model's relations. Local. */
int64_t trn_kg_nodepiece_parameters(const trn_kg_header_t *header,
                                    const trn_nodepiece_options_t *options);

/* Read what the encoder of an open model learned into `encoder`, whose shape is that of the store.
 * Local. Fails with TRN_INPUT, TRN_IO. */
trn_status_t trn_kg_nodepiece_read(trn_store_t *store, trn_encoder_t *encoder);

/* The regime. It cannot train models that project entities, and knows no regularisers. */
extern const trn_kg_regime_t trn_kg_nodepiece;

#endif
