/* info.c: the verb `info`: what a file holds, and whether it is sound. */
#include "algo/common/estimate.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "io/store/store.h"
#include "io/text/decode.h"
#include "io/text/input.h"
#include "mpi/agree.h"

#include <stdio.h>
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

/* What reading a file through takes. */
typedef struct use {
    trn_held_t held;   /* by what is open */
    int64_t verifying; /* bytes of its blocks */
} use_t;

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    (void)ranks, (void)rank;
    const use_t *use = user;
    trn_held_take(ledger, &use->held);
    trn_ledger_take(ledger, "verifying", use->verifying, 1);
}

static int64_t total_of(const json_t *told) {
    return json_integer_value(json_object_get(told, "total"));
}

/* Whether an open file is to be read through, in blocks of which the largest has `bytes`. The
 * result tells of the file that takes most so far. Collective. */
static trn_status_t will_verify(trn_run_t *run, int64_t bytes, bool *yes) {
    const trn_params_t *p = run->params;
    bool dry = trn_params_bool(p, "dry-run"), wanted = trn_params_bool(p, "verify");
    json_t *former = json_incref(json_object_get(run->result, "bytes_per_rank"));
    use_t use = {trn_held_now(run->comm), wanted ? bytes : 0};
    trn_status_t status = trn_estimate(run->ranks, dry, plan, &use, run->result);
    if (total_of(former) > total_of(json_object_get(run->result, "bytes_per_rank")))
        json_object_set(run->result, "bytes_per_rank", former);
    json_decref(former);
    *yes = wanted && !dry;
    return status;
}

/* The largest block that is read of a store: rows up to 1 MiB, or one; and some strings. */
static int64_t store_block_bytes(const trn_store_t *store) {
    enum { STRINGS = 4 << 20, READ = 256 << 10 };
    const char *const *names;
    int64_t widest = 0;
    for (int i = trn_store_names(store, &names); i-- > 0;) {
        trn_dtype_t type = TRN_OTHER;
        int64_t rows = 0, cols = 0;
        trn_store_has(store, names[i], &type, &rows, &cols);
        int64_t row = (cols ? cols : 1) * trn_dtype_size(type);
        if (row > widest) widest = row;
    }
    return trn_store_open_bytes() + STRINGS + widest + READ;
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
    bool verify;
    trn_status_t status = will_verify(run, store_block_bytes(store), &verify);
    if (status == TRN_OK && verify) {
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

/* Numbers up to 2 MiB, or a row, as they are read and as float64; and the reader's buffers. */
static int64_t rows_block_bytes(const trn_rows_about_t *about) {
    enum { BLOCK = 2 << 20, SCAN = 2 << 20 };
    int64_t row = trn_ledger_bytes(about->cols, sizeof(double));
    int64_t block = about->sparse ? 0 : 2 * (row > BLOCK ? row : BLOCK);
    return block + SCAN + trn_decoder_bytes(about->coding);
}

/* A matrix in an open file. Collective. */
static trn_status_t describe_rows(trn_run_t *run, const char *path, json_t *into) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, run->comm, path, &(trn_rows_how_t){0}));
    const trn_rows_about_t *about = trn_rows_about(rows);
    add_shape(into, trn_format_by_name(about->format)->title, about->rows, about->cols);
    json_object_set_new(into, "type", json_string(trn_dtype_name(about->type)));
    if (*about->member) json_object_set_new(into, "member", trn_json_text(about->member));
    if (about->named) json_object_set_new(into, "named", json_true());
    trn_rows_tell(rows, into);
    bool verify;
    trn_status_t status = will_verify(run, rows_block_bytes(about), &verify);
    if (status == TRN_OK && verify) status = trn_rows_verify(rows);
    trn_rows_close(&rows);
    return status;
}

/* Text that holds no vectors is a corpus, as far as anybody can tell. Collective. */
static trn_status_t describe_vectors(trn_run_t *run, const char *path,
                                     const trn_file_format_t *format, json_t *into) {
    trn_status_t status = describe_rows(run, path, into);
    if (status != TRN_INPUT || strcmp(format->name, "glove") != 0) return status;
    json_object_clear(into);
    json_object_set_new(into, "format", json_string("text"));
    return TRN_OK;
}

/* One of several things in a file, on rank 0; of an index its file is known only. */
static void add_item(void *user, const trn_item_t *item) {
    char shape[8 * 24] = "";
    int used = 0;
    for (int i = 0; i < item->rank && i < 8; i++)
        used += snprintf(shape + used, sizeof shape - (size_t)used, "%s%lld", i ? " x " : "",
                         (long long)item->extent[i]);
    json_t *entry = json_pack("{s:o, s:o}", "name", trn_json_text(item->name),
                              item->rank < 0 ? "file" : "type", trn_json_text(item->type));
    if (item->rank >= 0) json_object_set_new(entry, "shape", json_string(shape));
    if (item->rank >= 0) json_object_set_new(entry, "bytes", json_integer(item->bytes));
    json_array_append_new(user, entry);
}

/* All that is in a file of several matrices. Collective. */
static trn_status_t describe_list(trn_run_t *run, const char *path, const trn_file_format_t *format,
                                  json_t *into) {
    json_t *items = json_array();
    bool verify; /* no: the numbers are not read */
    json_object_set_new(into, "format", json_string(format->title));
    json_object_set_new(into, "items", items);
    TRN_TRY(will_verify(run, 0, &verify));
    return format->list(run->comm, path, add_item, items);
}

/* What rank 0 finds out about a file, by its number in the table; *ours: it is a store. */
static trn_status_t look(const char *path, trn_input_t *input, int *number, bool *member,
                         bool *ours) {
    const trn_file_format_t *format;
    char *file, *rest;
    TRN_TRY(trn_path_cut(path, false, &file, &rest));
    *input = (trn_input_t){.path = file, .content = TRN_CONTENT_ANY};
    trn_status_t status = trn_input_look(input);
    if (status == TRN_OK) status = trn_format_of(file, &format);
    *ours = false;
    if (status == TRN_OK && strcmp(format->name, "h5") == 0)
        status = trn_store_recognized(file, ours);
    *member = *rest != '\0';
    for (*number = 0; status == TRN_OK && trn_formats[*number] != format;)
        ++*number;
    trn_free(&file);
    trn_free(&rest);
    return status;
}

/* Collective. */
static trn_status_t describe(trn_run_t *run, const char *path, json_t *into) {
    trn_input_t input = {0};
    int about[3] = {0};
    bool member = false, ours = false;
    TRN_AGREE(run->comm, run->rank == 0 ? look(path, &input, &about[0], &member, &ours) : TRN_OK);
    about[1] = member;
    about[2] = ours;
    MPI_Bcast(about, 3, MPI_INT, 0, run->comm);
    const trn_file_format_t *format = trn_formats[about[0]];
    trn_status_t status;
    if (about[2] && !about[1])
        status = describe_store(run, path, into);
    else if (format->list && !about[1])
        status = describe_list(run, path, format, into);
    else if (format->holds & TRN_NEEDS_NAMES)
        status = describe_vectors(run, path, format, into);
    else
        status = describe_rows(run, path, into);
    json_object_set_new(into, "bytes", json_integer(input.bytes));
    if (input.coding != TRN_CODING_NONE) json_object_set_new(into, "compressed", json_true());
    return status;
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
    .description =
        "Describes HDF5 stores (kind, parameters, datasets), .npy arrays, the tensors of "
        "safetensors files, Matrix Market files (.mtx), word2vec and GloVe vectors and "
        "texts, or one member as FILE:MEMBER, and reads them through: every block of a "
        "store against its checksum, every number of a text. Damage is exit code 3, "
        "with the dataset and rows or the line.",
    .examples = "what a file holds\ttrunnion info X.h5\n"
                "of several, quickly: numbers are not checked\ttrunnion info E.h5 G.h5 --no-verify",
    .min_files = 1,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("FILE")),
    .params = params,
    .run = run,
};
