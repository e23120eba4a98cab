/* Dense times sparse: B and C are transposed on their way (spmm.h). */
#include "base/mem.h"
#include "mpi/sparse/spmm_impl.h"

#include <string.h>

enum {
    TAG = 0x3e51,
    TILE = 32 /* rows and columns transposed at a time: both sides fit the cache */
};

static int64_t longest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Numbers of the strip, which holds own rows of B first and own rows of C later. */
static int64_t strip_numbers(const trn_spmm_plan_t *plan) {
    const transpose_t *transpose = &plan->transpose;
    int r = plan->rank, ranks = plan->ranks;
    return longest(plan->in_start[ranks] * (transpose->b_start[r + 1] - transpose->b_start[r]),
                   plan->out_start[ranks] * (transpose->c_start[r + 1] - transpose->c_start[r]));
}

int64_t trn_spmm_transpose_bytes(const trn_spmm_plan_t *plan) {
    if (!plan->options.right) return 0;
    int64_t rows = plan->in_start[plan->rank + 1] - plan->in_start[plan->rank] +
                   plan->out_start[plan->rank + 1] - plan->out_start[plan->rank];
    return (strip_numbers(plan) + rows * plan->transpose.m) * trn_matrix_type_size(plan->type) +
           2 * (plan->ranks + 1) * (int64_t)sizeof(int64_t);
}

/* A matrix of this rank alone; its memory is the plan's. */
static trn_status_t make(trn_view_t *view, trn_dtype_t type, int64_t rows, int64_t cols) {
    *view = (trn_view_t){type, rows, cols, cols, NULL};
    return trn_alloc(&view->data, rows * cols, (size_t)trn_matrix_type_size(type),
                     "a transposed matrix");
}

/* The strip serves B on the way in and C on the way out. */
trn_status_t trn_spmm_transpose_buffers(trn_spmm_plan_t *plan) {
    transpose_t *transpose = &plan->transpose;
    int r = plan->rank;
    if (!plan->options.right) return TRN_OK;
    TRN_TRY(trn_alloc(&transpose->strip, strip_numbers(plan),
                      (size_t)trn_matrix_type_size(plan->type), "a transposed band"));
    TRN_TRY(make(&transpose->b_transposed, plan->type, plan->in_start[r + 1] - plan->in_start[r],
                 transpose->m));
    return make(&transpose->c_transposed, plan->type, plan->out_start[r + 1] - plan->out_start[r],
                transpose->m);
}

/* Address of a number. */
static char *at(trn_view_t view, int64_t row, int64_t col) {
    return (char *)view.data + (row * view.stride + col) * trn_matrix_type_size(view.type);
}

/* A number of the result out of one computed and, unless beta is 0, one that was there. */
static double merged(double fresh, double beta, double old, bool boolean) {
    if (boolean) return fresh != 0 || (beta != 0 && old != 0);
    return beta != 0 ? fresh + beta * old : fresh;
}

/* to[j][i] = from[i][j] + beta to[j][i]. */
static void transpose(trn_view_t from, double beta, bool boolean, trn_view_t to) {
    for (int64_t i0 = 0; i0 < from.rows; i0 += TILE)
        for (int64_t j0 = 0; j0 < from.cols; j0 += TILE)
            for (int64_t i = i0; i < i0 + TILE && i < from.rows; i++)
                for (int64_t j = j0; j < j0 + TILE && j < from.cols; j++) {
                    if (from.type == TRN_F32) {
                        float *x = (float *)at(to, j, i), fresh = *(float *)at(from, i, j);
                        *x = (float)merged((double)fresh, beta, (double)*x, boolean);
                    } else {
                        double *x = (double *)at(to, j, i), fresh = *(double *)at(from, i, j);
                        *x = merged(fresh, beta, *x, boolean);
                    }
                }
}

/* One message of whole rows, in or out; its type may be freed at once, MPI keeps it until the
 * message is done. */
static void post(trn_spmm_plan_t *plan, bool send, void *data, int64_t rows, int64_t cols,
                 int64_t stride, int peer) {
    if (rows == 0 || cols == 0) return;
    MPI_Datatype row = trn_spmm_row_type(plan->type, cols, stride);
    MPI_Request *request = &plan->requests[plan->nrequests++];
    if (send)
        MPI_Isend(data, (int)rows, row, peer, TAG, plan->comm, request);
    else
        MPI_Irecv(data, (int)rows, row, peer, TAG, plan->comm, request);
    MPI_Type_free(&row); /* once the message is done */
}

/* Between the strips (own columns of all ranks' rows: `all` cut by row_start) and the transposed
 * matrix (own rows, all columns, cut by col_start): towards it, or away. Own parts are copied. */
static void swap(trn_spmm_plan_t *plan, const int64_t *row_start, const int64_t *col_start,
                 trn_view_t transposed, bool towards) {
    int me = plan->rank;
    int64_t mine = col_start[me + 1] - col_start[me];
    trn_view_t strip = {plan->type, row_start[plan->ranks], mine, mine, plan->transpose.strip};
    for (int step = 1; step < plan->ranks; step++) {
        int q = (me + step) % plan->ranks;
        post(plan, towards, at(strip, row_start[q], 0), row_start[q + 1] - row_start[q], mine, mine,
             q);
        post(plan, !towards, at(transposed, 0, col_start[q]), transposed.rows,
             col_start[q + 1] - col_start[q], transposed.stride, q);
    }
    size_t bytes = (size_t)(mine * trn_matrix_type_size(plan->type));
    for (int64_t i = 0; i < transposed.rows && bytes > 0; i++) {
        char *here = at(transposed, i, col_start[me]), *there = at(strip, row_start[me] + i, 0);
        memcpy(towards ? here : there, towards ? there : here, bytes);
    }
    trn_spmm_wait(plan);
}

void trn_spmm_transpose_in(trn_spmm_plan_t *plan, trn_view_t b) {
    trn_view_t strip = {plan->type, b.cols, b.rows, b.rows, plan->transpose.strip};
    transpose(b, 0, false, strip);
    swap(plan, plan->in_start, plan->transpose.b_start, plan->transpose.b_transposed, true);
}

void trn_spmm_transpose_out(trn_spmm_plan_t *plan, double beta, trn_view_t c) {
    trn_view_t strip = {plan->type, c.cols, c.rows, c.rows, plan->transpose.strip};
    swap(plan, plan->out_start, plan->transpose.c_start, plan->transpose.c_transposed, false);
    transpose(strip, beta, plan->options.boolean, c);
}

void trn_spmm_transpose_free(transpose_t *transpose) {
    trn_free(&transpose->b_start);
    trn_free(&transpose->c_start);
    trn_free(&transpose->strip);
    trn_free(&transpose->b_transposed.data);
    trn_free(&transpose->c_transposed.data);
}
