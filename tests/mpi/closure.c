/* Reachability: held against Boolean squaring by mpi/sparse/spgemm, and against closed forms. */
#include "algo/graph/closure.h"

#include "base/rng.h"
#include "harness.h"
#include "mpi/agree.h"
#include "mpi/sparse/spgemm.h"

#include <string.h>

/* A graph by its edges: edge(i, j) of `nodes` nodes. */
typedef bool edge_t(int64_t i, int64_t j);
static int64_t nodes;
static uint64_t drawn;
static double chance;

static bool golden_edge(int64_t i, int64_t j) {
    return (i * i + 3 * j + i * j) % 11 == 0 && i != j;
}
static bool path_edge(int64_t i, int64_t j) {
    return j == i + 1;
}
static bool cycle_edge(int64_t i, int64_t j) {
    return j == (i + 1) % nodes;
}
static bool random_edge(int64_t i, int64_t j) {
    double uniform[4];
    trn_rng_uniform(drawn, (uint64_t)i, (uint32_t)j, 0, TRN_RNG_TEST, uniform);
    return uniform[0] < chance;
}
static bool dag_edge(int64_t i, int64_t j) {
    return i < j && random_edge(i, j);
}
static bool cliques_edge(int64_t i, int64_t j) { /* {0, 2, 4, ...} and {1, 3, ...}, 0 -> 1 */
    return (i != j && i % 2 == j % 2) || (i == 0 && j == 1);
}
static bool loop_edge(int64_t i, int64_t j) {
    return i == j && i % 3 == 0;
}

/* This rank's band of the graph. */
static trn_sparse_t *band_of(edge_t *edge) {
    int64_t first = nodes * rank / ranks, rows = nodes * (rank + 1) / ranks - first, n = 0;
    trn_triplet_t *t = NULL;
    trn_sparse_t *band = NULL;
    CHECK_OK(trn_alloc(&t, rows * nodes, sizeof *t, "entries"));
    for (int64_t i = first; i < first + rows; i++)
        for (int64_t j = 0; j < nodes; j++)
            if (edge(i, j)) t[n++] = (trn_triplet_t){i, j, 1};
    CHECK_OK(
        trn_sparse_create(&band, TRN_SPARSE_PATTERN, (trn_extent_t){first, rows, 0, nodes}, n, t));
    trn_free(&t);
    return band;
}

static trn_status_t open_closure(trn_closure_t *c, edge_t *edge, trn_closure_options_t options) {
    trn_sparse_t *band = band_of(edge);
    *c = (trn_closure_t){.rows = nodes};
    trn_status_t status = trn_digraph_gather(&c->graph, comm, band);
    trn_sparse_destroy(&band);
    if (status == TRN_OK) status = trn_closure_start(c, comm, &options);
    if (status == TRN_OK) trn_closure_count(c);
    return status;
}

/* The rows of R as bits, whole on every rank, by what bands of rows hand out. */
typedef struct seen {
    uint8_t *pair; /* [rows x nodes] */
    int64_t rows;
} seen_t;

static trn_status_t take(void *user, trn_reach_t *reach, int64_t first, int64_t count) {
    seen_t *seen = user;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *row = trn_reach_row(reach, i);
        int64_t n = trn_reach_count(reach, i);
        for (int64_t k = 0; k < n; k++) {
            CHECK(k == 0 || row[k - 1] < row[k]);
            CHECK(row[k] >= 0 && row[k] < nodes && trn_reach_has(reach, i, row[k]));
            seen->pair[(first + i) * nodes + row[k]]++;
        }
    }
    return TRN_OK;
}

static void see(trn_closure_t *c, seen_t *seen) {
    *seen = (seen_t){.rows = c->rows};
    CHECK_OK(trn_alloc_zero(&seen->pair, c->rows * nodes, 1, "pairs"));
    CHECK_OK(trn_closure_each(c, take, seen));
    MPI_Allreduce(MPI_IN_PLACE, seen->pair, (int)(c->rows * nodes), MPI_UINT8_T, MPI_SUM, comm);
    int64_t all = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < nodes; j++) {
            CHECK(seen->pair[i * nodes + j] <= 1); /* every row comes from one rank */
            count += seen->pair[i * nodes + j];
        }
        CHECK_EQUAL(c->count[i], count);
        all += count;
    }
    CHECK_EQUAL(c->pairs, all);
}

/* The same by squaring, `rounds` times or (below 0) until nothing changes; returns the rounds. */
static int64_t square(edge_t *edge, int64_t rounds, uint8_t *pair) {
    int64_t done = 0, before = -1, now = 0;
    trn_sparse_t *r = band_of(edge), *product = NULL;
    trn_extent_t x = trn_sparse_extent(r);
    trn_triplet_t *t = NULL;
    trn_spgemm_options_t options = {.boolean = true};
    for (bool more = true; more;) {
        memset(pair, 0, (size_t)(nodes * nodes));
        for (int pass = 0; pass < 2; pass++) {
            const trn_sparse_t *from = pass ? product : r;
            for (int64_t i = 0; from && i < x.rows; i++)
                for (int64_t e = trn_sparse_start(from)[i]; e < trn_sparse_start(from)[i + 1]; e++)
                    pair[(x.first_row + i) * nodes + trn_sparse_column(from)[e]] = 1;
        }
        MPI_Allreduce(MPI_IN_PLACE, pair, (int)(nodes * nodes), MPI_UINT8_T, MPI_MAX, comm);
        now = 0;
        for (int64_t i = 0; i < nodes * nodes; i++)
            now += pair[i];
        more = now != before && (rounds < 0 || done < rounds);
        if (!more) break;
        before = now;
        int64_t n = 0;
        CHECK_OK(trn_alloc(&t, x.rows * nodes, sizeof *t, "entries"));
        for (int64_t i = x.first_row; i < x.first_row + x.rows; i++)
            for (int64_t j = 0; j < nodes; j++)
                if (pair[i * nodes + j]) t[n++] = (trn_triplet_t){i, j, 1};
        trn_sparse_destroy(&r);
        trn_sparse_destroy(&product);
        CHECK_OK(trn_sparse_create(&r, TRN_SPARSE_PATTERN, x, n, t));
        trn_free(&t);
        CHECK_OK(trn_spgemm(comm, r, r, &options, &product, NULL));
        done++;
    }
    trn_sparse_destroy(&r);
    trn_sparse_destroy(&product);
    return done;
}

/* All ways to find R come to what squaring comes to. */
static void holds(edge_t *edge) {
    uint8_t *wanted = NULL;
    CHECK_OK(trn_alloc(&wanted, nodes * nodes, 1, "pairs"));
    int64_t rounds = square(edge, -1, wanted);
    const trn_closure_options_t ways[] = {{0},
                                          {.words = 1},
                                          {.words = 3, .threads = 2},
                                          {.measure = true},
                                          {.measure = true, .words = 2, .threads = 2},
                                          {.reflexive = true},
                                          {.reflexive = true, .measure = true}};
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        trn_closure_t c = {0};
        seen_t seen = {0};
        CHECK_OK(open_closure(&c, edge, ways[w]));
        see(&c, &seen);
        for (int64_t i = 0; i < nodes; i++)
            for (int64_t j = 0; j < nodes; j++)
                CHECK_EQUAL(seen.pair[i * nodes + j],
                            wanted[i * nodes + j] || (ways[w].reflexive && i == j));
        if (ways[w].measure && c.longest > 0) CHECK_EQUAL(trn_closure_rounds(c.longest), rounds);
        trn_free(&seen.pair);
        trn_closure_free(&c);
    }
    trn_free(&wanted);
}

static void golden(void) {
    static const char *const rows[] = {
        "10000000000100000000", "00000000100000000001", "00000000100000000001",
        "00001000000000010000", "00001000000000010000", "01000000100010000001",
        "01000101100010001011", "01000100100010001001", "00000000000000000000",
        "01000101100010001011", "01000100100010001001", "10000000000100000000",
        "00000000100000000001", "00000000100000000001", "00001000000000010000",
        "00001000000000010000", "01000000100010000001", "01000101100010001011",
        "01000100100010001001", "00000000000000000000"};
    nodes = 20;
    trn_closure_t c = {0};
    seen_t seen;
    CHECK_OK(open_closure(&c, golden_edge, (trn_closure_options_t){.measure = true}));
    see(&c, &seen);
    CHECK_EQUAL(c.graph.start[nodes], 32);
    CHECK_EQUAL(c.pairs, 70);
    CHECK_EQUAL(trn_closure_rounds(c.longest), 3);
    for (int64_t i = 0; i < nodes; i++)
        for (int64_t j = 0; j < nodes; j++)
            CHECK_EQUAL(seen.pair[i * nodes + j], rows[i][j] - '0');
    trn_free(&seen.pair);
    trn_closure_free(&c);
    holds(golden_edge);
}

static int64_t pairs_of(edge_t *edge, trn_closure_options_t options) {
    trn_closure_t c = {0};
    CHECK_OK(open_closure(&c, edge, options));
    int64_t pairs = c.pairs;
    trn_closure_free(&c);
    return pairs;
}

static void closed_forms(void) {
    const trn_closure_options_t ways[] = {{0}, {.measure = true}};
    for (int w = 0; w < 2; w++) {
        nodes = 300;
        CHECK_EQUAL(pairs_of(path_edge, ways[w]), nodes * (nodes - 1) / 2);
        CHECK_EQUAL(pairs_of(cycle_edge, ways[w]), nodes * nodes);
        /* The first clique of 150 reaches everything, the second itself. */
        CHECK_EQUAL(pairs_of(cliques_edge, ways[w]), 150 * 300 + 150 * 150);
        CHECK_EQUAL(pairs_of(loop_edge, ways[w]), 100);
        nodes = 1;
        CHECK_EQUAL(pairs_of(path_edge, ways[w]), 0);
        CHECK_EQUAL(pairs_of(loop_edge, ways[w]), 1);
    }
    nodes = 300;
    CHECK_EQUAL(pairs_of(path_edge, (trn_closure_options_t){.reflexive = true}), 300 * 301 / 2);
    trn_closure_t c = {0};
    CHECK_OK(open_closure(&c, path_edge, (trn_closure_options_t){.measure = true}));
    CHECK_EQUAL(c.longest, 299);
    CHECK_EQUAL(trn_closure_rounds(c.longest), 10); /* 2^9 > 299, and one to see it */
    trn_closure_free(&c);
}

/* Sparse and dense rows, below, at and above the threshold of a giant component; a batch more than
 * one, with a rest. */
static void random_graphs(void) {
    static const double degrees[] = {.5, 1, 1.5, 4};
    nodes = 150;
    for (int d = 0; d < 4; d++) {
        drawn = (uint64_t)d;
        chance = degrees[d] / (double)nodes;
        holds(random_edge);
        holds(dag_edge);
    }
    nodes = 70;
    holds(loop_edge);
    holds(cliques_edge);
}

/* H hops by hand: i + 1 .. i + H on a path; N rounds as squaring N times. */
static void bounds(void) {
    nodes = 100;
    for (int64_t hops = 1; hops < 5; hops++)
        CHECK_EQUAL(pairs_of(path_edge, (trn_closure_options_t){.hops = hops}),
                    hops * nodes - hops * (hops + 1) / 2);
    CHECK_EQUAL(trn_closure_hops(0), 1);
    CHECK_EQUAL(trn_closure_hops(3), 8);
    CHECK_EQUAL(trn_closure_rounds(1), 1);
    CHECK_EQUAL(trn_closure_rounds(2), 2);
    CHECK_EQUAL(trn_closure_rounds(5), 4);
    uint8_t *wanted = NULL;
    CHECK_OK(trn_alloc(&wanted, nodes * nodes, 1, "pairs"));
    drawn = 7;
    chance = 1.2 / (double)nodes;
    for (int64_t rounds = 0; rounds < 4; rounds++) {
        trn_closure_t c = {0};
        seen_t seen = {0};
        square(random_edge, rounds, wanted);
        trn_closure_options_t options = {.hops = trn_closure_hops(rounds)};
        CHECK_OK(open_closure(&c, random_edge, options));
        see(&c, &seen);
        CHECK(memcmp(seen.pair, wanted, (size_t)(nodes * nodes)) == 0);
        trn_free(&seen.pair);
        trn_closure_free(&c);
    }
    trn_free(&wanted);
}

/* Rows of some nodes, in the order asked for. */
static void sources(void) {
    static const int32_t some[] = {99, 3, 40, 0};
    nodes = 100;
    trn_closure_t c = {.rows = 4};
    trn_sparse_t *band = band_of(path_edge);
    CHECK_OK(trn_digraph_gather(&c.graph, comm, band));
    trn_sparse_destroy(&band);
    CHECK_OK(trn_alloc(&c.source, 4, sizeof *c.source, "sources"));
    memcpy(c.source, some, sizeof some);
    CHECK_OK(trn_closure_start(&c, comm, &(trn_closure_options_t){0}));
    trn_closure_count(&c);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(c.count[i], 99 - some[i]);
    CHECK_EQUAL(c.pairs, 0 + 96 + 59 + 99);
    trn_closure_free(&c);
}

/* Shortest paths against distances by levels, and the lowest of several by trying all. */
static void paths(void) {
    nodes = 40;
    drawn = 11;
    chance = 2.5 / (double)nodes;
    trn_closure_t c = {0};
    trn_search_t search = {0};
    int32_t path[64];
    CHECK_OK(open_closure(&c, random_edge, (trn_closure_options_t){0}));
    CHECK_OK(trn_search_create(&search, nodes));
    for (int32_t s = 0; s < nodes; s++) {
        trn_search_run(&search, &c.graph, s, -1);
        for (int32_t t = 0; t < nodes; t++) {
            int64_t length = trn_search_path(&search, s, t, path), within = 0;
            trn_reach_t *reach = NULL;
            for (int64_t hops = 1; hops <= nodes && within == 0; hops++) {
                CHECK_OK(
                    trn_reach_create(&reach, &(trn_reach_how_t){&c.graph, NULL, hops, false, 1}));
                trn_reach_run(reach, 1, &s, NULL, NULL);
                if (trn_reach_has(reach, 0, t)) within = hops;
                trn_reach_destroy(&reach);
            }
            CHECK_EQUAL(length, within == 0 ? -1 : within);
            if (length < 0) continue;
            CHECK(path[0] == s && path[length] == t);
            for (int64_t i = 0; i < length; i++)
                CHECK(random_edge(path[i], path[i + 1]));
            /* No lower first step: from a lower neighbor the way is longer. */
            for (int32_t u = 0; u < path[1]; u++) {
                trn_search_t other = {0};
                if (!random_edge(s, u)) continue;
                CHECK(length > 1 || u != t);
                CHECK_OK(trn_search_create(&other, nodes));
                trn_search_run(&other, &c.graph, u, t);
                int64_t rest = trn_search_path(&other, u, t, NULL);
                CHECK(u == t || rest < 0 || rest + 1 > length);
                trn_search_free(&other);
            }
        }
    }
    trn_search_free(&search);
    trn_closure_free(&c);
}

static trn_status_t opening(void *user) {
    trn_closure_t c = {.rows = nodes};
    trn_sparse_t *band = NULL;
    int64_t first = nodes * rank / ranks, rows = nodes * (rank + 1) / ranks - first;
    (void)user;
    trn_status_t status =
        trn_agree(comm, trn_sparse_create(&band, TRN_SPARSE_PATTERN,
                                          (trn_extent_t){first, rows, 0, nodes}, 0, NULL));
    if (status == TRN_OK) status = trn_digraph_gather(&c.graph, comm, band);
    if (status == TRN_OK)
        status = trn_closure_start(&c, comm, &(trn_closure_options_t){.measure = nodes % 2 == 0});
    trn_sparse_destroy(&band);
    trn_closure_free(&c);
    return status;
}

static void no_memory(void) {
    for (nodes = 20; nodes < 22; nodes++)
        harness_inject(opening, NULL);
}

HARNESS_MAIN({"golden", golden}, {"closed forms", closed_forms}, {"random graphs", random_graphs},
             {"bounds", bounds}, {"sources", sources}, {"paths", paths}, {"no memory", no_memory})
