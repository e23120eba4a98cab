#include "algo/kg_predict.h"

#include "algo/kg_score.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The better first. */
static int compare(const void *a, const void *b) {
    const trn_best_t *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Room for a question: the own candidates, then the lists of all ranks. */
typedef struct room {
    int ranks;
    int64_t k;
    float *rows;       /* [2 x dim] */
    trn_best_t *list;  /* [candidates or k] */
    trn_best_t *lists; /* [ranks x k] */
    trn_kg_exact_t exact;
} room_t;

static trn_status_t room_create(room_t *room, const trn_kg_model_t *model, int64_t candidates,
                                int64_t k) {
    int64_t own = candidates > k ? candidates : k;
    TRN_TRY(trn_alloc(&room->rows, 2 * model->header.shape.dim, sizeof(float), "vectors"));
    TRN_TRY(trn_alloc(&room->list, own, sizeof *room->list, "candidates"));
    TRN_TRY(trn_alloc(&room->lists, room->ranks * k, sizeof *room->lists, "the best"));
    return trn_kg_exact_create(&room->exact, model);
}

static void room_free(room_t *room) {
    trn_free(&room->rows);
    trn_free(&room->list);
    trn_free(&room->lists);
    trn_kg_exact_free(&room->exact);
}

/* Sort the own list[count], and of all ranks' lists keep the best. Collective. */
static void merge(room_t *room, MPI_Comm comm, int64_t count, trn_best_t *best) {
    int bytes = (int)(room->k * (int64_t)sizeof *best);
    qsort(room->list, (size_t)count, sizeof *room->list, compare);
    for (int64_t i = count; i < room->k; i++)
        room->list[i] = (trn_best_t){-1, -INFINITY};
    MPI_Allgather(room->list, bytes, MPI_BYTE, room->lists, bytes, MPI_BYTE, comm);
    qsort(room->lists, (size_t)(room->ranks * room->k), sizeof *best, compare);
    int64_t filled = 0;
    for (int64_t i = 0; i < room->ranks * room->k && filled < room->k; i++)
        if (room->lists[i].index >= 0) best[filled++] = room->lists[i];
    for (; filled < room->k; filled++)
        best[filled] = (trn_best_t){-1, -INFINITY};
    trn_watch_tick();
}

/* Scores of the own entities in the open place. */
static int64_t score_entities(room_t *room, const trn_kg_model_t *model,
                              const trn_kg_question_t *question, trn_kg_allow_t allow, void *user) {
    trn_side_t side = question->tail < 0 ? TRN_SIDE_TAIL : TRN_SIDE_HEAD;
    int64_t row = trn_kg_query_row(&model->header, question->relation, &side), count = 0;
    const float *known = room->rows + (question->tail < 0 ? 0 : model->header.shape.dim);
    for (int64_t i = 0; i < model->count; i++) {
        if (allow && !allow(user, model->first + i)) continue;
        const float *candidate = model->entity + i * model->header.shape.dim;
        room->list[count++] =
            (trn_best_t){model->first + i, trn_kg_exact(&room->exact, side, row, known, candidate)};
    }
    return count;
}

/* Scores of all relations between two entities, on one rank, as the others wait. */
static int64_t score_relations(room_t *room, const trn_kg_model_t *model, trn_kg_allow_t allow,
                               void *user) {
    const float *head = room->rows, *tail = room->rows + model->header.shape.dim;
    int64_t count = 0;
    for (int64_t r = 0; r < model->header.relations; r++)
        if (!allow || allow(user, r))
            room->list[count++] =
                (trn_best_t){r, trn_kg_exact(&room->exact, TRN_SIDE_TAIL, r, head, tail)};
    return count;
}

trn_status_t trn_kg_answer(const trn_kg_model_t *model, MPI_Comm comm,
                           const trn_kg_question_t *question, trn_kg_allow_t allow, void *user,
                           int64_t k, trn_best_t *best) {
    room_t room = {.k = k};
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &room.ranks);
    bool relation = question->relation < 0;
    int64_t candidates = relation ? model->header.relations : model->count;
    trn_status_t status = trn_agree(comm, room_create(&room, model, candidates, k));
    if (status == TRN_OK) {
        int32_t entity[2] = {question->head, question->tail};
        int64_t count = 0;
        trn_kg_model_gather(model, comm, 2, entity, room.rows);
        if (!relation)
            count = score_entities(&room, model, question, allow, user);
        else if (rank == 0)
            count = score_relations(&room, model, allow, user);
        merge(&room, comm, count, best);
    }
    room_free(&room);
    return status;
}

static double dot(int64_t count, const float *a, const float *b) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

trn_status_t trn_kg_nearest(const trn_kg_model_t *model, MPI_Comm comm, int32_t entity, int64_t k,
                            trn_best_t *best) {
    room_t room = {.k = k};
    int64_t dim = model->header.shape.dim, count = 0;
    MPI_Comm_size(comm, &room.ranks);
    trn_status_t status = trn_agree(comm, room_create(&room, model, model->count, k));
    if (status == TRN_OK) {
        trn_kg_model_gather(model, comm, 1, &entity, room.rows);
        double own = dot(dim, room.rows, room.rows);
        for (int64_t i = 0; i < model->count; i++) {
            if (model->first + i == entity) continue;
            const float *other = model->entity + i * dim;
            double length = sqrt(own * dot(dim, other, other));
            double product = dot(dim, room.rows, other);
            room.list[count++] = (trn_best_t){model->first + i, length > 0 ? product / length : 0};
        }
        merge(&room, comm, count, best);
    }
    room_free(&room);
    return status;
}

int64_t trn_kg_predict_bytes(const trn_kg_header_t *header, int ranks, int64_t k) {
    const trn_model_shape_t *shape = &header->shape;
    int64_t entities = (header->entities + ranks - 1) / ranks;
    int64_t relation = header->model->relation_width(shape) + header->model->second_width(shape);
    int64_t floats = (entities + 2) * shape->dim + trn_kg_relation_rows(header) * relation;
    return floats * (int64_t)sizeof(float) + (entities + ranks * k) * (int64_t)sizeof(trn_best_t) +
           (2 * shape->dim + relation) * (int64_t)sizeof(double);
}

trn_status_t trn_kg_predict_cost(MPI_Comm comm, const char *path, int64_t k, int64_t *bytes) {
    trn_store_t *store = NULL;
    trn_kg_header_t header;
    int ranks;
    MPI_Comm_size(comm, &ranks);
    TRN_TRY(trn_store_open(&store, comm, path, "kg-model"));
    trn_status_t status = trn_agree(comm, trn_kg_header_read(store, &header));
    if (status == TRN_OK) *bytes = trn_kg_predict_bytes(&header, ranks, k);
    trn_store_close(&store);
    return status;
}
