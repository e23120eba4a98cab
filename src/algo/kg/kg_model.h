/* kg_model.h: the store of a trained knowledge-graph model (kind "kg-model").
 *
 * /entity/values (float32 [N x dim]), /relation/values (float32 [R or 2 R x relation width]),
 * /relation/values2 (float32 [as many x second width], if the model has it; TransR: k x dim,
 * row-major), /entity/names, /relation/names. Root attributes: model, dim, relation_dim, norm ("1",
 * "2" or "e"), reciprocal (1: row R + r is relation r turned round, and heads are asked for as its
 * tails), complex_layout ("half": real parts, then imaginary parts). A checkpoint of training is
 * such a store with more in it. */
#ifndef TRN_ALGO_KG_KG_MODEL_H
#define TRN_ALGO_KG_KG_MODEL_H

#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/store/store.h"
#include "model/model.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* What a model is, without its numbers. */
typedef struct trn_kg_header {
    const trn_model_t *model;
    trn_model_shape_t shape;
    int64_t entities, relations; /* as in the graph */
    bool reciprocal;
} trn_kg_header_t;

/* Rows of /relation/values. Local. */
int64_t trn_kg_relation_rows(const trn_kg_header_t *header);

/* Which relation row and which side answer "(entity, relation, ?)" or "(?, relation, entity)".
 * Local. */
int64_t trn_kg_query_row(const trn_kg_header_t *header, int64_t relation, trn_side_t *side);

/* Read the header of an open store. Local. Fails with TRN_INPUT. */
trn_status_t trn_kg_header_read(const trn_store_t *store, trn_kg_header_t *header);

/* Open a model file, read its header and close it: for sizes. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_kg_header_open(MPI_Comm comm, const char *path, trn_kg_header_t *header);

/* That a model at `path` has as many entities and relations as a graph. Local. Fails with
 * TRN_INPUT; equal arguments give equal outcomes. */
trn_status_t trn_kg_header_check(const trn_kg_header_t *header, const char *path,
                                 const trn_kg_t *kg);

/* Declare the datasets and attributes of a model in a store being written (before
 * trn_store_begin, until which `kg`, whose names it takes, is open). Collective. Fails (agreed)
 * with TRN_MEMORY, TRN_INPUT, TRN_IO. */
trn_status_t trn_kg_header_write(trn_store_t *store, const trn_kg_header_t *header,
                                 const trn_kg_t *kg);

/* A model to be used: all relations, and a band of entities on each rank. */
typedef struct trn_kg_model {
    trn_store_t *store;
    trn_kg_header_t header;
    int64_t first, count;     /* entities held here: an even cut over ranks */
    float *entity;            /* [count x dim] */
    float *relation, *second; /* all rows; second may be NULL */
} trn_kg_model_t;

/* Open and load a model; `kg` (may be NULL) must have as many entities and relations. Numbers that
 * are not finite are refused. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_kg_model_open(trn_kg_model_t *model, MPI_Comm comm, const char *path,
                               const trn_kg_t *kg);

/* The same without the numbers of entities, which are neither read nor looked at. Collective. */
trn_status_t trn_kg_model_open_relations(trn_kg_model_t *model, MPI_Comm comm, const char *path,
                                         const trn_kg_t *kg);

/* Plans of these: the numbers stay under "model". Local. */
void trn_kg_model_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int ranks, int rank);
void trn_kg_model_relations_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int rank);

/* Free what it holds; one that failed to open, or {0}, is fine. Local. */
void trn_kg_model_close(trn_kg_model_t *model);

#endif
