/* kg.c: opens graphs and reads their triples. */
#include "algo/kg/kg.h"

#include "mpi/agree.h"
#include "mpi/dist.h"

#include <inttypes.h>
#include <stdio.h>

const char *trn_split_name(trn_split_t split) {
    static const char *const names[TRN_SPLITS] = {"train", "valid", "test"};
    return names[split];
}

/* Dataset of a split: "/train". */
static void dataset_of(trn_split_t split, char name[16]) {
    snprintf(name, 16, "/%s", trn_split_name(split));
}

/* Fail unless a dataset has the number of rows that follows from the others. */
static trn_status_t check_rows(const trn_kg_t *kg, const char *name, int64_t cols, int64_t wanted) {
    int64_t rows;
    TRN_TRY(trn_store_need(kg->store, name, TRN_I64, &rows, cols));
    if (rows != wanted)
        return trn_fail(TRN_INPUT,
                        "%s:%s: %" PRId64 " rows, %" PRId64
                        " wanted; make the graph again with kg-import",
                        trn_store_path(kg->store), name, rows, wanted);
    return TRN_OK;
}

static trn_status_t check_layout(trn_kg_t *kg) {
    const char *path = trn_store_path(kg->store);
    TRN_TRY(trn_store_need(kg->store, "/entity/names", TRN_STRING, &kg->entities, 0));
    TRN_TRY(trn_store_need(kg->store, "/relation/names", TRN_STRING, &kg->relations, 0));
    for (int split = 0; split < TRN_SPLITS; split++) {
        char name[16];
        dataset_of(split, name);
        TRN_TRY(trn_store_need(kg->store, name, TRN_I32, &kg->triples[split], 3));
    }
    if (kg->triples[TRN_TRAIN] == 0 || kg->entities == 0 || kg->relations == 0)
        return trn_fail(TRN_INPUT, "%s:/train: no triples; make the graph again with kg-import",
                        path);
    if (kg->entities > INT32_MAX || kg->relations > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s:/entity/names: more than 2^31 - 1 names", path);
    TRN_TRY(check_rows(kg, "/entity/degree", 2, kg->entities));
    TRN_TRY(check_rows(kg, "/relation/count", 0, kg->relations));
    return check_rows(kg, "/index/start", 0, kg->entities + 1);
}

trn_status_t trn_kg_open(trn_kg_t *kg, MPI_Comm comm, const char *path) {
    *kg = (trn_kg_t){0};
    TRN_TRY(trn_store_open(&kg->store, comm, path, "kg"));
    trn_status_t status = trn_agree(comm, check_layout(kg));
    if (status != TRN_OK) trn_kg_close(kg);
    return status;
}

void trn_kg_close(trn_kg_t *kg) {
    trn_store_close(&kg->store);
    *kg = (trn_kg_t){0};
}

trn_status_t trn_kg_read(const trn_kg_t *kg, trn_split_t split, int64_t first, int64_t count,
                         trn_triple_t *triples) {
    _Static_assert(sizeof *triples == 3 * sizeof(int32_t), "triples lie as rows of the store");
    char name[16];
    if (count == 0) return TRN_OK;
    dataset_of(split, name);
    TRN_TRY(trn_store_read(kg->store, name, first, count, triples));
    for (int64_t i = 0; i < count; i++) {
        trn_triple_t t = triples[i];
        if (t.head < 0 || t.head >= kg->entities || t.tail < 0 || t.tail >= kg->entities ||
            t.relation < 0 || t.relation >= kg->relations)
            return trn_fail(TRN_INPUT,
                            "%s:%s: row %" PRId64 " (%d, %d, %d) names no entity or relation of "
                            "the graph; make it again with kg-import",
                            trn_store_path(kg->store), name, first + i, t.head, t.relation, t.tail);
    }
    return TRN_OK;
}

int64_t trn_kg_own(int64_t count, int ranks, int rank) {
    return trn_part_start(count, ranks, rank + 1) - trn_part_start(count, ranks, rank);
}
