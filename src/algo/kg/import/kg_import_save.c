/* kg_import_save.c: degrees, the inverse index, and the store. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/large.h"

#include <stdio.h>
#include <string.h>

/* What is counted and indexed of train, beside the facts. */
typedef struct tables {
    int64_t *degree;           /* [N x 2] */
    int64_t *count;            /* [R] */
    int64_t *start;            /* [N + 1] of the inverse index */
    int64_t *band;             /* [ranks + 1]: entities whose entries a rank brings together */
    int64_t *index;            /* of this rank's band */
    int64_t first[TRN_SPLITS]; /* number of this rank's first fact of each split */
} tables_t;

/* One entry of the inverse index on its way. */
typedef struct entry {
    int64_t entity, triple;
} entry_t;

/* Degrees, counts and where each entity's entries begin, equal on all ranks. Collective. */
static trn_status_t count_all(trn_kg_import_t *import, tables_t *t) {
    int64_t n = import->entities.total, relations = import->relations.total;
    trn_status_t status = trn_alloc_zero(&t->degree, n, 2 * sizeof *t->degree, "degrees");
    if (status == TRN_OK)
        status = trn_alloc_zero(&t->count, relations, sizeof *t->count, "relations' counts");
    if (status == TRN_OK) status = trn_alloc_zero(&t->start, n + 1, sizeof *t->start, "the index");
    if (status == TRN_OK)
        status = trn_alloc(&t->band, import->ranks + 1, sizeof *t->band, "bands of the index");
    TRN_AGREE(import->comm, status);
    const trn_kg_facts_t *train = &import->facts[TRN_TRAIN];
    for (int64_t i = 0; i < train->count; i++) {
        trn_triple_t f = train->triples[i];
        t->degree[2 * (int64_t)f.head]++;
        t->degree[2 * (int64_t)f.tail + 1]++;
        t->count[f.relation]++;
        t->start[f.head + 1]++;
        if (f.tail != f.head) t->start[f.tail + 1]++; /* a loop is listed once */
    }
    trn_sum_large(import->comm, 2 * n, MPI_INT64_T, t->degree);
    trn_sum_large(import->comm, relations, MPI_INT64_T, t->count);
    trn_sum_large(import->comm, n + 1, MPI_INT64_T, t->start);
    for (int64_t e = 0; e < n; e++) {
        t->start[e + 1] += t->start[e];
        import->report->unseen += t->start[e + 1] == t->start[e];
    }
    for (int64_t r = 0; r < relations; r++)
        import->report->unseen_relations += t->count[r] == 0;
    for (int split = 0; split < TRN_SPLITS; split++) {
        int64_t here = import->facts[split].count;
        MPI_Exscan(&here, &t->first[split], 1, MPI_INT64_T, MPI_SUM, import->comm);
        if (import->rank == 0) t->first[split] = 0;
        MPI_Allreduce(&here, &import->report->triples[split], 1, MPI_INT64_T, MPI_SUM,
                      import->comm);
    }
    return TRN_OK;
}

/* Bands of about as many entries: a few entities, often the first, have most of them. */
static void cut_bands(const trn_kg_import_t *import, tables_t *t) {
    int64_t n = import->entities.total, entity = 0;
    for (int r = 0; r < import->ranks; r++) {
        while (entity < n && t->start[entity] < trn_part_start(t->start[n], import->ranks, r))
            entity++;
        t->band[r] = entity;
    }
    t->band[import->ranks] = n;
}

static int band_of(const trn_kg_import_t *import, const tables_t *t, int64_t entity) {
    int low = 0, high = import->ranks;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (t->band[middle] <= entity)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Count or, if `send` is given, pack the entries of this rank's facts by the rank of their
 * entity's band; next[rank] goes on. Local. */
static void pack(const trn_kg_import_t *import, const tables_t *t, entry_t *send, int64_t *next) {
    const trn_kg_facts_t *train = &import->facts[TRN_TRAIN];
    for (int64_t i = 0; i < train->count; i++) {
        int32_t ends[2] = {train->triples[i].head, train->triples[i].tail};
        for (int side = 0; side < 2 - (ends[0] == ends[1]); side++) {
            int home = band_of(import, t, ends[side]);
            if (send) send[next[home]] = (entry_t){ends[side], t->first[TRN_TRAIN] + i};
            next[home]++;
        }
    }
}

/* The inverse index of this rank's band. Entries come by rank, hence by number of the fact.
 * Collective. */
static trn_status_t make_index(const trn_kg_import_t *import, tables_t *t) {
    int ranks = import->ranks;
    int64_t from = t->band[import->rank], to = t->band[import->rank + 1];
    int64_t *next = NULL, *bytes = NULL, *cursor = NULL, total = 0;
    entry_t *send = NULL;
    trn_parcels_t in = {0};
    trn_status_t status = trn_alloc_zero(&next, ranks, sizeof *next, "message places");
    if (status == TRN_OK) status = trn_alloc(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) {
        pack(import, t, NULL, next);
        for (int r = 0; r < ranks; r++) {
            int64_t here = next[r];
            bytes[r] = here * (int64_t)sizeof *send;
            next[r] = total;
            total += here;
        }
        status = trn_alloc(&send, total, sizeof *send, "entries of the index");
    }
    if (status == TRN_OK) status = trn_alloc(&cursor, to - from, sizeof *cursor, "the index");
    TRN_OR(done, trn_agree(import->comm, status));
    pack(import, t, send, next);
    TRN_OR(done, trn_exchange(import->comm, send, bytes, &in));
    trn_free(&send);
    status = trn_alloc(&t->index, t->start[to] - t->start[from], sizeof *t->index, "the index");
    TRN_OR(done, trn_agree(import->comm, status));
    for (int64_t e = from; e < to; e++)
        cursor[e - from] = t->start[e] - t->start[from];
    const entry_t *entries = in.data;
    for (int64_t i = 0; i < in.start[ranks] / (int64_t)sizeof *entries; i++)
        t->index[cursor[entries[i].entity - from]++] = entries[i].triple;
done:
    trn_free(&next);
    trn_free(&bytes);
    trn_free(&cursor);
    trn_free(&send);
    trn_parcels_free(&in);
    return status;
}

static trn_status_t declare(const trn_kg_import_t *import, const tables_t *t,
                            trn_numbering_feed_t feed[2], trn_store_t *store) {
    int64_t n = import->entities.total, relations = import->relations.total;
    TRN_TRY(trn_store_strings_from(store, "/entity/names", n, import->entities.bytes,
                                   trn_numbering_feed, &feed[0]));
    TRN_TRY(trn_store_strings_from(store, "/relation/names", relations, import->relations.bytes,
                                   trn_numbering_feed, &feed[1]));
    for (int split = 0; split < TRN_SPLITS; split++) {
        char name[16];
        snprintf(name, sizeof name, "/%s", trn_split_name((trn_split_t)split));
        TRN_TRY(trn_store_dataset(store, name, TRN_I32, import->report->triples[split], 3));
    }
    TRN_TRY(trn_store_dataset(store, "/entity/degree", TRN_I64, n, 2));
    TRN_TRY(trn_store_dataset(store, "/relation/count", TRN_I64, relations, 0));
    TRN_TRY(trn_store_dataset(store, "/index/start", TRN_I64, n + 1, 0));
    TRN_TRY(trn_store_dataset(store, "/index/triple", TRN_I64, t->start[n], 0));
    return trn_store_begin(store);
}

/* This rank's even band of rows, `width` numbers each, of a table that every rank has. Local. */
static trn_status_t write_band(const trn_kg_import_t *import, trn_store_t *store, const char *name,
                               int64_t rows, int64_t width, const int64_t *data) {
    int64_t first = trn_part_start(rows, import->ranks, import->rank);
    int64_t end = trn_part_start(rows, import->ranks, import->rank + 1);
    return trn_store_write(store, name, first, end - first, data + first * width);
}

static trn_status_t write_all(const trn_kg_import_t *import, const tables_t *t,
                              trn_store_t *store) {
    int64_t n = import->entities.total, first = t->start[t->band[import->rank]];
    for (int split = 0; split < TRN_SPLITS; split++) {
        char name[16];
        snprintf(name, sizeof name, "/%s", trn_split_name((trn_split_t)split));
        TRN_TRY(trn_store_write(store, name, t->first[split], import->facts[split].count,
                                import->facts[split].triples));
    }
    TRN_TRY(write_band(import, store, "/entity/degree", n, 2, t->degree));
    TRN_TRY(write_band(import, store, "/relation/count", import->relations.total, 1, t->count));
    TRN_TRY(write_band(import, store, "/index/start", n + 1, 1, t->start));
    return trn_store_write(store, "/index/triple", first,
                           t->start[t->band[import->rank + 1]] - first, t->index);
}

trn_status_t trn_kg_import_save(trn_kg_import_t *import, const char *output, const char *created_by,
                                const json_t *params) {
    tables_t t = {0};
    trn_store_t *store = NULL;
    trn_numbering_feed_t feed[2] = {{.names = &import->entities}, {.names = &import->relations}};
    import->report->entities = import->entities.total;
    import->report->relations = import->relations.total;
    trn_status_t status = count_all(import, &t);
    if (status == TRN_OK) {
        cut_bands(import, &t);
        status = make_index(import, &t);
    }
    if (status == TRN_OK)
        status = trn_store_create(&store, import->comm, output, "kg", created_by, params,
                                  import->options->seed);
    if (status == TRN_OK) {
        status = declare(import, &t, feed, store);
        if (status == TRN_OK)
            status = trn_store_commit_replace(&store, write_all(import, &t, store));
        else
            trn_store_abandon(&store);
    }
    trn_numbering_feed_free(&feed[0]);
    trn_numbering_feed_free(&feed[1]);
    trn_free(&t.degree);
    trn_free(&t.count);
    trn_free(&t.start);
    trn_free(&t.band);
    trn_free(&t.index);
    return status;
}
