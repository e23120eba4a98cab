/* embed.c: between interactions and a training: the bands, what is held out and how it is looked
 * at, and all items' factors on every rank in the end. */
#include "algo/graph/lightgcn/embed.h"

#include "algo/graph/lightgcn/ngcf.h"
#include "algo/graph/lightgcn/split.h"
#include "algo/graph/recommend/serve.h"
#include "algo/matrix/tall.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"

#include <string.h>

enum {
    LOOKED_AT = 4096 /* users, about, of a look */,
    BEST = 20,
    STEP = 3 /* of random numbers */
};

int64_t trn_embedded_width(const trn_gcn_options_t *o) {
    return o->ngcf ? (o->layers + 1) * o->dim : o->dim;
}

/* What a look needs. */
typedef struct looker {
    trn_interactions_t parts; /* a copy of the interactions: what is kept, what is held out */
    trn_serve_options_t serve;
    int64_t *users; /* who is looked at */
    float *item;    /* [items x dim] */
    int threads;
} looker_t;

/* item[items x dim] on every rank = the rows of all: a message of each rank in turn, counted in
 * rows, of which there are less than 2^31. Collective. */
static void gather_items(const trn_sides_t *sides, float *item) {
    const trn_matrix_t *x = sides->side[TRN_ITEMS];
    const trn_dist_t *dist = trn_matrix_dist(x);
    int64_t dim = trn_dist_cols(dist);
    trn_view_t own = trn_matrix_block(x);
    MPI_Datatype row;
    MPI_Type_contiguous((int)dim, MPI_FLOAT, &row);
    MPI_Type_commit(&row);
    if (own.rows > 0)
        memcpy(item + trn_matrix_first_row(x) * dim, own.data,
               (size_t)(own.rows * dim) * sizeof *item);
    for (int r = 0; r < trn_dist_row_parts(dist); r++) {
        int64_t first = trn_dist_row_start(dist, r), end = trn_dist_row_start(dist, r + 1);
        MPI_Bcast(item + first * dim, (int)(end - first), row, r, trn_matrix_comm(x));
    }
    MPI_Type_free(&row);
}

/* Looks ---------------------------------------------------------------------------------------- */

static trn_status_t judge(void *user, const trn_sides_t *final, double *score) {
    looker_t *l = user;
    trn_view_t users = trn_sides_rows(final, TRN_USERS);
    trn_served_t served = {0};
    gather_items(final, l->item);
    trn_scores_t scores = {.width = users.cols, .user = users.data, .item = l->item};
    TRN_TRY(trn_serve(&served, &l->parts, &scores, &l->serve));
    *score = served.mean.recall;
    trn_served_free(&served);
    return TRN_OK;
}

/* users[] (NULL: not wanted) = every user with a chance of LOOKED_AT / users; how many. Local. */
static int64_t draw_users(int64_t all, uint64_t seed, int64_t *users) {
    int64_t count = 0;
    for (int64_t u = 0; u < all; u++) {
        double x[4];
        trn_rng_uniform(seed, (uint64_t)u, 0, STEP, TRN_RNG_EMBED, x);
        if (x[0] * (double)all >= LOOKED_AT) continue;
        if (users) users[count] = u;
        count++;
    }
    return count;
}

/* Whom to look at, on every rank the same. Local. */
static trn_status_t choose_users(looker_t *l, uint64_t seed) {
    if (l->parts.users <= LOOKED_AT) return TRN_OK;
    int64_t count = draw_users(l->parts.users, seed, NULL);
    TRN_TRY(trn_alloc(&l->users, count, sizeof *l->users, "users to look at"));
    l->serve.count = draw_users(l->parts.users, seed, l->users);
    l->serve.wanted = l->users;
    return TRN_OK;
}

/* Hold out, and get ready to look. Local. */
static trn_status_t create_looker(looker_t *l, const trn_interactions_t *in,
                                  const trn_gcn_options_t *options, int threads) {
    *l = (looker_t){.parts = *in, .serve = {.k = BEST, .threads = threads}};
    l->parts.part[TRN_TO_TRAIN] = l->parts.part[TRN_TO_TEST] = NULL;
    TRN_TRY(trn_split_likes(in->part[TRN_TO_TRAIN], options->valid, options->seed,
                            &l->parts.part[TRN_TO_TRAIN], &l->parts.part[TRN_TO_TEST]));
    TRN_TRY(trn_alloc(&l->item, in->items * trn_embedded_width(options), sizeof *l->item,
                      "items' factors"));
    return choose_users(l, options->seed);
}

static void destroy_looker(looker_t *l) {
    for (int part = 0; part < TRN_INTERACTION_FILES; part++)
        trn_sparse_destroy(&l->parts.part[part]);
    trn_free(&l->users);
    trn_free(&l->item);
}

/* Training ------------------------------------------------------------------------------------- */

/* Factors out of the final matrices: own users, all items. Collective. */
static trn_status_t keep(trn_embedded_t *e, const trn_interactions_t *in, const trn_sides_t *final,
                         looker_t *l) {
    trn_view_t users = trn_sides_rows(final, TRN_USERS);
    int64_t count = users.rows * users.cols;
    trn_status_t status = trn_alloc(&e->user, count, sizeof *e->user, "users' factors");
    TRN_AGREE(in->comm, status);
    if (count > 0) memcpy(e->user, users.data, (size_t)count * sizeof *e->user);
    gather_items(final, l->item);
    e->item = l->item;
    l->item = NULL;
    return TRN_OK;
}

static trn_status_t train(trn_embedded_t *e, const trn_interactions_t *in, looker_t *l,
                          const trn_gcn_options_t *options, const trn_trainer_run_t *run,
                          trn_gcn_result_t *result) {
    trn_dist_t *bands = NULL;
    trn_bipartite_t *graph = NULL;
    trn_gcn_judge_t by = {judge, l};
    trn_gcn_options_t o = *options;
    e->held = trn_sparse_count(l->parts.part[TRN_TO_TEST]);
    MPI_Allreduce(MPI_IN_PLACE, &e->held, 1, MPI_INT64_T, MPI_SUM, in->comm);
    if (e->held == 0) o.look = 0;
    trn_status_t status =
        trn_agree(in->comm, trn_tall_dist(&bands, in->comm, in->users, in->items));
    trn_bipartite_of_t of = {.comm = in->comm,
                             .likes = l->parts.part[TRN_TO_TRAIN],
                             .bands = bands,
                             .type = TRN_F32,
                             .kind = o.kind,
                             .dim = o.dim,
                             .threads = l->serve.threads,
                             .block = o.ngcf ? TRN_NGCF_BLOCK : 0};
    if (status == TRN_OK) status = trn_bipartite_create(&graph, &of);
    if (status == TRN_OK) status = trn_gcn_train(graph, &o, run, &by, result, &e->report);
    trn_dist_destroy(&bands);
    if (status == TRN_OK) status = keep(e, in, &result->final, l);
    trn_gcn_free(result); /* before the graph, whose bands they know */
    trn_bipartite_destroy(&graph);
    return status;
}

trn_status_t trn_embed(trn_embedded_t *e, const trn_interactions_t *in,
                       const trn_gcn_options_t *options, const trn_trainer_run_t *run,
                       int threads) {
    looker_t l;
    trn_gcn_result_t result = {.weights = NULL};
    *e = (trn_embedded_t){.width = trn_embedded_width(options)};
    trn_status_t status = trn_agree(in->comm, create_looker(&l, in, options, threads));
    if (status == TRN_OK) status = train(e, in, &l, options, run, &result);
    destroy_looker(&l);
    if (status != TRN_OK) trn_embedded_free(e);
    return status;
}

void trn_embedded_free(trn_embedded_t *e) {
    trn_free(&e->user);
    trn_free(&e->item);
}

/* Store ---------------------------------------------------------------------------------------- */

trn_status_t trn_embedded_declare(const trn_embedded_t *e, const trn_interactions_t *in,
                                  trn_store_t *store) {
    TRN_TRY(trn_store_dataset(store, "/user", TRN_F32, in->users, e->width));
    return trn_store_dataset(store, "/item", TRN_F32, in->items, e->width);
}

trn_status_t trn_embedded_write(const trn_embedded_t *e, const trn_interactions_t *in,
                                trn_store_t *store) {
    int rank, ranks;
    MPI_Comm_rank(in->comm, &rank);
    MPI_Comm_size(in->comm, &ranks);
    int64_t user = trn_tall_start(in->comm, in->users, rank);
    TRN_TRY(trn_store_write(store, "/user", user, trn_tall_rows(in->users, ranks, rank), e->user));
    int64_t item = trn_part_start(in->items, ranks, rank);
    return trn_store_write(store, "/item", item, trn_part_start(in->items, ranks, rank + 1) - item,
                           e->item + item * e->width);
}

/* Plans ---------------------------------------------------------------------------------------- */

static trn_bipartite_size_t size_of(const trn_interactions_t *in, int64_t dim, int ranks,
                                    int rank) {
    return (trn_bipartite_size_t){.ranks = ranks,
                                  .rank = rank,
                                  .users = in->users,
                                  .items = in->items,
                                  .own_users = trn_tall_rows(in->users, ranks, rank),
                                  .own_items = trn_part_start(in->items, ranks, rank + 1) -
                                               trn_part_start(in->items, ranks, rank),
                                  .edges = trn_interactions_share(in, TRN_TO_TRAIN, 1, 0),
                                  .own_edges =
                                      trn_interactions_share(in, TRN_TO_TRAIN, ranks, rank),
                                  .type = TRN_F32,
                                  .dim = dim};
}

void trn_embed_plan(trn_ledger_t *ledger, const trn_interactions_t *in, const trn_gcn_options_t *o,
                    bool behind, int ranks, int rank) {
    trn_bipartite_size_t size = size_of(in, o->dim, ranks, rank);
    trn_ledger_take(ledger, "factors", in->items * trn_embedded_width(o), sizeof(float));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "graph", 2 * (size.own_users + 1), sizeof(int64_t));
    trn_ledger_take(ledger, "graph", size.own_edges, sizeof(int32_t));
    trn_bipartite_take(ledger, &size);
    trn_gcn_take(ledger, &size, o, behind);
    if (o->look > 0) {
        int64_t tile = trn_serve_tile(in->items), width = trn_embedded_width(o);
        trn_ledger_pass(ledger, "look",
                        tile * (in->items + width) * (int64_t)sizeof(float) +
                            trn_blas_bytes(sizeof(float), tile, width),
                        1);
    }
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "factors", size.own_users * trn_embedded_width(o), sizeof(float));
}
