/* Penalties on a question's rows: their gradients against central differences of the definitions in
 * float64, added to what is there, divided by the questions of a batch. */
#include "algo/kg/train/kg_state.h"
#include "base/rng.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { D = 14, KNOWN = 0, RELATION = D, ANSWER = 2 * D, ALL = 3 * D, QUESTIONS = 4 };

typedef struct penalty {
    double l2, n3, dura;
} penalty_t;

static double squared(bool complex, const double *row, int64_t k) {
    return complex ? row[k] * row[k] + row[D / 2 + k] * row[D / 2 + k] : row[k] * row[k];
}

static double penalty_of(const penalty_t *p, bool complex, bool answer, const double *rows) {
    double sum = 0;
    for (int64_t at = 0; at < (answer ? ALL : ANSWER); at += D)
        for (int64_t k = 0; k < (complex ? D / 2 : D); k++) {
            double vv = squared(complex, rows + at, k), rr = squared(complex, rows + RELATION, k);
            sum += p->l2 / 2 * vv + p->n3 / 3 * pow(vv, 1.5);
            if (at != RELATION) sum += p->dura / 2 * (vv + 3 * vv * rr);
        }
    return sum;
}

static void compare(const char *model, const penalty_t *p, bool answer) {
    trn_kg_state_t state = {
        .header = {.model = trn_model_find(model), .shape = {.dim = D, .relation_dim = D}},
        .options = {.l2 = p->l2, .n3 = p->n3, .dura = p->dura}};
    bool complex = state.header.model->complex;
    float v[ALL], g[ALL];
    double exact[ALL];
    trn_rng_normal_row(3, 0, 0, TRN_RNG_TEST, 1, ALL, v);
    for (int i = 0; i < ALL; i++) {
        exact[i] = (double)v[i];
        g[i] = 1;
    }
    const trn_kg_rows_t rows = {v + KNOWN, v + RELATION, answer ? v + ANSWER : NULL};
    const trn_kg_rows_t gradient = {g + KNOWN, g + RELATION, answer ? g + ANSWER : NULL};
    trn_kg_regularise(&state, QUESTIONS, &rows, &gradient);
    for (int i = 0; i < ALL; i++) {
        double x = exact[i], step = 1e-5;
        exact[i] = x + step;
        double high = penalty_of(p, complex, answer, exact);
        exact[i] = x - step;
        double low = penalty_of(p, complex, answer, exact);
        exact[i] = x;
        double wanted = 1 + (high - low) / (2 * step) / QUESTIONS;
        assert_true(fabs((double)g[i] - wanted) < 1e-5 * (1 + fabs(wanted)));
    }
}

static void gradients(void **unused) {
    (void)unused;
    static const penalty_t penalties[] = {{.l2 = 0.3}, {.n3 = 0.7}, {.dura = 0.4}, {0.1, 0.2, 0.3}};
    for (int i = 0; i < 4; i++)
        for (int answer = 0; answer < 2; answer++) {
            compare("distmult", &penalties[i], answer);
            compare("complex", &penalties[i], answer);
        }
}

/* Phases are of numbers of modulus 1, whatever they are. */
static void phases(void **unused) {
    (void)unused;
    trn_kg_state_t state = {.header = {.model = trn_model_find("rotate"), .shape = {.dim = 4}},
                            .options = {.n3 = 2}};
    float v[10] = {3, 0, 4, 0, -2, 1, 0, 5, 0, 12}, g[10] = {0};
    const float wanted[10] = {30, 0, 40, 0, 0, 0, 0, 130, 0, 312};
    const trn_kg_rows_t rows = {v, v + 4, v + 6}, gradient = {g, g + 4, g + 6};
    trn_kg_regularise(&state, 1, &rows, &gradient);
    for (int i = 0; i < 10; i++)
        assert_true(g[i] == wanted[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients), cmocka_unit_test(phases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
