/* graph.c: edges to the adjacency matrix. Every edge goes to the owners of its rows twice: to be
 * counted, and to be put into its place; so that nothing is held twice meanwhile. */
#include "algo/graph/graph.h"

#include "algo/graph/edges_impl.h"
#include "algo/matrix/tall.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"
#include "mpi/sparse/sparse_ops.h"

#include <string.h>

/* Looking and cutting -------------------------------------------------------------------------- */

static int64_t blocks_of(const trn_graph_t *graph) {
    int64_t block = trn_tall_block(graph->rows);
    return (graph->rows + block - 1) / block;
}

/* How many there are of either sort. Local, equal on all ranks. */
static trn_status_t count_things(trn_graph_t *graph) {
    const trn_graph_how_t *how = &graph->how;
    const trn_edges_side_t *side = graph->edges.side;
    graph->rows = side[0].count;
    graph->cols = how->edges.bipartite ? side[1].count : side[0].count;
    if (how->nodes == 0 || how->nodes == graph->rows) return TRN_OK;
    if (side[0].named)
        return trn_fail(TRN_INPUT,
                        "%s: has %lld names, which are all nodes there are; leave --nodes "
                        "%lld out",
                        graph->path, (long long)graph->rows, (long long)how->nodes);
    if (how->nodes < graph->rows)
        return trn_fail(TRN_INPUT, "%s: has node %lld, but --nodes %lld; numbers begin at 0",
                        graph->path, (long long)graph->rows - 1, (long long)how->nodes);
    graph->rows = graph->cols = how->nodes;
    return TRN_OK;
}

/* Nodes that nobody meant come of files whose numbers are names. */
static void warn_of_gaps(const trn_graph_t *graph) {
    enum { MANY = 1 << 20, TIMES = 16 };
    int rank;
    MPI_Comm_rank(graph->comm, &rank);
    int64_t edges = graph->edges.file[0].all;
    if (rank > 0 || graph->rows < MANY || graph->rows / TIMES < edges || graph->how.nodes) return;
    trn_log(TRN_LOG_WARN, "graph",
            "%s: %lld edges, but numbers up to %lld; --ids names numbers only those that appear",
            graph->path, (long long)edges, (long long)graph->rows - 1);
}

/* Entries of each block of rows. Collective. */
static trn_status_t count_blocks(trn_graph_t *graph) {
    const trn_edges_file_t *file = &graph->edges.file[0];
    bool both = !graph->how.directed && !graph->how.edges.bipartite;
    int64_t block = trn_tall_block(graph->rows);
    TRN_AGREE(graph->comm,
              trn_alloc_zero(&graph->degree, blocks_of(graph), sizeof *graph->degree, "degrees"));
    for (int64_t e = 0; e < file->count; e++) {
        graph->degree[file->from[e] / block]++;
        if (both) graph->degree[file->to[e] / block]++;
    }
    trn_sum_large(graph->comm, blocks_of(graph), MPI_INT64_T, graph->degree);
    return TRN_OK;
}

/* Nodes without edges, loops aside where these are dropped; all ranks put their marks together.
 * Collective. */
static trn_status_t count_isolated(trn_graph_t *graph) {
    enum { BITS = 64 };
    const trn_edges_file_t *file = &graph->edges.file[0];
    int64_t words = graph->rows / BITS + 1, first = -1;
    bool bipartite = graph->how.edges.bipartite;
    uint64_t *seen = NULL;
    trn_status_t status;
    TRN_OR(done,
           trn_agree(graph->comm, trn_alloc_zero(&seen, words, sizeof *seen, "nodes with edges")));
    for (int64_t e = 0; e < file->count; e++) {
        int32_t ends[2] = {file->from[e], file->to[e]};
        if (!bipartite && ends[0] == ends[1] && !graph->how.loops) continue;
        for (int i = 0; i < 2 - bipartite; i++)
            seen[ends[i] / BITS] |= (uint64_t)1 << ends[i] % BITS;
    }
    MPI_Allreduce(MPI_IN_PLACE, seen, (int)words, MPI_UINT64_T, MPI_BOR, graph->comm);
    graph->counts.isolated = 0;
    for (int64_t i = graph->rows - 1; i >= 0; i--)
        if (!(seen[i / BITS] >> i % BITS & 1)) {
            graph->counts.isolated++;
            first = i;
        }
    if (first >= 0 && !graph->how.isolated)
        status = trn_fail(TRN_INPUT, "%s: %s %lld has no edges, which --isolated refuse forbids",
                          graph->path, trn_edges_thing(&graph->edges, 0), (long long)first);
done:
    trn_free(&seen);
    return status;
}

/* What the edges of file[0] say. Collective. */
static trn_status_t count_all_things(trn_graph_t *graph) {
    TRN_TRY(count_things(graph));
    if (graph->how.repeated == TRN_REPEATED_AUTO)
        graph->how.repeated = graph->how.edges.weighted && !graph->edges.matrix ? TRN_REPEATED_ADD
                                                                                : TRN_REPEATED_ONCE;
    graph->counts.zero = graph->edges.file[0].zero;
    TRN_TRY(count_isolated(graph));
    return count_blocks(graph);
}

trn_status_t trn_graph_look(trn_graph_t *graph, MPI_Comm comm, const char *path,
                            const trn_graph_how_t *how) {
    return trn_graph_look_at(graph, comm, 1, &path, how);
}

trn_status_t trn_graph_look_at(trn_graph_t *graph, MPI_Comm comm, int files,
                               const char *const *paths, const trn_graph_how_t *how) {
    *graph = (trn_graph_t){.comm = comm, .path = paths[0], .how = *how};
    TRN_TRY(trn_edges_read(&graph->edges, comm, &how->edges, files, paths));
    TRN_TRY(count_all_things(graph));
    warn_of_gaps(graph);
    return TRN_OK;
}

trn_status_t trn_graph_take(trn_graph_t *graph, trn_edges_t *edges, int file,
                            const trn_graph_how_t *how) {
    trn_edges_file_t *from = &edges->file[file];
    *graph = (trn_graph_t){.comm = edges->comm, .path = from->path, .how = *how};
    graph->edges = (trn_edges_t){.comm = edges->comm, .how = edges->how, .files = 1};
    graph->edges.matrix = edges->matrix;
    for (int side = 0; side < 2; side++) {
        graph->edges.side[side].count = edges->side[side].count;
        graph->edges.side[side].named = edges->side[side].named;
    }
    TRN_AGREE(graph->comm, trn_alloc(&graph->edges.file, 1, sizeof *graph->edges.file, "edges"));
    graph->edges.file[0] = *from;
    *from = (trn_edges_file_t){.path = from->path, .all = from->all, .zero = from->zero};
    return count_all_things(graph);
}

/* Band r ends with the block that brings the weight of all before it to r + 1 parts of the whole,
 * or to the nearer side of that. */
trn_status_t trn_graph_cut(trn_graph_t *graph, int ranks, int64_t row, int64_t entry) {
    trn_bands_t *bands = &graph->bands;
    int64_t block = trn_tall_block(graph->rows), blocks = blocks_of(graph);
    bool even = row == 0 && entry == 0;
    trn_bands_free(bands);
    bands->ranks = ranks;
    TRN_TRY(trn_alloc(&bands->start, ranks + 1, sizeof *bands->start, "bands of rows"));
    TRN_TRY(trn_alloc_zero(&bands->entries, ranks, sizeof *bands->entries, "bands of rows"));
    double all = 0, before = 0;
    for (int64_t b = 0; b < blocks; b++)
        all += (double)block * (double)row + (double)graph->degree[b] * (double)entry;
    bands->start[0] = 0;
    int64_t b = 0;
    for (int r = 0; r < ranks; r++) {
        int64_t end = blocks * (r + 1) / ranks;
        double part = all / ranks * (r + 1);
        for (; b < blocks; b++) {
            double weight = (double)block * (double)row + (double)graph->degree[b] * (double)entry;
            bool within = r == ranks - 1 || before + weight / 2 <= part;
            if (even ? b >= end : !within) break;
            before += weight;
            bands->entries[r] += graph->degree[b];
        }
        bands->start[r + 1] = b == blocks ? graph->rows : b * block;
    }
    return TRN_OK;
}

/* Loading -------------------------------------------------------------------------------------- */

/* Rows of this rank while edges come in. */
typedef struct builder {
    trn_graph_t *graph;
    trn_sparse_type_t type; /* of what is built; a pattern holds no weights */
    int64_t next;           /* of this rank's edges, to be given */
    bool back;              /* the other way of it, too */
    bool fill;              /* entries are put into their places, else counted */
    int64_t first, rows;
    int64_t *start; /* [rows + 1]; while filling: where row i goes on is start[i + 1] */
    int32_t *column;
    double *weight;                          /* NULL: all 1 */
    int64_t loops, repeated, again, entries; /* again: loops among the repeated */
} builder_t;

static int owner(void *user, int64_t row, int64_t col) {
    const trn_bands_t *bands = &((const builder_t *)user)->graph->bands;
    int low = 0, high = bands->ranks;
    (void)col;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (bands->start[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    builder_t *b = user;
    const trn_edges_file_t *file = &b->graph->edges.file[0];
    const trn_graph_how_t *how = &b->graph->how;
    int64_t n = 0;
    while (n < room && b->next < file->count) {
        int32_t from = file->from[b->next], to = file->to[b->next];
        double weight = file->weight ? file->weight[b->next] : 1;
        bool loop = from == to && !how->edges.bipartite;
        if (!loop || how->loops)
            triplets[n++] =
                b->back ? (trn_triplet_t){to, from, weight} : (trn_triplet_t){from, to, weight};
        if (loop && !b->fill) b->loops++;
        b->back = !b->back && !loop && !how->directed && !how->edges.bipartite;
        b->next += !b->back;
    }
    *count = n;
    return TRN_OK;
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    builder_t *b = user;
    for (int64_t i = 0; i < count; i++) {
        int64_t *at = &b->start[triplets[i].row - b->first + 1];
        if (b->fill) {
            b->column[*at] = (int32_t)triplets[i].col;
            if (b->weight) b->weight[*at] = triplets[i].value;
        }
        ++*at;
    }
    return TRN_OK;
}

/* One passage of all edges. Collective. */
static trn_status_t pass(builder_t *b, bool fill) {
    trn_route_t route = {owner, give, take, b};
    b->next = 0;
    b->back = false;
    b->fill = fill;
    return trn_sparse_route(b->graph->comm, &route, TRN_SPARSE_BATCH);
}

/* Counts at start[1 ...] become places one ahead, as `take` wants them. */
static void begin_rows(builder_t *b) {
    int64_t sum = 0;
    for (int64_t i = 1; i <= b->rows; i++) {
        int64_t count = b->start[i];
        b->start[i] = sum;
        sum += count;
    }
    b->entries = sum;
}

/* Sorting -------------------------------------------------------------------------------------- */

static bool precedes(const builder_t *b, int64_t i, int64_t j) {
    if (b->column[i] != b->column[j]) return b->column[i] < b->column[j];
    return b->weight && b->weight[i] < b->weight[j];
}

static void swap(builder_t *b, int64_t i, int64_t j) {
    int32_t column = b->column[i];
    b->column[i] = b->column[j];
    b->column[j] = column;
    if (!b->weight) return;
    double weight = b->weight[i];
    b->weight[i] = b->weight[j];
    b->weight[j] = weight;
}

/* Let entry `root` of the heap first[count] sink. */
static void sink(builder_t *b, int64_t first, int64_t root, int64_t count) {
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && precedes(b, first + child, first + child + 1)) child++;
        if (!precedes(b, first + root, first + child)) return;
        swap(b, first + root, first + child);
    }
}

/* Sort a row by column, then weight: insertion for short ones, else a heap, which needs no room. */
static void sort_row(builder_t *b, int64_t first, int64_t count) {
    enum { SHORT = 24 };
    if (count <= SHORT) {
        for (int64_t i = 1; i < count; i++)
            for (int64_t j = i; j > 0 && precedes(b, first + j, first + j - 1); j--)
                swap(b, first + j, first + j - 1);
        return;
    }
    for (int64_t root = count / 2 - 1; root >= 0; root--)
        sink(b, first, root, count);
    for (int64_t left = count - 1; left > 0; left--) {
        swap(b, first, first + left);
        sink(b, first, 0, left);
    }
}

/* Sort the row's entries [from, end) and bring what is left of them to `to`: how many. Sums go by
 * ascending weight. */
static int64_t merge_row(builder_t *b, int64_t row, int64_t from, int64_t end, int64_t to) {
    bool add = b->graph->how.repeated == TRN_REPEATED_ADD;
    int64_t begin = to;
    sort_row(b, from, end - from);
    for (int64_t i = from; i < end; i++) {
        double weight = b->weight ? b->weight[i] : 1;
        if (to > begin && b->column[to - 1] == b->column[i]) {
            if (b->weight) b->weight[to - 1] = add ? b->weight[to - 1] + weight : weight;
            b->again += b->column[i] == b->first + row;
            continue;
        }
        b->column[to] = b->column[i];
        if (b->weight) b->weight[to] = weight;
        to++;
    }
    return to - begin;
}

/* An edge that is there twice, where that is refused. */
static trn_status_t refuse_repeated(const builder_t *b, int64_t row, int64_t from, int64_t end) {
    for (int64_t i = from + 1; i < end; i++)
        if (b->column[i] == b->column[i - 1])
            return trn_fail(
                TRN_INPUT,
                "%s: the edge between %ss %lld and %d is there several times; --repeated "
                "once or add says what it is",
                b->graph->path, trn_edges_thing(&b->graph->edges, 0), (long long)(b->first + row),
                b->column[i]);
    return TRN_OK;
}

/* Sort and merge all rows, and count. Local. */
static trn_status_t merge_rows(builder_t *b) {
    int64_t kept = 0, begin = 0;
    const trn_graph_how_t *how = &b->graph->how;
    for (int64_t i = 0; i < b->rows; i++) {
        int64_t end = b->start[i + 1], length = end - begin;
        if (how->repeated == TRN_REPEATED_REFUSE) {
            sort_row(b, begin, length);
            TRN_TRY(refuse_repeated(b, i, begin, end));
        }
        int64_t left = merge_row(b, i, begin, end, kept);
        b->repeated += length - left;
        kept += left;
        begin = end;
        b->start[i + 1] = kept;
    }
    b->entries = kept;
    return TRN_OK;
}

/* Entries, each with its two ends; loops have one. Collective. */
static void count_all(const builder_t *b) {
    trn_graph_counts_t *counts = &b->graph->counts;
    bool twice = !b->graph->how.directed && !b->graph->how.edges.bipartite;
    int64_t own_loops = 0;
    for (int64_t i = 0; i < b->rows && b->graph->how.loops; i++)
        for (int64_t e = b->start[i]; e < b->start[i + 1]; e++)
            own_loops += b->column[e] == b->first + i;
    int64_t sums[] = {b->entries, own_loops, b->loops, b->repeated, b->again};
    MPI_Allreduce(MPI_IN_PLACE, sums, 5, MPI_INT64_T, MPI_SUM, b->graph->comm);
    counts->edges = twice ? (sums[0] + sums[1]) / 2 : sums[0];
    counts->loops = sums[2];
    counts->repeated = twice ? (sums[3] + sums[4]) / 2 : sums[3];
}

/* What became of lines that are no edges now, which may be a surprise. */
static void tell(const trn_graph_t *graph) {
    const trn_graph_counts_t *c = &graph->counts;
    int rank;
    MPI_Comm_rank(graph->comm, &rank);
    if (rank > 0) return;
    if (c->zero > 0)
        trn_log(TRN_LOG_WARN, "graph", "%s: %lld edges of weight 0 are left out", graph->path,
                (long long)c->zero);
    if (c->loops > 0 && !graph->how.loops)
        trn_log(TRN_LOG_WARN, "graph",
                "%s: %lld edges from a node to itself are left out; --self-loops keep keeps them",
                graph->path, (long long)c->loops);
    if (c->repeated > 0 && !graph->edges.matrix) /* that has both halves of each edge */
        trn_log(TRN_LOG_INFO, "graph", "%s: %lld edges were there before%s", graph->path,
                (long long)c->repeated,
                graph->how.repeated == TRN_REPEATED_ADD ? ": their weights are added" : "");
}

/* Values by the wanted type; a pattern has none. Local. */
static trn_status_t finish(builder_t *b, trn_sparse_t **adjacency) {
    trn_extent_t extent = {b->first, b->rows, 0, b->graph->cols};
    void *values = b->weight;
    for (int64_t e = 0; b->type == TRN_SPARSE_F32 && e < b->entries; e++) {
        float narrow = (float)b->weight[e]; /* in place: these never pass those that are read */
        memcpy((char *)values + e * (int64_t)sizeof narrow, &narrow, sizeof narrow);
    }
    TRN_TRY(trn_realloc(&b->column, b->entries, sizeof *b->column, "columns of a graph"));
    if (values)
        TRN_TRY(trn_realloc(&values, b->entries, b->type == TRN_SPARSE_F32 ? 4 : 8,
                            "weights of a graph"));
    b->weight = values;
    TRN_TRY(trn_sparse_adopt(adjacency, b->type, extent, b->start, b->column, values));
    b->start = NULL;
    b->column = NULL;
    b->weight = NULL;
    return TRN_OK;
}

static trn_status_t make_room(builder_t *b) {
    begin_rows(b);
    TRN_TRY(trn_alloc(&b->column, b->entries, sizeof *b->column, "columns of a graph"));
    if (b->type == TRN_SPARSE_PATTERN) return TRN_OK;
    return trn_alloc(&b->weight, b->entries, sizeof *b->weight, "weights of a graph");
}

trn_status_t trn_graph_load(trn_graph_t *graph, trn_sparse_type_t type, trn_sparse_t **adjacency) {
    builder_t b = {.graph = graph, .type = type};
    int rank;
    *adjacency = NULL;
    MPI_Comm_rank(graph->comm, &rank);
    b.first = graph->bands.start[rank];
    b.rows = graph->bands.start[rank + 1] - b.first;
    trn_status_t status;
    TRN_OR(done, trn_agree(graph->comm, trn_alloc_zero(&b.start, b.rows + 1, sizeof *b.start,
                                                       "rows of a graph")));
    TRN_OR(done, pass(&b, false));
    TRN_OR(done, trn_agree(graph->comm, make_room(&b)));
    TRN_OR(done, pass(&b, true));
    trn_edges_file_free(&graph->edges.file[0]);
    TRN_OR(done, trn_agree(graph->comm, merge_rows(&b)));
    count_all(&b);
    status = trn_agree(graph->comm, finish(&b, adjacency));
    if (status == TRN_OK) tell(graph);
done:
    if (status != TRN_OK) trn_sparse_destroy(adjacency);
    trn_free(&b.start);
    trn_free(&b.column);
    trn_free(&b.weight);
    return status;
}

/* The rest ------------------------------------------------------------------------------------- */

void trn_graph_plan(trn_ledger_t *ledger, const trn_graph_t *graph, trn_sparse_type_t type,
                    int ranks, int rank) {
    const trn_bands_t *bands = &graph->bands;
    int64_t rows = bands->start[rank + 1] - bands->start[rank], entries = bands->entries[rank];
    int64_t file = graph->edges.file[0].all / ranks;
    int64_t value = type == TRN_SPARSE_PATTERN ? 0 : type == TRN_SPARSE_F32 ? 4 : 8;
    trn_ledger_take(ledger, "graph", rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "graph", entries, sizeof(int32_t));
    trn_ledger_take(ledger, "graph", entries, value ? 8 : 0);
    trn_ledger_pass(ledger, "graph", TRN_SPARSE_BATCH, 3 * sizeof(trn_triplet_t) + 4);
    trn_ledger_give(ledger, "graph", entries, value ? 8 - value : 0);
    trn_ledger_give(ledger, "graph", file, 8 + (graph->how.edges.weighted ? 8 : 0));
}

trn_sparse_type_t trn_graph_type(const trn_graph_t *graph, trn_sparse_type_t real) {
    bool plain = !graph->how.edges.weighted && graph->how.repeated != TRN_REPEATED_ADD;
    return plain ? TRN_SPARSE_PATTERN : real;
}

trn_status_t trn_graph_dist(trn_dist_t **dist, const trn_graph_t *graph, int64_t cols) {
    return trn_bands_dist(dist, &graph->bands, cols);
}

void trn_graph_name(trn_graph_t *graph, trn_rows_make_t *make) {
    if (!graph->edges.side[0].named) return;
    make->some_names = trn_edges_names;
    make->names_self = &graph->edges.side[0];
}

void trn_graph_free(trn_graph_t *graph) {
    trn_edges_free(&graph->edges);
    trn_free(&graph->degree);
    trn_bands_free(&graph->bands);
}
