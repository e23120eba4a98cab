#include "algo/kg/kg_known.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 /* triples read at once */ };

typedef struct sieve {
    int64_t count;
    trn_kg_question_t *questions; /* [count] sorted */
    int64_t facts, capacity;
    trn_triple_t *fact; /* those that bear upon them */
} sieve_t;

static int compare(const void *a, const void *b) {
    const trn_kg_question_t *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    return (x->tail > y->tail) - (x->tail < y->tail);
}

static bool is_asked(const sieve_t *s, int32_t head, int32_t relation, int32_t tail) {
    trn_kg_question_t q = {head, relation, tail};
    return bsearch(&q, s->questions, (size_t)s->count, sizeof q, compare) != NULL;
}

static trn_status_t take(sieve_t *s, const trn_triple_t *t) {
    if (!is_asked(s, t->head, t->relation, -1) && !is_asked(s, -1, t->relation, t->tail) &&
        !is_asked(s, t->head, -1, t->tail))
        return TRN_OK;
    if (s->facts + 1 >= s->capacity) { /* room for one more: see gather */
        s->capacity = 2 * s->capacity + 64;
        TRN_TRY(trn_realloc(&s->fact, s->capacity, sizeof *s->fact, "known answers"));
    }
    s->fact[s->facts++] = *t;
    return TRN_OK;
}

/* Sift this rank's part of a split. Local. */
static trn_status_t sift(sieve_t *s, const trn_kg_t *kg, MPI_Comm comm, trn_split_t split,
                         trn_triple_t *piece) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t end = trn_part_start(kg->triples[split], ranks, rank + 1);
    for (int64_t at = trn_part_start(kg->triples[split], ranks, rank), n; at < end; at += n) {
        n = end - at < PIECE ? end - at : PIECE;
        TRN_TRY(trn_kg_read(kg, split, at, n, piece));
        for (int64_t i = 0; i < n; i++)
            TRN_TRY(take(s, &piece[i]));
    }
    return TRN_OK;
}

static trn_status_t sift_all(sieve_t *s, const trn_kg_t *kg, MPI_Comm comm, int splits) {
    trn_triple_t *piece = NULL;
    qsort(s->questions, (size_t)s->count, sizeof *s->questions, compare);
    TRN_TRY(trn_alloc(&piece, PIECE, sizeof *piece, "triples"));
    trn_status_t status = TRN_OK;
    for (int split = 0; split < splits && status == TRN_OK; split++)
        status = sift(s, kg, comm, split, piece);
    trn_free(&piece);
    return status;
}

/* *facts = what all ranks have found, and the extra ones. */
static trn_status_t gather(sieve_t *s, MPI_Comm comm, int64_t more, const trn_triple_t *extra,
                           trn_triple_t **facts, int64_t *count) {
    trn_parcels_t all = {0};
    int ranks;
    MPI_Comm_size(comm, &ranks);
    /* Parcels are multiples of 8 bytes: a fact may come twice. */
    if (s->facts % 2 == 1) {
        s->fact[s->facts] = s->fact[s->facts - 1];
        s->facts++;
    }
    int64_t bytes = (int64_t)sizeof **facts;
    trn_status_t status = trn_gather_all(comm, s->fact, s->facts * bytes, &all);
    trn_free(&s->fact);
    if (status == TRN_OK) {
        int64_t found = all.start[ranks] / bytes;
        *count = found + more;
        status = trn_alloc(facts, *count, sizeof **facts, "known answers");
        if (status == TRN_OK && found > 0) memcpy(*facts, all.data, (size_t)(found * bytes));
        if (status == TRN_OK && more > 0) memcpy(*facts + found, extra, (size_t)(more * bytes));
    }
    trn_parcels_free(&all);
    return status;
}

/* Index what the sieve holds back of all facts, unless making it has failed. It is freed.
 * Collective. */
static trn_status_t index_facts(sieve_t *s, trn_status_t status, const trn_kg_t *kg, MPI_Comm comm,
                                int splits, int64_t more, const trn_triple_t *extra,
                                trn_known_t **known) {
    trn_triple_t *facts = NULL;
    int64_t count = 0;
    *known = NULL;
    if (status == TRN_OK) status = sift_all(s, kg, comm, splits);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = gather(s, comm, more, extra, &facts, &count);
    trn_free(&s->questions);
    trn_free(&s->fact);
    if (status == TRN_OK) status = trn_known_create(known, count, facts);
    trn_free(&facts);
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_known_destroy(known);
    return status;
}

trn_status_t trn_kg_known_about(const trn_kg_t *kg, MPI_Comm comm, int splits, int64_t count,
                                const trn_kg_question_t *questions, int64_t more,
                                const trn_triple_t *extra, trn_known_t **known) {
    sieve_t s = {.count = count};
    trn_status_t status = trn_alloc(&s.questions, count, sizeof *questions, "questions");
    if (status == TRN_OK) memcpy(s.questions, questions, (size_t)count * sizeof *questions);
    return index_facts(&s, status, kg, comm, splits, more, extra, known);
}

trn_status_t trn_kg_known_both(const trn_kg_t *kg, MPI_Comm comm, int splits, int64_t count,
                               const trn_triple_t *triples, trn_known_t **known) {
    sieve_t s = {.count = 2 * count};
    trn_status_t status = trn_alloc(&s.questions, s.count, sizeof *s.questions, "questions");
    for (int64_t i = 0; i < count && status == TRN_OK; i++) {
        s.questions[2 * i] = (trn_kg_question_t){triples[i].head, triples[i].relation, -1};
        s.questions[2 * i + 1] = (trn_kg_question_t){-1, triples[i].relation, triples[i].tail};
    }
    return index_facts(&s, status, kg, comm, splits, 0, NULL, known);
}

static bool in_answers(const trn_known_t *known, int64_t head, int64_t relation, int64_t tail) {
    const int32_t *answers;
    int64_t n = trn_known_answers(known, false, (int32_t)head, (int32_t)relation, &answers);
    for (int64_t low = 0, high = n; low < high;) {
        int64_t middle = low + (high - low) / 2;
        if (answers[middle] == tail) return true;
        if (answers[middle] < tail)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool trn_kg_is_known(const trn_known_t *known, const trn_kg_question_t *q, int64_t candidate) {
    return in_answers(known, q->head < 0 ? candidate : q->head,
                      q->relation < 0 ? candidate : q->relation, q->tail < 0 ? candidate : q->tail);
}

/* Categories ----------------------------------------------------------------------------------- */

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
