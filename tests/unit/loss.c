/* kern/loss: costs and weights against the definitions in float64, and weights against differences
 * of costs. */
#include "kern/train/loss.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 203 };

static const trn_loss_t losses[] = {{TRN_LOSS_SOFTMAX, 0, 1, 2.5f},
                                    {TRN_LOSS_BCE, 0.5f, 1, 1},
                                    {TRN_LOSS_MARGIN, 1, 1, 1},
                                    {TRN_LOSS_ADVERSARIAL, 2, 0.7f, 1}};
enum { LOSSES = sizeof losses / sizeof *losses };

static double soft_plus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The loss by its definition; `held` are the scores of which the adversarial weights are made. */
static double cost_of(const trn_loss_t *loss, int64_t n, double a, const double *s,
                      const double *held) {
    double c = (double)loss->margin, sum = 0, weights = 0;
    if (loss->kind == TRN_LOSS_SOFTMAX) {
        double top = a;
        for (int64_t j = 0; j < n; j++)
            top = fmax(top, s[j]);
        sum = exp(a - top);
        for (int64_t j = 0; j < n; j++)
            sum += (double)loss->weight * exp(s[j] - top);
        return log(sum) + top - a;
    }
    for (int64_t j = 0; j < n; j++) {
        double p = 1;
        if (loss->kind == TRN_LOSS_ADVERSARIAL) p = exp((double)loss->temperature * held[j]);
        weights += p;
        sum += p * (loss->kind == TRN_LOSS_MARGIN ? fmax(0, c - a + s[j]) : soft_plus(s[j] + c));
    }
    return sum / weights + (loss->kind == TRN_LOSS_MARGIN ? 0 : soft_plus(-(a + c)));
}

static void draw(uint64_t row, double scale, int64_t n, float *s, double *exact) {
    trn_rng_normal_row(3, row, 0, TRN_RNG_TEST, scale, n, s);
    for (int64_t j = 0; j < n; j++)
        exact[j] = (double)s[j];
}

static void equals_definition(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 15, 16, 17, 64, N};
    for (int l = 0; l < LOSSES; l++)
        for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++)
            for (uint64_t row = 0; row < 6; row++) {
                int64_t n = sizes[z];
                float s[N], w[N], answer;
                double exact[N], a, scale, own;
                trn_loss_part_t part;
                draw(row, row < 3 ? 1 : 12, n, s, exact);
                draw(100 + row, 2, 1, &answer, &a);
                trn_loss_parts(&losses[l], 1, n, s, &answer, w, &part);
                double cost = trn_loss_close(&losses[l], n, a, &part, &scale, &own);
                double wanted = cost_of(&losses[l], n, a, exact, exact);
                assert_true(fabs(cost - wanted) < 1e-5 * (1 + wanted));
                const double h = 1e-5;
                double slope = (cost_of(&losses[l], n, a + h, exact, exact) -
                                cost_of(&losses[l], n, a - h, exact, exact)) /
                               (2 * h);
                assert_true(fabs(slope - own) < 1e-5);
                for (int64_t j = 0; j < n; j += 1 + n / 7) {
                    double moved[N], there = exact[j];
                    memcpy(moved, exact, sizeof moved);
                    moved[j] = there + h;
                    slope = cost_of(&losses[l], n, a, moved, exact);
                    moved[j] = there - h;
                    slope = (slope - cost_of(&losses[l], n, a, moved, exact)) / (2 * h);
                    assert_true(fabs(slope - scale * (double)w[j]) < 1e-5);
                }
            }
}

static void shows_nan(void **state) {
    (void)state;
    for (int l = 0; l < LOSSES; l++)
        for (int64_t at = 0; at < 40; at += 13) {
            float s[40] = {0}, w[40], answer = 1;
            double scale, own;
            trn_loss_part_t part;
            s[at] = NAN;
            trn_loss_parts(&losses[l], 1, 40, s, &answer, w, &part);
            assert_true(isnan(trn_loss_close(&losses[l], 40, 1, &part, &scale, &own)));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_definition),
                                       cmocka_unit_test(shows_nan)};
    return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
