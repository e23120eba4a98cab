#include "algo/kg/train/kg_valid.h"

#include "algo/kg/kg_known.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <string.h>

enum { BATCH = 4096 /* entities that are gathered together */ };

/* The valid triples, on every rank. */
static trn_status_t read_triples(MPI_Comm comm, const trn_kg_t *kg, trn_triple_t **triples) {
    int64_t valid = kg->triples[TRN_VALID];
    trn_status_t status = trn_alloc(triples, valid, sizeof **triples, "the valid split");
    if (status == TRN_OK) status = trn_kg_read(kg, TRN_VALID, 0, valid, *triples);
    return trn_agree(comm, status);
}

static trn_kg_asked_t asked_of(const trn_kg_t *kg, const trn_triple_t *triples) {
    return (trn_kg_asked_t){
        .splits = TRN_VALID + 1, .count = kg->triples[TRN_VALID], .triples = triples};
}

/* Collective. */
static trn_status_t read_facts(trn_kg_valid_t *v, MPI_Comm comm, const trn_kg_t *kg) {
    trn_triple_t *triples = NULL;
    trn_kg_found_t found;
    trn_status_t status = read_triples(comm, kg, &triples);
    if (status == TRN_OK) {
        const trn_kg_asked_t asked = asked_of(kg, triples);
        trn_kg_queries(asked.count, triples, v->queries);
        status = trn_kg_known_count(kg, comm, &asked, &found);
        if (status == TRN_OK) status = trn_kg_known_create(kg, comm, &asked, &found, &v->known);
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

trn_status_t trn_kg_valid_count(const trn_kg_t *kg, MPI_Comm comm, trn_kg_found_t *found) {
    trn_triple_t *triples = NULL;
    trn_status_t status = read_triples(comm, kg, &triples);
    if (status == TRN_OK) {
        const trn_kg_asked_t asked = asked_of(kg, triples);
        status = trn_kg_known_count(kg, comm, &asked, found);
    }
    trn_free(&triples);
    return status;
}

void trn_kg_valid_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t valid,
                       const trn_kg_found_t *found, int ranks, int rank) {
    int64_t dim = header->shape.dim, own = trn_kg_own(header->entities, ranks, rank);
    trn_ledger_take(ledger, "valid", 2 * valid,
                    (int64_t)(sizeof(trn_kg_query_t) + sizeof(trn_kg_count_t)));
    trn_ledger_take(ledger, "valid", (own + BATCH) * dim, (int64_t)sizeof(float));
    trn_ledger_take(ledger, "valid", trn_kg_relation_rows(header) * second_width(header),
                    (int64_t)sizeof(float));
    trn_ledger_take(ledger, "valid", valid, (int64_t)sizeof(trn_triple_t));
    trn_kg_known_plan(ledger, found, ranks);
    trn_ledger_give(ledger, "valid", valid, (int64_t)sizeof(trn_triple_t));
}

void trn_kg_valid_mrr_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t valid,
                           int ranks, int rank) {
    const trn_kg_match_size_t size = {.entities = trn_kg_own(header->entities, ranks, rank),
                                      .count = 2 * valid,
                                      .threads = 1,
                                      .ranks = ranks};
    trn_kg_rank_plan(ledger, header, &size);
}
