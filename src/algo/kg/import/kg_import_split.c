/* kg_import_split.c: shares of the facts for valid and test.
 *
 * Facts take turns in an order that the seed alone decides. Each whose turn has come goes to valid
 * or test unless train would be left without one of its entities or its relation: what a model has
 * never seen it cannot be asked about. That rule looks back at all facts that went before, so one
 * rank applies it, to a stretch of turns at a time; the others bring the facts of the stretch and
 * are told what became of them. So the number of ranks decides nothing. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdlib.h>

enum { STRETCH = TRN_KG_STRETCH, PIECE = 1 << 24 };

/* A fact on its way to rank 0. */
typedef struct entry {
    int64_t turn;
    trn_triple_t triple;
    int32_t filler;
} entry_t;

typedef struct turn {
    int64_t turn, fact; /* of this rank's */
} turn_t;

typedef struct dealer {
    const trn_kg_import_t *import;
    trn_kg_facts_t *train;
    int64_t all, wanted; /* facts, and those to go, of all ranks */
    turn_t *order;       /* [facts here] ascending */
    int64_t *left[2];    /* entities, relations: facts in train that have it; used on rank 0 */
    int64_t moved, held; /* facts that went, and that could not, so far */
    int64_t *place;      /* [facts here] how many went before it, or -1: it stays */
    entry_t *send;       /* [stretch] */
    int64_t *bytes;      /* [ranks] */
    int64_t *slot;       /* rank 0, [stretch]: which of the entries has this turn */
    int64_t *verdict;    /* rank 0, [stretch]: as `place`, of the entries */
} dealer_t;

static int by_turn(const void *left, const void *right) {
    const turn_t *a = left, *b = right;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static trn_status_t allocate(dealer_t *d) {
    int64_t count = d->train->count, stretch = smaller(STRETCH, d->all);
    bool judge = d->import->rank == 0;
    TRN_TRY(trn_alloc(&d->order, count, sizeof *d->order, "turns of triples"));
    TRN_TRY(trn_alloc_zero(&d->left[0], d->import->entities.total, sizeof(int64_t), "degrees"));
    TRN_TRY(trn_alloc_zero(&d->left[1], d->import->relations.total, sizeof(int64_t), "degrees"));
    TRN_TRY(trn_alloc(&d->send, smaller(stretch, count), sizeof *d->send, "turns of triples"));
    TRN_TRY(trn_alloc_zero(&d->bytes, d->import->ranks, sizeof *d->bytes, "message sizes"));
    TRN_TRY(trn_alloc(&d->slot, judge ? stretch : 0, sizeof *d->slot, "turns of triples"));
    return trn_alloc(&d->verdict, judge ? stretch : 0, sizeof *d->verdict, "turns of triples");
}

static void release(dealer_t *d) {
    trn_free(&d->order);
    trn_free(&d->left[0]);
    trn_free(&d->left[1]);
    trn_free(&d->send);
    trn_free(&d->bytes);
    trn_free(&d->slot);
    trn_free(&d->verdict);
}

/* Sum up on rank 0, in pieces that an int counts. Collective. */
static void sum_on_first(const trn_kg_import_t *import, int64_t *numbers, int64_t count) {
    for (int64_t at = 0; at < count; at += PIECE) {
        const void *mine = import->rank == 0 ? MPI_IN_PLACE : numbers + at;
        MPI_Reduce(mine, numbers + at, (int)smaller(PIECE, count - at), MPI_INT64_T, MPI_SUM, 0,
                   import->comm);
    }
}

/* Draw the turns, and count who is in how many facts. Collective. */
static void prepare(dealer_t *d) {
    int64_t first = 0, count = d->train->count;
    MPI_Exscan(&count, &first, 1, MPI_INT64_T, MPI_SUM, d->import->comm);
    if (d->import->rank == 0) first = 0;
    for (int64_t i = 0; i < count; i++) {
        trn_triple_t t = d->train->triples[i];
        d->order[i] = (turn_t){trn_rng_permuted(d->import->options->seed, d->all, first + i), i};
        d->left[0][t.head]++;
        if (t.tail != t.head) d->left[0][t.tail]++;
        d->left[1][t.relation]++;
        d->place[i] = -1;
    }
    if (count > 0) qsort(d->order, (size_t)count, sizeof *d->order, by_turn);
    sum_on_first(d->import, d->left[0], d->import->entities.total);
    sum_on_first(d->import, d->left[1], d->import->relations.total);
}

/* Let a fact go unless it is the last of something. On rank 0. */
static bool let_go(dealer_t *d, trn_triple_t t) {
    int64_t *head = &d->left[0][t.head], *tail = &d->left[0][t.tail];
    int64_t *relation = &d->left[1][t.relation];
    if (*head < 2 || *tail < 2 || *relation < 2) return false;
    --*head;
    if (tail != head) --*tail;
    --*relation;
    return true;
}

/* Judge the facts of the turns [first, first + count), in the order of their turns. On rank 0. */
static void judge(dealer_t *d, int64_t first, int64_t count, const entry_t *entries) {
    for (int64_t i = 0; i < count; i++)
        d->slot[entries[i].turn - first] = i;
    for (int64_t turn = 0; turn < count; turn++) {
        int64_t i = d->slot[turn];
        d->verdict[i] = -1;
        if (d->moved == d->wanted) continue;
        if (let_go(d, entries[i].triple))
            d->verdict[i] = d->moved++;
        else
            d->held++;
    }
}

/* The turns [first, first + count), of which this rank has those from order[*next] on.
 * Collective. */
static trn_status_t deal_stretch(dealer_t *d, int64_t first, int64_t count, int64_t *next) {
    int ranks = d->import->ranks;
    trn_parcels_t in = {0}, back = {0};
    trn_status_t status;
    int64_t begin = *next, mine = 0;
    while (*next < d->train->count && d->order[*next].turn < first + count) {
        const turn_t *turn = &d->order[(*next)++];
        d->send[mine++] = (entry_t){turn->turn, d->train->triples[turn->fact], 0};
    }
    for (int r = 0; r < ranks; r++)
        d->bytes[r] = r == 0 ? mine * (int64_t)sizeof *d->send : 0;
    TRN_OR(done, trn_exchange(d->import->comm, d->send, d->bytes, &in));
    if (d->import->rank == 0) judge(d, first, count, in.data);
    for (int r = 0; r < ranks; r++)
        d->bytes[r] = (in.start[r + 1] - in.start[r]) / (int64_t)sizeof *d->send * 8;
    TRN_OR(done, trn_exchange(d->import->comm, d->verdict, d->bytes, &back));
    for (int64_t i = 0; i < mine; i++)
        d->place[d->order[begin + i].fact] = ((const int64_t *)back.data)[i];
    int64_t tally[2] = {d->moved, d->held};
    MPI_Bcast(tally, 2, MPI_INT64_T, 0, d->import->comm);
    d->moved = tally[0];
    d->held = tally[1];
    trn_watch_tick();
done:
    trn_parcels_free(&in);
    trn_parcels_free(&back);
    return status;
}

/* Say of every fact how many go before it. Collective. */
static trn_status_t choose(dealer_t *d) {
    int64_t next = 0;
    prepare(d);
    if (d->import->options->allow_unseen) {
        for (int64_t i = 0; i < d->train->count; i++)
            if (d->order[i].turn < d->wanted) d->place[d->order[i].fact] = d->order[i].turn;
        d->moved = d->wanted;
        return TRN_OK;
    }
    for (int64_t first = 0; first < d->all && d->moved < d->wanted; first += STRETCH)
        TRN_TRY(deal_stretch(d, first, smaller(STRETCH, d->all - first), &next));
    return TRN_OK;
}

/* The split of a fact before which so many go. */
static trn_split_t split_of(int64_t place, int64_t valid) {
    return place < 0 ? TRN_TRAIN : place < valid ? TRN_VALID : TRN_TEST;
}

/* Move this rank's facts to their splits, each in the order of the files. */
static trn_status_t move(const dealer_t *d, trn_kg_facts_t facts[TRN_SPLITS], int64_t valid) {
    int64_t count[TRN_SPLITS] = {0};
    for (int64_t i = 0; i < d->train->count; i++)
        count[split_of(d->place[i], valid)]++;
    for (int split = TRN_VALID; split < TRN_SPLITS; split++)
        TRN_TRY(trn_alloc(&facts[split].triples, count[split], sizeof *facts->triples,
                          "triples of a split"));
    int64_t all = d->train->count;
    d->train->count = 0;
    for (int64_t i = 0; i < all; i++) {
        trn_kg_facts_t *to = &facts[split_of(d->place[i], valid)];
        to->triples[to->count++] = d->train->triples[i]; /* those that stay move up */
    }
    return TRN_OK;
}

trn_status_t trn_kg_import_deal(trn_kg_import_t *import) {
    const double *share = import->options->share;
    trn_kg_facts_t *train = &import->facts[TRN_TRAIN];
    dealer_t d = {.import = import, .train = train, .all = train->count, .place = train->place};
    MPI_Allreduce(MPI_IN_PLACE, &d.all, 1, MPI_INT64_T, MPI_SUM, import->comm);
    int64_t valid = llround(share[TRN_VALID] * (double)d.all);
    d.wanted = valid + llround(share[TRN_TEST] * (double)d.all);
    if (d.wanted >= d.all)
        return trn_fail(TRN_USAGE,
                        "--split: leaves none of the %lld triples for train; ask for less",
                        (long long)d.all);
    trn_status_t status = trn_agree(import->comm, allocate(&d));
    if (status == TRN_OK) status = choose(&d);
    if (status == TRN_OK) { /* where too few can go, both splits get less */
        if (d.moved < d.wanted) valid = llround((double)valid * (double)d.moved / (double)d.wanted);
        import->report->held = d.held;
        import->report->missing = d.wanted - d.moved;
        status = trn_agree(import->comm, move(&d, import->facts, valid));
    }
    release(&d);
    return status;
}
