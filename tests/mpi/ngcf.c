/* NGCF: golden figures of both adjacencies, gradients against central differences, the same bits on
 * one rank and on all. */
#include "algo/graph/lightgcn/ngcf.h"
#include "propagate_golden.h"
#include "propagate_sample.h"

#include <string.h>

enum { WIDE = DIM * (LAYERS + 1), WEIGHTS = LAYERS * 2 * DIM * (DIM + 1) };

static const figures_t figures[] = {
    {16.012546881380878,
     444.99056052846555,
     624.6139240963275,
     {0.8007928642220018, -0.5599603567889, -0.9207135777998016},
     {-0.5, 0.29484638255698714, 0.08969276511397428, -0.11546085232903863, -0.32061446977205155,
      0.4742319127849356},
     {0.03716551040634286, -0.16798810703667, -0.37314172447968286, 0.4217046580773043,
      0.21655104063429143, 0.011397423191278455}},
    {16.012546881380878,
     443.9590580380756,
     628.2180197046547,
     {0.8007928642220018, -0.5599603567889, -0.9207135777998016},
     {-0.5, 0.29484638255698714, 0.08969276511397428, -0.11546085232903863, -0.32061446977205155,
      0.4742319127849356},
     {0.03716551040634286, -0.16798810703667, -0.37314172447968286, 0.4217046580773043,
      0.21655104063429143, 0.011397423191278455}},
};

/* Weights of all layers, in their order; returns how many. */
static int64_t make_weights(double *w) {
    int64_t n = 0;
    for (int64_t k = 0; k < LAYERS; k++)
        for (int64_t part = 1; part <= 4; part++)
            for (int64_t i = 0; i < (part % 2 ? DIM : 1); i++)
                for (int64_t j = 0; j < DIM; j++)
                    w[n++] = start_number(i, j, 4 * k + part);
    return n;
}

static void golden_layers(void) {
    for (int kind = 0; kind < 2; kind++) {
        problem_t p;
        trn_ngcf_t *n = NULL;
        trn_sides_t out = {{NULL}};
        double w[WEIGHTS], all[NODES * WIDE];
        CHECK_EQUAL(make_weights(w), WEIGHTS);
        CHECK_EQUAL(trn_ngcf_weights(DIM, LAYERS), WEIGHTS);
        CHECK_OK(make_in(&p, golden, (trn_bipartite_kind_t)kind, TRN_F64, TRN_NGCF_BLOCK, comm));
        CHECK_OK(trn_ngcf_create(&n, p.a, LAYERS, false));
        CHECK_OK(trn_ngcf_sides(&out, n));
        if (harness_well()) {
            fill(&p.x, start_number);
            CHECK_OK(trn_ngcf_forward(n, w, NULL, &p.x, &out));
            gather(&out, USERS, WIDE, sizeof *all, all);
            if (rank == 0) check_figures(all, NODES, WIDE, &figures[kind]);
        }
        trn_sides_free(&out);
        trn_ngcf_destroy(&n);
        destroy(&p);
    }
}

/* Half the squares of embeddings, each times a weight of its place, and their gradient. */
static double place(int64_t i, int64_t j) {
    return 1 + start_number(i, j, 5);
}

static double half_squares(const trn_sides_t *out, trn_sides_t *gradient) {
    double sum = 0;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t o = trn_sides_rows(out, side), g = trn_sides_rows(gradient, side);
        for (int64_t i = 0; i < o.rows; i++)
            for (int64_t j = 0; j < o.cols; j++) {
                double n = ((double *)o.data)[i * o.cols + j], by = place(i + side * USERS, j);
                sum += by * n * n / 2;
                ((double *)g.data)[i * o.cols + j] = by * n;
            }
    }
    MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, comm);
    return sum;
}

/* Central differences by some embeddings of layer 0, and by weights of every kind. */
static void gradients(void) {
    const double h = 1e-6;
    problem_t p;
    trn_ngcf_t *n = NULL;
    trn_sides_t out = {{NULL}}, out_gradient = {{NULL}};
    double w[WEIGHTS], by_w[WEIGHTS], by_x[NODES * DIM];
    make_weights(w);
    CHECK_OK(make_in(&p, golden, TRN_BIPARTITE_MEAN, TRN_F64, TRN_NGCF_BLOCK, comm));
    CHECK_OK(trn_ngcf_create(&n, p.a, LAYERS, true));
    CHECK_OK(trn_ngcf_sides(&out, n));
    CHECK_OK(trn_ngcf_sides(&out_gradient, n));
    if (harness_well()) {
        fill(&p.x, start_number);
        CHECK_OK(trn_ngcf_forward(n, w, NULL, &p.x, &out));
        half_squares(&out, &out_gradient);
        CHECK_OK(trn_ngcf_backward(n, w, NULL, &p.x, &out_gradient, &p.y, by_w));
        gather(&p.y, USERS, DIM, sizeof *by_x, by_x);
        MPI_Bcast(by_x, NODES * DIM, MPI_DOUBLE, 0, comm);
        for (int64_t at = 0; at < NODES * DIM + WEIGHTS; at += 37) {
            double value[2], slope = at < NODES * DIM ? by_x[at] : by_w[at - NODES * DIM];
            for (int way = 0; way < 2; way++) {
                fill(&p.x, start_number);
                if (at >= NODES * DIM) w[at - NODES * DIM] += way ? -h : h;
                int side = at / DIM >= USERS;
                trn_view_t x = trn_sides_rows(&p.x, side);
                int64_t row = at / DIM - side * USERS - trn_matrix_first_row(p.x.side[side]);
                if (at < NODES * DIM && row >= 0 && row < x.rows)
                    ((double *)x.data)[row * DIM + at % DIM] += way ? -h : h;
                CHECK_OK(trn_ngcf_forward(n, w, NULL, &p.x, &out));
                value[way] = half_squares(&out, &out_gradient);
                make_weights(w);
            }
            CHECK(fabs((value[0] - value[1]) / (2 * h) - slope) < 1e-6 * (1 + fabs(slope)));
        }
    }
    trn_sides_free(&out);
    trn_sides_free(&out_gradient);
    trn_ngcf_destroy(&n);
    destroy(&p);
}

HARNESS_MAIN({"golden layers", golden_layers}, {"gradients", gradients})
