/* Steps with margin loss: gradients, as Adagrad's sums of squares show them, against central
 * differences of the loss by definition in float64; fused kernels against the models' own
 * functions; the order of a batch; rows that no triple has; NaN. */
#include "cmd/bench/contest/kg_margin.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ENTITIES = 7, /* the last one is in no triple */
    RELATIONS = 3,
    PAIRS = 11,
    MANY = 150, /* of one relation: more than two blocks */
    MOST_DIM = 34,
    MOST_SECOND = 19 * MOST_DIM
};

static const double MARGIN = 0.3;

/* Coinciding entities in all ways, both sides, relation 2 unused, relations not in order. */
static const trn_kg_pair_t pairs[PAIRS] = {
    {{0, 1, 1}, 2, TRN_SIDE_TAIL}, {{3, 0, 4}, 5, TRN_SIDE_HEAD}, {{2, 1, 2}, 0, TRN_SIDE_TAIL},
    {{1, 0, 3}, 3, TRN_SIDE_TAIL}, {{1, 1, 3}, 1, TRN_SIDE_TAIL}, {{4, 0, 0}, 0, TRN_SIDE_HEAD},
    {{5, 1, 5}, 5, TRN_SIDE_HEAD}, {{5, 0, 2}, 1, TRN_SIDE_TAIL}, {{2, 1, 4}, 3, TRN_SIDE_HEAD},
    {{0, 0, 5}, 4, TRN_SIDE_HEAD}, {{4, 1, 1}, 5, TRN_SIDE_TAIL}};

typedef struct world {
    trn_kg_margin_rule_t rule;
    float values[3][ENTITIES * MOST_SECOND], squares[3][ENTITIES * MOST_SECOND];
} world_t;

static world_t ours, other;

static void fill(trn_kg_table_t *t, int64_t rows, int64_t width, float *values, float *squares,
                 uint64_t row) {
    *t = (trn_kg_table_t){rows, width, values, squares};
    memset(squares, 0, (size_t)(rows * width) * sizeof *squares);
    for (int64_t i = 0; i < rows * width; i += 4) {
        double uniform[4];
        trn_rng_uniform(8, row, (uint32_t)(i / 4), 0, TRN_RNG_TEST, uniform);
        for (int64_t j = i; j < rows * width && j < i + 4; j++)
            values[j] = (float)(uniform[j - i] - 0.5);
    }
}

static void begin(world_t *w, const trn_model_t *model, const trn_model_shape_t *shape,
                  bool plain) {
    memset(w, 0, sizeof *w);
    trn_kg_margin_rule_t *r = &w->rule;
    *r = (trn_kg_margin_rule_t){
        .model = model, .shape = *shape, .margin = MARGIN, .rate = 0.01, .plain = plain};
    fill(&r->entity, ENTITIES, shape->dim, w->values[0], w->squares[0], 0);
    fill(&r->relation, RELATIONS, model->relation_width(shape), w->values[1], w->squares[1], 1);
    fill(&r->second, RELATIONS, model->second_width(shape), w->values[2], w->squares[2], 2);
}

typedef void check_t(const trn_model_t *model, const trn_model_shape_t *shape);

/* `check` for each model and norm at two sizes. */
static void everywhere(check_t *check) {
    const trn_model_shape_t sizes[] = {{6, 5, 0}, {MOST_DIM, 19, 0}};
    int checked = 0;
    for (const trn_model_t *const *model = trn_models; *model; model++)
        for (const char *norm = (*model)->norms; *norm; norm++)
            for (int i = 0; i < 2; i++) {
                trn_model_shape_t shape = sizes[i];
                shape.norm = *norm;
                check(*model, &shape);
                checked++;
            }
    assert_true(checked >= 2 * 13); /* seven models, thirteen norms */
}

/* Where the numbers of a table row stand in float64. */
static const double *widened(const trn_kg_table_t *t, int64_t row, const float *moved, double by,
                             double *to) {
    for (int64_t k = 0; k < t->width; k++) {
        const float *x = t->values + row * t->width + k;
        to[k] = (double)*x + (x == moved ? by : 0);
    }
    return to;
}

static double score(const world_t *w, trn_triple_t t, const float *moved, double by) {
    double h[MOST_DIM], r[MOST_DIM], s[MOST_SECOND], e[MOST_DIM];
    return w->rule.model->score_ref(&w->rule.shape, widened(&w->rule.entity, t.head, moved, by, h),
                                    widened(&w->rule.relation, t.relation, moved, by, r),
                                    widened(&w->rule.second, t.relation, moved, by, s),
                                    widened(&w->rule.entity, t.tail, moved, by, e));
}

/* The mean loss by definition with one number moved; counts pairs within the margin. */
static double loss_ref(const world_t *w, const float *moved, double by, int *within) {
    double sum = 0;
    for (int i = 0; i < PAIRS; i++) {
        trn_triple_t t = pairs[i].triple;
        double good = score(w, t, moved, by);
        *(pairs[i].side == TRN_SIDE_HEAD ? &t.head : &t.tail) = pairs[i].other;
        double loss = MARGIN - good + score(w, t, moved, by);
        sum += loss > 0 ? loss : 0;
        *within += loss > 0;
    }
    return sum / PAIRS;
}

static double step(world_t *w, int64_t count, const trn_kg_pair_t *batch, int steps) {
    trn_kg_margin_t *margin = NULL;
    double loss = 0;
    assert_int_equal(trn_kg_margin_create(&margin, &w->rule, count), TRN_OK);
    for (int i = 0; i < steps; i++)
        loss = trn_kg_margin_step(margin, count, batch);
    trn_kg_margin_destroy(&margin);
    assert_null(margin);
    return loss;
}

static int violated, kept;

static void gradient(const trn_model_t *model, const trn_model_shape_t *shape, bool plain) {
    begin(&ours, model, shape, plain);
    begin(&other, model, shape, plain);
    int within = 0;
    double want = loss_ref(&other, NULL, 0, &within), loss = step(&ours, PAIRS, pairs, 1);
    violated += within;
    kept += PAIRS - within;
    if (!(fabs(loss - want) <= 2e-6 * (1 + want)))
        fail_msg("%s: loss %g is not %g", model->name, loss, want);
    const trn_kg_table_t *tables[] = {&other.rule.entity, &other.rule.relation, &other.rule.second};
    const double by = 1e-6;
    for (int part = 0; part < 3; part++)
        for (int64_t i = 0; i < tables[part]->rows * tables[part]->width; i++) {
            const float *x = other.values[part] + i;
            double g =
                (loss_ref(&other, x, by, &within) - loss_ref(&other, x, -by, &within)) / (2 * by);
            double size = sqrt((double)ours.squares[part][i]);
            double way = (double)*x - (double)ours.values[part][i]; /* rate x sign of g */
            if (!(fabs(fabs(g) - size) <= 1e-5 * (1 + fabs(g))))
                fail_msg("%s %c part %d number %d: gradient %g, not %g", model->name, shape->norm,
                         part, (int)i, size, g);
            if (fabs(g) > 1e-4) assert_true(fabs(way - copysign(0.01, g)) < 1e-5);
        }
}

static void check_gradient(const trn_model_t *model, const trn_model_shape_t *shape) {
    gradient(model, shape, false);
    gradient(model, shape, true);
}

static void test_gradients(void **state) {
    (void)state;
    everywhere(check_gradient);
    if (violated < 100 || kept < 100) fail_msg("%d pairs violated, %d kept", violated, kept);
}

static void check_form(const trn_model_t *model, const trn_model_shape_t *shape) {
    (void)shape;
    assert_int_not_equal(model->form, TRN_FORM_PLAIN); /* so that the next test compares two ways */
}

/* Loss and gradients where one relation has more pairs than a block of TransR's holds. */
static void check_fused(const trn_model_t *model, const trn_model_shape_t *shape) {
    trn_kg_pair_t many[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = (trn_kg_pair_t){{i % 5, i == 0, i % 6}, i % 4, (trn_side_t)(i / 7 % 2)};
    begin(&ours, model, shape, false);
    begin(&other, model, shape, true);
    double a = step(&ours, MANY, many, 1), b = step(&other, MANY, many, 1);
    if (!(fabs(a - b) <= 1e-6 * b)) fail_msg("%s: %.9g, plainly %.9g", model->name, a, b);
    for (int part = 0; part < 3; part++)
        for (int64_t i = 0; i < ENTITIES * MOST_SECOND; i++) {
            double x = sqrt((double)ours.squares[part][i]);
            double y = sqrt((double)other.squares[part][i]);
            if (!(fabs(x - y) <= 2e-6 * (1 + y)))
                fail_msg("%s %c: gradient %g, plainly %g", model->name, shape->norm, x, y);
        }
}

static void test_fused(void **state) {
    (void)state;
    everywhere(check_form);
    everywhere(check_fused);
}

/* Pairs of different relations may change places; what no pair has stays as it is. */
static void check_order(const trn_model_t *model, const trn_model_shape_t *shape) {
    trn_kg_pair_t sorted[PAIRS];
    int count = 0;
    for (int relation = 0; relation < RELATIONS; relation++)
        for (int i = 0; i < PAIRS; i++)
            if (pairs[i].triple.relation == relation) sorted[count++] = pairs[i];
    assert_int_equal(count, PAIRS);
    begin(&ours, model, shape, false);
    begin(&other, model, shape, false);
    step(&ours, PAIRS, pairs, 2);
    step(&other, PAIRS, sorted, 2);
    assert_memory_equal(ours.values, other.values, sizeof ours.values);
    assert_memory_equal(ours.squares, other.squares, sizeof ours.squares);
    begin(&other, model, shape, false);
    const trn_kg_table_t *tables[] = {&ours.rule.entity, &ours.rule.relation, &ours.rule.second};
    for (int part = 0; part < 3; part++) {
        int64_t width = tables[part]->width, at = (tables[part]->rows - 1) * width;
        assert_memory_equal(ours.values[part] + at, other.values[part] + at,
                            (size_t)width * sizeof(float));
        if (width > 0)
            assert_memory_not_equal(ours.values[part], other.values[part],
                                    (size_t)width * sizeof(float));
    }
}

static void test_order(void **state) {
    (void)state;
    everywhere(check_order);
}

static void check_nan(const trn_model_t *model, const trn_model_shape_t *shape) {
    for (int plain = 0; plain < 2; plain++) {
        begin(&ours, model, shape, plain);
        ours.values[0][2 * shape->dim] = nanf("");
        assert_true(isnan(step(&ours, PAIRS, pairs, 1)));
    }
}

static void test_nan(void **state) {
    (void)state;
    everywhere(check_nan);
}

/* Every allocation of the making fails once; nothing stays behind. */
static void test_memory(void **state) {
    (void)state;
    const trn_model_t *model = trn_model_find("transr");
    begin(&ours, model, &(trn_model_shape_t){6, 5, '2'}, false);
    int64_t before = trn_mem_now();
    for (int n = 1; n <= 6; n++) {
        trn_kg_margin_t *margin = NULL;
        trn_mem_fail_at(n);
        assert_int_equal(trn_kg_margin_create(&margin, &ours.rule, PAIRS), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_null(margin);
        assert_int_equal(trn_mem_now(), before);
    }
    step(&ours, PAIRS, pairs, 1);
    assert_int_equal(trn_mem_now(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_fused),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_nan),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
