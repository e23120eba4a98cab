/* links_eval.c: the verb `links-eval`: how well vectors of nodes tell edges; edges held out for it.
 */
#include "algo/graph/eval/links_eval.h"

#include "algo/graph/eval/links_split.h"
#include "base/mem.h"
#include "cli/graph/graph_options.h"
#include "mpi/agree.h"

#include <stdlib.h>
#include <string.h>

enum { HITS = 16 };

static const trn_param_t params[] = {
    {"positive", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "edges, such as those held out: the names of rows, or their numbers from 0"},
    {"negative", 0, TRN_PARAM_TEXT, .metavar = "FILE|N", .needs = "positive",
     .help =
         "pairs without an edge, or how many to draw by --seed, none of them a --positive edge or "
         "one of --graph; default: as many as there are edges"},
    {"graph", 0, TRN_PARAM_TEXT, .metavar = "FILE", .needs = "positive", .file.use = TRN_FILE_READ,
     .help = "further edges that are not to be drawn, such as those that vectors come of"},
    {"score", 0, TRN_PARAM_CHOICE, "dot", .choices = "dot|cosine|l2", .needs = "positive",
     .help = "of a pair of rows: their product, the cosine, or less their distance"},
    {"hits", 0, TRN_PARAM_TEXT, "10,50,100", .metavar = "K[,K...]", .needs = "positive",
     .help = "hits@K: edges whose scores are above that of the K-th best pair without one"},
    {"split", 0, TRN_PARAM_TEXT, .metavar = "GRAPH", .file.use = TRN_FILE_READ,
     .group = "Splitting", .help = "no scores: hold edges of a graph out"},
    {"share", 0, TRN_PARAM_REAL, "0.1", 1e-9, 1, .needs = "split", .help = "how many of one"},
    {"train-edges", 0, TRN_PARAM_TEXT, .metavar = "FILE", .needs = "split",
     .file.use = TRN_FILE_WRITTEN, .help = "file to write: the edges to train on"},
    {"test-edges", 0, TRN_PARAM_TEXT, .metavar = "FILE", .needs = "split",
     .file.use = TRN_FILE_WRITTEN, .help = "file to write: the edges held out"},
    {"seed", 0, TRN_PARAM_INT, "0", 0, 9e15, .help = "of what is drawn"},
    TRN_GRAPH_PARAMS,
    {0}};

/* Scores --------------------------------------------------------------------------------------- */

typedef struct job {
    trn_tall_in_t a;                    /* first: the program looks at it */
    trn_row_pairs_t edge, other, known; /* known: by --graph */
    trn_held_t held;
    int64_t draws; /* pairs to draw; 0: they are given */
    trn_link_score_t kind;
    double hits[HITS];
    int count;
    double *score; /* [edges + others] */
    double auc, precision;
} job_t;

/* A number of pairs to draw, or a file of them. Collective. */
static trn_status_t take_others(const trn_run_t *run, job_t *job, const trn_edges_how_t *how,
                                bool directed) {
    const char *text = trn_params_text(run->params, "negative");
    char *end = NULL;
    job->draws = job->edge.count;
    if (!text) return TRN_OK;
    long long n = strtoll(text, &end, 10);
    if (!*end && (n < 1 || n > 1000000000))
        return trn_fail(TRN_USAGE, "--negative %s: draw between 1 and 1000000000 pairs", text);
    job->draws = *end ? 0 : n;
    return job->draws ? TRN_OK
                      : trn_row_pairs_read(&job->other, run->comm, text, how, directed, &job->a.in);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    const trn_matrix_info_t *info = &job->a.in.info;
    const char *graph = trn_params_text(p, "graph");
    trn_edges_how_t how = trn_edges_options(p);
    bool directed = trn_params_bool(p, "directed");
    job->kind = (trn_link_score_t)trn_params_choice(p, "score");
    TRN_TRY(trn_params_numbers(p, "hits", &(trn_numbers_rule_t){HITS, 1, 1e15, true, "10,50,100"},
                               job->hits, &job->count));
    if (info->rows < 2 || info->cols == 0 || info->rows > INT32_MAX)
        return trn_fail(TRN_INPUT,
                        "%s: %lld x %lld; pairs want two rows at least, and 2^31 at most",
                        job->a.in.path, (long long)info->rows, (long long)info->cols);
    TRN_TRY(trn_row_pairs_read(&job->edge, run->comm, trn_params_text(p, "positive"), &how,
                               directed, &job->a.in));
    TRN_TRY(take_others(run, job, &how, directed));
    if (graph)
        TRN_TRY(trn_row_pairs_read(&job->known, run->comm, graph, &how, directed, &job->a.in));
    job->held = trn_held_now(run->comm);
    return trn_run_note(
        run, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)info->rows, "cols",
                       (json_int_t)info->cols, "edges", (json_int_t)job->edge.count, "pairs",
                       (json_int_t)(job->draws ? job->draws : job->other.count), "left_out",
                       (json_int_t)(job->edge.unknown + job->other.unknown + job->known.unknown),
                       "repeated", (json_int_t)(job->edge.repeated + job->other.repeated)));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t others = job->draws ? job->draws : job->other.count;
    int64_t most = job->edge.count > others ? job->edge.count : others;
    trn_held_take(ledger, &job->held);
    trn_ledger_take(ledger, "pairs", job->draws * 2, 8);
    trn_ledger_take(ledger, "scores", job->edge.count + others, 8);
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_links_score_plan(ledger, most, job->a.in.info.rows, job->a.in.info.cols);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    double pairs = (double)job->edge.count + (double)(job->draws ? job->draws : job->other.count);
    *cost = (trn_cost_t){.flops = 8 * pairs * (double)info->cols,
                         .file_bytes = 4 * (double)info->rows * (double)info->cols};
}

static trn_status_t score_all(job_t *job) {
    trn_cluster_rows_t rows = trn_cluster_rows_of(&job->a);
    TRN_TRY(trn_links_score(&rows, &job->edge, job->kind, job->score));
    return trn_links_score(&rows, &job->other, job->kind, job->score + job->edge.count);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_row_pairs_t *avoid[] = {&job->edge, &job->known};
    if (job->draws)
        TRN_TRY(trn_row_pairs_draw(&job->other, run->comm, job->a.in.info.rows, job->draws,
                                   (uint64_t)trn_params_int(run->params, "seed"),
                                   trn_params_bool(run->params, "directed"), avoid, 2));
    TRN_AGREE(run->comm, trn_alloc(&job->score, job->edge.count + job->other.count,
                                   sizeof *job->score, "scores"));
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    trn_status_t status = score_all(job);
    trn_tall_in_close(&job->a);
    if (status == TRN_OK)
        trn_links_measure(job->edge.count, job->score, job->other.count,
                          job->score + job->edge.count, &job->auc, &job->precision);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    TRN_TRY(trn_run_note(
        run, json_pack("{s:f, s:f}", "auc", job->auc, "average_precision", job->precision)));
    for (int i = 0; i < job->count; i++) {
        char name[40];
        snprintf(name, sizeof name, "hits_%.0f", job->hits[i]);
        TRN_TRY(trn_run_note(
            run, json_pack("{s:f}", name,
                           trn_links_hits(job->edge.count, job->score, job->other.count,
                                          job->score + job->edge.count, (int64_t)job->hits[i]))));
    }
    return TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    trn_row_pairs_free(&job->edge);
    trn_row_pairs_free(&job->other);
    trn_row_pairs_free(&job->known);
    trn_free(&job->score);
}

static const trn_steps_t scores = {.size = sizeof(job_t),
                                   .rows = true,
                                   .look = look,
                                   .plan = plan,
                                   .cost = cost,
                                   .work = work,
                                   .report = report,
                                   .free = job_free};

/* Splitting ------------------------------------------------------------------------------------ */

typedef struct split {
    trn_graph_t graph;
    trn_held_t held;
    trn_links_split_t how;
    trn_links_split_told_t told;
} split_t;

static trn_status_t split_look(trn_run_t *run, void *user) {
    split_t *job = user;
    const trn_params_t *p = run->params;
    trn_graph_how_t how = trn_graph_options(p);
    job->how = (trn_links_split_t){.share = trn_params_real(p, "share"),
                                   .seed = (uint64_t)trn_params_int(p, "seed"),
                                   .train = trn_params_text(p, "train-edges"),
                                   .test = trn_params_text(p, "test-edges")};
    TRN_TRY(trn_graph_look(&job->graph, run->comm, trn_params_text(p, "split"), &how));
    job->held = trn_held_now(run->comm);
    return TRN_OK;
}

static trn_status_t split_cut(trn_run_t *run, void *user, int ranks) {
    (void)run;
    return trn_graph_cut(&((split_t *)user)->graph, ranks, 0, 0);
}

static void split_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const split_t *job = user;
    trn_held_take(ledger, &job->held);
    trn_graph_plan(ledger, &job->graph, trn_graph_type(&job->graph, TRN_SPARSE_F64), ranks, rank);
    trn_links_split_plan(ledger, &job->graph, rank);
}

static trn_status_t split_work(trn_run_t *run, void *user) {
    split_t *job = user;
    trn_sparse_t *adjacency = NULL;
    (void)run;
    trn_status_t status =
        trn_graph_load(&job->graph, trn_graph_type(&job->graph, TRN_SPARSE_F64), &adjacency);
    if (status == TRN_OK) status = trn_links_split(&job->graph, adjacency, &job->how, &job->told);
    trn_sparse_destroy(&adjacency);
    return status;
}

static trn_status_t split_report(trn_run_t *run, void *user) {
    const split_t *job = user;
    TRN_TRY(trn_graph_note(run, &job->graph));
    return trn_run_note(run,
                        json_pack("{s:I, s:I, s:I}", "train_edges", (json_int_t)job->told.train,
                                  "test_edges", (json_int_t)job->told.test,
                                  "nodes_without_train_edge", (json_int_t)job->told.bare));
}

static void split_free(void *user) {
    trn_graph_free(&((split_t *)user)->graph);
}

static const trn_steps_t splits = {.size = sizeof(split_t),
                                   .look = split_look,
                                   .cut = split_cut,
                                   .plan = split_plan,
                                   .work = split_work,
                                   .report = split_report,
                                   .free = split_free};

/* What is asked for, by the options that name files. */
static trn_status_t run_either(trn_run_t *run) {
    const trn_params_t *p = run->params;
    bool split = trn_params_text(p, "split") != NULL;
    bool files = trn_params_text(p, "train-edges") && trn_params_text(p, "test-edges");
    if (split && (run->nfiles > 0 || !files))
        return trn_fail(TRN_USAGE,
                        "--split GRAPH wants --train-edges FILE and --test-edges FILE, and "
                        "no vectors");
    if (!split && run->nfiles != 1)
        return trn_fail(TRN_USAGE, "E: no vectors; give a file whose rows are nodes");
    return trn_steps_run(run, split ? &splits : &scores);
}

const trn_command_t trn_command_links_eval = {
    .name = "links-eval",
    .summary = "score vectors of nodes by how well they tell edges: AUC, average precision, hits",
    .files = "E --positive FILE | --split GRAPH",
    .description =
        "Scores pairs of rows of E: edges, best those that were held out before E was made, and "
        "pairs "
        "without an edge. auc is the chance that an edge has the higher score, ties counting half; "
        "average_precision that of scikit-learn; hits@K that of the Open Graph Benchmark. Pairs to "
        "draw have two different rows, each pair with the same chance and on its own, so that one "
        "may "
        "come twice. --split divides the edges of a graph by --seed into a file to train on and "
        "one "
        "to test. The number of ranks changes no bit.",
    .examples =
        "hold a tenth of the edges out\ttrunnion links-eval --split links.txt --share 0.1 "
        "--train-edges train.txt --test-edges test.txt\n"
        "score vectors by edges\ttrunnion links-eval A.npy --positive links.txt --score cosine",
    .min_files = 0,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("E")),
    .params = params,
    .one_of = "positive split",
    .run = run_either,
    .plans = true,
};
