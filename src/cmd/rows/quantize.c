/* quantize.c: the verb `quantize`: rows of a matrix as codes of few bits, and back. */
#include "algo/cluster/quantize.h"
#include "algo/cluster/decode.h"
#include "algo/cluster/hashed.h"
#include "algo/cluster/pq.h"
#include "base/mem.h"
#include "cli/rows/clustering.h"
#include "cli/rows/logits.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "OUT", .required = true,
     .file = {TRN_FILE_WRITTEN, .also = ".prev"},
     .help = "store to write; with --decode and --logits a matrix of any format"},
    {"vq", 0, TRN_PARAM_INT, .low = 1, .high = 2147483647, .metavar = "K",
     .help = "one of K centers for each row, found by k-means"},
    {"pq", 0, TRN_PARAM_INT, .low = 1, .high = 1e9, .metavar = "M",
     .help = "rows cut into M equal parts, one of 2^bits centers for each: product quantization"},
    {"block", 0, TRN_PARAM_INT, .low = 1, .high = 1e9, .metavar = "N",
     .help = "whole numbers of 8 or 4 bits, with a scale for every N columns of a row"},
    {"hashed", 0, TRN_PARAM_INT, .low = 1, .high = TRN_HASHED_BITS, .metavar = "BITS",
     .help = "parts of so many columns, coded by the signs of their numbers; centers are the means "
             "of parts with equal signs"},
    {"encode", 0, TRN_PARAM_BOOL, "false",
     .help = "codes of the rows of E by a codebook that is there"},
    {"decode", 0, TRN_PARAM_BOOL, "false", .help = "the rows that codes stand for"},
    {"logits", 0, TRN_PARAM_BOOL, "false",
     .help = "products of the rows of E with all rows that the labels of a codebook stand for: one "
             "product a center, then a copy for each of its rows"},
    {"codebook", 0, TRN_PARAM_TEXT, .metavar = "Q.h5", .file.use = TRN_FILE_READ,
     .needs = "encode,decode,logits",
     .help = "the codebook; --decode takes that of the codes' own store, if it has one"},
    {"bits", 0, TRN_PARAM_INT, "8", 1, 16, .needs = "pq,block",
     .help = "of a code; --block takes 8 or 4"},
    {"power-of-two", 0, TRN_PARAM_BOOL, "false", .needs = "block",
     .help = "scales are powers of two, kept as exponents of a byte: arithmetic by shifts alone"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f32", .choices = "f32|f64",
     .help = "numbers of codebooks, scales, decoded rows and logits"},
    TRN_CLUSTERING_PARAMS("vq,pq"),
    {0}};

/* Codes of rows ------------------------------------------------------------------------------- */

/* Whatever makes codes of rows. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_cluster_rows_t rows;
    trn_coder_t coder;
    trn_codebook_t book; /* given, or found */
    trn_kmeans_options_t options;
    int64_t parts;      /* of --pq; 0: none */
    int bits;           /* of --hashed; 0: none */
    trn_kmeans_t found; /* --vq */
    trn_pq_t product;   /* --pq */
    trn_quantize_t pass;
    uint8_t *narrow; /* codes of --pq in a byte each */
    trn_dtype_t type;
    int64_t size;      /* bytes of a number of E */
    int64_t first_row; /* of this rank */
    bool first, finds; /* rank 0; the codebook is found here */
} job_t;

/* Scales and codes of blocks: nothing has to be found first. */
static trn_status_t look_block(const trn_run_t *run, job_t *job) {
    int64_t bits = trn_params_int(run->params, "bits");
    job->coder.kind = TRN_CODES_BLOCK;
    job->coder.block = (trn_block_form_t){.cols = job->coder.cols,
                                          .block = trn_params_int(run->params, "block"),
                                          .bits = (int)bits,
                                          .power = trn_params_bool(run->params, "power-of-two"),
                                          .scale = job->type};
    if (job->coder.cols == 0)
        return trn_fail(TRN_INPUT, "%s: has no columns, so nothing to code", job->a.in.path);
    if (bits == 8 || bits == 4) return TRN_OK;
    return trn_fail(TRN_USAGE, "--bits %lld: codes of blocks have 8 or 4", (long long)bits);
}

/* Parts that are coded by their signs. */
static trn_status_t look_hashed(const trn_run_t *run, job_t *job) {
    int64_t cols = job->coder.cols, bits = trn_params_int(run->params, "hashed");
    job->bits = (int)bits;
    job->finds = true;
    job->parts = cols / bits;
    job->coder.kind = TRN_CODES_PRODUCT;
    job->book = (trn_codebook_t){
        .parts = cols / bits, .k = (int64_t)1 << bits, .width = bits, .signs = true};
    if (cols > 0 && cols % bits == 0) return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "--hashed %lld: %s has %lld columns, which cannot be cut into parts "
                    "of so many",
                    (long long)bits, job->a.in.path, (long long)cols);
}

/* The shape of a codebook that is to be found. */
static trn_status_t look_finding(trn_run_t *run, job_t *job) {
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t parts = trn_params_given(run->params, "pq") ? trn_params_int(run->params, "pq") : 0;
    job->finds = true;
    job->parts = parts;
    job->coder.kind = parts ? TRN_CODES_PRODUCT : TRN_CODES_VECTOR;
    if (parts && info->cols % parts != 0)
        return trn_fail(TRN_USAGE,
                        "--pq %lld: %s has %lld columns, which cannot be cut into so many "
                        "equal parts",
                        (long long)parts, job->a.in.path, (long long)info->cols);
    TRN_TRY(trn_clustering_of(run, info->cols, &job->options, &job->book));
    /* Of --vq: centers to begin with, until there are others. */
    if (parts && job->options.given)
        return trn_fail(TRN_USAGE, "--start: product codes begin with rows, kmeans++ or random");
    int64_t k = parts ? (int64_t)1 << trn_params_int(run->params, "bits")
                      : trn_params_int(run->params, "vq");
    if (job->options.given && job->options.k != k)
        return trn_fail(TRN_USAGE, "--vq %lld: %s has %lld centers", (long long)k, job->book.path,
                        (long long)job->options.k);
    job->options.k = k;
    job->book.parts = parts ? parts : 1;
    job->book.k = k;
    job->book.width = info->cols / job->book.parts;
    if (job->options.given || k <= info->rows) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %lld centers for %lld rows; take fewer%s", job->a.in.path,
                    (long long)k, (long long)info->rows, parts ? " bits" : "");
}

/* A codebook that is there. Collective. */
static trn_status_t look_encoding(trn_run_t *run, job_t *job) {
    const char *path = trn_params_text(run->params, "codebook");
    if (!path) return trn_fail(TRN_USAGE, "--codebook must be given");
    TRN_TRY(trn_codebook_read(&job->book, run->comm, path, false));
    job->coder.kind = job->book.parts > 1 ? TRN_CODES_PRODUCT : TRN_CODES_VECTOR;
    if (job->book.parts * job->book.width == job->coder.cols) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: codes rows of %lld numbers, but those of %s have %lld", path,
                    (long long)(job->book.parts * job->book.width), job->a.in.path,
                    (long long)job->coder.cols);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    job->first = run->rank == 0;
    job->first_row = trn_tall_start(run->comm, info->rows, run->rank);
    job->a.single = info->type == TRN_MATRIX_F32;
    job->type = trn_dtype_named(trn_params_text(run->params, "dtype"));
    job->coder.cols = info->cols;
    job->coder.book = &job->book;
    job->options.threads = run->threads;
    TRN_TRY(trn_matrix_in_names(&job->a.in, run->comm));
    job->size = trn_dtype_size(trn_rows_about(job->a.in.names.rows)->type);
    if (trn_params_given(run->params, "block")) return look_block(run, job);
    if (trn_params_given(run->params, "hashed")) return look_hashed(run, job);
    return trn_params_bool(run->params, "encode") ? look_encoding(run, job)
                                                  : look_finding(run, job);
}

/* Of a codebook that is found the search takes most; then codes leave block by block. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    const trn_codebook_t *book = &job->book;
    int64_t own = trn_tall_rows(info->rows, ranks, rank), block = trn_tall_block(info->rows);
    int64_t centers = book->parts * book->k * book->width;
    trn_code_shape_t shape = trn_coder_shape(&job->coder);
    int64_t coded = own * (shape.cols * trn_dtype_size(shape.type) +
                           shape.scales * trn_dtype_size(shape.scale));
    if (book->center) trn_ledger_take(ledger, "centers", centers, sizeof(double));
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    if (job->bits) {
        trn_hashed_plan(ledger, info->rows, info->cols, job->bits, ranks, rank);
        trn_coder_plan(ledger, &job->coder, block < info->rows ? block : info->rows, 1);
    } else if (job->finds && job->parts)
        trn_pq_plan(ledger, own, info->cols, job->parts, &job->options);
    else if (job->finds)
        trn_kmeans_plan(ledger, own, info->cols, &job->options);
    else
        trn_coder_plan(ledger, &job->coder, block < info->rows ? block : info->rows,
                       job->options.threads);
    if (job->finds && job->parts && !job->bits && book->k <= 256)
        trn_ledger_take(ledger, "labels", own * job->parts, 1);
    trn_quantize_plan(ledger, &job->coder, info->rows);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(coded + (rank == 0 ? 4 * centers : 0)),
                    1);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    double numbers = (double)info->rows * (double)info->cols;
    double passes = job->finds ? (double)(job->options.steps + 1) * job->options.starts : 1;
    *cost = (trn_cost_t){.flops = numbers * (8 + 2 * (double)job->book.k * passes),
                         .file_bytes = 4 * numbers};
}

/* What is kept in float32 counts so from now on, in the error, too. */
static void round_centers(job_t *job) {
    int64_t numbers = job->book.parts * job->book.k * job->book.width;
    for (int64_t i = 0; i < numbers && job->type == TRN_F32; i++)
        job->book.center[i] = (double)(float)job->book.center[i];
}

/* Codes of a byte where a byte holds them. Local. */
static trn_status_t narrow_codes(job_t *job) {
    int64_t count = job->product.rows * job->parts;
    job->pass.known = job->product.code;
    if (job->book.k > 256) return TRN_OK;
    TRN_TRY(trn_alloc(&job->narrow, count, 1, "codes"));
    for (int64_t i = 0; i < count; i++)
        job->narrow[i] = (uint8_t)job->product.code[i];
    job->pass.known = job->narrow;
    return TRN_OK;
}

/* Codes by signs need no search, so that they are made once more as rows pass. Collective. */
static trn_status_t find_hashed(trn_run_t *run, job_t *job) {
    int64_t rows = job->a.in.info.rows, block = trn_tall_block(rows);
    TRN_TRY(trn_hashed(&job->book, &job->rows, job->bits));
    round_centers(job);
    return trn_agree(run->comm, trn_coder_create(&job->coder, block < rows ? block : rows, 1));
}

/* Collective. */
static trn_status_t find(trn_run_t *run, job_t *job) {
    if (job->bits) return find_hashed(run, job);
    if (job->parts) {
        TRN_TRY(trn_pq(&job->product, &job->rows, job->parts, &job->options));
        job->book.center = job->product.book.center;
        job->product.book.center = NULL;
        TRN_TRY(trn_agree(run->comm, narrow_codes(job)));
    } else {
        TRN_TRY(trn_kmeans(&job->found, &job->rows, &job->options));
        trn_free(&job->book.center);
        job->book.center = job->found.center;
        job->found.center = NULL;
        job->pass.known = job->found.label;
    }
    round_centers(job);
    return TRN_OK;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    int64_t block = trn_tall_block(job->a.in.info.rows), rows = job->a.in.info.rows;
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    job->rows = trn_cluster_rows_of(&job->a);
    job->pass = (trn_quantize_t){.coder = &job->coder, .rows = &job->rows};
    if (job->finds) return find(run, job);
    return trn_agree(run->comm,
                     trn_coder_create(&job->coder, block < rows ? block : rows, run->threads));
}

/* Names of the rows go along: a code stands for a row. */
static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    const trn_codebook_t *book = &job->book;
    TRN_TRY(trn_matrix_in_declare(&job->a.in, store)); /* names of the rows */
    TRN_TRY(trn_quantize_declare(&job->pass, store));
    if (!job->finds) return TRN_OK;
    TRN_TRY(trn_codebook_declare(store, book->parts, book->k, book->width, job->type));
    if (job->bits) TRN_TRY(trn_store_set_int(store, "/", "signs", 1));
    return job->parts ? TRN_OK : trn_clustering_declare_way(store, &job->found);
}

/* The pass first, for all ranks take part in it. */
static trn_status_t write(const void *user, trn_store_t *store) {
    job_t *job = (job_t *)user; /* figures of the pass are kept for the report */
    const trn_codebook_t *book = &job->book;
    TRN_TRY(trn_quantize_write(&job->pass, store));
    if (!job->finds || !job->first) return TRN_OK;
    int64_t rows = book->parts * book->k;
    trn_view_t center = {TRN_F64, rows, book->width, book->width, book->center};
    TRN_TRY(trn_codebook_write(store, 0, center, job->type));
    return job->parts ? TRN_OK : trn_clustering_write_way(store, &job->found);
}

static trn_status_t report(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_codebook_t *book = &job->book;
    int64_t numbers = book->parts * book->k * book->width;
    int64_t more = job->finds ? numbers * trn_dtype_size(job->type) : 0;
    json_t *figures = trn_quantize_figures(&job->pass, job->size, more);
    if (job->finds && job->parts && !job->bits)
        json_object_update_new(figures, json_pack("{s:f, s:I}", "objective", job->product.objective,
                                                  "empty", (json_int_t)job->product.empty));
    else if (job->finds && !job->bits)
        json_object_update_new(figures, trn_clustering_figures(&job->found));
    return trn_run_note(run, figures);
}

static void job_free(void *user) {
    job_t *job = user;
    trn_coder_free(&job->coder);
    trn_codebook_free(&job->book);
    trn_kmeans_free(&job->found);
    trn_pq_free(&job->product);
    trn_free(&job->narrow);
}

/* Rows of codes -------------------------------------------------------------------------------- */

typedef struct decoding {
    trn_codes_t codes;
    const char *output;
    trn_dtype_t type;
} decoding_t;

static trn_status_t look_decoding(trn_run_t *run, void *user) {
    decoding_t *job = user;
    job->output = trn_params_text(run->params, "output");
    job->type = trn_dtype_named(trn_params_text(run->params, "dtype"));
    TRN_TRY(trn_codes_open(&job->codes, run->comm, run->files[0],
                           trn_params_text(run->params, "codebook")));
    trn_rows_make_t make = {.type = job->type, .names = job->codes.names};
    return trn_rows_place(run->comm, job->output, &make, false);
}

static void plan_decoding(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const decoding_t *job = user;
    trn_codes_plan(ledger, &job->codes, job->output, job->type, ranks, rank);
}

static trn_status_t work_decoding(trn_run_t *run, void *user) {
    decoding_t *job = user;
    json_t *given = trn_params_json(run->params);
    trn_rows_make_t make = {.type = job->type, .created_by = run->command, .params = given};
    trn_status_t status = trn_codes_decode(&job->codes, run->comm, job->output, &make);
    json_decref(given);
    return status;
}

static trn_status_t report_decoding(trn_run_t *run, void *user) {
    const decoding_t *job = user;
    return trn_run_note(run, json_pack("{s:I, s:I}", "rows", (json_int_t)job->codes.rows, "cols",
                                       (json_int_t)job->codes.coder.cols));
}

static void decoding_free(void *user) {
    decoding_t *job = user;
    trn_codes_close(&job->codes);
}

/* The verb ------------------------------------------------------------------------------------- */

/* What comes in, and what goes out, differ: rows to codes, codes to rows, rows to logits. */
static trn_status_t run(trn_run_t *run) {
    static const trn_steps_t decoding = {.size = sizeof(decoding_t),
                                         .look = look_decoding,
                                         .plan = plan_decoding,
                                         .work = work_decoding,
                                         .report = report_decoding,
                                         .free = decoding_free};
    bool found = trn_params_given(run->params, "vq") || trn_params_given(run->params, "pq") ||
                 trn_params_given(run->params, "hashed");
    trn_steps_t codes = {.size = sizeof(job_t),
                         .rows = true,
                         .look = look,
                         .plan = plan,
                         .cost = cost,
                         .work = work,
                         .kind = found ? "codebook" : "codes",
                         .seeded = true,
                         .declare = declare,
                         .write = write,
                         .report = report,
                         .free = job_free};
    if (trn_params_bool(run->params, "decode")) return trn_steps_run(run, &decoding);
    return trn_steps_run(run, trn_params_bool(run->params, "logits") ? &trn_logits_steps : &codes);
}

const trn_command_t trn_command_quantize = {
    .name = "quantize",
    .summary = "turn rows of a matrix into codes of few bits, and back",
    .files = "E -o Q.h5",
    .description =
        "Vector quantization (--vq), product quantization (--pq), codes of signs (--hashed) and "
        "block quantization (--block) of E, any file that convert reads; the last and --encode let "
        "it pass by once, whatever "
        "its size. The result tells bytes before and after, and how far decoded rows are off: the "
        "sum and the mean of squared differences, the part of the norm, the largest, and the mean "
        "cosine of rows with what they became. Stores of --vq, --pq and --hashed are of kind "
        "codebook and "
        "hold /codebook and the codes of E (/labels; /codes, a byte a part); those of --block and "
        "--encode are of kind codes, with /scales for blocks. With --decode E is such a store. "
        "Neither ranks nor threads nor --memory change a bit.",
    .examples =
        "codes of four parts, 4 bits each\ttrunnion quantize A.npy --pq 4 --bits 4 -o Q.h5\n"
        "whole numbers of 8 bits, a scale for 64 columns\ttrunnion quantize A.npy --block 64 "
        "-o Q.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("E")),
    .blas = true,
    .params = params,
    .one_of = "vq pq block hashed encode decode logits",
    .plans = true,
    .run = run,
};
