/* kg_known.c: the facts that bear upon some questions, sifted out of all splits by all ranks and
 * indexed on each. */
#include "algo/kg/kg_known.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 /* triples read at once */ };

typedef struct sieve {
    const trn_kg_t *kg;
    MPI_Comm comm;
    int rank, ranks;
    int64_t count;
    trn_kg_question_t *questions; /* [count] sorted */
    trn_triple_t *piece;          /* [PIECE] */
    int64_t facts;                /* of this rank's part of the triples that bear upon them */
    trn_triple_t *fact;           /* [room] */
    int64_t room;                 /* 0 while they are only counted */
} sieve_t;

static int compare(const void *a, const void *b) {
    const trn_kg_question_t *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    return (x->tail > y->tail) - (x->tail < y->tail);
}

static int64_t questions_of(const trn_kg_asked_t *asked) {
    return asked->questions ? asked->count : 2 * asked->count;
}

/* The questions, sorted, and room to read. Local. */
static trn_status_t prepare(sieve_t *s, const trn_kg_t *kg, MPI_Comm comm,
                            const trn_kg_asked_t *asked) {
    *s = (sieve_t){.kg = kg, .comm = comm, .count = questions_of(asked)};
    MPI_Comm_rank(comm, &s->rank);
    MPI_Comm_size(comm, &s->ranks);
    TRN_TRY(trn_alloc(&s->questions, s->count, sizeof *s->questions, "questions"));
    for (int64_t i = 0; i < asked->count && !asked->questions; i++) {
        const trn_triple_t *t = &asked->triples[i];
        s->questions[2 * i] = (trn_kg_question_t){t->head, t->relation, -1};
        s->questions[2 * i + 1] = (trn_kg_question_t){-1, t->relation, t->tail};
    }
    if (asked->questions && s->count > 0)
        memcpy(s->questions, asked->questions, (size_t)s->count * sizeof *s->questions);
    if (s->count > 0) qsort(s->questions, (size_t)s->count, sizeof *s->questions, compare);
    return trn_alloc(&s->piece, PIECE, sizeof *s->piece, "triples");
}

static void release(sieve_t *s) {
    trn_free(&s->questions);
    trn_free(&s->piece);
    trn_free(&s->fact);
}

static bool is_asked(const sieve_t *s, int32_t head, int32_t relation, int32_t tail) {
    trn_kg_question_t q = {head, relation, tail};
    return bsearch(&q, s->questions, (size_t)s->count, sizeof q, compare) != NULL;
}

static void take(sieve_t *s, const trn_triple_t *t) {
    if (!is_asked(s, t->head, t->relation, -1) && !is_asked(s, -1, t->relation, t->tail) &&
        !is_asked(s, t->head, -1, t->tail))
        return;
    if (s->facts < s->room) s->fact[s->facts] = *t;
    s->facts++;
}

/* Sift this rank's part of the splits. Local. */
static trn_status_t sift(sieve_t *s, int splits) {
    s->facts = 0;
    for (int split = 0; split < splits; split++) {
        int64_t all = s->kg->triples[split], end = trn_part_start(all, s->ranks, s->rank + 1);
        for (int64_t at = trn_part_start(all, s->ranks, s->rank), n; at < end; at += n) {
            n = end - at < PIECE ? end - at : PIECE;
            TRN_TRY(trn_kg_read(s->kg, (trn_split_t)split, at, n, s->piece));
            for (int64_t i = 0; i < n; i++)
                take(s, &s->piece[i]);
        }
    }
    return TRN_OK;
}

/* Parcels are multiples of 8 bytes: of an odd number of facts the last goes twice. */
static int64_t even(int64_t facts) {
    return facts + facts % 2;
}

trn_status_t trn_kg_known_count(const trn_kg_t *kg, MPI_Comm comm, const trn_kg_asked_t *asked,
                                trn_kg_found_t *found) {
    sieve_t s;
    trn_status_t status = prepare(&s, kg, comm, asked);
    if (status == TRN_OK) status = sift(&s, asked->splits);
    status = trn_agree(comm, status);
    *found = (trn_kg_found_t){.questions = s.count,
                              .mine = s.facts,
                              .all = even(s.facts),
                              .most = even(s.facts),
                              s.ranks};
    release(&s);
    if (status != TRN_OK) return status;
    MPI_Allreduce(MPI_IN_PLACE, &found->all, 1, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, &found->most, 1, MPI_INT64_T, MPI_MAX, comm);
    found->all += asked->more;
    return TRN_OK;
}

trn_kg_found_t trn_kg_known_most(const trn_kg_t *kg, const trn_kg_asked_t *asked) {
    trn_kg_found_t most = {.questions = questions_of(asked), .all = asked->more};
    for (int split = 0; split < asked->splits; split++)
        most.all += kg->triples[split];
    return most;
}

void trn_kg_known_plan(trn_ledger_t *ledger, const trn_kg_found_t *found, int ranks) {
    enum { KEY = 8, ANSWER = 4, SPARE = 4 /* a quarter more, as parcels have */ };
    const int64_t fact = (int64_t)sizeof(trn_triple_t), all = found->all;
    int64_t own = ranks == found->ranks ? found->most : (all + ranks - 1) / ranks;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "sorting", 2 * found->questions, (int64_t)sizeof(trn_kg_question_t));
    trn_ledger_give(ledger, "sorting", found->questions, (int64_t)sizeof(trn_kg_question_t));
    trn_ledger_take(ledger, "sorting", PIECE + own, fact);
    trn_ledger_give(ledger, "sorting", PIECE, fact);
    trn_ledger_take(ledger, "sorting", all + all / SPARE, fact);
    trn_ledger_give(ledger, "sorting", own, fact);
    trn_ledger_pass(ledger, "sorting", all, fact);
    trn_ledger_back(ledger, &before);
    /* facts, and once more for either side; qsort has a copy of its own */
    trn_ledger_take(ledger, "sorting", 3 * all, fact);
    trn_ledger_take(ledger, "known", 2 * all, KEY + ANSWER);
    trn_ledger_give(ledger, "sorting", 3 * all, fact);
}

/* *facts = what all ranks have found, and the extra ones. Collective. */
static trn_status_t gather(sieve_t *s, const trn_kg_asked_t *asked, trn_triple_t **facts,
                           int64_t *count) {
    trn_parcels_t all = {0};
    int64_t bytes = (int64_t)sizeof **facts;
    if (s->facts % 2 == 1) {
        s->fact[s->facts] = s->fact[s->facts - 1];
        s->facts++;
    }
    trn_status_t status = trn_gather_all(s->comm, s->fact, s->facts * bytes, &all);
    trn_free(&s->fact);
    if (status == TRN_OK) {
        int64_t found = all.start[s->ranks] / bytes;
        *count = found + asked->more;
        status = trn_alloc(facts, *count, sizeof **facts, "known answers");
        if (status == TRN_OK && found > 0) memcpy(*facts, all.data, (size_t)(found * bytes));
        if (status == TRN_OK && asked->more > 0)
            memcpy(*facts + found, asked->extra, (size_t)(asked->more * bytes));
    }
    trn_parcels_free(&all);
    return status;
}

/* Keep the facts that were counted before. Local. */
static trn_status_t keep(sieve_t *s, int splits, int64_t count) {
    TRN_TRY(trn_alloc(&s->fact, even(count), sizeof *s->fact, "known answers"));
    s->room = count;
    TRN_TRY(sift(s, splits));
    trn_free(&s->piece);
    if (s->facts == count) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: changed while it was read; run it again",
                    trn_store_path(s->kg->store));
}

trn_status_t trn_kg_known_create(const trn_kg_t *kg, MPI_Comm comm, const trn_kg_asked_t *asked,
                                 const trn_kg_found_t *found, trn_known_t **known) {
    sieve_t s;
    trn_triple_t *facts = NULL;
    int64_t count = 0;
    *known = NULL;
    trn_status_t status = prepare(&s, kg, comm, asked);
    if (status == TRN_OK) status = keep(&s, asked->splits, found->mine);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = gather(&s, asked, &facts, &count);
    release(&s);
    if (status == TRN_OK) status = trn_known_create(known, count, facts);
    trn_free(&facts);
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_known_destroy(known);
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
