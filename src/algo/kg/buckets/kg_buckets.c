/* kg_buckets.c: deals triples to the ranks that train their pairs of blocks. */
#include "algo/kg/buckets/kg_buckets.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/large.h"
#include "mpi/watch.h"

#include <string.h>

enum { PIECE = 1 << 17 /* triples a rank reads at a time */ };

/* What loading works with. */
typedef struct load {
    MPI_Comm comm;
    int rank, ranks;
    const trn_kg_t *kg;
    const trn_kg_schedule_t *schedule;
    trn_triple_t *piece, *send; /* [PIECE], [PIECE + ranks] */
    int64_t *bytes, *next;      /* [ranks] */
    int64_t *count;             /* [rounds x pairs]: triples in each bucket of the whole graph */
    int64_t *fill;              /* [rounds x own pairs]: where a bucket goes on */
    trn_parcels_t in;
} load_t;

static trn_status_t allocate(load_t *l) {
    TRN_TRY(trn_alloc(&l->piece, PIECE, sizeof *l->piece, "triples being read"));
    TRN_TRY(trn_alloc(&l->send, PIECE + l->ranks, sizeof *l->send, "triples to send"));
    TRN_TRY(trn_alloc(&l->bytes, l->ranks, sizeof *l->bytes, "message sizes"));
    TRN_TRY(trn_alloc(&l->next, l->ranks, sizeof *l->next, "message places"));
    return trn_alloc_zero(&l->count, l->schedule->rounds * l->schedule->pairs, sizeof *l->count,
                          "sizes of buckets");
}

static trn_kg_meeting_t meeting_of(const load_t *l, const trn_triple_t *t) {
    int64_t blocks = l->schedule->blocks;
    return trn_kg_schedule_meeting(l->schedule, t->head % blocks, t->tail % blocks);
}

/* This rank's part of the pass that begins at triple `from`: parts of a pass, and passes, follow
 * each other in the order of triples. Agreed. */
static trn_status_t read_piece(load_t *l, int64_t from, int64_t *count) {
    int64_t all = l->kg->triples[TRN_TRAIN] - from, most = (int64_t)PIECE * l->ranks;
    if (all > most) all = most;
    int64_t first = trn_part_start(all, l->ranks, l->rank);
    *count = trn_part_start(all, l->ranks, l->rank + 1) - first;
    trn_watch_tick();
    return trn_agree(l->comm, trn_kg_read(l->kg, TRN_TRAIN, from + first, *count, l->piece));
}

static trn_status_t count_all(load_t *l) {
    int64_t n = l->schedule->rounds * l->schedule->pairs, count;
    for (int64_t from = 0; from < l->kg->triples[TRN_TRAIN]; from += (int64_t)PIECE * l->ranks) {
        TRN_TRY(read_piece(l, from, &count));
        for (int64_t i = 0; i < count; i++) {
            trn_kg_meeting_t at = meeting_of(l, &l->piece[i]);
            l->count[at.round * l->schedule->pairs + at.pair]++;
        }
    }
    trn_sum_large(l->comm, n, MPI_INT64_T, l->count);
    return TRN_OK;
}

static trn_status_t lay_out(load_t *l, trn_kg_buckets_t *b) {
    int64_t buckets = l->schedule->rounds * b->own_pairs;
    TRN_TRY(trn_alloc(&b->start, buckets + 1, sizeof *b->start, "places of buckets"));
    TRN_TRY(trn_alloc(&l->fill, buckets, sizeof *l->fill, "places of buckets"));
    b->start[0] = 0;
    for (int64_t i = 0; i < buckets; i++) {
        int64_t round = i / b->own_pairs, pair = b->first_pair + i % b->own_pairs;
        l->fill[i] = b->start[i];
        b->start[i + 1] = b->start[i] + l->count[round * l->schedule->pairs + pair];
    }
    return trn_alloc(&b->triples, b->start[buckets], sizeof *b->triples, "training triples");
}

/* Triples of a piece behind each other by the rank that trains them; parcels are whole multiples of
 * 8 bytes, so an odd number of triples gets one more, of no relation. */
static void pack(load_t *l, int64_t count) {
    memset(l->bytes, 0, (size_t)l->ranks * sizeof *l->bytes);
    for (int64_t i = 0; i < count; i++)
        l->bytes[trn_part_of(l->schedule->pairs, l->ranks, meeting_of(l, &l->piece[i]).pair)]++;
    for (int64_t r = 0, at = 0; r < l->ranks; r++) {
        int64_t here = l->bytes[r];
        l->next[r] = at;
        at += here + here % 2;
        if (here % 2) l->send[at - 1] = (trn_triple_t){-1, -1, -1};
        l->bytes[r] = (here + here % 2) * (int64_t)sizeof *l->send;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t pair = meeting_of(l, &l->piece[i]).pair;
        l->send[l->next[trn_part_of(l->schedule->pairs, l->ranks, pair)]++] = l->piece[i];
    }
}

static void unpack(load_t *l, trn_kg_buckets_t *b) {
    const trn_triple_t *t = l->in.data;
    for (int64_t n = l->in.start[l->ranks] / (int64_t)sizeof *t; n > 0; n--, t++) {
        if (t->relation < 0) continue;
        trn_kg_meeting_t at = meeting_of(l, t);
        b->triples[l->fill[at.round * b->own_pairs + at.pair - b->first_pair]++] = *t;
    }
}

static trn_status_t deal(load_t *l, trn_kg_buckets_t *b) {
    int64_t count;
    for (int64_t from = 0; from < l->kg->triples[TRN_TRAIN]; from += (int64_t)PIECE * l->ranks) {
        TRN_TRY(read_piece(l, from, &count));
        pack(l, count);
        TRN_TRY(trn_exchange(l->comm, l->send, l->bytes, &l->in));
        unpack(l, b);
    }
    return TRN_OK;
}

trn_status_t trn_kg_buckets_load(trn_kg_buckets_t *b, MPI_Comm comm, const trn_kg_t *kg,
                                 const trn_kg_schedule_t *schedule) {
    load_t l = {.comm = comm, .kg = kg, .schedule = schedule};
    MPI_Comm_rank(comm, &l.rank);
    MPI_Comm_size(comm, &l.ranks);
    *b = (trn_kg_buckets_t){.first_pair = trn_part_start(schedule->pairs, l.ranks, l.rank)};
    b->own_pairs = trn_part_start(schedule->pairs, l.ranks, l.rank + 1) - b->first_pair;
    trn_status_t status = trn_agree(comm, allocate(&l));
    if (status == TRN_OK) status = count_all(&l);
    if (status == TRN_OK) status = trn_agree(comm, lay_out(&l, b));
    if (status == TRN_OK) status = deal(&l, b);
    trn_free(&l.piece);
    trn_free(&l.send);
    trn_free(&l.bytes);
    trn_free(&l.next);
    trn_free(&l.count);
    trn_free(&l.fill);
    trn_parcels_free(&l.in);
    return status;
}

void trn_kg_buckets_free(trn_kg_buckets_t *b) {
    trn_free(&b->triples);
    trn_free(&b->start);
}

const trn_triple_t *trn_kg_bucket(const trn_kg_buckets_t *b, int64_t round, int64_t pair,
                                  int64_t *count) {
    const int64_t *start = b->start + round * b->own_pairs + pair - b->first_pair;
    *count = start[1] - start[0];
    return b->triples + start[0];
}

/* With as many triples in every bucket. */
void trn_kg_buckets_plan(trn_ledger_t *ledger, int64_t blocks, int64_t triples, int ranks,
                         int rank) {
    enum { SPARE = 4 /* a quarter more, as parcels have */ };
    int64_t pairs = trn_kg_schedule_pairs(blocks), rounds = trn_kg_schedule_rounds(blocks);
    int64_t own = trn_part_start(pairs, ranks, rank + 1) - trn_part_start(pairs, ranks, rank);
    int64_t part = triples / ranks < PIECE ? triples / ranks : PIECE;
    const int64_t triple = (int64_t)sizeof(trn_triple_t), number = (int64_t)sizeof(int64_t);
    trn_ledger_take(ledger, "triples", rounds * own + 1, number);
    trn_ledger_take(ledger, "triples", (triples * own + pairs - 1) / pairs, triple);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "loading", 2 * PIECE + part + part / SPARE, triple);
    trn_ledger_take(ledger, "loading", rounds * (pairs + own), number);
    trn_ledger_back(ledger, &before);
}
