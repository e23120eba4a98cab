/* kg_score.c: scores by definition in float64. */
#include "algo/kg/kg_score.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/gather.h"
#include "mpi/watch.h"

#include <math.h>

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

/* The entities that are asked for. */
typedef struct wanted {
    const trn_kg_model_t *model;
    const int32_t *entity;
} wanted_t;

static const float *own_row(const void *user, int64_t i) {
    const wanted_t *w = user;
    int64_t own = w->entity[i] - w->model->first;
    bool here = own >= 0 && own < w->model->count;
    return here ? w->model->entity + own * w->model->header.shape.dim : NULL;
}

void trn_kg_model_gather(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                         const int32_t *entity, float *rows) {
    const wanted_t wanted = {model, entity};
    trn_gather_rows(comm, count, model->header.shape.dim, own_row, &wanted, rows);
}

enum { CHUNK = 256 /* triples whose rows are gathered together */ };

/* Some triples: every rank scores its share, all learn all. Collective. */
static void score_chunk(trn_kg_exact_t *exact, MPI_Comm comm, int64_t n,
                        const trn_triple_t *triples, float *rows, double *scores) {
    const trn_kg_model_t *model = exact->model;
    int64_t dim = model->header.shape.dim;
    int32_t entity[2 * CHUNK];
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    for (int64_t i = 0; i < n; i++) {
        entity[2 * i] = triples[i].head;
        entity[2 * i + 1] = triples[i].tail;
    }
    trn_kg_model_gather(model, comm, 2 * n, entity, rows);
    for (int64_t i = 0; i < n; i++) {
        trn_side_t side = TRN_SIDE_TAIL;
        int64_t row = trn_kg_query_row(&model->header, triples[i].relation, &side);
        const float *head = rows + 2 * i * dim;
        scores[i] = i % ranks == rank ? trn_kg_exact(exact, side, row, head, head + dim) : 0;
    }
    /* One rank has the number, the others zero bits. */
    MPI_Allreduce(MPI_IN_PLACE, scores, (int)n, MPI_UINT64_T, MPI_BOR, comm);
    trn_watch_tick();
}

trn_status_t trn_kg_score_triples(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                                  const trn_triple_t *triples, double *scores) {
    trn_kg_exact_t exact = {0};
    float *rows = NULL;
    trn_status_t status = trn_kg_exact_create(&exact, model);
    if (status == TRN_OK)
        status = trn_alloc(&rows, 2 * CHUNK * model->header.shape.dim, sizeof *rows, "vectors");
    status = trn_agree(comm, status);
    for (int64_t at = 0, n; at < count && status == TRN_OK; at += n) {
        n = count - at < CHUNK ? count - at : CHUNK;
        score_chunk(&exact, comm, n, triples + at, rows, scores + at);
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(scores[at + i]))
                status = trn_fail(TRN_NUMERIC, "%s: a score is not finite; train with a lower rate",
                                  trn_store_path(model->store));
    }
    trn_kg_exact_free(&exact);
    trn_free(&rows);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

void trn_kg_exact_plan(trn_ledger_t *ledger, const trn_kg_header_t *header) {
    const trn_model_shape_t *shape = &header->shape;
    int64_t numbers =
        2 * shape->dim + header->model->relation_width(shape) + header->model->second_width(shape);
    trn_ledger_take(ledger, "scoring", numbers, (int64_t)sizeof(double));
}

/* MPI sums in place beside what comes in. */
void trn_kg_model_gather_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t count,
                              int ranks) {
    if (ranks > 1)
        trn_ledger_pass(ledger, "messages", count * header->shape.dim, (int64_t)sizeof(float));
}

void trn_kg_score_triples_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int ranks) {
    trn_ledger_t before = *ledger;
    trn_kg_exact_plan(ledger, header);
    trn_ledger_take(ledger, "scoring", 2 * CHUNK * header->shape.dim, (int64_t)sizeof(float));
    trn_kg_model_gather_plan(ledger, header, 2 * CHUNK, ranks);
    trn_ledger_back(ledger, &before);
}
