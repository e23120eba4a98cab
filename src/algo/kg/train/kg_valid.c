#include "algo/kg/train/kg_valid.h"

#include "algo/kg/kg_known.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <string.h>

enum { BATCH = 4096 /* entities that are gathered together */ };

/* Collective. */
static trn_status_t read_facts(trn_kg_valid_t *v, MPI_Comm comm, const trn_kg_t *kg) {
    int64_t valid = kg->triples[TRN_VALID];
    trn_triple_t *triples = NULL;
    trn_status_t status = trn_alloc(&triples, valid, sizeof *triples, "the valid split");
    if (status == TRN_OK) status = trn_kg_read(kg, TRN_VALID, 0, valid, triples);
    status = trn_agree(comm, status);
    if (status == TRN_OK) {
        trn_kg_queries(valid, triples, v->queries);
        status = trn_kg_known_both(kg, comm, TRN_VALID + 1, valid, triples, &v->known);
    }
    trn_free(&triples);
    return status;
}

static int64_t second_width(const trn_kg_header_t *header) {
    return header->model->second_width(&header->shape);
}

static trn_status_t allocate(trn_kg_valid_t *v, const trn_kg_state_t *s, const trn_kg_t *kg) {
    int64_t n = s->header.entities, d = s->header.shape.dim;
    if (kg->triples[TRN_VALID] == 0)
        return trn_fail(TRN_INPUT,
                        "%s: /valid: has no triples to look at; import some, or "
                        "--valid-every 0",
                        trn_store_path(kg->store));
    v->model.header = s->header;
    v->model.first = trn_part_start(n, s->ranks, s->rank);
    v->model.count = trn_part_start(n, s->ranks, s->rank + 1) - v->model.first;
    v->count = 2 * kg->triples[TRN_VALID];
    TRN_TRY(trn_alloc(&v->queries, v->count, sizeof *v->queries, "queries"));
    TRN_TRY(trn_alloc(&v->counts, v->count, sizeof *v->counts, "ranks"));
    TRN_TRY(trn_alloc(&v->model.entity, v->model.count * d, sizeof(float), "a band of entities"));
    TRN_TRY(trn_alloc(&v->model.second, trn_kg_relation_rows(&s->header) * second_width(&s->header),
                      sizeof(float), "second rows of relations"));
    TRN_TRY(trn_alloc(&v->id, BATCH, sizeof *v->id, "entities on their way"));
    return trn_alloc(&v->rows, BATCH * d, sizeof *v->rows, "entities on their way");
}

trn_status_t trn_kg_valid_create(trn_kg_valid_t *valid, const trn_kg_state_t *state,
                                 const trn_kg_t *kg) {
    TRN_AGREE(state->comm, allocate(valid, state, kg));
    return read_facts(valid, state->comm, kg);
}

void trn_kg_valid_free(trn_kg_valid_t *v) {
    trn_known_destroy(&v->known);
    trn_free(&v->queries);
    trn_free(&v->counts);
    trn_free(&v->model.entity);
    trn_free(&v->model.second);
    trn_free(&v->id);
    trn_free(&v->rows);
}

/* Ranking wants the second rows of all relations. */
static void gather_second(trn_kg_valid_t *v, const trn_kg_state_t *s) {
    int64_t rows = trn_kg_relation_rows(&s->header), width = second_width(&s->header);
    int counts[s->ranks], starts[s->ranks];
    MPI_Datatype row;
    if (width == 0) return;
    for (int r = 0; r < s->ranks; r++) {
        starts[r] = (int)trn_part_start(rows, s->ranks, r);
        counts[r] = (int)trn_part_start(rows, s->ranks, r + 1) - starts[r];
    }
    MPI_Type_contiguous((int)width, MPI_FLOAT, &row);
    MPI_Type_commit(&row);
    MPI_Allgatherv(s->second, (int)s->own_second, row, v->model.second, counts, starts, row,
                   s->comm);
    MPI_Type_free(&row);
}

/* Entities lie in blocks in training, in an even cut for ranking. */
static void move_entities(trn_kg_valid_t *v, const trn_kg_state_t *s) {
    int64_t d = s->header.shape.dim, low = v->model.first, high = low + v->model.count;
    for (int64_t from = 0; from < s->header.entities; from += BATCH) {
        int64_t left = s->header.entities - from, to = from + (left < BATCH ? left : BATCH);
        for (int64_t e = from; e < to; e++)
            v->id[e - from] = (int32_t)e;
        trn_kg_gather(s, to - from, v->id, v->rows);
        int64_t mine = from > low ? from : low, end = to < high ? to : high;
        if (mine < end)
            memcpy(v->model.entity + (mine - low) * d, v->rows + (mine - from) * d,
                   (size_t)((end - mine) * d) * sizeof(float));
    }
}

trn_status_t trn_kg_valid_mrr(trn_kg_valid_t *v, const trn_kg_state_t *s, double *mrr) {
    move_entities(v, s);
    v->model.relation = s->relation;
    gather_second(v, s);
    TRN_TRY(trn_kg_rank(&v->model, s->comm, v->known, NULL, v->count, v->queries, 1, v->counts));
    double sum = 0;
    for (int64_t i = 0; i < v->count; i++)
        sum += 1 / (1 + (double)v->counts[i].better + (double)v->counts[i].equal / 2);
    *mrr = sum / (double)v->count;
    return TRN_OK;
}

trn_status_t trn_kg_valid_facts(const trn_kg_t *kg, MPI_Comm comm, int64_t *facts) {
    trn_kg_valid_t v = {.count = 2 * kg->triples[TRN_VALID]};
    trn_status_t status = trn_alloc(&v.queries, v.count, sizeof *v.queries, "queries");
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = read_facts(&v, comm, kg);
    *facts = status == TRN_OK ? trn_known_count(v.known) : 0;
    trn_kg_valid_free(&v);
    return status;
}

int64_t trn_kg_valid_bytes(const trn_kg_header_t *header, int64_t valid, int64_t facts,
                           int64_t ranks) {
    enum { FACT = 24 /* bytes; as many more before the batches' memory is taken */ };
    int64_t band = (header->entities + ranks - 1) / ranks;
    return ((band + BATCH) * header->shape.dim +
            trn_kg_relation_rows(header) * second_width(header)) *
               (int64_t)sizeof(float) +
           BATCH * 4 + 2 * valid * (int64_t)(sizeof(trn_kg_query_t) + sizeof(trn_kg_count_t)) +
           FACT * facts + trn_kg_rank_bytes(header, band, 2 * valid, 1);
}
