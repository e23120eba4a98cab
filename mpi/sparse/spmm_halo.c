/* The rows of B that a rank's entries meet elsewhere: which they are, and their way (spmm.h). */
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/sparse/spmm_impl.h"
#include "mpi/watch.h"

#include <limits.h>
#include <string.h>

enum { TAG = 0x3e50, WORD = 64 };

/* A set of rows of B, and how many of them lie before each of its words. */
typedef struct rows {
    uint64_t *bits;  /* [words] */
    int32_t *before; /* [words] */
    int64_t words;
} rows_t;

static bool has(const rows_t *set, int64_t row) {
    return set->bits[row / WORD] >> (row % WORD) & 1;
}

static void add(rows_t *set, int64_t row) {
    set->bits[row / WORD] |= (uint64_t)1 << (row % WORD);
}

/* How many of the set are below `row`, which is one of it. */
static int64_t place_of(const rows_t *set, int64_t row) {
    uint64_t below = set->bits[row / WORD] & (((uint64_t)1 << (row % WORD)) - 1);
    return set->before[row / WORD] + __builtin_popcountll(below);
}

/* The rows that entries meet outside the own band. */
static void collect(const trn_spmm_plan_t *plan, const trn_sparse_t *block, rows_t *set) {
    int64_t own = plan->in_start[plan->rank], end = plan->in_start[plan->rank + 1];
    int64_t count = trn_sparse_count(block);
    const int32_t *column = trn_sparse_column(block);
    for (int64_t e = 0; e < count; e++)
        if (column[e] < own || column[e] >= end) add(set, column[e]);
}

/* Where nearly all rows from the first to the last needed one of a band are needed, take all. */
static void close_gaps(const trn_spmm_plan_t *plan, rows_t *set, int64_t *in) {
    in[0] = 0;
    for (int q = 0; q < plan->ranks; q++) {
        int64_t count = 0, first = -1, last = -1;
        for (int64_t row = plan->in_start[q]; row < plan->in_start[q + 1]; row++)
            if (has(set, row)) {
                if (count++ == 0) first = row;
                last = row;
            }
        int64_t hull = count > 0 ? last - first + 1 : 0;
        if (8 * count >= 7 * hull) {
            for (int64_t row = first; row <= last && count > 0; row++)
                add(set, row);
            count = hull;
        }
        in[q + 1] = in[q] + count;
    }
}

/* Own columns become rows of the own band, others -1 - their place among the far rows. */
static trn_status_t renumber(trn_spmm_plan_t *plan, const trn_sparse_t *block, rows_t *set) {
    int64_t own = plan->in_start[plan->rank], end = plan->in_start[plan->rank + 1], sum = 0;
    if (plan->halo.in[plan->ranks] > INT32_MAX)
        return trn_fail(TRN_USAGE, "spmm: a rank needs %lld rows of others; use more ranks",
                        (long long)plan->halo.in[plan->ranks]);
    for (int64_t w = 0; w < set->words; w++) {
        set->before[w] = (int32_t)sum;
        sum += __builtin_popcountll(set->bits[w]);
    }
    int64_t count = trn_sparse_count(block);
    const int32_t *column = trn_sparse_column(block);
    TRN_TRY(trn_alloc(&plan->column, count, sizeof *plan->column, "column numbers"));
    for (int64_t e = 0; e < count; e++)
        plan->column[e] = column[e] >= own && column[e] < end
                              ? (int32_t)(column[e] - own)
                              : (int32_t)(-1 - place_of(set, column[e]));
    return TRN_OK;
}

/* What each owner is told, in int64: how many rows, the first, and unless they follow one another
 * all the others; nothing if there are none. `bytes` are the sizes of the parcels. */
static trn_status_t write_wishes(const trn_spmm_plan_t *plan, const rows_t *set, int64_t **wishes,
                                 int64_t *bytes) {
    const int64_t *in = plan->halo.in, far = in[plan->ranks];
    TRN_TRY(trn_alloc(wishes, far + 2 * plan->ranks, sizeof **wishes, "row numbers"));
    int64_t *at = *wishes;
    for (int q = 0; q < plan->ranks; q++) {
        int64_t *begin = at, count = in[q + 1] - in[q];
        if (count > 0) *at++ = count;
        for (int64_t row = plan->in_start[q]; row < plan->in_start[q + 1] && count > 0; row++)
            if (has(set, row)) *at++ = row;
        if (count > 0 && at[-1] - begin[1] + 1 == count) at = begin + 2;
        bytes[q] = (at - begin) * (int64_t)sizeof *at;
    }
    return TRN_OK;
}

/* What other ranks need of the own band: a stretch of rows is sent as it lies, a list is packed. */
static trn_status_t read_wishes(trn_spmm_plan_t *plan, const trn_parcels_t *parcels) {
    halo_t *halo = &plan->halo;
    int64_t own = plan->in_start[plan->rank], listed = 0;
    TRN_TRY(trn_alloc(&halo->out_rows, plan->ranks, sizeof(int64_t), "row counts"));
    TRN_TRY(trn_alloc(&halo->out_first, plan->ranks, sizeof(int64_t), "row numbers"));
    TRN_TRY(trn_alloc(&halo->out, plan->ranks + 1, sizeof(int64_t), "row counts"));
    for (int q = 0; q < plan->ranks; q++) {
        int64_t words = (parcels->start[q + 1] - parcels->start[q]) / (int64_t)sizeof(int64_t);
        const int64_t *wish = (const int64_t *)((const char *)parcels->data + parcels->start[q]);
        halo->out[q] = listed;
        halo->out_rows[q] = words > 0 ? wish[0] : 0;
        halo->out_first[q] = words == 2 ? wish[1] - own : -1;
        if (words > 2) listed += wish[0];
        halo->sent_rows += halo->out_rows[q];
    }
    halo->out[plan->ranks] = halo->listed = listed;
    TRN_TRY(trn_alloc(&halo->list, listed, sizeof *halo->list, "row numbers"));
    for (int q = 0; q < plan->ranks; q++) {
        const int64_t *wish = (const int64_t *)((const char *)parcels->data + parcels->start[q]);
        for (int64_t i = halo->out[q]; i < halo->out[q + 1]; i++)
            halo->list[i] = (int32_t)(wish[1 + i - halo->out[q]] - own);
    }
    return TRN_OK;
}

/* One bit a row of B, however many entries meet it. */
static trn_status_t find_rows(trn_spmm_plan_t *plan, const trn_sparse_t *block, rows_t *set) {
    set->words = plan->in_start[plan->ranks] / WORD + 1;
    TRN_TRY(trn_alloc_zero(&set->bits, set->words, sizeof *set->bits, "rows that are needed"));
    TRN_TRY(trn_alloc(&set->before, set->words, sizeof *set->before, "rows that are needed"));
    TRN_TRY(trn_alloc(&plan->halo.in, plan->ranks + 1, sizeof(int64_t), "row counts"));
    collect(plan, block, set);
    close_gaps(plan, set, plan->halo.in);
    plan->halo.far_rows = plan->halo.in[plan->ranks];
    return renumber(plan, block, set);
}

/* Each rank finds what it needs, closes gaps, tells the owners, and learns what it is to send. The
 * sets are freed before buffers are taken. */
trn_status_t trn_spmm_halo_plan(trn_spmm_plan_t *plan, const trn_sparse_t *block) {
    rows_t set = {0};
    int64_t *wishes = NULL, *bytes = NULL;
    trn_parcels_t parcels = {0};
    trn_status_t status = find_rows(plan, block, &set);
    if (status == TRN_OK) status = trn_alloc(&bytes, plan->ranks, sizeof *bytes, "row counts");
    if (status == TRN_OK) status = write_wishes(plan, &set, &wishes, bytes);
    trn_free(&set.bits);
    trn_free(&set.before);
    TRN_OR(done, trn_agree(plan->comm, status));
    TRN_OR(done, trn_exchange(plan->comm, wishes, bytes, &parcels));
    status = trn_agree(plan->comm, read_wishes(plan, &parcels));
done:
    trn_parcels_free(&parcels);
    trn_free(&wishes);
    trn_free(&bytes);
    return status;
}

int64_t trn_spmm_halo_fixed(const trn_spmm_plan_t *plan) {
    return 4 * plan->ranks * (int64_t)sizeof(int64_t) +
           plan->halo.listed * (int64_t)sizeof(int32_t);
}

int64_t trn_spmm_halo_column(const trn_spmm_plan_t *plan, bool doubled) {
    return trn_matrix_type_size(plan->type) *
           (plan->halo.far_rows * (doubled ? 2 : 1) + plan->halo.listed);
}

trn_status_t trn_spmm_halo_buffers(trn_spmm_plan_t *plan) {
    halo_t *halo = &plan->halo;
    size_t row = (size_t)(plan->width * trn_matrix_type_size(plan->type));
    TRN_TRY(trn_alloc(&halo->far[0], halo->far_rows, row, "rows of other ranks"));
    if (plan->width < plan->cols)
        TRN_TRY(trn_alloc(&halo->far[1], halo->far_rows, row, "rows of other ranks"));
    return trn_alloc(&halo->packed, halo->listed, row, "rows for other ranks");
}

MPI_Datatype trn_spmm_row_type(trn_dtype_t type, int64_t cols, int64_t stride) {
    MPI_Datatype tight, row;
    MPI_Type_contiguous((int)cols, type == TRN_F32 ? MPI_FLOAT : MPI_DOUBLE, &tight);
    MPI_Type_create_resized(tight, 0, stride * trn_matrix_type_size(type), &row);
    MPI_Type_commit(&row);
    MPI_Type_free(&tight);
    return row;
}

static void pack(const trn_spmm_plan_t *plan, trn_view_t b, int64_t first, int64_t cols, int to) {
    const halo_t *halo = &plan->halo;
    int64_t size = trn_matrix_type_size(plan->type), bytes = cols * size;
    const char *from = (const char *)b.data + first * size;
    for (int64_t i = halo->out[to]; i < halo->out[to + 1]; i++)
        memcpy(halo->packed + i * bytes, from + halo->list[i] * b.stride * size, (size_t)bytes);
}

/* All receives first: no message waits for memory on the other side. Each slab has its own types of
 * rows. */
void trn_spmm_halo_post(trn_spmm_plan_t *plan, trn_view_t b, int64_t first, int64_t cols,
                        int which) {
    halo_t *halo = &plan->halo;
    int64_t size = trn_matrix_type_size(plan->type);
    MPI_Datatype tight = trn_spmm_row_type(plan->type, cols, cols);
    MPI_Datatype apart = trn_spmm_row_type(plan->type, cols, b.stride);
    plan->nrequests = 0;
    for (int q = 0; q < plan->ranks; q++)
        if (halo->in[q + 1] > halo->in[q])
            MPI_Irecv(halo->far[which] + halo->in[q] * cols * size,
                      (int)(halo->in[q + 1] - halo->in[q]), tight, q, TAG, plan->comm,
                      &plan->requests[plan->nrequests++]);
    /* Each starts with the rank above itself, so that not all send to rank 0 first. */
    for (int step = 1; step < plan->ranks; step++) {
        int q = (plan->rank + step) % plan->ranks;
        if (halo->out_rows[q] == 0) continue;
        bool band = halo->out_first[q] >= 0;
        if (!band) pack(plan, b, first, cols, q);
        const char *data =
            band ? (const char *)b.data + (halo->out_first[q] * b.stride + first) * size
                 : halo->packed + halo->out[q] * cols * size;
        MPI_Isend(data, (int)halo->out_rows[q], band ? apart : tight, q, TAG, plan->comm,
                  &plan->requests[plan->nrequests++]);
    }
    MPI_Type_free(&tight);
    MPI_Type_free(&apart);
}

void trn_spmm_halo_progress(trn_spmm_plan_t *plan) {
    int done;
    if (plan->nrequests > 0)
        MPI_Testall(plan->nrequests, plan->requests, &done, MPI_STATUSES_IGNORE);
    trn_watch_tick();
}

void trn_spmm_wait(trn_spmm_plan_t *plan) {
    MPI_Waitall(plan->nrequests, plan->requests, MPI_STATUSES_IGNORE);
    plan->nrequests = 0;
    trn_watch_tick();
}

void trn_spmm_halo_free(halo_t *halo) {
    trn_free(&halo->in);
    trn_free(&halo->out_rows);
    trn_free(&halo->out_first);
    trn_free(&halo->out);
    trn_free(&halo->list);
    trn_free(&halo->far[0]);
    trn_free(&halo->far[1]);
    trn_free(&halo->packed);
}
