/* kg_categories.c: counts the heads and tails of every relation; facts travel to the rank that
 * their entity's hash names. */
#include "algo/kg/kg_categories.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdlib.h>

enum { PIECE = 65536 /* relations whose counts travel together */ };

/* A fact on its way to the rank that counts the tails of its head, or the heads of its tail. */
typedef struct pair {
    uint64_t key; /* relation x 2^32 + head or tail */
    int64_t answer;
} pair_t;

enum { FACTS, HEADS, TAILS, TALLIES }; /* of a relation */

static pair_t pair_of(const trn_triple_t *t, bool by_tail) {
    uint64_t key = (uint64_t)(uint32_t)t->relation << 32;
    return by_tail ? (pair_t){key | (uint32_t)t->tail, t->head}
                   : (pair_t){key | (uint32_t)t->head, t->tail};
}

/* Multiplication by an odd number mixes into the high bits. */
static int64_t counter_of(uint64_t key, int64_t ranks) {
    return (int64_t)((key * 0x9e3779b97f4a7c15) >> 33) % ranks;
}

/* Send each fact to its counter. Collective. */
static trn_status_t send_pairs(MPI_Comm comm, int64_t count, const trn_triple_t *facts,
                               bool by_tail, trn_parcels_t *got) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    pair_t *pairs = NULL;
    int64_t *bytes = NULL, *at = NULL;
    trn_status_t status = trn_alloc(&pairs, count, sizeof *pairs, "facts to count");
    if (status == TRN_OK) status = trn_alloc_zero(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc_zero(&at, ranks + 1, sizeof *at, "message sizes");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < count; i++)
        at[counter_of(pair_of(&facts[i], by_tail).key, ranks) + 1]++;
    for (int r = 0; r < ranks; r++) {
        bytes[r] = at[r + 1] * (int64_t)sizeof *pairs;
        at[r + 1] += at[r];
    }
    for (int64_t i = 0; i < count; i++) {
        pair_t pair = pair_of(&facts[i], by_tail);
        pairs[at[counter_of(pair.key, ranks)]++] = pair;
    }
    status = trn_exchange(comm, pairs, bytes, got);
done:
    trn_free(&pairs);
    trn_free(&bytes);
    trn_free(&at);
    return status;
}

static int compare_pairs(const void *a, const void *b) {
    const pair_t *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->answer > y->answer) - (x->answer < y->answer);
}

/* Count what has come. Facts are counted with their heads. */
static void count_pairs(int64_t count, pair_t *pairs, bool by_tail, int64_t *tally) {
    if (count > 0) qsort(pairs, (size_t)count, sizeof *pairs, compare_pairs);
    for (int64_t i = 0; i < count; i++) {
        int64_t *of = tally + TALLIES * (int64_t)(pairs[i].key >> 32);
        bool other = i == 0 || pairs[i].key != pairs[i - 1].key;
        if (other) of[by_tail ? TAILS : HEADS]++;
        if (!by_tail && (other || pairs[i].answer != pairs[i - 1].answer)) of[FACTS]++;
    }
}

/* This rank's part of all splits. Local. */
static trn_status_t read_part(const trn_kg_t *kg, MPI_Comm comm, trn_triple_t **facts,
                              int64_t *count) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t first[TRN_SPLITS], n[TRN_SPLITS];
    *count = 0;
    for (int s = 0; s < TRN_SPLITS; s++) {
        first[s] = trn_part_start(kg->triples[s], ranks, rank);
        n[s] = trn_part_start(kg->triples[s], ranks, rank + 1) - first[s];
        *count += n[s];
    }
    TRN_TRY(trn_alloc(facts, *count, sizeof **facts, "triples"));
    trn_triple_t *to = *facts;
    for (int s = 0; s < TRN_SPLITS; to += n[s], s++)
        TRN_TRY(trn_kg_read(kg, s, first[s], n[s], to));
    return TRN_OK;
}

static trn_category_t category_of(const int64_t tally[TALLIES]) {
    bool tails = 2 * tally[FACTS] >= 3 * tally[HEADS] && tally[FACTS] > 0;
    bool heads = 2 * tally[FACTS] >= 3 * tally[TAILS] && tally[FACTS] > 0;
    if (heads) return tails ? TRN_N_TO_N : TRN_N_TO_1;
    return tails ? TRN_1_TO_N : TRN_1_TO_1;
}

trn_status_t trn_kg_categories(const trn_kg_t *kg, MPI_Comm comm, trn_category_t *category) {
    trn_triple_t *facts = NULL;
    trn_parcels_t got = {0};
    int64_t count = 0, *tally = NULL;
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = read_part(kg, comm, &facts, &count);
    if (status == TRN_OK)
        status = trn_alloc_zero(&tally, TALLIES * kg->relations, sizeof *tally, "relations");
    status = trn_agree(comm, status);
    for (int by_tail = 0; by_tail < 2 && status == TRN_OK; by_tail++) {
        status = send_pairs(comm, count, facts, by_tail, &got);
        if (status == TRN_OK)
            count_pairs(got.start[ranks] / (int64_t)sizeof(pair_t), got.data, by_tail, tally);
    }
    for (int64_t r = 0, n; r < kg->relations && status == TRN_OK; r += n) {
        n = kg->relations - r < PIECE ? kg->relations - r : PIECE;
        MPI_Allreduce(MPI_IN_PLACE, tally + TALLIES * r, (int)(TALLIES * n), MPI_INT64_T, MPI_SUM,
                      comm);
    }
    for (int64_t r = 0; r < kg->relations && status == TRN_OK; r++)
        category[r] = category_of(tally + TALLIES * r);
    trn_free(&facts);
    trn_parcels_free(&got);
    trn_free(&tally);
    return status;
}

/* An even cut of the facts; keys are hashed. */
void trn_kg_categories_plan(trn_ledger_t *ledger, const trn_kg_t *kg, int ranks, int rank) {
    enum { SPARE = 4 /* a quarter more, as parcels have */ };
    const int64_t pair = (int64_t)sizeof(pair_t);
    trn_ledger_t before = *ledger;
    int64_t count = 0;
    for (int s = 0; s < TRN_SPLITS; s++)
        count += trn_part_start(kg->triples[s], ranks, rank + 1) -
                 trn_part_start(kg->triples[s], ranks, rank);
    trn_ledger_take(ledger, "categories", count, (int64_t)sizeof(trn_triple_t));
    trn_ledger_take(ledger, "categories", TALLIES * kg->relations, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "categories", count + count / SPARE, pair);
    trn_ledger_pass(ledger, "categories", count, pair); /* those to be sent; qsort's copy */
    trn_ledger_back(ledger, &before);
}
