/* fastrp.c: the verb `fastrp`: vectors of the nodes of a graph. */
#include "algo/graph/fastrp.h"

#include "algo/matrix/tall.h"
#include "cli/command.h"
#include "cli/graph/graph_options.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "E.h5", .required = true, .file = {TRN_FILE_WRITTEN},
     .help = "matrix to write, of any format by its ending: a row a node, in the order of numbers"},
    {"dim", 'd', TRN_PARAM_INT, "512", 1, 65536, .help = "numbers of a vector"},
    {"preset", 0, TRN_PARAM_CHOICE, "paper", .choices = "paper|gds",
     .help = "defaults of the options below: those of the paper, or of Neo4j GDS, which are "
             "--weights 0,1,1 --alpha 0 --row-normalize step --no-standardize --sparsity 3 "
             "--degree neighbors"},
    {"weights", 0, TRN_PARAM_TEXT, "0,0,7.81,45.28", .metavar = "W,W...",
     .help = "of the first, second, ... power of the graph in the sum"},
    {"self", 0, TRN_PARAM_REAL, "0", -1e9, 1e9, .help = "weight of the random vectors themselves"},
    {"alpha", 0, TRN_PARAM_REAL, "-0.628", -100, 100,
     .help = "a node's random vector is multiplied by its degree to this power"},
    {"degree", 0, TRN_PARAM_CHOICE, "weights", .choices = "weights|neighbors",
     .help = "what a degree is: the sum of weights, or the number of neighbors (of a node without "
             "any, 1 for alpha)"},
    {"row-normalize", 0, TRN_PARAM_CHOICE, "end", .choices = "end|step|none",
     .help = "rows of length 1: of what is summed only, or after each product, so that these rows "
             "are propagated"},
    {"standardize", 0, TRN_PARAM_BOOL, "true",
     .help = "in the end take the mean off every column and divide it by its standard deviation"},
    {"sparsity", 0, TRN_PARAM_TEXT, "auto", .metavar = "S",
     .help = "a random number is not 0 with probability 1/S; auto: the root of the number of "
             "nodes"},
    {"features", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "a matrix with a row for each node, projected at random to the last columns"},
    {"feature-dim", 0, TRN_PARAM_INT, "0", 0, 65536, .needs = "features",
     .help = "how many columns these are"},
    {"projection", 0, TRN_PARAM_TEXT, .metavar = "R", .file.use = TRN_FILE_READ,
     .excludes = "features sparsity seed",
     .help = "a matrix of random vectors to take, a row a node, instead of drawing one"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of the random vectors"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f32", .choices = "f32|f64",
     .help = "numbers that are held and written"},
    TRN_GRAPH_PARAMS,
    {0}};

enum { FEATURES, PROJECTION, INPUTS, WEIGHTS = 64 /* most */ };

/* A matrix with a row for each node, if there is one. */
typedef struct input {
    const char *path; /* NULL: none */
    trn_matrix_info_t info;
    trn_bands_t bands;
    trn_dist_t *dist;
    trn_sparse_t *sparse;
    trn_matrix_t *dense;
} input_t;

typedef struct job {
    trn_graph_t graph;
    trn_fastrp_options_t options;
    double weight[WEIGHTS];
    input_t in[INPUTS];
    const char *output;
    trn_held_t held;
    trn_sparse_t *adjacency;
    trn_dist_t *dist;
    trn_matrix_t *vectors;
    trn_rows_make_t make;
    json_t *made_with;
} job_t;

/* Options -------------------------------------------------------------------------------------- */

static trn_status_t settle(trn_params_t *p, json_t *answer) {
    static const char *const gds[][2] = {{"weights", "0,1,1"},      {"alpha", "0"},
                                         {"row-normalize", "step"}, {"standardize", "false"},
                                         {"degree", "neighbors"},   {"sparsity", "3"}};
    (void)answer;
    if (strcmp(trn_params_text(p, "preset"), "gds") != 0) return TRN_OK;
    for (size_t i = 0; i < sizeof gds / sizeof *gds; i++)
        TRN_TRY(trn_params_suggest(p, gds[i][0], gds[i][1]));
    return TRN_OK;
}

static trn_status_t parse_sparsity(job_t *job, const char *text) {
    char *end;
    if (strcmp(text, "auto") == 0) return TRN_OK;
    job->options.sparsity = strtod(text, &end);
    if (end != text && !*end && job->options.sparsity >= 1 && job->options.sparsity <= 1e9)
        return TRN_OK;
    return trn_fail(TRN_USAGE, "--sparsity: %s; write auto or a number from 1 to 1e9", text);
}

static trn_status_t parse(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    trn_fastrp_options_t *o = &job->options;
    *o = (trn_fastrp_options_t){.dim = trn_params_int(p, "dim"),
                                .weight = job->weight,
                                .self = trn_params_real(p, "self"),
                                .alpha = trn_params_real(p, "alpha"),
                                .normalize =
                                    (trn_fastrp_normalize_t)trn_params_choice(p, "row-normalize"),
                                .neighbors = trn_params_choice(p, "degree") == 1,
                                .standardize = trn_params_bool(p, "standardize"),
                                .feature_dim = trn_params_int(p, "feature-dim"),
                                .type = trn_params_choice(p, "dtype") == 0 ? TRN_F32 : TRN_F64,
                                .seed = (uint64_t)trn_params_int(p, "seed"),
                                .threads = run->threads};
    job->in[FEATURES].path = trn_params_text(p, "features");
    job->in[PROJECTION].path = trn_params_text(p, "projection");
    job->output = trn_params_text(p, "output");
    TRN_TRY(trn_params_numbers(p, "weights",
                               &(trn_numbers_rule_t){WEIGHTS, -1e30, 1e30, false, "0,0,7.81"},
                               job->weight, &o->weights));
    TRN_TRY(parse_sparsity(job, trn_params_text(p, "sparsity")));
    if (job->in[FEATURES].path && (o->feature_dim == 0 || o->feature_dim > o->dim))
        return trn_fail(TRN_USAGE, "--feature-dim: from 1 to --dim %lld columns for --features",
                        (long long)o->dim);
    return TRN_OK;
}

/* Looking -------------------------------------------------------------------------------------- */

/* Collective. */
static trn_status_t look_at(const trn_run_t *run, job_t *job, input_t *in) {
    if (!in->path) return TRN_OK;
    TRN_TRY(trn_matrix_file_probe(run->comm, in->path, &in->info));
    if (in->info.rows != job->graph.rows)
        return trn_fail(TRN_INPUT, "%s: has %lld rows, but %s has %lld nodes: give a row for each",
                        in->path, (long long)in->info.rows, job->graph.path,
                        (long long)job->graph.rows);
    return TRN_OK;
}

/* Vectors are as long as those that are given. */
static trn_status_t fit_dim(const trn_run_t *run, job_t *job) {
    const input_t *r = &job->in[PROJECTION];
    if (!r->path) return TRN_OK;
    if (r->info.cols < 1 || r->info.cols > 65536 ||
        (trn_params_given(run->params, "dim") && r->info.cols != job->options.dim))
        return trn_fail(TRN_INPUT, "%s: has %lld columns; --dim is %lld", r->path,
                        (long long)r->info.cols, (long long)job->options.dim);
    job->options.dim = r->info.cols;
    return TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_graph_how_t how = trn_graph_options(run->params);
    TRN_TRY(parse(run, job));
    TRN_TRY(trn_graph_look(&job->graph, run->comm, run->files[0], &how));
    for (int i = 0; i < INPUTS; i++)
        TRN_TRY(look_at(run, job, &job->in[i]));
    TRN_TRY(fit_dim(run, job));
    job->made_with = trn_params_json(run->params);
    job->make = (trn_rows_make_t){.rows = job->graph.rows,
                                  .cols = job->options.dim,
                                  .type = job->options.type,
                                  .created_by = run->command,
                                  .params = job->made_with,
                                  .seed = job->options.seed};
    trn_graph_name(&job->graph, &job->make);
    job->held = trn_held_now(run->comm);
    if (!job->output) return TRN_OK; /* a dry run */
    return trn_rows_place(run->comm, job->output, &job->make, false);
}

/* Plans ---------------------------------------------------------------------------------------- */

static trn_sparse_type_t adjacency_type(const job_t *job) {
    return trn_graph_type(&job->graph,
                          job->options.type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64);
}

static trn_fastrp_size_t size_of(const job_t *job, int ranks, int rank) {
    const trn_bands_t *bands = &job->graph.bands;
    const input_t *r = &job->in[PROJECTION];
    trn_fastrp_size_t size = {.ranks = ranks,
                              .nodes = job->graph.rows,
                              .rows = bands->start[rank + 1] - bands->start[rank],
                              .own = bands->entries[rank],
                              .projected = r->path && r->info.sparse ? r->info.entries : -1,
                              .dense = r->path && !r->info.sparse,
                              .features = job->in[FEATURES].path ? job->in[FEATURES].info.cols : 0};
    for (int k = 0; k < ranks; k++)
        size.entries += bands->entries[k];
    return size;
}

/* Bytes that are held under a name. */
static int64_t held_as(const trn_ledger_t *ledger, const char *name) {
    for (int i = 0; i < ledger->parts; i++)
        if (strcmp(ledger->part[i].name, name) == 0) return ledger->part[i].now;
    return 0;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_fastrp_size_t size = size_of(job, ranks, rank);
    trn_rows_make_t make = job->make;
    trn_held_take(ledger, &job->held);
    trn_graph_plan(ledger, &job->graph, adjacency_type(job), ranks, rank);
    for (int i = 0; i < INPUTS; i++) {
        const input_t *in = &job->in[i];
        if (!in->path) continue;
        if (i == PROJECTION && in->info.sparse)
            trn_sparse_load_plan(ledger, &in->info, TRN_SPARSE_F64, &in->bands, rank);
        else
            trn_matrix_load_plan(ledger, &in->info, TRN_MATRIX_F64, &in->bands, rank);
    }
    trn_fastrp_plan(ledger, &size, &job->options);
    trn_ledger_give(ledger, "graph", held_as(ledger, "graph"), 1);
    trn_ledger_give(ledger, "matrix", held_as(ledger, "matrix"), 1);
    make.own_rows = size.rows;
    trn_ledger_take(ledger, "saving",
                    trn_rows_write_bytes(job->output ? job->output : "E.h5", &make, rank == 0), 1);
}

/* Bands that have about as many rows as entries, compared with even shares: memory goes by the one,
 * time by the other. Rows of other ranks come in as wide slabs as memory allows. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    enum { LEAST = 16 /* columns: a cache line of float32 */ };
    job_t *job = user;
    int64_t block = trn_tall_block(job->graph.rows), entries = 0;
    int64_t limit = trn_params_size(run->params, "memory");
    for (int64_t k = 0; k < (job->graph.rows + block - 1) / block; k++)
        entries += job->graph.degree[k];
    TRN_TRY(trn_graph_cut(&job->graph, ranks, entries / job->graph.rows + 1, 1));
    for (int i = 0; i < INPUTS; i++)
        if (job->in[i].path)
            TRN_TRY(trn_bands_like(&job->in[i].bands, run->comm, job->in[i].path, &job->in[i].info,
                                   &job->graph.bands));
    job->options.width = 0;
    for (int64_t width = job->options.dim / 4; limit > 0 && width >= LEAST; width /= 2) {
        if (trn_estimate_bytes(ranks, plan, job) <= limit) break;
        job->options.width = (width + LEAST - 1) / LEAST * LEAST;
    }
    return TRN_OK;
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    bool sparse;
    trn_fastrp_size_t size = size_of(job, job->graph.bands.ranks, 0);
    double number = (double)trn_dtype_size(job->options.type);
    double numbers = (double)size.nodes * (double)job->options.dim * number;
    int products = trn_fastrp_products(&size, &job->options, &sparse);
    cost->bytes = products * (double)job->options.dim * number * (double)size.entries +
                  4 * (products + 1) * numbers;
    cost->file_bytes = numbers + 16 * (double)size.entries;
}

/* Work ----------------------------------------------------------------------------------------- */

/* Local. */
static trn_status_t check_finite(const input_t *in) {
    int64_t count, at, row, col;
    const double *values;
    if (in->sparse) {
        values = trn_sparse_values(in->sparse);
        count = trn_sparse_count(in->sparse);
    } else {
        trn_view_t view = trn_matrix_block(in->dense);
        values = view.data;
        count = view.rows * view.stride;
    }
    if ((at = trn_not_finite_f64(count, values)) < 0) return TRN_OK;
    if (in->sparse) {
        const int64_t *start = trn_sparse_start(in->sparse);
        for (row = 0; start[row + 1] <= at;)
            row++;
        col = trn_sparse_column(in->sparse)[at];
        row += trn_sparse_extent(in->sparse).first_row;
    } else {
        row = trn_matrix_first_row(in->dense) + at / in->info.cols;
        col = at % in->info.cols;
    }
    return trn_fail(TRN_INPUT,
                    "%s: row %lld, column %lld (from 0) is %g; only finite numbers are taken",
                    in->path, (long long)row, (long long)col, values[at]);
}

/* Collective. */
static trn_status_t load(const trn_run_t *run, job_t *job, int which) {
    input_t *in = &job->in[which];
    if (!in->path) return TRN_OK;
    TRN_AGREE(run->comm, trn_graph_dist(&in->dist, &job->graph, in->info.cols));
    if (which == PROJECTION && in->info.sparse)
        TRN_TRY(trn_sparse_file_load(run->comm, in->path, &in->info, TRN_SPARSE_F64, in->dist,
                                     &in->sparse));
    else
        TRN_TRY(
            trn_matrix_file_load(run->comm, in->path, &in->info, TRN_F64, in->dist, &in->dense));
    return trn_agree(run->comm, check_finite(in));
}

static void forget(input_t *in) {
    trn_sparse_destroy(&in->sparse);
    trn_matrix_destroy(&in->dense);
    trn_dist_destroy(&in->dist);
}

/* What the products read goes before anything is written, for that takes memory, too. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_graph_load(&job->graph, adjacency_type(job), &job->adjacency));
    TRN_AGREE(run->comm, trn_graph_dist(&job->dist, &job->graph, job->options.dim));
    for (int i = 0; i < INPUTS; i++)
        TRN_TRY(load(run, job, i));
    trn_fastrp_in_t in = {.comm = run->comm,
                          .dist = job->dist,
                          .adjacency = job->adjacency,
                          .sparse_r = job->in[PROJECTION].sparse,
                          .dense_r = job->in[PROJECTION].dense,
                          .features = job->in[FEATURES].dense};
    TRN_TRY(trn_fastrp(&job->vectors, &in, &job->options));
    trn_sparse_destroy(&job->adjacency);
    for (int i = 0; i < INPUTS; i++)
        forget(&job->in[i]);
    return trn_rows_save(run->comm, job->output, job->vectors, &job->make);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    TRN_TRY(trn_graph_note(run, &job->graph));
    return trn_run_note(run, json_pack("{s:I, s:s}", "dim", (json_int_t)job->options.dim, "dtype",
                                       trn_params_text(run->params, "dtype")));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_matrix_destroy(&job->vectors);
    trn_dist_destroy(&job->dist);
    trn_sparse_destroy(&job->adjacency);
    for (int i = 0; i < INPUTS; i++) {
        forget(&job->in[i]);
        trn_bands_free(&job->in[i].bands);
    }
    trn_graph_free(&job->graph);
    json_decref(job->made_with);
}

const trn_command_t trn_command_fastrp = {
    .name = "fastrp",
    .summary = "find vectors of the nodes of a graph by sparse random projection (FastRP)",
    .files = "GRAPH -o E.h5",
    .description =
        "GRAPH is a list of edges, \"u v\" or \"u v weight\" a line, or any other file that holds "
        "a "
        "graph. With S, the adjacency whose rows are divided by the degrees, and random vectors R "
        "that are nearly all 0, multiplied by a power of the degrees, the vectors are the weighted "
        "sum of S R, S S R, ..., whose rows are made of length 1 before. Nodes with similar "
        "neighbors far and near get similar vectors. A store has the nodes' names as /vocab.\n"
        "A node's random vector depends on --seed and its number alone (with --sparsity auto its "
        "numbers become 0 one by one as the graph grows). Ranks, threads and --memory change no "
        "bit. The vectors must fit the ranks together.",
    .examples = "vectors of 128 numbers\ttrunnion fastrp edges.txt --dim 128 -o E.h5\n"
                "as Neo4j GDS makes them\ttrunnion fastrp edges.txt --preset gds --dim 64 "
                "--weights 0,1,1,0.5 -o E.npy",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("GRAPH")),
    .params = params,
    .settle = settle,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
