/* kg_seen.c: domains and ranges of relations, as train shows them. */
#include "algo/kg/answer/kg_seen.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdlib.h>

/* One end of a fact on its way to the rank that has the entity. */
typedef struct end {
    uint32_t list; /* 2 x relation, + 1 for heads */
    int32_t entity;
} end_t;

static int compare(const void *a, const void *b) {
    const end_t *x = a, *y = b;
    if (x->list != y->list) return x->list < y->list ? -1 : 1;
    return (x->entity > y->entity) - (x->entity < y->entity);
}

/* Send the ends of this rank's part of train. Collective. */
static trn_status_t exchange(const trn_kg_t *kg, MPI_Comm comm, trn_parcels_t *got) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t first = trn_part_start(kg->triples[TRN_TRAIN], ranks, rank);
    int64_t count = trn_part_start(kg->triples[TRN_TRAIN], ranks, rank + 1) - first;
    int64_t *bytes = NULL, *at = NULL;
    trn_triple_t *facts = NULL;
    end_t *ends = NULL;
    trn_status_t status = trn_alloc(&facts, count, sizeof *facts, "triples");
    if (status == TRN_OK) status = trn_alloc(&ends, 2 * count, sizeof *ends, "ends of triples");
    if (status == TRN_OK) status = trn_alloc_zero(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc_zero(&at, ranks + 1, sizeof *at, "message sizes");
    if (status == TRN_OK) status = trn_kg_read(kg, TRN_TRAIN, first, count, facts);
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < 2 * count; i++) {
        int32_t entity = i % 2 ? facts[i / 2].head : facts[i / 2].tail;
        at[trn_part_of(kg->entities, ranks, entity) + 1]++;
    }
    for (int r = 0; r < ranks; r++) {
        bytes[r] = at[r + 1] * (int64_t)sizeof *ends;
        at[r + 1] += at[r];
    }
    for (int64_t i = 0; i < 2 * count; i++) {
        const trn_triple_t *t = &facts[i / 2];
        end_t end = {2 * (uint32_t)t->relation + (uint32_t)(i % 2), i % 2 ? t->head : t->tail};
        ends[at[trn_part_of(kg->entities, ranks, end.entity)]++] = end;
    }
    status = trn_exchange(comm, ends, bytes, got);
done:
    trn_free(&facts);
    trn_free(&ends);
    trn_free(&bytes);
    trn_free(&at);
    return status;
}

/* Sort what has come into lists. Local. */
static trn_status_t list(trn_kg_seen_t *seen, int64_t relations, int64_t count, end_t *ends) {
    int64_t kept = 0;
    if (count > 0) qsort(ends, (size_t)count, sizeof *ends, compare);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || compare(&ends[i - 1], &ends[i]) != 0) ends[kept++] = ends[i];
    TRN_TRY(trn_alloc_zero(&seen->start, 2 * relations + 1, sizeof *seen->start, "types"));
    TRN_TRY(trn_alloc(&seen->entity, kept, sizeof *seen->entity, "types"));
    for (int64_t i = 0; i < kept; i++) {
        seen->start[ends[i].list + 1]++;
        seen->entity[i] = (int32_t)(ends[i].entity - seen->first);
    }
    for (int64_t r = 0; r < 2 * relations; r++)
        seen->start[r + 1] += seen->start[r];
    return TRN_OK;
}

trn_status_t trn_kg_seen_create(trn_kg_seen_t *seen, const trn_kg_t *kg, MPI_Comm comm) {
    trn_parcels_t got = {0};
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    *seen = (trn_kg_seen_t){.first = trn_part_start(kg->entities, ranks, rank)};
    trn_status_t status = exchange(kg, comm, &got);
    if (status == TRN_OK) {
        int64_t count = got.start[ranks] / (int64_t)sizeof(end_t);
        status = trn_agree(comm, list(seen, kg->relations, count, got.data));
    }
    trn_parcels_free(&got);
    return status;
}

void trn_kg_seen_free(trn_kg_seen_t *seen) {
    trn_free(&seen->start);
    trn_free(&seen->entity);
    *seen = (trn_kg_seen_t){0};
}

/* The first place of [low, high) whose entity is not below `entity`. */
static int64_t lower_bound(const trn_kg_seen_t *seen, int64_t low, int64_t high, int64_t entity) {
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (seen->entity[middle] < entity)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t trn_kg_seen_within(const trn_kg_seen_t *seen, int64_t relation, trn_side_t side,
                           int64_t first, int64_t n, const int32_t **entity) {
    int64_t at = 2 * relation + (side == TRN_SIDE_HEAD);
    int64_t low = lower_bound(seen, seen->start[at], seen->start[at + 1], first);
    *entity = seen->entity + low;
    return lower_bound(seen, low, seen->start[at + 1], first + n) - low;
}

void trn_kg_seen_plan(trn_ledger_t *ledger, int64_t triples, int64_t relations, int ranks,
                      int rank) {
    enum { SPARE = 4 /* a quarter more, as parcels have */ };
    int64_t facts = trn_part_start(triples, ranks, rank + 1) - trn_part_start(triples, ranks, rank);
    int64_t ends = 2 * facts;
    const int64_t end = (int64_t)sizeof(end_t);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "types", facts, (int64_t)sizeof(trn_triple_t));
    trn_ledger_take(ledger, "types", ends, end);
    trn_ledger_take(ledger, "types", ends + ends / SPARE, end);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "types", ends + ends / SPARE, end);
    trn_ledger_pass(ledger, "types", ends, end); /* qsort's copy */
    trn_ledger_take(ledger, "types", 2 * relations + 1, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "types", ends, (int64_t)sizeof(int32_t));
    trn_ledger_give(ledger, "types", ends + ends / SPARE, end);
}
