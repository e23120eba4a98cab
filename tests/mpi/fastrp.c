/* algo/graph/fastrp: vectors against a float64 reference (NumPy) and closed forms, at any number of
 * ranks with the bits of one, in float32 too; what a row of R depends on; memory that fails. */
#include "fastrp_sample.h"

static void close_to(double got, double wanted, double within) {
    static int shown;
    if (!CHECK(fabs(got - wanted) <= within * (1 + fabs(wanted))) && shown++ < 9)
        printf("%.17g is not %.17g\n", got, wanted);
}

/* Goldens -------------------------------------------------------------------------------------- */

static double weighted(int64_t i, int64_t j) {
    return plain(i, j) * (double)(1 + (i + j) % 3);
}
static double few(int64_t i, int64_t c) {
    return (13 * i + 7 * c * c + i * c) % 11 != 0 ? 0 : (i + c) % 2 ? 1.5 : -1.5;
}
static double many(int64_t i, int64_t c) {
    return (double)((i * 31 + c * 17) % 23 - 11) / 7;
}

/* Norm, sum of sizes, five numbers, and a sum with weights of their own. */
static void figures(const double *z, double *f) {
    memset(f, 0, 8 * sizeof *f);
    for (int64_t i = 0; i < NODES; i++)
        for (int64_t c = 0; c < DIM; c++) {
            double x = z[i * DIM + c];
            f[0] += x * x;
            f[1] += fabs(x);
            f[7] += x * cos((double)(i + 2 * c));
        }
    f[0] = sqrt(f[0]);
    f[2] = z[0];
    f[3] = z[DIM + 5];
    f[4] = z[1999 * DIM + 23];
    f[5] = z[3994 * DIM + 11];
    f[6] = z[3999 * DIM + 2];
}

static const double PAPER[] = {0, 0, 7.81, 45.28}, MANY[] = {.5, 2, 0, 1}, GDS[] = {0, 1, 1},
                    TWO[] = {1, 2};

static const struct golden {
    graph_t graph;
    trn_fastrp_options_t options;
    double figures[8];
} goldens[] = {
    {{.nodes = NODES, .weight = plain, .r = few},
     {DIM, 4, PAPER, 0, -.628, TRN_FASTRP_NONE, .type = TRN_F64},
     {137.47794291759655, 30500.184281368041, -0.032572743842433131, -0.039088755319450809,
      -0.42669716554527837, -0.14216491733482367, 0, 62.784013065139355}},
    {{.nodes = NODES, .weight = plain, .r = few},
     {DIM, 4, PAPER, 0, -.628, .standardize = true, .type = TRN_F64},
     {296.64793948382652, 70385.203093551943, -1.2393207598833835, -1.0429249786593842,
      -1.5246710861220445, -0.31126712652752564, 0.044415380998422342, 83.211866215680004}},
    {{.nodes = NODES, .weight = plain, .r = many, .dense_r = true},
     {DIM, 4, MANY, 1.5, .25, .standardize = true, .type = TRN_F64, .threads = 2},
     {309.83866769659329, 80153.888830096548, -1.8410958968618008, -1.9805910170842633,
      -1.1457180219187131, 1.2145626394758229, -0.035264547380415484, -68.921754840911035}},
    {{.nodes = NODES, .weight = weighted, .r = many, .valued = true},
     {DIM, 3, GDS, .75, -.5, TRN_FASTRP_STEP, .neighbors = true, .type = TRN_F64, .width = 5},
     {118.37468790587026, 30017.109677473964, -0.46127926219240445, -0.48124646898518786,
      -0.62313826786335436, -0.18027202857123753, -0.022281596663336494, -3.4096165827823643}},
    {{.nodes = NODES, .weight = weighted, .r = few, .valued = true},
     {DIM, 2, TWO, 0, -1, .type = TRN_F64, .threads = 2},
     {137.0472441241412, 30590.436694084055, 0.26086680874261609, -0.57705131107783636,
      -0.23305951478750486, -0.38041203495835235, 0, 58.535042357007065}}};

/* Bands and ranks change no bit, of either type. */
static void against_reference(void) {
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++) {
        trn_fastrp_options_t o = goldens[k].options;
        double f[8], *z = solve(comm, &goldens[k].graph, &o, k % 2);
        if (rank == 0) {
            figures(z, f);
            for (int i = 0; i < 8; i++)
                close_to(f[i], goldens[k].figures[i], 1e-10);
            double *one = solve(MPI_COMM_SELF, &goldens[k].graph, &o, true);
            CHECK(memcmp(z, one, sizeof *z * NODES * DIM) == 0);
            free(one);
        }
        o.type = TRN_F32;
        o.width = 16;
        float *narrow = solve(comm, &goldens[k].graph, &o, !(k % 2));
        if (rank == 0) {
            for (int64_t i = 0; i < NODES * DIM; i++)
                CHECK(fabs(narrow[i] - z[i]) < 1e-5 * (1 + fabs(z[i])));
            o.threads = 3 - o.threads;
            float *one = solve(MPI_COMM_SELF, &goldens[k].graph, &o, true);
            CHECK(memcmp(narrow, one, sizeof *narrow * NODES * DIM) == 0);
            free(one);
        }
        free(narrow);
        free(z);
    }
}

/* Two families on five nodes, the last without edges ------------------------------------------- */

static double five(int64_t i, int64_t j) {
    static const int edge[5][5] = {
        {0, 1, 0, 0, 0}, {1, 0, 1, 1, 0}, {0, 1, 0, 1, 0}, {0, 1, 1, 0, 0}};
    return edge[i][j];
}
static double five_r(int64_t i, int64_t c) {
    static const double r[5][2] = {{1, 0}, {0, 2}, {1, 1}, {3, 0}, {1, 2}};
    return r[i][c];
}

static void families(void) {
    static const double last[] = {0, 0, 1, 2};
    static const struct {
        bool gds;
        double alpha, self;
        int weights;
        double wanted[10];
    } cases[] = {
        {false,
         0,
         0,
         1,
         {0, 1, .9805806756909202, .19611613513818404, .8320502943378437, .5547001962252291,
          .31622776601683794, .9486832980505138, 0, 0}},
        {true,
         0,
         0,
         1,
         {0, 1, .9805806756909202, .19611613513818404, .8320502943378437, .5547001962252291,
          .31622776601683794, .9486832980505138, 0, 0}},
        {false,
         0,
         0,
         2,
         {.9805806756909202, .19611613513818404, .40613846605344756, .913811548620257,
          .7633862853691146, .645942241466174, .9216353751380654, .38805700005813276, 0, 0}},
        {true,
         0,
         0,
         2,
         {.9805806756909202, .19611613513818404, .4169229276526259, .908941842142589,
          .7496781758158658, .66180256323574, .9238795325112867, .3826834323650897, 0, 0}},
        {false,
         -.5,
         0,
         4,
         {2.341072927449171, 1.5870697966166305, 2.2331655641216352, 1.8742501851441924,
          2.453105213413859, 1.7228600255232145, 2.407937134191906, 1.721622792814574, 0, 0}},
        {true,
         -.5,
         0,
         4,
         {2.293003391650238, 1.6792440277178888, 2.1546740648327196, 1.9669714478133788,
          2.343037652634208, 1.8710534828148888, 2.3160824675538625, 1.8477773358350928, 0, 0}},
        {true,
         0,
         1,
         2,
         {1.9805806756909203, .19611613513818404, .4169229276526259, 1.908941842142589,
          1.4567849570024132, 1.3689093444222875, 1.9238795325112867, .3826834323650897,
          .4472135954999579, .8944271909999159}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const double *weight = cases[k].weights == 4   ? last
                               : cases[k].weights == 2 ? (double[]){0, 1}
                                                       : (double[]){1};
        trn_fastrp_options_t o = {.dim = 2,
                                  .weights = cases[k].weights,
                                  .weight = weight,
                                  .self = cases[k].self,
                                  .alpha = cases[k].alpha,
                                  .normalize = cases[k].gds ? TRN_FASTRP_STEP : TRN_FASTRP_END,
                                  .neighbors = cases[k].gds,
                                  .type = TRN_F64};
        double *z = solve(
            comm, &(graph_t){.nodes = 5, .weight = five, .r = five_r, .dense_r = k % 2}, &o, true);
        for (int i = 0; i < 10 && rank == 0; i++)
            close_to(z[i], cases[k].wanted[i], 1e-10);
        free(z);
    }
}

/* Closed forms --------------------------------------------------------------------------------- */

enum { SMALL = 40, PART = 15 };

static double complete(int64_t i, int64_t j) {
    return i != j;
}
static double bipartite(int64_t i, int64_t j) {
    return (i < PART) != (j < PART);
}

/* Of a complete graph: the sum of all rows of L R but its own, over n - 1. Of a bipartite one
 * S^3 = S. */
static void closed_forms(void) {
    double first[] = {1}, third[] = {0, 0, 1};
    trn_fastrp_options_t o = {DIM, 1, first, 0, -.5, TRN_FASTRP_NONE, .type = TRN_F64};
    double *z = solve(comm, &(graph_t){.nodes = SMALL, .weight = complete, .r = many}, &o, true);
    for (int64_t c = 0; c < DIM && rank == 0; c++) {
        double sum = 0, strength = pow(SMALL - 1, -.5);
        for (int64_t i = 0; i < SMALL; i++)
            sum += strength * many(i, c);
        for (int64_t i = 0; i < SMALL; i++)
            close_to(z[i * DIM + c], (sum - strength * many(i, c)) / (SMALL - 1), 1e-14);
    }
    free(z);
    z = solve(comm, &(graph_t){.nodes = SMALL, .weight = bipartite, .r = many}, &o, true);
    o.weights = 3, o.weight = third;
    double *z3 = solve(comm, &(graph_t){.nodes = SMALL, .weight = bipartite, .r = many}, &o, true);
    for (int64_t i = 0; i < SMALL * DIM; i++)
        close_to(z3[i], z[i], 1e-14);
    free(z3);
    free(z);
}

/* All 0, standardized too; isolated nodes; the powers of two in weights, which show nowhere. */
static void weights(void) {
    double none[] = {0, 0}, once[] = {1, 0, 3}, eight[] = {8, 0, 24}, seven[] = {7, 0, 21};
    graph_t g = {.nodes = NODES, .weight = plain};
    for (int k = 0; k < 2; k++) {
        trn_fastrp_options_t o = {DIM, 2, none, .standardize = k, .type = TRN_F32, .seed = 7};
        float *z = solve(comm, &g, &o, false);
        for (int64_t i = 0; i < NODES * DIM; i++)
            CHECK(z[i] == 0);
        free(z);
    }
    trn_fastrp_options_t o = {DIM, 3, once, .type = TRN_F64, .seed = 7};
    double *z = solve(comm, &g, &o, false);
    o.weight = eight;
    double *z8 = solve(comm, &g, &o, false);
    o.weight = seven;
    double *z7 = solve(comm, &g, &o, true);
    for (int64_t i = 0; i < NODES * DIM; i++) {
        CHECK(8 * z[i] == z8[i]);
        close_to(z7[i], 7 * z[i], 1e-14);
    }
    for (int64_t i = (NODES - 5) * DIM; i < NODES * DIM; i++)
        CHECK(z[i] == 0);
    free(z7);
    o.standardize = true;
    double *s8 = (o.weight = eight, solve(comm, &g, &o, false));
    double *s1 = (o.weight = once, solve(comm, &g, &o, true));
    CHECK(memcmp(s1, s8, sizeof *s1 * NODES * DIM) == 0);
    free(s8);
    free(s1);
    free(z8);
    free(z);
}

/* Every node under another number, with its row of R. */
static double renamed_plain(int64_t i, int64_t j) {
    return plain(renamed(i), renamed(j));
}
static double renamed_few(int64_t i, int64_t c) {
    return few(renamed(i), c);
}
static void relabelling(void) {
    trn_fastrp_options_t o = {DIM, 4, PAPER, 0, -.628, .standardize = true, .type = TRN_F64};
    double *z = solve(comm, &(graph_t){.nodes = NODES, .weight = plain, .r = few}, &o, true);
    double *y = solve(
        comm,
        &(graph_t){.nodes = NODES, .weight = renamed_plain, .r = renamed_few, .renamed = true}, &o,
        false);
    for (int64_t i = 0; i < NODES && rank == 0; i++)
        for (int64_t c = 0; c < DIM; c++)
            close_to(y[i * DIM + c], z[renamed(i) * DIM + c], 1e-12);
    free(y);
    free(z);
}

/* R: places and signs do not depend on the density; moments are those that it has. */
static void random_rows(void) {
    enum { WIDE = 512, ROWS = 200 };
    double dense[WIDE], thin[WIDE], count[2] = {0}, sum = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        trn_fastrp_row(42, i, 3, 2, WIDE, dense);
        trn_fastrp_row(42, i, 100, 2, WIDE, thin);
        for (int c = 0; c < WIDE; c++) {
            CHECK(thin[c] == 0 || thin[c] == dense[c]);
            CHECK(dense[c] == 0 || fabs(dense[c]) == 2);
            count[0] += dense[c] != 0;
            count[1] += thin[c] != 0;
            sum += dense[c];
        }
        trn_fastrp_row(42, i, 3, 2, 7, thin); /* part of a row is part of it */
        CHECK(memcmp(thin, dense, 7 * sizeof *thin) == 0);
    }
    double all = (double)ROWS * WIDE;
    close_to(count[0] / all, 1. / 3, .01);
    close_to(count[1] / all, .01, .001);
    CHECK(fabs(sum) < 6 * 2 * sqrt(all / 3));
    trn_fastrp_row(42, 5, 1, 1, WIDE, dense); /* no zeros at all */
    for (int c = 0; c < WIDE; c++)
        CHECK(fabs(dense[c]) == 1);
}

/* The random R that is drawn is that of trn_fastrp_row, on both ways of the first product; given as
 * a matrix it gives the same. */
static double drawn(int64_t i, int64_t c) {
    double row[DIM];
    trn_fastrp_row(7, i, 3, sqrt(3. / DIM), DIM, row);
    return row[c];
}
static void drawn_or_given(void) {
    for (int k = 0; k < 2; k++) {
        trn_fastrp_options_t o = {DIM, 4, PAPER, k, -.628, .type = TRN_F64, .seed = 7};
        double *z, *given;
        o.sparsity = 3; /* 8 entries a row: dense */
        z = solve(comm, &(graph_t){.nodes = NODES, .weight = plain}, &o, false);
        given =
            solve(comm, &(graph_t){.nodes = NODES, .weight = plain, .r = drawn, .dense_r = true},
                  &o, true);
        for (int64_t i = 0; i < NODES * DIM; i++)
            close_to(given[i], z[i], 1e-13);
        free(given);
        given = solve(comm, &(graph_t){.nodes = NODES, .weight = plain, .r = drawn}, &o,
                      true); /* 7.9 of them: sparse */
        for (int64_t i = 0; i < NODES * DIM; i++)
            close_to(given[i], z[i], 1e-13);
        free(given);
        free(z);
    }
}

/* Of one feature, its columns are multiples of one row of entries +-sqrt(3 / f); the others are
 * random with the rest of the columns. */
static double feature(int64_t i, int64_t j) {
    return j == 0 ? 1 + (double)(i % 5) : 0;
}
static void features(void) {
    enum { OF = 10 };
    trn_fastrp_options_t o = {DIM,
                              0,
                              NULL,
                              1,
                              -.5,
                              TRN_FASTRP_NONE,
                              .neighbors = true,
                              .sparsity = 3,
                              .feature_dim = OF,
                              .type = TRN_F64,
                              .seed = 3};
    double *z =
        solve(comm, &(graph_t){.nodes = NODES, .weight = plain, .feature = feature, .features = 3},
              &o, false);
    double row[DIM], scale = sqrt(3. / OF);
    for (int64_t i = 0; i < NODES && rank == 0; i += 7) {
        int64_t degree = 0;
        for (int64_t j = 0; j < NODES; j++)
            degree += plain(i, j) != 0;
        double strength = pow((double)(degree > 0 ? degree : 1), -.5);
        trn_fastrp_row(3, i, 3, strength * sqrt(3. / (DIM - OF)), DIM - OF, row);
        for (int64_t c = 0; c < DIM - OF; c++)
            close_to(z[i * DIM + c], row[c], 1e-14);
        for (int64_t c = DIM - OF; c < DIM; c++) {
            double x = z[i * DIM + c] / feature(i, 0);
            CHECK(x == 0 || fabs(fabs(x) - scale) < 1e-14);
            close_to(x, z[c] / feature(0, 0), 1e-14);
        }
    }
    free(z);
}

/* Numbers that float32 does not hold are refused, and the node is named. */
static double huge(int64_t i, int64_t c) {
    return i == 3 && c == 1 ? 1e39 : 1;
}
static void not_finite(void) {
    double first[] = {1};
    sample_t s;
    trn_matrix_t *z;
    trn_fastrp_options_t o = {4, 1, first, .normalize = TRN_FASTRP_NONE, .type = TRN_F32};
    make(&s, comm, &(graph_t){.nodes = SMALL, .weight = complete, .r = huge, .dense_r = true}, 4,
         true);
    CHECK_EQUAL(trn_fastrp(&z, &s.in, &o), TRN_NUMERIC);
    CHECK(strstr(trn_message(), "node 0 "));
    CHECK(z == NULL);
    drop(&s);
    /* Strengths from 1 to 1e-300 and back: their scale does not count. */
    o = (trn_fastrp_options_t){4, 2, (double[]){0, 1}, 0, 60, .type = TRN_F32};
    float *f = solve(comm, &(graph_t){.nodes = SMALL, .weight = complete, .r = many}, &o, true);
    double length = 0;
    for (int c = 0; c < 4 && rank == 0; c++)
        length += (double)f[c] * f[c];
    if (rank == 0) close_to(length, 1, 1e-6);
    free(f);
}

/* The plan holds what is taken, on every rank. */
static void plans(void) {
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++) {
        const graph_t *g = &goldens[k].graph;
        trn_fastrp_options_t o = goldens[k].options;
        sample_t s;
        trn_matrix_t *z;
        make(&s, comm, g, DIM, true);
        int64_t own = trn_sparse_count(s.adjacency), entries = own;
        int64_t given = s.sparse_r ? trn_sparse_count(s.sparse_r) : 0, before = trn_mem_now();
        MPI_Allreduce(MPI_IN_PLACE, &entries, 1, MPI_INT64_T, MPI_SUM, comm);
        MPI_Allreduce(MPI_IN_PLACE, &given, 1, MPI_INT64_T, MPI_SUM, comm);
        trn_fastrp_size_t size = {ranks,
                                  NODES,
                                  trn_dist_local_rows(s.dist, rank),
                                  entries,
                                  own,
                                  s.sparse_r ? given : -1,
                                  s.dense_r != NULL,
                                  s.in.features ? trn_matrix_block(s.in.features).cols : 0};
        trn_ledger_t ledger = {0};
        trn_fastrp_plan(&ledger, &size, &o);
        trn_mem_reset_peak();
        CHECK_OK(trn_fastrp(&z, &s.in, &o));
        int64_t taken = trn_mem_peak() - before, spare = 64 << 10;
        if (ranks > 1) spare += 16 << 20; /* buffers of messages, which are as large as they come */
        if (!CHECK(taken <= ledger.most + spare))
            printf("%zu: %lld taken, %lld planned\n", k, (long long)taken, (long long)ledger.most);
        if (ranks == 1) CHECK(ledger.most <= taken * 23 / 20);
        trn_matrix_destroy(&z);
        drop(&s);
    }
}

static trn_status_t once(void *argument) {
    sample_t *s = argument;
    trn_matrix_t *z;
    trn_fastrp_options_t o = {DIM,
                              3,
                              (double[]){1, 0, 1},
                              1,
                              -.5,
                              .standardize = true,
                              .type = TRN_F32,
                              .sparsity = s->features ? 3 : 0,
                              .feature_dim = s->features ? 4 : 0};
    trn_status_t status = trn_fastrp(&z, &s->in, &o);
    trn_matrix_destroy(&z);
    return status;
}
static void memory_fails(void) {
    for (int k = 0; k < 2; k++) {
        sample_t s;
        graph_t g = {
            .nodes = SMALL, .weight = complete, .feature = k ? feature : NULL, .features = 2};
        make(&s, comm, &g, DIM, true);
        harness_inject(once, &s);
        drop(&s);
    }
}

HARNESS_MAIN({"against a reference", against_reference}, {"two families", families},
             {"closed forms", closed_forms}, {"weights", weights}, {"relabelling", relabelling},
             {"random rows", random_rows}, {"drawn or given", drawn_or_given},
             {"features", features}, {"not finite", not_finite}, {"plans", plans},
             {"memory failing", memory_fails})
