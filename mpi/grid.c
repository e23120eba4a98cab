/* grid.c: a grid of rows x columns x layers of ranks with the communicators along each direction.
 * Ranks beyond the grid stand aside: they take part in the splits, which are collective, and get
 * MPI_COMM_NULL. */
#include "mpi/grid.h"

#include "base/mem.h"
#include "mpi/agree.h"

struct trn_grid {
    trn_grid_shape_t shape;
    int row, col, layer; /* -1: stands aside */
    MPI_Comm along_row, along_col, fiber, in_layer, node;
};

static double part(int64_t items, int parts) { /* not rounded: a formula of volumes */
    return (double)items / parts;
}

/* A block of op(A) has m/rows x k/layers numbers, of which a rank already has 1/cols; B and C
 * likewise. */
double trn_grid_words(trn_grid_shape_t shape, int64_t m, int64_t n, int64_t k) {
    double rows = part(m, shape.rows), cols = part(n, shape.cols), terms = part(k, shape.layers);
    return rows * terms * (1 - 1.0 / shape.cols) + terms * cols * (1 - 1.0 / shape.rows) +
           rows * cols * (1 - 1.0 / shape.layers);
}

/* The communicators ---------------------------------------------------------------------------- */

/* Ranks fill the grid along columns first, then rows, then layers. */
static trn_status_t plan(trn_grid_t **grid, MPI_Comm comm, trn_grid_shape_t shape) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    if (shape.rows < 1 || shape.cols < 1 || shape.layers < 1 ||
        (int64_t)shape.rows * shape.cols > ranks / shape.layers)
        return trn_fail(TRN_USAGE, "grid: %d x %d x %d does not fit %d ranks; choose a smaller one",
                        shape.rows, shape.cols, shape.layers, ranks);
    TRN_TRY(trn_alloc(grid, 1, sizeof **grid, "a grid"));
    bool member = rank < shape.rows * shape.cols * shape.layers;
    **grid = (trn_grid_t){.shape = shape,
                          .row = member ? rank / shape.cols % shape.rows : -1,
                          .col = member ? rank % shape.cols : -1,
                          .layer = member ? rank / shape.cols / shape.rows : -1};
    return TRN_OK;
}

/* The ranks with the same two coordinates, or with the same one; keys keep the order of `comm`. */
static MPI_Comm same(const trn_grid_t *grid, MPI_Comm comm, int coordinate, int extent, int other) {
    MPI_Comm made;
    int rank;
    MPI_Comm_rank(comm, &rank);
    int color = trn_grid_member(grid) ? other * extent + coordinate : MPI_UNDEFINED;
    MPI_Comm_split(comm, color, rank, &made);
    return made;
}

/* All ranks of `comm` call each split, members or not. */
trn_status_t trn_grid_create(trn_grid_t **out, MPI_Comm comm, trn_grid_shape_t shape) {
    *out = NULL;
    TRN_TRY(trn_check_equal(comm, shape.rows, "rows of a grid"));
    TRN_TRY(trn_check_equal(comm, shape.cols, "columns of a grid"));
    TRN_TRY(trn_check_equal(comm, shape.layers, "layers of a grid"));
    trn_status_t status = trn_agree(comm, plan(out, comm, shape));
    if (status != TRN_OK) {
        trn_free(out);
        return status;
    }
    trn_grid_t *grid = *out;
    grid->along_row = same(grid, comm, grid->row, shape.rows, grid->layer);
    grid->along_col = same(grid, comm, grid->col, shape.cols, grid->layer);
    grid->fiber = same(grid, comm, grid->col, shape.cols, grid->row);
    grid->in_layer = same(grid, comm, grid->layer, shape.layers, 0);
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &grid->node);
    return TRN_OK;
}

void trn_grid_destroy(trn_grid_t **grid) {
    if (!*grid) return;
    MPI_Comm *made[] = {&(*grid)->along_row, &(*grid)->along_col, &(*grid)->fiber,
                        &(*grid)->in_layer, &(*grid)->node};
    for (int i = 0; i < 5; i++)
        if (*made[i] != MPI_COMM_NULL) MPI_Comm_free(made[i]);
    trn_free(grid);
}

trn_grid_shape_t trn_grid_shape(const trn_grid_t *grid) {
    return grid->shape;
}
int trn_grid_row(const trn_grid_t *grid) {
    return grid->row;
}
int trn_grid_col(const trn_grid_t *grid) {
    return grid->col;
}
int trn_grid_layer(const trn_grid_t *grid) {
    return grid->layer;
}
bool trn_grid_member(const trn_grid_t *grid) {
    return grid->row >= 0;
}
MPI_Comm trn_grid_row_comm(const trn_grid_t *grid) {
    return grid->along_row;
}
MPI_Comm trn_grid_col_comm(const trn_grid_t *grid) {
    return grid->along_col;
}
MPI_Comm trn_grid_fiber_comm(const trn_grid_t *grid) {
    return grid->fiber;
}
MPI_Comm trn_grid_layer_comm(const trn_grid_t *grid) {
    return grid->in_layer;
}
MPI_Comm trn_grid_node_comm(const trn_grid_t *grid) {
    return grid->node;
}
