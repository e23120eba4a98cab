/* What a product receives, counted on the wire: never more than the best grid of ranks needs. */
#include "mpi/dense/cannon.h"

#include "harness.h"
#include "mpi/agree.h"
#include "mpi/grid.h"
#include "mpi/trace.h"

enum { A, B, C };

/* Words of the best of all grids of just `ranks` ranks and at most so many layers. */
static double best_grid(int64_t m, int64_t n, int64_t k, int most_layers, trn_grid_shape_t *shape) {
    double least = -1;
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; cols <= ranks / rows; cols++) {
            trn_grid_shape_t s = {rows, cols, ranks / rows / cols};
            if (rows * cols * s.layers != ranks || s.layers > most_layers) continue;
            double words = trn_grid_words(s, m, n, k);
            if (least >= 0 && words >= least) continue;
            least = words;
            *shape = s;
        }
    return least;
}

/* Stored sizes of A, B and C. */
static void sizes(const trn_product_t *p, int64_t rows[3], int64_t cols[3]) {
    rows[A] = p->transpose_a ? p->k : p->m;
    cols[A] = p->transpose_a ? p->m : p->k;
    rows[B] = p->transpose_b ? p->n : p->k;
    cols[B] = p->transpose_b ? p->k : p->n;
    rows[C] = p->m;
    cols[C] = p->n;
}

/* Run one product with given layouts and return the words of the rank that receives most; the plan
 * must have foretold them. */
static double counted(const trn_product_t *product, trn_dist_t *const dist[3],
                      const trn_choice_t *choice) {
    trn_matrix_t *matrix[3] = {NULL};
    trn_plan_t *plan = NULL;
    trn_layouts_t layouts = {dist[A], dist[B], dist[C]};
    int64_t before, after;
    double words = 0;
    for (int which = A; which <= C; which++)
        CHECK_OK(trn_matrix_create(&matrix[which], comm, product->type, dist[which]));
    if (harness_well()) CHECK_OK(trn_plan_create(&plan, comm, product, &layouts, choice, 1));
    if (harness_well()) {
        for (int which = A; which <= C; which++)
            trn_matrix_fill_normal(matrix[which], 1, TRN_RNG_TEST, (uint32_t)which, 1);
        trn_trace_bytes(NULL, &before, NULL);
        trn_plan_run(plan, 1, trn_matrix_block(matrix[A]), trn_matrix_block(matrix[B]), 0,
                     trn_matrix_block(matrix[C]));
        trn_trace_bytes(NULL, &after, NULL);
        words = (double)(after - before) / (double)trn_matrix_type_size(product->type);
        MPI_Allreduce(MPI_IN_PLACE, &words, 1, MPI_DOUBLE, MPI_MAX, comm);
        CHECK_EQUAL(words, choice->words);
    }
    trn_plan_destroy(&plan);
    for (int which = A; which <= C; which++)
        trn_matrix_destroy(&matrix[which]);
    return words;
}

/* Square, flat, tall, many terms; all that grids divide by is divisible. */
static const int shapes[4][3] = {{32, 32, 32}, {64, 64, 8}, {128, 8, 8}, {8, 8, 128}};

static trn_product_t product_of(int shape, int ops) {
    int64_t unit = ranks > 8 ? ranks : 2 * ranks;
    return (trn_product_t){.type = ops % 3 ? TRN_MATRIX_F64 : TRN_MATRIX_F32,
                           .transpose_a = ops & 1,
                           .transpose_b = ops >> 1 & 1,
                           .m = shapes[shape][0] * unit,
                           .n = shapes[shape][1] * unit,
                           .k = shapes[shape][2] * unit};
}

/* No more than `most`: a rounding error of the formula aside. */
static void compare(const trn_product_t *p, const trn_choice_t *c, double words, double most) {
    char text[200];
    snprintf(text, sizeof text, "%c%c %lld x %lld x %lld on %d x %d x %d: %.0f words, best %.0f",
             p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', (long long)p->m,
             (long long)p->n, (long long)p->k, c->shape.rows, c->shape.cols, c->shape.layers, words,
             most);
    harness_check(words <= most * (1 + 1e-12), __FILE__, __LINE__, text);
}

static void native(void) {
    static const trn_layouts_t none = {0};
    for (int shape = 0; shape < 4; shape++)
        for (int ops = 0; ops < 4; ops++) {
            trn_product_t p = product_of(shape, ops);
            trn_choice_t choice;
            trn_grid_shape_t best;
            trn_dist_t *dist[3] = {NULL};
            CHECK_OK(trn_product_choose(&p, &none, ranks, TRN_ALGORITHM_AUTO, 0, &choice));
            CHECK_OK(trn_choice_native(&p, &choice, &dist[A], &dist[B], &dist[C]));
            if (harness_well())
                compare(&p, &choice, counted(&p, dist, &choice),
                        best_grid(p.m, p.n, p.k, ranks, &best));
            for (int which = A; which <= C; which++)
                trn_dist_destroy(&dist[which]);
        }
}

/* From a layout that ScaLAPACK takes as well: no more than SUMMA needs on that grid, and where an
 * operand is transposed once more its share at most. Square blocks on `grid`; 0: bands of rows. */
static void from_layout(const trn_product_t *p, trn_grid_shape_t grid, int64_t block) {
    double most = trn_grid_words(grid, p->m, p->n, p->k);
    if (p->transpose_a) most += (double)(p->m * p->k / ranks);
    if (p->transpose_b) most += (double)(p->k * p->n / ranks);
    int64_t rows[3], cols[3];
    trn_choice_t choice;
    trn_dist_t *dist[3] = {NULL};
    sizes(p, rows, cols);
    for (int which = A; which <= C; which++)
        if (block > 0)
            CHECK_OK(trn_dist_create_cyclic(&dist[which], rows[which], cols[which], block, block,
                                            grid.rows, grid.cols));
        else
            CHECK_OK(trn_dist_create(&dist[which], rows[which], cols[which], ranks, 1));
    trn_layouts_t layouts = {dist[A], dist[B], dist[C]};
    CHECK_OK(trn_product_choose(p, &layouts, ranks, TRN_ALGORITHM_AUTO, 0, &choice));
    if (harness_well()) compare(p, &choice, counted(p, dist, &choice), most);
    for (int which = A; which <= C; which++)
        trn_dist_destroy(&dist[which]);
}

static void bands(void) {
    for (int shape = 0; shape < 4; shape++)
        for (int ops = 0; ops < 4; ops++) {
            trn_product_t p = product_of(shape, ops);
            trn_grid_shape_t column = {ranks, 1, 1};
            from_layout(&p, column, 0);
        }
}

static void block_cyclic(void) {
    for (int shape = 0; shape < 4; shape++)
        for (int ops = 0; ops < 4; ops++) {
            trn_product_t p = product_of(shape, ops);
            trn_grid_shape_t best = {1, ranks, 1};
            best_grid(p.m, p.n, p.k, 1, &best);
            from_layout(&p, best, 4);
        }
}

HARNESS_MAIN({"native layouts", native}, {"row bands", bands}, {"block-cyclic", block_cyclic})
