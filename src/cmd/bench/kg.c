/* bench kg: one step of knowledge-graph training on made-up triples, on one thread. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cmd/bench/contest/kg_margin.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

enum { SEED = 1 };
/* Steps of the random numbers: what they are for; negatives take the steps from NEGATIVES on. */
enum { ENTITIES, RELATIONS, SECONDS, TRIPLES, NEGATIVES };

static const double MARGIN = 1, RATE = 0.01;

typedef struct bench {
    trn_kg_margin_rule_t rule;
    int64_t batch, step;
    trn_kg_pair_t *pairs;
    trn_kg_margin_t *margin;
    double loss; /* of the latest step, a mean */
} bench_t;

static trn_status_t make_table(trn_kg_table_t *t, int64_t rows, int64_t width, uint32_t step) {
    *t = (trn_kg_table_t){.rows = rows, .width = width};
    TRN_TRY(trn_alloc(&t->values, rows * width, sizeof *t->values, "parameters"));
    TRN_TRY(trn_alloc_zero(&t->squares, rows * width, sizeof *t->squares, "sums of squares"));
    for (int64_t i = 0; i < rows; i++)
        trn_rng_normal_row(SEED, (uint64_t)i, step, TRN_RNG_TEST, 0.1, width,
                           t->values + i * width);
    return TRN_OK;
}

static void free_table(trn_kg_table_t *t) {
    trn_free(&t->values);
    trn_free(&t->squares);
}

/* Uniform triples, their relations in ascending order, as a trainer sorts a batch. */
static void make_triples(const bench_t *b) {
    int64_t entities = b->rule.entity.rows, relations = b->rule.relation.rows;
    for (int64_t i = 0; i < b->batch; i++) {
        double u[4];
        trn_rng_uniform(SEED, (uint64_t)i, 0, TRIPLES, TRN_RNG_TEST, u);
        b->pairs[i].triple = (trn_triple_t){.head = (int32_t)(u[0] * (double)entities),
                                            .relation = (int32_t)(i * relations / b->batch),
                                            .tail = (int32_t)(u[1] * (double)entities)};
    }
}

/* One negative for each positive: either side, any entity. */
static void draw(const bench_t *b) {
    uint64_t entities = (uint64_t)b->rule.entity.rows;
    for (int64_t i = 0; i < b->batch; i += 2) {
        uint32_t words[4];
        trn_rng_words(SEED, (uint64_t)i, 0, (uint32_t)(NEGATIVES + b->step), TRN_RNG_TEST, words);
        for (int64_t j = i; j < b->batch && j < i + 2; j++) {
            const uint32_t *w = words + 2 * (j - i);
            b->pairs[j].side = w[0] >> 31 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
            b->pairs[j].other = (int32_t)(((uint64_t)w[1] * entities) >> 32);
        }
    }
}

static void step(bench_t *b) {
    draw(b);
    b->loss = trn_kg_margin_step(b->margin, b->batch, b->pairs);
    b->step++;
}

/* The score of a triple by its definition, from the tables as they are. `v` is room for them. */
static double score_of(const bench_t *b, int64_t h, int64_t r, int64_t t, double *v) {
    const trn_kg_table_t *entity = &b->rule.entity;
    const trn_kg_table_t *from[] = {entity, &b->rule.relation, &b->rule.second, entity};
    const int64_t row[] = {h, r, r, t};
    double *part[4];
    for (int i = 0; i < 4; i++) {
        part[i] = v;
        for (int64_t k = 0; k < from[i]->width; k++)
            *v++ = (double)from[i]->values[row[i] * from[i]->width + k];
    }
    return b->rule.model->score_ref(&b->rule.shape, part[0], part[1], part[2], part[3]);
}

/* The mean loss of the first step by the definition. */
static trn_status_t loss_ref(const bench_t *b, double *loss) {
    double *v = NULL;
    const trn_kg_margin_rule_t *rule = &b->rule;
    int64_t width = 2 * rule->entity.width + rule->relation.width + rule->second.width;
    TRN_TRY(trn_alloc(&v, width, sizeof *v, "rows in float64"));
    draw(b);
    *loss = 0;
    for (int64_t i = 0; i < b->batch; i++) {
        trn_triple_t t = b->pairs[i].triple;
        double good = score_of(b, t.head, t.relation, t.tail, v);
        *(b->pairs[i].side == TRN_SIDE_HEAD ? &t.head : &t.tail) = b->pairs[i].other;
        double bad = score_of(b, t.head, t.relation, t.tail, v);
        *loss += fmax(0, MARGIN - good + bad) / (double)b->batch;
    }
    trn_free(&v);
    return TRN_OK;
}

static trn_status_t prepare(trn_run_t *run, bench_t *b) {
    trn_kg_margin_rule_t *rule = &b->rule;
    const trn_model_t *m = rule->model;
    const trn_model_shape_t *shape = &rule->shape;
    int64_t entities = trn_params_int(run->params, "entities");
    int64_t relations = trn_params_int(run->params, "relations");
    TRN_TRY(make_table(&rule->entity, entities, shape->dim, ENTITIES));
    TRN_TRY(make_table(&rule->relation, relations, m->relation_width(shape), RELATIONS));
    TRN_TRY(make_table(&rule->second, relations, m->second_width(shape), SECONDS));
    TRN_TRY(trn_alloc(&b->pairs, b->batch, sizeof *b->pairs, "triples"));
    TRN_TRY(trn_kg_margin_create(&b->margin, rule, b->batch));
    if (m->start_relation)
        m->start_relation(shape, relations, rule->relation.values, rule->second.values);
    make_triples(b);
    return TRN_OK;
}

static trn_status_t report(trn_run_t *run, const bench_t *b, double cpu, double first,
                           double wanted) {
    double off = fabs(first - wanted) / fmax(wanted, 1e-30);
    return trn_bench_case(
        run->result, "{s:s,s:s#,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "model",
        b->rule.model->name, "norm", &b->rule.shape.norm, 1, "dim", (json_int_t)b->rule.shape.dim,
        "batch", (json_int_t)b->batch, "entities", (json_int_t)b->rule.entity.rows, "cpu_seconds",
        cpu, "positives_per_cpu_s", (double)b->batch / cpu, "peak_rss_mb",
        (double)trn_peak_rss() / 1e6, "loss_first", first, "loss_last", b->loss, "resid", off,
        "verdict", off < 1e-4 && b->loss < first ? "PASSED" : "FAILED");
}

static trn_status_t measure(trn_run_t *run, const trn_model_t *model) {
    bench_t b = {.rule = {.model = model, .margin = MARGIN, .rate = RATE},
                 .batch = trn_params_int(run->params, "batch")};
    int64_t dim = trn_params_int(run->params, "dim");
    int64_t repeats = trn_params_int(run->params, "repeats");
    b.rule.shape = (trn_model_shape_t){dim, dim, model->norms[0]};
    if (strchr(model->norms, '2')) b.rule.shape.norm = '2';
    double wanted = 0;
    trn_peak_rss_reset();
    trn_status_t status = prepare(run, &b);
    if (status == TRN_OK) status = loss_ref(&b, &wanted);
    if (status == TRN_OK) {
        step(&b); /* to warm up, and for the check */
        double first = b.loss, start = trn_cpu_seconds();
        for (int64_t i = 0; i < repeats; i++)
            step(&b);
        double cpu = (trn_cpu_seconds() - start) / (double)repeats;
        status = report(run, &b, cpu, first, wanted);
    }
    trn_kg_margin_destroy(&b.margin);
    free_table(&b.rule.entity);
    free_table(&b.rule.relation);
    free_table(&b.rule.second);
    trn_free(&b.pairs);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *name = trn_params_text(run->params, "model");
    const trn_model_t *model = trn_model_find(name);
    if (!model && strcmp(name, "all") != 0)
        return trn_fail(TRN_USAGE, "--model: '%s' is no model; see 'trunnion help bench kg'", name);
    if (trn_params_int(run->params, "dim") % 2 != 0)
        return trn_fail(TRN_USAGE, "--dim: odd, but complex vectors have two halves; take an even "
                                   "one");
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = TRN_OK;
    for (const trn_model_t *const *m = trn_models; *m && run->rank == 0 && status == TRN_OK; m++)
        if (!model || *m == model) status = measure(run, *m);
    TRN_TRY(trn_agree(run->comm, status));
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

static const trn_param_t params[] = {
    {"model", 0, TRN_PARAM_TEXT, "all", .metavar = "NAME",
     .help = "transe, transh, transr, toruse, distmult, complex or rotate; all: each in turn"},
    {"entities", 0, TRN_PARAM_INT, "14541", 2, 1 << 30, .help = "entities"},
    {"relations", 0, TRN_PARAM_INT, "237", 1, 1 << 30, .help = "relations"},
    {"dim", 0, TRN_PARAM_INT, "256", 2, 65536, .help = "floats of a vector"},
    {"batch", 0, TRN_PARAM_INT, "32768", 1, 1 << 30, .help = "positive triples of a step"},
    {"repeats", 0, TRN_PARAM_INT, "5", 1, 100000, .help = "steps timed, after one more"},
    {0},
};

const trn_command_t trn_bench_kg = {
    .name = "bench kg",
    .summary = "time training steps of the knowledge-graph models",
    .files = "",
    .description = "One step: a batch of made-up positives, each with one fresh negative on either "
                   "side, margin loss, gradients and Adagrad on the touched rows, on rank 0 and "
                   "one thread. PASSED: the first loss is the definition's in float64 to 1e-4 "
                   "(resid), and the last one is smaller.",
    .max_files = 0,
    .params = params,
    .run = run,
};
