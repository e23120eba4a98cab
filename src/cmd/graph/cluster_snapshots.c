/* cluster_snapshots.c: the verb `cluster-snapshots`: communities of a graph that changes. */
#include "algo/graph/eval/clusters_eval.h"
#include "algo/graph/graph.h"
#include "algo/graph/snapshots/snapshots.h"
#include "algo/rows/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/graph/graph_options.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "S.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write: /0/labels, /0/w, /0/h, ... of each snapshot"},
    {"k", 'k', TRN_PARAM_INT, NULL, 1, 4096, .required = true, .help = "how many clusters"},
    {"dim", 'd', TRN_PARAM_INT, "0", 0, 4096, .help = "numbers of a node; 0: as many as clusters"},
    {"window", 'w', TRN_PARAM_INT, "2", 1, 50,
     .help = "steps of a random walk within which nodes count as met"},
    {"landmarks", 0, TRN_PARAM_INT, "0", 0, 20000, .metavar = "L",
     .help = "nodes that all are described by, chosen in the first snapshot; 0: 512, or twice the "
             "root of the nodes if that is more; all nodes, if there are no more"},
    {"parts", 0, TRN_PARAM_INT, "1", 1, 1e6,
     .help = "count windows of a snapshot in so many parts of the nodes, one after the other: less "
             "memory, the same bits"},
    {"labels", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "true clusters to compare with: a whole number for each node, in one file for all "
             "snapshots or in one for each; nodes with a negative one are left out"},
    {"update", 0, TRN_PARAM_REAL, NULL, 0, 1, .metavar = "SHARE", .group = "Updates",
     .help = "after the first snapshot solve only this share of all nodes anew, those whose "
             "neighbors changed the most"},
    {"change", 0, TRN_PARAM_REAL, NULL, 0, 1, .metavar = "TOLERANCE",
     .help = "the same for nodes that changed by more than this: 0 for the same neighbors, 1 for "
             "all others; with --update both must hold"},
    {"steps", 0, TRN_PARAM_INT, "200", 0, 1e9, .group = "Factors",
     .help = "of the landmarks' factors, at most"},
    {"rounds", 0, TRN_PARAM_INT, "10", 0, 1e9,
     .help = "of factors against all nodes behind them, at most; 0 with --biclustering"},
    {"tolerance", 0, TRN_PARAM_REAL, "1e-6", 0, 1,
     .help = "done when a step, or a round, lowers the objective by no more than this part of the "
             "first one; 0: when it no longer falls"},
    {"biclustering", 0, TRN_PARAM_REAL, "0", 0, 1e9, .metavar = "ALPHA",
     .help =
         "weight of the term that draws factors and landmarks to K components; one eigenproblem "
         "of landmarks + dim every 5 steps"},
    {"starts", 0, TRN_PARAM_INT, "5", 1, 10000,
     .help = "begin factors and clusters so many times, and keep the best"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of the numbers to begin with"},
    TRN_GRAPH_PARAMS,
    {0}};

typedef struct job {
    trn_edges_t edges;
    int count;          /* snapshots */
    trn_graph_t *graph; /* [count] until they are loaded */
    trn_graph_how_t how;
    trn_snapshots_options_t options;
    int truths; /* 0, 1 or count */
    trn_ids_t *truth;
    trn_held_t held;
    trn_snapshots_t done;
    trn_clusters_score_t *score; /* [count], where there are truths */
    bool first;                  /* rank 0 */
} job_t;

/* Looking -------------------------------------------------------------------------------------- */

static void read_options(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    trn_snapshots_options_t *o = &job->options;
    bool share = trn_params_given(p, "update"), change = trn_params_given(p, "change");
    *o = (trn_snapshots_options_t){.k = trn_params_int(p, "k"),
                                   .dim = trn_params_int(p, "dim"),
                                   .landmarks = trn_params_int(p, "landmarks"),
                                   .window = (int)trn_params_int(p, "window"),
                                   .parts = trn_params_int(p, "parts"),
                                   .steps = trn_params_int(p, "steps"),
                                   .rounds = trn_params_int(p, "rounds"),
                                   .tolerance = trn_params_real(p, "tolerance"),
                                   .alpha = trn_params_real(p, "biclustering"),
                                   .starts = (int)trn_params_int(p, "starts"),
                                   .selective = share || change,
                                   .change.most = share ? trn_params_real(p, "update") : 1,
                                   .change.tolerance = change ? trn_params_real(p, "change") : 0,
                                   .seed = (uint64_t)trn_params_int(p, "seed"),
                                   .threads = run->threads};
    if (o->dim == 0) o->dim = o->k;
    job->how = trn_graph_options(p);
    job->count = run->nfiles;
    job->first = run->rank == 0;
}

/* What depends on the number of nodes. */
static trn_status_t fit_options(const trn_run_t *run, job_t *job) {
    enum { USUAL = 512 };
    trn_snapshots_options_t *o = &job->options;
    int64_t n = job->graph[0].rows;
    if (job->how.directed)
        return trn_fail(TRN_USAGE, "--directed: clusters are of undirected graphs; leave it out");
    if (o->k > n)
        return trn_fail(TRN_INPUT,
                        "%s: %lld clusters of %lld nodes; ask for no more than there are",
                        run->files[0], (long long)o->k, (long long)n);
    if (o->alpha > 0) TRN_TRY(trn_params_idle(run->params, "rounds", "with --biclustering"));
    if (o->landmarks == 0) o->landmarks = (int64_t)fmax(USUAL, 2 * sqrt((double)n));
    if (o->landmarks > n) o->landmarks = n;
    if (o->alpha > 0 && o->landmarks + o->dim > TRN_LAPACK_MOST)
        return trn_fail(TRN_USAGE,
                        "--biclustering: %lld landmarks and --dim %lld, but eigenvectors are taken "
                        "of %d at most",
                        (long long)o->landmarks, (long long)o->dim, (int)TRN_LAPACK_MOST);
    return TRN_OK;
}

/* Collective. */
static trn_status_t read_truths(const trn_run_t *run, job_t *job) {
    char *const *paths;
    job->truths = trn_params_list(run->params, "labels", &paths);
    if (job->truths == 0) return TRN_OK;
    if (job->truths != 1 && job->truths != job->count)
        return trn_fail(TRN_USAGE, "--labels: %d files for %d snapshots; give one, or one for each",
                        job->truths, job->count);
    TRN_AGREE(run->comm, trn_alloc_zero(&job->truth, job->truths, sizeof *job->truth, "labels"));
    TRN_AGREE(run->comm, trn_alloc_zero(&job->score, job->count, sizeof *job->score, "scores"));
    for (int i = 0; i < job->truths; i++) {
        TRN_TRY(trn_ids_read(&job->truth[i], run->comm, paths[i]));
        if (job->truth[i].count != job->graph[0].rows)
            return trn_fail(TRN_INPUT, "%s: %lld labels, but the graphs have %lld nodes", paths[i],
                            (long long)job->truth[i].count, (long long)job->graph[0].rows);
    }
    return TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    read_options(run, job);
    TRN_AGREE(run->comm, trn_alloc_zero(&job->graph, job->count, sizeof *job->graph, "snapshots"));
    TRN_TRY(trn_edges_read(&job->edges, run->comm, &job->how.edges, job->count,
                           (const char *const *)run->files));
    for (int t = 0; t < job->count; t++)
        TRN_TRY(trn_graph_take(&job->graph[t], &job->edges, t, &job->how));
    TRN_TRY(fit_options(run, job));
    TRN_TRY(read_truths(run, job));
    job->held = trn_held_now(run->comm);
    return trn_run_note(run, json_pack("{s:I, s:I, s:I}", "nodes", (json_int_t)job->graph[0].rows,
                                       "snapshots", (json_int_t)job->count, "dim",
                                       (json_int_t)job->options.dim));
}

static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    trn_status_t status = TRN_OK;
    for (int t = 0; t < job->count && status == TRN_OK; t++)
        status = trn_graph_cut(&job->graph[t], ranks, 0, 0);
    return trn_agree(run->comm, status);
}

/* The snapshot with most entries stands for all: it and one before lie here at a time. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_snapshots_size_t size = {
        .n = job->graph[0].rows,
        .count = job->count,
        .value = trn_graph_type(&job->graph[0], TRN_SPARSE_F64) == TRN_SPARSE_F64 ? 8 : 0,
        .ranks = ranks,
        .rank = rank};
    int largest = 0;
    for (int t = 0; t < job->count; t++) {
        const trn_bands_t *bands = &job->graph[t].bands;
        int64_t all = 0;
        for (int r = 0; r < ranks; r++)
            all += bands->entries[r];
        if (all > size.all) {
            size.all = all;
            largest = t;
        }
    }
    const trn_bands_t *bands = &job->graph[largest].bands;
    size.own = bands->start[rank + 1] - bands->start[rank];
    for (int t = 0; t < job->count; t++) /* of another snapshot this rank may have more */
        if (job->graph[t].bands.entries[rank] > size.entries)
            size.entries = job->graph[t].bands.entries[rank];
    trn_held_take(ledger, &job->held);
    trn_graph_plan(ledger, &job->graph[largest], trn_graph_type(&job->graph[0], TRN_SPARSE_F64),
                   ranks, rank);
    trn_snapshots_plan(ledger, &job->options, &size);
    if (job->truths > 0) {
        trn_ledger_take(ledger, "labels", size.n, 16);
        trn_clusters_eval_plan(ledger, size.n);
        trn_ledger_give(ledger, "labels", size.n, 16);
    }
    trn_ledger_pass(ledger, "saving", trn_store_write_bytes(size.own * (4 + 4 * job->options.dim)),
                    1);
}

/* Work ----------------------------------------------------------------------------------------- */

/* Labels of snapshot t against the truth, over nodes that both know. Collective. */
static trn_status_t compare(const trn_run_t *run, job_t *job, int t) {
    const trn_snapshots_t *s = &job->done;
    int64_t *found = NULL, *other, kept = 0;
    if (job->truths == 0) return TRN_OK;
    const int64_t *truth = job->truth[job->truths > 1 ? t : 0].id;
    TRN_AGREE(run->comm, trn_alloc_zero(&found, 2 * s->n, sizeof *found, "labels"));
    other = found + s->n;
    for (int64_t i = 0; i < s->own; i++)
        found[s->first + i] = s->at[t].label[i];
    trn_sum_large(run->comm, s->n, MPI_INT64_T, found);
    for (int64_t i = 0; i < s->n; i++) {
        if (found[i] < 0 || truth[i] < 0) continue;
        found[kept] = found[i];
        other[kept++] = truth[i];
    }
    trn_status_t status =
        kept > 0 ? trn_clusters_eval(kept, found, other, &job->score[t])
                 : trn_fail(TRN_INPUT, "%s: no node has both a cluster and a label to compare",
                            run->files[t]);
    trn_free(&found);
    return trn_agree(run->comm, status);
}

static void tell(const trn_run_t *run, const job_t *job, int t) {
    const trn_snapshot_t *at = &job->done.at[t];
    if (run->rank > 0) return;
    double error = at->squares > 0 ? sqrt(2 * at->objective / at->squares) : 0;
    trn_log(TRN_LOG_INFO, "snapshots", "%s: %lld nodes solved, relative error %.4g", run->files[t],
            (long long)at->solved, error);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_snapshots_begin(&job->done, run->comm, job->graph[0].rows, &job->options));
    for (int t = 0; t < job->count; t++) {
        trn_sparse_t *adjacency = NULL;
        TRN_TRY(trn_graph_load(&job->graph[t], trn_graph_type(&job->graph[0], TRN_SPARSE_F64),
                               &adjacency));
        trn_status_t status = trn_snapshots_add(&job->done, &adjacency);
        if (status == TRN_INPUT) return trn_fail_prefix(status, "%s: ", run->files[t]);
        TRN_TRY(status);
        TRN_TRY(compare(run, job, t));
        tell(run, job, t);
    }
    trn_snapshots_end(&job->done);
    return TRN_OK;
}

/* Results -------------------------------------------------------------------------------------- */

enum { NAME = 40 };

static const char *name_of(int64_t t, const char *what, char name[NAME]) {
    snprintf(name, NAME, "/%lld/%s", (long long)t, what);
    return name;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    const trn_snapshots_t *s = &job->done;
    int64_t r = job->options.dim;
    char name[NAME];
    TRN_TRY(trn_edges_declare_names(&job->edges.side[0], store, "/nodes"));
    TRN_TRY(trn_store_dataset(store, "/landmarks", TRN_I64, s->landmarks, 0));
    for (int64_t t = 0; t < s->count; t++) {
        TRN_TRY(trn_store_dataset(store, name_of(t, "labels", name), TRN_I32, s->n, 0));
        TRN_TRY(trn_store_set_text(store, name, "file", job->graph[t].path));
        TRN_TRY(trn_store_dataset(store, name_of(t, "w", name), TRN_F32, s->n, r));
        TRN_TRY(trn_store_dataset(store, name_of(t, "h", name), TRN_F64, r, s->landmarks));
    }
    return TRN_OK;
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    const trn_snapshots_t *s = &job->done;
    char name[NAME];
    if (job->first) TRN_TRY(trn_store_write(store, "/landmarks", 0, s->landmarks, s->landmark));
    for (int64_t t = 0; t < s->count; t++) {
        const trn_snapshot_t *at = &s->at[t];
        TRN_TRY(trn_store_write(store, name_of(t, "labels", name), s->first, s->own, at->label));
        TRN_TRY(trn_store_write(store, name_of(t, "w", name), s->first, s->own, at->w));
        if (!job->first) continue;
        TRN_TRY(trn_store_write(store, name_of(t, "h", name), 0, job->options.dim, at->h));
    }
    return TRN_OK;
}

static json_t *figures_of(const job_t *job, int t) {
    const trn_snapshot_t *at = &job->done.at[t];
    const trn_graph_counts_t *c = &job->graph[t].counts;
    double error = at->squares > 0 ? sqrt(2 * at->objective / at->squares) : 0;
    json_t *row = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f}", "file", job->graph[t].path,
        "edges", (json_int_t)c->edges, "nodes_with_edges", (json_int_t)at->active, "changed",
        (json_int_t)at->changed, "solved", (json_int_t)at->solved, "landmarks_solved",
        (json_int_t)at->landmarks_solved, "objective", at->objective, "relative_error", error,
        "clusters", (json_int_t)at->found, "placed", (json_int_t)at->placed, "kmeans_objective",
        at->spread, "cpu_seconds", at->cpu_seconds);
    if (job->truths > 0) {
        const trn_clusters_score_t *s = &job->score[t];
        json_object_update_new(row,
                               json_pack("{s:I, s:f, s:f, s:f}", "compared", (json_int_t)s->items,
                                         "nmi", s->nmi, "ari", s->ari, "nf1", s->nf1));
    }
    return row;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_snapshots_t *s = &job->done;
    json_t *rows = json_array();
    double cpu = 0, nmi = 0;
    int64_t solved = 0;
    for (int t = 0; t < job->count; t++) {
        json_array_append_new(rows, figures_of(job, t));
        cpu += s->at[t].cpu_seconds;
        solved += s->at[t].solved;
        nmi += job->truths > 0 ? job->score[t].nmi / job->count : 0;
    }
    if (json_array_size(rows) != (size_t)job->count) {
        json_decref(rows);
        return trn_fail(TRN_MEMORY, "no memory for a result");
    }
    TRN_TRY(trn_run_note(run, json_pack("{s:I, s:I, s:f, s:o}", "landmarks",
                                        (json_int_t)s->landmarks, "solved", (json_int_t)solved,
                                        "cpu_seconds", cpu, "each", rows)));
    return job->truths > 0 ? trn_run_note(run, json_pack("{s:f}", "mean_nmi", nmi)) : TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    trn_snapshots_free(&job->done);
    for (int t = 0; job->graph && t < job->count; t++)
        trn_graph_free(&job->graph[t]);
    for (int t = 0; job->truth && t < job->truths; t++)
        trn_ids_free(&job->truth[t]);
    trn_edges_free(&job->edges);
    trn_free(&job->graph);
    trn_free(&job->truth);
    trn_free(&job->score);
}

const trn_command_t trn_command_cluster_snapshots = {
    .name = "cluster-snapshots",
    .summary = "clusters of the nodes of a graph that changes, snapshot by snapshot (DyG-MF)",
    .files = "GRAPH... -o S.h5 -k K",
    .description =
        "Each GRAPH is a list of edges, one after the other in time; names are numbered together. "
        "M, the positive PMI of nodes with landmarks within --window steps of random walks, is "
        "taken apart as W H, none negative: H by the landmarks' own rows first, then by rounds "
        "over all nodes; each node's row of W by itself, for the best fit to its row of M. Rows of "
        "W, scaled to sum 1, are clustered by k-means, and clusters keep their numbers over time. "
        "With --update or --change only nodes whose neighbors changed are solved anew. S.h5 is of "
        "kind snapshots: /landmarks, /nodes if these have names, and of snapshot 0, 1, ... "
        "/0/labels (-1: a node that had no edges yet), /0/w [nodes x dim] and /0/h [dim x "
        "landmarks]. The number of ranks and threads, and --parts, do not change a bit.",
    .examples = "communities of two snapshots\ttrunnion cluster-snapshots monday.edges "
                "tuesday.edges -k 4 -o S.h5\n"
                "only what changed, held against the truth\ttrunnion cluster-snapshots "
                "monday.edges tuesday.edges -k 4 --change 0 --labels teams.txt -o S.h5",
    .min_files = 1,
    .max_files = TRN_EDGES_FILES,
    .operands = TRN_OPERANDS(TRN_READS("GRAPH")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .work = work,
                                  .kind = "snapshots",
                                  .seeded = true,
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
