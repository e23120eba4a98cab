/* kern/train/logistic: minima in closed form, separable examples, coefficients of scikit-learn. */
#include "kern/train/logistic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 20, COLS = 3, LABELS = 2 };

/* Inputs that any language can make. */
static double number(int64_t i, int64_t j, int64_t s) {
    return (double)((2654435761 * i + 40503 * j + 97 * s + 69069 * i * j) % 65537) / 65537;
}

static trn_logistic_end_t fit(const trn_logistic_t *l, double *w) {
    double *space = malloc((size_t)trn_logistic_space(l->rows, l->cols, l->labels) * sizeof *space);
    trn_logistic_end_t end = trn_logistic_fit(l, space, w);
    free(space);
    return end;
}

static trn_logistic_t problem(const double *x, int64_t rows, int64_t cols, const uint8_t *label,
                              double c) {
    return (trn_logistic_t){.x = x,
                            .cols = cols,
                            .rows = rows,
                            .labels = 1,
                            .label = label,
                            .c = c,
                            .tolerance = 1e-12,
                            .steps = 100};
}

/* The root of w - 2 c / (1 + e^w), by halving. */
static double closed_form(double c) {
    double low = 0, high = 2 * c;
    for (int i = 0; i < 200; i++) {
        double w = (low + high) / 2;
        if (w < 2 * c / (1 + exp(w)))
            low = w;
        else
            high = w;
    }
    return low;
}

/* x = 1 has the label and x = -1 has not: the bias is 0 and w = 2 c sigmoid(-w). */
static void two_points(void **state) {
    (void)state;
    static const double x[] = {1, -1}, weights[] = {1e-3, 0.1, 1, 30, 1e6};
    static const uint8_t label[] = {1, 0};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        double w[2];
        trn_logistic_t l = problem(x, 2, 1, label, weights[i]);
        trn_logistic_end_t end = fit(&l, w);
        assert_true(end.finite && end.unsettled == 0);
        assert_true(fabs(w[0] - closed_form(weights[i])) <= 1e-11 * w[0]);
        assert_true(fabs(w[1]) <= 1e-12);
    }
}

/* One example, at 0: only the bias can tell, and it is penalized: b = c sigmoid(-b). */
static void bias_is_penalized(void **state) {
    (void)state;
    static const double x[] = {0};
    static const uint8_t label[] = {1};
    double w[2];
    trn_logistic_t l = problem(x, 1, 1, label, 2);
    fit(&l, w);
    assert_true(w[0] == 0);
    assert_true(fabs(w[1] - closed_form(1)) <= 1e-12);
}

/* Far apart and with a large c the loss alone has no minimum; the penalty gives one. */
static void separable(void **state) {
    (void)state;
    double x[ROWS], w[2];
    uint8_t label[ROWS];
    for (int i = 0; i < ROWS; i++) {
        label[i] = (uint8_t)(i % 2);
        x[i] = (label[i] ? 1000 : -1000) + i;
    }
    trn_logistic_t l = problem(x, ROWS, 1, label, 1e5);
    trn_logistic_end_t end = fit(&l, w);
    assert_true(end.finite && end.unsettled == 0);
    double g = w[0]; /* the gradient at the minimum is 0 */
    for (int i = 0; i < ROWS; i++) {
        double m = w[0] * x[i] + w[1], y = label[i] ? 1 : -1;
        assert_true(y * m > 0);
        g += -1e5 * y * x[i] / (1 + exp(y * m));
    }
    assert_true(fabs(g) <= 1e-11 * 1e5 * 1000 * ROWS);
}

/* LogisticRegression(solver="liblinear", tol=1e-14) of scikit-learn, which stops within 1e-7. */
static const double wanted[2][LABELS][COLS + 1] = {
    {{1.3765523418230272, 0.36795872973249383, -0.07290716831542755, -0.17170513386982791},
     {-0.4994512793970718, 0.8089210305526646, 1.0961671808340125, -0.3282452408080554}},
    {{5.708630359199221, 1.6571700357046035, -0.8065026690476955, -0.4660572191879448},
     {-1.4242098631832132, 2.0846667005514226, 3.6431372109382765, -2.193037857479811}}};

static void make(double *x, uint8_t *label) {
    for (int64_t i = 0; i < ROWS; i++) {
        double *row = x + i * COLS;
        for (int64_t j = 0; j < COLS; j++)
            row[j] = number(i, j, 5) * 4 - 2;
        label[i] = row[0] + row[1] * 0.5 + number(i, 0, 9) * 2 - 1 > 0;
        label[ROWS + i] = row[2] - 0.3 * row[0] + number(i, 1, 9) - 1.2 > 0;
    }
}

static void scikit_learn(void **state) {
    (void)state;
    double x[ROWS * COLS], w[LABELS * (COLS + 1)];
    uint8_t label[LABELS * ROWS];
    make(x, label);
    for (int k = 0; k < 2; k++) {
        trn_logistic_t l = problem(x, ROWS, COLS, label, k ? 20 : 0.5);
        l.labels = LABELS;
        trn_logistic_end_t end = fit(&l, w);
        assert_true(end.finite && end.unsettled == 0 && end.steps < 20);
        for (int i = 0; i < LABELS; i++)
            for (int j = 0; j <= COLS; j++)
                assert_true(fabs(w[i * (COLS + 1) + j] - wanted[k][i][j]) <= 1e-6);
    }
}

/* Rows by number, and more than a block of them, repeated: as once with a larger c. */
static void rows_by_number(void **state) {
    (void)state;
    enum { TIMES = 15 };
    double x[ROWS * COLS], w[LABELS * (COLS + 1)], score[LABELS * ROWS * TIMES];
    double behind[ROWS * COLS];
    uint8_t label[LABELS * ROWS], many[LABELS * ROWS * TIMES];
    int32_t row[ROWS * TIMES];
    make(x, label);
    for (int i = 0; i < ROWS * COLS; i++)
        behind[i] = x[ROWS * COLS - 1 - i]; /* columns and rows from behind */
    for (int i = 0; i < ROWS * TIMES; i++) {
        row[i] = ROWS - 1 - i % ROWS;
        for (int k = 0; k < LABELS; k++)
            many[k * ROWS * TIMES + i] = label[k * ROWS + i % ROWS];
    }
    trn_logistic_t l = problem(x, ROWS * TIMES, COLS, many, 20.0 / TIMES);
    l.x = behind;
    l.row = row;
    l.labels = LABELS;
    fit(&l, w);
    for (int i = 0; i < LABELS; i++)
        for (int j = 0; j < COLS; j++)
            assert_true(fabs(w[i * (COLS + 1) + COLS - 1 - j] - wanted[1][i][j]) <= 1e-6);
    double *space = malloc((size_t)trn_logistic_space(l.rows, COLS, LABELS) * sizeof *space);
    trn_logistic_scores(&l, w, space, score);
    free(space);
    for (int i = 0; i < l.rows; i++)
        for (int k = 0; k < LABELS; k++) {
            const double *v = w + k * (COLS + 1);
            double sum = v[COLS];
            for (int j = 0; j < COLS; j++)
                sum += v[j] * behind[row[i] * COLS + j];
            assert_true(fabs(score[k * l.rows + i] - sum) <= 1e-12);
        }
}

/* A basis, be it of other rows, changes how one comes to the minimum, not the minimum. */
static void with_a_basis(void **state) {
    (void)state;
    double x[ROWS * COLS], w[LABELS * (COLS + 1)], basis[16], values[4] = {0};
    uint8_t label[LABELS * ROWS];
    make(x, label);
    for (int i = 0; i < 16; i++)
        basis[i] = 0.5 * (__builtin_parity((unsigned)(i / 4 & i % 4)) ? -1 : 1); /* orthogonal */
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < ROWS; k++) {
            const double *b = basis + 4 * i, *row = x + COLS * k;
            double along = b[0] * row[0] + b[1] * row[1] + b[2] * row[2] + b[3];
            values[i] += along * along;
        }
    trn_logistic_t l = problem(x, ROWS, COLS, label, 20);
    l.labels = LABELS;
    l.basis = basis;
    l.values = values;
    l.share = 0.7;
    trn_logistic_end_t end = fit(&l, w);
    assert_true(end.finite && end.unsettled == 0);
    for (int i = 0; i < LABELS; i++)
        for (int j = 0; j <= COLS; j++)
            assert_true(fabs(w[i * (COLS + 1) + j] - wanted[1][i][j]) <= 1e-6);
}

/* Nothing to tell apart, and numbers that are too large. */
static void extremes(void **state) {
    (void)state;
    double x[] = {0, 0, 0, 0}, w[3];
    static const uint8_t label[] = {1, 0};
    trn_logistic_t l = problem(x, 2, 2, label, 1);
    trn_logistic_end_t end = fit(&l, w);
    assert_true(end.finite && end.unsettled == 0 && w[0] == 0 && w[1] == 0 && w[2] == 0);
    for (int i = 0; i < 4; i++)
        x[i] = 1e200 * (i + 1);
    assert_false(fit(&l, w).finite);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_points),     cmocka_unit_test(bias_is_penalized),
        cmocka_unit_test(separable),      cmocka_unit_test(scikit_learn),
        cmocka_unit_test(rows_by_number), cmocka_unit_test(with_a_basis),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
