/* kg_predict.c: lists of the best, kept by threads and ranks and merged on rank 0. */
#include "algo/kg/answer/kg_predict.h"

#include "algo/kg/answer/kg_match.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 1 << 21 /* of the lists that rank 0 gathers at a time */ };

/* The better first. */
static int compare(const void *a, const void *b) {
    const trn_best_t *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* The k best so far, and up to as many others until the list is cut again. */
typedef struct list {
    int64_t count;
    double bar; /* what is below is none of the k best */
    trn_best_t *entry;
} list_t;

/* Lists for a chunk of questions, and the way to rank 0. */
typedef struct room {
    MPI_Comm comm;
    int rank, ranks, threads;
    int64_t k, size, most; /* entries of a list; questions at a time */
    list_t *lists;         /* [threads x most] */
    trn_best_t *entries;   /* [threads x most x size], theirs */
    trn_best_t *mine;      /* [most x k] */
    trn_best_t *all;       /* [ranks x most x k] on rank 0 */
    bool overflow;         /* a score is not finite */
} room_t;

/* Sizes follow from what is the same on all ranks. */
static room_t room_for(int64_t k, int threads, int ranks, int rank) {
    room_t room = {.k = k, .size = 2 * k + 64, .threads = threads, .ranks = ranks, .rank = rank};
    room.most = ENTRIES / (k * ranks);
    if (room.most > TRN_KG_CHUNK) room.most = TRN_KG_CHUNK;
    if (room.most < 1) room.most = 1;
    return room;
}

static room_t room_of(MPI_Comm comm, int64_t k, int threads) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    room_t room = room_for(k, threads, ranks, rank);
    room.comm = comm;
    return room;
}

static trn_status_t room_create(room_t *room) {
    int64_t lists = room->threads * room->most, entries = room->most * room->k;
    TRN_TRY(trn_alloc(&room->lists, lists, sizeof *room->lists, "the best"));
    TRN_TRY(trn_alloc(&room->entries, lists * room->size, sizeof(trn_best_t), "the best"));
    TRN_TRY(trn_alloc(&room->mine, entries, sizeof(trn_best_t), "the best"));
    for (int64_t i = 0; i < lists; i++)
        room->lists[i].entry = room->entries + i * room->size;
    return trn_alloc(&room->all, room->rank == 0 ? room->ranks * entries : 0, sizeof(trn_best_t),
                     "the best");
}

static void room_free(room_t *room) {
    trn_free(&room->lists);
    trn_free(&room->entries);
    trn_free(&room->mine);
    trn_free(&room->all);
}

static void empty(list_t *list) {
    list->count = 0;
    list->bar = -INFINITY;
}

static void clear(room_t *room) {
    for (int64_t i = 0; i < room->threads * room->most; i++)
        empty(&room->lists[i]);
}

static void cut(const room_t *room, list_t *list) {
    qsort(list->entry, (size_t)list->count, sizeof *list->entry, compare);
    if (list->count < room->k) return;
    list->count = room->k;
    list->bar = list->entry[room->k - 1].score;
}

static void offer(const room_t *room, list_t *list, int64_t index, double score) {
    if (score < list->bar) return;
    list->entry[list->count++] = (trn_best_t){index, score};
    if (list->count == room->size) cut(room, list);
}

static void offer_all(const room_t *room, list_t *list, int64_t count, const trn_best_t *from) {
    for (int64_t i = 0; i < count; i++)
        if (from[i].index >= 0) offer(room, list, from[i].index, from[i].score);
}

/* Cut the list and write it out, filled up. */
static void copy_best(const room_t *room, list_t *list, trn_best_t *best) {
    cut(room, list);
    for (int64_t i = 0; i < room->k; i++)
        best[i] = i < list->count ? list->entry[i] : (trn_best_t){-1, -INFINITY};
}

/* Of all threads' and ranks' lists of n questions keep the best: those of the i-th are for place
 * number[i]. Collective. */
static void merge(room_t *room, int64_t n, const int64_t *number, trn_best_t *best) {
    int64_t k = room->k;
    for (int64_t i = 0; i < n; i++) {
        list_t *list = &room->lists[i];
        for (int t = 1; t < room->threads; t++) {
            const list_t *other = &room->lists[t * room->most + i];
            offer_all(room, list, other->count, other->entry);
        }
        copy_best(room, list, room->mine + i * k);
    }
    int bytes = (int)(n * k * (int64_t)sizeof *best);
    MPI_Gather(room->mine, bytes, MPI_BYTE, room->all, bytes, MPI_BYTE, 0, room->comm);
    for (int64_t i = 0; room->rank == 0 && i < n; i++) {
        list_t *list = &room->lists[i];
        empty(list);
        for (int r = 0; r < room->ranks; r++)
            offer_all(room, list, k, room->all + (r * n + i) * k);
        copy_best(room, list, best + number[i] * k);
    }
    trn_watch_tick();
}

/* Entities ------------------------------------------------------------------------------------- */

typedef struct search {
    room_t *room;
    const trn_kg_wanted_t *wanted;
    const trn_kg_question_t *questions;
    int64_t count; /* of those that ask for entities */
    trn_kg_query_t *queries;
    int64_t *number; /* [count] places among all questions */
    int64_t *chunk;  /* [most] the same of the chunk's */
} search_t;

/* Scores, less half, that are not below the bar or went beyond float32. Without branches. */
static int64_t count_reaching(int64_t n, const float *score, const float *half, float bar) {
    int32_t reaching = 0;
    for (int64_t j = 0; j < n; j++) {
        float value = score[j] - half[j];
        reaching += !(value < bar) | (value < -FLT_MAX);
    }
    return reaching;
}

/* Let a tile's candidates compete in the list of query i of the chunk. */
static void compete(search_t *s, const trn_kg_match_t *match, const trn_kg_tile_t *tile,
                    int64_t i) {
    room_t *room = s->room;
    const trn_kg_question_t *question = &s->questions[s->chunk[i]];
    list_t *list = &room->lists[tile->thread * room->most + i];
    const float *score = tile->score + i * TRN_KG_TILE;
    double mark = trn_kg_match_value(match, i, list->bar);
    float bar = nextafterf((float)(mark - trn_kg_match_error(match, tile, i, mark)), -INFINITY);
    if (count_reaching(tile->n, score, tile->half, bar) == 0) return;
    for (int64_t j = 0; j < tile->n; j++) {
        int64_t candidate = match->model->first + tile->first + j;
        float value = score[j] - tile->half[j];
        if ((value < bar && value >= -FLT_MAX) || candidate >= s->wanted->entities) continue;
        if (s->wanted->leave_out && trn_kg_is_known(s->wanted->leave_out, question, candidate))
            continue;
        double exact = trn_kg_match_exact(match, tile->thread, i,
                                          match->model->entity + (tile->first + j) * match->dim);
        if (!isfinite(exact)) {
#pragma omp atomic write
            room->overflow = true;
        }
        offer(room, list, candidate, exact);
    }
}

static void compete_all(void *self, const trn_kg_match_t *match, const trn_kg_tile_t *tile) {
    for (int64_t i = 0; i < match->n; i++)
        compete(self, match, tile, i);
}

static trn_status_t list_queries(search_t *s, int64_t count) {
    TRN_TRY(trn_alloc(&s->queries, count, sizeof *s->queries, "questions"));
    TRN_TRY(trn_alloc(&s->number, count, sizeof *s->number, "questions"));
    TRN_TRY(trn_alloc(&s->chunk, s->room->most, sizeof *s->chunk, "questions"));
    for (int64_t i = 0; i < count; i++) {
        const trn_kg_question_t *q = &s->questions[i];
        if (q->relation < 0) continue;
        s->queries[s->count] = q->tail < 0
                                   ? (trn_kg_query_t){q->head, q->relation, -1, TRN_SIDE_TAIL}
                                   : (trn_kg_query_t){q->tail, q->relation, -1, TRN_SIDE_HEAD};
        s->number[s->count++] = i;
    }
    return TRN_OK;
}

static trn_status_t answer_entities(search_t *s, const trn_kg_model_t *model, int64_t count,
                                    trn_best_t *best) {
    room_t *room = s->room;
    trn_kg_match_t match = {0};
    trn_status_t status = list_queries(s, count);
    if (status == TRN_OK)
        status = trn_kg_match_create(&match, model, room->comm, s->count, s->queries, room->most,
                                     room->threads);
    status = trn_agree(room->comm, status);
    while (status == TRN_OK && trn_kg_match_next(&match)) {
        clear(room);
        for (int64_t i = 0; i < match.n; i++)
            s->chunk[i] = s->number[match.order[match.first + i]];
        trn_kg_match_tiles(&match, compete_all, s);
        merge(room, match.n, s->chunk, best);
    }
    trn_kg_match_free(&match);
    trn_free(&s->queries);
    trn_free(&s->number);
    trn_free(&s->chunk);
    return status;
}

/* Relations ------------------------------------------------------------------------------------ */

/* Every rank scores a part of the relations between two entities. */
static void score_relations(room_t *room, const trn_kg_model_t *model, trn_kg_exact_t *exact,
                            const trn_kg_question_t *question, const trn_kg_wanted_t *wanted,
                            const float *rows, list_t *list) {
    int64_t relations = model->header.relations;
    int64_t end = trn_part_start(relations, room->ranks, room->rank + 1);
    for (int64_t r = trn_part_start(relations, room->ranks, room->rank); r < end; r++) {
        if (wanted->leave_out && trn_kg_is_known(wanted->leave_out, question, r)) continue;
        double score = trn_kg_exact(exact, TRN_SIDE_TAIL, r, rows, rows + model->header.shape.dim);
        if (!isfinite(score)) room->overflow = true;
        offer(room, list, r, score);
    }
}

static void answer_chunk(room_t *room, const trn_kg_model_t *model, trn_kg_exact_t *exact,
                         const trn_kg_question_t *questions, const trn_kg_wanted_t *wanted,
                         int64_t n, const int64_t *number, float *rows, trn_best_t *best) {
    int32_t entity[2 * TRN_KG_CHUNK];
    for (int64_t i = 0; i < n; i++) {
        entity[2 * i] = questions[number[i]].head;
        entity[2 * i + 1] = questions[number[i]].tail;
    }
    trn_kg_model_gather(model, room->comm, 2 * n, entity, rows);
    clear(room);
    for (int64_t i = 0; i < n; i++)
        score_relations(room, model, exact, &questions[number[i]], wanted,
                        rows + 2 * i * model->header.shape.dim, &room->lists[i]);
    merge(room, n, number, best);
}

static trn_status_t answer_relations(room_t *room, const trn_kg_model_t *model, int64_t count,
                                     const trn_kg_question_t *questions,
                                     const trn_kg_wanted_t *wanted, trn_best_t *best) {
    trn_kg_exact_t exact = {0};
    float *rows = NULL;
    int64_t number[TRN_KG_CHUNK], n = 0, dim = model->header.shape.dim;
    trn_status_t status = trn_kg_exact_create(&exact, model);
    if (status == TRN_OK) status = trn_alloc(&rows, 2 * room->most * dim, sizeof *rows, "vectors");
    status = trn_agree(room->comm, status);
    for (int64_t i = 0; i < count && status == TRN_OK; i++) {
        if (questions[i].relation < 0) number[n++] = i;
        if (n == 0 || (n < room->most && i < count - 1)) continue;
        answer_chunk(room, model, &exact, questions, wanted, n, number, rows, best);
        n = 0;
    }
    trn_kg_exact_free(&exact);
    trn_free(&rows);
    return status;
}

trn_status_t trn_kg_answer(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                           const trn_kg_question_t *questions, const trn_kg_wanted_t *wanted,
                           int threads, trn_best_t *best) {
    room_t room = room_of(comm, wanted->k, threads);
    search_t search = {.room = &room, .wanted = wanted, .questions = questions};
    trn_status_t status;
    TRN_OR(done, trn_agree(comm, room_create(&room)));
    TRN_OR(done, answer_entities(&search, model, count, best));
    TRN_OR(done, answer_relations(&room, model, count, questions, wanted, best));
    if (room.overflow)
        status = trn_fail(TRN_NUMERIC, "%s: a score is not finite; train with a lower rate",
                          trn_store_path(model->store));
    status = trn_agree(comm, status);
done:
    room_free(&room);
    return status;
}

/* Neighbours ----------------------------------------------------------------------------------- */

static double dot(int64_t count, const float *a, const float *b) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void score_cosines(const room_t *room, const trn_kg_model_t *model, int32_t entity,
                          const float *row, list_t *list) {
    int64_t dim = model->header.shape.dim;
    double own = dot(dim, row, row);
    for (int64_t i = 0; i < model->count; i++) {
        if (model->first + i == entity) continue;
        const float *other = model->entity + i * dim;
        double length = sqrt(own * dot(dim, other, other)), product = dot(dim, row, other);
        offer(room, list, model->first + i, length > 0 ? product / length : 0);
    }
}

trn_status_t trn_kg_nearest(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                            const int32_t *entities, int64_t k, int threads, trn_best_t *best) {
    room_t room = room_of(comm, k, 1); /* threads share questions, which have a list each */
    float *rows = NULL;
    int64_t dim = model->header.shape.dim, number[TRN_KG_CHUNK];
    trn_status_t status = room_create(&room);
    if (status == TRN_OK) status = trn_alloc(&rows, room.most * dim, sizeof *rows, "vectors");
    status = trn_agree(comm, status);
    for (int64_t first = 0, n; first < count && status == TRN_OK; first += n) {
        n = count - first < room.most ? count - first : room.most;
        trn_kg_model_gather(model, comm, n, entities + first, rows);
        clear(&room);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t i = 0; i < n; i++)
            score_cosines(&room, model, entities[first + i], rows + i * dim, &room.lists[i]);
        for (int64_t i = 0; i < n; i++)
            number[i] = first + i;
        merge(&room, n, number, best);
    }
    room_free(&room);
    trn_free(&rows);
    return status;
}

/* Names ---------------------------------------------------------------------------------------- */

trn_status_t trn_kg_answer_names(const trn_kg_answers_t *a, trn_store_t *store, MPI_Comm comm,
                                 const char *list, trn_labels_t *labels) {
    int64_t k = a->k, *numbers = NULL, count = 0;
    trn_status_t status = TRN_OK;
    if (a->best) status = trn_alloc(&numbers, a->count * k, sizeof *numbers, "answers");
    for (int64_t i = 0; numbers && i < a->count; i++) {
        if (a->questions && (a->questions[i].relation < 0) != a->relations) continue;
        for (int64_t j = 0; j < k; j++)
            numbers[count++] = a->best[i * k + j].index;
    }
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_names_read(store, comm, list, count, numbers, labels);
    trn_free(&numbers);
    return status;
}

void trn_kg_answer_names_plan(trn_ledger_t *ledger, int64_t rows,
                              const trn_kg_search_size_t *size) {
    int64_t all = trn_ledger_bytes(size->count, size->k);
    trn_ledger_take(ledger, "names", all, (int64_t)sizeof(int64_t));
    trn_names_read_plan(ledger, rows, all);
    trn_ledger_give(ledger, "names", all, (int64_t)sizeof(int64_t));
}

/* Plans ---------------------------------------------------------------------------------------- */

static void plan_room(trn_ledger_t *ledger, const room_t *room) {
    int64_t lists = room->threads * room->most, entries = room->most * room->k;
    const int64_t best = (int64_t)sizeof(trn_best_t);
    trn_ledger_take(ledger, "answers", lists, (int64_t)sizeof(list_t));
    trn_ledger_take(ledger, "answers", lists * room->size, best);
    trn_ledger_take(ledger, "answers", entries, best);
    if (room->rank == 0) trn_ledger_take(ledger, "answers", room->ranks * entries, best);
}

void trn_kg_answer_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                        const trn_kg_search_size_t *size, int rank) {
    const room_t room = room_for(size->k, size->threads, size->ranks, rank);
    const trn_kg_match_size_t match = {.entities = trn_kg_own(header->entities, size->ranks, rank),
                                       .count = size->count,
                                       .most = room.most,
                                       .threads = size->threads,
                                       .ranks = size->ranks};
    trn_ledger_t before = *ledger;
    plan_room(ledger, &room);
    trn_ledger_t ready = *ledger;
    trn_ledger_take(ledger, "queries", size->count,
                    (int64_t)(sizeof(trn_kg_query_t) + sizeof(int64_t)));
    trn_kg_match_plan(ledger, header, &match);
    trn_ledger_back(ledger, &ready);
    trn_kg_exact_plan(ledger, header);
    trn_ledger_take(ledger, "queries", 2 * room.most * header->shape.dim, (int64_t)sizeof(float));
    trn_kg_model_gather_plan(ledger, header, 2 * room.most, size->ranks);
    trn_ledger_back(ledger, &before);
}

void trn_kg_nearest_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                         const trn_kg_search_size_t *size, int rank) {
    const room_t room = room_for(size->k, 1, size->ranks, rank);
    trn_ledger_t before = *ledger;
    plan_room(ledger, &room);
    trn_ledger_take(ledger, "queries", room.most * header->shape.dim, (int64_t)sizeof(float));
    trn_kg_model_gather_plan(ledger, header, room.most, size->ranks);
    trn_ledger_back(ledger, &before);
}
