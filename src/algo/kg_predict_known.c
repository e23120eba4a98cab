/* kg_predict_known.c: the facts that bear upon questions, out of a graph of any size. */
#include "algo/kg_predict.h"

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

static trn_status_t sift_all(sieve_t *s, const trn_kg_t *kg, MPI_Comm comm, int64_t count,
                             const trn_kg_question_t *questions) {
    trn_triple_t *piece = NULL;
    s->count = count;
    TRN_TRY(trn_alloc(&s->questions, count, sizeof *questions, "questions"));
    memcpy(s->questions, questions, (size_t)count * sizeof *questions);
    qsort(s->questions, (size_t)count, sizeof *questions, compare);
    trn_status_t status = trn_alloc(&piece, PIECE, sizeof *piece, "triples");
    for (int split = 0; split < TRN_SPLITS && status == TRN_OK; split++)
        status = sift(s, kg, comm, split, piece);
    trn_free(&piece);
    return status;
}

/* Index what all ranks have found. */
static trn_status_t gather(sieve_t *s, MPI_Comm comm, int64_t more, const trn_triple_t *extra,
                           trn_known_t **known) {
    trn_parcels_t all = {0};
    trn_triple_t *facts = NULL;
    int ranks;
    MPI_Comm_size(comm, &ranks);
    /* Parcels are multiples of 8 bytes: a fact may come twice. */
    if (s->facts % 2 == 1) {
        s->fact[s->facts] = s->fact[s->facts - 1];
        s->facts++;
    }
    int64_t bytes = (int64_t)sizeof *facts;
    trn_status_t status = trn_gather_all(comm, s->fact, s->facts * bytes, &all);
    if (status == TRN_OK) {
        int64_t count = all.start[ranks] / bytes;
        status = trn_alloc(&facts, count + more, sizeof *facts, "known answers");
        if (status == TRN_OK && count > 0) memcpy(facts, all.data, (size_t)(count * bytes));
        if (status == TRN_OK && more > 0) memcpy(facts + count, extra, (size_t)(more * bytes));
        if (status == TRN_OK) status = trn_known_create(known, count + more, facts);
        status = trn_agree(comm, status);
    }
    trn_parcels_free(&all);
    trn_free(&facts);
    return status;
}

trn_status_t trn_kg_known_about(const trn_kg_t *kg, MPI_Comm comm, int64_t count,
                                const trn_kg_question_t *questions, int64_t more,
                                const trn_triple_t *extra, trn_known_t **known) {
    sieve_t s = {0};
    *known = NULL;
    trn_status_t status = trn_agree(comm, sift_all(&s, kg, comm, count, questions));
    if (status == TRN_OK) status = gather(&s, comm, more, extra, known);
    if (status != TRN_OK) trn_known_destroy(known);
    trn_free(&s.questions);
    trn_free(&s.fact);
    return status;
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
