/* Graphs out of files of every kind: the same adjacency, names and counts on any number of ranks,
 * and one line for what is wrong with a file. */
#define _DEFAULT_SOURCE
#include "algo/graph/graph.h"
#include "algo/matrix/tall.h"
#include "mpi/agree.h"

#include "harness.h"

#include "directory.h"

#include <string.h>

enum { MOST = 16 /* nodes, items */ };

static const char *put(const char *name, const char *text, size_t bytes) {
    const char *path = in_directory(name);
    MPI_Barrier(comm);
    FILE *file = rank == 0 ? fopen(path, "wb") : NULL;
    if (rank == 0 && CHECK(file != NULL)) {
        CHECK_EQUAL(fwrite(text, 1, bytes, file), bytes);
        fclose(file);
    }
    MPI_Barrier(comm);
    return path;
}

/* A graph as a dense matrix on every rank. */
typedef struct dense {
    int64_t rows, cols;
    double a[MOST][MOST];
    trn_graph_counts_t counts;
    char names[256]; /* of side 0, with a blank behind each; rank 0 */
} dense_t;

static trn_status_t note_names(trn_edges_side_t *side, char *text) {
    const char *const *names = NULL;
    *text = '\0';
    if (!side->named) return TRN_OK;
    TRN_TRY(trn_edges_names(side, "", 0, side->count, &names));
    for (int64_t i = 0; rank == 0 && i < side->count; i++)
        strcat(strcat(text, names[i]), " ");
    return trn_edges_names(side, "", 0, 0, &names);
}

static trn_status_t load(const char *path, const trn_graph_how_t *how, trn_sparse_type_t type,
                         dense_t *to) {
    trn_graph_t graph = {0};
    trn_sparse_t *band = NULL;
    memset(to, 0, sizeof *to);
    trn_status_t status = trn_graph_look(&graph, comm, path, how);
    if (status == TRN_OK) status = trn_agree(comm, trn_graph_cut(&graph, ranks, 1, 1));
    if (status == TRN_OK) status = trn_graph_load(&graph, type, &band);
    if (status == TRN_OK) {
        trn_extent_t at = trn_sparse_extent(band);
        for (int64_t i = 0; i < at.rows; i++)
            for (int64_t e = trn_sparse_start(band)[i]; e < trn_sparse_start(band)[i + 1]; e++)
                to->a[at.first_row + i][trn_sparse_column(band)[e]] += trn_sparse_value(band, e);
        MPI_Allreduce(MPI_IN_PLACE, to->a, MOST * MOST, MPI_DOUBLE, MPI_SUM, comm);
        status = note_names(&graph.edges.side[0], to->names);
        to->rows = graph.rows;
        to->cols = graph.cols;
        to->counts = graph.counts;
    }
    trn_sparse_destroy(&band);
    trn_graph_free(&graph);
    return status;
}

static trn_status_t load_text(const char *text, const trn_graph_how_t *how, dense_t *to) {
    return load(put("graph.txt", text, strlen(text)), how, TRN_SPARSE_F64, to);
}

static const trn_graph_how_t usual = {.edges = {.layout = TRN_EDGES_PAIRS}, .isolated = true};

static void reads_pairs(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    const char *text = "# nodes\n0 1\n1 2\n\n% more\n2 1\n2 2\n3\t0\r\n";
    how.nodes = 5;
    CHECK_OK(load_text(text, &how, &g));
    CHECK(g.rows == 5 && g.a[0][1] == 1 && g.a[1][0] == 1 && g.a[1][2] == 1 && g.a[2][1] == 1);
    CHECK(g.a[2][2] == 0 && g.a[0][3] == 1 && g.a[3][0] == 1 && !*g.names);
    CHECK_EQUAL(g.counts.edges, 3);
    CHECK_EQUAL(g.counts.loops, 1);
    CHECK_EQUAL(g.counts.repeated, 1);
    CHECK_EQUAL(g.counts.isolated, 1);
    how.directed = how.loops = true;
    CHECK_OK(load_text(text, &how, &g));
    CHECK(g.a[0][1] == 1 && g.a[1][0] == 0 && g.a[2][2] == 1 && g.a[3][0] == 1 && g.a[0][3] == 0);
    CHECK_EQUAL(g.counts.edges, 5);
    CHECK_EQUAL(g.counts.repeated, 0);
    how.isolated = false;
    CHECK_EQUAL(load_text(text, &how, &g), TRN_INPUT);
    CHECK(strstr(trn_message(), "node 4 has no edges") != NULL);
}

static void reads_weights(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    how.edges.weighted = true;
    const char *text = "0,1,.5\n1,0,.25\n1,2,0\n2,3,1e1\n";
    CHECK_OK(load_text(text, &how, &g));
    CHECK(g.rows == 4 && g.a[0][1] == .75 && g.a[1][0] == .75 && g.a[1][2] == 0 && g.a[3][2] == 10);
    CHECK_EQUAL(g.counts.zero, 1);
    CHECK_EQUAL(g.counts.edges, 2);
    how.repeated = TRN_REPEATED_ONCE;
    CHECK_OK(load_text(text, &how, &g));
    CHECK(g.a[0][1] == .5);
    how.repeated = TRN_REPEATED_REFUSE;
    CHECK_EQUAL(load_text(text, &how, &g), TRN_INPUT);
    how.edges.weighted = false;
    how.edges.extra = true;
    how.repeated = TRN_REPEATED_ADD;
    CHECK_OK(load_text(text, &how, &g));
    CHECK(g.a[0][1] == 2 && g.a[1][2] == 1);
}

static void reads_names(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    CHECK_OK(load_text("alice bob\nbob carol\n\"dave e\" alice\n", &how, &g));
    CHECK(g.rows == 4 && g.a[0][1] == 1 && g.a[1][2] == 1 && g.a[3][0] == 1);
    if (rank == 0) CHECK(strcmp(g.names, "alice bob carol dave e ") == 0);
    /* numbers become names when a field is none, wherever it stands */
    CHECK_OK(load_text("7 5\n5 6\n6 x\n7 6\n", &how, &g));
    if (rank == 0) CHECK(strcmp(g.names, "7 5 6 x ") == 0);
    CHECK(g.rows == 4 && g.a[0][1] == 1 && g.a[2][3] == 1 && g.a[0][2] == 1);
    how.edges.ids = TRN_IDS_NUMBERS;
    CHECK_EQUAL(load_text("7 5\n5 6\n6 x\n", &how, &g), TRN_INPUT);
    CHECK(strstr(trn_message(), "graph.txt:3: 'x'") != NULL);
    how.edges.ids = TRN_IDS_NAMES;
    CHECK_OK(load_text("7 5\n5 07\n", &how, &g));
    if (rank == 0) CHECK(strcmp(g.names, "7 5 07 ") == 0);
}

/* Whether a number is one of names does not depend on who has read the names. */
static void takes_large_numbers_among_names(void) {
    dense_t g;
    CHECK_OK(load_text("alice bob\ncarol dave\nalice carol\nbob dave\n3000000000 alice\n"
                       "3000000000 bob\n3000000000 carol\n3000000000 dave\n",
                       &usual, &g));
    CHECK_EQUAL(g.rows, 5);
    CHECK(g.a[4][0] == 1 && g.a[4][3] == 1 && g.a[0][1] == 1);
}

static void counts_repeated_loops(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    how.loops = true;
    CHECK_OK(load_text("0 1\n1 1\n1 1\n1 1\n1 0\n", &how, &g));
    CHECK_EQUAL(g.counts.repeated, 3);
    CHECK_EQUAL(g.counts.edges, 2);
}

static void sees_headings(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    CHECK_OK(load_text("Source,Target\nann,bob\n", &how, &g));
    CHECK_EQUAL(g.rows, 2);
    CHECK_OK(load_text("# about\none two\n1 2\n", &how, &g));
    CHECK(g.rows == 3 && !*g.names);
    CHECK_OK(load_text("one two\nthree four\n", &how, &g));
    CHECK_EQUAL(g.rows, 4);
    CHECK_OK(load_text("00 1\n1 2\n", &how, &g)); /* a name, no heading */
    CHECK(g.rows == 3 && g.counts.edges == 2);
    how.edges.header = TRN_HEADER_SKIP;
    CHECK_OK(load_text("5 6\n1 2\n", &how, &g));
    CHECK_EQUAL(g.rows, 3);
    how.edges.header = TRN_HEADER_KEEP;
    CHECK_OK(load_text("source target\n1 2\n", &how, &g));
    CHECK_EQUAL(g.rows, 4);
}

static void reads_lists(void) {
    dense_t g;
    trn_graph_how_t how = {.edges = {.bipartite = true, .thing = {"user", "item"}},
                           .isolated = true};
    CHECK_OK(load_text("0 5 6 5\n1 \n3 5\n", &how, &g));
    CHECK(g.rows == 4 && g.cols == 7 && g.a[0][5] == 1 && g.a[0][6] == 1 && g.a[3][5] == 1);
    CHECK_EQUAL(g.counts.edges, 3);
    CHECK_EQUAL(g.counts.repeated, 1);
    CHECK_OK(load_text("ann 3 1\nbob\ncid 3\n", &how, &g));
    CHECK(g.rows == 3 && g.cols == 4 && g.a[0][3] == 1 && g.a[2][3] == 1);
    if (rank == 0) CHECK(strcmp(g.names, "ann bob cid ") == 0);
    CHECK_EQUAL(load_text("1 2 3\n4 5 6\n", &how, &g), TRN_INPUT);
    CHECK(strstr(trn_message(), "--layout") != NULL);
    how.edges.layout = TRN_EDGES_LISTS;
    CHECK_OK(load_text("1 2 3\n4 5 6\n", &how, &g));
    how.edges.layout = TRN_EDGES_PAIRS;
    how.edges.extra = true;
    CHECK_OK(load_text("1 2 3\n4 5 6\n", &how, &g));
    CHECK(g.a[1][2] == 1 && g.a[1][3] == 0 && g.cols == 6);
}

/* Several files are numbered together, the first ones first. */
static void numbers_files_together(void) {
    trn_edges_t edges = {0};
    trn_edges_how_t how = {.bipartite = true};
    const char *paths[2];
    paths[0] = put("train.txt", "ann x y\nbob y\n", 14);
    paths[1] = put("test.txt", "bob x z\ncid y\n", 14);
    CHECK_OK(trn_edges_read(&edges, comm, &how, 2, paths));
    CHECK(edges.side[0].count == 3 && edges.side[1].count == 3);
    CHECK(edges.file[0].all == 3 && edges.file[1].all == 3);
    int64_t sums[2] = {0, 0}; /* bob x, bob z, cid y are 1 0, 1 2, 2 1 */
    for (int64_t e = 0; e < edges.file[1].count; e++) {
        sums[0] += edges.file[1].from[e];
        sums[1] += edges.file[1].to[e] * (1 + edges.file[1].from[e]);
    }
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, comm);
    CHECK(sums[0] == 4 && sums[1] == 7);
    trn_edges_free(&edges);
}

static void reads_matrices(void) {
    dense_t g;
    trn_graph_how_t how = usual;
    const char *text = "%%MatrixMarket matrix coordinate real symmetric\n4 4 4\n2 1 .5\n3 2 2\n"
                       "3 3 1\n4 1 0\n";
    const char *path = put("graph.mtx", text, strlen(text));
    CHECK_OK(load(path, &how, TRN_SPARSE_PATTERN, &g));
    CHECK(g.rows == 4 && g.a[0][1] == 1 && g.a[1][0] == 1 && g.a[2][1] == 1 && g.a[2][2] == 0);
    CHECK_EQUAL(g.counts.edges, 2);
    CHECK_EQUAL(g.counts.isolated, 1);
    how.edges.weighted = true;
    CHECK_OK(load(path, &how, TRN_SPARSE_F32, &g));
    CHECK(g.a[0][1] == .5 && g.a[1][2] == 2);
    how.edges.weighted = false;
    text = "%%MatrixMarket matrix coordinate pattern general\n2 3 2\n1 3\n2 1\n";
    path = put("wide.mtx", text, strlen(text));
    CHECK_EQUAL(load(path, &how, TRN_SPARSE_F32, &g), TRN_INPUT);
    CHECK(strstr(trn_message(), "square") != NULL);
    how.edges.bipartite = true;
    CHECK_OK(load(path, &how, TRN_SPARSE_F32, &g));
    CHECK(g.rows == 2 && g.cols == 3 && g.a[0][2] == 1 && g.a[1][0] == 1);
    text = "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n";
    CHECK_EQUAL(load(put("dense.mtx", text, strlen(text)), &usual, TRN_SPARSE_F32, &g), TRN_INPUT);
    CHECK(strstr(trn_message(), "dense") != NULL);
}

static void refuses_bad_lines(void) {
    static const struct bad {
        const char *text;
        bool weighted;
        const char *says;
    } bad[] = {{"0 1\n2\n", false, "graph.txt:2: the line has one field"},
               {"0 1\n1 2 3\n", false, "graph.txt:2: the line has more than two"},
               {"0 1 1\n1 2\n", true, "graph.txt:2: the line has two"},
               {"0 1 -1\n", true, "graph.txt:1: the weight -1 is negative"},
               {"0 1 1\n#\n0 1 nan\n", true, "graph.txt:3: the weight nan is not finite"},
               {"0 1 1\n0 1 inf\n", true, "not finite"},
               {"0 1 x\n", true, "graph.txt:1: the weight 'x' is no number"},
               {"0 1\n0 2147483647\n", false, "graph.txt:2: 2147483647 is 2^31 - 1 or more"},
               {"0 1\n0 99999999999999999999999\n", false, "graph.txt:2: 9999"},
               {"-1 5\n1 2\n", false, "graph.txt:1: -1, where all fields are numbers"},
               {"0 1\n1 2.5\n", false, "graph.txt:2: 2.5, where all fields are numbers"},
               {"0 a\xff\n", false, "graph.txt:1: "},
               {"", false, "empty"},
               {"# nothing\n\n", false, "holds no edges"},
               {"0 1 0\n", true, "no edges but some of weight 0"}};
    dense_t g;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trn_graph_how_t how = usual;
        how.edges.weighted = bad[i].weighted;
        CHECK_EQUAL(load_text(bad[i].text, &how, &g), TRN_INPUT);
        if (!CHECK(strstr(trn_message(), bad[i].says) != NULL) && rank == 0)
            fprintf(stderr, "case %d: %s\n", (int)i, trn_message());
    }
    CHECK_EQUAL(load(put("graph.txt", "0 \0 1\n", 6), &usual, TRN_SPARSE_F32, &g), TRN_INPUT);
    CHECK_EQUAL(load(in_directory("none"), &usual, TRN_SPARSE_F32, &g), TRN_INPUT);
}

/* Bands are whole blocks and cover all rows, however heavy some are. */
static void cuts_bands(void) {
    enum { NODES = 10000 };
    char *text = malloc(NODES * 32);
    size_t at = 0;
    for (int i = 1; i < NODES; i++)
        at += (size_t)sprintf(text + at, "%d %d\n", i % 300, i);
    const char *path = put("star.txt", text, at);
    free(text);
    trn_graph_t graph = {0};
    CHECK_OK(trn_graph_look(&graph, comm, path, &usual));
    int64_t block = trn_tall_block(NODES);
    for (int r = 1; r <= 9; r++)
        for (int entry = 0; entry < 2; entry++) {
            CHECK_OK(trn_graph_cut(&graph, r, entry, entry));
            int64_t sum = 0;
            for (int b = 0; b < r; b++) {
                int64_t start = graph.bands.start[b];
                CHECK(start % block == 0 || start == NODES);
                CHECK(start <= graph.bands.start[b + 1]);
                sum += graph.bands.entries[b];
            }
            CHECK_EQUAL(graph.bands.start[r], NODES);
            CHECK_EQUAL(sum, 2 * (NODES - 1));
        }
    trn_graph_free(&graph);
}

static trn_status_t load_named(void *argument) {
    dense_t g;
    return load(argument, &usual, TRN_SPARSE_F32, &g);
}

static void survives_no_memory(void) {
    const char *text = "ann bob\nbob cid\ncid ann\n";
    harness_inject(load_named, (void *)put("names.txt", text, strlen(text)));
}

HARNESS_MAIN({"directory made", make_directory}, {"pairs are read", reads_pairs},
             {"weights are read", reads_weights}, {"names are read", reads_names},
             {"large numbers are names among names", takes_large_numbers_among_names},
             {"repeated loops are counted", counts_repeated_loops},
             {"headings are seen", sees_headings}, {"lists are read", reads_lists},
             {"files are numbered together", numbers_files_together},
             {"matrices are read", reads_matrices}, {"bad lines are refused", refuses_bad_lines},
             {"bands are cut", cuts_bands}, {"memory may run out", survives_no_memory},
             {"directory removed", remove_directory})
