/* kg_model.c: the store of a trained model, and its numbers on all ranks. */
#include "algo/kg/kg_model.h"

#include "algo/common/names.h"
#include "base/mem.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_DIM = 1 << 20 };

int64_t trn_kg_relation_rows(const trn_kg_header_t *header) {
    return header->reciprocal ? 2 * header->relations : header->relations;
}

int64_t trn_kg_query_row(const trn_kg_header_t *header, int64_t relation, trn_side_t *side) {
    if (!header->reciprocal || *side == TRN_SIDE_TAIL) return relation;
    *side = TRN_SIDE_TAIL;
    return header->relations + relation;
}

/* Which model, at which size. */
static trn_status_t read_shape(const trn_store_t *store, trn_kg_header_t *header) {
    const char *path = trn_store_path(store), *name, *norm, *layout;
    trn_model_shape_t *shape = &header->shape;
    int64_t reciprocal;
    TRN_TRY(trn_store_get_text(store, "/", "model", &name));
    TRN_TRY(trn_store_get_int(store, "/", "dim", &shape->dim));
    TRN_TRY(trn_store_get_int(store, "/", "relation_dim", &shape->relation_dim));
    TRN_TRY(trn_store_get_text(store, "/", "norm", &norm));
    TRN_TRY(trn_store_get_int(store, "/", "reciprocal", &reciprocal));
    TRN_TRY(trn_store_get_text(store, "/", "complex_layout", &layout));
    header->model = trn_model_find(name);
    if (!header->model)
        return trn_fail(TRN_INPUT, "%s: model '%s': not one of this program's", path, name);
    if (shape->dim < 1 || shape->dim > MAX_DIM || (header->model->complex && shape->dim % 2 != 0))
        return trn_fail(TRN_INPUT, "%s: dim: %" PRId64 " is no size of a %s model", path,
                        shape->dim, name);
    if (shape->relation_dim < 0 || shape->relation_dim > MAX_DIM)
        return trn_fail(TRN_INPUT, "%s: relation_dim: %" PRId64 " is no size", path,
                        shape->relation_dim);
    if (strlen(norm) != 1 || !strchr(header->model->norms, *norm))
        return trn_fail(TRN_INPUT, "%s: norm: '%s' is none of '%s' that %s has", path, norm,
                        header->model->norms, name);
    if (reciprocal != 0 && reciprocal != 1)
        return trn_fail(TRN_INPUT, "%s: reciprocal: must be 0 or 1", path);
    if (strcmp(layout, "half") != 0)
        return trn_fail(TRN_INPUT, "%s: complex_layout: '%s'; must be 'half'", path, layout);
    shape->norm = *norm;
    header->reciprocal = reciprocal == 1;
    return TRN_OK;
}

/* A dataset must have so many rows. */
static trn_status_t check_rows(const trn_store_t *store, const char *name, int64_t have,
                               int64_t want) {
    if (have == want) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %s: %" PRId64 " rows where %" PRId64 " belong",
                    trn_store_path(store), name, have, want);
}

trn_status_t trn_kg_header_read(const trn_store_t *store, trn_kg_header_t *header) {
    *header = (trn_kg_header_t){0};
    TRN_TRY(read_shape(store, header));
    const trn_model_t *model = header->model;
    int64_t rows;
    trn_dtype_t type;
    TRN_TRY(trn_store_need(store, "/entity/values", TRN_F32, &header->entities, header->shape.dim));
    if (!trn_store_has(store, "/entity/names", &type, &rows, NULL) || type != TRN_STRING)
        return trn_fail(TRN_INPUT, "%s: /entity/names: missing", trn_store_path(store));
    TRN_TRY(check_rows(store, "/entity/names", rows, header->entities));
    if (!trn_store_has(store, "/relation/names", &type, &header->relations, NULL) ||
        type != TRN_STRING)
        return trn_fail(TRN_INPUT, "%s: /relation/names: missing", trn_store_path(store));
    if (header->entities < 1 || header->relations < 1 || header->entities > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: no entities, no relations, or too many",
                        trn_store_path(store));
    TRN_TRY(trn_store_need(store, "/relation/values", TRN_F32, &rows,
                           model->relation_width(&header->shape)));
    TRN_TRY(check_rows(store, "/relation/values", rows, trn_kg_relation_rows(header)));
    int64_t second = model->second_width(&header->shape);
    if (second == 0) return TRN_OK;
    TRN_TRY(trn_store_need(store, "/relation/values2", TRN_F32, &rows, second));
    return check_rows(store, "/relation/values2", rows, trn_kg_relation_rows(header));
}

trn_status_t trn_kg_header_open(MPI_Comm comm, const char *path, trn_kg_header_t *header) {
    trn_store_t *store = NULL;
    TRN_TRY(trn_store_open(&store, comm, path, "kg-model"));
    trn_status_t status = trn_agree(comm, trn_kg_header_read(store, header));
    trn_store_close(&store);
    return status;
}

trn_status_t trn_kg_header_write(trn_store_t *store, const trn_kg_header_t *header,
                                 const trn_kg_t *kg) {
    const trn_model_t *model = header->model;
    const trn_model_shape_t *shape = &header->shape;
    int64_t rows = trn_kg_relation_rows(header), second = model->second_width(shape);
    char norm[2] = {shape->norm, '\0'};
    TRN_TRY(trn_store_dataset(store, "/entity/values", TRN_F32, header->entities, shape->dim));
    TRN_TRY(
        trn_store_dataset(store, "/relation/values", TRN_F32, rows, model->relation_width(shape)));
    if (second > 0) TRN_TRY(trn_store_dataset(store, "/relation/values2", TRN_F32, rows, second));
    TRN_TRY(trn_store_copy_strings(store, "/entity/names", kg->store));
    TRN_TRY(trn_store_copy_strings(store, "/relation/names", kg->store));
    TRN_TRY(trn_store_set_text(store, "/", "model", model->name));
    TRN_TRY(trn_store_set_int(store, "/", "dim", shape->dim));
    TRN_TRY(trn_store_set_int(store, "/", "relation_dim", shape->relation_dim));
    TRN_TRY(trn_store_set_text(store, "/", "norm", norm));
    TRN_TRY(trn_store_set_int(store, "/", "reciprocal", header->reciprocal));
    return trn_store_set_text(store, "/", "complex_layout", "half");
}

/* Two lists of names must be the same: numbers of one graph mean nothing in another. */
static trn_status_t same_names(const trn_store_t *model, const trn_store_t *graph, const char *list,
                               int64_t first, int64_t count, char *const *mine,
                               char *const *theirs) {
    for (int64_t i = 0; i < count; i++)
        if (strcmp(mine[i], theirs[i]) != 0)
            return trn_fail(TRN_INPUT,
                            "%s: %s: number %" PRId64 " is '%s', but '%s' in %s; the model is of "
                            "another graph",
                            trn_store_path(model), list, first + i, mine[i], theirs[i],
                            trn_store_path(graph));
    return TRN_OK;
}

/* A part of both lists, on rank 0. */
static trn_status_t check_part(const trn_kg_model_t *model, MPI_Comm comm, const trn_kg_t *kg,
                               const char *list, int64_t first, int64_t count) {
    char **mine = NULL, **theirs = NULL;
    trn_status_t status = trn_store_read_some_strings(model->store, list, first, count, &mine);
    if (status == TRN_OK)
        status = trn_store_read_some_strings(kg->store, list, first, count, &theirs);
    if (status == TRN_OK && mine)
        status = same_names(model->store, kg->store, list, first, count, mine, theirs);
    trn_free(&mine);
    trn_free(&theirs);
    return trn_agree(comm, status);
}

/* Both lists have `count` names. */
static trn_status_t check_names(const trn_kg_model_t *model, MPI_Comm comm, const trn_kg_t *kg,
                                const char *list, int64_t count) {
    for (int64_t first = 0; first < count; first += TRN_NAMES_PART) {
        int64_t left = count - first, some = left < TRN_NAMES_PART ? left : TRN_NAMES_PART;
        TRN_TRY(check_part(model, comm, kg, list, first, some));
    }
    return TRN_OK;
}

trn_status_t trn_kg_header_check(const trn_kg_header_t *header, const char *path,
                                 const trn_kg_t *kg) {
    if (header->entities == kg->entities && header->relations == kg->relations) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: %" PRId64 " entities and %" PRId64 " relations, but %" PRId64
                    " and %" PRId64 " in %s; the model is of another graph",
                    path, header->entities, header->relations, kg->entities, kg->relations,
                    trn_store_path(kg->store));
}

/* Read rows of a dataset and refuse what is not finite. */
static trn_status_t load_rows(trn_store_t *store, const char *name, int64_t first, int64_t count,
                              int64_t width, float **values) {
    TRN_TRY(trn_alloc(values, count * width, sizeof **values, name));
    TRN_TRY(trn_store_read(store, name, first, count, *values));
    int64_t at = trn_not_finite_f32(count * width, *values);
    if (at < 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %s: row %" PRId64 ", column %" PRId64 ": not finite",
                    trn_store_path(store), name, first + at / width, at % width);
}

static trn_status_t load(trn_kg_model_t *model, bool entities) {
    const trn_kg_header_t *header = &model->header;
    const trn_model_shape_t *shape = &header->shape;
    int64_t rows = trn_kg_relation_rows(header), second = header->model->second_width(shape);
    if (entities)
        TRN_TRY(load_rows(model->store, "/entity/values", model->first, model->count, shape->dim,
                          &model->entity));
    TRN_TRY(load_rows(model->store, "/relation/values", 0, rows,
                      header->model->relation_width(shape), &model->relation));
    if (second == 0) return TRN_OK;
    return load_rows(model->store, "/relation/values2", 0, rows, second, &model->second);
}

static trn_status_t open_model(trn_kg_model_t *model, MPI_Comm comm, const char *path,
                               const trn_kg_t *kg, bool entities) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_TRY(trn_store_open(&model->store, comm, path, "kg-model"));
    TRN_AGREE(comm, trn_kg_header_read(model->store, &model->header));
    if (kg) {
        TRN_TRY(trn_kg_header_check(&model->header, path, kg));
        TRN_TRY(check_names(model, comm, kg, "/entity/names", kg->entities));
        TRN_TRY(check_names(model, comm, kg, "/relation/names", kg->relations));
    }
    model->first = trn_part_start(model->header.entities, ranks, rank);
    model->count = trn_part_start(model->header.entities, ranks, rank + 1) - model->first;
    return trn_agree(comm, load(model, entities));
}

trn_status_t trn_kg_model_open(trn_kg_model_t *model, MPI_Comm comm, const char *path,
                               const trn_kg_t *kg) {
    *model = (trn_kg_model_t){0};
    trn_status_t status = open_model(model, comm, path, kg, true);
    if (status != TRN_OK) trn_kg_model_close(model);
    return status;
}

trn_status_t trn_kg_model_open_relations(trn_kg_model_t *model, MPI_Comm comm, const char *path,
                                         const trn_kg_t *kg) {
    *model = (trn_kg_model_t){0};
    trn_status_t status = open_model(model, comm, path, kg, false);
    if (status != TRN_OK) trn_kg_model_close(model);
    return status;
}

void trn_kg_model_close(trn_kg_model_t *model) {
    trn_store_close(&model->store);
    trn_free(&model->entity);
    trn_free(&model->relation);
    trn_free(&model->second);
    *model = (trn_kg_model_t){0};
}

void trn_kg_model_relations_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int rank) {
    enum { HEAP = 1 << 20 /* what malloc keeps of small blocks that were read through */ };
    const trn_model_shape_t *shape = &header->shape;
    int64_t relation = header->model->relation_width(shape) + header->model->second_width(shape);
    trn_ledger_take(ledger, "libraries", HEAP, 1);
    trn_ledger_take(ledger, "stores", trn_store_open_bytes(), 1);
    if (rank == 0) trn_ledger_pass(ledger, "names", 2, trn_names_look_bytes(header->entities));
    trn_ledger_take(ledger, "model", trn_kg_relation_rows(header) * relation,
                    (int64_t)sizeof(float));
}

void trn_kg_model_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int ranks, int rank) {
    trn_kg_model_relations_plan(ledger, header, rank);
    trn_ledger_take(ledger, "model", trn_kg_own(header->entities, ranks, rank) * header->shape.dim,
                    (int64_t)sizeof(float));
}
