#include "algo/kg/kg_score.h"

#include "base/mem.h"

#include <string.h>

trn_status_t trn_kg_exact_create(trn_kg_exact_t *exact, const trn_kg_model_t *model) {
    const trn_kg_header_t *h = &model->header;
    *exact = (trn_kg_exact_t){.model = model, .row = -1};
    int64_t relation = h->model->relation_width(&h->shape);
    int64_t second = h->model->second_width(&h->shape);
    TRN_TRY(trn_alloc(&exact->known, h->shape.dim, sizeof(double), "a vector"));
    TRN_TRY(trn_alloc(&exact->candidate, h->shape.dim, sizeof(double), "a vector"));
    TRN_TRY(trn_alloc(&exact->relation, relation, sizeof(double), "a vector"));
    return trn_alloc(&exact->second, second, sizeof(double), "a relation");
}

void trn_kg_exact_free(trn_kg_exact_t *exact) {
    trn_free(&exact->known);
    trn_free(&exact->candidate);
    trn_free(&exact->relation);
    trn_free(&exact->second);
}

static void widen(int64_t count, const float *from, double *to) {
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i];
}

double trn_kg_exact(trn_kg_exact_t *exact, trn_side_t side, int64_t row, const float *known,
                    const float *candidate) {
    const trn_kg_header_t *h = &exact->model->header;
    if (exact->row != row) {
        int64_t width = h->model->relation_width(&h->shape);
        int64_t second = h->model->second_width(&h->shape);
        widen(width, exact->model->relation + row * width, exact->relation);
        if (second > 0) widen(second, exact->model->second + row * second, exact->second);
        exact->row = row;
    }
    widen(h->shape.dim, known, exact->known);
    widen(h->shape.dim, candidate, exact->candidate);
    const double *head = side == TRN_SIDE_TAIL ? exact->known : exact->candidate;
    const double *tail = side == TRN_SIDE_TAIL ? exact->candidate : exact->known;
    return h->model->score_ref(&h->shape, head, exact->relation, exact->second, tail);
}

void trn_kg_model_gather(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                         const int32_t *entity, float *rows) {
    int64_t dim = model->header.shape.dim;
    for (int64_t i = 0; i < count; i++) {
        int64_t own = entity[i] - model->first;
        size_t bytes = (size_t)dim * sizeof *rows;
        if (own >= 0 && own < model->count)
            memcpy(rows + i * dim, model->entity + own * dim, bytes);
        else
            memset(rows + i * dim, 0, bytes);
    }
    /* One rank has the row, the others zero bits: OR brings it over as it is. */
    MPI_Allreduce(MPI_IN_PLACE, rows, (int)(count * dim), MPI_UINT32_T, MPI_BOR, comm);
}
