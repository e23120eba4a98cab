/* linear.c: scores by the users that share items: two hops over the graph of users and items. */
#include "algo/graph/recommend/linear.h"

#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <limits.h>
#include <math.h>

static const char *const WHAT = "items of all users";

/* Counts and places of the ranks' users, or of their interactions, as MPI wants them. */
typedef struct places {
    int *count, *at; /* [ranks] */
} places_t;

/* The ranks' numbers, whose sum is within int. Collective. */
static void place_all(MPI_Comm comm, int own, int ranks, places_t *places) {
    MPI_Allgather(&own, 1, MPI_INT, places->count, 1, MPI_INT, comm);
    places->at[0] = 0;
    for (int r = 1; r < ranks; r++)
        places->at[r] = places->at[r - 1] + places->count[r - 1];
}

/* by_user and item = those of all ranks: lengths of rows travel, and then items. Collective; cannot
 * fail. */
static void gather(trn_linear_t *linear, MPI_Comm comm, const trn_sparse_t *own, places_t *places) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_extent_t extent = trn_sparse_extent(own);
    const int64_t *start = trn_sparse_start(own);
    int64_t *mine = linear->by_user + extent.first_row + 1;
    for (int64_t i = 0; i < extent.rows; i++)
        mine[i] = start[i + 1] - start[i];
    place_all(comm, (int)extent.rows, ranks, places);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, linear->by_user + 1, places->count,
                   places->at, MPI_INT64_T, comm);
    linear->by_user[0] = 0;
    for (int64_t u = 0; u < linear->users; u++)
        linear->by_user[u + 1] += linear->by_user[u];
    place_all(comm, (int)start[extent.rows], ranks, places);
    MPI_Allgatherv(trn_sparse_column(own), (int)start[extent.rows], MPI_INT32_T, linear->item,
                   places->count, places->at, MPI_INT32_T, comm);
}

/* Users of each item, ascending; and what degrees make of both. Local. */
static void turn(trn_linear_t *linear, const int32_t *degree) {
    int64_t *next = linear->by_item;
    next[0] = 0;
    for (int64_t j = 0; j < linear->items; j++) {
        next[j + 1] = next[j] + degree[j];
        linear->item_root[j] = degree[j] > 0 ? 1 / sqrt((double)degree[j]) : 0;
    }
    for (int64_t u = 0; u < linear->users; u++) {
        int64_t first = linear->by_user[u], end = linear->by_user[u + 1];
        linear->user_part[u] = end > first ? 1 / (double)(end - first) : 0;
        for (int64_t e = first; e < end; e++)
            linear->user[next[linear->item[e]]++] = (int32_t)u;
    }
    for (int64_t j = linear->items; j > 0; j--) /* each stands where the next one began */
        next[j] = next[j - 1];
    next[0] = 0;
}

trn_status_t trn_linear_create(trn_linear_t *linear, const trn_interactions_t *in) {
    int ranks;
    MPI_Comm_size(in->comm, &ranks);
    int64_t entries = in->counts.entries[TRN_TO_TRAIN];
    places_t places = {0};
    *linear = (trn_linear_t){.users = in->users, .items = in->items};
    if (entries > INT_MAX)
        return trn_fail(TRN_USAGE,
                        "%lld interactions: their neighbors need less than 2^31; use --method "
                        "lowpass",
                        (long long)entries);
    trn_status_t status = trn_alloc(&linear->by_user, in->users + 1, sizeof(int64_t), WHAT);
    if (status == TRN_OK) status = trn_alloc(&linear->item, entries, sizeof(int32_t), WHAT);
    if (status == TRN_OK)
        status = trn_alloc(&linear->by_item, in->items + 1, sizeof(int64_t), WHAT);
    if (status == TRN_OK) status = trn_alloc(&linear->user, entries, sizeof(int32_t), WHAT);
    if (status == TRN_OK) status = trn_alloc(&linear->user_part, in->users, sizeof(double), WHAT);
    if (status == TRN_OK) status = trn_alloc(&linear->item_root, in->items, sizeof(double), WHAT);
    if (status == TRN_OK) status = trn_alloc(&places.count, ranks, sizeof(int), WHAT);
    if (status == TRN_OK) status = trn_alloc(&places.at, ranks, sizeof(int), WHAT);
    status = trn_agree(in->comm, status);
    if (status == TRN_OK) {
        gather(linear, in->comm, in->part[TRN_TO_TRAIN], &places);
        turn(linear, in->degree);
    }
    trn_free(&places.count);
    trn_free(&places.at);
    if (status != TRN_OK) trn_linear_free(linear);
    return status;
}

void trn_linear_free(trn_linear_t *linear) {
    trn_free(&linear->by_user);
    trn_free(&linear->item);
    trn_free(&linear->by_item);
    trn_free(&linear->user);
    trn_free(&linear->user_part);
    trn_free(&linear->item_root);
}

void trn_linear_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int ranks, int rank) {
    int64_t entries = 0;
    for (int r = 0; r < ranks; r++)
        entries += trn_interactions_share(in, TRN_TO_TRAIN, ranks, r);
    (void)rank; /* all ranks alike */
    trn_ledger_take(ledger, "neighbors", 2 * entries, sizeof(int32_t));
    trn_ledger_take(ledger, "neighbors", 2 * (in->users + in->items), sizeof(double));
}

/* One row -------------------------------------------------------------------------------------- */

int64_t trn_linear_work_bytes(int64_t users, int64_t items) {
    return users * (int64_t)(sizeof(double) + sizeof(int32_t)) + items * (int64_t)sizeof(double);
}

trn_status_t trn_linear_work_create(trn_linear_work_t *work, const trn_linear_t *linear) {
    *work = (trn_linear_work_t){0};
    TRN_TRY(trn_alloc_zero(&work->shared, linear->users, sizeof(double), "scores of neighbors"));
    TRN_TRY(trn_alloc_zero(&work->met, linear->users, sizeof(int32_t), "scores of neighbors"));
    return trn_alloc_zero(&work->sum, linear->items, sizeof(double), "scores of neighbors");
}

void trn_linear_work_free(trn_linear_work_t *work) {
    trn_free(&work->shared);
    trn_free(&work->met);
    trn_free(&work->sum);
}

/* shared[w] = sum over the items that w has, too, of 1 / root of the degree; returns how many users
 * share some, met[] in the order in which they are met. */
static int64_t meet(const trn_linear_t *linear, int64_t count, const int32_t *item,
                    trn_linear_work_t *work) {
    int64_t met = 0;
    for (int64_t i = 0; i < count; i++) {
        double root = linear->item_root[item[i]]; /* above 0: the user has it */
        for (int64_t e = linear->by_item[item[i]]; e < linear->by_item[item[i] + 1]; e++) {
            int32_t w = linear->user[e];
            if (work->shared[w] == 0) work->met[met++] = w;
            work->shared[w] += root;
        }
    }
    return met;
}

void trn_linear_row(const trn_linear_t *linear, int64_t count, const int32_t *item,
                    trn_linear_work_t *work, float *score) {
    int64_t met = meet(linear, count, item, work);
    double *restrict sum = work->sum;
    for (int64_t m = 0; m < met; m++) {
        int32_t w = work->met[m];
        double part = work->shared[w] * linear->user_part[w];
        work->shared[w] = 0;
        for (int64_t e = linear->by_user[w]; e < linear->by_user[w + 1]; e++)
            sum[linear->item[e]] += part;
    }
    for (int64_t j = 0; j < linear->items; j++) {
        score[j] = (float)(score[j] + sum[j] * linear->item_root[j]);
        sum[j] = 0;
    }
}
