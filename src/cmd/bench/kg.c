/* bench kg: epochs of kg-train's own regimes on a made-up graph, without what an epoch is not:
 * looks at the valid split, checkpoints, the result. */
#include "algo/kg/import/kg_import.h"
#include "algo/kg/train/kg_state.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "io/output.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"model", 0, TRN_PARAM_TEXT, "all", .metavar = "NAME",
     .help = "transe, transh, transr, toruse, distmult, complex or rotate; all: each in turn"},
    {"entities", 0, TRN_PARAM_INT, "14541", 2, 1 << 30, .help = "entities"},
    {"relations", 0, TRN_PARAM_INT, "237", 1, 1 << 30, .help = "relations"},
    {"triples", 0, TRN_PARAM_INT, "16384", 1, 1 << 30,
     .help = "triples drawn; equal ones count once"},
    {"dim", 0, TRN_PARAM_INT, "256", 2, 65536, .help = "floats of a vector"},
    {"batch", 0, TRN_PARAM_INT, "1024", 1, 1 << 20, .help = "questions of a batch, two a triple"},
    {"negatives", 0, TRN_PARAM_INT, "1024", 0, 1 << 20,
     .help = "entities drawn for each batch; 0: all of them"},
    {"repeats", 0, TRN_PARAM_INT, "2", 1, 1000, .help = "epochs timed, after one more"},
    {"dir", 0, TRN_PARAM_TEXT, ".", .metavar = "DIR", .help = "where temporary files go"},
    {0},
};

/* Uniform triples as a file of names, by rank 0. */
static trn_status_t write_triples(const trn_params_t *p, const char *path) {
    int64_t entities = trn_params_int(p, "entities"), relations = trn_params_int(p, "relations");
    trn_output_t *output;
    TRN_TRY(trn_output_create(&output, path));
    FILE *to = trn_output_stream(output);
    for (int64_t i = 0; i < trn_params_int(p, "triples"); i++) {
        double u[4];
        trn_rng_uniform(1, (uint64_t)i, 0, 0, TRN_RNG_TEST, u);
        fprintf(to, "e%lld\tr%lld\te%lld\n", (long long)(u[0] * (double)entities),
                (long long)(u[1] * (double)relations), (long long)(u[2] * (double)entities));
    }
    return trn_output_close(&output, TRN_OK);
}

/* The graph's store in path[1]. Collective. */
static trn_status_t make_graph(const trn_run_t *run, char *const path[2]) {
    trn_kg_import_report_t report;
    const trn_kg_import_options_t options = {
        .files = {{1, path}}, .format = {"\t", false}, .order = "hrt"};
    TRN_AGREE(run->comm, run->rank == 0 ? write_triples(run->params, path[0]) : TRN_OK);
    return trn_kg_import(run->comm, &options, path[1], run->command, NULL, &report);
}

/* As kg-train would have it: Euclidean where the model knows it. */
static trn_kg_header_t header_of(const trn_params_t *p, const trn_model_t *model,
                                 const trn_kg_t *kg) {
    int64_t dim = trn_params_int(p, "dim");
    char norm = strchr(model->norms, '2') ? '2' : model->norms[0];
    return (trn_kg_header_t){.model = model,
                             .shape = {dim, dim, norm},
                             .entities = kg->entities,
                             .relations = kg->relations,
                             .reciprocal = true};
}

/* As kg-train has them by default. */
static trn_kg_options_t options_of(const trn_params_t *p, const trn_kg_t *kg) {
    enum { FEWEST = 16, ROWS = 1024 };
    int64_t blocks = (kg->entities + ROWS - 1) / ROWS;
    if (blocks < FEWEST) blocks = FEWEST < kg->entities ? FEWEST : kg->entities;
    return (trn_kg_options_t){.epochs = trn_params_int(p, "repeats") + 1,
                              .batch = trn_params_int(p, "batch"),
                              .blocks = blocks,
                              .negatives = trn_params_int(p, "negatives"),
                              .loss = {TRN_LOSS_SOFTMAX, 1, 1, 1},
                              .rate = 0.1,
                              .final_rate = 1,
                              .scale = 0.05,
                              .seed = 1};
}

/* One epoch of the regime, start to end. */
static trn_status_t train(const trn_kg_regime_t *regime, void *self, const trn_kg_state_t *state,
                          double *loss) {
    do
        TRN_TRY(regime->epoch(self, loss));
    while (state->position > 0);
    return TRN_OK;
}

/* Epochs of one model: seconds, CPU seconds of all ranks, and the losses of the first and the last.
 * Collective. */
typedef struct figures {
    double seconds, cpu, first, last;
} figures_t;

static trn_status_t time_epochs(const trn_run_t *run, const trn_kg_regime_t *regime, void *self,
                                const trn_kg_state_t *state, figures_t *f) {
    int64_t repeats = trn_params_int(run->params, "repeats");
    TRN_TRY(train(regime, self, state, &f->first)); /* to warm up */
    double start = trn_seconds(), cpu = trn_cpu_seconds();
    for (int64_t i = 0; i < repeats; i++)
        TRN_TRY(train(regime, self, state, &f->last));
    f->seconds = (trn_seconds() - start) / (double)repeats;
    f->cpu = (trn_cpu_seconds() - cpu) / (double)repeats;
    MPI_Allreduce(MPI_IN_PLACE, &f->cpu, 1, MPI_DOUBLE, MPI_SUM, run->comm);
    return TRN_OK;
}

/* One line; the losses tell whether training did anything. */
static trn_status_t report(const trn_run_t *run, const trn_kg_header_t *header, const trn_kg_t *kg,
                           const figures_t *f) {
    bool passed = isfinite(f->first) && f->last < f->first;
    double triples = (double)kg->triples[TRN_TRAIN];
    return trn_bench_case(
        run->result, "{s:s,s:s#,s:I,s:I,s:I,s:I,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "model",
        header->model->name, "norm", &header->shape.norm, 1, "dim", (json_int_t)header->shape.dim,
        "batch", (json_int_t)trn_params_int(run->params, "batch"), "negatives",
        (json_int_t)trn_params_int(run->params, "negatives"), "triples",
        (json_int_t)kg->triples[TRN_TRAIN], "P", run->ranks, "seconds", f->seconds, "cpu_seconds",
        f->cpu, "triples_per_s", triples / f->seconds, "triples_per_cpu_s", triples / f->cpu,
        "peak_rss_mb", (double)trn_peak_rss() / 1e6, "loss_first", f->first, "loss_last", f->last,
        "verdict", passed ? "PASSED" : "FAILED");
}

/* A model from its state to its figures; all of it is freed before the next. */
static trn_status_t measure(const trn_run_t *run, const trn_kg_t *kg, const trn_model_t *model) {
    trn_kg_header_t header = header_of(run->params, model, kg);
    trn_kg_options_t options = options_of(run->params, kg);
    const trn_kg_regime_t *regime = options.negatives > 0 ? &trn_kg_negatives : &trn_kg_full;
    trn_kg_state_t *state = NULL;
    figures_t figures = {0};
    void *self = NULL;
    trn_peak_rss_reset();
    TRN_TRY(trn_kg_state_create(&state, run->comm, &header, &options));
    trn_status_t status = regime->create(&self, state, kg);
    if (status == TRN_OK) status = time_epochs(run, regime, self, state, &figures);
    if (self) regime->destroy(&self);
    trn_kg_state_destroy(&state);
    if (status == TRN_OK && run->rank == 0) status = report(run, &header, kg, &figures);
    return trn_agree(run->comm, status);
}

static trn_status_t measure_all(const trn_run_t *run, const char *graph, const trn_model_t *model) {
    bool all = trn_params_int(run->params, "negatives") == 0;
    trn_kg_t kg = {0};
    TRN_TRY(trn_kg_open(&kg, run->comm, graph));
    trn_status_t status = TRN_OK;
    for (const trn_model_t *const *m = trn_models; *m && status == TRN_OK; m++)
        if (model ? *m == model : !all || !(*m)->project) status = measure(run, &kg, *m);
    trn_kg_close(&kg);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *name = trn_params_text(run->params, "model");
    const trn_model_t *model = trn_model_find(name);
    trn_bench_files_t names;
    if (!model && strcmp(name, "all") != 0)
        return trn_fail(TRN_USAGE, "--model: '%s' is no model; see 'trunnion help bench kg'", name);
    if (trn_params_int(run->params, "dim") % 2 != 0)
        return trn_fail(TRN_USAGE, "--dim: odd, but complex vectors have two halves; take an even "
                                   "one");
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    TRN_TRY(trn_bench_files_open(&names, run->comm, trn_params_text(run->params, "dir")));
    trn_status_t status = make_graph(run, names.path);
    if (status == TRN_OK) status = measure_all(run, names.path[1], model);
    trn_bench_files_close(&names);
    TRN_TRY(status);
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

const trn_command_t trn_bench_kg = {
    .name = "bench kg",
    .summary = "time training epochs of the knowledge-graph models",
    .files = "",
    .description =
        "Trains each model on made-up triples by kg-train's own code, with "
        "Euclidean distances, softmax and Adagrad; --negatives 0, against all entities, leaves out "
        "the models that project. cpu_seconds are those of all ranks. PASSED: the loss "
        "is finite, and lower in the last epoch than in the first.",
    .max_files = 0,
    .params = params,
    .run = run,
};
