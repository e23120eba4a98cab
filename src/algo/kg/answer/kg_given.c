/* kg_given.c: true answers among candidates of their own. The lists are dealt to the ranks like the
 * entities, so that every candidate is scored where its vector is. */
#include "algo/kg/answer/kg_given.h"

#include "algo/kg/kg_known.h"
#include "algo/kg/kg_score.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Append a candidate if this rank has it. */
static trn_status_t append(trn_kg_given_t *g, int64_t first, int64_t end, int64_t question,
                           int32_t entity) {
    if (entity < first || entity >= end) return TRN_OK;
    int64_t at = g->start[question + 1]++;
    TRN_TRY(trn_grow(&g->entity, &g->capacity, at + 1, sizeof *g->entity, "candidates"));
    g->entity[at] = entity;
    return TRN_OK;
}

/* The candidates of one question, in the order of a permutation of the entities. */
static trn_status_t draw(trn_kg_given_t *g, const trn_kg_t *kg, const trn_known_t *known,
                         int64_t question, int64_t n, uint64_t seed, int64_t first, int64_t end) {
    const trn_kg_query_t *q = &g->queries[question];
    bool head = q->side == TRN_SIDE_HEAD;
    trn_kg_question_t asked = {head ? -1 : q->entity, q->relation, head ? q->entity : -1};
    uint32_t words[4];
    trn_rng_words(seed, (uint64_t)question, 0, 0, TRN_RNG_KG_SAMPLE, words);
    uint64_t key = (uint64_t)words[0] << 32 | words[1];
    for (int64_t i = 0, drawn = 0; i < kg->entities && drawn < n; i++) {
        int64_t e = trn_rng_permuted(key, kg->entities, i);
        if (e == q->target || trn_kg_is_known(known, &asked, e)) continue;
        TRN_TRY(append(g, first, end, question, (int32_t)e));
        drawn++;
        g->candidates++;
    }
    return TRN_OK;
}

static trn_status_t draw_all(trn_kg_given_t *g, MPI_Comm comm, const trn_kg_t *kg,
                             const trn_known_t *known, int64_t n, uint64_t seed) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t first = trn_part_start(kg->entities, ranks, rank);
    int64_t end = trn_part_start(kg->entities, ranks, rank + 1);
    TRN_TRY(trn_alloc_zero(&g->start, g->count + 1, sizeof *g->start, "candidates"));
    for (int64_t i = 0; i < g->count; i++) {
        g->start[i + 1] = g->start[i];
        TRN_TRY(draw(g, kg, known, i, n, seed, first, end));
        if (i % 4096 == 0) trn_watch_tick();
    }
    return TRN_OK;
}

trn_status_t trn_kg_given_draw(trn_kg_given_t *given, MPI_Comm comm, const trn_kg_t *kg,
                               int64_t count, trn_kg_query_t *queries, const trn_known_t *known,
                               int64_t n, uint64_t seed) {
    *given = (trn_kg_given_t){.count = count, .queries = queries};
    return trn_agree(comm, draw_all(given, comm, kg, known, n, seed));
}

void trn_kg_given_free(trn_kg_given_t *given) {
    if (given->owner) trn_free(&given->queries);
    trn_free(&given->start);
    trn_free(&given->entity);
    *given = (trn_kg_given_t){0};
}

typedef struct ranker {
    const trn_kg_given_t *given;
    const trn_kg_model_t *model;
    trn_kg_count_t *counts;
    int threads;
    trn_kg_exact_t *exact; /* [threads] */
    float *rows;           /* [2 x TRN_KG_CHUNK x dim]: known entity and target of each question */
    bool overflow;
} ranker_t;

static trn_status_t allocate(ranker_t *k) {
    TRN_TRY(trn_alloc_zero(&k->exact, k->threads, sizeof *k->exact, "exact scores"));
    for (int t = 0; t < k->threads; t++)
        TRN_TRY(trn_kg_exact_create(&k->exact[t], k->model));
    return trn_alloc(&k->rows, 2 * TRN_KG_CHUNK * k->model->header.shape.dim, sizeof *k->rows,
                     "query rows");
}

/* Count the candidates of question `at`, whose rows are those of place i of the chunk. */
static void count_question(ranker_t *k, trn_kg_exact_t *exact, int64_t at, int64_t i) {
    const trn_kg_given_t *g = k->given;
    const trn_kg_query_t *q = &g->queries[at];
    trn_kg_count_t *count = &k->counts[at];
    int64_t dim = k->model->header.shape.dim;
    const float *known = k->rows + 2 * i * dim;
    trn_side_t side = q->side;
    int64_t row = trn_kg_query_row(&k->model->header, q->relation, &side);
    double target = trn_kg_exact(exact, side, row, known, known + dim);
    bool finite = isfinite(target);
    for (int64_t c = g->start[at]; c < g->start[at + 1]; c++) {
        const float *candidate = k->model->entity + (g->entity[c] - k->model->first) * dim;
        double score = trn_kg_exact(exact, side, row, known, candidate);
        finite = finite && isfinite(score);
        count->better += score > target;
        count->equal += score == target;
    }
    count->raw_better = count->better;
    count->raw_equal = count->equal;
    if (!finite) {
#pragma omp atomic write
        k->overflow = true;
    }
}

/* Questions [first, first + n). Collective. */
static void count_chunk(ranker_t *k, MPI_Comm comm, int64_t first, int64_t n) {
    int32_t entity[2 * TRN_KG_CHUNK];
    for (int64_t i = 0; i < n; i++) {
        entity[2 * i] = k->given->queries[first + i].entity;
        entity[2 * i + 1] = k->given->queries[first + i].target;
    }
    trn_kg_model_gather(k->model, comm, 2 * n, entity, k->rows);
#pragma omp parallel for num_threads(k->threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++)
        count_question(k, &k->exact[omp_get_thread_num()], first + i, i);
    /* sums of integers: the same for any cut of the entities */
    MPI_Allreduce(MPI_IN_PLACE, k->counts + first, (int)(4 * n), MPI_INT64_T, MPI_SUM, comm);
    trn_watch_tick();
}

trn_status_t trn_kg_given_rank(const trn_kg_given_t *given, const trn_kg_model_t *model,
                               MPI_Comm comm, int threads, trn_kg_count_t *counts) {
    ranker_t k = {.given = given, .model = model, .counts = counts, .threads = threads};
    memset(counts, 0, (size_t)given->count * sizeof *counts);
    trn_status_t status = trn_agree(comm, allocate(&k));
    for (int64_t at = 0, n; at < given->count && status == TRN_OK; at += n) {
        n = given->count - at < TRN_KG_CHUNK ? given->count - at : TRN_KG_CHUNK;
        count_chunk(&k, comm, at, n);
    }
    if (status == TRN_OK && k.overflow)
        status = trn_fail(TRN_NUMERIC, "%s: a score is not finite; train with a lower rate",
                          trn_store_path(model->store));
    status = trn_agree(comm, status);
    for (int t = 0; k.exact && t < threads; t++)
        trn_kg_exact_free(&k.exact[t]);
    trn_free(&k.exact);
    trn_free(&k.rows);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

void trn_kg_given_draw_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t count,
                            int64_t n, int ranks, int rank) {
    enum { SMALL = 4 << 20, SPARE = 16 /* what trn_grow adds: as much again, or a sixteenth */ };
    int64_t others = header->entities - 1, each = n < others ? n : others;
    double part = (double)trn_kg_own(header->entities, ranks, rank) / (double)header->entities;
    int64_t bytes = trn_ledger_bytes((int64_t)((double)trn_ledger_bytes(count, each) * part) + 1,
                                     (int64_t)sizeof(int32_t));
    trn_ledger_take(ledger, "candidates", count + 1, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "candidates", bytes, 1);
    trn_ledger_take(ledger, "candidates", bytes < SMALL ? bytes : bytes / SPARE, 1);
}

void trn_kg_given_rank_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int threads,
                            int ranks) {
    trn_ledger_t before = *ledger;
    for (int t = 0; t < threads; t++)
        trn_kg_exact_plan(ledger, header);
    trn_ledger_take(ledger, "scoring", 2 * TRN_KG_CHUNK * header->shape.dim,
                    (int64_t)sizeof(float));
    trn_kg_model_gather_plan(ledger, header, 2 * TRN_KG_CHUNK, ranks);
    trn_ledger_back(ledger, &before);
}
