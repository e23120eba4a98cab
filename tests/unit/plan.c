/* The planner alone, for more ranks than a test can start: never more words than the best grid. */
#include "mpi/dense/plan.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const trn_layouts_t none = {0};

static void names(void **state) {
    (void)state;
    static const char *const all[] = {"auto", "cannon", "cannon3d", "summa", "scalapack"};
    char joined[100] = "";
    for (int i = 0; i < 5; i++) {
        assert_int_equal(trn_algorithm_named(all[i]), i);
        assert_string_equal(trn_algorithm_name((trn_algorithm_t)i), all[i]);
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i ? "|" : "",
                 all[i]);
    }
    assert_string_equal(joined, TRN_ALGORITHM_NAMES);
    assert_int_equal(trn_algorithm_named("strassen"), TRN_ALGORITHM_AUTO);
}

/* Bricks that can be worked out by hand: a cube, a column, a plate. */
static void bound(void **state) {
    (void)state;
    assert_true(trn_product_bound(100, 200, 300, 1) == 0);
    assert_true(trn_product_bound(0, 200, 300, 4) == 0);
    assert_float_equal(trn_product_bound(64, 64, 64, 8), 3 * 32 * 32 - 3 * 64 * 64 / 8, 1e-6);
    assert_float_equal(trn_product_bound(10, 10, 4000, 4),
                       2 * 10 * 1000 + 100 - (2 * 40000 + 100) / 4., 1e-6);
    assert_float_equal(trn_product_bound(4000, 10, 10, 4), trn_product_bound(10, 10, 4000, 4),
                       1e-6);
    assert_float_equal(trn_product_bound(10, 400, 400, 4),
                       2 * 10 * 200 + 200 * 200 - (2 * 4000 + 160000) / 4., 1e-6);
}

static double best_grid(const trn_product_t *p, int ranks) {
    double least = -1;
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; cols <= ranks / rows; cols++) {
            trn_grid_shape_t shape = {rows, cols, ranks / rows / cols};
            if (rows * cols * shape.layers != ranks) continue;
            double words = trn_grid_words(shape, p->m, p->n, p->k);
            if (least < 0 || words < least) least = words;
        }
    return least;
}

/* Square, flat, tall, many terms; all that grids divide by is divisible. */
static const int shapes[4][3] = {{96, 96, 96}, {384, 384, 12}, {1536, 12, 12}, {12, 12, 1536}};

static trn_product_t product_of(int shape, int ops, int unit) {
    return (trn_product_t){.type = ops % 3 ? TRN_F64 : TRN_F32,
                           .transpose_a = ops & 1,
                           .transpose_b = ops >> 1 & 1,
                           .m = shapes[shape][0] * unit,
                           .n = shapes[shape][1] * unit,
                           .k = shapes[shape][2] * unit};
}

static int64_t held(const trn_dist_t *dist, int rank) {
    return trn_dist_local_rows(dist, rank) * trn_dist_local_cols(dist, rank);
}

/* Native layouts spread each matrix evenly, so that no rank is worse off than the formula says. */
static void check_native(const trn_product_t *p, int ranks, const trn_choice_t *choice) {
    trn_dist_t *dist[3];
    assert_int_equal(trn_choice_native(p, choice, &dist[0], &dist[1], &dist[2]), TRN_OK);
    assert_int_equal(trn_dist_rows(dist[0]), p->transpose_a ? p->k : p->m);
    assert_int_equal(trn_dist_cols(dist[1]), p->transpose_b ? p->k : p->n);
    int64_t numbers[3] = {p->m * p->k, p->k * p->n, p->m * p->n};
    for (int which = 0; which < 3; which++)
        for (int r = 0; r < ranks; r++)
            assert_int_equal(held(dist[which], r), numbers[which] / ranks);
    trn_layouts_t layouts = {dist[0], dist[1], dist[2]};
    trn_choice_t again; /* data that lies well stays */
    assert_int_equal(trn_product_choose(p, &layouts, ranks, TRN_ALGORITHM_AUTO, 0, &again), TRN_OK);
    assert_true(again.words <= choice->words);
    for (int which = 0; which < 3; which++)
        trn_dist_destroy(&dist[which]);
}

static void no_more_words_than_the_best_grid(void **state) {
    (void)state;
    for (int ranks = 1; ranks <= 64; ranks++)
        for (int shape = 0; shape < 4; shape++)
            for (int ops = 0; ops < 4; ops++) {
                trn_product_t p = product_of(shape, ops, ranks);
                trn_choice_t choice;
                assert_int_equal(
                    trn_product_choose(&p, &none, ranks, TRN_ALGORITHM_AUTO, 0, &choice), TRN_OK);
                assert_true(choice.words <= best_grid(&p, ranks) * (1 + 1e-12));
                assert_true(choice.words >= choice.bound * (1 - 1e-12));
                assert_true(choice.relayout_words == 0);
                int used = choice.shape.rows * choice.shape.cols * choice.shape.layers;
                assert_in_range(used, 1, ranks);
                assert_true(choice.flops >= 2.0 * (double)(p.m * p.n) * (double)p.k / ranks);
                if (used < ranks) /* who stands aside must be worth it */
                    assert_true(choice.words < best_grid(&p, ranks));
                else if (ranks % 7 == 1)
                    check_native(&p, ranks, &choice);
            }
}

/* From bands of rows and from blocks dealt in turn: no more than SUMMA needs in place. */
static void no_more_words_than_summa(void **state) {
    (void)state;
    for (int ranks = 2; ranks <= 36; ranks += ranks < 10 ? 1 : 13)
        for (int shape = 0; shape < 4; shape++)
            for (int rows = 1; rows <= ranks; rows++) {
                trn_product_t p = product_of(shape, 0, ranks);
                trn_grid_shape_t grid = {rows, ranks / rows, 1};
                trn_dist_t *dist[3];
                trn_choice_t choice;
                if (ranks % rows != 0) continue;
                int64_t size[3][2] = {{p.m, p.k}, {p.k, p.n}, {p.m, p.n}};
                for (int i = 0; i < 3; i++)
                    assert_int_equal(
                        grid.cols == 1 ? trn_dist_create(&dist[i], size[i][0], size[i][1], ranks, 1)
                                       : trn_dist_create_cyclic(&dist[i], size[i][0], size[i][1],
                                                                12, 12, grid.rows, grid.cols),
                        TRN_OK);
                trn_layouts_t layouts = {dist[0], dist[1], dist[2]};
                assert_int_equal(
                    trn_product_choose(&p, &layouts, ranks, TRN_ALGORITHM_AUTO, 0, &choice),
                    TRN_OK);
                assert_true(choice.words <= trn_grid_words(grid, p.m, p.n, p.k) * (1 + 1e-12));
                for (int i = 0; i < 3; i++)
                    trn_dist_destroy(&dist[i]);
            }
}

/* What is asked for is what one gets, where sizes allow it. */
static void algorithms(void **state) {
    (void)state;
    for (int algorithm = TRN_ALGORITHM_CANNON; algorithm <= TRN_ALGORITHM_SCALAPACK; algorithm++)
        for (int ranks = 1; ranks <= 12; ranks++)
            for (int shape = 0; shape < 4; shape++) {
                trn_product_t p = product_of(shape, shape, 4);
                trn_choice_t choice;
                assert_int_equal(
                    trn_product_choose(&p, &none, ranks, (trn_algorithm_t)algorithm, 0, &choice),
                    TRN_OK);
                assert_int_equal(choice.algorithm, algorithm);
                if (algorithm != TRN_ALGORITHM_CANNON3D)
                    assert_int_equal(choice.shape.layers, 1);
                else if (ranks > 1)
                    assert_true(choice.shape.layers > 1);
            }
}

/* Fewer rows, columns and terms than ranks: nobody gets an empty part of a grid. */
static void small(void **state) {
    (void)state;
    for (int m = 0; m < 4; m++)
        for (int n = 0; n < 4; n++)
            for (int k = 0; k < 4; k++)
                for (int ranks = 1; ranks < 20; ranks += 3) {
                    trn_product_t p = {.m = m, .n = n, .k = k};
                    trn_choice_t choice;
                    assert_int_equal(
                        trn_product_choose(&p, &none, ranks, TRN_ALGORITHM_AUTO, 0, &choice),
                        TRN_OK);
                    assert_true(choice.shape.rows <= (m > 1 ? m : 1));
                    assert_true(choice.shape.cols <= (n > 1 ? n : 1));
                    assert_true(choice.shape.layers <= (k > 1 ? k : 1));
                }
}

static void refused(void **state) {
    (void)state;
    trn_product_t p = {.m = 8, .n = 8, .k = 8};
    trn_choice_t choice;
    trn_dist_t *odd, *wide;
    assert_int_equal(trn_dist_create(&odd, 8, 9, 2, 1), TRN_OK);
    assert_int_equal(trn_dist_create(&wide, 8, 8, 4, 1), TRN_OK);
    trn_layouts_t ill[] = {
        {odd, NULL, NULL}, {NULL, odd, NULL}, {NULL, NULL, odd}, {NULL, wide, NULL}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(trn_product_choose(&p, &ill[i], 2, TRN_ALGORITHM_AUTO, 0, &choice),
                         TRN_USAGE);
    assert_int_equal(trn_product_choose(&p, &none, 0, TRN_ALGORITHM_AUTO, 0, &choice), TRN_USAGE);
    p.k = -1;
    assert_int_equal(trn_product_choose(&p, &none, 2, TRN_ALGORITHM_AUTO, 0, &choice), TRN_USAGE);
    trn_dist_destroy(&odd);
    trn_dist_destroy(&wide);
}

/* Too little memory is refused with an amount that is accepted, and less of which is not. */
static void memory_limit(void **state) {
    (void)state;
    for (int ranks = 1; ranks <= 8; ranks++) {
        trn_product_t p = {.type = TRN_F64, .m = 500, .n = 700, .k = 900};
        trn_dist_t *dist[3];
        trn_choice_t choice;
        long long least;
        assert_int_equal(trn_dist_create(&dist[0], p.m, p.k, 1, ranks), TRN_OK);
        assert_int_equal(trn_dist_create(&dist[1], p.k, p.n, 1, ranks), TRN_OK);
        assert_int_equal(trn_dist_create(&dist[2], p.m, p.n, 1, ranks), TRN_OK);
        trn_layouts_t layouts = {dist[0], dist[1], dist[2]};
        assert_int_equal(trn_product_choose(&p, &layouts, ranks, TRN_ALGORITHM_AUTO, 1, &choice),
                         TRN_MEMORY);
        const char *amount = strstr(trn_message(), "; ");
        assert_non_null(amount);
        assert_int_equal(sscanf(amount, "; %lld", &least), 1);
        assert_int_equal(
            trn_product_choose(&p, &layouts, ranks, TRN_ALGORITHM_AUTO, least, &choice), TRN_OK);
        assert_true(choice.bytes <= least);
        assert_int_equal(
            trn_product_choose(&p, &layouts, ranks, TRN_ALGORITHM_AUTO, least - 1, &choice),
            TRN_MEMORY);
        for (int i = 0; i < 3; i++)
            trn_dist_destroy(&dist[i]);
    }
}

/* Choose and lay out, from given and from native layouts. */
static trn_status_t plan(const trn_layouts_t *layouts) {
    trn_product_t p = {.transpose_a = true, .m = 20, .n = 30, .k = 40};
    trn_dist_t *a = NULL, *b = NULL, *c = NULL;
    trn_choice_t choice;
    TRN_TRY(trn_product_choose(&p, &none, 4, TRN_ALGORITHM_AUTO, 0, &choice));
    trn_status_t status = trn_choice_native(&p, &choice, &a, &b, &c);
    if (status == TRN_OK)
        status = trn_product_choose(&p, layouts, 4, TRN_ALGORITHM_AUTO, 0, &choice);
    trn_dist_destroy(&a);
    trn_dist_destroy(&b);
    trn_dist_destroy(&c);
    return status;
}

static void memory_failure(void **state) {
    (void)state;
    trn_dist_t *dist[3];
    assert_int_equal(trn_dist_create(&dist[0], 40, 20, 4, 1), TRN_OK);
    assert_int_equal(trn_dist_create(&dist[1], 40, 30, 4, 1), TRN_OK);
    assert_int_equal(trn_dist_create_cyclic(&dist[2], 20, 30, 2, 3, 2, 2), TRN_OK);
    trn_layouts_t layouts = {dist[0], dist[1], dist[2]};
    int64_t before = trn_mem_now(), calls = trn_mem_calls();
    assert_int_equal(plan(&layouts), TRN_OK);
    calls = trn_mem_calls() - calls;
    for (int64_t n = 1; n <= calls; n++) {
        trn_mem_fail_at(n);
        assert_int_equal(plan(&layouts), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_int_equal(trn_mem_now(), before);
    }
    for (int i = 0; i < 3; i++)
        trn_dist_destroy(&dist[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(bound),
        cmocka_unit_test(no_more_words_than_the_best_grid),
        cmocka_unit_test(no_more_words_than_summa),
        cmocka_unit_test(algorithms),
        cmocka_unit_test(small),
        cmocka_unit_test(refused),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(memory_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
