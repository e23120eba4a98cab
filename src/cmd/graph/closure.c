/* closure.c: the verb `closure`: which nodes of a graph reach which, and what paths show of it. */
#include "algo/graph/closure.h"

#include "algo/graph/closure_ask.h"
#include "algo/graph/closure_observed.h"
#include "algo/graph/graph.h"
#include "algo/graph/nodes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/graph/graph_options.h"
#include "mpi/agree.h"

#include <math.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "R.h5", .file.use = TRN_FILE_WRITTEN,
     .file.endings = ".h5 .hdf5 .mtx",
     .help = "R as a sparse matrix of ones, .h5 or .mtx, with the names of the nodes; without it "
             "pairs are only counted"},
    {"packed", 0, TRN_PARAM_BOOL, "false", .needs = "output", .excludes = "observed",
     .help = "a bit for every pair in /bits, as numpy.unpackbits(.., bitorder='little') reads it: "
             "smaller where a 64th of all pairs is there"},
    {"reflexive", 0, TRN_PARAM_BOOL, "false",
     .help = "every node reaches itself; else only if a path of at least one edge leads back"},
    {"rounds", 0, TRN_PARAM_INT, NULL, 0, 62, .metavar = "N", .excludes = "hops",
     .help = "what N rounds of squaring, R or R R, starting from the edges, come to: paths of 1 to "
             "2^N edges"},
    {"hops", 0, TRN_PARAM_INT, NULL, 1, INFINITY, .metavar = "H",
     .help = "paths of 1 to H edges only"},
    {"longest", 0, TRN_PARAM_BOOL, "false",
     .help =
         "tell the edges of the longest of all shortest paths, and the rounds of squaring after "
         "which nothing changes; takes walks level by level"},
    {"from", 0, TRN_PARAM_LIST, .metavar = "NODE", .group = "Nodes", .excludes = "from-file",
     .help = "rows of these nodes only, in this order"},
    {"from-file", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "the same, a node a line"},
    {"question", 'q', TRN_PARAM_LIST, .metavar = "A B", .excludes = "ask",
     .help = "whether B can be reached from A, and by which path: the shortest, of several the one "
             "with the lowest nodes from its start on; several pairs may follow"},
    {"ask", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "the same for a file with a line \"A B\" for each question"},
    {"paths", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, .group = "Paths",
     .excludes = "reflexive",
     .help = "lines of paths, \"v v v ..\": tell what part of R they show, each of its nodes to "
             "reach the last one; without GRAPH their steps are the edges"},
    {"observed", 0, TRN_PARAM_BOOL, "false", .needs = "paths",
     .help = "--output is what the paths show, a row for each target, in place of R"},
    {"counts", 0, TRN_PARAM_BOOL, "false", .needs = "observed",
     .help = "how many paths show a pair, in place of 1"},
    TRN_GRAPH_PARAMS_OF("true", "keep"),
    {0}};

typedef struct job {
    trn_graph_t graph;
    trn_graph_how_t how;
    trn_closure_t closure;
    trn_closure_options_t options;
    trn_node_list_t from;
    trn_asked_t asked;
    trn_observed_t observed;
    trn_held_t held;
    const char *file[2]; /* of edges, of paths */
    int files;
    const char *output;
    bool paths, observes, counts, packed;
    int64_t steps; /* of all paths */
    double seconds;
} job_t;

/* Looking -------------------------------------------------------------------------------------- */

static void read_options(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    job->how = trn_graph_options(p);
    job->output = trn_params_text(p, "output");
    job->packed = trn_params_bool(p, "packed");
    job->observes = trn_params_bool(p, "observed");
    job->counts = trn_params_bool(p, "counts");
    job->options = (trn_closure_options_t){.measure = trn_params_bool(p, "longest"),
                                           .reflexive = trn_params_bool(p, "reflexive"),
                                           .threads = run->threads,
                                           .words = TRN_REACH_WORDS};
    if (trn_params_given(p, "hops")) job->options.hops = trn_params_int(p, "hops");
    if (trn_params_given(p, "rounds"))
        job->options.hops = trn_closure_hops(trn_params_int(p, "rounds"));
    if (run->nfiles > 0) job->file[job->files++] = run->files[0];
    job->paths = trn_params_text(p, "paths") != NULL;
    if (job->paths) job->file[job->files++] = trn_params_text(p, "paths");
    job->how.edges.paths = job->paths;
}

/* Nodes that the options name. Collective. */
static trn_status_t find_nodes(trn_run_t *run, job_t *job) {
    const char *from = trn_params_text(run->params, "from-file");
    const char *ask = trn_params_text(run->params, "ask");
    trn_edges_side_t *side = &job->graph.edges.side[0];
    char *const *words;
    int count = trn_params_list(run->params, "from", &words);
    if (count > 0) TRN_AGREE(run->comm, trn_node_list_words(&job->from, "--from", 1, count, words));
    if (from) TRN_TRY(trn_node_list_read(&job->from, run->comm, from, 1, "node"));
    if (job->from.count > 0) {
        TRN_TRY(trn_node_list_find(&job->from, run->comm, side, job->graph.rows));
        TRN_AGREE(run->comm, trn_node_list_unique(&job->from, job->graph.rows));
    }
    count = trn_params_list(run->params, "question", &words);
    if (count > 0)
        TRN_AGREE(run->comm, trn_node_list_words(&job->asked.list, "--question", 2, count, words));
    if (ask) TRN_TRY(trn_node_list_read(&job->asked.list, run->comm, ask, 2, "question"));
    if (job->asked.list.count == 0) return TRN_OK;
    return trn_node_list_find(&job->asked.list, run->comm, side, job->graph.rows);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    read_options(run, job);
    if (job->files == 0)
        return trn_fail(TRN_USAGE, "closure: no graph; give a file of edges, or --paths FILE");
    TRN_TRY(trn_graph_look_at(&job->graph, run->comm, job->files, job->file, &job->how));
    if (job->paths) job->steps = job->graph.edges.file[job->files - 1].all;
    TRN_TRY(find_nodes(run, job));
    job->held = trn_held_now(run->comm);
    return trn_run_note(run, json_pack("{s:I}", "nodes", (json_int_t)job->graph.rows));
}

/* Planning ------------------------------------------------------------------------------------- */

static int64_t rows_of(const job_t *job) {
    return job->from.count > 0 ? job->from.count : job->graph.rows;
}

/* The band of the graph goes when all of it is everywhere; of R nothing stays. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_bands_t *bands = &job->graph.bands;
    int64_t edges = 0, own = bands->entries[rank];
    for (int r = 0; r < ranks; r++)
        edges += bands->entries[r];
    trn_held_take(ledger, &job->held);
    if (job->paths) trn_observed_read_plan(ledger, job->graph.rows, job->steps, ranks);
    trn_graph_plan(ledger, &job->graph, TRN_SPARSE_PATTERN, ranks, rank);
    trn_ledger_take(ledger, "graph", job->graph.rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "graph", edges, sizeof(int32_t));
    trn_ledger_give(ledger, "graph", own, sizeof(int32_t));
    trn_ledger_give(ledger, "graph", bands->start[rank + 1] - bands->start[rank] + 1,
                    sizeof(int64_t));
    trn_ledger_give(ledger, "graph", job->graph.rows + 1, sizeof(int64_t));
    trn_ledger_give(ledger, "graph", edges, sizeof(int32_t));
    trn_closure_plan(ledger, job->graph.rows, edges, rows_of(job), &job->options);
    if (job->paths)
        trn_observed_plan(ledger, job->graph.rows, job->steps, job->options.words,
                          job->options.threads);
    if (job->asked.list.count > 0)
        trn_asked_plan(ledger, job->graph.rows, job->asked.list.count / 2);
    if (job->output)
        trn_ledger_take(ledger, "saving",
                        trn_closure_save_bytes(job->graph.rows, rows_of(job), ranks), 1);
}

/* Batches of fewer sources take less memory, and more passes. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    enum { MOST_BITS = 1 << 28 /* words of bits of sources that a thread holds */ };
    job_t *job = user;
    int64_t limit = trn_params_size(run->params, "memory");
    TRN_TRY(trn_graph_cut(&job->graph, ranks, 0, 0));
    job->options.words = TRN_REACH_WORDS;
    while (job->options.words > 1 && job->graph.rows > MOST_BITS / job->options.words)
        job->options.words /= 2;
    while (limit > 0 && job->options.words > 1 && trn_estimate_bytes(ranks, plan, job) > limit)
        job->options.words /= 2;
    return TRN_OK;
}

/* Two passes of batches over all edges, at the most. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double batch = TRN_REACH_WORD * job->options.words, edges = 0;
    for (int r = 0; r < job->graph.bands.ranks; r++)
        edges += (double)job->graph.bands.entries[r];
    double passes = 2 * ((double)rows_of(job) / batch + 1);
    *cost = (trn_cost_t){.bytes = passes * (edges + (double)job->graph.rows) * batch / 4};
}

/* Work ----------------------------------------------------------------------------------------- */

/* The graph on every rank; what paths show, of which no more is needed then. Collective. */
static trn_status_t load(trn_run_t *run, job_t *job) {
    trn_sparse_t *band = NULL;
    trn_closure_t *c = &job->closure;
    int last = job->files - 1;
    if (job->paths) TRN_TRY(trn_observed_read(&job->observed, &job->graph, last));
    TRN_TRY(trn_graph_load(&job->graph, TRN_SPARSE_PATTERN, &band));
    trn_status_t status = trn_digraph_gather(&c->graph, run->comm, band);
    trn_sparse_destroy(&band);
    c->rows = rows_of(job);
    c->source = job->from.node; /* NULL: all */
    job->from.node = NULL;
    if (status == TRN_OK && last > 0)
        trn_observed_steps(&job->observed, run->comm, &c->graph, &job->graph.edges.file[last]);
    trn_edges_file_free(&job->graph.edges.file[last]);
    return status;
}

/* Names of the rows; where these are some nodes, also of all, which are the columns. */
static trn_status_t declare_names(void *user, trn_store_t *store) {
    job_t *job = user;
    trn_edges_side_t *side = &job->graph.edges.side[0];
    const trn_node_list_t *from = &job->from;
    if (from->count == 0) return trn_edges_declare_names(side, store, "/vocab");
    TRN_TRY(trn_store_strings(store, "/vocab", from->count, (const char *const *)from->word));
    return trn_edges_declare_names(side, store, "/nodes");
}

static double one(void *user, int64_t row, int64_t col, double value) {
    (void)user;
    (void)row;
    (void)col;
    (void)value;
    return 1;
}

static trn_status_t save(const trn_run_t *run, job_t *job) {
    if (!job->output) return TRN_OK;
    json_t *given = trn_params_json(run->params);
    trn_status_t status;
    if (job->observes) {
        trn_rows_make_t make = {.rows = job->graph.rows,
                                .cols = job->graph.rows,
                                .created_by = run->command,
                                .params = given};
        trn_graph_name(&job->graph, &make);
        if (!job->counts) trn_sparse_map(job->observed.band, false, one, NULL);
        status = trn_rows_save_sparse(run->comm, job->output, job->observed.band, &make);
    } else {
        trn_closure_make_t make = {job->packed, run->command, given, declare_names, job};
        status = trn_closure_save(&job->closure, job->output, &make);
    }
    json_decref(given);
    return status;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    if (job->output)
        TRN_TRY(trn_rows_place(run->comm, job->output, &(trn_rows_make_t){.type = TRN_F32}, true));
    TRN_TRY(load(run, job));
    double start = trn_seconds();
    TRN_TRY(trn_closure_start(&job->closure, run->comm, &job->options));
    trn_closure_count(&job->closure);
    job->seconds = trn_seconds() - start;
    if (job->paths) TRN_TRY(trn_observed_compare(&job->observed, &job->closure));
    if (job->asked.list.count > 0)
        TRN_TRY(trn_asked_answer(&job->asked, run->comm, &job->closure.graph, job->options.hops,
                                 job->options.reflexive, &job->graph.edges.side[0]));
    return save(run, job);
}

/* Telling -------------------------------------------------------------------------------------- */

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_closure_t *c = &job->closure;
    double all = (double)c->rows * (double)job->graph.rows;
    TRN_TRY(trn_graph_note(run, &job->graph));
    TRN_TRY(trn_run_note(run, json_pack("{s:I, s:I, s:f, s:f}", "rows", (json_int_t)c->rows,
                                        "pairs", (json_int_t)c->pairs, "density",
                                        (double)c->pairs / all, "walk_seconds", job->seconds)));
    if (c->parts.parts > 0)
        TRN_TRY(trn_run_note(run, json_pack("{s:I}", "components", (json_int_t)c->parts.parts)));
    if (job->options.measure || job->options.hops > 0)
        TRN_TRY(trn_run_note(run, json_pack("{s:I, s:I}", "longest", (json_int_t)c->longest,
                                            "rounds", (json_int_t)trn_closure_rounds(c->longest))));
    if (job->paths) TRN_TRY(trn_run_note(run, trn_observed_note(&job->observed, c)));
    if (job->asked.list.count == 0 || run->rank > 0) return TRN_OK;
    bool flat = !trn_params_bool(run->params, "json");
    return trn_run_note(run, json_pack("{s:o}", "answers", trn_asked_table(&job->asked, flat)));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_closure_free(&job->closure);
    trn_node_list_free(&job->from);
    trn_asked_free(&job->asked);
    trn_observed_free(&job->observed);
    trn_graph_free(&job->graph);
}

const trn_command_t trn_command_closure = {
    .name = "closure",
    .summary = "find which nodes of a graph reach which, and by which path",
    .files = "[GRAPH] [-o R.h5]",
    .description =
        "R has a row for each node and in it each node that a path of at least one edge leads to. "
        "GRAPH is a file of edges or any sparse matrix. Batches of 512 nodes walk together, "
        "through "
        "components that are strongly connected at once; rows are counted first, and found anew "
        "when they are written, so that memory is bounded by the graph, 4 bytes an edge and some "
        "200 a node, not by R. The number of ranks and threads changes nothing. --paths holds R "
        "against what training paths show: unobserved_share is the part of R that they do not; "
        "by_degree tells how many observed pairs in a row, less one, it takes to join the pairs of "
        "R (degree -: they are not joined), by_source_edges the unobserved ones by the number of "
        "edges that leave their source.",
    .examples = "count and write what reaches what\ttrunnion closure edges.txt -o R.h5\n"
                "is there a path, and which\ttrunnion closure edges.txt --question 0 3",
    .min_files = 0,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("GRAPH")),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
