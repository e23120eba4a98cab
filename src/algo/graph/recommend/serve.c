/* serve.c: tiles of scores, users x items, out of which come lists of the best, and their metrics.
 */
#include "algo/graph/recommend/serve.h"

#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/gemm.h"
#include "kern/search/topk.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    SLAB = 1024,     /* items that a call of BLAS scores: fixed, and shared out by threads */
    TILE_MOST = 256, /* users of a tile */
    TILE_LEAST = 16, /* the same, however many items there are */
    TILE_NUMBERS = 16 << 20, /* of a tile, as long as it has more users than that */
    FIGURES = 4              /* of trn_metrics_t, as one row of sums */
};

/* All that is at work. Shapes: U users of a tile, K items of a list. */
typedef struct serve {
    const trn_interactions_t *in;
    const trn_scores_t *scores;
    const trn_serve_options_t *options;
    trn_served_t *out;
    int threads;
    int64_t tile;            /* U */
    int64_t first_user;      /* of this rank */
    float *factors;          /* [any of U x width] of the tile's users */
    float *score;            /* [U x items] */
    double *figures;         /* [U x FIGURES] */
    trn_linear_work_t *work; /* [threads] */
    trn_best_t *best;        /* [threads x K] */
    double *gain, *ideal;    /* [K]: 1 / log2(place + 2); [K + 1]: sums of the first of these */
    double *partial;         /* [own blocks of users x FIGURES] */
    uint64_t *covered;       /* [items / 64 + 1] a bit an item */
} serve_t;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t trn_serve_tile(int64_t items) {
    int64_t users = TILE_MOST;
    while (users > TILE_LEAST && users * items > TILE_NUMBERS)
        users /= 2;
    return users;
}

/* The most users of any tile that have lists, on whatever rank. Local. */
static int64_t tile_rows(const trn_interactions_t *in, const trn_serve_options_t *options) {
    int64_t tile = trn_serve_tile(in->items), most = 0, here = 0;
    if (!options->wanted) return least(tile, in->users);
    for (int64_t i = 0; i < options->count; i++) {
        bool next = i > 0 && options->wanted[i] / tile == options->wanted[i - 1] / tile;
        here = next ? here + 1 : 1;
        most = here > most ? here : most;
    }
    return most;
}

/* Lists ---------------------------------------------------------------------------------------- */

/* First place of wanted[] at or behind a user. */
static int64_t place_of(const trn_serve_options_t *options, int64_t user) {
    int64_t low = 0, high = options->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (options->wanted[middle] < user)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which users of this rank have lists, and room for these. Local. */
static trn_status_t lists_create(serve_t *s, int64_t rows) {
    trn_served_t *out = s->out;
    const trn_serve_options_t *options = s->options;
    const int64_t *wanted = options->wanted;
    out->k = options->k;
    out->all = wanted ? options->count : s->in->users;
    out->first = wanted ? place_of(options, s->first_user) : s->first_user;
    out->count = wanted ? place_of(options, s->first_user + rows) - out->first : rows;
    TRN_TRY(trn_alloc(&out->user, out->count, sizeof *out->user, "lists"));
    TRN_TRY(trn_alloc(&out->item, out->count * out->k, sizeof *out->item, "lists"));
    TRN_TRY(trn_alloc(&out->score, out->count * out->k, sizeof *out->score, "lists"));
    for (int64_t i = 0; i < out->count; i++)
        out->user[i] = (int32_t)(wanted ? wanted[out->first + i] : out->first + i);
    return TRN_OK;
}

static trn_status_t create(serve_t *s, int64_t rows) {
    const char *what = "a tile of scores";
    int64_t items = s->in->items, k = s->options->k, block = trn_tall_block(s->in->users);
    int64_t most = tile_rows(s->in, s->options);
    s->tile = trn_serve_tile(items);
    TRN_TRY(lists_create(s, rows));
    TRN_TRY(trn_alloc(&s->factors, most * s->scores->width, sizeof(float), what));
    TRN_TRY(trn_alloc(&s->score, most * items, sizeof(float), what));
    TRN_TRY(trn_alloc(&s->figures, most * FIGURES, sizeof(double), what));
    TRN_TRY(trn_alloc(&s->best, s->threads * k, sizeof *s->best, what));
    TRN_TRY(trn_alloc(&s->gain, k, sizeof(double), what));
    TRN_TRY(trn_alloc(&s->ideal, k + 1, sizeof(double), what));
    TRN_TRY(trn_alloc_zero(&s->covered, items / 64 + 1, sizeof *s->covered, what));
    TRN_TRY(
        trn_alloc_zero(&s->partial, (rows + block - 1) / block * FIGURES, sizeof(double), what));
    TRN_TRY(trn_alloc_zero(&s->work, s->threads, sizeof *s->work, what));
    for (int t = 0; t < s->threads && s->scores->linear; t++)
        TRN_TRY(trn_linear_work_create(&s->work[t], s->scores->linear));
    s->ideal[0] = 0;
    for (int64_t i = 0; i < k; i++) {
        s->gain[i] = 1 / log2((double)i + 2);
        s->ideal[i + 1] = s->ideal[i] + s->gain[i];
    }
    return TRN_OK;
}

static void destroy(serve_t *s) {
    for (int t = 0; s->work && t < s->threads; t++)
        trn_linear_work_free(&s->work[t]);
    trn_free(&s->work);
    trn_free(&s->factors);
    trn_free(&s->score);
    trn_free(&s->figures);
    trn_free(&s->best);
    trn_free(&s->gain);
    trn_free(&s->ideal);
    trn_free(&s->covered);
    trn_free(&s->partial);
}

void trn_served_free(trn_served_t *served) {
    trn_free(&served->user);
    trn_free(&served->item);
    trn_free(&served->score);
}

/* Tiles ---------------------------------------------------------------------------------------- */

/* Items of a user in one of the files, ascending. */
typedef struct row {
    int64_t count;
    const int32_t *item;
} row_t;

static row_t row_of(const serve_t *s, int file, int64_t user) {
    const trn_sparse_t *part = s->in->part[file];
    const int64_t *start = trn_sparse_start(part) + (user - s->first_user);
    return (row_t){start[1] - start[0], trn_sparse_column(part) + start[0]};
}

/* score[users x items] = products of factors. A call of BLAS gets the same shapes whatever the
 * threads. */
static void multiply(serve_t *s, int64_t first, int64_t users) {
    int64_t width = s->scores->width, items = s->in->items, slabs = (items + SLAB - 1) / SLAB;
    for (int64_t i = 0; i < users; i++)
        memcpy(s->factors + i * width,
               s->scores->user + (s->out->user[first + i] - s->first_user) * width,
               sizeof(float) * (size_t)width);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (int64_t slab = 0; slab < slabs; slab++) {
        int64_t from = slab * SLAB;
        trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                               .m = users,
                               .n = least(SLAB, items - from),
                               .k = width,
                               .alpha = 1,
                               .a = {s->factors, width, false},
                               .b = {s->scores->item + from * width, width, true},
                               .c = s->score + from,
                               .ldc = items});
    }
}

/* What is left of a user's scores: all parts together, those of train items minus infinity. */
static void complete(const serve_t *s, row_t train, trn_linear_work_t *work, float *score) {
    int64_t items = s->in->items;
    bool factors = s->scores->width > 0, linear = s->scores->linear != NULL;
    if (train.count == 0 || (!factors && !linear)) {
        for (int64_t j = 0; j < items; j++)
            score[j] = (float)s->in->degree[j];
    } else {
        if (!factors) memset(score, 0, sizeof *score * (size_t)items);
        if (linear) trn_linear_row(s->scores->linear, train.count, train.item, work, score);
    }
    for (int64_t e = 0; e < train.count; e++)
        score[train.item[e]] = -INFINITY;
}

static bool has(row_t row, int32_t item) {
    int64_t low = 0, high = row.count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (row.item[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < row.count && row.item[low] == item;
}

/* figures[FIGURES] of a list, in the order of trn_metrics_t; test.count > 0. */
static void judge(const serve_t *s, row_t test, const int32_t *list, double *figures) {
    int64_t hits = 0, k = s->options->k;
    double gain = 0;
    for (int64_t i = 0; i < k && list[i] >= 0; i++)
        if (has(test, list[i])) {
            hits++;
            gain += s->gain[i];
        }
    figures[0] = (double)hits / (double)test.count;
    figures[1] = (double)hits / (double)k;
    figures[2] = gain / s->ideal[least(k, test.count)];
    figures[3] = hits > 0 ? gain / s->ideal[hits] : 0;
}

/* The list of row `i` of a tile whose first list is `first`. */
static void rank_row(serve_t *s, int64_t first, int64_t i) {
    int thread = omp_get_thread_num();
    int64_t k = s->options->k, items = s->in->items, at = first + i;
    int32_t *item = s->out->item + at * k, user = s->out->user[at];
    float *score = s->score + i * items;
    trn_best_t *best = s->best + thread * k;
    row_t test = row_of(s, TRN_TO_TEST, user);
    complete(s, row_of(s, TRN_TO_TRAIN, user), &s->work[thread], score);
    trn_topk_clear(k, best);
    trn_topk_update(items, score, 0, k, best);
    for (int64_t j = 0; j < k; j++) {
        item[j] = (int32_t)best[j].index;
        s->out->score[at * k + j] = (float)best[j].score;
    }
    memset(s->figures + i * FIGURES, 0, FIGURES * sizeof(double));
    if (test.count > 0) judge(s, test, item, s->figures + i * FIGURES);
}

/* Add what the lists of a tile come to, user by user: threads have no part in the order. */
static void add_up(serve_t *s, int64_t first, int64_t users) {
    int64_t k = s->options->k, block = trn_tall_block(s->in->users);
    for (int64_t i = first; i < first + users; i++) {
        int64_t user = s->out->user[i];
        double *sum = s->partial + (user - s->first_user) / block * FIGURES;
        for (int f = 0; f < FIGURES; f++)
            sum[f] += s->figures[(i - first) * FIGURES + f];
        s->out->asked += row_of(s, TRN_TO_TEST, user).count > 0;
        s->out->unknown += row_of(s, TRN_TO_TRAIN, user).count == 0;
        for (int64_t j = 0; j < k && s->out->item[i * k + j] >= 0; j++) {
            int32_t item = s->out->item[i * k + j];
            s->covered[item / 64] |= (uint64_t)1 << item % 64;
        }
    }
}

/* All lists of this rank: tiles are cut by users' numbers, so that a user is in the same company
 * whatever the ranks. Local. */
static void serve_all(serve_t *s) {
    const trn_served_t *out = s->out;
    for (int64_t first = 0, end; first < out->count; first = end) {
        for (end = first + 1; end < out->count; end++)
            if (out->user[end] / s->tile != out->user[first] / s->tile) break;
        if (s->scores->width > 0) multiply(s, first, end - first);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
        for (int64_t i = 0; i < end - first; i++)
            rank_row(s, first, i);
        add_up(s, first, end - first);
    }
}

/* Sums of all ranks into means. Collective. Fails (agreed) with TRN_MEMORY. */
static trn_status_t average(serve_t *s) {
    trn_served_t *out = s->out;
    MPI_Comm comm = s->in->comm;
    int64_t block = trn_tall_block(s->in->users), words = s->in->items / 64 + 1;
    int64_t count[2] = {out->asked, out->unknown};
    double sum[FIGURES];
    TRN_TRY(trn_reduce_blocks(comm, (s->in->users + block - 1) / block, FIGURES, s->partial, sum));
    MPI_Allreduce(MPI_IN_PLACE, count, 2, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, s->covered, (int)words, MPI_UINT64_T, MPI_BOR, comm);
    out->asked = count[0];
    out->unknown = count[1];
    double users = out->asked > 0 ? (double)out->asked : 1;
    out->mean = (trn_metrics_t){sum[0] / users, sum[1] / users, sum[2] / users, sum[3] / users};
    out->covered = 0;
    for (int64_t w = 0; w < words; w++)
        out->covered += __builtin_popcountll(s->covered[w]);
    return TRN_OK;
}

trn_status_t trn_serve(trn_served_t *served, const trn_interactions_t *in,
                       const trn_scores_t *scores, const trn_serve_options_t *options) {
    int rank, ranks;
    MPI_Comm_rank(in->comm, &rank);
    MPI_Comm_size(in->comm, &ranks);
    serve_t s = {.in = in,
                 .scores = scores,
                 .options = options,
                 .out = served,
                 .threads = options->threads > 1 ? options->threads : 1,
                 .first_user = trn_tall_start(in->comm, in->users, rank)};
    *served = (trn_served_t){0};
    trn_status_t status = trn_agree(in->comm, create(&s, trn_tall_rows(in->users, ranks, rank)));
    if (status == TRN_OK) {
        trn_blas_single();
        serve_all(&s);
        status = average(&s);
    }
    destroy(&s);
    if (status != TRN_OK) trn_served_free(served);
    return status;
}

/* Lists of users who were asked for by name are of any rank: the most that it may have. */
void trn_serve_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int64_t width, bool linear,
                    const trn_serve_options_t *options, int ranks, int rank) {
    int64_t rows = trn_tall_rows(in->users, ranks, rank), tile = tile_rows(in, options);
    int64_t lists = options->wanted ? least(options->count, rows) : rows;
    int64_t block = trn_tall_block(in->users),
            threads = options->threads > 1 ? options->threads : 1;
    trn_ledger_take(ledger, "lists", lists * (2 * options->k + 1), sizeof(int32_t));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "tile", tile * (in->items + width), sizeof(float));
    trn_ledger_take(ledger, "tile", threads * options->k, sizeof(trn_best_t));
    trn_ledger_take(ledger, "tile", 2 * options->k + (rows / block + 1 + tile) * FIGURES,
                    sizeof(double));
    trn_ledger_take(ledger, "tile", in->items / 8, 1);
    if (width > 0)
        trn_ledger_take(ledger, "libraries", threads, trn_blas_bytes(sizeof(float), tile, width));
    if (linear)
        trn_ledger_take(ledger, "tile", threads, trn_linear_work_bytes(in->users, in->items));
    trn_ledger_back(ledger, &before);
}

/* The store ------------------------------------------------------------------------------------ */

trn_status_t trn_served_declare(const trn_served_t *served, trn_interactions_t *in,
                                trn_store_t *store) {
    TRN_TRY(trn_store_dataset(store, "/users", TRN_I32, served->all, 0));
    TRN_TRY(trn_store_dataset(store, "/ids", TRN_I32, served->all, served->k));
    TRN_TRY(trn_store_dataset(store, "/scores", TRN_F32, served->all, served->k));
    TRN_TRY(trn_edges_declare_names(&in->edges.side[0], store, "/user_names"));
    return trn_edges_declare_names(&in->edges.side[1], store, "/item_names");
}

trn_status_t trn_served_write(const trn_served_t *served, trn_store_t *store) {
    TRN_TRY(trn_store_write(store, "/users", served->first, served->count, served->user));
    TRN_TRY(trn_store_write(store, "/ids", served->first, served->count, served->item));
    return trn_store_write(store, "/scores", served->first, served->count, served->score);
}
