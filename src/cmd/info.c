/* info.c: the verb `info`: what a file holds, and whether it is sound. */
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "io/store/store.h"
#include "io/text/input.h"
#include "io/vectors.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"verify", 0, TRN_PARAM_BOOL, "true",
     .help = "read everything and check it; --no-verify looks at the description only"},
    {0}};

static void add_datasets(const trn_store_t *store, json_t *into) {
    json_t *datasets = json_array();
    const char *const *names;
    int count = trn_store_names(store, &names);
    for (int i = 0; i < count; i++) {
        trn_dtype_t type = TRN_OTHER;
        int64_t rows = 0, cols = 0;
        trn_store_has(store, names[i], &type, &rows, &cols);
        json_int_t bytes = rows * (cols ? cols : 1) * trn_dtype_size(type); /* of strings: 0 */
        json_array_append_new(datasets, json_pack("{s:o, s:s, s:I, s:I, s:I}", "dataset",
                                                  trn_json_text(names[i]), "type",
                                                  trn_dtype_name(type), "rows", (json_int_t)rows,
                                                  "cols", (json_int_t)cols, "bytes", bytes));
    }
    json_object_set_new(into, "datasets", datasets);
}

/* "ok (12 blocks)"; a file that others wrote has no checksums to compare with. */
static void add_checksums(const trn_store_t *store, json_t *into) {
    long long blocks = (long long)trn_store_blocks(store);
    json_object_set_new(into, "checksums",
                        blocks ? json_sprintf("ok (%lld blocks)", blocks) : json_string("none"));
}

static void add_text(const trn_store_t *store, const char *name, json_t *into) {
    const char *text;
    if (trn_store_get_text(store, "/", name, &text) == TRN_OK)
        json_object_set_new(into, name, trn_json_text(text));
}

/* Collective. */
static trn_status_t describe_store(trn_run_t *run, const char *path, json_t *into) {
    trn_store_t *store;
    const char *text;
    int64_t number;
    TRN_TRY(trn_store_open(&store, run->comm, path, NULL));
    json_object_set_new(into, "format", json_string("HDF5"));
    add_text(store, "kind", into);
    add_text(store, "created_by", into);
    add_text(store, "settings", into);
    static const char *const numbers[] = {"trunnion_format", "seed", "epoch",
                                          "round",           "rows", "cols"};
    for (int i = 0; i < 6; i++)
        if (trn_store_get_int(store, "/", numbers[i], &number) == TRN_OK)
            json_object_set_new(into, numbers[i], json_integer(number));
    if (trn_store_get_text(store, "/", "params", &text) == TRN_OK)
        json_object_set_new(into, "params", json_loads(text, 0, NULL));
    add_datasets(store, into);
    trn_status_t status = TRN_OK;
    if (trn_params_bool(run->params, "verify")) {
        status = trn_store_verify(store);
        add_checksums(store, into);
    }
    trn_store_close(&store);
    return status;
}

static void add_shape(json_t *into, const char *format, int64_t rows, int64_t cols) {
    json_object_set_new(into, "format", json_string(format));
    json_object_set_new(into, "rows", json_integer(rows));
    json_object_set_new(into, "cols", json_integer(cols));
}

/* A matrix in an open file. Collective. */
static trn_status_t describe_matrix(trn_run_t *run, const char *path, json_t *into) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, run->comm, path, &(trn_rows_how_t){0}));
    const trn_rows_about_t *about = trn_rows_about(rows);
    add_shape(into, trn_format_by_name(about->format)->title, about->rows, about->cols);
    json_object_set_new(into, "type", json_string(trn_dtype_name(about->type)));
    trn_rows_tell(rows, into);
    trn_status_t status = TRN_OK;
    if (trn_params_bool(run->params, "verify")) status = trn_rows_verify(rows);
    trn_rows_close(&rows);
    return status;
}

/* True for a .npy or .mtx file, plain or compressed. */
static bool is_matrix(const char *path, trn_format_t format) {
    const trn_file_format_t *named = trn_format_by_ending(path, NULL);
    return format == TRN_FORMAT_NPY || (named && strcmp(named->name, "mtx") == 0);
}

/* Read vectors [0, limit) in blocks, to see that they are sound. Local. */
static trn_status_t check_vectors(const trn_vectors_t *vectors, int64_t limit) {
    float *values;
    int64_t rows = trn_vectors_rows(vectors);
    TRN_TRY(trn_alloc(&values, TRN_VECTORS_BLOCK * trn_vectors_dim(vectors), sizeof *values,
                      "a block of vectors"));
    trn_status_t status = TRN_OK;
    for (int64_t first = 0; first < rows && first < limit && status == TRN_OK;
         first += TRN_VECTORS_BLOCK) {
        int64_t count = rows - first < TRN_VECTORS_BLOCK ? rows - first : TRN_VECTORS_BLOCK;
        status = trn_vectors_read(vectors, first, count, values);
    }
    trn_free(&values);
    return status;
}

/* Vectors; text that is none is a corpus, as far as anybody can tell. Collective. */
static trn_status_t describe_vectors(trn_run_t *run, const char *path, trn_format_t format,
                                     json_t *into) {
    trn_vectors_t *vectors = NULL;
    char **words = NULL;
    trn_word_rules_t rules = {TRN_INVALID_REFUSE, TRN_OVERLONG_REFUSE};
    trn_status_t status = trn_vectors_open(&vectors, run->comm, path, format, &rules, &words);
    bool verify = trn_params_bool(run->params, "verify");
    if (status == TRN_OK)
        status = trn_agree(run->comm, check_vectors(vectors, verify ? INT64_MAX : 1));
    if (status == TRN_OK)
        add_shape(into,
                  format == TRN_FORMAT_GLOVE    ? "GloVe text"
                  : format == TRN_FORMAT_BINARY ? "word2vec binary"
                                                : "word2vec text",
                  trn_vectors_rows(vectors), trn_vectors_dim(vectors));
    trn_vectors_close(&vectors);
    trn_free(&words);
    if (status == TRN_INPUT && format == TRN_FORMAT_GLOVE) {
        json_object_set_new(into, "format", json_string("text"));
        return TRN_OK;
    }
    return status;
}

/* Collective. */
static trn_status_t describe(trn_run_t *run, const char *path, json_t *into) {
    trn_input_t input = {.path = path, .content = TRN_CONTENT_ANY};
    trn_format_t format = TRN_FORMAT_AUTO;
    trn_status_t status = trn_input_look(&input);
    if (status == TRN_OK) status = trn_format_of_file(&format, path);
    TRN_AGREE(run->comm, status);
    json_object_set_new(into, "bytes", json_integer(input.bytes));
    if (input.coding != TRN_CODING_NONE) json_object_set_new(into, "compressed", json_true());
    if (is_matrix(path, format)) return describe_matrix(run, path, into);
    if (format == TRN_FORMAT_H5) return describe_store(run, path, into);
    return describe_vectors(run, path, format, into);
}

static trn_status_t run(trn_run_t *run) {
    for (int i = 0; i < run->nfiles; i++) {
        json_t *into = json_object(), *name = trn_json_text(run->files[i]); /* keys are UTF-8 */
        json_object_set_new(run->result, json_string_value(name), into);
        json_decref(name);
        TRN_TRY(describe(run, run->files[i], into));
    }
    return TRN_OK;
}

const trn_command_t trn_command_info = {
    .name = "info",
    .summary = "tell what files hold and verify them",
    .files = "FILE...",
    .description = "Describes HDF5 stores (kind, parameters, datasets), .npy arrays, Matrix Market "
                   "files (.mtx), word2vec and GloVe vectors and texts, and reads them through: "
                   "every block of a store "
                   "against its checksum, every number of a text. Damage is exit code 3, with the "
                   "dataset and rows or the line.",
    .min_files = 1,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("FILE")),
    .params = params,
    .run = run,
};
