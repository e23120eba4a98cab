/* readers.c: every way into the program for a file that others wrote. */
#define _POSIX_C_SOURCE 200809L
#include "algo/graph/graph.h"
#include "algo/kg/import/kg_import_impl.h"
#include "algo/kg/kg.h"
#include "algo/kg/kg_model.h"
#include "algo/matrix/matrix_file.h"
#include "algo/vectors/embedding.h"
#include "algo/words/corpus.h"
#include "algo/words/words_eval.h"
#include "base/mem.h"
#include "cli/param/param.h"
#include "fuzz.h"
#include "graph/wordnet.h"
#include "io/formats/format.h"
#include "io/formats/npy.h"
#include "io/rows/rows.h"
#include "io/share.h"
#include "io/store/store.h"
#include "io/text/scan.h"
#include "io/text/text.h"
#include "io/vectors.h"
#include "mpi/dist.h"
#include "text/vocab.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_SIDE = 1 << 10, LARGEST_TEXT = 1 << 22 };

/* The graver of two outcomes. */
static trn_status_t both(trn_status_t a, trn_status_t b) {
    return a == TRN_OK || (a == TRN_INPUT && b != TRN_OK) ? b : a;
}

/* A store may say of itself that it is open elsewhere (exit code 5): here that is one more bad
 * file. */
static trn_status_t of_a_file(trn_status_t status) {
    return status == TRN_IO && strstr(trn_message(), "is in use") ? TRN_INPUT : status;
}

/* Stores --------------------------------------------------------------------------------------- */

static trn_status_t read_dataset(trn_store_t *store, const char *name) {
    trn_dtype_t type;
    int64_t rows, cols, count;
    char **strings;
    trn_store_has(store, name, &type, &rows, &cols);
    if (type == TRN_STRING) {
        TRN_TRY(trn_store_read_strings(store, name, &count, &strings));
        trn_free(&strings);
        return TRN_OK;
    }
    /* A row may not lie in the file at all: that is told only when it is read. */
    if (trn_store_need(store, name, type, NULL, cols) != TRN_OK) return TRN_INPUT;
    char *data;
    int64_t row = (cols ? cols : 1) * trn_dtype_size(type);
    TRN_TRY(trn_alloc(&data, rows, (size_t)row, "a dataset"));
    trn_status_t status = trn_store_read(store, name, 0, rows, data);
    if (status == TRN_OK && rows > 2) status = trn_store_read(store, name, 1, rows - 2, data);
    trn_free(&data);
    return status;
}

static trn_status_t read_store(const char *path) {
    trn_store_t *store;
    const char *const *names, *text;
    int64_t integer;
    double real;
    TRN_TRY(of_a_file(trn_store_open(&store, MPI_COMM_SELF, path, NULL)));
    trn_status_t status = trn_store_verify(store);
    for (int i = trn_store_names(store, &names) - 1; i >= 0; i--) {
        status = both(status, read_dataset(store, names[i]));
        (void)trn_store_get_int(store, names[i], "seed", &integer);
        (void)trn_store_get_real(store, names[i], "loss", &real);
        (void)trn_store_get_text(store, names[i], "kind", &text);
    }
    trn_store_close(&store);
    return status;
}

static trn_status_t read_graph(const char *path) {
    trn_kg_t kg;
    trn_triple_t *triples = NULL;
    TRN_TRY(of_a_file(trn_kg_open(&kg, MPI_COMM_SELF, path)));
    trn_status_t status = TRN_OK;
    for (int s = 0; s < TRN_SPLITS && status == TRN_OK; s++) {
        status = trn_alloc(&triples, kg.triples[s], sizeof *triples, "triples");
        if (status == TRN_OK) status = trn_kg_read(&kg, s, 0, kg.triples[s], triples);
        trn_free(&triples);
    }
    trn_kg_close(&kg);
    return status;
}

static trn_status_t read_embedding_as(const char *path, trn_format_t format, const char *names) {
    trn_embedding_t *embedding;
    trn_status_t status = TRN_OK;
    for (int rules = 0; rules < 3; rules++) { /* refuse, replace and skip, skip and cut */
        trn_reading_t reading = {.format = format,
                                 .names = names,
                                 .rules = {(trn_invalid_t)rules, (trn_overlong_t)rules},
                                 .refuse_repeated = rules == 0};
        trn_status_t opened =
            of_a_file(trn_embedding_open(&embedding, MPI_COMM_SELF, path, &reading));
        if (opened == TRN_OK) opened = trn_embedding_load(embedding);
        trn_embedding_destroy(&embedding);
        status = both(status, opened);
    }
    return status;
}

static trn_status_t load_dense(const char *path, const trn_matrix_info_t *info,
                               const trn_dist_t *dist, trn_matrix_type_t type) {
    trn_matrix_t *matrix = NULL;
    trn_status_t status = trn_matrix_file_load(MPI_COMM_SELF, path, info, type, dist, &matrix);
    trn_matrix_destroy(&matrix);
    return status;
}

/* A matrix of any size may lie in a small file, if it is sparse: only small ones are loaded. */
static trn_status_t read_matrix(const char *path) {
    trn_matrix_info_t info;
    trn_dist_t *dist;
    TRN_TRY(of_a_file(trn_matrix_file_probe(MPI_COMM_SELF, path, &info)));
    bool small = info.rows <= LARGEST_SIDE && info.cols <= LARGEST_SIDE;
    if (!info.sparse || !info.routed) small = true; /* whose sizes are checked */
    TRN_TRY(trn_dist_create(&dist, info.rows, info.cols, 1, 1));
    trn_status_t status = TRN_OK;
    if (info.sparse && info.rows <= LARGEST_SIDE * LARGEST_SIDE) {
        trn_sparse_t *sparse = NULL;
        status = trn_sparse_file_load(MPI_COMM_SELF, path, &info, TRN_SPARSE_F32, dist, &sparse);
        trn_sparse_destroy(&sparse);
        small = info.rows <= LARGEST_SIDE && info.cols <= LARGEST_SIDE;
    }
    if (small && (info.cols == 0 || info.rows < INT64_MAX / info.cols)) {
        status = both(status, load_dense(path, &info, dist, TRN_MATRIX_F64));
        status = both(status, load_dense(path, &info, dist, TRN_MATRIX_F32));
    }
    trn_dist_destroy(&dist);
    return status;
}

/* Checks of what stands in a store, behind those of the store itself. */
static trn_status_t read_kinds(const char *path) {
    trn_kg_model_t model;
    trn_status_t status = read_embedding_as(path, TRN_FORMAT_H5, NULL);
    status = both(status, read_graph(path));
    status = both(status, of_a_file(trn_kg_model_open(&model, MPI_COMM_SELF, path, NULL)));
    trn_kg_model_close(&model);
    return both(status, read_matrix(path));
}

/* Vectors and matrices ------------------------------------------------------------------------- */

static trn_status_t read_npy(const char *path) {
    return read_matrix(path);
}

static trn_status_t read_mtx(const char *path) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, MPI_COMM_SELF, path, &(trn_rows_how_t){.format = "mtx"}));
    trn_status_t status = trn_rows_verify(rows);
    trn_rows_close(&rows);
    return both(status, read_matrix(path));
}

/* Members -------------------------------------------------------------------------------------- */

static void see_item(void *user, const trn_item_t *item) {
    int64_t *bytes = user;
    *bytes += (int64_t)strlen(item->name) + (int64_t)strlen(item->type) + item->rank;
}

/* What an open matrix holds, if that is not much: a small file of HDF5 may well be a large matrix.
 */
static trn_status_t read_all(trn_rows_t *rows) {
    const trn_rows_about_t *about = trn_rows_about(rows);
    char **names = NULL;
    if (about->rows > LARGEST_SIDE || about->cols > LARGEST_SIDE) return TRN_OK;
    trn_status_t status = about->named ? trn_rows_names(rows, &names) : TRN_OK;
    trn_free(&names);
    status = both(status, trn_rows_verify(rows));
    status = both(status, trn_rows_hold(rows, 3, TRN_F32, 0));
    return both(status, trn_rows_outcome(rows));
}

/* A file of several matrices: its list, and the one that is meant. */
static trn_status_t read_members(const char *path) {
    const trn_file_format_t *format;
    trn_rows_t *rows;
    int64_t bytes = 0;
    TRN_TRY(trn_format_of(path, &format));
    trn_status_t status = TRN_OK;
    if (format->list) status = format->list(MPI_COMM_SELF, path, see_item, &bytes);
    trn_status_t opened =
        of_a_file(trn_rows_open(&rows, MPI_COMM_SELF, path, &(trn_rows_how_t){.lossy = true}));
    if (opened == TRN_OK) opened = read_all(rows);
    trn_rows_close(&rows);
    return both(status, opened);
}

/* An index, beside which there is one shard of one tensor. */
static trn_status_t read_index(const char *path) {
    static const char shard[] = "<\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1],"
                                "\"data_offsets\":[0,1]}}          \7";
    char file[300];
    snprintf(file, sizeof file, "%.*sm", (int)(strrchr(path, '/') - path + 1), path);
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    bool good = fd >= 0 && write(fd, shard, sizeof shard - 1) == (ssize_t)sizeof shard - 1;
    if (fd >= 0) close(fd);
    if (!good) return trn_fail(TRN_IO, "%s: cannot write", file);
    trn_status_t status = read_members(path);
    unlink(file);
    return status;
}

static trn_status_t read_table(const char *path) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, MPI_COMM_SELF, path,
                          &(trn_rows_how_t){.format = "tsv", .lossy = true}));
    trn_status_t status = read_all(rows);
    trn_rows_close(&rows);
    return status;
}

static trn_status_t read_word2vec(const char *path) {
    return read_embedding_as(path, TRN_FORMAT_WORD2VEC, NULL);
}

static trn_status_t read_binary(const char *path) {
    return read_embedding_as(path, TRN_FORMAT_BINARY, NULL);
}

static trn_status_t read_glove(const char *path) {
    return read_embedding_as(path, TRN_FORMAT_GLOVE, NULL);
}

/* As the format that it looks like; then as the names of a matrix, and as a vocabulary. */
static trn_status_t read_words(const char *path) {
    char *text;
    trn_vocab_t *vocab = NULL;
    trn_status_t status = read_embedding_as(path, TRN_FORMAT_AUTO, path);
    status = both(status, trn_share_file(MPI_COMM_SELF, path, &text));
    if (!text) return status;
    static const trn_token_options_t options = {.lowercase = true,
                                                .rules = {TRN_INVALID_REPLACE, TRN_OVERLONG_CUT}};
    trn_vocab_report_t report = {0};
    status =
        both(status, trn_vocab_parse(&vocab, path, text, (int64_t)strlen(text), &options, &report));
    trn_vocab_destroy(&vocab);
    trn_free(&text);
    return status;
}

/* A set of pairs and of questions, held against an embedding of three words. */
static trn_status_t read_sets(const char *path) {
    static const char vectors[] = "one 1 2\ntwo 2 1\nthree 1 1\n";
    char file[300];
    trn_similarity_t similarity;
    trn_analogy_t *analogy = NULL;
    trn_reading_t reading = {.format = TRN_FORMAT_GLOVE};
    trn_eval_t eval = {.lowercase = true};
    snprintf(file, sizeof file, "%s.glove", path);
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    bool good = fd >= 0 && write(fd, vectors, sizeof vectors - 1) == (ssize_t)sizeof vectors - 1;
    if (fd >= 0) close(fd);
    if (!good) return trn_fail(TRN_IO, "%s: cannot write", file);
    trn_status_t status = trn_embedding_open(&eval.embedding, MPI_COMM_SELF, file, &reading);
    unlink(file);
    if (status == TRN_OK) status = trn_embedding_load(eval.embedding);
    if (status == TRN_OK) status = trn_similarity(&eval, path, &similarity);
    eval.score_column = "score";
    if (eval.embedding) status = both(status, trn_similarity(&eval, path, &similarity));
    if (eval.embedding) status = both(status, trn_analogy(&eval, path, true, 1, &analogy));
    trn_analogy_destroy(&analogy);
    trn_embedding_destroy(&eval.embedding);
    return status;
}

/* Text ----------------------------------------------------------------------------------------- */

static trn_status_t read_text(const char *path) {
    char buffer[4099];
    int64_t total = 0, got = 1;
    trn_text_t *text;
    trn_input_t input = {.path = path};
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_text_open(&text, &input, 0));
    trn_status_t status = TRN_OK;
    while (status == TRN_OK && got > 0 && total < LARGEST_TEXT) {
        status = trn_text_read(text, buffer, 1 + total % (int64_t)sizeof buffer, &got);
        total += got;
    }
    status = trn_text_end(&text, status);
    (void)trn_text_lines(&input, total < 4096 ? total : 4096);
    return status;
}

/* A list as every verb reads it, and the same text in pieces up to a delimiter. */
static trn_status_t read_list(const char *path) {
    char *text, *piece;
    int64_t bytes;
    trn_scan_t *scan;
    trn_input_t input = {.path = path};
    trn_status_t status = trn_share_file(MPI_COMM_SELF, path, &text);
    trn_free(&text);
    if (status == TRN_MEMORY || trn_input_look(&input) != TRN_OK) return status;
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    do
        status = trn_scan_until(scan, trn_scan_offset(scan) % 2 ? ' ' : '\n', 5000, &piece, &bytes);
    while (status == TRN_OK && piece);
    return trn_scan_end(&scan, status);
}

static trn_status_t read_corpus_as(const char *path, trn_token_options_t options) {
    char name[256];
    char *const files[] = {name};
    trn_corpus_report_t report;
    trn_words_t *words = NULL;
    trn_spool_t *stream = NULL;
    snprintf(name, sizeof name, "%s", path);
    trn_status_t status = trn_words_create(&words);
    if (status == TRN_OK) status = trn_spool_create(&stream, "/tmp", INT64_MAX);
    if (status == TRN_OK)
        status = trn_corpus_read(MPI_COMM_SELF, 1, files, &options, words, stream, &report);
    trn_spool_destroy(&stream);
    trn_words_destroy(&words);
    return status;
}

static trn_status_t read_corpus(const char *path) {
    trn_status_t status = read_corpus_as(path, (trn_token_options_t){.max_line = 1 << 16});
    status = both(status, read_corpus_as(path, (trn_token_options_t){true, true, 1000, {0}}));
    trn_token_options_t skip = {true, false, 1 << 16, {TRN_INVALID_SKIP, TRN_OVERLONG_SKIP}};
    trn_token_options_t mend = {true, true, 1 << 16, {TRN_INVALID_REPLACE, TRN_OVERLONG_CUT}};
    return both(both(status, read_corpus_as(path, skip)), read_corpus_as(path, mend));
}

static trn_status_t read_facts(const trn_kg_import_options_t *options) {
    trn_kg_import_report_t report = {0};
    trn_kg_import_t import = {
        .comm = MPI_COMM_SELF, .ranks = 1, .options = options, .report = &report};
    trn_status_t status = trn_kg_import_read(&import);
    if (status == TRN_OK) status = trn_numbering_settle(&import.entities);
    if (status == TRN_OK) status = trn_numbering_settle(&import.relations);
    for (int split = 0; split < TRN_SPLITS; split++) {
        trn_free(&import.facts[split].triples);
        trn_free(&import.facts[split].place);
    }
    trn_free(&import.first);
    trn_numbering_free(&import.entities);
    trn_numbering_free(&import.relations);
    return status;
}

static trn_status_t read_adjacency(const char *path, const trn_graph_how_t *how) {
    trn_graph_t graph = {0};
    trn_edges_t edges = {0};
    trn_sparse_t *band = NULL;
    trn_status_t status = trn_edges_read(&edges, MPI_COMM_SELF, &how->edges, 1, &path);
    bool many = status == TRN_OK && edges.side[0].count > 1 << 20; /* which a number makes so */
    trn_edges_free(&edges);
    if (status != TRN_OK || many) return status;
    status = trn_graph_look(&graph, MPI_COMM_SELF, path, how);
    if (status == TRN_OK) status = trn_graph_cut(&graph, 1, 1, 1);
    if (status == TRN_OK) status = trn_graph_load(&graph, TRN_SPARSE_F32, &band);
    trn_sparse_destroy(&band);
    trn_graph_free(&graph);
    return status;
}

/* Lines of edges in all ways of reading them. */
static trn_status_t read_edges(const char *path) {
    trn_graph_how_t pairs = {.edges = {.layout = TRN_EDGES_PAIRS}, .isolated = true};
    trn_graph_how_t weighted = {
        .edges = {.layout = TRN_EDGES_PAIRS, .weighted = true, .extra = true},
        .loops = true,
        .directed = true,
        .isolated = true};
    trn_graph_how_t lists = {.edges = {.bipartite = true, .ids = TRN_IDS_NAMES},
                             .repeated = TRN_REPEATED_ADD,
                             .isolated = true};
    trn_status_t status = read_adjacency(path, &pairs);
    return both(both(status, read_adjacency(path, &weighted)), read_adjacency(path, &lists));
}

static trn_status_t read_triples(const char *path) {
    char *paths[2] = {(char *)path, (char *)path};
    trn_kg_import_options_t tabs = {.files = {{2, paths}}, .format = {"\t", false}, .order = "hrt"};
    trn_kg_import_options_t words = {
        .files = {{0}, {1, paths}}, .format = {", ", true}, .order = "trh"};
    trn_kg_import_options_t commas = {
        .files = {{1, paths}}, .format = {",", false}, .header = true, .order = "hrt"};
    trn_status_t status = read_facts(&tabs);
    status = both(status, read_facts(&words));
    return both(status, read_facts(&commas));
}

/* The input is data.noun; the other three files are empty. */
static trn_status_t read_wordnet(const char *path) {
    char folder[256], other[300];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    for (int file = 1; file < TRN_WORDNET_FILES; file++) {
        snprintf(other, sizeof other, "%s/%s", folder, trn_wordnet_file(file));
        close(open(other, O_CREAT | O_WRONLY, 0600));
    }
    trn_kg_import_options_t options = {.wordnet = folder, .inverses = true};
    trn_status_t status = read_facts(&options);
    for (int file = 1; file < TRN_WORDNET_FILES; file++) {
        snprintf(other, sizeof other, "%s/%s", folder, trn_wordnet_file(file));
        unlink(other);
    }
    return status;
}

static trn_status_t read_config(const char *path) {
    static const trn_param_t table[] = {
        {"flag", 'f', TRN_PARAM_BOOL, "false", .help = "a switch"},
        {"number", 'n', TRN_PARAM_INT, "3", -10, 1e6, .help = "an integer"},
        {"rate", 0, TRN_PARAM_REAL, "0.5", 0, 1, .help = "a real"},
        {"memory", 0, TRN_PARAM_SIZE, "4G", .help = "a size"},
        {"name", 0, TRN_PARAM_TEXT, .help = "a text"},
        {"mode", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|never|must", .help = "a choice"},
        {"words", 0, TRN_PARAM_LIST, .help = "a list"},
        {"config", 0, TRN_PARAM_TEXT, .help = "a file"},
        {0}};
    static const trn_param_t *const tables[] = {table};
    trn_params_t *params;
    TRN_TRY(trn_params_create(&params, tables, 1));
    trn_status_t status = trn_params_read(params, path);
    json_decref(trn_params_json(params));
    trn_params_destroy(&params);
    return status;
}

const fuzz_reader_t fuzz_readers[] = {{"store", "input.h5", read_store},
                                      {"kinds", "input.h5", read_kinds},
                                      {"npy", "input.npy", read_npy},
                                      {"mtx", "input.mtx", read_mtx},
                                      {"foreign", "input.h5", read_members},
                                      {"tensors", "input.safetensors", read_members},
                                      {"index", "input.safetensors.index.json", read_index},
                                      {"npz", "input.npz", read_members},
                                      {"table", "input.tsv", read_table},
                                      {"word2vec", "input.txt", read_word2vec},
                                      {"binary", "input.bin", read_binary},
                                      {"glove", "input.glove", read_glove},
                                      {"words", "input", read_words},
                                      {"sets", "input", read_sets},
                                      {"triples", "input.tsv", read_triples},
                                      {"edges", "input.edges", read_edges},
                                      {"wordnet", "data.noun", read_wordnet},
                                      {"text", "input", read_text},
                                      {"list", "input", read_list},
                                      {"corpus", "input", read_corpus},
                                      {"config", "input", read_config},
                                      {NULL, NULL, NULL}};
