/* Grids of every shape, and the chooser against all shapes tried by hand. */
#include "mpi/grid.h"

#include "harness.h"

#include <string.h>

static int size_of(MPI_Comm made) {
    int size;
    MPI_Comm_size(made, &size);
    return size;
}

static int rank_in(MPI_Comm made) {
    int at;
    MPI_Comm_rank(made, &at);
    return at;
}

static void check_place(const trn_grid_t *grid, trn_grid_shape_t s) {
    int i = trn_grid_row(grid), j = trn_grid_col(grid), l = trn_grid_layer(grid);
    CHECK_EQUAL((l * s.rows + i) * s.cols + j, rank);
    CHECK(i < s.rows && j < s.cols && l < s.layers);
    CHECK_EQUAL(size_of(trn_grid_row_comm(grid)), s.cols);
    CHECK_EQUAL(rank_in(trn_grid_row_comm(grid)), j);
    CHECK_EQUAL(size_of(trn_grid_col_comm(grid)), s.rows);
    CHECK_EQUAL(rank_in(trn_grid_col_comm(grid)), i);
    CHECK_EQUAL(size_of(trn_grid_fibre_comm(grid)), s.layers);
    CHECK_EQUAL(rank_in(trn_grid_fibre_comm(grid)), l);
    CHECK_EQUAL(size_of(trn_grid_layer_comm(grid)), s.rows * s.cols);
    CHECK_EQUAL(rank_in(trn_grid_layer_comm(grid)), i * s.cols + j);
    int told = rank; /* who really is at the far end of each communicator */
    MPI_Bcast(&told, 1, MPI_INT, s.cols - 1, trn_grid_row_comm(grid));
    CHECK_EQUAL(told, (l * s.rows + i) * s.cols + s.cols - 1);
    told = rank;
    MPI_Bcast(&told, 1, MPI_INT, s.rows - 1, trn_grid_col_comm(grid));
    CHECK_EQUAL(told, (l * s.rows + s.rows - 1) * s.cols + j);
    told = rank;
    MPI_Bcast(&told, 1, MPI_INT, s.layers - 1, trn_grid_fibre_comm(grid));
    CHECK_EQUAL(told, ((s.layers - 1) * s.rows + i) * s.cols + j);
}

static void shape(int rows, int cols, int layers) {
    trn_grid_shape_t s = {rows, cols, layers};
    trn_grid_t *grid;
    CHECK_OK(trn_grid_create(&grid, comm, s));
    if (!harness_well()) return;
    CHECK_EQUAL(trn_grid_shape(grid).cols, cols);
    CHECK_EQUAL(trn_grid_member(grid), rank < rows * cols * layers);
    if (trn_grid_member(grid))
        check_place(grid, s);
    else
        CHECK(trn_grid_row_comm(grid) == MPI_COMM_NULL && trn_grid_row(grid) == -1);
    CHECK_EQUAL(size_of(trn_grid_node_comm(grid)), ranks); /* tests run on one machine */
    trn_grid_destroy(&grid);
    CHECK(grid == NULL);
}

static void every_shape(void) {
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; rows * cols <= ranks; cols++)
            for (int layers = 1; rows * cols * layers <= ranks; layers++)
                shape(rows, cols, layers);
}

static void refused(void) {
    trn_grid_t *grid;
    CHECK_EQUAL(trn_grid_create(&grid, comm, (trn_grid_shape_t){ranks, 2, 1}), TRN_USAGE);
    CHECK_EQUAL(trn_grid_create(&grid, comm, (trn_grid_shape_t){0, 1, 1}), TRN_USAGE);
    CHECK(grid == NULL);
}

static trn_status_t create_destroy(void *unused) {
    (void)unused;
    trn_grid_t *grid;
    TRN_TRY(trn_grid_create(&grid, comm, (trn_grid_shape_t){1, ranks, 1}));
    trn_grid_destroy(&grid);
    return TRN_OK;
}

static void memory_failure(void) {
    harness_inject(create_destroy, NULL);
}

static void chosen(int p, int64_t m, int64_t n, int64_t k, int rows, int cols, int layers) {
    trn_grid_shape_t s = {0};
    CHECK_OK(trn_grid_choose(p, m, n, k, 0, &s));
    CHECK_EQUAL(s.rows, rows);
    CHECK_EQUAL(s.cols, cols);
    CHECK_EQUAL(s.layers, layers);
}

static void known_choices(void) {
    chosen(1, 5, 5, 5, 1, 1, 1);
    chosen(4, 24000, 240, 240, 4, 1, 1);  /* tall: B alone is sent */
    chosen(4, 3000, 3000, 120, 2, 2, 1);  /* flat: a square */
    chosen(4, 256, 256, 200000, 1, 1, 4); /* A^T A: only C is summed */
    chosen(8, 4096, 4096, 4096, 2, 2, 2); /* cube */
    chosen(7, 9, 1000000, 9, 1, 7, 1);    /* prime */
    chosen(7, 2, 2, 1, 2, 2, 1);          /* fewer blocks than ranks: three stand aside */
    chosen(1000, 1, 1, 1, 1, 1, 1);
    /* Measured on rivals (words): 24000 x 240 x 240 on 4: 43.2k; 3000 x 3000 x 120: 180k. */
    CHECK_EQUAL(trn_grid_words((trn_grid_shape_t){4, 1, 1}, 24000, 240, 240), 43200);
    CHECK_EQUAL(trn_grid_words((trn_grid_shape_t){2, 2, 1}, 3000, 3000, 120), 180000);
}

/* No other shape of as many ranks is better, with and without a bound on memory. */
static void best_of_all(void) {
    static const int64_t sizes[] = {1, 3, 64, 1000, 50000};
    for (int p = 1; p <= 36; p++)
        for (int i = 0; i < 125; i++) {
            int64_t m = sizes[i % 5], n = sizes[i / 5 % 5], k = sizes[i / 25];
            trn_grid_shape_t s = {0};
            CHECK_OK(trn_grid_choose(p, m, n, k, 0, &s));
            int busy = s.rows * s.cols * s.layers;
            CHECK(busy <= p && s.rows <= m && s.cols <= n && s.layers <= k);
            double words = trn_grid_words(s, m, n, k), memory = trn_grid_held(s, m, n, k) - 1;
            for (int a = 1; a <= p && a <= m; a++)
                for (int b = 1; a * b <= p && b <= n; b++)
                    for (int c = 1; a * b * c <= p && c <= k; c++) {
                        trn_grid_shape_t other = {a, b, c};
                        CHECK(a * b * c <= busy);
                        if (a * b * c == busy)
                            CHECK(trn_grid_words(other, m, n, k) >= words * (1 - 1e-9));
                    }
            if (memory >= 1 && trn_grid_choose(p, m, n, k, (int64_t)memory, &s) == TRN_OK)
                CHECK(trn_grid_held(s, m, n, k) <= memory);
        }
}

static void too_little_memory(void) {
    trn_grid_shape_t s;
    CHECK_EQUAL(trn_grid_choose(4, 100, 100, 100, 1000, &s), TRN_MEMORY);
    CHECK(strstr(trn_message(), "at least 12500") != NULL);
    CHECK_EQUAL(trn_grid_choose(4, 0, 100, 100, 0, &s), TRN_USAGE);
}

HARNESS_MAIN({"every shape", every_shape}, {"shapes that do not fit", refused},
             {"memory failure", memory_failure}, {"known choices", known_choices},
             {"best of all shapes", best_of_all}, {"too little memory", too_little_memory})
