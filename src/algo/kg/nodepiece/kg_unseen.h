/* kg_unseen.h: entities that a graph has not, known by facts that link them with some it has: a
 * model whose entities are encoded (kg_nodepiece.h) has vectors for them too. */
#ifndef TRN_ALGO_KG_NODEPIECE_KG_UNSEEN_H
#define TRN_ALGO_KG_NODEPIECE_KG_UNSEEN_H

#include "algo/kg/kg_lines.h"
#include "algo/kg/kg_model.h"
#include "algo/kg/nodepiece/encoder.h"
#include "base/ledger.h"
#include "base/status.h"
#include "graph/triple.h"

#include <mpi.h>
#include <stdint.h>

/* Facts by numbers; those of unseen entities follow those of the graph's. Start with {0}. */
typedef struct trn_unseen {
    int64_t entities; /* of the graph: number `entities` is the first unseen one */
    int64_t count;    /* unseen ones, in the order of the file */
    char **names;     /* [count], borrowed from the lines */
    int64_t facts;
    const trn_triple_t *fact; /* [facts] the lines' numbers */
    trn_kg_lines_t lines;
} trn_unseen_t;

/* Read facts from `path`, lines of head, relation and tail between tabs; entities that the graph
 * does not know are the unseen ones. Collective, equal arguments. Fails (agreed) with TRN_INPUT
 * naming FILE:LINE: not three names, an unknown relation (the nearest is suggested), no unseen
 * entity; TRN_MEMORY, TRN_IO. Cost: that of trn_names_find (names.h). */
trn_status_t trn_unseen_read(trn_unseen_t *unseen, MPI_Comm comm, const char *path,
                             const trn_kg_form_t *form, const trn_kg_t *kg);

/* Free what it holds; {0} is fine. Local. */
void trn_unseen_free(trn_unseen_t *unseen);

/* That a model at `path` has an encoder and that facts link every unseen entity with the graph;
 * *shape is the encoder's. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_MEMORY,
 * TRN_IO. */
trn_status_t trn_unseen_look(const trn_unseen_t *unseen, MPI_Comm comm, const char *path,
                             trn_encoder_shape_t *shape);

/* Plan of trn_unseen_encode: vectors stay under "model". Local. */
void trn_unseen_encode_plan(trn_ledger_t *ledger, const trn_unseen_t *unseen,
                            const trn_kg_header_t *header, const trn_encoder_shape_t *shape,
                            int ranks, int rank);

/* Encode the unseen entities and append them to the model's, on the last rank. The hash of one is
 * made of the hashes of its neighbours: their anchors, a link farther. As each neighbour has its k
 * nearest, those are the k nearest that a search would find, equal distances in the same order.
 * Collective, equal arguments but for the band. Fails (agreed) with TRN_INPUT (a model without an
 * encoder, an entity without a neighbour in the graph; `path` is named), TRN_MEMORY, TRN_IO. Cost:
 * a block of the store for each fact, on every rank; trn_encoder_forward. */
trn_status_t trn_unseen_encode(const trn_unseen_t *unseen, trn_kg_model_t *model, MPI_Comm comm);

#endif
