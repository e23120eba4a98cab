/* kg_rules_compose.c: what a chain of relations is, as one relation. */
#include "algo/kg/answer/kg_rules_impl.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { LANES = 4 /* sums run side by side; the order of addition is fixed */ };

static double total(const double lanes[LANES]) {
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

static double length_of(int64_t width, const double *x) {
    double lanes[LANES] = {0};
    for (int64_t k = 0; k < width; k++)
        lanes[k % LANES] += x[k] * x[k];
    return sqrt(total(lanes));
}

static bool is(const trn_model_t *model, const char *name) {
    return strcmp(model->name, name) == 0;
}

trn_status_t trn_rules_able(const trn_model_t *model) {
    if (is(model, "transe") || is(model, "distmult") || is(model, "complex") || is(model, "rotate"))
        return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "M.h5: relations of the model %s cannot be composed; train transe, distmult, "
                    "complex or rotate",
                    model->name);
}

/* Row r of the model, and the same relation the other way round. */
static void take_row(trn_composer_t *c, const trn_kg_header_t *header, const float *row,
                     double *forth, double *back) {
    int64_t half = c->width / 2;
    bool phases = is(header->model, "rotate");
    for (int64_t k = 0; k < c->width; k++) {
        if (phases)
            forth[k] = k < half ? cos((double)row[k]) : sin((double)row[k - half]);
        else
            forth[k] = (double)row[k];
    }
    double length = c->how == TRN_COMPOSE_SUM ? 1 : length_of(c->width, forth);
    for (int64_t k = 0; k < c->width; k++) {
        if (length > 0) forth[k] /= length;
        bool minus = c->how == TRN_COMPOSE_SUM || (c->how == TRN_COMPOSE_COMPLEX && k >= half);
        back[k] = minus ? -forth[k] : forth[k];
    }
}

trn_status_t trn_composer_create(trn_composer_t *composer, const trn_kg_model_t *model) {
    trn_composer_t *c = composer;
    const trn_kg_header_t *header = &model->header;
    int64_t relations = header->relations, width = header->model->relation_width(&header->shape);
    *c = (trn_composer_t){0};
    TRN_TRY(trn_rules_able(header->model));
    c->how = is(header->model, "transe")     ? TRN_COMPOSE_SUM
             : is(header->model, "distmult") ? TRN_COMPOSE_PRODUCT
                                             : TRN_COMPOSE_COMPLEX;
    c->atoms = 2 * relations;
    c->width = is(header->model, "rotate") ? 2 * width : width;
    TRN_TRY(trn_alloc(&c->atom, c->atoms * c->width, sizeof *c->atom, "relations"));
    trn_status_t status = trn_alloc(&c->scratch, (TRN_RULE_LENGTH + 1) * c->width,
                                    sizeof *c->scratch, "compositions");
    if (status != TRN_OK) {
        trn_composer_destroy(c);
        return status;
    }
    for (int64_t r = 0; r < relations; r++)
        take_row(c, header, model->relation + r * width, c->atom + r * c->width,
                 c->atom + (relations + r) * c->width);
    return TRN_OK;
}

void trn_composer_plan(trn_ledger_t *ledger, const trn_kg_header_t *header) {
    int64_t width = header->model->relation_width(&header->shape);
    if (is(header->model, "rotate")) width *= 2;
    trn_ledger_take(ledger, "relations", (2 * header->relations + TRN_RULE_LENGTH + 1) * width,
                    (int64_t)sizeof(double));
}

void trn_composer_destroy(trn_composer_t *composer) {
    trn_free(&composer->atom);
    trn_free(&composer->scratch);
}

void trn_composer_extend(trn_composer_t *composer, int n, int64_t atom) {
    int64_t width = composer->width, half = width / 2;
    const double *a = composer->atom + atom * width, *x = composer->scratch + (n - 1) * width;
    double *y = composer->scratch + n * width;
    if (n == 1) {
        memcpy(y, a, (size_t)width * sizeof *y);
    } else if (composer->how == TRN_COMPOSE_SUM) {
        for (int64_t k = 0; k < width; k++)
            y[k] = x[k] + a[k];
    } else if (composer->how == TRN_COMPOSE_PRODUCT) {
        for (int64_t k = 0; k < width; k++)
            y[k] = x[k] * a[k];
    } else {
        for (int64_t k = 0; k < half; k++) {
            y[k] = x[k] * a[k] - x[half + k] * a[half + k];
            y[half + k] = x[k] * a[half + k] + x[half + k] * a[k];
        }
    }
}

double trn_composer_distance(const trn_composer_t *composer, int n, int64_t head) {
    int64_t width = composer->width;
    const double *x = composer->scratch + n * width, *h = composer->atom + head * width;
    double length = composer->how == TRN_COMPOSE_SUM ? 1 : length_of(width, x);
    double scale = length > 0 ? 1 / length : 1, lanes[LANES] = {0};
    for (int64_t k = 0; k < width; k++) {
        double d = x[k] * scale - h[k];
        lanes[k % LANES] += d * d;
    }
    return sqrt(total(lanes));
}
