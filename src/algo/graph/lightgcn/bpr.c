/* bpr.c: triples and their gradients. A batch goes: draw; fetch items; choose among candidates;
 * weigh; users' gradients here; tell items' ranks, which fetch users and do the same. */
#include "algo/graph/lightgcn/bpr.h"

#include "algo/graph/lightgcn/entries.h"
#include "algo/graph/lightgcn/fetch.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

/* What a user's rank tells an item's. */
typedef struct told {
    int64_t slot;  /* 2 x number in the batch, + 1 for the other item */
    int32_t item;  /* row there */
    int32_t user;  /* number */
    double weight; /* of the user's row */
} told_t;

struct trn_bpr {
    const trn_bipartite_t *a;
    int64_t *users; /* [ranks + 1]: users that can be drawn, before each rank's */
    int32_t *user;  /* [users[rank + 1] - users[rank]] their rows */
    double *loss;   /* [users here] */
    /* The batch. */
    trn_bpr_triple_t *triple; /* [count] */
    int32_t *other;           /* [count x others] candidates */
    double *weight;           /* [count] */
    int64_t count, room, other_room, weight_room;
    int others;
    /* How rows and gradients travel. */
    trn_fetch_t fetch[TRN_SIDES];
    trn_entries_t entries[TRN_SIDES];
    told_t *told;
    int64_t told_room, *told_bytes;
    trn_parcels_t heard;
    int32_t *order; /* [2 x all] which of those heard has a slot, or -1 */
    int64_t order_room;
};

/* Creation ------------------------------------------------------------------------------------- */

static trn_status_t allocate(trn_bpr_t *b, const trn_bipartite_t *a) {
    b->a = a;
    int64_t users = trn_sparse_extent(a->of.likes).rows;
    int64_t items = a->start[TRN_ITEMS][a->rank + 1] - a->start[TRN_ITEMS][a->rank];
    for (int side = 0; side < TRN_SIDES; side++)
        TRN_TRY(trn_fetch_create(&b->fetch[side], a->of.comm, a->start[side]));
    TRN_TRY(trn_entries_create(&b->entries[TRN_USERS], users));
    TRN_TRY(trn_entries_create(&b->entries[TRN_ITEMS], items));
    TRN_TRY(trn_alloc(&b->users, a->ranks + 1, sizeof *b->users, "users by rank"));
    TRN_TRY(trn_alloc(&b->told_bytes, a->ranks, sizeof *b->told_bytes, "gradients by rank"));
    TRN_TRY(trn_alloc(&b->user, users, sizeof *b->user, "users to draw"));
    return trn_alloc_zero(&b->loss, users, sizeof *b->loss, "losses of users");
}

/* Who can be drawn, in the order of users, however they lie. */
static trn_status_t list_users(trn_bpr_t *b) {
    const trn_bipartite_t *a = b->a;
    int64_t items = a->start[TRN_ITEMS][a->ranks], mine = 0;
    for (int64_t i = 0; i < trn_sparse_extent(a->of.likes).rows; i++)
        if (a->degree[TRN_USERS][i] > 0 && a->degree[TRN_USERS][i] < items)
            b->user[mine++] = (int32_t)i;
    MPI_Allgather(&mine, 1, MPI_INT64_T, b->users + 1, 1, MPI_INT64_T, a->of.comm);
    b->users[0] = 0;
    for (int r = 0; r < a->ranks; r++)
        b->users[r + 1] += b->users[r];
    if (b->users[a->ranks] > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "no user likes some items but not all, so there is nothing to learn "
                               "from; give more interactions");
}

trn_status_t trn_bpr_create(trn_bpr_t **bpr, const trn_bipartite_t *a) {
    *bpr = NULL;
    trn_status_t status = trn_alloc_zero(bpr, 1, sizeof **bpr, "triples");
    if (status == TRN_OK) status = allocate(*bpr, a);
    status = trn_agree(a->of.comm, status);
    if (status == TRN_OK) status = list_users(*bpr);
    if (status != TRN_OK) trn_bpr_destroy(bpr);
    return status;
}

void trn_bpr_destroy(trn_bpr_t **bpr) {
    trn_bpr_t *b = *bpr;
    if (!b) return;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_fetch_free(&b->fetch[side]);
        trn_entries_free(&b->entries[side]);
    }
    trn_parcels_free(&b->heard);
    trn_free(&b->users);
    trn_free(&b->user);
    trn_free(&b->loss);
    trn_free(&b->triple);
    trn_free(&b->other);
    trn_free(&b->weight);
    trn_free(&b->told);
    trn_free(&b->told_bytes);
    trn_free(&b->order);
    trn_free(bpr);
}

/* Drawing -------------------------------------------------------------------------------------- */

/* A number below n out of 32 random bits; n is below 2^31, so that none is more likely than another
 * by more than a half, and of thousands by no more than a millionth. */
static int64_t below(uint32_t word, int64_t n) {
    return (int64_t)(((uint64_t)word * (uint64_t)n) >> 32);
}

/* Words of a triple, one after the other: block k has numbers 4 k to 4 k + 3. */
typedef struct words {
    const trn_bpr_batch_t *batch;
    int64_t number;
    uint32_t next;
    uint32_t word[4];
} words_t;

static uint32_t draw(words_t *w) {
    if (w->next % 4 == 0)
        trn_rng_words(w->batch->seed, (uint64_t)w->number, w->next / 4, (uint32_t)w->batch->epoch,
                      TRN_RNG_TRIPLE, w->word);
    return w->word[w->next++ % 4];
}

static bool likes(const trn_sparse_t *s, int64_t user, int32_t item) {
    const int32_t *column = trn_sparse_column(s);
    int64_t low = trn_sparse_start(s)[user], end = trn_sparse_start(s)[user + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (column[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && column[low] == item;
}

/* A triple and its candidates, if the user is one of ours; the user takes two words, so that 2^31
 * users are drawn evenly. */
static bool draw_triple(trn_bpr_t *b, words_t *w, trn_bpr_triple_t *t, int32_t *other) {
    const trn_sparse_t *s = b->a->of.likes;
    int64_t rank = b->a->rank, all = b->users[b->a->ranks], items = trn_sparse_extent(s).cols;
    uint64_t high = draw(w), low = draw(w);
    uint64_t wide = high * (uint64_t)all + ((low * (uint64_t)all) >> 32);
    int64_t user = (int64_t)(wide >> 32) - b->users[rank];
    if (user < 0 || user >= b->users[rank + 1] - b->users[rank]) return false;
    *t = (trn_bpr_triple_t){.number = w->number - w->batch->first, .user = b->user[user]};
    int64_t first = trn_sparse_start(s)[t->user], count = trn_sparse_start(s)[t->user + 1] - first;
    t->liked = trn_sparse_column(s)[first + below(draw(w), count)];
    for (int k = 0; k < b->others; k++)
        do
            other[k] = (int32_t)below(draw(w), items);
        while (likes(s, t->user, other[k]));
    return true;
}

/* Room for one triple more. */
static trn_status_t more_room(trn_bpr_t *b) {
    TRN_TRY(trn_grow(&b->triple, &b->room, b->count + 1, sizeof *b->triple, "triples"));
    return trn_grow(&b->other, &b->other_room, (b->count + 1) * b->others, sizeof *b->other,
                    "candidates");
}

static trn_status_t draw_batch(trn_bpr_t *b, const trn_bpr_batch_t *batch) {
    b->count = 0;
    b->others = batch->others;
    for (int64_t i = 0; i < batch->count; i++) {
        words_t w = {.batch = batch, .number = batch->first + i};
        TRN_TRY(more_room(b));
        if (draw_triple(b, &w, &b->triple[b->count], b->other + b->count * b->others)) b->count++;
    }
    return TRN_OK;
}

/* Weighing ------------------------------------------------------------------------------------- */

/* Inner product in sixteen sums that are added at the end: a fixed order that vector units keep to.
 */
#define DOT(REAL)                                                                                  \
    static double dot_##REAL(int64_t n, const REAL *x, const REAL *y) {                            \
        enum { LANES = 16 };                                                                       \
        REAL lane[LANES] = {0};                                                                    \
        int64_t j = 0;                                                                             \
        for (; j + LANES <= n; j += LANES)                                                         \
            for (int k = 0; k < LANES; k++)                                                        \
                lane[k] += x[j + k] * y[j + k];                                                    \
        for (int k = 0; j + k < n; k++)                                                            \
            lane[k] += x[j + k] * y[j + k];                                                        \
        for (int half = LANES / 2; half > 0; half /= 2)                                            \
            for (int k = 0; k < half; k++)                                                         \
                lane[k] += lane[k + half];                                                         \
        return (double)lane[0];                                                                    \
    }
DOT(float)
DOT(double)

static double dot(trn_view_t rows, const void *x, const void *y) {
    if (rows.type == TRN_F64) return dot_double(rows.cols, x, y);
    return dot_float(rows.cols, x, y);
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* Choose the other item and find the weight of triple i, whose loss replaces it for a moment. */
static void weigh(trn_bpr_t *b, int64_t i, const trn_sides_t *rows, double *x) {
    trn_view_t users = trn_sides_rows(rows, TRN_USERS), items = trn_sides_rows(rows, TRN_ITEMS);
    const trn_fetch_t *fetch = &b->fetch[TRN_ITEMS];
    trn_bpr_triple_t *t = &b->triple[i];
    const void *u = trn_fetch_row(&b->fetch[TRN_USERS], users, t->user);
    double most = 0;
    for (int k = 0; k < b->others; k++) {
        int32_t other = b->other[i * b->others + k];
        double score = dot(items, u, trn_fetch_row(fetch, items, trn_fetch_place(fetch, other)));
        if (k > 0 && !(score > most)) continue;
        most = score;
        t->other = other;
    }
    *x = most - dot(items, u, trn_fetch_row(fetch, items, trn_fetch_place(fetch, t->liked)));
}

/* Weights of all triples; losses are added in the order of the numbers. */
static void weigh_batch(trn_bpr_t *b, int64_t all, const trn_sides_t *rows) {
#pragma omp parallel for num_threads(b->a->of.threads) if (b->a->of.threads > 1)
    for (int64_t i = 0; i < b->count; i++)
        weigh(b, i, rows, &b->weight[i]);
    for (int64_t i = 0; i < b->count; i++) {
        double x = b->weight[i];
        b->loss[b->triple[i].user] += softplus(x);
        b->weight[i] = 1 / (1 + exp(-x)) / (double)all;
    }
}

/* Gradients ------------------------------------------------------------------------------------ */

/* A user's gradient is weight x (other's row - liked's row). */
static trn_status_t list_users_entries(trn_bpr_t *b) {
    trn_entries_t *x = &b->entries[TRN_USERS];
    TRN_TRY(trn_entries_room(x, 2 * b->count));
    x->count = 2 * b->count;
    for (int64_t i = 0; i < b->count; i++) {
        const trn_bpr_triple_t *t = &b->triple[i];
        x->entry[2 * i] =
            (trn_entry_t){t->user, trn_fetch_place(&b->fetch[TRN_ITEMS], t->liked), -b->weight[i]};
        x->entry[2 * i + 1] =
            (trn_entry_t){t->user, trn_fetch_place(&b->fetch[TRN_ITEMS], t->other), b->weight[i]};
    }
    return TRN_OK;
}

/* Sort what there is to tell by rank; ascending slots for each. */
static trn_status_t tell(trn_bpr_t *b) {
    const trn_bipartite_t *a = b->a;
    const trn_fetch_t *items = &b->fetch[TRN_ITEMS];
    TRN_TRY(trn_grow(&b->told, &b->told_room, 2 * b->count, sizeof *b->told, "gradients to send"));
    memset(b->told_bytes, 0, (size_t)a->ranks * sizeof *b->told_bytes);
    for (int64_t i = 0; i < 2 * b->count; i++) {
        const trn_bpr_triple_t *t = &b->triple[i / 2];
        b->told_bytes[trn_fetch_owner(items, i % 2 ? t->other : t->liked)]++;
    }
    for (int64_t r = 0, at = 0; r < a->ranks; r++) { /* for now where each rank's begin */
        int64_t count = b->told_bytes[r];
        b->told_bytes[r] = at;
        at += count;
    }
    int64_t first = a->start[TRN_USERS][a->rank];
    for (int64_t i = 0; i < 2 * b->count; i++) {
        const trn_bpr_triple_t *t = &b->triple[i / 2];
        int64_t item = i % 2 ? t->other : t->liked;
        int r = trn_fetch_owner(items, item);
        b->told[b->told_bytes[r]++] =
            (told_t){.slot = 2 * t->number + i % 2,
                     .item = (int32_t)(item - a->start[TRN_ITEMS][r]),
                     .user = (int32_t)(first + t->user),
                     .weight = i % 2 ? b->weight[i / 2] : -b->weight[i / 2]};
    }
    for (int r = a->ranks - 1; r >= 0; r--) /* from ends to bytes */
        b->told_bytes[r] =
            (b->told_bytes[r] - (r > 0 ? b->told_bytes[r - 1] : 0)) * (int64_t)sizeof *b->told;
    return TRN_OK;
}

/* Put what was heard into the order of the slots, and name the users. */
static trn_status_t order_heard(trn_bpr_t *b, int64_t all, const told_t *heard, int64_t count) {
    TRN_TRY(trn_grow(&b->order, &b->order_room, 2 * all, sizeof *b->order, "order of gradients"));
    TRN_TRY(trn_entries_room(&b->entries[TRN_ITEMS], count));
    for (int64_t s = 0; s < 2 * all; s++)
        b->order[s] = -1;
    trn_fetch_begin(&b->fetch[TRN_USERS]);
    for (int64_t i = 0; i < count; i++) {
        b->order[heard[i].slot] = (int32_t)i;
        trn_fetch_want(&b->fetch[TRN_USERS], heard[i].user);
    }
    return TRN_OK;
}

static void list_items_entries(trn_bpr_t *b, int64_t all, const told_t *heard) {
    trn_entries_t *x = &b->entries[TRN_ITEMS];
    x->count = 0;
    for (int64_t s = 0; s < 2 * all; s++) {
        if (b->order[s] < 0) continue;
        const told_t *h = &heard[b->order[s]];
        x->entry[x->count++] =
            (trn_entry_t){h->item, trn_fetch_place(&b->fetch[TRN_USERS], h->user), h->weight};
    }
}

/* gradient of one side, out of rows of the other. */
static void multiply(trn_bpr_t *b, int side, const trn_sides_t *rows, trn_sides_t *gradient) {
    const trn_fetch_t *fetch = &b->fetch[!side];
    trn_entries_sort(&b->entries[side], b->a->of.type);
    trn_entries_multiply(&b->entries[side], trn_sides_rows(rows, !side), fetch->rows.data,
                         fetch->stride, trn_sides_rows(gradient, side), b->a->of.threads);
}

/* Items' gradients: told, put in order, added up. One rank tells itself without a message. */
static trn_status_t item_gradients(trn_bpr_t *b, int64_t all, const trn_sides_t *rows,
                                   trn_sides_t *gradient) {
    MPI_Comm comm = b->a->of.comm;
    const told_t *heard = b->told;
    int64_t count = 2 * b->count;
    if (b->a->ranks > 1) {
        TRN_TRY(trn_exchange(comm, b->told, b->told_bytes, &b->heard));
        heard = b->heard.data;
        count = b->heard.start[b->a->ranks] / (int64_t)sizeof *heard;
    }
    TRN_AGREE(comm, order_heard(b, all, heard, count));
    TRN_TRY(trn_fetch_bring(&b->fetch[TRN_USERS], trn_sides_rows(rows, TRN_USERS)));
    list_items_entries(b, all, heard);
    multiply(b, TRN_ITEMS, rows, gradient);
    return TRN_OK;
}

/* What follows drawing. */
static trn_status_t learn(trn_bpr_t *b, int64_t all, const trn_sides_t *rows,
                          trn_sides_t *gradient) {
    trn_fetch_t *items = &b->fetch[TRN_ITEMS];
    trn_fetch_begin(items);
    for (int64_t i = 0; i < b->count; i++)
        trn_fetch_want(items, b->triple[i].liked);
    for (int64_t i = 0; i < b->count * b->others; i++)
        trn_fetch_want(items, b->other[i]);
    TRN_TRY(trn_fetch_bring(items, trn_sides_rows(rows, TRN_ITEMS)));
    trn_status_t status =
        trn_grow(&b->weight, &b->weight_room, b->count, sizeof *b->weight, "weights of triples");
    TRN_AGREE(b->a->of.comm, status);
    weigh_batch(b, all, rows);
    status = list_users_entries(b);
    if (status == TRN_OK) status = tell(b);
    TRN_AGREE(b->a->of.comm, status);
    multiply(b, TRN_USERS, rows, gradient);
    return item_gradients(b, all, rows, gradient);
}

trn_status_t trn_bpr_step(trn_bpr_t *b, const trn_bpr_batch_t *batch, const trn_sides_t *rows,
                          trn_sides_t *gradient) {
    TRN_AGREE(b->a->of.comm, draw_batch(b, batch));
    return learn(b, batch->count, rows, gradient);
}

trn_status_t trn_bpr_step_of(trn_bpr_t *b, int64_t all, int64_t count,
                             const trn_bpr_triple_t *triples, const trn_sides_t *rows,
                             trn_sides_t *gradient) {
    trn_status_t status = TRN_OK;
    b->others = 1;
    for (b->count = 0; b->count < count && status == TRN_OK; b->count++) {
        status = more_room(b);
        if (status != TRN_OK) break;
        b->triple[b->count] = triples[b->count];
        b->other[b->count] = triples[b->count].other;
    }
    TRN_AGREE(b->a->of.comm, status);
    return learn(b, all, rows, gradient);
}

/* A user's row has two entries a triple. */
int64_t trn_bpr_times(const trn_bpr_t *b, int side, int64_t i) {
    const int64_t *start = b->entries[side].start;
    return (start[i + 1] - start[i]) / (side == TRN_USERS ? 2 : 1);
}

double *trn_bpr_losses(trn_bpr_t *b) {
    return b->loss;
}

static void leaf(void *user, int64_t block, double *value) {
    const trn_bpr_t *b = user;
    *value = b->loss[block - b->a->start[TRN_USERS][b->a->rank]];
}

trn_status_t trn_bpr_loss(trn_bpr_t *b, double *sum) {
    const int64_t *start = b->a->start[TRN_USERS];
    trn_blocks_t blocks = {.blocks = start[b->a->ranks], .start = start, .rows = 1};
    return trn_reduce_tree_of(b->a->of.comm, blocks, 1, leaf, b, sum);
}

/* Triples fall to a rank as its users do, more by chance, for which a quarter is to spare; what
 * grows holds a sixteenth more than that. */
void trn_bpr_take(trn_ledger_t *ledger, const trn_bipartite_size_t *s, int64_t batch, int others) {
    enum { SPARE = 4, FIELDS = 2 * sizeof(trn_entry_t) + 2 * sizeof(int32_t) + 2 * sizeof(double) };
    int64_t mine =
        s->users > 0 ? (int64_t)((double)batch * (double)s->own_users / (double)s->users) : 0;
    int64_t width = s->dim * trn_matrix_type_size(s->type);
    if (s->ranks > 1) mine += mine / SPARE;
    trn_ledger_take(ledger, "triples", s->own_users, sizeof(int32_t) + sizeof(double));
    trn_ledger_take(ledger, "triples", s->own_users + s->own_items + 2, sizeof(int64_t));
    trn_ledger_take(ledger, "triples", trn_grown_bytes(mine, sizeof(trn_bpr_triple_t)), 1);
    trn_ledger_take(ledger, "triples", trn_grown_bytes(mine * others, sizeof(int32_t)), 1);
    trn_ledger_take(ledger, "triples", mine,
                    sizeof(double) + FIELDS /* users' */ + 2 * sizeof(told_t));
    trn_ledger_take(ledger, "triples", mine, FIELDS); /* items' */
    trn_ledger_take(ledger, "triples", 2 * batch, sizeof(int32_t));
    if (s->ranks == 1) return;
    trn_ledger_take(ledger, "triples", s->users + s->items, sizeof(int32_t));
    trn_ledger_take(ledger, "triples", 2 * mine, sizeof(told_t)); /* heard */
    int64_t far = s->items - s->own_items, near = s->users - s->own_users;
    if (far > mine * (1 + others)) far = mine * (1 + others);
    if (near > 2 * mine) near = 2 * mine;
    trn_ledger_take(ledger, "triples", 2 * (far + near), width + (int64_t)sizeof(int64_t));
}
