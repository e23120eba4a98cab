#include "algo/kg/buckets/kg_schedule.h"

#include "base/mem.h"
#include "base/rng.h"

int64_t trn_kg_schedule_pairs(int64_t blocks) {
    return (blocks + 1) / 2;
}

int64_t trn_kg_schedule_rounds(int64_t blocks) {
    return 2 * trn_kg_schedule_pairs(blocks) - 1;
}

trn_status_t trn_kg_schedule_create(trn_kg_schedule_t *c, int64_t blocks, uint64_t seed) {
    *c = (trn_kg_schedule_t){.blocks = blocks,
                             .pairs = trn_kg_schedule_pairs(blocks),
                             .rounds = trn_kg_schedule_rounds(blocks),
                             .seed = seed};
    TRN_TRY(trn_alloc(&c->block, 2 * c->pairs, sizeof *c->block, "the round-robin schedule"));
    trn_status_t status =
        trn_alloc(&c->place, blocks, sizeof *c->place, "the round-robin schedule");
    if (status != TRN_OK) {
        trn_kg_schedule_free(c);
        return status;
    }
    uint32_t words[4];
    trn_rng_words(seed, 0, 0, 0, TRN_RNG_KG_PLACE, words);
    uint64_t order = (uint64_t)words[0] << 32 | words[1];
    for (int64_t place = 0; place < 2 * c->pairs; place++) {
        int64_t block = trn_rng_permuted(order, 2 * c->pairs, place);
        c->block[place] = block < blocks ? block : -1;
        if (block < blocks) c->place[block] = place;
    }
    return TRN_OK;
}

void trn_kg_schedule_free(trn_kg_schedule_t *c) {
    trn_free(&c->block);
    trn_free(&c->place);
}

/* The place in round 0 of who is on `place` in `round`, and the other way round. */
static int64_t before(const trn_kg_schedule_t *c, int64_t round, int64_t place) {
    return place == 0 ? 0 : 1 + (place - 1 + c->rounds - round) % c->rounds;
}

static int64_t after(const trn_kg_schedule_t *c, int64_t round, int64_t place) {
    return place == 0 ? 0 : 1 + (place - 1 + round) % c->rounds;
}

void trn_kg_schedule_blocks(const trn_kg_schedule_t *c, int64_t round, int64_t pair,
                            int64_t blocks[2]) {
    blocks[0] = c->block[before(c, round, pair)];
    blocks[1] = c->block[before(c, round, 2 * c->pairs - 1 - pair)];
}

int64_t trn_kg_schedule_pair(const trn_kg_schedule_t *c, int64_t round, int64_t block) {
    int64_t place = after(c, round, c->place[block]);
    return place < c->pairs ? place : 2 * c->pairs - 1 - place;
}

/* Places p, q > 0 face each other in round t if (p - 1 + t) + (q - 1 + t) = rounds - 2 modulo
 * rounds, so 2 t = -(p + q); place 0 faces q if q - 1 + t = rounds - 1, as if it were q itself.
 * Half of 1 modulo 2 pairs - 1 is `pairs`. */
trn_kg_meeting_t trn_kg_schedule_meeting(const trn_kg_schedule_t *c, int64_t i, int64_t j) {
    int64_t p = c->place[i], q = c->place[j], round = 0;
    if (p == 0) p = q;
    if (q == 0) q = p;
    if (i != j) round = (2 * c->rounds - p - q) % c->rounds * c->pairs % c->rounds;
    return (trn_kg_meeting_t){round, trn_kg_schedule_pair(c, round, i)};
}

int64_t trn_kg_schedule_round(const trn_kg_schedule_t *c, int64_t sweep, int64_t step) {
    uint32_t words[4];
    trn_rng_words(c->seed, (uint64_t)sweep, 0, 0, TRN_RNG_KG_ROUND, words);
    int64_t first = (int64_t)(words[0] % (uint64_t)c->rounds);
    return words[1] % 2 ? (first + step) % c->rounds : (first + c->rounds - step) % c->rounds;
}
