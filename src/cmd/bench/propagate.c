/* bench propagate: embeddings passed along a made-up graph of users and items and back, as a step
 * of LightGCN's training does. */
#include "algo/graph/lightgcn/propagate.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1, NUMBER = sizeof(float), COLUMN = sizeof(int32_t), POINTER = sizeof(int64_t) };
/* Steps of the random numbers: what they are for. */
enum { LENGTHS, ITEMS };

typedef struct job {
    trn_run_t *run;
    int64_t users, items, edges, dim;
    int layers;
    trn_dist_t *bands;
    trn_sparse_t *likes;
    trn_bipartite_t *graph;
    trn_sides_t x, y, back, scratch;
    int64_t longest; /* likes of a user or item, at most */
    double planning, triad;
} job_t;

/* The graph ------------------------------------------------------------------------------------ */

/* The user with the k-th most has likes in proportion to k^-1/2, rounded by lot; which that is, is
 * a permutation's business, so that even bands weigh alike. */
static void make_lengths(const job_t *job, trn_extent_t at, int64_t *start) {
    double sum = 0;
    for (int64_t k = 1; k <= job->users; k++)
        sum += 1 / sqrt((double)k);
    start[0] = 0;
    for (int64_t i = 0; i < at.rows; i++) {
        double u[4], k = (double)trn_rng_permuted(SEED, job->users, at.first_row + i) + 1;
        trn_rng_uniform(SEED, (uint64_t)(at.first_row + i), 0, LENGTHS, TRN_RNG_TEST, u);
        int64_t likes = (int64_t)((double)job->edges / sqrt(k) / sum + u[0]);
        start[i + 1] = start[i] + (likes < job->items ? likes : job->items);
    }
}

/* The k-th most popular of n items is drawn with a chance that falls as k^-1/2. A stride of a prime
 * takes neighbors in popularity apart. */
static int32_t draw_item(const job_t *job, double uniform) {
    enum { STRIDE = 1000003 };
    int64_t k = (int64_t)((double)job->items * uniform * uniform);
    return (int32_t)((k < job->items ? k : job->items - 1) * STRIDE % job->items);
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Draw the items of each user; what is drawn twice counts once, and rows close up behind it. */
static void make_items(const job_t *job, trn_extent_t at, int64_t *start, int32_t *item) {
    int64_t kept = 0;
    for (int64_t i = 0; i < at.rows; i++) {
        int64_t likes = start[i + 1] - start[i], begin = kept;
        int32_t *row = item + start[i];
        for (int64_t j = 0; j < likes; j += 4) {
            double u[4];
            trn_rng_uniform(SEED, (uint64_t)(at.first_row + i), (uint32_t)(j / 4), ITEMS,
                            TRN_RNG_TEST, u);
            for (int64_t k = 0; k < 4 && j + k < likes; k++)
                row[j + k] = draw_item(job, u[k]);
        }
        qsort(row, (size_t)likes, sizeof *row, ascending);
        for (int64_t j = 0; j < likes; j++)
            if (j == 0 || row[j] != item[kept - 1]) item[kept++] = row[j];
        start[i] = begin;
    }
    start[at.rows] = kept;
}

/* This rank's users and what they like. Local. */
static trn_status_t make_likes(job_t *job) {
    trn_extent_t at = trn_sparse_extent_of(job->bands, job->run->rank);
    int64_t *start = NULL;
    int32_t *item = NULL;
    trn_status_t status = trn_alloc(&start, at.rows + 1, sizeof *start, "row pointers");
    if (status == TRN_OK) {
        make_lengths(job, at, start);
        status = trn_alloc(&item, start[at.rows], sizeof *item, "items");
    }
    if (status == TRN_OK) {
        make_items(job, at, start, item);
        status = trn_realloc(&item, start[at.rows], sizeof *item, "items");
    }
    if (status == TRN_OK)
        status = trn_sparse_adopt(&job->likes, TRN_SPARSE_PATTERN, at, start, item, NULL);
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&item);
    return status;
}

/* The check ------------------------------------------------------------------------------------ */

/* Roots of the degrees are what the graph leaves as it is, D^-1/2 A D^-1/2 D^1/2 1 = D^1/2 1, and
 * so is what is in proportion to them, which differs from column to column. */
static double wanted(const job_t *job, int side, int64_t i, int64_t j) {
    return sqrt((double)job->graph->degree[side][i]) * (1 + (double)j / 64);
}

static void fill(job_t *job) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(&job->x, side);
        for (int64_t i = 0; i < v.rows; i++) {
            if (job->graph->degree[side][i] > job->longest)
                job->longest = job->graph->degree[side][i];
            for (int64_t j = 0; j < v.cols; j++)
                ((float *)v.data)[i * v.stride + j] = (float)wanted(job, side, i, j);
        }
    }
    MPI_Allreduce(MPI_IN_PLACE, &job->longest, 1, MPI_INT64_T, MPI_MAX, job->run->comm);
}

/* Largest relative error on all ranks, after layers forward and as many back. Collective. */
static double error_of(const job_t *job) {
    double worst = 0;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(&job->back, side);
        for (int64_t i = 0; i < v.rows; i++)
            for (int64_t j = 0; j < v.cols; j++) {
                double is = wanted(job, side, i, j);
                double off = fabs((double)((const float *)v.data)[i * v.stride + j] - is);
                if (is > 0) off /= is;
                if (!(off <= worst)) worst = isnan(off) ? INFINITY : off;
            }
    }
    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_DOUBLE, MPI_MAX, job->run->comm);
    return worst;
}

/* The measure ---------------------------------------------------------------------------------- */

static trn_status_t forward(void *data) {
    job_t *job = data;
    return trn_propagate(job->graph, job->layers, &job->x, &job->y, &job->scratch);
}

static trn_status_t backward(void *data) {
    job_t *job = data;
    return trn_propagate(job->graph, job->layers, &job->y, &job->back, &job->scratch);
}

/* Bytes that one propagation reads and writes. For each edge and side a column and, if no cache has
 * it, the row that it names; for each row and layer its pointer, the product that is written, and
 * the pass behind it, which reads that and the row of layer 0 and writes; before them one pass.
 * `cached`: each row is read from memory but once a layer. */
static double bytes_of(const job_t *job, int64_t edges, bool cached) {
    double row = (double)job->dim * NUMBER, rows = (double)(job->users + job->items);
    double met = cached ? rows * row : 2 * (double)edges * row;
    double layer = 2 * (double)edges * COLUMN + met + rows * (POINTER + row * (1 + 3));
    return job->layers * layer + 2 * rows * row;
}

static trn_status_t note(const job_t *job, const double seconds[2], double error) {
    trn_run_t *run = job->run;
    int64_t edges = trn_sparse_count(job->likes);
    int64_t most[2] = {2 * job->layers * trn_bipartite_received(job->graph), trn_mem_peak()};
    MPI_Allreduce(MPI_IN_PLACE, &edges, 1, MPI_INT64_T, MPI_SUM, run->comm);
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, run->comm);
    double both = seconds[0] + seconds[1], rate = 2 * bytes_of(job, edges, false) / both;
    double least = 2 * bytes_of(job, edges, true) / both;
    double bound = (double)(2 * job->layers) * (double)(job->longest + 4) * (FLT_EPSILON / 2.0);
    trn_status_t status = TRN_OK;
    if (run->rank == 0)
        status = trn_bench_case(
            run->result,
            "{s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:f,s:s}", "users",
            (json_int_t)job->users, "items", (json_int_t)job->items, "edges", (json_int_t)edges,
            "d", (json_int_t)job->dim, "layers", job->layers, "P", run->ranks, "threads",
            run->threads, "seconds_plan", job->planning, "seconds_forward", seconds[0],
            "seconds_backward", seconds[1], "gbytes", 1e-9 * rate, "of_triad", rate / job->triad,
            "gbytes_least", 1e-9 * least, "of_triad_least", least / job->triad, "words_received",
            (json_int_t)most[0], "peak_bytes", (json_int_t)most[1], "error", error, "verdict",
            error <= bound ? "PASSED" : "FAILED");
    if (status == TRN_OK && run->rank == 0) status = trn_bench_verdict(run->result);
    return trn_agree(run->comm, status);
}

static trn_status_t make(job_t *job) {
    trn_run_t *run = job->run;
    trn_status_t status = trn_dist_create(&job->bands, job->users, job->items, run->ranks, 1);
    if (status == TRN_OK) status = make_likes(job);
    TRN_AGREE(run->comm, status);
    trn_bipartite_of_t of = {.comm = run->comm,
                             .likes = job->likes,
                             .bands = job->bands,
                             .type = TRN_F32,
                             .dim = job->dim,
                             .threads = run->threads};
    double start = trn_seconds();
    TRN_TRY(trn_bipartite_create(&job->graph, &of));
    job->planning = trn_seconds() - start;
    TRN_TRY(trn_sides_create(&job->x, job->graph));
    TRN_TRY(trn_sides_create(&job->y, job->graph));
    TRN_TRY(trn_sides_create(&job->back, job->graph));
    return trn_sides_create(&job->scratch, job->graph);
}

static trn_status_t measure(job_t *job) {
    trn_run_t *run = job->run;
    int64_t repeats = trn_params_int(run->params, "repeats");
    double seconds[2], median;
    TRN_TRY(trn_bench_triad(run->comm, run->threads, &job->triad));
    if (run->rank == 0)
        json_object_set_new(run->result, "triad_gbytes", json_real(1e-9 * job->triad));
    trn_mem_reset_peak();
    TRN_TRY(make(job));
    fill(job);
    TRN_TRY(trn_bench_time(run->comm, repeats, forward, job, &seconds[0], &median));
    TRN_TRY(trn_bench_time(run->comm, repeats, backward, job, &seconds[1], &median));
    return note(job, seconds, error_of(job));
}

/* Likes, products and four matrices; the triad goes before. Edges fall evenly by the permutation.
 */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_bipartite_size_t size = {.ranks = ranks,
                                 .rank = rank,
                                 .users = job->users,
                                 .items = job->items,
                                 .own_users = trn_part_start(job->users, ranks, rank + 1) -
                                              trn_part_start(job->users, ranks, rank),
                                 .own_items = trn_part_start(job->items, ranks, rank + 1) -
                                              trn_part_start(job->items, ranks, rank),
                                 .edges = job->edges,
                                 .own_edges = job->edges / ranks,
                                 .type = TRN_F32,
                                 .dim = job->dim};
    trn_ledger_pass(ledger, "triad", trn_bench_triad_bytes(ranks), 1);
    trn_ledger_take(ledger, "graph", size.own_users + 1, POINTER);
    trn_ledger_take(ledger, "graph", size.own_edges, COLUMN);
    trn_bipartite_take(ledger, &size);
    trn_ledger_take(ledger, "embeddings", 4, trn_sides_bytes(&size));
}

static trn_status_t run(trn_run_t *run) {
    const trn_params_t *p = run->params;
    job_t job = {.run = run,
                 .users = trn_params_int(p, "users"),
                 .items = trn_params_int(p, "items"),
                 .edges = trn_params_int(p, "edges"),
                 .dim = trn_params_int(p, "dim"),
                 .layers = (int)trn_params_int(p, "layers")};
    bool dry = trn_params_bool(p, "dry-run");
    TRN_TRY(trn_estimate(run->ranks, dry, plan, &job, run->result));
    if (dry) return TRN_OK;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = measure(&job);
    trn_sides_free(&job.x);
    trn_sides_free(&job.y);
    trn_sides_free(&job.back);
    trn_sides_free(&job.scratch);
    trn_bipartite_destroy(&job.graph);
    trn_sparse_destroy(&job.likes);
    trn_dist_destroy(&job.bands);
    return status;
}

static const trn_param_t params[] = {
    {"users", 0, TRN_PARAM_INT, "200000", 1, 2147483647, .help = "users"},
    {"items", 0, TRN_PARAM_INT, "50000", 1, 2147483647, .help = "items"},
    {"edges", 0, TRN_PARAM_INT, "5000000", 0, 1e12,
     .help = "likes that are drawn; those of a user that are drawn twice count once"},
    {"dim", 0, TRN_PARAM_INT, "64", 1, 65536, .metavar = "D", .help = "numbers of an embedding"},
    {"layers", 0, TRN_PARAM_INT, "3", 1, 64, .help = "layers, forward and as many back"},
    {"repeats", 0, TRN_PARAM_INT, "3", 1, 1000, .help = "of each, timed, after one to warm up"},
    {0}};

const trn_command_t trn_bench_propagate = {
    .name = "bench propagate",
    .summary = "time embeddings that pass along a made-up graph of users and items and back",
    .files = "",
    .description =
        "Makes a graph, the same on any number of ranks, in which the chance of the k-th user and "
        "of the k-th item falls as 1 / k^0.5, and times what a step of LightGCN's training does "
        "with it: all layers forward, and back for the gradient, in float32. gbytes is the rate "
        "by the gather model, as in bench spmm: each edge counts on either side with 4 bytes and "
        "the row that it meets, each row and layer with its pointer, one write and the pass of two "
        "reads and a write behind it. Rows that caches still have count in it; gbytes_least counts "
        "every row once a layer, however many edges meet it. of_triad and of_triad_least are their "
        "shares of STREAM's triad in the same run. words_received (a step's) and peak_bytes are "
        "those of the rank with most. error is relative, against the vector of roots of the "
        "degrees, which the graph leaves as it is. PASSED: no more than rounding can do.",
    .params = params,
    .run = run,
};
