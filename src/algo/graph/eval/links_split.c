/* links_split.c: edges in the order of their ends, numbered through, to rank 0 and into two files.
 */
#include "algo/graph/eval/links_split.h"

#include "algo/common/names.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/output.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <math.h>

enum { PIECE = 1 << 16 /* edges that travel together */ };

typedef struct edge {
    int32_t from, to;
    double weight;
} edge_t;

typedef struct writing {
    trn_graph_t *graph;
    const trn_sparse_t *a;
    const trn_links_split_t *how;
    int rank, ranks;
    int64_t *own;      /* [ranks] edges of each */
    int64_t all, held; /* edges; those that are held out */
    uint64_t seed;
    int64_t row, entry; /* where the walk through this rank's entries stands */
    edge_t *piece;      /* [PIECE] */
    int64_t *bytes;     /* [ranks] */
    trn_parcels_t come;
    char **name;   /* rank 0: of all nodes; NULL: numbers */
    int32_t *left; /* [nodes] see put */
    trn_output_t *out[2];
} writing_t;

/* Whether an entry of row u stands for an edge: both entries of an undirected one would. */
static bool counts(const writing_t *w, int64_t u, int64_t v) {
    return w->graph->how.directed || v >= u;
}

static int64_t edges_of(const writing_t *w) {
    int64_t first = trn_sparse_extent(w->a).first_row, rows = trn_sparse_extent(w->a).rows, n = 0;
    const int64_t *start = trn_sparse_start(w->a);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++)
            n += counts(w, first + i, trn_sparse_column(w->a)[e]);
    return n;
}

/* The next edges of this rank; returns how many. */
static int64_t take(writing_t *w) {
    int64_t first = trn_sparse_extent(w->a).first_row, rows = trn_sparse_extent(w->a).rows, n = 0;
    const int64_t *start = trn_sparse_start(w->a);
    for (; w->row < rows; w->row++)
        for (; w->entry < start[w->row + 1]; w->entry++) {
            int64_t u = first + w->row, v = trn_sparse_column(w->a)[w->entry];
            if (!counts(w, u, v)) continue;
            if (n == PIECE) return n;
            w->piece[n++] = (edge_t){(int32_t)u, (int32_t)v, trn_sparse_value(w->a, w->entry)};
        }
    return n;
}

static bool is_held(const writing_t *w, int64_t place) {
    return trn_rng_permuted(w->seed, w->all, place) < w->held;
}

/* Rank 0: lines of edges from place `first` on. left[]: -1 for nodes that so far have edges held
 * out alone, 1 for those with one to train on. */
static void put(writing_t *w, const edge_t *edge, int64_t count, int64_t first) {
    for (int64_t i = 0; i < count; i++) {
        bool held = is_held(w, first + i);
        FILE *to = trn_output_stream(w->out[held]);
        int32_t end[2] = {edge[i].from, edge[i].to};
        for (int k = 0; k < 2; k++) {
            if (!held) w->left[end[k]] = 1;
            if (held && w->left[end[k]] == 0) w->left[end[k]] = -1;
            if (w->name)
                fprintf(to, "%s%s", k ? "\t" : "", w->name[end[k]]);
            else
                fprintf(to, "%s%d", k ? "\t" : "", end[k]);
        }
        if (w->graph->how.edges.weighted) fprintf(to, "\t%.17g", edge[i].weight);
        fputc('\n', to);
    }
}

/* Edges of one rank after those of another, so that the files do not depend on the ranks.
 * Collective.
 */
static trn_status_t write_all(writing_t *w) {
    MPI_Comm comm = w->graph->comm;
    int64_t place = 0;
    for (int r = 0; r < w->ranks; r++)
        for (int64_t from = 0; from < w->own[r]; from += PIECE) {
            int64_t count = r == w->rank ? take(w) : 0;
            w->bytes[0] = count * (int64_t)sizeof(edge_t);
            TRN_TRY(trn_exchange(comm, w->piece, w->bytes, &w->come));
            if (w->rank != 0) continue;
            count = w->come.start[w->ranks] / (int64_t)sizeof(edge_t);
            put(w, w->come.data, count, place);
            place += count;
        }
    return TRN_OK;
}

/* Rank 0 gets the names of all nodes. Collective. */
static trn_status_t get_names(writing_t *w) {
    trn_edges_side_t *side = &w->graph->edges.side[0];
    int64_t nodes = w->graph->rows;
    if (!side->named) return TRN_OK;
    trn_status_t status =
        w->rank == 0 ? trn_alloc_zero(&w->name, nodes, sizeof *w->name, "names") : TRN_OK;
    TRN_AGREE(w->graph->comm, status);
    for (int64_t first = 0; first < nodes; first += PIECE) {
        int64_t count = nodes - first < PIECE ? nodes - first : PIECE;
        const char *const *some = NULL;
        TRN_TRY(trn_edges_names(side, "", first, count, &some));
        for (int64_t i = 0; i < count && w->rank == 0 && status == TRN_OK; i++)
            status = trn_strdup(&w->name[first + i], some[i]);
        TRN_AGREE(w->graph->comm, status);
    }
    return TRN_OK;
}

static trn_status_t prepare(writing_t *w) {
    TRN_TRY(trn_alloc(&w->own, w->ranks, sizeof *w->own, "edges"));
    TRN_TRY(trn_alloc(&w->piece, PIECE, sizeof *w->piece, "edges"));
    TRN_TRY(trn_alloc_zero(&w->bytes, w->ranks, sizeof *w->bytes, "edges"));
    if (w->rank != 0) return TRN_OK;
    TRN_TRY(trn_alloc_zero(&w->left, w->graph->rows, sizeof *w->left, "nodes"));
    TRN_TRY(trn_output_create(&w->out[0], w->how->train));
    return trn_output_create(&w->out[1], w->how->test);
}

/* How many edges are held out. Collective. */
static trn_status_t count(writing_t *w) {
    int64_t own = edges_of(w);
    uint32_t key[4];
    MPI_Allgather(&own, 1, MPI_INT64_T, w->own, 1, MPI_INT64_T, w->graph->comm);
    for (int r = 0; r < w->ranks; r++)
        w->all += w->own[r];
    w->held = llround(w->how->share * (double)w->all);
    trn_rng_words(w->how->seed, 0, 2, 0, TRN_RNG_SPLIT, key);
    w->seed = (uint64_t)key[0] << 32 | key[1];
    if (w->held >= 1 && w->held < w->all) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: --share %g of %lld edges would hold out %lld of them; some must be "
                    "held out, and some be left",
                    w->graph->path, w->how->share, (long long)w->all, (long long)w->held);
}

static void clear(writing_t *w) {
    for (int64_t i = 0; w->name && i < w->graph->rows; i++)
        trn_free(&w->name[i]);
    trn_free(&w->name);
    trn_free(&w->own);
    trn_free(&w->piece);
    trn_free(&w->bytes);
    trn_free(&w->left);
    trn_parcels_free(&w->come);
}

trn_status_t trn_links_split(trn_graph_t *graph, const trn_sparse_t *adjacency,
                             const trn_links_split_t *how, trn_links_split_told_t *told) {
    writing_t w = {.graph = graph, .a = adjacency, .how = how};
    MPI_Comm_rank(graph->comm, &w.rank);
    MPI_Comm_size(graph->comm, &w.ranks);
    trn_status_t status = trn_agree(graph->comm, prepare(&w));
    if (status == TRN_OK) status = count(&w); /* equal on all ranks */
    if (status == TRN_OK) status = get_names(&w);
    if (status == TRN_OK) status = write_all(&w);
    if (w.out[0]) status = trn_output_close(&w.out[0], status);
    if (w.out[1]) status = trn_output_close(&w.out[1], status);
    status = trn_agree(graph->comm, status);
    *told = (trn_links_split_told_t){.train = w.all - w.held, .test = w.held};
    for (int64_t i = 0; w.left && i < graph->rows; i++)
        told->bare += w.left[i] < 0;
    MPI_Bcast(&told->bare, 1, MPI_INT64_T, 0, graph->comm);
    clear(&w);
    return status;
}

void trn_links_split_plan(trn_ledger_t *ledger, const trn_graph_t *graph, int rank) {
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "edges", rank == 0 ? 2 * PIECE : PIECE, sizeof(edge_t));
    if (rank == 0) trn_ledger_take(ledger, "nodes", graph->rows, sizeof(int32_t));
    if (rank == 0 && graph->edges.side[0].named)
        trn_ledger_take(ledger, "names", trn_names_usual_bytes(graph->rows) + graph->rows * 64, 1);
    trn_ledger_back(ledger, &before);
}
