/* Grids of every shape, and the chooser against all shapes tried by hand. */
#include "mpi/grid.h"

#include "harness.h"

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
    CHECK_EQUAL(size_of(trn_grid_fiber_comm(grid)), s.layers);
    CHECK_EQUAL(rank_in(trn_grid_fiber_comm(grid)), l);
    CHECK_EQUAL(size_of(trn_grid_layer_comm(grid)), s.rows * s.cols);
    CHECK_EQUAL(rank_in(trn_grid_layer_comm(grid)), i * s.cols + j);
    int told = rank; /* who really is at the far end of each communicator */
    MPI_Bcast(&told, 1, MPI_INT, s.cols - 1, trn_grid_row_comm(grid));
    CHECK_EQUAL(told, (l * s.rows + i) * s.cols + s.cols - 1);
    told = rank;
    MPI_Bcast(&told, 1, MPI_INT, s.rows - 1, trn_grid_col_comm(grid));
    CHECK_EQUAL(told, (l * s.rows + s.rows - 1) * s.cols + j);
    told = rank;
    MPI_Bcast(&told, 1, MPI_INT, s.layers - 1, trn_grid_fiber_comm(grid));
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

/* Measured on rivals: 24000 x 240 x 240 and 3000 x 3000 x 120 on 4 ranks. */
static void words_of_rivals(void) {
    CHECK_EQUAL(trn_grid_words((trn_grid_shape_t){4, 1, 1}, 24000, 240, 240), 43200);
    CHECK_EQUAL(trn_grid_words((trn_grid_shape_t){2, 2, 1}, 3000, 3000, 120), 180000);
}

HARNESS_MAIN({"every shape", every_shape}, {"shapes that do not fit", refused},
             {"memory failure", memory_failure}, {"words of rivals", words_of_rivals})
