/* train_state.c: what a rank holds while it trains: made, begun, freed, and how much it is. */
#include "algo/graph/lightgcn/train_state.h"

#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

void trn_gcn_defaults(trn_gcn_options_t *o, int64_t likes, int64_t items) {
    enum { STEPS = 6, LEAST = 1024, MOST = 131072, ITEMS = 1280, OTHERS = 32 };
    int64_t batch = likes / STEPS, others = items / ITEMS;
    if (o->batch == 0) o->batch = batch < LEAST ? LEAST : batch > MOST ? MOST : batch;
    if (o->others == 0) o->others = others < 1 ? 1 : others > OTHERS ? OTHERS : others;
}

/* A number that other likes would hardly give: hashes are added, so their order is no matter. */
static uint64_t hash_likes(const trn_sparse_t *likes) {
    trn_extent_t at = trn_sparse_extent(likes);
    uint64_t sum = 0;
    for (int64_t i = 0; i < at.rows; i++)
        for (int64_t e = trn_sparse_start(likes)[i]; e < trn_sparse_start(likes)[i + 1]; e++) {
            uint64_t x = (uint64_t)(at.first_row + i) << 32 | (uint32_t)trn_sparse_column(likes)[e];
            x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u; /* the end of splitmix64 */
            x = (x ^ x >> 27) * 0x94d049bb133111ebu;
            sum += x ^ x >> 31;
        }
    return sum;
}

static void count_likes(trn_gcn_state_t *s) {
    MPI_Comm comm = s->a->of.comm;
    s->likes = trn_sparse_count(s->a->of.likes);
    s->graph = hash_likes(s->a->of.likes);
    MPI_Allreduce(MPI_IN_PLACE, &s->likes, 1, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, &s->graph, 1, MPI_UINT64_T, MPI_SUM, comm);
}

static void clear(const trn_sides_t *x) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(x, side);
        memset(v.data, 0, (size_t)(v.rows * v.cols * trn_matrix_type_size(v.type)));
    }
}

/* An embedding follows from seed, side and number alone. */
void trn_gcn_begin(trn_gcn_state_t *s) {
    for (int side = 0; side < TRN_SIDES; side++)
        trn_matrix_fill_normal(s->rows.side[side], s->options.seed, TRN_RNG_EMBED, (uint32_t)side,
                               s->options.start);
    clear(&s->mean);
    clear(&s->square);
}

trn_status_t trn_gcn_create(trn_gcn_state_t *s) {
    trn_sides_t *sides[] = {&s->rows,     &s->mean,    &s->square, &s->final,
                            &s->gradient, &s->scratch, &s->best};
    int wanted = s->options.look > 0 ? 7 : 6;
    count_likes(s);
    for (int i = 0; i < wanted; i++)
        TRN_TRY(trn_sides_create(sides[i], s->a));
    if (s->options.look > 0) clear(&s->best);
    return trn_bpr_create(&s->bpr, s->a);
}

void trn_gcn_destroy(trn_gcn_state_t *s) {
    trn_bpr_destroy(&s->bpr);
    trn_sides_free(&s->rows);
    trn_sides_free(&s->mean);
    trn_sides_free(&s->square);
    trn_sides_free(&s->best);
    trn_sides_free(&s->gradient);
    trn_sides_free(&s->scratch);
}

int64_t trn_gcn_steps(const trn_gcn_state_t *s) {
    return (s->likes + s->options.batch - 1) / s->options.batch;
}

/* Six matrices, one more for the best; a checkpoint has four of them. */
void trn_gcn_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size,
                  const trn_gcn_options_t *o, bool behind) {
    int64_t one = trn_sides_bytes(size), saved = (o->look > 0 ? 4 : 3) * one;
    trn_ledger_take(ledger, "embeddings", one, 1);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "training", one, o->look > 0 ? 6 : 5);
    trn_bpr_take(ledger, size, o->batch, (int)o->others);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(saved) + trn_store_open_bytes(), 1);
    if (behind) trn_ledger_take(ledger, "saving", saved, 1);
    trn_ledger_back(ledger, &before);
}
