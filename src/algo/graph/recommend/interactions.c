/* interactions.c: pairs of users and items on their way from files to the ranks of the users. */
#include "algo/graph/recommend/interactions.h"

#include "algo/matrix/tall.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/large.h"

#include <stdlib.h>
#include <string.h>

/* As a pair travels. */
typedef struct pair {
    int32_t user, item;
} pair_t;

static int64_t blocks_of(int64_t users) {
    int64_t block = trn_tall_block(users);
    return (users + block - 1) / block;
}

/* Reading -------------------------------------------------------------------------------------- */

trn_status_t trn_interactions_look(trn_interactions_t *in, MPI_Comm comm,
                                   const trn_edges_how_t *how, const char *train,
                                   const char *test) {
    const char *const paths[] = {train, test};
    trn_edges_how_t bipartite = *how;
    bipartite.bipartite = true;
    bipartite.thing[0] = "user";
    bipartite.thing[1] = "item";
    TRN_TRY(trn_edges_read(&in->edges, comm, &bipartite, test ? 2 : 1, paths));
    return trn_interactions_survey(in);
}

/* Leave out pairs that weigh too little; weights are of no more use then. Collective. */
static void drop_light(trn_interactions_t *in, trn_edges_file_t *file) {
    int64_t kept = 0;
    for (int64_t e = 0; e < file->count; e++) {
        file->from[kept] = file->from[e];
        file->to[kept] = file->to[e];
        kept += file->weight[e] >= in->least;
    }
    int64_t dropped = file->count - kept;
    MPI_Allreduce(MPI_IN_PLACE, &dropped, 1, MPI_INT64_T, MPI_SUM, in->comm);
    file->count = kept;
    file->all -= dropped;
    in->counts.light += dropped + file->zero;
    trn_free(&file->weight);
}

trn_status_t trn_interactions_survey(trn_interactions_t *in) {
    const trn_edges_t *edges = &in->edges;
    in->comm = edges->comm;
    for (int f = 0; f < edges->files && edges->how.weighted; f++)
        drop_light(in, &edges->file[f]);
    in->users = edges->side[0].count;
    in->items = edges->side[1].count;
    if (edges->file[TRN_TO_TRAIN].all == 0)
        return trn_fail(TRN_INPUT, "%s: no user has an item; there is nothing to learn from",
                        edges->file[TRN_TO_TRAIN].path);
    int64_t blocks = blocks_of(in->users), block = trn_tall_block(in->users);
    trn_status_t status = TRN_OK;
    for (int f = 0; f < TRN_INTERACTION_FILES && status == TRN_OK; f++)
        status = trn_alloc_zero(&in->share[f], blocks, sizeof(int64_t), "shares of users");
    TRN_AGREE(in->comm, status);
    for (int f = 0; f < edges->files; f++) {
        const trn_edges_file_t *file = &edges->file[f];
        for (int64_t e = 0; e < file->count; e++)
            in->share[f][file->from[e] / block]++;
        trn_sum_large(in->comm, blocks, MPI_INT64_T, in->share[f]);
        MPI_Allreduce(&file->count, &in->most[f], 1, MPI_INT64_T, MPI_MAX, in->comm);
    }
    return TRN_OK;
}

int64_t trn_interactions_share(const trn_interactions_t *in, int file, int ranks, int rank) {
    int64_t blocks = blocks_of(in->users), sum = 0;
    for (int64_t b = blocks * rank / ranks; b < blocks * (rank + 1) / ranks; b++)
        sum += in->share[file][b];
    return sum;
}

/* To their owners ------------------------------------------------------------------------------ */

/* The pairs of a file by the rank of their user. Local. */
static trn_status_t pack(const trn_interactions_t *in, const trn_edges_file_t *file, int ranks,
                         pair_t **send, int64_t *bytes) {
    int64_t blocks = blocks_of(in->users), block = trn_tall_block(in->users);
    int64_t *next = NULL;
    TRN_TRY(trn_alloc(send, file->count, sizeof **send, "pairs on their way"));
    TRN_TRY(trn_alloc_zero(&next, ranks + 1, sizeof *next, "pairs on their way"));
    for (int64_t e = 0; e < file->count; e++)
        next[((file->from[e] / block + 1) * ranks - 1) / blocks + 1]++;
    for (int r = 0; r < ranks; r++) {
        bytes[r] = next[r + 1] * (int64_t)sizeof **send;
        next[r + 1] += next[r];
    }
    for (int64_t e = 0; e < file->count; e++) {
        int64_t owner = ((file->from[e] / block + 1) * ranks - 1) / blocks;
        (*send)[next[owner]++] = (pair_t){file->from[e], file->to[e]};
    }
    trn_free(&next);
    return TRN_OK;
}

static int by_number(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* column[start[i]..] of each row ascending and each once, rows closed up; start follows. */
static void sort_rows(int64_t rows, int64_t *start, int32_t *column) {
    int64_t to = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t from = start[i], end = start[i + 1];
        qsort(column + from, (size_t)(end - from), sizeof *column, by_number);
        start[i] = to;
        for (int64_t e = from; e < end; e++)
            if (e == from || column[e] != column[to - 1]) column[to++] = column[e];
    }
    start[rows] = to;
}

/* Rows first, first + 1, ... out of pairs in any order. Local. */
static trn_status_t build(trn_sparse_t **part, trn_extent_t extent, int64_t count,
                          const pair_t *pair) {
    int64_t *start = NULL, rows = extent.rows;
    int32_t *column = NULL;
    trn_status_t status = trn_alloc_zero(&start, rows + 2, sizeof *start, "interactions");
    if (status == TRN_OK) status = trn_alloc(&column, count, sizeof *column, "interactions");
    if (status == TRN_OK) {
        /* start[i + 2] counts row i, then start[i + 1] is where its next item goes */
        for (int64_t e = 0; e < count; e++)
            start[pair[e].user - extent.first_row + 2]++;
        for (int64_t i = 0; i < rows; i++)
            start[i + 2] += start[i + 1];
        for (int64_t e = 0; e < count; e++)
            column[start[pair[e].user - extent.first_row + 1]++] = pair[e].item;
        sort_rows(rows, start, column);
        status = trn_sparse_adopt(part, TRN_SPARSE_PATTERN, extent, start, column, NULL);
    }
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    return status;
}

/* in->part of one file, which may not be there. Collective. */
static trn_status_t deal(trn_interactions_t *in, int f) {
    int ranks, rank;
    MPI_Comm_size(in->comm, &ranks);
    MPI_Comm_rank(in->comm, &rank);
    trn_edges_file_t none = {0};
    trn_edges_file_t *file = f < in->edges.files ? &in->edges.file[f] : &none;
    trn_extent_t extent = {.first_row = trn_tall_start(in->comm, in->users, rank),
                           .rows = trn_tall_rows(in->users, ranks, rank),
                           .cols = in->items};
    pair_t *send = NULL;
    int64_t *bytes = NULL;
    trn_parcels_t come = {0};
    trn_status_t status = trn_alloc(&bytes, ranks, sizeof *bytes, "pairs on their way");
    if (status == TRN_OK) status = pack(in, file, ranks, &send, bytes);
    trn_edges_file_free(file);
    TRN_OR(done, trn_agree(in->comm, status));
    TRN_OR(done, trn_exchange(in->comm, send, bytes, &come));
    trn_free(&send);
    int64_t count = come.start[ranks] / (int64_t)sizeof *send;
    status = trn_agree(in->comm, build(&in->part[f], extent, count, come.data));
done:
    trn_free(&send);
    trn_free(&bytes);
    trn_parcels_free(&come);
    return status;
}

/* Counts --------------------------------------------------------------------------------------- */

/* Items that two ascending lists share. */
static int64_t shared(const int32_t *a, int64_t n, const int32_t *b, int64_t m) {
    int64_t count = 0;
    for (int64_t i = 0, j = 0; i < n && j < m;) {
        count += a[i] == b[j];
        if (a[i] <= b[j])
            i++;
        else
            j++;
    }
    return count;
}

/* Of this rank's users; then of all. Collective. */
static void count_all(trn_interactions_t *in) {
    const int64_t *train = trn_sparse_start(in->part[TRN_TO_TRAIN]);
    const int64_t *test = trn_sparse_start(in->part[TRN_TO_TEST]);
    const int32_t *learned = trn_sparse_column(in->part[TRN_TO_TRAIN]);
    const int32_t *held_out = trn_sparse_column(in->part[TRN_TO_TEST]);
    int64_t rows = trn_sparse_extent(in->part[TRN_TO_TRAIN]).rows;
    int64_t sum[6] = {train[rows], test[rows]}; /* ..., unknown, asked, both, overlap */
    for (int64_t i = 0; i < rows; i++) {
        int64_t n = train[i + 1] - train[i], m = test[i + 1] - test[i];
        sum[2] += n == 0;
        sum[3] += m > 0;
        sum[4] += n == 0 && m > 0;
        sum[5] += shared(learned + train[i], n, held_out + test[i], m);
    }
    MPI_Allreduce(MPI_IN_PLACE, sum, 6, MPI_INT64_T, MPI_SUM, in->comm);
    for (int64_t e = 0; e < train[rows]; e++)
        in->degree[learned[e]]++;
    trn_sum_large(in->comm, in->items, MPI_INT32_T, in->degree);
    in->counts = (trn_interactions_counts_t){.entries = {sum[0], sum[1]},
                                             .light = in->counts.light,
                                             .users_unknown = sum[2],
                                             .users_asked = sum[3],
                                             .users_asked_unknown = sum[4],
                                             .overlap = sum[5]};
    for (int f = 0; f < in->edges.files; f++)
        in->counts.repeated += in->edges.file[f].all - sum[f];
    for (int64_t j = 0; j < in->items; j++)
        in->counts.items_unknown += in->degree[j] == 0;
}

/* What a user may want to know of the files: from rank 0. Local. */
static void tell(const trn_interactions_t *in) {
    const trn_interactions_counts_t *c = &in->counts;
    int rank;
    MPI_Comm_rank(in->comm, &rank);
    if (rank > 0) return;
    const char *test = in->edges.files > 1 ? in->edges.file[TRN_TO_TEST].path : "";
    if (c->repeated > 0)
        trn_log(TRN_LOG_WARN, "recommend", "%lld interactions stand in their file again: once each",
                (long long)c->repeated);
    if (c->users_asked_unknown > 0)
        trn_log(TRN_LOG_WARN, "recommend",
                "%s: %lld users have no items to learn from; they get the most popular ones", test,
                (long long)c->users_asked_unknown);
    if (c->items_unknown > 0)
        trn_log(TRN_LOG_WARN, "recommend", "%lld of %lld items have no users to learn from",
                (long long)c->items_unknown, (long long)in->items);
    if (c->overlap > 0)
        trn_log(TRN_LOG_WARN, "recommend",
                "%s: %lld interactions are learned from, too, and are never recommended", test,
                (long long)c->overlap);
}

trn_status_t trn_interactions_load(trn_interactions_t *in) {
    TRN_AGREE(in->comm, trn_alloc_zero(&in->degree, in->items, sizeof *in->degree, "degrees"));
    for (int f = 0; f < TRN_INTERACTION_FILES; f++)
        TRN_TRY(deal(in, f));
    count_all(in);
    tell(in);
    return TRN_OK;
}

void trn_interactions_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int ranks,
                           int rank) {
    int64_t rows = trn_tall_rows(in->users, ranks, rank);
    trn_ledger_take(ledger, "interactions", in->items, sizeof(int32_t));
    for (int f = 0; f < TRN_INTERACTION_FILES; f++) {
        int64_t own = trn_interactions_share(in, f, ranks, rank), read = in->most[f];
        trn_ledger_take(ledger, "moving", read, sizeof(pair_t));
        trn_ledger_give(ledger, "inputs", 2 * read, sizeof(int32_t));
        trn_ledger_take(ledger, "moving", own + own / 4, sizeof(pair_t)); /* as parcels have it */
        trn_ledger_give(ledger, "moving", read, sizeof(pair_t));
        trn_ledger_take(ledger, "interactions", rows + 2, sizeof(int64_t));
        trn_ledger_take(ledger, "interactions", own, sizeof(int32_t));
        trn_ledger_give(ledger, "moving", own + own / 4, sizeof(pair_t));
    }
}

void trn_interactions_free(trn_interactions_t *in) {
    for (int f = 0; f < TRN_INTERACTION_FILES; f++) {
        trn_free(&in->share[f]);
        trn_sparse_destroy(&in->part[f]);
    }
    trn_free(&in->degree);
    trn_edges_free(&in->edges);
}
