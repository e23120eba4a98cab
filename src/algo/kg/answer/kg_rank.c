/* kg_rank.c: better and equal candidates of each question, tile by tile. */
#include "algo/kg/answer/kg_rank.h"

#include "algo/kg/answer/kg_match.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 13 /* counts that are summed together */ };

/* The target of one query of a chunk. */
typedef struct target {
    double exact; /* its score by the definition */
    double value; /* what float32 would give without rounding */
} target_t;

typedef struct ranker {
    trn_kg_match_t match;
    const trn_known_t *known;
    const trn_kg_seen_t *seen; /* or NULL */
    trn_kg_count_t *counts;
    float *rows;       /* [TRN_KG_CHUNK x dim] targets */
    target_t *targets; /* [TRN_KG_CHUNK] */
    bool overflow;
} ranker_t;

void trn_kg_rank_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                      const trn_kg_match_size_t *size) {
    trn_kg_match_size_t whole = *size;
    trn_ledger_t before = *ledger;
    whole.most = TRN_KG_CHUNK;
    trn_kg_match_plan(ledger, header, &whole);
    trn_ledger_take(ledger, "queries", TRN_KG_CHUNK * header->shape.dim, (int64_t)sizeof(float));
    trn_ledger_take(ledger, "queries", TRN_KG_CHUNK, (int64_t)sizeof(target_t));
    trn_ledger_back(ledger, &before);
}

static trn_status_t allocate(ranker_t *k, const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                             const trn_kg_query_t *queries, int threads) {
    TRN_TRY(trn_kg_match_create(&k->match, model, comm, count, queries, TRN_KG_CHUNK, threads));
    TRN_TRY(trn_alloc(&k->rows, TRN_KG_CHUNK * model->header.shape.dim, sizeof(float), "targets"));
    return trn_alloc(&k->targets, TRN_KG_CHUNK, sizeof *k->targets, "targets");
}

static void release(ranker_t *k) {
    trn_kg_match_free(&k->match);
    trn_free(&k->rows);
    trn_free(&k->targets);
}

void trn_kg_queries(int64_t count, const trn_triple_t *triples, trn_kg_query_t *queries) {
    for (int64_t i = 0; i < count; i++) {
        const trn_triple_t *t = &triples[i];
        queries[2 * i] = (trn_kg_query_t){t->head, t->relation, t->tail, TRN_SIDE_TAIL};
        queries[2 * i + 1] = (trn_kg_query_t){t->tail, t->relation, t->head, TRN_SIDE_HEAD};
    }
}

static const trn_kg_query_t *query_of(const trn_kg_match_t *match, int64_t i) {
    return &match->queries[match->order[match->first + i]];
}

/* Score the chunk's targets. Collective. */
static void prepare_targets(ranker_t *k) {
    const trn_kg_match_t *match = &k->match;
    int32_t entity[TRN_KG_CHUNK];
    for (int64_t i = 0; i < match->n; i++)
        entity[i] = query_of(match, i)->target;
    trn_kg_model_gather(match->model, match->comm, match->n, entity, k->rows);
    for (int64_t i = 0; i < match->n; i++) {
        target_t *t = &k->targets[i];
        t->exact = trn_kg_match_exact(match, 0, i, k->rows + i * match->dim);
        t->value = trn_kg_match_value(match, i, t->exact);
        if (!isfinite(t->exact) || !isfinite(t->value)) k->overflow = true;
    }
}

/* Candidates above `high`, and those not below `low`. One pass without branches. */
static void count_row(int64_t n, const float *score, const float *half, float low, float high,
                      int32_t *above, int32_t *not_below) {
    int32_t a = 0, b = 0;
    for (int64_t j = 0; j < n; j++) {
        float value = score[j] - half[j];
        a += value > high;
        b += value >= low;
    }
    *above = a;
    *not_below = b;
}

/* Whether candidate j of a tile is better (1) or equal (0) or worse (-1) by the definition. */
static int decide(const ranker_t *k, const trn_kg_tile_t *tile, int64_t i, int64_t j) {
    const trn_kg_match_t *match = &k->match;
    double score = trn_kg_match_exact(match, tile->thread, i,
                                      match->model->entity + (tile->first + j) * match->dim);
    return (score > k->targets[i].exact) - (score < k->targets[i].exact);
}

/* Leave out of the tile's row what the relation has not been seen with. */
static void keep_seen(const ranker_t *k, const trn_kg_tile_t *tile, int64_t i, float *score) {
    const trn_kg_query_t *query = query_of(&k->match, i);
    const int32_t *entity;
    float kept[TRN_KG_TILE];
    int64_t n =
        trn_kg_seen_within(k->seen, query->relation, query->side, tile->first, tile->n, &entity);
    for (int64_t j = 0; j < tile->n; j++)
        kept[j] = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        kept[entity[j] - tile->first] = score[entity[j] - tile->first];
    memcpy(score, kept, (size_t)tile->n * sizeof *score);
}

/* Leave known answers out of the tile's row, but for what they do to the raw rank. */
static void leave_out(const ranker_t *k, const trn_kg_tile_t *tile, int64_t i, float *score,
                      double error, trn_kg_count_t *count) {
    const trn_kg_query_t *query = query_of(&k->match, i);
    const int32_t *answers;
    int64_t from = k->match.model->first + tile->first;
    int64_t n = trn_known_answers(k->known, query->side == TRN_SIDE_HEAD, query->entity,
                                  query->relation, &answers);
    for (int64_t a = 0; a < n; a++) {
        int64_t j = answers[a] - from;
        if (j < 0 || j >= tile->n || answers[a] == query->target) continue;
        double value = (double)score[j] - tile->half[j], target = k->targets[i].value;
        int better = (value > target) - (value < target);
        if (fabs(value - target) <= error) better = decide(k, tile, i, j);
        count->raw_better += better > 0;
        count->raw_equal += better == 0;
        score[j] = -INFINITY;
    }
    int64_t target = query->target - from;
    if (target >= 0 && target < tile->n) score[target] = -INFINITY;
}

/* Other threads count other tiles for the same query. */
static void add(int64_t *sum, int64_t value) {
#pragma omp atomic
    *sum += value;
}

/* Count the candidates of one tile for query i of the chunk. */
static void count_query(const ranker_t *k, const trn_kg_tile_t *tile, int64_t i) {
    const float *half = tile->half;
    float *score = tile->score + i * TRN_KG_TILE;
    double target = k->targets[i].value, error = trn_kg_match_error(&k->match, tile, i, target);
    trn_kg_count_t count = {0};
    if (k->seen) keep_seen(k, tile, i, score);
    leave_out(k, tile, i, score, error, &count);
    /* Rounded outwards, so that nothing within the bound is counted without a second look. */
    float low = nextafterf((float)(target - error), -INFINITY);
    float high = nextafterf((float)(target + error), INFINITY);
    int32_t above, not_below;
    count_row(tile->n, score, half, low, high, &above, &not_below);
    count.better = above;
    if (above != not_below)
        for (int64_t j = 0; j < tile->n; j++) {
            float value = score[j] - half[j];
            if (value > high || !(value >= low)) continue;
            int better = decide(k, tile, i, j);
            count.better += better > 0;
            count.equal += better == 0;
        }
    trn_kg_count_t *counts = &k->counts[k->match.order[k->match.first + i]];
    add(&counts->better, count.better);
    add(&counts->equal, count.equal);
    add(&counts->raw_better, count.raw_better + count.better);
    add(&counts->raw_equal, count.raw_equal + count.equal);
}

static void count_tile(void *self, const trn_kg_match_t *match, const trn_kg_tile_t *tile) {
    for (int64_t i = 0; i < match->n; i++)
        count_query(self, tile, i);
}

static void run(ranker_t *k) {
    trn_kg_match_t *match = &k->match;
    while (trn_kg_match_next(match)) {
        prepare_targets(k);
        trn_kg_match_tiles(match, count_tile, k);
        trn_watch_tick();
    }
    /* Plain sums of integers: the same for any cut of the entities, and in pieces, for MPI has a
     * copy of what it sums. */
    for (int64_t at = 0, n; at < match->count; at += n) {
        n = match->count - at < PIECE ? match->count - at : PIECE;
        MPI_Allreduce(MPI_IN_PLACE, k->counts + at, (int)(4 * n), MPI_INT64_T, MPI_SUM,
                      match->comm);
    }
}

trn_status_t trn_kg_rank(const trn_kg_model_t *model, MPI_Comm comm, const trn_known_t *known,
                         const trn_kg_seen_t *seen, int64_t count, const trn_kg_query_t *queries,
                         int threads, trn_kg_count_t *counts) {
    ranker_t k = {.known = known, .seen = seen, .counts = counts};
    memset(counts, 0, (size_t)count * sizeof *counts);
    trn_status_t status = trn_agree(comm, allocate(&k, model, comm, count, queries, threads));
    if (status == TRN_OK) {
        run(&k);
        if (k.overflow)
            status = trn_fail(TRN_NUMERIC, "%s: a score is not finite; train with a lower rate",
                              model->store ? trn_store_path(model->store) : "model");
        status = trn_agree(comm, status);
    }
    release(&k);
    return status;
}
