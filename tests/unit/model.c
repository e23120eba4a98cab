/* Every scoring function of the table: against its definition, its gradients against central
 * differences of the definition in float64, batches against single rows, constraints. */
#include "model/model.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 7, MOST_DIM = 34, MOST_SECOND = 19 * MOST_DIM };

static float known[COUNT * MOST_DIM], relation[COUNT * MOST_DIM], candidate[COUNT * MOST_DIM],
    second[MOST_SECOND];

static void fill(float *x, int64_t n, uint64_t row) {
    for (int64_t i = 0; i < n; i += 4) {
        double uniform[4];
        trn_rng_uniform(5, row, (uint32_t)(i / 4), 0, TRN_RNG_TEST, uniform);
        for (int64_t j = i; j < n && j < i + 4; j++)
            x[j] = (float)(2 * uniform[j - i] - 1);
    }
}

static void near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.9g is not %.9g +- %g", a, b, tolerance);
}

typedef void check_t(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side);

/* `check` for each model, norm, side and two sizes, on fresh numbers. */
static void everywhere(check_t *check) {
    const trn_model_shape_t sizes[] = {{6, 5, 0}, {MOST_DIM, 19, 0}};
    int checked = 0;
    for (const trn_model_t *const *model = trn_models; *model; model++)
        for (const char *norm = (*model)->norms; *norm; norm++)
            for (int i = 0; i < 4; i++) {
                trn_model_shape_t shape = sizes[i / 2];
                shape.norm = *norm;
                fill(known, COUNT * MOST_DIM, 1);
                fill(relation, COUNT * MOST_DIM, 2);
                fill(candidate, COUNT * MOST_DIM, 3);
                fill(second, MOST_SECOND, 4);
                check(*model, &shape, i % 2 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL);
                checked++;
            }
    assert_true(checked >= 4 * 13); /* seven models, thirteen norms */
}

static void project(const trn_model_t *model, const trn_model_shape_t *shape, int64_t count,
                    const float *e, float *p) {
    if (model->project)
        model->project(shape, second, count, e, p);
    else
        memcpy(p, e, (size_t)(count * shape->dim) * sizeof *p);
}

/* s[count x count] of all known rows against all candidates, by query and trn_compare; q and p
 * [count x query width] are left behind. */
static void scores(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side,
                   int64_t count, const float *e, const float *r, const float *c, float *x,
                   float *q, float *p, float *s) {
    project(model, shape, count, e, x);
    project(model, shape, count, c, p);
    model->query(shape, side, count, x, r, q);
    trn_compare(model->metric(shape), model->query_width(shape), count, q, count, p, NULL, s,
                count);
}

static void widen(int64_t n, const float *x, double *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] = (double)x[i];
}

static double reference(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side,
                        const double *e, const double *r, const double *m, const double *c) {
    return side == TRN_SIDE_TAIL ? model->score_ref(shape, e, r, m, c)
                                 : model->score_ref(shape, c, r, m, e);
}

static void check_scores(const trn_model_t *model, const trn_model_shape_t *shape,
                         trn_side_t side) {
    float x[COUNT * MOST_DIM], q[COUNT * MOST_DIM], p[COUNT * MOST_DIM], s[COUNT * COUNT];
    double e[MOST_DIM], r[MOST_DIM], c[MOST_DIM], m[MOST_SECOND];
    int64_t dim = shape->dim, width = model->relation_width(shape);
    scores(model, shape, side, COUNT, known, relation, candidate, x, q, p, s);
    widen(MOST_SECOND, second, m);
    for (int64_t i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < COUNT; j++) {
            widen(dim, known + i * dim, e);
            widen(width, relation + i * width, r);
            widen(dim, candidate + j * dim, c);
            double want = reference(model, shape, side, e, r, m, c);
            near((double)s[i * COUNT + j], want, 1e-5 * (2 + fabs(want)));
        }
}

/* One triple's score in float64, with number k of one of its four parts moved by `by`. */
static double moved(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side,
                    int part, int64_t k, double by) {
    double v[4][MOST_SECOND];
    widen(MOST_DIM, known, v[0]);
    widen(MOST_DIM, relation, v[1]);
    widen(MOST_SECOND, second, v[2]);
    widen(MOST_DIM, candidate, v[3]);
    v[part][k] += by;
    return reference(model, shape, side, v[0], v[1], v[2], v[3]);
}

static void check_gradient(const trn_model_t *model, const trn_model_shape_t *shape,
                           trn_side_t side) {
    float x[MOST_DIM], q[MOST_DIM], p[MOST_DIM], s, w = 1;
    float gq[MOST_DIM] = {0}, gp[MOST_DIM] = {0}, gx[MOST_DIM], g[4][MOST_SECOND] = {{0}};
    scores(model, shape, side, 1, known, relation, candidate, x, q, p, &s);
    trn_compare_back(model->metric(shape), model->query_width(shape), 1, q, 1, p, &s, &w, 1, gq,
                     gp);
    model->query_back(shape, side, 1, x, relation, gq, gx, g[1]);
    if (model->project_back) {
        model->project_back(shape, second, 1, known, gx, g[0], g[2]);
        model->project_back(shape, second, 1, candidate, gp, g[3], g[2]);
    } else {
        memcpy(g[0], gx, sizeof gx);
        memcpy(g[3], gp, sizeof gp);
    }
    const int64_t widths[] = {shape->dim, model->relation_width(shape), model->second_width(shape),
                              shape->dim};
    const double step = 1e-6;
    for (int part = 0; part < 4; part++)
        for (int64_t k = 0; k < widths[part]; k++) {
            double want = (moved(model, shape, side, part, k, step) -
                           moved(model, shape, side, part, k, -step)) /
                          (2 * step);
            near((double)g[part][k], want, 2e-5 * (1 + fabs(want)));
        }
}

/* Row i of a batch is what it is alone: to rounding, as BLAS may sum another way. */
static void check_batch(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side) {
    float x[COUNT * MOST_DIM], q[COUNT * MOST_DIM], gq[COUNT * MOST_DIM], gx[COUNT * MOST_DIM],
        gr[COUNT * MOST_DIM];
    float x1[MOST_DIM], q1[MOST_DIM], gx1[MOST_DIM], gr1[MOST_DIM];
    int64_t dim = shape->dim, width = model->query_width(shape), own = model->relation_width(shape);
    fill(gq, COUNT * MOST_DIM, 6);
    project(model, shape, COUNT, known, x);
    model->query(shape, side, COUNT, x, relation, q);
    model->query_back(shape, side, COUNT, x, relation, gq, gx, gr);
    for (int64_t i = 0; i < COUNT; i++) {
        project(model, shape, 1, known + i * dim, x1);
        model->query(shape, side, 1, x1, relation + i * own, q1);
        model->query_back(shape, side, 1, x1, relation + i * own, gq + i * width, gx1, gr1);
        for (int64_t k = 0; k < width; k++) {
            near((double)q[i * width + k], (double)q1[k], 1e-5);
            near(gx[i * width + k], gx1[k], 1e-5);
        }
        for (int64_t k = 0; k < own; k++)
            near(gr[i * own + k], gr1[k], 1e-5);
    }
}

/* The gradient of a projected batch is the sum of its rows', added to what is there. */
static void check_project_batch(const trn_model_t *model, const trn_model_shape_t *shape,
                                trn_side_t side) {
    (void)side;
    if (!model->project) return;
    static float ge[COUNT * MOST_DIM], gm[MOST_SECOND], ge1[COUNT * MOST_DIM], gm1[MOST_SECOND];
    float gp[COUNT * MOST_DIM];
    int64_t dim = shape->dim, width = model->query_width(shape);
    fill(gp, COUNT * MOST_DIM, 6);
    fill(ge, COUNT * MOST_DIM, 7);
    fill(gm, MOST_SECOND, 8);
    memcpy(ge1, ge, sizeof ge);
    memcpy(gm1, gm, sizeof gm);
    model->project_back(shape, second, COUNT, known, gp, ge, gm);
    for (int64_t i = 0; i < COUNT; i++)
        model->project_back(shape, second, 1, known + i * dim, gp + i * width, ge1 + i * dim, gm1);
    for (int64_t i = 0; i < COUNT * dim; i++)
        near(ge[i], ge1[i], 1e-5);
    for (int64_t i = 0; i < model->second_width(shape); i++)
        near(gm[i], gm1[i], 2e-5);
}

static double length(int64_t n, const float *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* Normalised rows stay where they are when normalised again, and numbers stay finite, also for
 * rows of zeros and large ones; what each model promises of them is checked by name. */
static void check_constraint(const trn_model_t *model, const trn_model_shape_t *shape,
                             trn_side_t side) {
    (void)side;
    float again[COUNT * MOST_DIM], before[COUNT * MOST_DIM];
    int64_t dim = shape->dim, own = model->relation_width(shape);
    for (int64_t k = 0; k < dim; k++) {
        known[k] = 0;
        known[dim + k] *= 0.01f;
        known[2 * dim + k] *= 100;
        relation[k] *= 100;
    }
    memcpy(before, known, sizeof before);
    if (model->normalize_entity) {
        model->normalize_entity(shape, COUNT, known);
        memcpy(again, known, sizeof again);
        model->normalize_entity(shape, COUNT, again);
        for (int64_t i = 0; i < COUNT * dim; i++) {
            near(known[i], again[i], 1e-6);
            if (strcmp(model->name, "toruse") == 0) {
                assert_true(known[i] >= 0 && known[i] < 1);
                near(fabs(remainder((double)(before[i] - known[i]), 1)), 0, 1e-5);
            }
        }
        bool sphere = strcmp(model->name, "transe") == 0;
        for (int64_t i = 1; i < COUNT && strcmp(model->name, "toruse") != 0; i++) {
            double was = length(dim, before + i * dim);
            near(length(dim, known + i * dim), sphere || was > 1 ? 1 : was, 1e-5);
        }
        assert_true(strcmp(model->name, "toruse") == 0 || length(dim, known) == 0);
    }
    if (!model->normalize_relation) return;
    memcpy(before, relation, sizeof before);
    model->normalize_relation(shape, COUNT < MOST_SECOND / dim ? COUNT : 1, relation, second);
    for (int64_t i = 0; i < COUNT * own; i++)
        if (strcmp(model->name, "rotate") == 0) {
            double pi = acos(-1);
            assert_true((double)relation[i] > -pi && (double)relation[i] <= pi);
            near(cos((double)relation[i]), cos((double)before[i]), 1e-4);
            near(sin((double)relation[i]), sin((double)before[i]), 1e-4);
        } else
            assert_true(relation[i] == before[i]);
    if (strcmp(model->name, "transh") == 0)
        for (int64_t i = 0; i < COUNT; i++)
            near(length(dim, second + i * dim), 1, 1e-5);
}

/* What TransH projects lies in the hyperplane, whatever the length of the normal. */
static void check_plane(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side) {
    (void)side;
    if (strcmp(model->name, "transh") != 0) return;
    float p[COUNT * MOST_DIM], twice[COUNT * MOST_DIM];
    project(model, shape, COUNT, known, p);
    for (int64_t k = 0; k < shape->dim; k++)
        second[k] *= 3;
    project(model, shape, COUNT, p, twice);
    for (int64_t i = 0; i < COUNT; i++) {
        double along = 0;
        for (int64_t k = 0; k < shape->dim; k++) {
            along += (double)second[k] * (double)p[i * shape->dim + k];
            near(p[i * shape->dim + k], twice[i * shape->dim + k], 1e-6);
        }
        near(along, 0, 1e-5);
    }
}

/* Starting values are finite and usable; phases cover the circle evenly. */
static void check_start(const trn_model_t *model, const trn_model_shape_t *shape, trn_side_t side) {
    (void)side;
    enum { ROWS = 400 };
    static float r[ROWS * MOST_DIM], m[ROWS * MOST_DIM];
    if (!model->start_relation) return;
    bool rotate = strcmp(model->name, "rotate") == 0;
    for (int64_t i = 0; i < ROWS * MOST_DIM; i++)
        r[i] = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        trn_rng_normal_row(3, (uint64_t)i, 0, TRN_RNG_TEST, 1e-3, shape->dim, r + i * shape->dim);
        memcpy(m + i * shape->dim, r + i * shape->dim, (size_t)shape->dim * sizeof *m);
    }
    model->start_relation(shape, rotate ? ROWS : 1, r, m);
    if (!rotate) {
        for (int64_t k = 0; k < model->second_width(shape); k++)
            assert_true(isfinite(m[k]) && fabsf(m[k]) < 1.1f);
        return;
    }
    int64_t quarter[4] = {0}, n = ROWS * shape->dim / 2;
    for (int64_t i = 0; i < n; i++)
        quarter[(int)floor((double)(r[i] + 3.1415925f) / 1.5707964) & 3]++;
    for (int i = 0; i < 4; i++) /* four standard deviations */
        near((double)quarter[i], (double)n / 4, 4 * sqrt((double)n * 3 / 16));
}

static void test_scores(void **state) {
    (void)state;
    everywhere(check_scores);
}

static void test_gradients(void **state) {
    (void)state;
    everywhere(check_gradient);
}

static void test_batches(void **state) {
    (void)state;
    everywhere(check_batch);
    everywhere(check_project_batch);
}

static void test_constraints(void **state) {
    (void)state;
    everywhere(check_constraint);
    everywhere(check_plane);
    everywhere(check_start);
}

static void test_names(void **state) {
    (void)state;
    const char *const names[] = {"complex", "distmult", "rotate", "toruse",
                                 "transe",  "transh",   "transr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const trn_model_t *model = trn_model_find(names[i]);
        assert_non_null(model);
        assert_string_equal(model->name, names[i]);
        assert_true(strlen(model->title) > 0 && strlen(model->paper) > 0);
    }
    assert_null(trn_model_find("transx"));
    assert_null(trn_model_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),  cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_batches), cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
