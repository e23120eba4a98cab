/* bench kg: one step of knowledge-graph training on made-up triples, on one thread. */
#include "algo/bench.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cmd/command.h"
#include "kern/compare_simd.h"
#include "kern/swivel.h"
#include "model/model.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

enum { SEED = 1, CHUNK = 64 /* triples whose rows are worked on while they are in cache */ };
/* Steps of the random numbers: what they are for; negatives take the steps from NEGATIVES on. */
enum { ENTITIES, RELATIONS, SECONDS, TRIPLES, NEGATIVES };

static const float MARGIN = 1, RATE = 0.01f;

/* A parameter matrix with gradient and Adagrad's sums; touched rows are marked. */
typedef struct table {
    int64_t rows, width;
    float *value, *gradient, *sum;
    unsigned char *touched;
} table_t;

/* h, r, t, and the entity that stands in for h (head) or t. */
typedef struct triple {
    int32_t h, r, t, other;
    int32_t head;
} triple_t;

typedef struct bench {
    const trn_model_t *model;
    trn_model_shape_t shape;
    int64_t batch, step;
    table_t entity, relation, second;
    triple_t *triples; /* by relation */
    int64_t width;     /* of queries */
    float *room;       /* of a chunk */
    double loss;       /* of the latest step, a mean */
} bench_t;

static trn_status_t make_table(table_t *t, int64_t rows, int64_t width, uint32_t step) {
    *t = (table_t){.rows = rows, .width = width};
    int64_t n = rows * width;
    TRN_TRY(trn_alloc(&t->value, n, sizeof *t->value, "parameters"));
    TRN_TRY(trn_alloc_zero(&t->gradient, n, sizeof *t->gradient, "gradients"));
    TRN_TRY(trn_alloc(&t->sum, n, sizeof *t->sum, "sums of squares"));
    for (int64_t i = 0; i < n; i++)
        t->sum[i] = 1e-20f; /* so that gradients of 0 are not divided by 0 */
    TRN_TRY(trn_alloc_zero(&t->touched, rows, sizeof *t->touched, "marks"));
    for (int64_t i = 0; i < rows; i++)
        trn_rng_normal_row(SEED, (uint64_t)i, step, TRN_RNG_TEST, 0.1, width, t->value + i * width);
    return TRN_OK;
}

static void free_table(table_t *t) {
    trn_free(&t->value);
    trn_free(&t->gradient);
    trn_free(&t->sum);
    trn_free(&t->touched);
}

/* Uniform triples, their relations in ascending order, as a trainer sorts a batch. */
static void make_triples(const bench_t *b) {
    for (int64_t i = 0; i < b->batch; i++) {
        double u[4];
        trn_rng_uniform(SEED, (uint64_t)i, 0, TRIPLES, TRN_RNG_TEST, u);
        b->triples[i] = (triple_t){.h = (int32_t)(u[0] * (double)b->entity.rows),
                                   .r = (int32_t)(i * b->relation.rows / b->batch),
                                   .t = (int32_t)(u[1] * (double)b->entity.rows)};
    }
}

/* One negative for each positive: either side, any entity. */
static void draw(const bench_t *b) {
    for (int64_t i = 0; i < b->batch; i += 2) {
        uint32_t words[4];
        trn_rng_words(SEED, (uint64_t)i, 0, (uint32_t)(NEGATIVES + b->step), TRN_RNG_TEST, words);
        for (int64_t j = i; j < b->batch && j < i + 2; j++) {
            const uint32_t *w = words + 2 * (j - i);
            b->triples[j].head = w[0] >> 31;
            b->triples[j].other = (int32_t)(((uint64_t)w[1] * (uint64_t)b->entity.rows) >> 32);
        }
    }
}

static void gather(const table_t *t, int64_t row, float *to) {
    memcpy(to, t->value + row * t->width, (size_t)t->width * sizeof *to);
}

static void add(table_t *t, int64_t row, const float *from) {
    trn_compare_kernels()->back[TRN_METRIC_DOT](t->width, from, from, 1,
                                                t->gradient + row * t->width, NULL);
    t->touched[row] = 1;
}

/* Rows of a chunk: head, tail and other entities, then the two queries. */
typedef struct chunk {
    float *e[3], *p[3], *ge[3], *gp[3]; /* h, t, other; and projected */
    float *r, *q[2], *gq[2], *gx, *gr;
    float s[2][CHUNK], w[2][CHUNK];
} chunk_t;

static int64_t room_of(const bench_t *b) {
    int64_t widest = b->width > b->shape.dim ? b->width : b->shape.dim;
    return 19 * CHUNK * widest;
}

static void lay_out(const bench_t *b, chunk_t *c) {
    int64_t size = room_of(b) / 19, n = 0;
    for (int i = 0; i < 3; i++) {
        c->e[i] = b->room + size * n++;
        c->ge[i] = b->room + size * n++;
        c->p[i] = b->model->project ? b->room + size * n++ : c->e[i];
        c->gp[i] = b->model->project ? b->room + size * n++ : c->ge[i];
    }
    for (int i = 0; i < 2; i++) {
        c->q[i] = b->room + size * n++;
        c->gq[i] = b->room + size * n++;
    }
    c->r = b->room + size * n++;
    c->gx = b->room + size * n++;
    c->gr = b->room + size * n++;
}

/* Scores of the triples and their negatives, both as tail queries (the negative's head is `other`
 * where it replaces heads): entity rows are put so that q[0] meets p[1] and q[1] meets x[1]. */
static void forward(const bench_t *b, const triple_t *triples, int64_t n, chunk_t *c) {
    int64_t dim = b->shape.dim, w = b->width, own = b->relation.width;
    const float *second = b->second.value + triples->r * b->second.width;
    for (int64_t i = 0; i < n; i++) {
        gather(&b->entity, triples[i].h, c->e[0] + i * dim);
        gather(&b->entity, triples[i].t, c->e[1] + i * dim);
        gather(&b->entity, triples[i].other, c->e[2] + i * dim);
        gather(&b->relation, triples[i].r, c->r + i * own);
    }
    for (int k = 0; k < 3 && b->model->project; k++)
        b->model->project(&b->shape, second, n, c->e[k], c->p[k]);
    b->model->query(&b->shape, TRN_SIDE_TAIL, n, c->p[0], c->r, c->q[0]);
    trn_compare_rows(b->model->metric(&b->shape), w, n, c->q[0], c->p[1], c->s[0]);
    for (int64_t i = 0; i < n; i++) { /* a corrupt head needs a query of its own */
        const float *x = triples[i].head ? c->p[1] + i * w : c->p[0] + i * w;
        trn_side_t side = triples[i].head ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
        b->model->query(&b->shape, side, 1, x, c->r + i * own, c->q[1] + i * w);
    }
    trn_compare_rows(b->model->metric(&b->shape), w, n, c->q[1], c->p[2], c->s[1]);
}

/* Gradients of the margin loss into the tables; returns the loss. */
static double backward(bench_t *b, const triple_t *triples, int64_t n, chunk_t *c) {
    int64_t dim = b->shape.dim, w = b->width, own = b->relation.width;
    trn_metric_t metric = b->model->metric(&b->shape);
    double loss = 0;
    for (int64_t i = 0; i < n; i++) {
        float x = MARGIN - c->s[0][i] + c->s[1][i];
        loss += x > 0 ? (double)x : 0;
        c->w[0][i] = x > 0 ? -1 / (float)b->batch : 0;
        c->w[1][i] = -c->w[0][i];
    }
    for (int k = 0; k < 3; k++) {
        memset(c->ge[k], 0, (size_t)(n * dim) * sizeof(float));
        if (b->model->project) memset(c->gp[k], 0, (size_t)(n * w) * sizeof(float));
    }
    memset(c->gq[0], 0, (size_t)(n * w) * sizeof(float));
    memset(c->gq[1], 0, (size_t)(n * w) * sizeof(float));
    trn_compare_rows_back(metric, w, n, c->q[0], c->p[1], c->s[0], c->w[0], c->gq[0], c->gp[1]);
    trn_compare_rows_back(metric, w, n, c->q[1], c->p[2], c->s[1], c->w[1], c->gq[1], c->gp[2]);
    for (int64_t i = 0; i < n; i++) {
        if (c->w[1][i] == 0) continue;
        for (int k = 0; k < 2; k++) { /* the positive's query, the negative's */
            bool head = k == 1 && triples[i].head;
            int known = head ? 1 : 0;
            b->model->query_back(&b->shape, head ? TRN_SIDE_HEAD : TRN_SIDE_TAIL, 1,
                                 c->p[known] + i * w, c->r + i * own, c->gq[k] + i * w, c->gx,
                                 c->gr);
            float *restrict to = c->gp[known] + i * w;
            for (int64_t j = 0; j < w; j++)
                to[j] += c->gx[j];
            add(&b->relation, triples[i].r, c->gr);
        }
    }
    if (b->model->project) {
        const float *second = b->second.value + triples->r * b->second.width;
        float *to = b->second.gradient + triples->r * b->second.width;
        b->second.touched[triples->r] = 1;
        for (int k = 0; k < 3; k++)
            b->model->project_back(&b->shape, second, n, c->e[k], c->gp[k], c->ge[k], to);
    }
    for (int64_t i = 0; i < n; i++) {
        if (c->w[1][i] == 0) continue;
        add(&b->entity, triples[i].h, c->ge[0] + i * dim);
        add(&b->entity, triples[i].t, c->ge[1] + i * dim);
        add(&b->entity, triples[i].other, c->ge[2] + i * dim);
    }
    return loss;
}

/* Adagrad on the touched rows, whose gradients become 0. */
static void update(table_t *t) {
    for (int64_t i = 0; i < t->rows; i++) {
        if (!t->touched[i]) continue;
        t->touched[i] = 0;
        float *g = t->gradient + i * t->width;
        trn_swivel_kernels()->adagrad(t->width, t->value + i * t->width, t->sum + i * t->width, g,
                                      RATE);
        memset(g, 0, (size_t)t->width * sizeof *g);
    }
}

static trn_status_t step(void *data) {
    bench_t *b = data;
    chunk_t c;
    lay_out(b, &c);
    draw(b);
    b->loss = 0;
    for (int64_t i = 0, n; i < b->batch; i += n) {
        for (n = 1; n < CHUNK && i + n < b->batch; n++) /* one relation where it projects */
            if (b->model->project && b->triples[i + n].r != b->triples[i].r) break;
        forward(b, b->triples + i, n, &c);
        b->loss += backward(b, b->triples + i, n, &c) / (double)b->batch;
    }
    update(&b->entity);
    update(&b->relation);
    if (b->model->project) update(&b->second);
    b->step++;
    return TRN_OK;
}

/* The score of a triple by its definition, from the tables as they are. `v` is room for them. */
static double score_of(const bench_t *b, int64_t h, int64_t r, int64_t t, double *v) {
    const table_t *from[] = {&b->entity, &b->relation, &b->second, &b->entity};
    const int64_t row[] = {h, r, r, t};
    double *part[4];
    for (int i = 0; i < 4; i++) {
        part[i] = v;
        for (int64_t k = 0; k < from[i]->width; k++)
            *v++ = (double)from[i]->value[row[i] * from[i]->width + k];
    }
    return b->model->score_ref(&b->shape, part[0], part[1], part[2], part[3]);
}

/* The mean loss of the first step by the definition. */
static trn_status_t loss_ref(const bench_t *b, double *loss) {
    double *v = NULL;
    TRN_TRY(trn_alloc(&v, 2 * b->entity.width + b->relation.width + b->second.width, sizeof *v,
                      "rows in float64"));
    draw(b);
    *loss = 0;
    for (int64_t i = 0; i < b->batch; i++) {
        triple_t x = b->triples[i];
        double good = score_of(b, x.h, x.r, x.t, v);
        double bad = score_of(b, x.head ? x.other : x.h, x.r, x.head ? x.t : x.other, v);
        *loss += fmax(0, (double)MARGIN - good + bad) / (double)b->batch;
    }
    trn_free(&v);
    return TRN_OK;
}

static trn_status_t prepare(trn_run_t *run, bench_t *b) {
    const trn_model_t *m = b->model;
    const trn_model_shape_t *shape = &b->shape;
    int64_t entities = trn_params_int(run->params, "entities");
    int64_t relations = trn_params_int(run->params, "relations");
    b->width = m->query_width(shape);
    TRN_TRY(make_table(&b->entity, entities, shape->dim, ENTITIES));
    TRN_TRY(make_table(&b->relation, relations, m->relation_width(shape), RELATIONS));
    TRN_TRY(make_table(&b->second, relations, m->second_width(shape), SECONDS));
    TRN_TRY(trn_alloc(&b->triples, b->batch, sizeof *b->triples, "triples"));
    TRN_TRY(trn_alloc(&b->room, room_of(b), sizeof *b->room, "a chunk"));
    if (m->start_relation) m->start_relation(shape, relations, b->relation.value, b->second.value);
    make_triples(b);
    return TRN_OK;
}

static trn_status_t measure(trn_run_t *run, const trn_model_t *model) {
    bench_t b = {.model = model, .batch = trn_params_int(run->params, "batch")};
    int64_t dim = trn_params_int(run->params, "dim"), repeats;
    b.shape = (trn_model_shape_t){dim, dim, model->norms[0]};
    if (strchr(model->norms, '2')) b.shape.norm = '2';
    repeats = trn_params_int(run->params, "repeats");
    double wanted = 0, off = 0, cpu = 0, first = 0;
    trn_status_t status = prepare(run, &b);
    if (status == TRN_OK) status = loss_ref(&b, &wanted);
    if (status == TRN_OK) {
        step(&b); /* to warm up, and for the check */
        first = b.loss;
        off = fabs(first - wanted) / fmax(wanted, 1e-30);
        double start = trn_cpu_seconds();
        for (int64_t i = 0; i < repeats; i++)
            step(&b);
        cpu = (trn_cpu_seconds() - start) / (double)repeats;
        status = trn_bench_case(
            run->result, "{s:s,s:s#,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:s}", "model", model->name,
            "norm", &b.shape.norm, 1, "dim", (json_int_t)dim, "batch", (json_int_t)b.batch,
            "entities", (json_int_t)b.entity.rows, "cpu_seconds", cpu, "positives_per_cpu_s",
            (double)b.batch / cpu, "loss_first", first, "loss_last", b.loss, "resid", off,
            "verdict", off < 1e-4 && b.loss < first ? "PASSED" : "FAILED");
    }
    free_table(&b.entity);
    free_table(&b.relation);
    free_table(&b.second);
    trn_free(&b.triples);
    trn_free(&b.room);
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
    {"model", 0, TRN_PARAM_TEXT, "all", 0, 0, NULL, "NAME",
     "transe, transh, transr, toruse, distmult, complex or rotate; all: each in turn"},
    {"entities", 0, TRN_PARAM_INT, "14541", 2, 1 << 30, NULL, NULL, "entities"},
    {"relations", 0, TRN_PARAM_INT, "237", 1, 1 << 30, NULL, NULL, "relations"},
    {"dim", 0, TRN_PARAM_INT, "256", 2, 65536, NULL, NULL, "floats of a vector"},
    {"batch", 0, TRN_PARAM_INT, "32768", 1, 1 << 30, NULL, NULL, "positive triples of a step"},
    {"repeats", 0, TRN_PARAM_INT, "5", 1, 100000, NULL, NULL, "steps timed, after one more"},
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
