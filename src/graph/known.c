#include "graph/known.h"

#include "base/mem.h"

#include <stdlib.h>

/* A query and how its answers are found: facts sorted by relation, entity, answer. */
typedef struct fact {
    int32_t relation, entity, answer;
} fact_t;

typedef struct side {
    int64_t count;
    uint64_t *key;   /* [count] relation x 2^32 + entity, ascending */
    int32_t *answer; /* [count] ascending within a key */
} side_t;

struct trn_known {
    side_t side[2]; /* of heads and tails as the known entity */
};

static uint64_t key_of(int32_t relation, int32_t entity) {
    return (uint64_t)(uint32_t)relation << 32 | (uint32_t)entity;
}

static int compare(const void *a, const void *b) {
    const fact_t *x = a, *y = b;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    if (x->entity != y->entity) return x->entity < y->entity ? -1 : 1;
    return (x->answer > y->answer) - (x->answer < y->answer);
}

static trn_status_t index_side(side_t *side, int64_t count, fact_t *facts) {
    TRN_TRY(trn_alloc(&side->key, count, sizeof *side->key, "known answers"));
    TRN_TRY(trn_alloc(&side->answer, count, sizeof *side->answer, "known answers"));
    qsort(facts, (size_t)count, sizeof *facts, compare);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && compare(&facts[i - 1], &facts[i]) == 0) continue;
        side->key[side->count] = key_of(facts[i].relation, facts[i].entity);
        side->answer[side->count++] = facts[i].answer;
    }
    return TRN_OK;
}

static trn_status_t fill(trn_known_t *known, int64_t count, const trn_triple_t *triples,
                         fact_t *facts) {
    for (int s = 0; s < 2; s++) {
        for (int64_t i = 0; i < count; i++) {
            const trn_triple_t *t = &triples[i];
            facts[i] = s == 0 ? (fact_t){t->relation, t->head, t->tail}
                              : (fact_t){t->relation, t->tail, t->head};
        }
        TRN_TRY(index_side(&known->side[s], count, facts));
    }
    return TRN_OK;
}

trn_status_t trn_known_create(trn_known_t **known, int64_t count, const trn_triple_t *triples) {
    fact_t *facts = NULL;
    TRN_TRY(trn_alloc_zero(known, 1, sizeof **known, "known answers"));
    trn_status_t status = trn_alloc(&facts, count, sizeof *facts, "facts to sort");
    if (status == TRN_OK) status = fill(*known, count, triples, facts);
    trn_free(&facts);
    if (status != TRN_OK) trn_known_destroy(known);
    return status;
}

void trn_known_destroy(trn_known_t **known) {
    if (!*known) return;
    for (int s = 0; s < 2; s++) {
        trn_free(&(*known)->side[s].key);
        trn_free(&(*known)->side[s].answer);
    }
    trn_free(known);
}

int64_t trn_known_count(const trn_known_t *known) {
    return known->side[0].count;
}

/* The first place whose key is not below `key`. */
static int64_t lower_bound(const side_t *side, uint64_t key) {
    int64_t low = 0, high = side->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (side->key[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t trn_known_answers(const trn_known_t *known, bool heads, int32_t entity, int32_t relation,
                          const int32_t **answers) {
    const side_t *side = &known->side[heads ? 1 : 0];
    uint64_t key = key_of(relation, entity);
    int64_t first = lower_bound(side, key);
    *answers = side->answer + first;
    return lower_bound(side, key + 1) - first;
}
