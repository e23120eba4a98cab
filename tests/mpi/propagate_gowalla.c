/* The golden figures of Gowalla: 29858 users, 40981 items, if ../shared is there. */
#include "algo/graph/lightgcn/ngcf.h"
#include "algo/graph/recommend/interactions.h"
#include "algo/matrix/tall.h"
#include "propagate_golden.h"
#include "propagate_sample.h"

#include <unistd.h>

enum { GOWALLA_USERS = 29858, GOWALLA_ITEMS = 40981, NARROW = 16 };

static const figures_t lightgcn_3 = {
    82.0967238973652,
    -559.0658031854058,
    75054.8389171021,
    {-77.59442010954832, -41.4947372000398, -19.70636134911165},
    {-0.13392588484093673, 0.08161015426023116, 0.031180984807472632, -0.03353599701071014,
     -0.1081569607192884, 0.12914792650849496},
    {-0.025174667855226266, -0.10021232049823525, -0.08484757863492969, 0.10971768205930037,
     0.03947010712900991, -0.03485299884874226}};
static const figures_t ngcf_1 = {406.5602037303112,
                                 185818.88566172333,
                                 512526.95814991614,
                                 {-34.44449950445939, -35.32160555004902, -36.19871159563873},
                                 {-0.5, 0.29484638255698714, 0.08969276511397428,
                                  -0.11546085232903863, -0.32061446977205155, 0.4742319127849356},
                                 {-0.040138751238850356, -0.24529236868186322, -0.45044598612487613,
                                  0.34440039643211096, 0.1392467789890981, -0.06590683845391476}};

static void fill_all(const trn_sides_t *x) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(x, side);
        int64_t first = trn_matrix_first_row(x->side[side]) + side * GOWALLA_USERS;
        for (int64_t i = 0; i < v.rows; i++)
            for (int64_t j = 0; j < v.cols; j++)
                ((double *)v.data)[i * v.cols + j] = start_number(first + i, j, 0);
    }
}

static void check_all(const trn_sides_t *x, int64_t cols, const figures_t *f) {
    int64_t rows = GOWALLA_USERS + GOWALLA_ITEMS;
    double *all = rank == 0 ? malloc((size_t)(rows * cols) * sizeof *all) : NULL;
    gather(x, rank == 0 ? GOWALLA_USERS : 0, cols, sizeof *all, all);
    if (rank == 0) check_figures(all, rows, cols, f);
    free(all);
}

/* One graph, of one kind. */
static void propagate(const trn_interactions_t *in, const trn_dist_t *bands,
                      trn_bipartite_kind_t kind) {
    trn_bipartite_of_t of = {comm, in->part[TRN_TO_TRAIN], bands, kind, TRN_F64, NARROW,
                             1,    TRN_NGCF_BLOCK};
    trn_bipartite_t *graph = NULL;
    trn_ngcf_t *n = NULL;
    trn_sides_t x = {{NULL}}, y = {{NULL}}, scratch = {{NULL}}, wide = {{NULL}};
    double w[2 * NARROW * (NARROW + 1)];
    int64_t at = 0;
    for (int64_t part = 1; part <= 4; part++)
        for (int64_t i = 0; i < (part % 2 ? NARROW : 1); i++)
            for (int64_t j = 0; j < NARROW; j++)
                w[at++] = start_number(i, j, part);
    CHECK_OK(trn_bipartite_create(&graph, &of));
    CHECK_OK(trn_sides_create(&x, graph));
    CHECK_OK(trn_sides_create(&y, graph));
    CHECK_OK(trn_sides_create(&scratch, graph));
    fill_all(&x);
    if (kind == TRN_BIPARTITE_SYM) {
        CHECK_OK(trn_propagate(graph, LAYERS, &x, &y, &scratch));
        check_all(&y, NARROW, &lightgcn_3);
    } else {
        CHECK_OK(trn_ngcf_create(&n, graph, 1, false));
        CHECK_OK(trn_ngcf_sides(&wide, n));
        CHECK_OK(trn_ngcf_forward(n, w, NULL, &x, &wide));
        check_all(&wide, 2 * NARROW, &ngcf_1);
    }
    trn_sides_free(&x);
    trn_sides_free(&y);
    trn_sides_free(&scratch);
    trn_sides_free(&wide);
    trn_ngcf_destroy(&n);
    trn_bipartite_destroy(&graph);
}

static void gowalla(void) {
    const char *source = getenv("TRUNNION_SOURCE");
    char path[512];
    snprintf(path, sizeof path, "%s/../shared/data/graph/gowalla_train.txt.gz",
             source ? source : ".");
    if (access(path, R_OK) != 0) {
        if (rank == 0) printf("skipped: ../shared/data/graph is not here\n");
        MPI_Finalize();
        exit(77);
    }
    trn_interactions_t in = {0};
    trn_edges_how_t how = {.bipartite = true};
    trn_dist_t *bands = NULL;
    CHECK_OK(trn_interactions_look(&in, comm, &how, path, NULL));
    CHECK_OK(trn_interactions_load(&in));
    CHECK_EQUAL(in.users, GOWALLA_USERS);
    CHECK_EQUAL(in.items, GOWALLA_ITEMS);
    CHECK_OK(trn_tall_dist(&bands, comm, in.users, in.items));
    propagate(&in, bands, TRN_BIPARTITE_SYM);
    propagate(&in, bands, TRN_BIPARTITE_MEAN);
    trn_dist_destroy(&bands);
    trn_interactions_free(&in);
}

HARNESS_MAIN({"gowalla", gowalla})
