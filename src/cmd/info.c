/* info.c: the verb `info`: what files hold, and whether they are whole. */
#include "base/emit.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "io/npy.h"
#include "io/store.h"
#include "io/text.h"
#include "io/vectors.h"
#include "mpi/agree.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* HDF5 ----------------------------------------------------------------------------------------- */

static json_t *describe_dataset(const trn_store_t *store, const char *name) {
    trn_dtype_t type = TRN_OTHER;
    int64_t rows = 0, cols = 0;
    trn_store_has(store, name, &type, &rows, &cols);
    char shape[64];
    if (cols)
        snprintf(shape, sizeof shape, "%lld x %lld", (long long)rows, (long long)cols);
    else
        snprintf(shape, sizeof shape, "%lld", (long long)rows);
    json_t *dataset = json_pack("{s:o,s:s,s:s}", "dataset", trn_json_text(name), "type",
                                trn_dtype_name(type), "shape", shape);
    int64_t bytes = rows * (cols ? cols : 1) * trn_dtype_size(type);
    json_object_set_new(dataset, "bytes", bytes ? json_integer(bytes) : json_string("-"));
    return dataset;
}

static void describe_root(const trn_store_t *store, json_t *into) {
    static const char *const texts[] = {"kind", "created_by"};
    const char *text;
    int64_t integer;
    for (int i = 0; i < 2; i++)
        if (trn_store_get_text(store, "/", texts[i], &text) == TRN_OK)
            json_object_set_new(into, texts[i], trn_json_text(text));
    if (trn_store_get_int(store, "/", "seed", &integer) == TRN_OK)
        json_object_set_new(into, "seed", json_integer(integer));
    if (trn_store_get_text(store, "/", "params", &text) == TRN_OK)
        json_object_set_new(into, "params", json_loads(text, 0, NULL));
}

/* Everything about a store; every block of it is read. Collective. */
static trn_status_t info_store(trn_run_t *run, const char *path, json_t *into) {
    trn_store_t *store;
    TRN_TRY(trn_store_open(&store, run->comm, path, NULL));
    json_t *datasets = json_array();
    const char *const *names;
    int count = trn_store_names(store, &names);
    for (int i = 0; i < count; i++)
        json_array_append_new(datasets, describe_dataset(store, names[i]));
    describe_root(store, into);
    json_object_set_new(into, "datasets", datasets);
    bool skip = trn_params_bool(run->params, "dry-run");
    trn_status_t status = skip ? TRN_OK : trn_store_verify(store);
    char sums[64] = "none";
    if (trn_store_blocks(store) > 0)
        snprintf(sums, sizeof sums, "%s (%lld blocks)", skip ? "not read" : "ok",
                 (long long)trn_store_blocks(store));
    json_object_set_new(into, "checksums", json_string(sums));
    trn_store_close(&store);
    return status;
}

/* Other formats -------------------------------------------------------------------------------- */

static trn_status_t info_npy(trn_run_t *run, const char *path, json_t *into) {
    trn_npy_t npy = {0};
    TRN_AGREE(run->comm, run->rank == 0 ? trn_npy_open(&npy, path) : TRN_OK);
    json_object_set_new(into, "rows", json_integer(npy.rows));
    json_object_set_new(into, "cols", json_integer(npy.cols));
    json_object_set_new(into, "type", json_string(npy.size == 8 ? "float64" : "float32"));
    return TRN_OK;
}

static trn_status_t info_text(trn_run_t *run, const char *path, json_t *into) {
    int64_t bytes = 0;
    bool compressed = false;
    TRN_AGREE(run->comm, run->rank == 0 ? trn_text_probe(path, &bytes, &compressed) : TRN_OK);
    json_object_set_new(into, "format", json_string("text"));
    json_object_set_new(into, "bytes", json_integer(bytes));
    json_object_set_new(into, "compressed", json_boolean(compressed));
    return TRN_OK;
}

/* Whether the rows are numbers at all, by the first of them. Collective. */
static trn_status_t try_rows(trn_run_t *run, const trn_vectors_t *vectors) {
    int64_t rows = trn_vectors_rows(vectors), dim = trn_vectors_dim(vectors);
    float *values = NULL;
    if (rows > TRN_VECTORS_BLOCK) rows = TRN_VECTORS_BLOCK;
    trn_status_t status = TRN_OK;
    if (run->rank == 0) status = trn_alloc(&values, rows * dim, sizeof *values, "vectors");
    if (run->rank == 0 && status == TRN_OK) status = trn_vectors_read(vectors, 0, rows, values);
    trn_free(&values);
    return trn_agree(run->comm, status);
}

static trn_status_t info_vectors(trn_run_t *run, const char *path, trn_format_t format,
                                 json_t *into) {
    trn_vectors_t *vectors = NULL;
    char **words = NULL;
    trn_status_t status = trn_vectors_open(&vectors, run->comm, path, format, &words);
    if (status == TRN_OK) {
        json_object_set_new(into, "words", json_integer(trn_vectors_rows(vectors)));
        json_object_set_new(into, "dim", json_integer(trn_vectors_dim(vectors)));
        status = try_rows(run, vectors);
    }
    trn_vectors_close(&vectors);
    trn_free(&words);
    /* GloVe's files have no mark of their own: a text that turns out to be none may be a corpus. */
    if (status != TRN_INPUT || format != TRN_FORMAT_GLOVE) return status;
    json_object_clear(into);
    return info_text(run, path, into);
}

/* One file. Collective. */
static trn_status_t info(trn_run_t *run, const char *path, json_t *into) {
    static const char *const names[] = {"", "h5", "npy", "word2vec", "binary", "glove"};
    trn_format_t found = TRN_FORMAT_AUTO;
    TRN_AGREE(run->comm, run->rank == 0 ? trn_format_of_file(&found, path) : TRN_OK);
    int format = (int)found;
    MPI_Bcast(&format, 1, MPI_INT, 0, run->comm);
    json_object_set_new(into, "format", json_string(names[format]));
    if (format == TRN_FORMAT_H5) return info_store(run, path, into);
    if (format == TRN_FORMAT_NPY) return info_npy(run, path, into);
    return info_vectors(run, path, (trn_format_t)format, into);
}

static trn_status_t run_info(trn_run_t *run) {
    for (int i = 0; i < run->nfiles; i++) {
        json_t *into = json_object();
        char key[PATH_MAX]; /* keys are UTF-8, file names need not be */
        json_t *name = trn_json_text(run->files[i]);
        snprintf(key, sizeof key, "%s", name ? json_string_value(name) : "?");
        json_decref(name);
        json_object_set_new(run->result, key, into);
        TRN_TRY(info(run, run->files[i], into));
    }
    return TRN_OK;
}

static const trn_param_t params[] = {{0}};

const trn_command_t trn_command_info = {
    .name = "info",
    .summary = "tell what files hold, and verify every checksum",
    .files = "FILE...",
    .description =
        "For HDF5 stores: kind, command, seed, parameters and datasets; every block is read and "
        "compared with its checksum, shared out over the ranks. Damage ends with exit code 3 and "
        "names dataset and rows. Also reads .npy, word2vec, GloVe and text files.",
    .min_files = 1,
    .max_files = 1 << 20,
    .params = params,
    .run = run_info,
};
