#include "algo/kg/nodepiece/kg_unseen.h"

#include "algo/kg/nodepiece/encoder.h"
#include "algo/kg/nodepiece/kg_nodepiece.h"
#include "algo/kg/nodepiece/nodepiece_hash.h"
#include "base/mem.h"
#include "graph/anchors.h"
#include "graph/links.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <inttypes.h>
#include <string.h>

/* The first line that is no fact about an unseen entity fails. Collective. */
static trn_status_t check_facts(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg) {
    for (int64_t i = 0; i < lines->count; i++) {
        const trn_triple_t *fact = &lines->number[i];
        if (fact->relation < 0) return trn_kg_lines_unknown(lines, comm, kg, i, 1, 0, NULL);
        if (fact->head >= 0 && fact->tail >= 0)
            return trn_fail(TRN_INPUT,
                            "%s:%" PRId64 ": both entities are in the graph; give facts of "
                            "entities that are not",
                            lines->path, lines->line[i]);
    }
    return TRN_OK;
}

static int32_t *number_of(const trn_kg_lines_t *lines, int64_t place) {
    trn_triple_t *fact = &lines->number[place / 2];
    return place % 2 ? &fact->tail : &fact->head;
}

/* Number the unseen entities in the order of their first coming. `all` and its table hold the
 * entities' names, heads and tails in turn. */
static trn_status_t number_unseen(trn_unseen_t *u, char ***all, trn_lookup_t **table) {
    const trn_kg_lines_t *lines = &u->lines;
    int64_t count = 2 * lines->count;
    TRN_TRY(trn_alloc(all, count, sizeof **all, "unseen entities"));
    TRN_TRY(trn_alloc(&u->names, count, sizeof *u->names, "unseen entities"));
    for (int64_t i = 0; i < count; i++)
        (*all)[i] = lines->name[i / 2][i % 2 ? 2 : 0];
    TRN_TRY(trn_lookup_create(table, count, *all, false, NULL));
    for (int64_t i = 0; i < count; i++) {
        int32_t *number = number_of(lines, i);
        if (*number >= 0) continue;
        int64_t first = trn_lookup_find(*table, (*all)[i]);
        if (first == i) u->names[u->count++] = (*all)[i];
        if (u->entities + u->count > INT32_MAX)
            return trn_fail(TRN_INPUT, "%s: too many entities", lines->path);
        *number = first == i ? (int32_t)(u->entities + u->count - 1) : *number_of(lines, first);
    }
    u->facts = lines->count;
    u->fact = lines->number;
    return TRN_OK;
}

trn_status_t trn_unseen_read(trn_unseen_t *unseen, MPI_Comm comm, const char *path,
                             const trn_kg_form_t *form, const trn_kg_t *kg) {
    trn_lookup_t *table = NULL;
    char **all = NULL;
    *unseen = (trn_unseen_t){.entities = kg->entities};
    TRN_TRY(trn_kg_lines_read(&unseen->lines, comm, path, "fact", form, kg));
    TRN_TRY(check_facts(&unseen->lines, comm, kg));
    trn_status_t status = trn_agree(comm, number_unseen(unseen, &all, &table));
    trn_lookup_destroy(&table);
    trn_free(&all);
    return status;
}

void trn_unseen_free(trn_unseen_t *unseen) {
    trn_free(&unseen->names);
    trn_kg_lines_free(&unseen->lines);
    *unseen = (trn_unseen_t){0};
}

/* An anchor competes for a list in which it may stand already, at another distance. */
static void insert_once(int64_t k, trn_near_t *near, int32_t distance, int32_t anchor) {
    for (int64_t i = 0; i < k; i++) {
        if (near[i].anchor != anchor) continue;
        if (near[i].distance <= distance) return;
        memmove(&near[i], &near[i + 1], (size_t)(k - 1 - i) * sizeof *near);
        near[k - 1] = (trn_near_t){INT32_MAX, -1};
    }
    trn_near_insert(k, near, distance, anchor);
}

/* The anchors of the known entity `neighbour`, one link farther, compete for a list. `row` holds
 * the hash of one entity. */
static trn_status_t pass_on(trn_store_t *store, const trn_nodepiece_hash_t *sizes,
                            trn_nodepiece_hash_t *row, int64_t neighbour, trn_near_t *near) {
    trn_nodepiece_hash_free(row);
    *row = *sizes;
    row->first = neighbour;
    row->count = 1;
    row->anchor = row->near = row->distance = row->relation = NULL;
    TRN_TRY(trn_nodepiece_hash_read(store, "/nodepiece", row));
    for (int64_t j = 0; j < row->nearest && row->near[j] < row->anchors; j++) {
        int64_t distance = row->distance[j] + 1;
        if (distance > row->farthest) distance = row->farthest;
        insert_once(row->nearest, near, (int32_t)distance, row->near[j]);
    }
    return TRN_OK;
}

static trn_status_t nearest_anchors(const trn_unseen_t *u, trn_store_t *store, trn_near_t *near,
                                    const trn_nodepiece_hash_t *sizes) {
    trn_nodepiece_hash_t row = {0};
    int64_t k = sizes->nearest;
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < u->facts && status == TRN_OK; i++) {
        int64_t head = u->fact[i].head, tail = u->fact[i].tail;
        if (head >= u->entities && tail < u->entities)
            status = pass_on(store, sizes, &row, tail, near + (head - u->entities) * k);
        else if (tail >= u->entities && head < u->entities)
            status = pass_on(store, sizes, &row, head, near + (tail - u->entities) * k);
    }
    trn_nodepiece_hash_free(&row);
    return status;
}

/* Which unseen entities are linked with one of the graph; the first that is not, or -1. */
static int64_t unlinked(const trn_unseen_t *u, bool *linked) {
    for (int64_t i = 0; i < u->count; i++)
        linked[i] = false;
    for (int64_t i = 0; i < u->facts; i++) {
        int64_t head = u->fact[i].head, tail = u->fact[i].tail;
        if (head >= u->entities && tail < u->entities) linked[head - u->entities] = true;
        if (tail >= u->entities && head < u->entities) linked[tail - u->entities] = true;
    }
    for (int64_t i = 0; i < u->count; i++)
        if (!linked[i]) return i;
    return -1;
}

/* Relation types around the unseen entities: a graph in which all others are one. */
static trn_status_t contexts(const trn_unseen_t *u, trn_nodepiece_hash_t *hash) {
    trn_triple_t *facts = NULL;
    trn_links_t links = {0};
    int64_t *scratch = NULL;
    trn_status_t status = trn_alloc(&facts, u->facts, sizeof *facts, "facts");
    if (status == TRN_OK)
        status = trn_alloc(&scratch, 2 * u->facts, sizeof *scratch, "links of an entity");
    for (int64_t i = 0; i < u->facts && status == TRN_OK; i++) {
        trn_triple_t f = u->fact[i];
        int64_t head = f.head < u->entities ? u->count : f.head - u->entities;
        int64_t tail = f.tail < u->entities ? u->count : f.tail - u->entities;
        facts[i] = (trn_triple_t){(int32_t)head, f.relation, (int32_t)tail};
    }
    if (status == TRN_OK)
        status = trn_links_create(&links, u->count + 1, hash->relations, u->facts, facts);
    for (int64_t i = 0; i < u->count && status == TRN_OK; i++)
        trn_links_context(&links, i, 0, hash->context, (int32_t)(2 * hash->relations), scratch,
                          hash->relation + i * hash->context);
    trn_links_free(&links);
    trn_free(&facts);
    trn_free(&scratch);
    return status;
}

/* The hashes of the unseen entities, numbered from 0. Local. */
static trn_status_t hash_unseen(const trn_unseen_t *u, trn_store_t *store,
                                const trn_nodepiece_hash_t *sizes, trn_nodepiece_hash_t *hash) {
    int64_t k = sizes->nearest, all = u->count * k;
    trn_near_t *near = NULL;
    *hash = *sizes;
    hash->first = 0;
    hash->count = u->count;
    TRN_TRY(trn_alloc(&hash->near, all, sizeof *hash->near, "hashes"));
    TRN_TRY(trn_alloc(&hash->distance, all, sizeof *hash->distance, "hashes"));
    TRN_TRY(trn_alloc(&hash->relation, u->count * hash->context, sizeof(int32_t), "hashes"));
    TRN_TRY(trn_alloc(&near, all, sizeof *near, "the nearest anchors"));
    trn_near_clear(all, near);
    trn_status_t status = nearest_anchors(u, store, near, sizes);
    for (int64_t i = 0; i < all && status == TRN_OK; i++) {
        bool none = near[i].anchor < 0;
        hash->near[i] = none ? (int32_t)hash->anchors : near[i].anchor;
        hash->distance[i] = none ? 0 : near[i].distance;
    }
    trn_free(&near);
    return status == TRN_OK ? contexts(u, hash) : status;
}

/* The sizes of an encoder in a store of vectors of `dim` numbers. Local. */
static trn_status_t read_sizes(const trn_unseen_t *u, const trn_store_t *store, int64_t dim,
                               trn_nodepiece_hash_t *sizes, trn_encoder_shape_t *shape) {
    int64_t piece, hidden;
    if (!trn_store_has(store, "/nodepiece/first", NULL, NULL, NULL))
        return trn_fail(TRN_INPUT,
                        "%s: no encoder; unseen entities need a model of kg-train --encoder "
                        "nodepiece",
                        trn_store_path(store));
    TRN_TRY(trn_nodepiece_hash_sizes(store, "/nodepiece", sizes));
    TRN_TRY(trn_store_get_int(store, "/", "nodepiece_piece", &piece));
    TRN_TRY(trn_store_get_int(store, "/", "nodepiece_hidden", &hidden));
    if (sizes->entities != u->entities || piece < 1 || hidden < 1 || piece > 65536 ||
        hidden > 65536)
        return trn_fail(TRN_INPUT,
                        "%s: nodepiece_entities, nodepiece_piece or nodepiece_hidden: "
                        "not of this model",
                        trn_store_path(store));
    *shape = trn_encoder_shape(sizes, piece, hidden, dim);
    return TRN_OK;
}

/* Every unseen entity has a neighbour in the graph. Local. */
static trn_status_t check_linked(const trn_unseen_t *u) {
    bool *linked = NULL;
    TRN_TRY(trn_alloc(&linked, u->count, sizeof *linked, "unseen entities"));
    int64_t lonely = unlinked(u, linked);
    trn_free(&linked);
    if (lonely < 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %s: no fact links it with an entity of the graph",
                    u->lines.path, u->names[lonely]);
}

trn_status_t trn_unseen_look(const trn_unseen_t *unseen, MPI_Comm comm, const char *path,
                             trn_encoder_shape_t *shape) {
    trn_nodepiece_hash_t sizes = {0};
    trn_store_t *store;
    int64_t dim;
    TRN_TRY(trn_store_open(&store, comm, path, "kg-model"));
    trn_status_t status = trn_store_get_int(store, "/", "dim", &dim);
    if (status == TRN_OK) status = read_sizes(unseen, store, dim, &sizes, shape);
    if (status == TRN_OK) status = check_linked(unseen);
    status = trn_agree(comm, status);
    trn_store_close(&store);
    return status;
}

/* Everything of the store but the learned numbers. Local. */
static trn_status_t prepare(const trn_unseen_t *u, const trn_kg_model_t *model,
                            trn_nodepiece_hash_t *hash, trn_encoder_shape_t *shape) {
    trn_nodepiece_hash_t sizes = {0};
    TRN_TRY(read_sizes(u, model->store, model->header.shape.dim, &sizes, shape));
    return hash_unseen(u, model->store, &sizes, hash);
}

/* Encode and append. Collective. */
static trn_status_t append(trn_encoder_t *encoder, trn_kg_model_t *model, int64_t count) {
    int64_t d = model->header.shape.dim;
    bool last = encoder->rank == encoder->ranks - 1;
    int32_t *ids = NULL;
    trn_status_t status = trn_alloc(&ids, encoder->most, sizeof *ids, "unseen entities");
    if (status == TRN_OK && last)
        status = trn_realloc(&model->entity, (model->count + count) * d, sizeof(float),
                             "vectors of unseen entities");
    TRN_OR(done, trn_agree(encoder->comm, status));
    for (int64_t first = 0; first < count; first += encoder->most) {
        int64_t n = count - first < encoder->most ? count - first : encoder->most;
        for (int64_t i = 0; i < n; i++)
            ids[i] = (int32_t)(first + i);
        TRN_OR(done, trn_encoder_forward(encoder, n, ids, false, 0));
        if (last)
            memcpy(model->entity + (model->count + first) * d, encoder->out,
                   (size_t)(n * d) * sizeof(float));
    }
    if (last) model->count += count;
    model->header.entities += count;
done:
    trn_free(&ids);
    return status;
}

enum { AT_ONCE = 1024 /* entities encoded together */ };

trn_status_t trn_unseen_encode(const trn_unseen_t *unseen, trn_kg_model_t *model, MPI_Comm comm) {
    trn_nodepiece_hash_t hash = {0};
    trn_encoder_shape_t shape;
    trn_encoder_t *encoder = NULL;
    trn_status_t status;
    int64_t most = unseen->count < AT_ONCE ? unseen->count : AT_ONCE;
    TRN_OR(done, trn_agree(comm, prepare(unseen, model, &hash, &shape)));
    TRN_OR(done, trn_encoder_create(&encoder, comm, &shape, unseen->count, most, NULL));
    trn_encoder_take(encoder, &hash);
    TRN_OR(done, trn_agree(comm, trn_kg_nodepiece_read(model->store, encoder)));
    TRN_OR(done, append(encoder, model, unseen->count));
done:
    trn_encoder_destroy(&encoder);
    trn_nodepiece_hash_free(&hash);
    return status;
}

void trn_unseen_encode_plan(trn_ledger_t *ledger, const trn_unseen_t *unseen,
                            const trn_kg_header_t *header, const trn_encoder_shape_t *shape,
                            int ranks, int rank) {
    enum { NUMBER = 4, ENDS = 2 * 8 /* of a fact, to sort */, LINK = 2 * 8 + 12 };
    int64_t count = unseen->count, most = count < AT_ONCE ? count : AT_ONCE;
    int64_t each = 4 * shape->nearest + shape->context; /* with the lists that they are made of */
    int64_t own = trn_kg_own(header->entities, ranks, rank) * header->shape.dim;
    int64_t fresh = rank == ranks - 1 ? count * header->shape.dim : 0;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "encoder", count * each, NUMBER);
    trn_ledger_take(ledger, "encoder", unseen->facts, ENDS + LINK);
    trn_encoder_plan(ledger, shape, count, most, NULL, ranks, rank);
    trn_ledger_pass(ledger, "model", fresh > 0 ? own : 0, NUMBER); /* a small one is copied */
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "model", fresh, NUMBER);
}
