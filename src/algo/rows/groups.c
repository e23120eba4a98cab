/* groups.c: which rows belong together, which rank has which groups, and rows on their way there.
 *
 * In each round every rank gets the next of its groups, a fixed number of bytes or one group. All
 * ranks know all groups, so they know what to send without being asked; a rank sends its rows in
 * ascending order, and ranks hold ascending rows, so what arrives is in ascending order, too. */
#include "algo/rows/groups.h"

#include "base/mem.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <stdlib.h>
#include <string.h>

/* Rows that a rank gets in a round, or one group if that is larger: a part of its share, so that
 * scattered groups do not take too many passes, within bounds. */
static int64_t quota_of(const trn_groups_t *g, int64_t cols, int ranks) {
    enum { LEAST = 4 << 20, MOST = 64 << 20 /* bytes */, ROUNDS = 64 };
    int64_t row = (cols > 0 ? cols : 1) * (int64_t)sizeof(double);
    int64_t bytes = g->rows / ranks * row / ROUNDS;
    bytes = bytes < LEAST ? LEAST : bytes > MOST ? MOST : bytes;
    return bytes / row + 1;
}

/* Who belongs where ---------------------------------------------------------------------------- */

/* To be sorted by label, and by row where labels are equal. */
typedef struct labeled {
    int64_t label, row;
} labeled_t;

static int by_label(const void *a, const void *b) {
    const labeled_t *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_first(const void *a, const void *b) {
    const int64_t *x = a, *y = b; /* pairs of first row, place among the sorted labels */
    return (*x > *y) - (*x < *y);
}

/* Room for as many groups as rows, the most that there can be. */
static trn_status_t take(trn_groups_t *g, int64_t rows) {
    const char *what = "groups of rows";
    g->rows = rows;
    TRN_TRY(trn_alloc(&g->label, rows, sizeof *g->label, what));
    TRN_TRY(trn_alloc(&g->start, rows + 1, sizeof *g->start, what));
    TRN_TRY(trn_alloc(&g->member, rows, sizeof *g->member, what));
    return trn_alloc(&g->group_of, rows, sizeof *g->group_of, what);
}

/* first[2 x groups] = first row of each group, and where it begins among the sorted; returns how
 * many there are. */
static int64_t list_firsts(const labeled_t *sorted, int64_t count, int64_t *first) {
    int64_t groups = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && sorted[i].label == sorted[i - 1].label) continue;
        first[2 * groups] = sorted[i].row;
        first[2 * groups++ + 1] = i;
    }
    return groups;
}

/* Groups by their first rows, each with its rows ascending. */
static void lay_out(trn_groups_t *g, const labeled_t *sorted, int64_t count, const int64_t *first) {
    int64_t kept = 0;
    for (int64_t k = 0; k < g->count; k++) {
        int64_t at = first[2 * k + 1], label = sorted[at].label;
        g->label[k] = label;
        g->start[k] = kept;
        for (; at < count && sorted[at].label == label; at++) {
            g->group_of[sorted[at].row] = k;
            g->member[kept++] = sorted[at].row;
        }
        int64_t size = kept - g->start[k];
        if (size > g->largest) g->largest = size;
        if (k == 0 || size < g->smallest) g->smallest = size;
    }
    g->start[g->count] = kept;
}

trn_status_t trn_groups_create(trn_groups_t *g, const trn_ids_t *labels) {
    labeled_t *sorted = NULL;
    int64_t *first = NULL, count = 0, rows = labels->count;
    *g = (trn_groups_t){0};
    trn_status_t status = take(g, rows);
    TRN_OR(done, status);
    TRN_OR(done, trn_alloc(&sorted, rows, sizeof *sorted, "groups of rows"));
    TRN_OR(done, trn_alloc(&first, 2 * rows, sizeof *first, "groups of rows"));
    for (int64_t i = 0; i < rows; i++) {
        g->group_of[i] = -1;
        if (labels->id[i] >= 0) sorted[count++] = (labeled_t){labels->id[i], i};
    }
    qsort(sorted, (size_t)count, sizeof *sorted, by_label);
    g->count = list_firsts(sorted, count, first);
    qsort(first, (size_t)g->count, 2 * sizeof *first, by_first);
    lay_out(g, sorted, count, first);
    if (g->count == 0)
        status =
            trn_fail(TRN_INPUT, "%s: no row is in a group: all labels are negative", labels->path);
done:
    trn_free(&sorted);
    trn_free(&first);
    if (status != TRN_OK) trn_groups_free(g);
    return status;
}

trn_status_t trn_groups_whole(trn_groups_t *g, int64_t rows) {
    *g = (trn_groups_t){0};
    trn_status_t status = take(g, rows);
    if (status != TRN_OK) {
        trn_groups_free(g);
        return status;
    }
    for (int64_t i = 0; i < rows; i++) {
        g->group_of[i] = 0;
        g->member[i] = i;
    }
    g->count = 1;
    g->label[0] = 0;
    g->start[0] = 0;
    g->start[1] = g->largest = g->smallest = rows;
    return TRN_OK;
}

void trn_groups_free(trn_groups_t *g) {
    trn_free(&g->label);
    trn_free(&g->start);
    trn_free(&g->member);
    trn_free(&g->group_of);
    *g = (trn_groups_t){0};
}

/* Beside labels, sorted pairs and first rows while groups are made, and what qsort takes itself. */
void trn_groups_plan(trn_ledger_t *ledger, int64_t rows) {
    trn_ledger_pass(ledger, "groups", (4 + 7) * rows, sizeof(int64_t));
    trn_ledger_take(ledger, "groups", 4 * rows + 1, sizeof(int64_t));
}

/* The first group whose rows begin at the rank's share of them, or after. */
int64_t trn_groups_first(const trn_groups_t *g, int ranks, int rank) {
    int64_t share = trn_part_start(g->start[g->count], ranks, rank), low = 0, high = g->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (g->start[middle] >= share)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Rounds --------------------------------------------------------------------------------------- */

/* A row, and where it goes: to a rank, or to a place among the rows of the round's groups. */
typedef struct item {
    int64_t row, to;
} item_t;

typedef struct round {
    const trn_groups_t *groups;
    trn_tall_t x;
    int rank, ranks;
    int64_t quota;       /* rows that a rank gets in a round, or one group */
    int64_t *next, *end; /* [ranks] groups of each rank in this round: [next, end) */
    int64_t *bytes;      /* [ranks] to send to each */
    int64_t *at;         /* [ranks] where the next row for each goes, in rows of `send` */
    item_t *item;        /* of rows to send, then of rows that arrive */
    int64_t item_capacity, send_capacity;
    double *send; /* rows for rank 0, rank 1, ... */
    double *rows; /* [largest x cols] of one group */
    trn_parcels_t got;
    int64_t bad[2]; /* the lowest row and its column that is not finite; row -1: none */
    double value;
} round_t;

static trn_status_t round_create(round_t *r, const trn_groups_t *g, trn_tall_t x) {
    const char *what = "rows of groups";
    *r = (round_t){.groups = g, .x = x, .bad = {-1, 0}};
    r->item_capacity = r->send_capacity = -1; /* room for nothing is room, too: no NULL */
    MPI_Comm_rank(x.comm, &r->rank);
    MPI_Comm_size(x.comm, &r->ranks);
    r->quota = quota_of(g, x.block.cols, r->ranks);
    TRN_TRY(trn_alloc(&r->next, r->ranks, sizeof *r->next, what));
    TRN_TRY(trn_alloc(&r->end, r->ranks, sizeof *r->end, what));
    TRN_TRY(trn_alloc(&r->bytes, r->ranks, sizeof *r->bytes, what));
    TRN_TRY(trn_alloc(&r->at, r->ranks, sizeof *r->at, what));
    TRN_TRY(trn_alloc(&r->rows, g->largest * x.block.cols, sizeof *r->rows, what));
    for (int k = 0; k < r->ranks; k++)
        r->end[k] = trn_groups_first(g, r->ranks, k);
    return TRN_OK;
}

static void round_free(round_t *r) {
    trn_free(&r->next);
    trn_free(&r->end);
    trn_free(&r->bytes);
    trn_free(&r->at);
    trn_free(&r->item);
    trn_free(&r->send);
    trn_free(&r->rows);
    trn_parcels_free(&r->got);
}

/* On to the next groups of every rank; false: there are none. The same on all ranks. */
static bool advance(round_t *r) {
    const trn_groups_t *g = r->groups;
    bool any = false;
    for (int k = 0; k < r->ranks; k++) {
        int64_t last = trn_groups_first(g, r->ranks, k + 1), end = r->end[k];
        r->next[k] = end;
        while (end < last &&
               (end == r->next[k] || g->start[end + 1] - g->start[r->next[k]] <= r->quota))
            end++;
        r->end[k] = end;
        any = any || end > r->next[k];
    }
    return any;
}

/* Rows are unique, so the order is one, whatever the sort. */
static int by_row(const void *a, const void *b) {
    const item_t *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Room for `need` things, whose old content is not wanted. */
static trn_status_t room(void *pointer, int64_t *capacity, int64_t need, size_t size) {
    if (need <= *capacity) return TRN_OK;
    trn_free(pointer);
    *capacity = 0;
    TRN_TRY(trn_alloc(pointer, need, size, "rows of groups"));
    *capacity = need;
    return TRN_OK;
}

/* Rows of this rank among those of groups that rank `to` gets in this round, counted from `at` on,
 * noted unless `item` is NULL. */
static int64_t list_rows(const round_t *r, int to, item_t *item, int64_t at) {
    const trn_groups_t *g = r->groups;
    int64_t first = trn_tall_start(r->x.comm, r->x.rows, r->rank), end = first + r->x.block.rows;
    for (int64_t i = g->start[r->next[to]]; i < g->start[r->end[to]]; i++) {
        if (g->member[i] < first || g->member[i] >= end) continue;
        if (item) item[at] = (item_t){g->member[i], to};
        at++;
    }
    return at;
}

/* The rows of this rank that others, or it, get in this round, ascending; bytes and places of each.
 */
static trn_status_t plan_send(round_t *r, int64_t *count) {
    int64_t cols = r->x.block.cols;
    *count = 0;
    for (int k = 0; k < r->ranks; k++) {
        r->at[k] = *count;
        *count = list_rows(r, k, NULL, *count);
        r->bytes[k] = (*count - r->at[k]) * cols * (int64_t)sizeof(double);
    }
    TRN_TRY(room(&r->item, &r->item_capacity, *count, sizeof *r->item));
    for (int k = 0; k < r->ranks; k++)
        list_rows(r, k, r->item, r->at[k]);
    qsort(r->item, (size_t)*count, sizeof *r->item, by_row);
    return room(&r->send, &r->send_capacity, *count * cols, sizeof *r->send);
}

/* Every row of a group is sent once, so it is looked at once, and by the rank that holds it. */
static void check(round_t *r, int64_t row, const double *numbers) {
    int64_t at = trn_not_finite_f64(r->x.block.cols, numbers);
    if (at < 0 || (r->bad[0] >= 0 && r->bad[0] < row)) return;
    r->bad[0] = row;
    r->bad[1] = at;
    r->value = numbers[at];
}

/* Blocks that have such rows are read once. */
static void pack(round_t *r, int64_t count) {
    int64_t height = trn_tall_block(r->x.rows), cols = r->x.block.cols, block = -1;
    trn_view_t view = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t row = r->item[i].row;
        if (row / height != block) view = trn_tall_block_rows(r->x, block = row / height);
        const double *from = (const double *)view.data + row % height * view.stride;
        check(r, row, from);
        memcpy(r->send + r->at[r->item[i].to]++ * cols, from, sizeof *from * (size_t)cols);
    }
}

/* Item i becomes the place among what arrived of the i-th row of this round's groups. */
static trn_status_t plan_places(round_t *r) {
    const trn_groups_t *g = r->groups;
    int64_t from = g->start[r->next[r->rank]], count = g->start[r->end[r->rank]] - from;
    TRN_TRY(room(&r->item, &r->item_capacity, 2 * count, sizeof *r->item));
    item_t *sorted = r->item + count;
    for (int64_t i = 0; i < count; i++)
        sorted[i] = (item_t){g->member[from + i], i};
    qsort(sorted, (size_t)count, sizeof *sorted, by_row);
    for (int64_t i = 0; i < count; i++)
        r->item[sorted[i].to].to = i;
    return TRN_OK;
}

/* Group after group, its rows side by side: BLAS sees the same shapes and numbers on any rank. */
static void show(round_t *r, trn_group_visit_t visit, void *user) {
    const trn_groups_t *g = r->groups;
    int64_t cols = r->x.block.cols, from = g->start[r->next[r->rank]];
    const double *got = r->got.data;
    for (int64_t k = r->next[r->rank]; k < r->end[r->rank]; k++) {
        int64_t size = g->start[k + 1] - g->start[k];
        const item_t *item = r->item + (g->start[k] - from);
        for (int64_t i = 0; i < size; i++)
            memcpy(r->rows + i * cols, got + item[i].to * cols, sizeof *got * (size_t)cols);
        visit(user, k, (trn_view_t){TRN_MATRIX_F64, size, cols, cols, r->rows});
    }
}

/* The lowest row of any rank is told of. Collective. */
static trn_status_t finite(const round_t *r, const char *name) {
    int64_t lowest = r->bad[0] < 0 ? INT64_MAX : r->bad[0], mine = lowest;
    MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT64_T, MPI_MIN, r->x.comm);
    if (lowest == INT64_MAX) return TRN_OK;
    trn_status_t status = TRN_OK;
    if (mine == lowest)
        status = trn_fail(TRN_INPUT,
                          "%s: row %lld, column %lld (from 0) is %g; only finite numbers are taken",
                          name, (long long)r->bad[0], (long long)r->bad[1], r->value);
    return trn_agree(r->x.comm, status);
}

trn_status_t trn_groups_each(const trn_groups_t *groups, trn_tall_t x, const char *name,
                             trn_group_visit_t visit, void *user) {
    round_t r;
    int64_t count;
    trn_status_t status = trn_agree(x.comm, round_create(&r, groups, x));
    while (status == TRN_OK && advance(&r)) {
        TRN_OR(done, trn_agree(x.comm, plan_send(&r, &count)));
        pack(&r, count);
        TRN_OR(done, trn_exchange(x.comm, r.send, r.bytes, &r.got));
        TRN_OR(done, trn_agree(x.comm, plan_places(&r)));
        show(&r, visit, user);
    }
    if (status == TRN_OK) status = finite(&r, name);
done:
    round_free(&r);
    return status;
}

/* As many rows are sent as come in, about; a round has the bytes above, or a group. */
void trn_groups_each_plan(trn_ledger_t *ledger, const trn_groups_t *g, int64_t cols, int ranks) {
    int64_t row = cols * (int64_t)sizeof(double), share = g->rows / ranks + g->largest;
    int64_t quota = quota_of(g, cols, ranks);
    if (quota < g->largest) quota = g->largest;
    if (quota > share) quota = share;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "moving", (quota + quota / 4) * 2 + g->largest, row);
    trn_ledger_take(ledger, "moving", 2 * quota, sizeof(item_t));
    trn_ledger_back(ledger, &before);
}

/* Rows of groups on request ------------------------------------------------------------------- */

/* What is asked of each rank, for groups are dealt in ascending order. */
static trn_status_t plan_asking(const trn_groups_t *g, int ranks, const int64_t *wanted,
                                int64_t count, int64_t **bytes) {
    TRN_TRY(trn_alloc_zero(bytes, ranks, sizeof **bytes, "questions for rows"));
    int rank = 0;
    for (int64_t i = 0; i < count; i++) {
        while (wanted[i] >= trn_groups_first(g, ranks, rank + 1))
            rank++;
        (*bytes)[rank] += (int64_t)sizeof *wanted;
    }
    return TRN_OK;
}

/* The rows that were asked for, one after the other; bytes[ranks] becomes what each one gets. */
static trn_status_t plan_answers(const trn_parcels_t *asked, int ranks, const double *own,
                                 int64_t first, int64_t cols, int64_t *bytes, double **answer) {
    int64_t count = asked->start[ranks] / (int64_t)sizeof(int64_t);
    const int64_t *id = asked->data;
    TRN_TRY(trn_alloc(answer, count * cols, sizeof **answer, "rows asked for"));
    for (int64_t i = 0; i < count; i++)
        memcpy(*answer + i * cols, own + (id[i] - first) * cols, sizeof *own * (size_t)cols);
    for (int k = 0; k < ranks; k++)
        bytes[k] = (asked->start[k + 1] - asked->start[k]) * cols;
    return TRN_OK;
}

trn_status_t trn_groups_fetch(const trn_groups_t *g, MPI_Comm comm, const double *own, int64_t cols,
                              const int64_t *wanted, int64_t count, double **rows) {
    int rank, ranks;
    int64_t *bytes = NULL;
    double *answer = NULL;
    trn_parcels_t asked = {0}, got = {0};
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    *rows = NULL;
    trn_status_t status = trn_agree(comm, plan_asking(g, ranks, wanted, count, &bytes));
    TRN_OR(done, status);
    TRN_OR(done, trn_exchange(comm, wanted, bytes, &asked));
    TRN_OR(done, trn_agree(comm, plan_answers(&asked, ranks, own, trn_groups_first(g, ranks, rank),
                                              cols, bytes, &answer)));
    TRN_OR(done, trn_exchange(comm, answer, bytes, &got));
    *rows = got.data;
    got.data = NULL;
done:
    trn_free(&bytes);
    trn_free(&answer);
    trn_parcels_free(&asked);
    trn_parcels_free(&got);
    return status;
}
