/* windows.c: terms of the window by sparse products, added up row by row. */
#include "algo/graph/snapshots/windows.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/spgemm.h"

#include <math.h>

/* Degrees -------------------------------------------------------------------------------------- */

trn_status_t trn_windows_degrees(MPI_Comm comm, const trn_sparse_t *a, double **degree) {
    trn_extent_t extent = trn_sparse_extent(a);
    const int64_t *start = trn_sparse_start(a);
    int *counts = NULL, *places, ranks;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_alloc(degree, extent.cols, sizeof **degree, "degrees");
    if (status == TRN_OK)
        status = trn_alloc(&counts, 2 * (int64_t)ranks, sizeof *counts, "bands of nodes");
    if ((status = trn_agree(comm, status)) != TRN_OK) {
        trn_free(degree);
        trn_free(&counts);
        return status;
    }
    int own[2] = {(int)extent.rows, (int)extent.first_row};
    double *mine = *degree + extent.first_row;
    for (int64_t i = 0; i < extent.rows; i++) {
        mine[i] = 0;
        for (int64_t e = start[i]; e < start[i + 1]; e++)
            mine[i] += trn_sparse_value(a, e);
    }
    places = counts + ranks;
    MPI_Allgather(&own[0], 1, MPI_INT, counts, 1, MPI_INT, comm);
    MPI_Allgather(&own[1], 1, MPI_INT, places, 1, MPI_INT, comm);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, *degree, counts, places, MPI_DOUBLE, comm);
    trn_free(&counts);
    return TRN_OK;
}

/* Terms ---------------------------------------------------------------------------------------- */

/* *rows = local rows [first, first + count) of A D^-1 that are wanted; the others are empty. */
static trn_status_t walk_rows(const trn_windows_t *w, int64_t first, int64_t count,
                              const unsigned char *wanted, trn_sparse_t **rows) {
    trn_extent_t extent = trn_sparse_extent(w->a);
    const int64_t *from = trn_sparse_start(w->a);
    const int32_t *column = trn_sparse_column(w->a);
    int64_t *start = NULL, entries = 0;
    int32_t *to = NULL;
    double *value = NULL;
    for (int64_t i = first; i < first + count; i++)
        if (!wanted || wanted[i]) entries += from[i + 1] - from[i];
    trn_status_t status;
    TRN_OR(done, trn_alloc_zero(&start, extent.rows + 1, sizeof *start, "rows of walks"));
    TRN_OR(done, trn_alloc(&to, entries, sizeof *to, "columns of walks"));
    TRN_OR(done, trn_alloc(&value, entries, sizeof *value, "numbers of walks"));
    int64_t n = 0;
    for (int64_t i = 0; i < extent.rows; i++) {
        bool in = i >= first && i < first + count && (!wanted || wanted[i]);
        for (int64_t e = from[i]; in && e < from[i + 1]; e++, n++) {
            to[n] = column[e];
            value[n] = trn_sparse_value(w->a, e) / w->degree[column[e]];
        }
        start[i + 1] = n;
    }
    status = trn_sparse_adopt(rows, TRN_SPARSE_F64, extent, start, to, value);
    if (status == TRN_OK) return TRN_OK;
done:
    trn_free(&start);
    trn_free(&to);
    trn_free(&value);
    return status;
}

/* *term = A at the landmarks' columns. Local. */
static trn_status_t first_term(const trn_windows_t *w, trn_sparse_t **term) {
    trn_extent_t extent = trn_sparse_extent(w->a);
    const int64_t *from = trn_sparse_start(w->a);
    const int32_t *column = trn_sparse_column(w->a);
    int64_t *start = NULL, entries = 0, n = 0;
    int32_t *place = NULL, *to = NULL;
    double *value = NULL;
    trn_status_t status;
    TRN_OR(done, trn_alloc(&place, extent.cols, sizeof *place, "places of landmarks"));
    for (int64_t j = 0; j < extent.cols; j++)
        place[j] = w->landmark ? -1 : (int32_t)j;
    for (int64_t c = 0; w->landmark && c < w->cols; c++)
        place[w->landmark[c]] = (int32_t)c;
    for (int64_t e = 0; e < from[extent.rows]; e++)
        entries += place[column[e]] >= 0;
    TRN_OR(done, trn_alloc(&start, extent.rows + 1, sizeof *start, "rows at landmarks"));
    TRN_OR(done, trn_alloc(&to, entries, sizeof *to, "columns at landmarks"));
    TRN_OR(done, trn_alloc(&value, entries, sizeof *value, "numbers at landmarks"));
    start[0] = 0;
    for (int64_t i = 0; i < extent.rows; i++) {
        for (int64_t e = from[i]; e < from[i + 1]; e++) {
            if (place[column[e]] < 0) continue;
            to[n] = place[column[e]];
            value[n++] = trn_sparse_value(w->a, e);
        }
        start[i + 1] = n;
    }
    extent.cols = w->cols;
    status = trn_sparse_adopt(term, TRN_SPARSE_F64, extent, start, to, value);
    if (status == TRN_OK) start = NULL, to = NULL, value = NULL;
done:
    trn_free(&place);
    trn_free(&start);
    trn_free(&to);
    trn_free(&value);
    return status;
}

/* Of these rows A D^-1 times a term: the next one. Collective. */
static trn_status_t next_term(const trn_windows_t *w, int64_t first, int64_t count,
                              const unsigned char *wanted, const trn_sparse_t *term,
                              trn_sparse_t **next) {
    trn_sparse_t *walk = NULL;
    trn_spgemm_options_t options = {.threads = w->threads};
    trn_status_t status = trn_agree(w->comm, walk_rows(w, first, count, wanted, &walk));
    if (status == TRN_OK) status = trn_spgemm(w->comm, walk, term, &options, next, NULL);
    trn_sparse_destroy(&walk);
    return status;
}

static trn_status_t make_room(trn_windows_t *w) {
    for (int i = 0; i < 2; i++) {
        TRN_TRY(trn_alloc(&w->merged[i], w->cols, sizeof(double), "a row of counts"));
        TRN_TRY(trn_alloc(&w->column[i], w->cols, sizeof(int32_t), "a row of counts"));
    }
    w->steps = w->window > 2 ? w->window - 1 : 1;
    TRN_TRY(trn_alloc_zero(&w->term, w->steps, sizeof *w->term, "terms of a window"));
    return first_term(w, &w->term[0]);
}

trn_status_t trn_windows_open(trn_windows_t *w) {
    trn_extent_t extent = trn_sparse_extent(w->a);
    if (!w->landmark) w->cols = extent.cols;
    w->volume = 0;
    for (int64_t i = 0; i < extent.cols; i++)
        w->volume += w->degree[i];
    TRN_AGREE(w->comm, make_room(w));
    for (int r = 1; r < w->steps; r++)
        TRN_TRY(next_term(w, 0, extent.rows, NULL, w->term[r - 1], &w->term[r]));
    return TRN_OK;
}

void trn_windows_close(trn_windows_t *w) {
    for (int r = 0; w->term && r < w->steps; r++)
        trn_sparse_destroy(&w->term[r]);
    trn_free(&w->term);
    for (int i = 0; i < 2; i++) {
        trn_free(&w->merged[i]);
        trn_free(&w->column[i]);
    }
}

/* Rows ----------------------------------------------------------------------------------------- */

/* The row so far, merged[*now] with n entries, plus row i of a term. */
static int64_t add_row(trn_windows_t *w, int *now, int64_t n, const trn_sparse_t *term, int64_t i) {
    const int64_t *start = trn_sparse_start(term);
    const int32_t *more = trn_sparse_column(term), *column = w->column[*now];
    const double *sum = w->merged[*now];
    int32_t *to_column = w->column[!*now];
    double *to = w->merged[!*now];
    int64_t a = 0, b = start[i], count = 0;
    while (a < n || b < start[i + 1]) {
        bool from_sum = a < n && (b == start[i + 1] || column[a] <= more[b]);
        bool from_term = b < start[i + 1] && (a == n || more[b] <= column[a]);
        to_column[count] = from_sum ? column[a] : more[b];
        to[count] = from_sum ? sum[a++] : 0;
        if (from_term) to[count] += trn_sparse_value(term, b++);
        count++;
    }
    *now = !*now;
    return count;
}

/* Counts of row i become PMI, where that is positive; how many. */
static int64_t to_pmi(trn_windows_t *w, int now, int64_t n, int64_t node) {
    int64_t kept = 0;
    double *value = w->merged[now], scale = w->volume / (w->window * w->degree[node]);
    for (int64_t e = 0; e < n; e++) {
        int32_t c = w->column[now][e];
        double degree = w->degree[w->landmark ? w->landmark[c] : c];
        double pmi = log(scale * value[e] / degree);
        if (!(pmi > 0)) continue;
        w->column[now][kept] = c;
        value[kept++] = pmi;
    }
    return kept;
}

/* `last` has the last term of these rows; NULL: a window of one. Local. */
static trn_status_t give_rows(trn_windows_t *w, int64_t first, int64_t count,
                              const unsigned char *wanted, const trn_sparse_t *last,
                              trn_windows_take_t *take, void *user) {
    int64_t node = trn_sparse_extent(w->a).first_row;
    for (int64_t i = first; i < first + count; i++) {
        int now = 0;
        int64_t n = 0;
        if (wanted && !wanted[i]) continue;
        for (int r = 0; r < w->steps; r++)
            n = add_row(w, &now, n, w->term[r], i);
        if (last) n = add_row(w, &now, n, last, i);
        n = to_pmi(w, now, n, node + i);
        TRN_TRY(take(user, i, n, w->column[now], w->merged[now]));
    }
    return TRN_OK;
}

trn_status_t trn_windows_rows(trn_windows_t *w, int64_t first, int64_t count,
                              const unsigned char *wanted, trn_windows_take_t *take, void *user) {
    trn_sparse_t *last = NULL;
    if (w->window > 1) TRN_TRY(next_term(w, first, count, wanted, w->term[w->steps - 1], &last));
    trn_status_t status = give_rows(w, first, count, wanted, last, take, user);
    trn_sparse_destroy(&last);
    return trn_agree(w->comm, status);
}
