/* gemm_arm.c: what bench gemm lets run beside each other: our product, ScaLAPACK's, and BLAS on
 * blocks of one rank, which no distributed product can beat. Each makes its operands by place, so
 * that all multiply the same numbers, and is checked by the same random vectors. */
#include "cmd/bench/contest/gemm_arm.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/dense/cannon.h"
#include "mpi/dense/scalapack.h"
#include "mpi/trace.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { A, B, C };
enum { SEED = 1 };

struct trn_gemm_arm {
    MPI_Comm comm;
    int rank, ranks;
    trn_gemm_case_t want;
    trn_gemm_contestant_t contestant;
    trn_gemm_figures_t figures;
    int64_t before, made; /* resident bytes before creation, and that it took */
    bool measured;
    trn_dist_t *dist[3];
    trn_matrix_t *matrix[3];
    trn_plan_t *plan;
    trn_scalapack_gemm_t *pgemm;
    int64_t local[3]; /* the ceiling's m, n and k */
    void *block[3];
};

static const char *const layout_names[] = {"native", "rows", "blockcyclic"};

trn_gemm_layout_t trn_gemm_layout_named(const char *name) {
    for (int i = 0; i < 3; i++)
        if (strcmp(name, layout_names[i]) == 0) return (trn_gemm_layout_t)i;
    return TRN_GEMM_NATIVE;
}

const char *trn_gemm_layout_name(trn_gemm_layout_t layout) {
    return layout_names[layout];
}

/* Layouts and plans ---------------------------------------------------------------------------- */

/* What is to be computed, without where it lies. */
static trn_product_t product_of(const trn_gemm_case_t *c) {
    return (trn_product_t){c->type, c->transpose_a, c->transpose_b, c->m, c->n, c->k, false};
}

/* The grid given, or of all with `ranks` ranks the one that moves fewest words. */
static trn_grid_shape_t flat_grid(const trn_gemm_case_t *c, int ranks) {
    trn_grid_shape_t best = {1, ranks, 1};
    if (c->grid_rows > 0) return (trn_grid_shape_t){c->grid_rows, c->grid_cols, 1};
    for (int rows = 1; rows <= ranks; rows++) {
        trn_grid_shape_t shape = {rows, ranks / rows, 1};
        if (ranks % rows == 0 &&
            trn_grid_words(shape, c->m, c->n, c->k) < trn_grid_words(best, c->m, c->n, c->k))
            best = shape;
    }
    return best;
}

/* Cut A, B and C, as stored, in bands or block-cyclic. */
static trn_status_t cut(const trn_gemm_case_t *c, bool rows_only, int ranks, trn_dist_t *dist[3]) {
    trn_grid_shape_t grid = flat_grid(c, ranks);
    int64_t rows[3] = {c->transpose_a ? c->k : c->m, c->transpose_b ? c->n : c->k, c->m};
    int64_t cols[3] = {c->transpose_a ? c->m : c->k, c->transpose_b ? c->k : c->n, c->n};
    for (int i = A; i <= C; i++)
        TRN_TRY(rows_only ? trn_dist_create(&dist[i], rows[i], cols[i], ranks, 1)
                          : trn_dist_create_cyclic(&dist[i], rows[i], cols[i], c->block, c->block,
                                                   grid.rows, grid.cols));
    return TRN_OK;
}

/* Choose a plan; `dist` becomes the layouts it is for. */
static trn_status_t choose(const trn_gemm_case_t *c, int ranks, trn_dist_t *dist[3],
                           trn_choice_t *choice) {
    trn_product_t product = product_of(c);
    trn_layouts_t layouts = {0};
    if (c->layout != TRN_GEMM_NATIVE) {
        TRN_TRY(cut(c, c->layout == TRN_GEMM_ROWS, ranks, dist));
        layouts = (trn_layouts_t){dist[A], dist[B], dist[C]};
    }
    TRN_TRY(trn_product_choose(&product, &layouts, ranks, c->algorithm, c->memory, choice));
    if (c->layout != TRN_GEMM_NATIVE) return TRN_OK;
    return trn_choice_native(&product, choice, &dist[A], &dist[B], &dist[C]);
}

static const char *name_of(const trn_choice_t *choice) {
    return choice->kind == TRN_FRAME_CYCLIC ? "scalapack" : trn_algorithm_name(choice->algorithm);
}

trn_status_t trn_gemm_predict(const trn_gemm_case_t *c, int ranks, json_t *result) {
    trn_dist_t *dist[3] = {NULL};
    trn_choice_t choice;
    trn_status_t status = choose(c, ranks, dist, &choice);
    for (int i = A; i <= C; i++)
        trn_dist_destroy(&dist[i]);
    TRN_TRY(status);
    return trn_bench_case(result, "{s:s,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:s,s:f,s:f,s:f,s:I,s:I,s:f}",
                          "type", c->type == TRN_MATRIX_F32 ? "f32" : "f64", "m", (json_int_t)c->m,
                          "n", (json_int_t)c->n, "k", (json_int_t)c->k, "P", ranks, "p",
                          choice.shape.rows, "q", choice.shape.cols, "c", choice.shape.layers,
                          "alg", name_of(&choice), "words", choice.words, "relayout_words",
                          choice.relayout_words, "bound", choice.bound, "pieces",
                          (json_int_t)(choice.n_splits * choice.k_splits), "bytes",
                          (json_int_t)choice.bytes, "gflop", choice.flops * 1e-9);
}

/* Contestants ---------------------------------------------------------------------------------- */

/* Numbers by row and column: the same whatever the layout. */
static trn_status_t make_matrices(trn_gemm_arm_t *arm) {
    for (int i = A; i <= C; i++) {
        bool shared = arm->want.shared && i != C && arm->contestant == TRN_GEMM_OURS;
        TRN_TRY((shared ? trn_matrix_create_shared : trn_matrix_create)(
            &arm->matrix[i], arm->comm, arm->want.type, arm->dist[i]));
        trn_matrix_fill_normal(arm->matrix[i], SEED, TRN_RNG_TEST, (uint32_t)i, 1);
    }
    return TRN_OK;
}

/* Planned as users do it, for the layouts that the case names. */
static trn_status_t make_ours(trn_gemm_arm_t *arm) {
    trn_product_t product = product_of(&arm->want);
    trn_choice_t choice;
    TRN_AGREE(arm->comm, choose(&arm->want, arm->ranks, arm->dist, &choice));
    trn_layouts_t layouts = {arm->dist[A], arm->dist[B], arm->dist[C]};
    TRN_TRY(make_matrices(arm));
    TRN_TRY(trn_plan_create_shared(&arm->plan, arm->comm, &product, &layouts, &choice,
                                   arm->want.threads, arm->matrix[A], arm->matrix[B]));
    arm->figures.name = name_of(&choice);
    arm->figures.shape = choice.shape;
    arm->figures.planned_bytes = choice.bytes;
    if (!arm->want.shared) return TRN_OK;
    int64_t bytes = trn_plan_bytes(arm->plan); /* what is read in place needs no buffers */
    for (int i = A; i <= C; i++) {
        trn_view_t block = trn_matrix_block(arm->matrix[i]);
        bytes += trn_matrix_type_size(block.type) * block.rows * block.cols;
    }
    MPI_Allreduce(&bytes, &arm->figures.planned_bytes, 1, MPI_INT64_T, MPI_MAX, arm->comm);
    return TRN_OK;
}

/* Block-cyclic, as PBLAS wants it: it pays for no relayout. */
static trn_status_t make_scalapack(trn_gemm_arm_t *arm) {
    const trn_gemm_case_t *c = &arm->want;
    arm->figures.shape = flat_grid(c, arm->ranks);
    arm->figures.name = "pgemm";
    TRN_AGREE(arm->comm, cut(c, false, arm->ranks, arm->dist));
    TRN_TRY(make_matrices(arm));
    trn_product_t product = product_of(c);
    return trn_scalapack_gemm_create(
        &arm->pgemm, arm->comm, &product,
        (trn_scalapack_grid_t){c->block, arm->figures.shape.rows, arm->figures.shape.cols});
}

/* Small whole numbers: no sum overflows or becomes denormal, which would cost time. */
static trn_status_t make_blocks(trn_gemm_arm_t *arm) {
    int64_t m = arm->local[0], n = arm->local[1], k = arm->local[2];
    int64_t numbers[3] = {m * k, k * n, m * n}, size = trn_matrix_type_size(arm->want.type);
    for (int i = A; i <= C; i++) {
        TRN_TRY(trn_alloc(&arm->block[i], numbers[i], (size_t)size, "blocks for BLAS"));
        for (int64_t x = 0; x < numbers[i]; x++)
            if (arm->want.type == TRN_MATRIX_F32)
                ((float *)arm->block[i])[x] = (float)(x % 17) - 8;
            else
                ((double *)arm->block[i])[x] = (double)(x % 17) - 8;
    }
    return TRN_OK;
}

/* The largest block that a rank of the best plan has, without any message. */
static trn_status_t make_ceiling(trn_gemm_arm_t *arm) {
    trn_gemm_case_t c = arm->want;
    trn_product_t product = product_of(&c);
    static const trn_layouts_t none = {0};
    trn_choice_t choice;
    TRN_TRY(trn_product_choose(&product, &none, arm->ranks, TRN_ALGORITHM_AUTO, 0, &choice));
    arm->figures.name = "ceiling";
    arm->figures.shape = choice.shape;
    arm->local[0] = (c.m - 1) / choice.shape.rows + 1;
    arm->local[1] = (c.n - 1) / choice.shape.cols + 1;
    arm->local[2] = (c.k - 1) / choice.shape.layers + 1;
    return trn_agree(arm->comm, make_blocks(arm));
}

trn_status_t trn_gemm_arm_create(trn_gemm_arm_t **out, MPI_Comm comm, const trn_gemm_case_t *c,
                                 trn_gemm_contestant_t contestant) {
    *out = NULL;
    TRN_AGREE(comm, trn_alloc_zero(out, 1, sizeof **out, "a contestant"));
    trn_gemm_arm_t *arm = *out;
    arm->comm = comm;
    MPI_Comm_rank(comm, &arm->rank);
    MPI_Comm_size(comm, &arm->ranks);
    arm->want = *c;
    arm->contestant = contestant;
    int64_t before = c->shared ? trn_pss() : trn_rss();
    trn_status_t status = contestant == TRN_GEMM_OURS        ? make_ours(arm)
                          : contestant == TRN_GEMM_SCALAPACK ? make_scalapack(arm)
                                                             : make_ceiling(arm);
    arm->before = before;
    arm->made = trn_rss() - before;
    if (status != TRN_OK) trn_gemm_arm_destroy(out);
    return status;
}

void trn_gemm_arm_destroy(trn_gemm_arm_t **arm) {
    if (!*arm) return;
    trn_plan_destroy(&(*arm)->plan);
    trn_scalapack_gemm_destroy(&(*arm)->pgemm);
    for (int i = A; i <= C; i++) {
        trn_matrix_destroy(&(*arm)->matrix[i]);
        trn_dist_destroy(&(*arm)->dist[i]);
        trn_free(&(*arm)->block[i]);
    }
    trn_free(arm);
}

const trn_gemm_figures_t *trn_gemm_arm_figures(const trn_gemm_arm_t *arm) {
    return &arm->figures;
}

static void multiply(trn_gemm_arm_t *arm) {
    const trn_gemm_case_t *c = &arm->want;
    if (arm->contestant == TRN_GEMM_CEILING) {
        int64_t m = arm->local[0], n = arm->local[1], k = arm->local[2];
        trn_gemm(&(trn_gemm_t){
            .type = c->type,
            .m = m,
            .n = n,
            .k = k,
            .alpha = 1,
            .a = {arm->block[A], c->transpose_a ? m : k, c->transpose_a},
            .b = {arm->block[B], c->transpose_b ? k : n, c->transpose_b},
            .c = arm->block[C],
            .ldc = n,
            .threads = c->threads,
        });
        return;
    }
    trn_view_t view[3];
    for (int i = A; i <= C; i++)
        view[i] = trn_matrix_block(arm->matrix[i]);
    if (arm->plan)
        trn_plan_run(arm->plan, 1, view[A], view[B], 0, view[C]);
    else
        trn_scalapack_gemm_run(arm->pgemm, 1, view[A], view[B], 0, view[C]);
}

/* The first run is also measured: words received and memory; figures are the most on any rank. */
trn_status_t trn_gemm_arm_run(void *data) {
    trn_gemm_arm_t *arm = data;
    int64_t before, after, resident = arm->measured ? 0 : trn_rss();
    if (!arm->measured) trn_peak_rss_reset();
    trn_trace_bytes(NULL, &before, NULL);
    multiply(arm);
    trn_trace_bytes(NULL, &after, NULL);
    if (arm->measured) return TRN_OK;
    arm->measured = true;
    arm->figures.words = (double)(after - before) / (double)trn_matrix_type_size(arm->want.type);
    /* A plan's run allocates nothing, so that where memory is shared its end tells as much. */
    arm->figures.peak_bytes =
        arm->want.shared ? trn_pss() - arm->before : arm->made + trn_peak_rss() - resident;
    MPI_Allreduce(MPI_IN_PLACE, &arm->figures.words, 1, MPI_DOUBLE, MPI_MAX, arm->comm);
    MPI_Allreduce(MPI_IN_PLACE, &arm->figures.peak_bytes, 1, MPI_INT64_T, MPI_MAX, arm->comm);
    return TRN_OK;
}

/* Checking ------------------------------------------------------------------------------------- */

/* As float64, whatever the type. */
static double number_at(trn_view_t view, int64_t i, int64_t j) {
    int64_t at = i * view.stride + j;
    return view.type == TRN_MATRIX_F32 ? (double)((const float *)view.data)[at]
                                       : ((const double *)view.data)[at];
}

/* out += op(M) in and bound += |op(M)| in_bound for this rank's block of M. */
static void apply(const trn_gemm_arm_t *arm, int which, bool transpose, const double *in,
                  const double *in_bound, double *out, double *bound) {
    trn_view_t block = trn_matrix_block(arm->matrix[which]);
    trn_spans_t rows = trn_dist_row_spans(arm->dist[which], arm->rank);
    trn_span_t row, col;
    while (trn_spans_next(&rows, &row))
        for (int64_t i = 0; i < row.count; i++) {
            trn_spans_t cols = trn_dist_col_spans(arm->dist[which], arm->rank);
            while (trn_spans_next(&cols, &col))
                for (int64_t j = 0; j < col.count; j++) {
                    double value = number_at(block, row.local + i, col.local + j);
                    int64_t to = transpose ? col.first + j : row.first + i;
                    int64_t from = transpose ? row.first + i : col.first + j;
                    out[to] += value * in[from];
                    bound[to] += fabs(value) * in_bound[from];
                }
        }
}

/* Over ranks, in pieces that an int counts. */
static void sum(const trn_gemm_arm_t *arm, double *values, int64_t count) {
    for (int64_t at = 0; at < count; at += 1 << 20)
        MPI_Allreduce(MPI_IN_PLACE, values + at, count - at < 1 << 20 ? (int)(count - at) : 1 << 20,
                      MPI_DOUBLE, MPI_SUM, arm->comm);
}

/* Freivalds' check: C x against A (B x) for random signs x, in units of what rounding may do. */
trn_status_t trn_gemm_arm_check(trn_gemm_arm_t *arm) {
    const trn_gemm_case_t *c = &arm->want;
    double *x, most = 0;
    if (arm->contestant == TRN_GEMM_CEILING) return TRN_OK;
    int64_t need = 2 * c->n + 2 * c->k + 4 * c->m;
    trn_status_t status =
        trn_agree(arm->comm, trn_alloc_zero(&x, need, sizeof *x, "vectors to check with"));
    if (status != TRN_OK) {
        trn_free(&x);
        return status;
    }
    double *ones = x + c->n, *y = ones + c->n, *y_bound = y + c->k, *z = y_bound + c->k,
           *z_bound = z + c->m, *w = z_bound + c->m, *unused = w + c->m;
    for (int64_t j = 0; j < c->n; j++) {
        uint32_t words[4];
        trn_rng_words(SEED, (uint64_t)j, 0, 9, TRN_RNG_TEST, words);
        x[j] = words[0] & 1 ? 1 : -1;
        ones[j] = 1;
    }
    apply(arm, B, c->transpose_b, x, ones, y, y_bound);
    sum(arm, y, 2 * c->k);
    apply(arm, A, c->transpose_a, y, y_bound, z, z_bound);
    sum(arm, z, 2 * c->m);
    apply(arm, C, false, x, ones, w, unused);
    sum(arm, w, c->m);
    double eps = c->type == TRN_MATRIX_F32 ? FLT_EPSILON : DBL_EPSILON;
    for (int64_t i = 0; i < c->m; i++) {
        double scaled =
            fabs(w[i] - z[i]) / (eps * sqrt((double)(c->k + 1)) * (z_bound[i] + DBL_MIN));
        if (!(scaled <= most)) most = scaled; /* NaN stays */
    }
    arm->figures.residual = most;
    trn_free(&x);
    return TRN_OK;
}
