/* closure_observed.c: see closure_observed.h. */
#include "algo/graph/closure_observed.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/watch.h"

#include <omp.h>
#include <stdlib.h>

/* Paths ---------------------------------------------------------------------------------------- */

static int by_column(const void *a, const void *b) {
    int64_t x = ((const trn_triplet_t *)a)->col, y = ((const trn_triplet_t *)b)->col;
    return (x > y) - (x < y);
}

/* A pair (target, node) for each node before the target, once a path. */
static int64_t pairs_of(const trn_edges_file_t *file, int64_t first, int64_t end,
                        trn_triplet_t *pairs) {
    int64_t count = 0, kept = 0;
    for (int64_t e = first; e < end; e++)
        pairs[count++] = (trn_triplet_t){file->to[end - 1], file->from[e], 1};
    qsort(pairs, (size_t)count, sizeof *pairs, by_column);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || pairs[i].col != pairs[i - 1].col) pairs[kept++] = pairs[i];
    return kept;
}

static trn_status_t list_pairs(const trn_edges_file_t *file, trn_triplet_t **pairs,
                               int64_t *count) {
    *count = 0;
    TRN_TRY(trn_alloc(pairs, file->count, sizeof **pairs, "observed pairs"));
    for (int64_t p = 0; p < file->paths; p++)
        *count += pairs_of(file, p == 0 ? 0 : file->end[p - 1], file->end[p], *pairs + *count);
    return TRN_OK;
}

trn_status_t trn_observed_read(trn_observed_t *o, trn_graph_t *graph, int file) {
    const trn_edges_file_t *paths = &graph->edges.file[file];
    trn_triplet_t *pairs = NULL;
    trn_dist_t *dist = NULL;
    int64_t count = 0;
    o->paths = paths->paths;
    trn_status_t status = list_pairs(paths, &pairs, &count);
    if (status == TRN_OK) status = trn_graph_dist(&dist, graph, graph->rows);
    status = trn_agree(graph->comm, status);
    if (status == TRN_OK)
        status = trn_sparse_distribute(&o->band, graph->comm, TRN_SPARSE_F64, dist, count, pairs,
                                       TRN_SPARSE_BATCH);
    trn_free(&pairs);
    trn_dist_destroy(&dist);
    TRN_TRY(status);
    int64_t sums[2] = {trn_sparse_count(o->band), o->paths};
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, graph->comm);
    o->pairs = sums[0];
    o->paths = sums[1];
    return TRN_OK;
}

void trn_observed_steps(trn_observed_t *o, MPI_Comm comm, const trn_digraph_t *graph,
                        const trn_edges_file_t *paths) {
    o->outside = 0;
    for (int64_t e = 0; e < paths->count; e++)
        o->outside += !trn_digraph_has(graph, paths->from[e], paths->to[e]);
    MPI_Allreduce(MPI_IN_PLACE, &o->outside, 1, MPI_INT64_T, MPI_SUM, comm);
}

void trn_observed_free(trn_observed_t *observed) {
    trn_sparse_destroy(&observed->band);
}

/* Comparing ------------------------------------------------------------------------------------ */

/* A thread's batch of sources while walks over observed pairs come to nodes. */
typedef struct look {
    trn_reach_t *seen;        /* walks over observed pairs */
    const trn_reach_t *reach; /* the same sources in the graph */
    int words;
    int64_t sources;
    int32_t source[TRN_REACH_WORD * TRN_REACH_WORDS];
    int64_t observed[TRN_REACH_WORD * TRN_REACH_WORDS]; /* pairs of R of each source */
    int64_t joined; /* pairs of R of any degree, in this batch */
    int64_t degree[TRN_OBSERVED_DEGREES];
    int64_t apart, size_pairs[TRN_OBSERVED_SIZES], size_observed[TRN_OBSERVED_SIZES];
} look_t;

static void met(void *user, int64_t level, int32_t node, const uint64_t *bits) {
    look_t *look = user;
    const uint64_t *so = trn_reach_sources(look->reach, node);
    int64_t degree = level <= TRN_OBSERVED_DEGREES ? level - 1 : TRN_OBSERVED_DEGREES - 1;
    for (int k = 0; k < look->words; k++) {
        uint64_t both = bits[k] & so[k];
        look->degree[degree] += __builtin_popcountll(both);
        look->joined += __builtin_popcountll(both);
        for (; level == 1 && both != 0; both &= both - 1)
            look->observed[k * TRN_REACH_WORD + __builtin_ctzll(both)]++;
    }
}

/* 0, 1, 2-3, 4-7, ... */
static int size_class(int64_t edges) {
    int size = 0;
    for (; edges > 0 && size < TRN_OBSERVED_SIZES - 1; edges /= 2)
        size++;
    return size;
}

static void look_at(look_t *look, const trn_closure_t *c, trn_reach_t *reach, int64_t first) {
    int64_t step = (int64_t)TRN_REACH_WORD * c->options.words;
    look->sources = c->rows - first < step ? c->rows - first : step;
    look->reach = reach;
    look->joined = 0;
    trn_closure_sources(c, first, look->sources, look->source);
    for (int64_t i = 0; i < look->sources; i++)
        look->observed[i] = 0;
    trn_reach_run(reach, look->sources, look->source, NULL, NULL);
    trn_reach_run(look->seen, look->sources, look->source, met, look);
    for (int64_t i = 0; i < look->sources; i++) {
        int64_t v = look->source[i];
        int size = size_class(c->graph.start[v + 1] - c->graph.start[v]);
        look->size_pairs[size] += c->count[first + i];
        look->size_observed[size] += look->observed[i];
        look->apart += c->count[first + i];
    }
    look->apart -= look->joined;
    trn_watch_tick();
}

static trn_status_t open_looks(look_t **looks, const trn_closure_t *c, const trn_digraph_t *seen) {
    TRN_TRY(trn_alloc_zero(looks, c->options.threads, sizeof **looks, "walks"));
    trn_reach_how_t how = {.graph = seen, .words = c->options.words};
    for (int t = 0; t < c->options.threads; t++) {
        TRN_TRY(trn_reach_create(&(*looks)[t].seen, &how));
        (*looks)[t].words = c->options.words;
    }
    return TRN_OK;
}

/* Whole numbers: any order comes to the same. Collective. */
static void add_up(trn_observed_t *o, const trn_closure_t *c, const look_t *looks) {
    for (int t = 0; t < c->options.threads; t++) {
        for (int d = 0; d < TRN_OBSERVED_DEGREES; d++)
            o->degree[d] += looks[t].degree[d];
        for (int s = 0; s < TRN_OBSERVED_SIZES; s++) {
            o->size_pairs[s] += looks[t].size_pairs[s];
            o->size_observed[s] += looks[t].size_observed[s];
        }
        o->apart += looks[t].apart;
    }
    MPI_Allreduce(MPI_IN_PLACE, o->degree, TRN_OBSERVED_DEGREES, MPI_INT64_T, MPI_SUM, c->comm);
    MPI_Allreduce(MPI_IN_PLACE, o->size_pairs, TRN_OBSERVED_SIZES, MPI_INT64_T, MPI_SUM, c->comm);
    MPI_Allreduce(MPI_IN_PLACE, o->size_observed, TRN_OBSERVED_SIZES, MPI_INT64_T, MPI_SUM,
                  c->comm);
    MPI_Allreduce(MPI_IN_PLACE, &o->apart, 1, MPI_INT64_T, MPI_SUM, c->comm);
}

trn_status_t trn_observed_compare(trn_observed_t *o, trn_closure_t *c) {
    trn_digraph_t rows = {0}, seen = {0};
    look_t *looks = NULL;
    int rank, ranks;
    MPI_Comm_rank(c->comm, &rank);
    MPI_Comm_size(c->comm, &ranks);
    int64_t step = (int64_t)TRN_REACH_WORD * c->options.words;
    int64_t batches = (c->rows + step - 1) / step;
    trn_status_t status = trn_digraph_gather(&rows, c->comm, o->band);
    if (status == TRN_OK) {
        status = trn_digraph_turn(&seen, &rows);
        trn_digraph_free(&rows);
        if (status == TRN_OK) status = open_looks(&looks, c, &seen);
        status = trn_agree(c->comm, status);
    }
    if (status == TRN_OK) {
#pragma omp parallel for num_threads(c->options.threads) schedule(dynamic, 1)
        for (int64_t b = rank; b < batches; b += ranks)
            look_at(&looks[omp_get_thread_num()], c, c->reach[omp_get_thread_num()], b * step);
        add_up(o, c, looks);
    }
    for (int t = 0; looks && t < c->options.threads; t++)
        trn_reach_destroy(&looks[t].seen);
    trn_free(&looks);
    trn_digraph_free(&rows);
    trn_digraph_free(&seen);
    return status;
}

void trn_observed_read_plan(trn_ledger_t *ledger, int64_t nodes, int64_t steps, int ranks) {
    enum {
        GROWS = (4 << 20) / sizeof(trn_triplet_t),
        ROUTED = 76 /* bytes of a triplet under way */
    };
    int64_t own = steps / ranks + 1;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "observed", own, sizeof(trn_triplet_t));
    /* Those that come in: room grows, up to 4 MiB beside the room before. */
    trn_ledger_take(ledger, "observed", trn_grown_bytes(own, sizeof(trn_triplet_t)), 1);
    trn_ledger_take(ledger, "observed", own < GROWS ? own : GROWS, sizeof(trn_triplet_t));
    trn_ledger_take(ledger, "observed", TRN_SPARSE_BATCH, ROUTED);
    trn_ledger_take(ledger, "observed", own, 16); /* while rows are made */
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "observed", own, 12);
    trn_ledger_take(ledger, "observed", nodes / ranks + 1, sizeof(int64_t));
}

void trn_observed_plan(trn_ledger_t *ledger, int64_t nodes, int64_t steps, int words, int threads) {
    trn_ledger_take(ledger, "observed", 2 * (nodes + 1), sizeof(int64_t));
    trn_ledger_take(ledger, "observed", 2 * steps, sizeof(int32_t));
    for (int t = 0; t < (threads < 1 ? 1 : threads); t++)
        trn_reach_plan(ledger, nodes, words < 1 ? TRN_REACH_WORDS : words, true);
}

/* Telling -------------------------------------------------------------------------------------- */

static json_t *share_of(int64_t part, int64_t all) {
    return all > 0 ? json_real((double)part / (double)all) : json_null();
}

/* Pairs of R by degree, 0 always told; those that are not joined at the end. */
static json_t *degrees(const trn_observed_t *o, int64_t pairs) {
    json_t *table = json_array();
    for (int d = 0; d < TRN_OBSERVED_DEGREES; d++) {
        if (d > 0 && o->degree[d] == 0) continue;
        bool last = d == TRN_OBSERVED_DEGREES - 1;
        json_array_append_new(table, json_pack("{s:o, s:I, s:o}", "degree",
                                               last ? json_string("63 or more") : json_integer(d),
                                               "pairs", (json_int_t)o->degree[d], "share",
                                               share_of(o->degree[d], pairs)));
    }
    json_array_append_new(table,
                          json_pack("{s:n, s:I, s:o}", "degree", "pairs", (json_int_t)o->apart,
                                    "share", share_of(o->apart, pairs)));
    return table;
}

static json_t *sizes(const trn_observed_t *o) {
    json_t *table = json_array();
    for (int s = 0; s < TRN_OBSERVED_SIZES; s++) {
        int64_t all = o->size_pairs[s], missing = all - o->size_observed[s];
        if (all == 0) continue;
        json_array_append_new(
            table,
            json_pack("{s:I, s:I, s:I, s:I, s:o}", "edges_from",
                      s == 0 ? (json_int_t)0 : (json_int_t)1 << (s - 1), "edges_to",
                      s == 0 ? (json_int_t)0 : ((json_int_t)1 << s) - 1, "pairs", (json_int_t)all,
                      "unobserved", (json_int_t)missing, "share", share_of(missing, all)));
    }
    return table;
}

json_t *trn_observed_note(const trn_observed_t *o, const trn_closure_t *c) {
    int64_t missing = c->pairs - o->degree[0];
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "paths", (json_int_t)o->paths,
                     "observed_pairs", (json_int_t)o->pairs, "steps_outside",
                     (json_int_t)o->outside, "unobserved_pairs", (json_int_t)missing,
                     "unobserved_share", share_of(missing, c->pairs), "by_degree",
                     degrees(o, c->pairs), "by_source_edges", sizes(o));
}
