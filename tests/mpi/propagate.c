/* Propagation over users and items, and the ranking loss: golden figures, the definition, central
 * differences, the same bits on one rank and on all. */
#include "algo/graph/lightgcn/bpr.h"
#include "propagate_golden.h"
#include "propagate_sample.h"

#include <math.h>
#include <string.h>

/* A regular one: every user has 8 items, every item 6 users. */
static bool regular(int64_t u, int64_t v) {
    return (v - (4 * u) % ITEMS + ITEMS) % ITEMS < 8;
}

static double one(int64_t i, int64_t j, int64_t s) {
    (void)i, (void)j, (void)s;
    return 1;
}

static const figures_t of_layers[] = {
    {3.494046407649271,
     -0.4543751242204757,
     70.7679139886472,
     {0.43944911384756374, -0.008471057749774566, -0.9667542004289581},
     {-0.22267742779603109, 0.20063783452391992, -0.020384470453535503, -0.09706920813358451,
      -0.17375394581363351, 0.24956131650631752},
     {-0.0018018863626168904, -0.04887524997867862, -0.16811739724344357, 0.21264045549179147,
      0.09339830822702652, -0.025843839037738486}},
    {2.476727973159696,
     -0.33430095826789524,
     49.587200840556704,
     {0.31741272274343685, 0.18926508274230444, -0.9457912046467256},
     {-0.1691541843274058, 0.10022700696044613, -0.004394624394417343, -0.06834676643989875,
      -0.13229890848538017, 0.19263783835802736},
     {-0.020940273102002287, -0.03737372132704773, -0.10191969198456198, 0.1668676706912571,
      0.06065503336707615, -0.045557603957104814}},
    {1.9691750234635814,
     -0.30422646217884997,
     38.992820028917336,
     {0.257585882925859, 0.27770337237906617, -0.962542109249573},
     {-0.1132043521435699, 0.10177757684304778, -0.035911394801074345, -0.07092946581445667,
      -0.105947536827839, 0.15070105882544538},
     {-0.02589752560939588, -0.010470889225457601, -0.06721303649022256, 0.12604481624501251,
      0.03805266898024751, -0.049939478284517475}},
};

static void golden_layers(void) {
    problem_t p;
    double all[NODES * DIM];
    CHECK_OK(make(&p, golden, TRN_BIPARTITE_SYM, TRN_F64, comm));
    if (harness_well())
        for (int layers = 0; layers <= LAYERS; layers++) {
            fill(&p.x, start_number);
            CHECK_OK(trn_propagate(p.a, layers, &p.x, &p.y, &p.scratch));
            gather(&p.y, USERS, DIM, sizeof *all, all);
            if (rank != 0) continue;
            if (layers > 0) check_figures(all, NODES, DIM, &of_layers[layers - 1]);
            for (int i = 0; layers == 0 && i < NODES * DIM; i++) /* E_0 itself */
                CHECK(all[i] == start_number(i / DIM, i % DIM, 0));
        }
    destroy(&p);
}

/* Constants are an eigenvector of a regular graph, of the value 1; of the mean with I, 2. */
static void regular_graph(void) {
    for (int kind = TRN_BIPARTITE_SYM; kind <= TRN_BIPARTITE_MEAN; kind++) {
        problem_t p;
        CHECK_OK(make(&p, regular, (trn_bipartite_kind_t)kind, TRN_F64, comm));
        if (harness_well()) {
            bool mean = kind == TRN_BIPARTITE_MEAN;
            double wanted[] = {mean ? 2 : sqrt(8. / 6), mean ? 2 : sqrt(6. / 8)};
            fill(&p.x, one);
            CHECK_OK(trn_bipartite_apply(p.a, false, &p.x, &p.y, &p.scratch));
            for (int side = 0; side < TRN_SIDES; side++) {
                trn_view_t y = trn_sides_rows(&p.y, side);
                for (int64_t i = 0; i < y.rows * y.cols; i++)
                    CHECK(fabs(((double *)y.data)[i] - wanted[side]) < 1e-14);
            }
        }
        destroy(&p);
    }
}

/* y . A x = A^T y . x for both kinds, by whole matrices on rank 0. */
static void transposes(void) {
    for (int kind = TRN_BIPARTITE_SYM; kind <= TRN_BIPARTITE_MEAN; kind++) {
        problem_t p;
        double x[NODES * DIM], ax[NODES * DIM], y[NODES * DIM], ay[NODES * DIM], sum = 0;
        CHECK_OK(make(&p, golden, (trn_bipartite_kind_t)kind, TRN_F64, comm));
        if (harness_well()) {
            fill(&p.x, start_number);
            gather(&p.x, USERS, DIM, sizeof *x, x);
            CHECK_OK(trn_bipartite_apply(p.a, false, &p.x, &p.y, &p.scratch));
            gather(&p.y, USERS, DIM, sizeof *x, ax);
            for (int side = 0; side < TRN_SIDES; side++) { /* y: the squares of A x */
                trn_view_t v = trn_sides_rows(&p.y, side);
                for (int64_t i = 0; i < v.rows * v.cols; i++)
                    ((double *)trn_sides_rows(&p.x, side).data)[i] =
                        ((double *)v.data)[i] * ((double *)v.data)[i];
            }
            gather(&p.x, USERS, DIM, sizeof *x, y);
            CHECK_OK(trn_bipartite_apply(p.a, true, &p.x, &p.y, &p.scratch));
            gather(&p.y, USERS, DIM, sizeof *x, ay);
            for (int i = 0; rank == 0 && i < NODES * DIM; i++)
                sum += y[i] * ax[i] - ay[i] * x[i];
            CHECK(fabs(sum) < 1e-12);
        }
        destroy(&p);
    }
}

/* The golden triples of this rank: a user's first item and his last that he does not like. */
static int64_t golden_triples(const problem_t *p, trn_bpr_triple_t *t, int64_t *all) {
    int64_t first = trn_dist_row_start(p->bands, p->rank), count = 0;
    int64_t end = first + trn_dist_local_rows(p->bands, p->rank);
    *all = 0;
    for (int64_t u = 0; u < USERS; u++) {
        int32_t liked = 0, other = ITEMS - 1;
        while (liked < ITEMS && !golden(u, liked))
            liked++;
        if (liked == ITEMS) continue;
        while (golden(u, other))
            other--;
        if (u >= first && u < end)
            t[count++] = (trn_bpr_triple_t){*all, (int32_t)(u - first), liked, other};
        ++*all;
    }
    return count;
}

/* Mean loss of the golden triples for embeddings p->x, gradient into p->y (p->scratch is used). */
static double bpr(problem_t *p, trn_bpr_t *b, trn_sides_t *final, double *penalty) {
    trn_bpr_triple_t t[USERS];
    int64_t all, count = golden_triples(p, t, &all);
    double sum = 0, squares = 0;
    memset(trn_bpr_losses(b), 0, (size_t)trn_dist_local_rows(p->bands, p->rank) * sizeof(double));
    CHECK_OK(trn_propagate(p->a, LAYERS, &p->x, final, &p->scratch));
    CHECK_OK(trn_bpr_step_of(b, all, count, t, final, &p->y));
    CHECK_OK(trn_bpr_loss(b, &sum));
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t x = trn_sides_rows(&p->x, side);
        for (int64_t i = 0; i < x.rows; i++)
            for (int64_t j = 0; j < DIM; j++) {
                double n = ((double *)x.data)[i * DIM + j];
                squares += (double)trn_bpr_times(b, side, i) * n * n;
            }
    }
    MPI_Allreduce(MPI_IN_PLACE, &squares, 1, MPI_DOUBLE, MPI_SUM, comm);
    *penalty = squares / 2 / (double)all;
    return sum / (double)all;
}

static void add_decay(const problem_t *p, const trn_bpr_t *b, double lambda, int64_t all,
                      trn_sides_t *gradient) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t x = trn_sides_rows(&p->x, side), g = trn_sides_rows(gradient, side);
        for (int64_t i = 0; i < x.rows; i++)
            for (int64_t j = 0; j < DIM; j++)
                ((double *)g.data)[i * DIM + j] += lambda / (double)all *
                                                   (double)trn_bpr_times(b, side, i) *
                                                   ((double *)x.data)[i * DIM + j];
    }
}

/* Add to one number of node i. */
static void nudge(const trn_sides_t *x, int64_t i, int64_t j, double by) {
    int side = i < USERS ? TRN_USERS : TRN_ITEMS;
    trn_view_t v = trn_sides_rows(x, side);
    int64_t row = i - (side ? USERS : 0) - trn_matrix_first_row(x->side[side]);
    if (row >= 0 && row < v.rows) ((double *)v.data)[row * DIM + j] += by;
}

static void golden_loss(void) {
    static const figures_t gradient_figures = {
        0.030027008892909827,
        -0.013171781406154347,
        0.5108498611654383,
        {0.008801168565273076, -0.007535309011393898, -0.032742915828190576},
        {4.742572217492151e-05, 0.0007387126276954834, 0.0011223403757930329, 0.0010624674052575412,
         0.0006797849716256424, -0.0011938820514222042},
        {0.0023765084945730564, -0.0004422998120571508, -0.004760508915826558,
         -0.0034933445075543473, 0.0033414493137402653, 0.005183441419080506}};
    enum { ALL = 24, LATEST = NODES - 1 };
    const double lambda = 1e-4, h = 1e-5;
    problem_t p;
    trn_sides_t final = {{NULL}}, gradient = {{NULL}};
    trn_bpr_t *b = NULL;
    double all[NODES * DIM], penalty = 0, unused;
    CHECK_OK(make(&p, golden, TRN_BIPARTITE_SYM, TRN_F64, comm));
    CHECK_OK(trn_sides_create(&final, p.a));
    CHECK_OK(trn_sides_create(&gradient, p.a));
    CHECK_OK(trn_bpr_create(&b, p.a));
    if (harness_well()) {
        fill(&p.x, start_number);
        double loss = bpr(&p, b, &final, &penalty);
        CHECK(near(loss, 0.6836135608968942));
        CHECK(near(penalty, 0.9647995427999673));
        CHECK_OK(trn_propagate(p.a, LAYERS, &p.y, &gradient, &p.scratch));
        add_decay(&p, b, lambda, ALL, &gradient);
        gather(&gradient, USERS, DIM, sizeof *all, all);
        if (rank == 0) check_figures(all, NODES, DIM, &gradient_figures);
        MPI_Bcast(all, NODES * DIM, MPI_DOUBLE, 0, comm);
        static const int64_t at[][2] = {{0, 0}, {5, 3}, {33, 7}, {LATEST, 2}};
        for (int k = 0; k < 4; k++) {
            nudge(&p.x, at[k][0], at[k][1], h);
            double up = bpr(&p, b, &final, &penalty);
            up += lambda * penalty;
            nudge(&p.x, at[k][0], at[k][1], -2 * h);
            double down = bpr(&p, b, &final, &unused);
            down += lambda * unused;
            nudge(&p.x, at[k][0], at[k][1], h);
            CHECK(fabs((up - down) / (2 * h) - all[at[k][0] * DIM + at[k][1]]) < 1e-9);
        }
    }
    trn_bpr_destroy(&b);
    trn_sides_free(&final);
    trn_sides_free(&gradient);
    destroy(&p);
}

/* A drawn batch, forward, gradient and back, on `on`, to rank 0 of it. */
static void whole_step(MPI_Comm on, trn_dtype_t type, int others, void *all, double *loss) {
    problem_t p;
    trn_sides_t final = {{NULL}};
    trn_bpr_t *b = NULL;
    CHECK_OK(make(&p, golden, TRN_BIPARTITE_SYM, type, on));
    CHECK_OK(trn_sides_create(&final, p.a));
    CHECK_OK(trn_bpr_create(&b, p.a));
    if (harness_well()) {
        trn_bpr_batch_t batch = {
            .seed = 5, .epoch = 2, .first = 100, .count = 500, .others = others};
        fill(&p.x, start_number);
        CHECK_OK(trn_propagate(p.a, LAYERS, &p.x, &final, &p.scratch));
        CHECK_OK(trn_bpr_step(b, &batch, &final, &p.y));
        CHECK_OK(trn_bpr_loss(b, loss));
        CHECK_OK(trn_propagate(p.a, LAYERS, &p.y, &final, &p.scratch));
        gather(&final, USERS, DIM, trn_matrix_type_size(type), all);
    }
    trn_bpr_destroy(&b);
    trn_sides_free(&final);
    destroy(&p);
}

/* All ranks together make the bits that one makes alone. */
static void same_bits(void) {
    for (int others = 1; others <= 4; others += 3)
        for (int type = 0; type < 2; type++) {
            trn_dtype_t t = type ? TRN_F64 : TRN_F32;
            double alone[NODES * DIM], together[NODES * DIM], one_loss = 0, loss = 1;
            whole_step(MPI_COMM_SELF, t, others, alone, &one_loss);
            whole_step(comm, t, others, together, &loss);
            CHECK(loss == one_loss);
            if (rank == 0)
                CHECK(memcmp(alone, together, (size_t)(NODES * DIM * trn_matrix_type_size(t))) ==
                      0);
        }
}

static trn_status_t injected(void *unused) {
    problem_t p;
    trn_bpr_t *b = NULL;
    trn_bpr_batch_t batch = {.seed = 5, .count = 100, .others = 2};
    trn_status_t status = make(&p, golden, TRN_BIPARTITE_SYM, TRN_F32, comm);
    (void)unused;
    if (status == TRN_OK) status = trn_bpr_create(&b, p.a);
    if (status == TRN_OK) fill(&p.x, start_number);
    if (status == TRN_OK) status = trn_bpr_step(b, &batch, &p.x, &p.y);
    trn_bpr_destroy(&b);
    destroy(&p);
    return status;
}

static void out_of_memory(void) {
    harness_inject(injected, NULL);
}

HARNESS_MAIN({"golden_layers", golden_layers}, {"regular_graph", regular_graph},
             {"transposes", transposes}, {"golden_loss", golden_loss}, {"same_bits", same_bits},
             {"out_of_memory", out_of_memory})
