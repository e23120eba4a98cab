/* nodepiece_hash.c: makes hashes out of links, and keeps them in stores. */
#include "algo/kg/nodepiece/nodepiece_hash.h"

#include "base/mem.h"
#include "graph/anchors.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <inttypes.h>
#include <string.h>

/* Anchors are searched from in groups of one machine word. */
enum { GROUP = 64 };

static void band(trn_nodepiece_hash_t *hash, MPI_Comm comm) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    hash->first = trn_part_start(hash->entities, ranks, rank);
    hash->count = trn_part_start(hash->entities, ranks, rank + 1) - hash->first;
}

static trn_status_t check_config(const trn_kg_t *kg, const trn_nodepiece_config_t *config) {
    if (config->anchors < 1 || config->anchors > kg->entities)
        return trn_fail(TRN_USAGE, "--anchors: %" PRId64 " of %" PRId64 " entities cannot be",
                        config->anchors, kg->entities);
    if (config->nearest < 1 || config->nearest > config->anchors)
        return trn_fail(TRN_USAGE, "--nearest: %" PRId64 " of %" PRId64 " anchors cannot be",
                        config->nearest, config->anchors);
    if (kg->relations > INT32_MAX / 4)
        return trn_fail(TRN_INPUT, "/relation/names: too many relations");
    return TRN_OK;
}

static trn_status_t allocate_lists(trn_nodepiece_hash_t *h) {
    TRN_TRY(trn_alloc(&h->near, h->count * h->nearest, sizeof *h->near, "hashes"));
    return trn_alloc(&h->distance, h->count * h->nearest, sizeof *h->distance, "hashes");
}

static trn_status_t allocate(trn_nodepiece_hash_t *h) {
    TRN_TRY(trn_alloc(&h->anchor, h->anchors, sizeof *h->anchor, "anchors"));
    TRN_TRY(allocate_lists(h));
    return trn_alloc(&h->relation, h->count * h->context, sizeof *h->relation, "hashes");
}

static trn_status_t read_links(trn_links_t *links, const trn_kg_t *kg) {
    int64_t count = kg->triples[TRN_TRAIN];
    trn_triple_t *triples = NULL;
    TRN_TRY(trn_alloc(&triples, count, sizeof *triples, "training triples"));
    trn_status_t status = trn_kg_read(kg, TRN_TRAIN, 0, count, triples);
    if (status == TRN_OK)
        status = trn_links_create(links, kg->entities, kg->relations, count, triples);
    trn_free(&triples);
    return status;
}

static trn_status_t relation_context(trn_nodepiece_hash_t *h, const trn_links_t *links,
                                     uint64_t seed) {
    int64_t most = 0;
    int64_t *scratch = NULL;
    TRN_TRY(trn_alloc(&h->relation, h->count * h->context, sizeof *h->relation, "hashes"));
    for (int64_t i = 0; i < h->count; i++) {
        int64_t degree = trn_links_degree(links, h->first + i);
        most = degree > most ? degree : most;
    }
    TRN_TRY(trn_alloc(&scratch, most, sizeof *scratch, "links of an entity"));
    for (int64_t i = 0; i < h->count; i++)
        trn_links_context(links, h->first + i, seed, h->context, (int32_t)(2 * h->relations),
                          scratch, h->relation + i * h->context);
    trn_free(&scratch);
    return TRN_OK;
}

/* Everything that a rank does on its own: the anchors, the lists of its share of them for all
 * entities, the context of its entities. */
static trn_status_t search(trn_nodepiece_hash_t *h, const trn_kg_t *kg, MPI_Comm comm,
                           const trn_nodepiece_config_t *config, trn_near_t **lists) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    trn_links_t links = {0};
    int64_t k = h->nearest, groups = (h->anchors + GROUP - 1) / GROUP;
    int64_t first = trn_part_start(groups, ranks, rank) * GROUP;
    int64_t end = trn_part_start(groups, ranks, rank + 1) * GROUP;
    if (end > h->anchors) end = h->anchors;
    trn_status_t status = trn_alloc(&h->anchor, h->anchors, sizeof *h->anchor, "anchors");
    if (status == TRN_OK)
        status = trn_alloc(lists, h->entities * k, sizeof **lists, "the nearest anchors");
    if (status == TRN_OK) trn_near_clear(h->entities * k, *lists);
    if (status == TRN_OK) status = read_links(&links, kg);
    if (status == TRN_OK) status = trn_anchors_choose(&links, h->anchors, config->seed, h->anchor);
    trn_watch_tick();
    if (status == TRN_OK && end > first)
        status = trn_anchors_reach(&links, h->anchor, first, end - first, config->hops, k, *lists);
    trn_watch_tick();
    if (status == TRN_OK) status = relation_context(h, &links, config->seed);
    trn_links_free(&links);
    return status;
}

/* Put the lists of all ranks together for the own entities. */
static void merge(trn_nodepiece_hash_t *h, int ranks, const trn_near_t *parts, trn_near_t *near) {
    int64_t k = h->nearest;
    for (int64_t i = 0; i < h->count; i++) {
        trn_near_clear(k, near);
        for (int r = 0; r < ranks; r++) {
            const trn_near_t *part = parts + (r * h->count + i) * k;
            for (int64_t j = 0; j < k && part[j].anchor >= 0; j++)
                trn_near_insert(k, near, part[j].distance, part[j].anchor);
        }
        for (int64_t j = 0; j < k; j++) {
            bool none = near[j].anchor < 0;
            h->near[i * k + j] = none ? (int32_t)h->anchors : near[j].anchor;
            h->distance[i * k + j] = none ? 0 : near[j].distance;
            if (!none && near[j].distance > h->farthest) h->farthest = near[j].distance;
        }
    }
}

/* Collective: every entity's lists go to the rank that holds it. */
static trn_status_t gather(trn_nodepiece_hash_t *h, MPI_Comm comm, const trn_near_t *lists) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_parcels_t parcels = {0};
    int64_t *bytes = NULL;
    trn_near_t *near = NULL;
    trn_status_t status = trn_alloc(&bytes, ranks, sizeof *bytes, "sizes of parcels");
    if (status == TRN_OK) status = trn_alloc(&near, h->nearest, sizeof *near, "a list");
    if (status == TRN_OK) status = allocate_lists(h);
    TRN_OR(done, trn_agree(comm, status));
    for (int r = 0; r < ranks; r++)
        bytes[r] =
            (trn_part_start(h->entities, ranks, r + 1) - trn_part_start(h->entities, ranks, r)) *
            h->nearest * (int64_t)sizeof *lists;
    TRN_OR(done, trn_exchange(comm, lists, bytes, &parcels));
    merge(h, ranks, parcels.data, near);
    MPI_Allreduce(MPI_IN_PLACE, &h->farthest, 1, MPI_INT64_T, MPI_MAX, comm);
done:
    trn_parcels_free(&parcels);
    trn_free(&bytes);
    trn_free(&near);
    return status;
}

trn_status_t trn_nodepiece_hash_create(trn_nodepiece_hash_t *hash, MPI_Comm comm,
                                       const trn_kg_t *kg, const trn_nodepiece_config_t *config) {
    *hash = (trn_nodepiece_hash_t){.entities = kg->entities,
                                   .relations = kg->relations,
                                   .anchors = config->anchors,
                                   .nearest = config->nearest,
                                   .context = config->context};
    trn_near_t *lists = NULL;
    TRN_AGREE(comm, check_config(kg, config));
    band(hash, comm);
    trn_status_t status = trn_agree(comm, search(hash, kg, comm, config, &lists));
    if (status == TRN_OK) status = gather(hash, comm, lists);
    trn_free(&lists);
    if (status != TRN_OK) trn_nodepiece_hash_free(hash);
    return status;
}

void trn_nodepiece_hash_free(trn_nodepiece_hash_t *hash) {
    trn_free(&hash->anchor);
    trn_free(&hash->near);
    trn_free(&hash->distance);
    trn_free(&hash->relation);
    *hash = (trn_nodepiece_hash_t){0};
}

void trn_nodepiece_hash_plan(trn_ledger_t *ledger, const trn_kg_t *kg,
                             const trn_nodepiece_config_t *config, int ranks, int rank) {
    enum { SPARE = 4 /* a quarter more, as parcels have */ };
    int64_t n = kg->entities, triples = kg->triples[TRN_TRAIN], k = config->nearest;
    int64_t own = trn_part_start(n, ranks, rank + 1) - trn_part_start(n, ranks, rank);
    int64_t received = own * ranks * k;
    const int64_t list = (int64_t)sizeof(trn_near_t), number = (int64_t)sizeof(int32_t);
    trn_ledger_take(ledger, "hashes", config->anchors, number);
    trn_ledger_take(ledger, "lists", n * k, list);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "links", trn_links_bytes(n, triples), 1);
    trn_ledger_pass(ledger, "links", triples, (int64_t)sizeof(trn_triple_t));
    trn_anchors_plan(ledger, n);
    trn_ledger_take(ledger, "hashes", own * config->context, number);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "hashes", own * (config->context + 2 * k), number);
    trn_ledger_pass(ledger, "lists", received + received / SPARE, list);
    trn_ledger_give(ledger, "lists", n * k, list);
}

/* The three datasets of rows, as one table. */
typedef struct rows {
    const char *name;
    int64_t cols;
    int32_t **data;
} rows_t;

enum { DATASETS = 3 };

static void datasets(trn_nodepiece_hash_t *h, rows_t table[DATASETS]) {
    table[0] = (rows_t){"/hash/anchor", h->nearest, &h->near};
    table[1] = (rows_t){"/hash/distance", h->nearest, &h->distance};
    table[2] = (rows_t){"/hash/relation", h->context, &h->relation};
}

static const char *name_of(const char *prefix, const char *name, char text[64]) {
    snprintf(text, 64, "%s%s", prefix, name);
    return text;
}

static trn_status_t check_sizes(const trn_store_t *store, const trn_nodepiece_hash_t *h) {
    bool good = h->entities > 0 && h->relations > 0 && h->anchors > 0 && h->nearest > 0 &&
                h->context >= 0 && h->farthest >= 0 && h->entities <= INT32_MAX &&
                h->relations <= INT32_MAX / 4 && h->anchors <= h->entities &&
                h->nearest <= h->anchors && h->farthest < h->entities && h->context <= 65536;
    if (good) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: sizes of the hashes that cannot be; make it again",
                    trn_store_path(store));
}

/* Attributes are of the root, named "anchors" or "nodepiece_anchors". */
static trn_status_t attributes(trn_store_t *store, const trn_store_t *from, const char *prefix,
                               trn_nodepiece_hash_t *h) {
    static const char *const names[6] = {"entities", "relations", "anchors",
                                         "nearest",  "context",   "farthest"};
    int64_t *values[6] = {&h->entities, &h->relations, &h->anchors,
                          &h->nearest,  &h->context,   &h->farthest};
    for (int i = 0; i < 6; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s%s%s", *prefix ? prefix + 1 : "", *prefix ? "_" : "",
                 names[i]);
        TRN_TRY(store ? trn_store_set_int(store, "/", text, *values[i])
                      : trn_store_get_int(from, "/", text, values[i]));
    }
    return TRN_OK;
}

trn_status_t trn_nodepiece_hash_declare(const trn_nodepiece_hash_t *hash, trn_store_t *store,
                                        const char *prefix) {
    trn_nodepiece_hash_t copy = *hash;
    char text[64];
    rows_t table[DATASETS];
    datasets(&copy, table);
    TRN_TRY(trn_store_dataset(store, name_of(prefix, "/anchors", text), TRN_I32, hash->anchors, 0));
    for (int i = 0; i < DATASETS; i++)
        if (table[i].cols > 0)
            TRN_TRY(trn_store_dataset(store, name_of(prefix, table[i].name, text), TRN_I32,
                                      hash->entities, table[i].cols));
    return attributes(store, NULL, prefix, &copy);
}

trn_status_t trn_nodepiece_hash_write(const trn_nodepiece_hash_t *hash, MPI_Comm comm,
                                      trn_store_t *store, const char *prefix) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    trn_nodepiece_hash_t copy = *hash;
    char text[64];
    rows_t table[DATASETS];
    datasets(&copy, table);
    int64_t first = trn_part_start(hash->anchors, ranks, rank);
    int64_t end = trn_part_start(hash->anchors, ranks, rank + 1);
    TRN_TRY(trn_store_write(store, name_of(prefix, "/anchors", text), first, end - first,
                            hash->anchor + first));
    for (int i = 0; i < DATASETS; i++)
        if (table[i].cols > 0)
            TRN_TRY(trn_store_write(store, name_of(prefix, table[i].name, text), hash->first,
                                    hash->count, *table[i].data));
    return TRN_OK;
}

trn_status_t trn_nodepiece_hash_sizes(const trn_store_t *store, const char *prefix,
                                      trn_nodepiece_hash_t *hash) {
    TRN_TRY(attributes(NULL, store, prefix, hash));
    return check_sizes(store, hash);
}

static trn_status_t check_range(const trn_store_t *store, const char *name, int64_t count,
                                const int32_t *values, int64_t most) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] < 0 || values[i] > most)
            return trn_fail(TRN_INPUT, "%s:%s: %d is not from 0 to %" PRId64 "; make it again",
                            trn_store_path(store), name, values[i], most);
    return TRN_OK;
}

trn_status_t trn_nodepiece_hash_read(trn_store_t *store, const char *prefix,
                                     trn_nodepiece_hash_t *hash) {
    rows_t table[DATASETS];
    char text[64];
    int64_t rows, most[DATASETS] = {hash->anchors, hash->farthest, 2 * hash->relations};
    TRN_TRY(allocate(hash));
    TRN_TRY(trn_store_need(store, name_of(prefix, "/anchors", text), TRN_I32, &rows, 0));
    if (rows != hash->anchors)
        return trn_fail(TRN_INPUT, "%s:%s: not as many as it says", trn_store_path(store), text);
    TRN_TRY(trn_store_read(store, text, 0, hash->anchors, hash->anchor));
    TRN_TRY(check_range(store, text, hash->anchors, hash->anchor, hash->entities - 1));
    datasets(hash, table);
    for (int i = 0; i < DATASETS; i++) {
        if (table[i].cols == 0) continue;
        name_of(prefix, table[i].name, text);
        TRN_TRY(trn_store_need(store, text, TRN_I32, &rows, table[i].cols));
        if (rows != hash->entities)
            return trn_fail(TRN_INPUT, "%s:%s: not as many as entities", trn_store_path(store),
                            text);
        TRN_TRY(trn_store_read(store, text, hash->first, hash->count, *table[i].data));
        TRN_TRY(check_range(store, text, hash->count * table[i].cols, *table[i].data, most[i]));
    }
    return TRN_OK;
}

/* The sizes in an open store, which must be of this graph. */
static trn_status_t sizes_of(const trn_store_t *store, const trn_kg_t *kg,
                             trn_nodepiece_hash_t *hash) {
    TRN_TRY(trn_nodepiece_hash_sizes(store, "", hash));
    if (hash->entities == kg->entities && hash->relations == kg->relations) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: hashes of %" PRId64 " entities and %" PRId64 " relations, but %s has "
                    "%" PRId64 " and %" PRId64 "; make them of this graph",
                    trn_store_path(store), hash->entities, hash->relations,
                    trn_store_path(kg->store), kg->entities, kg->relations);
}

trn_status_t trn_nodepiece_hash_look(trn_nodepiece_hash_t *sizes, MPI_Comm comm, const char *path,
                                     const trn_kg_t *kg) {
    trn_store_t *store = NULL;
    *sizes = (trn_nodepiece_hash_t){0};
    TRN_TRY(trn_store_open(&store, comm, path, "nodepiece"));
    trn_status_t status = trn_agree(comm, sizes_of(store, kg, sizes));
    trn_store_close(&store);
    return status;
}

trn_status_t trn_nodepiece_hash_open(trn_nodepiece_hash_t *hash, MPI_Comm comm, const char *path,
                                     const trn_kg_t *kg) {
    trn_store_t *store = NULL;
    *hash = (trn_nodepiece_hash_t){0};
    TRN_TRY(trn_store_open(&store, comm, path, "nodepiece"));
    trn_status_t status = sizes_of(store, kg, hash);
    band(hash, comm);
    if (status == TRN_OK) status = trn_nodepiece_hash_read(store, "", hash);
    status = trn_agree(comm, status);
    trn_store_close(&store);
    if (status != TRN_OK) trn_nodepiece_hash_free(hash);
    return status;
}
