/* nodes_eval.c: the verb `nodes-eval`: how well vectors of nodes tell their labels. */
#include "algo/graph/eval/nodes_eval.h"

#include "algo/cluster/rows.h"
#include "algo/rows/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/graph/graph_options.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>

enum { PERCENTS = 99 };

static const trn_param_t params[] = {
    {"labels", 'l', TRN_PARAM_TEXT, .metavar = "FILE", .required = true, .file.use = TRN_FILE_READ,
     .help =
         "lines \"node label label ...\": nodes by the names that rows have, or by their numbers "
         "from 0; nodes without a line are left out"},
    {"percent", 0, TRN_PARAM_TEXT, "10,50,90", .metavar = "P[,P...]",
     .help = "how many of a hundred nodes with labels to train on; the others test"},
    {"splits", 0, TRN_PARAM_INT, "3", 1, 1000,
     .help = "how often to divide the nodes anew; scores are means over all splits"},
    {"seed", 0, TRN_PARAM_INT, "0", 0, 9e15, .help = "of the splits"},
    {"order", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, .excludes = "seed",
     .help = "orders of the nodes with labels, by their places from 0 among these, one split after "
             "the other: the first nodes of each train; else they are drawn by --seed"},
    {"C", 0, TRN_PARAM_REAL, "1", 1e-9, 1e9, .metavar = "C",
     .help = "weight of the loss against |w|^2 / 2; the bias is part of w, as in liblinear"},
    {"tolerance", 0, TRN_PARAM_REAL, "1e-6", 1e-12, 0.1,
     .help = "train until a gradient is this part of what it was"},
    TRN_EDGES_PARAMS,
    {0}};

/* Vectors, their labels, and the scores of splits x percentages. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_node_labels_t labels;
    trn_ids_t order;
    double percent[PERCENTS];
    trn_nodes_how_t how;
    double *x; /* [nodes x cols] */
    trn_nodes_score_t *score;
    trn_nodes_fits_t fits;
} job_t;

/* As many splits as the file has orders of all nodes. Local. */
static trn_status_t take_order(const trn_run_t *run, job_t *job) {
    int64_t nodes = job->labels.nodes;
    trn_ids_t *order = &job->order;
    if (order->count == 0 || order->count % nodes != 0)
        return trn_fail(TRN_INPUT,
                        "%s: %lld numbers; each split wants one for each of the %lld "
                        "nodes that have labels",
                        order->path, (long long)order->count, (long long)nodes);
    int64_t splits = order->count / nodes;
    if (splits > 1000 || (trn_params_given(run->params, "splits") && splits != job->how.splits))
        return trn_fail(TRN_USAGE, "%s: orders of %lld nodes for %lld splits, not for %d",
                        order->path, (long long)nodes, (long long)splits, job->how.splits);
    TRN_TRY(trn_ids_within(order, 0, nodes, "nodes with labels"));
    for (int64_t i = 0; i < splits; i++) {
        trn_ids_t one = {order->path, nodes, order->id + i * nodes};
        TRN_TRY(trn_ids_unique(&one, nodes));
    }
    job->how.splits = (int)splits;
    job->how.order = order->id;
    return TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    const trn_matrix_info_t *info = &job->a.in.info;
    const char *order = trn_params_text(p, "order");
    trn_edges_how_t edges = trn_edges_options(p);
    job->how = (trn_nodes_how_t){.percent = job->percent,
                                 .splits = (int)trn_params_int(p, "splits"),
                                 .seed = (uint64_t)trn_params_int(p, "seed"),
                                 .c = trn_params_real(p, "C"),
                                 .tolerance = trn_params_real(p, "tolerance"),
                                 .threads = run->threads};
    TRN_TRY(trn_params_numbers(p, "percent",
                               &(trn_numbers_rule_t){PERCENTS, 1e-6, 99.9999, false, "10,50,90"},
                               job->percent, &job->how.percents));
    if (info->rows == 0 || info->cols == 0)
        return trn_fail(TRN_INPUT, "%s: an empty matrix has no vectors", job->a.in.path);
    TRN_TRY(trn_node_labels_read(&job->labels, run->comm, trn_params_text(p, "labels"), &edges,
                                 &job->a.in));
    if (order) TRN_TRY(trn_ids_read(&job->order, run->comm, order));
    if (order) TRN_AGREE(run->comm, take_order(run, job));
    return trn_run_note(run, json_pack("{s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)info->rows,
                                       "cols", (json_int_t)info->cols, "nodes",
                                       (json_int_t)job->labels.nodes, "labels",
                                       (json_int_t)job->labels.labels, "labels_left_out",
                                       (json_int_t)job->labels.unknown));
}

/* The rows of nodes with labels lie on every rank; the file is let go of before training. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t cols = job->a.in.info.cols, nodes = job->labels.nodes;
    trn_node_labels_plan(ledger, &job->labels);
    trn_ledger_take(ledger, "orders", job->order.count, 8);
    trn_ledger_take(ledger, "vectors", nodes * cols, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_ledger_take(ledger, "fetching", nodes, 16);
    trn_ledger_back(ledger, &before);
    trn_nodes_eval_plan(ledger, &job->labels, cols, &job->how, ranks, rank);
}

/* Some 60 products a label. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double numbers = (double)job->labels.nodes * (double)job->a.in.info.cols, all = 0;
    for (int i = 0; i < job->how.percents; i++)
        all += job->percent[i] / 100;
    *cost =
        (trn_cost_t){.flops = 240 * numbers * all * job->how.splits * (double)job->labels.labels,
                     .file_bytes = 4 * numbers};
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    int64_t cols = job->a.in.info.cols, items = (int64_t)job->how.splits * job->how.percents;
    trn_status_t status =
        trn_alloc(&job->x, job->labels.nodes * cols, sizeof *job->x, "vectors of nodes");
    if (status == TRN_OK) status = trn_alloc(&job->score, items, sizeof *job->score, "scores");
    TRN_AGREE(run->comm, status);
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    trn_cluster_rows_t rows = trn_cluster_rows_of(&job->a);
    status = trn_cluster_fetch(&rows, job->labels.nodes, job->labels.row, job->x);
    trn_tall_in_close(&job->a);
    if (status != TRN_OK) return status;
    TRN_TRY(trn_nodes_eval(&job->labels, run->comm, job->x, cols, &job->how, job->a.in.path,
                           job->score, &job->fits));
    if (job->fits.unsettled > 0 && run->rank == 0)
        trn_log(TRN_LOG_WARN, "nodes-eval",
                "%lld of %lld labels did not come to the tolerance; a larger one may do",
                (long long)job->fits.unsettled, (long long)job->fits.fits);
    return TRN_OK;
}

/* Mean and population's standard deviation over splits. */
static void over_splits(const job_t *job, int percent, bool macro, double *mean,
                        double *deviation) {
    double sum = 0, squares = 0, splits = job->how.splits;
    for (int s = 0; s < job->how.splits; s++) {
        const trn_nodes_score_t *score = &job->score[s * job->how.percents + percent];
        sum += macro ? score->macro : score->micro;
    }
    *mean = sum / splits;
    for (int s = 0; s < job->how.splits; s++) {
        const trn_nodes_score_t *score = &job->score[s * job->how.percents + percent];
        double off = (macro ? score->macro : score->micro) - *mean;
        squares += off * off;
    }
    *deviation = sqrt(squares / splits);
}

/* The row of one percentage. */
static json_t *row_of(const job_t *job, int percent) {
    const trn_nodes_score_t *first = &job->score[percent];
    double micro, micro_sd, macro, macro_sd;
    over_splits(job, percent, false, &micro, &micro_sd);
    over_splits(job, percent, true, &macro, &macro_sd);
    int64_t untrained = 0;
    for (int s = 0; s < job->how.splits; s++)
        untrained += job->score[s * job->how.percents + percent].untrained;
    return json_pack("{s:f, s:I, s:I, s:f, s:f, s:f, s:f, s:I}", "percent", job->percent[percent],
                     "train", (json_int_t)first->train, "test", (json_int_t)first->test, "micro_f1",
                     micro, "micro_sd", micro_sd, "macro_f1", macro, "macro_sd", macro_sd,
                     "labels_without_example", (json_int_t)untrained);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    json_t *rows = json_array();
    for (int i = 0; i < job->how.percents; i++)
        json_array_append_new(rows, row_of(job, i));
    if (json_array_size(rows) != (size_t)job->how.percents) {
        json_decref(rows);
        rows = NULL;
    }
    return trn_run_note(run, json_pack("{s:i, s:I, s:I, s:I, s:I, s:o}", "splits", job->how.splits,
                                       "fits", (json_int_t)job->fits.fits, "products",
                                       (json_int_t)job->fits.products, "most_steps",
                                       (json_int_t)job->fits.steps, "unsettled",
                                       (json_int_t)job->fits.unsettled, "scores", rows));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_node_labels_free(&job->labels);
    trn_ids_free(&job->order);
    trn_free(&job->x);
    trn_free(&job->score);
}

const trn_command_t trn_command_nodes_eval = {
    .name = "nodes-eval",
    .summary = "score vectors of nodes by how well they tell labels: micro and macro F1",
    .files = "E --labels FILE",
    .description =
        "The protocol of DeepWalk: of the nodes that have labels a part trains, one-vs-rest "
        "logistic "
        "regression with a penalized bias (liblinear's definition) to its one minimum; each of the "
        "others gets its most probable labels, as many as it has. micro_f1 is over all labels "
        "given, "
        "macro_f1 the mean over labels, 0 for one that is neither given nor had; both are means "
        "over "
        "--splits, with their standard deviations. A label without an example to train on is never "
        "given. E is any file that convert reads; rows of nodes with labels lie on every rank, and "
        "labels are dealt to ranks and threads, which change no bit.",
    .examples =
        "classify the nodes of a graph\ttrunnion nodes-eval A.npy --labels groups.txt\n"
        "as the authors of FastRP do\ttrunnion nodes-eval A.npy --labels groups.txt --percent "
        "10,90 --C 0.1 --splits 5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("E")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
