/* closure.c: batches of rows to ranks and threads; graphs whole on every rank (closure.h). */
#include "algo/graph/closure.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"
#include "mpi/watch.h"

#include <omp.h>
#include <string.h>

enum { MOST_ROUNDS = 62 /* 2^62 edges are no bound for any path */ };

/* Graphs --------------------------------------------------------------------------------------- */

/* This rank's rows to their places, where zeros stand else, so that sums over ranks make the whole.
 */
static void put_band(trn_digraph_t *graph, const trn_sparse_t *band, int64_t before) {
    memcpy(graph->to + before, trn_sparse_column(band),
           (size_t)trn_sparse_count(band) * sizeof *graph->to);
}

trn_status_t trn_digraph_gather(trn_digraph_t *graph, MPI_Comm comm, const trn_sparse_t *band) {
    trn_extent_t extent = trn_sparse_extent(band);
    const int64_t *start = trn_sparse_start(band);
    *graph = (trn_digraph_t){.nodes = extent.cols};
    MPI_Allreduce(MPI_IN_PLACE, &graph->nodes, 1, MPI_INT64_T, MPI_MAX, comm);
    TRN_AGREE(comm, trn_alloc_zero(&graph->start, graph->nodes + 1, sizeof *graph->start,
                                   "rows of a graph"));
    for (int64_t i = 0; i < extent.rows; i++)
        graph->start[extent.first_row + i + 1] = start[i + 1] - start[i];
    trn_sum_large(comm, graph->nodes + 1, MPI_INT64_T, graph->start);
    for (int64_t v = 0; v < graph->nodes; v++)
        graph->start[v + 1] += graph->start[v];
    int64_t edges = graph->start[graph->nodes];
    TRN_AGREE(comm, trn_alloc_zero(&graph->to, edges, sizeof *graph->to, "edges"));
    if (extent.rows > 0) put_band(graph, band, graph->start[extent.first_row]);
    trn_sum_large(comm, edges, MPI_INT32_T, graph->to);
    return TRN_OK;
}

/* Starting ------------------------------------------------------------------------------------- */

static bool by_levels(const trn_closure_options_t *options) {
    return options->hops > 0 || options->measure;
}

static trn_status_t start(trn_closure_t *c) {
    const trn_closure_options_t *o = &c->options;
    bool levels = by_levels(o);
    trn_reach_how_t how = {&c->graph, levels ? NULL : &c->parts, o->hops, o->reflexive, o->words};
    if (!levels) TRN_TRY(trn_condensed_create(&c->parts, &c->graph));
    TRN_TRY(trn_alloc_zero(&c->count, c->rows, sizeof *c->count, "pairs of rows"));
    TRN_TRY(trn_alloc_zero(&c->reach, o->threads, sizeof(trn_reach_t *), "walks"));
    for (int t = 0; t < o->threads; t++)
        TRN_TRY(trn_reach_create(&c->reach[t], &how));
    return TRN_OK;
}

trn_status_t trn_closure_start(trn_closure_t *closure, MPI_Comm comm,
                               const trn_closure_options_t *options) {
    trn_closure_options_t *o = &closure->options;
    closure->comm = comm;
    *o = *options;
    if (o->threads < 1) o->threads = 1;
    if (o->words < 1) o->words = TRN_REACH_WORDS;
    return trn_agree(comm, start(closure));
}

void trn_closure_plan(trn_ledger_t *ledger, int64_t nodes, int64_t edges, int64_t rows,
                      const trn_closure_options_t *o) {
    bool levels = by_levels(o);
    trn_ledger_take(ledger, "graph", nodes + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "graph", edges, sizeof(int32_t));
    if (!levels) trn_condensed_plan(ledger, "graph", nodes, edges);
    trn_ledger_take(ledger, "rows", rows, sizeof(int64_t));
    for (int t = 0; t < (o->threads < 1 ? 1 : o->threads); t++)
        trn_reach_plan(ledger, nodes, o->words < 1 ? TRN_REACH_WORDS : o->words, levels);
}

int64_t trn_closure_hops(int64_t rounds) {
    return (int64_t)1 << (rounds < MOST_ROUNDS ? rounds : MOST_ROUNDS);
}

int64_t trn_closure_rounds(int64_t longest) {
    int64_t rounds = 0;
    while (rounds < MOST_ROUNDS && trn_closure_hops(rounds) < longest)
        rounds++;
    return rounds + 1;
}

void trn_closure_free(trn_closure_t *closure) {
    trn_digraph_free(&closure->graph);
    trn_condensed_free(&closure->parts);
    trn_free(&closure->source);
    trn_free(&closure->count);
    for (int t = 0; closure->reach && t < closure->options.threads; t++)
        trn_reach_destroy(&closure->reach[t]);
    trn_free(&closure->reach);
}

/* Rows ----------------------------------------------------------------------------------------- */

static int64_t batch_of(const trn_closure_t *c) {
    return (int64_t)TRN_REACH_WORD * c->options.words;
}

static int64_t rows_of(const trn_closure_t *c, int64_t first) {
    return c->rows - first < batch_of(c) ? c->rows - first : batch_of(c);
}

void trn_closure_sources(const trn_closure_t *c, int64_t first, int64_t count, int32_t *sources) {
    for (int64_t i = 0; i < count; i++)
        sources[i] = c->source ? c->source[first + i] : (int32_t)(first + i);
}

static void run(const trn_closure_t *c, trn_reach_t *reach, int64_t first) {
    int32_t sources[TRN_REACH_WORD * TRN_REACH_WORDS];
    int64_t count = rows_of(c, first);
    trn_closure_sources(c, first, count, sources);
    trn_reach_run(reach, count, sources, NULL, NULL);
    trn_watch_tick();
}

/* Batches go round the ranks: rows that reach much are often neighbors. */
void trn_closure_count(trn_closure_t *c) {
    int rank, ranks;
    MPI_Comm_rank(c->comm, &rank);
    MPI_Comm_size(c->comm, &ranks);
    int64_t step = batch_of(c), batches = (c->rows + step - 1) / step, longest = 0;
#pragma omp parallel for num_threads(c->options.threads) schedule(dynamic, 1) reduction(max        \
                                                                                        : longest)
    for (int64_t b = rank; b < batches; b += ranks) {
        trn_reach_t *reach = c->reach[omp_get_thread_num()];
        run(c, reach, b * step);
        for (int64_t i = 0; i < rows_of(c, b * step); i++)
            c->count[b * step + i] = trn_reach_count(reach, i);
        if (trn_reach_longest(reach) > longest) longest = trn_reach_longest(reach);
    }
    trn_sum_large(c->comm, c->rows, MPI_INT64_T, c->count);
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_INT64_T, MPI_MAX, c->comm);
    c->longest = longest;
    c->pairs = 0;
    for (int64_t i = 0; i < c->rows; i++)
        c->pairs += c->count[i];
}

/* The first row of a rank of `ranks`, whole batches; a row costs some pairs even if it has none. */
int64_t trn_closure_band(const trn_closure_t *c, int rank, int64_t *before) {
    enum { ROW = 16 };
    int ranks;
    MPI_Comm_size(c->comm, &ranks);
    double part = ((double)c->pairs + ROW * (double)c->rows) / ranks * rank, weight = 0;
    int64_t first = 0;
    *before = 0;
    while (first < c->rows && (rank == ranks || weight < part)) {
        int64_t count = rows_of(c, first);
        for (int64_t i = first; i < first + count; i++) {
            *before += c->count[i];
            weight += (double)c->count[i] + ROW;
        }
        first += count;
    }
    return first;
}

/* Threads find as many batches at a time, which are then taken in order. */
trn_status_t trn_closure_each(trn_closure_t *c, trn_closure_take_t *take, void *user) {
    int rank;
    int64_t before, step = batch_of(c);
    MPI_Comm_rank(c->comm, &rank);
    int64_t first = trn_closure_band(c, rank, &before);
    int64_t end = trn_closure_band(c, rank + 1, &before);
    int threads = c->options.threads;
    for (; first < end; first += threads * step) {
        int64_t left = (end - first + step - 1) / step;
        int some = left < threads ? (int)left : threads;
#pragma omp parallel for num_threads(some) schedule(static, 1)
        for (int t = 0; t < some; t++)
            run(c, c->reach[t], first + t * step);
        for (int t = 0; t < some; t++)
            TRN_TRY(take(user, c->reach[t], first + t * step, rows_of(c, first + t * step)));
    }
    return TRN_OK;
}
