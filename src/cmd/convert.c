/* convert.c: the verb `convert`: an embedding or a matrix from one file format into another. */
#include "algo/common/estimate.h"
#include "algo/matrix/matrix_file_plan.h"
#include "algo/vectors/embedding.h"
#include "cli/reading.h"
#include "io/formats/format.h"
#include "io/store/store.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const trn_param_t params[] = {
    {"from", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_NAMES,
     .help = "format of IN; auto looks at its first bytes and at the ending .bin"},
    {"to", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_NAMES,
     .help = "format of OUT; auto goes by .h5, .npy, .txt or .vec (word2vec), .bin, .glove"},
    {"vocab", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_EITHER,
     .help = "the words of a .npy file, one a line, perhaps with counts: read if IN is .npy, else "
             "written; default IN.npy.vocab or OUT.npy.vocab"},
    TRN_WORD_PARAMS,
    {"type", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f32|f64",
     .help = "numbers of a matrix in OUT: float32, float64 or as in IN (of .mtx: float64)"},
    {"misfits", 0, TRN_PARAM_CHOICE, "refuse", .choices = "refuse|warn",
     .help = "numbers of a matrix that the type in OUT cannot hold, such as whole ones above 2^53: "
             "refuse the file, or round them and tell how many"},
    {0}};

static trn_status_t output_format(const trn_run_t *run, trn_format_t *format) {
    *format = trn_format_named(trn_params_text(run->params, "to"));
    if (*format == TRN_FORMAT_AUTO) *format = trn_format_of_name(run->files[1]);
    if (*format != TRN_FORMAT_AUTO) return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "%s: the ending names no format (.h5 .npy .txt .vec .bin .glove); "
                    "give --to",
                    run->files[1]);
}

static trn_status_t convert(trn_run_t *run, trn_embedding_t *embedding, trn_format_t format) {
    const char *names = trn_params_text(run->params, "vocab");
    if (trn_embedding_format(embedding) == TRN_FORMAT_NPY) names = NULL; /* it was for reading */
    TRN_TRY(trn_embedding_load(embedding));
    json_t *made_with = trn_params_json(run->params);
    trn_status_t status =
        trn_embedding_write(embedding, run->files[1], format, names, run->command, made_with);
    json_decref(made_with);
    return status;
}

/* Matrices ------------------------------------------------------------------------------------- */

/* Rank 0: a .npy file is an embedding if there are words for it. */
static bool has_words(const trn_run_t *run) {
    char names[4096];
    int length = snprintf(names, sizeof names, "%s.vocab", run->files[0]);
    return trn_params_text(run->params, "vocab") ||
           (length < (int)sizeof names && access(names, F_OK) == 0);
}

/* *matrix: IN is .mtx, or a store of kind matrix, or .npy without words, or OUT is .mtx; and no
 * format of embeddings is asked for. Collective. */
static trn_status_t is_matrix(trn_run_t *run, bool *matrix) {
    const trn_file_format_t *in = trn_format_by_ending(run->files[0], NULL);
    const trn_file_format_t *out = trn_format_by_ending(run->files[1], NULL);
    *matrix = false;
    if (strcmp(trn_params_text(run->params, "from"), "auto") != 0 ||
        strcmp(trn_params_text(run->params, "to"), "auto") != 0)
        return TRN_OK;
    *matrix = (in && strcmp(in->name, "mtx") == 0) || (out && strcmp(out->name, "mtx") == 0);
    bool known = in && out && !(in->holds & TRN_NEEDS_NAMES) && !(out->holds & TRN_NEEDS_NAMES);
    if (*matrix || !known) return TRN_OK;
    if (strcmp(in->name, "npy") == 0) {
        *matrix = trn_any(run->comm, run->rank == 0 && !has_words(run));
        return TRN_OK;
    }
    trn_store_t *store;
    const char *kind = "";
    trn_status_t status = trn_store_open(&store, run->comm, run->files[0], NULL);
    if (status == TRN_INPUT) return TRN_OK; /* which opening the embedding will tell again */
    TRN_TRY(status);
    *matrix = trn_store_get_text(store, "/", "kind", &kind) == TRN_OK && !strcmp(kind, "matrix");
    trn_store_close(&store);
    return TRN_OK;
}

/* A matrix on its way from file to file. */
typedef struct job {
    const char *output;
    trn_matrix_info_t info;
    trn_matrix_type_t type;
    bool sparse; /* and stays so */
    trn_bands_t bands;
} job_t;

/* What `save_matrix` takes. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t rows = job->bands.start[rank + 1] - job->bands.start[rank];
    trn_sparse_type_t sparse = job->type == TRN_MATRIX_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
    (void)ranks;
    if (job->sparse) {
        trn_sparse_load_plan(ledger, &job->info, sparse, &job->bands, rank);
        trn_sparse_save_plan(ledger, job->output, rows, job->bands.entries[rank], sparse);
    } else {
        trn_matrix_load_plan(ledger, &job->info, job->type, &job->bands, rank);
        trn_matrix_save_plan(ledger, job->output, rows, job->info.cols, job->type);
    }
}

/* Rows to ranks, sparse ones by what they weigh, and what that takes. Collective. */
static trn_status_t plan_matrix(trn_run_t *run, job_t *job, trn_dist_t **dist) {
    enum { ROW = sizeof(int64_t), ENTRY = 12 };
    const trn_file_format_t *format = trn_format_by_ending(job->output, NULL);
    job->sparse = job->info.sparse && format && format->save_sparse;
    int64_t row = job->sparse ? ROW : ROW * job->info.cols;
    TRN_TRY(trn_bands_cut(&job->bands, run->comm, run->files[0], &job->info, 1, row, ENTRY));
    TRN_AGREE(run->comm, trn_bands_dist(dist, &job->bands, job->info.cols));
    return trn_estimate(run->ranks, trn_params_bool(run->params, "dry-run"), plan, job,
                        run->result);
}

static trn_status_t save_matrix(trn_run_t *run, const trn_matrix_info_t *info,
                                trn_matrix_type_t type, const trn_dist_t *dist) {
    const char *in = run->files[0], *out = run->files[1];
    json_t *made_with = trn_params_json(run->params);
    const trn_file_format_t *format = trn_format_by_ending(out, NULL);
    trn_status_t status = TRN_OK;
    if (info->sparse && format && format->save_sparse) {
        trn_sparse_t *sparse;
        trn_sparse_type_t wanted = type == TRN_MATRIX_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
        status = trn_sparse_file_load(run->comm, in, info, wanted, dist, &sparse);
        if (status == TRN_OK)
            status = trn_sparse_file_save(run->comm, out, sparse, info->cols, run->command,
                                          made_with, 0);
        trn_sparse_destroy(&sparse);
    } else {
        trn_matrix_t *matrix;
        status = trn_matrix_file_load(run->comm, in, info, type, dist, &matrix);
        if (status == TRN_OK)
            status = trn_matrix_file_save(run->comm, out, matrix, run->command, made_with, 0);
        trn_matrix_destroy(&matrix);
    }
    json_decref(made_with);
    return status;
}

static trn_status_t convert_matrix(trn_run_t *run) {
    trn_matrix_info_t info;
    trn_dist_t *dist = NULL;
    TRN_TRY(trn_params_idle(run->params, "vocab invalid-utf8 long-words repeated-words",
                            "on a matrix, which has no words"));
    const char *type_name = trn_params_text(run->params, "type");
    TRN_TRY(trn_matrix_file_place(run->comm, run->files[1], false));
    TRN_TRY(trn_matrix_file_probe(run->comm, run->files[0], &info));
    trn_matrix_type_t type = info.type;
    info.lossy = strcmp(trn_params_text(run->params, "misfits"), "warn") == 0;
    if (strcmp(type_name, "auto") != 0)
        type = strcmp(type_name, "f32") == 0 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    json_object_set_new(run->result, "rows", json_integer(info.rows));
    json_object_set_new(run->result, "cols", json_integer(info.cols));
    json_object_set_new(run->result, "entries", json_integer(info.entries));
    job_t job = {run->files[1], info, type, false, {0}};
    trn_status_t status = plan_matrix(run, &job, &dist);
    if (status == TRN_OK && !trn_params_bool(run->params, "dry-run"))
        status = save_matrix(run, &info, type, dist);
    trn_dist_destroy(&dist);
    trn_bands_free(&job.bands);
    return status;
}

/* Embeddings ----------------------------------------------------------------------------------- */

static trn_status_t convert_embedding(trn_run_t *run) {
    trn_format_t format;
    trn_reading_t reading = trn_reading_of(run->params, "from");
    TRN_TRY(output_format(run, &format)); /* equal arguments: the same on every rank */
    trn_embedding_t *embedding;
    TRN_TRY(trn_embedding_open(&embedding, run->comm, run->files[0], &reading));
    bool listed = format == TRN_FORMAT_NPY || trn_embedding_format(embedding) == TRN_FORMAT_NPY;
    trn_status_t status = trn_params_idle(run->params, "type misfits", "on vectors of words");
    if (status == TRN_OK && !listed)
        status = trn_params_idle(run->params, "vocab", "where no file is .npy");
    json_object_set_new(run->result, "words", json_integer(trn_embedding_rows(embedding)));
    json_object_set_new(run->result, "dim", json_integer(trn_embedding_dim(embedding)));
    trn_reading_note(embedding, run->result);
    bool dry = trn_params_bool(run->params, "dry-run");
    trn_embedding_use_t use = {.written = format};
    if (status == TRN_OK) status = trn_embedding_estimate(embedding, &use, dry, run->result);
    if (status == TRN_OK && !dry) status = convert(run, embedding, format);
    trn_embedding_destroy(&embedding);
    return status;
}

static trn_status_t run_convert(trn_run_t *run) {
    bool matrix;
    TRN_TRY(is_matrix(run, &matrix));
    return matrix ? convert_matrix(run) : convert_embedding(run);
}

const trn_command_t trn_command_convert = {
    .name = "convert",
    .summary = "convert embeddings (HDF5, npy, word2vec, GloVe) and matrices (HDF5, npy, mtx)",
    .files = "IN OUT",
    .description =
        "Reads an embedding in any of the formats and writes it in another. Text is written with "
        "nine digits, so that every float32 comes back as it was. Input may be compressed with "
        "gzip, bzip2, xz or zstd. OUT appears whole or not at all.\n"
        "A matrix goes between .h5, .npy and .mtx (Matrix Market; written with so many digits that "
        "every number comes back). IN is taken for a matrix if it ends in .mtx, is a store of kind "
        "matrix or a .npy file for which there are no words, or if OUT ends in .mtx. Sparse "
        "matrices stay sparse, but in .npy.",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS({"IN", {TRN_FILE_READ, .also = ".vocab"}}, TRN_WRITES("OUT")),
    .params = params,
    .run = run_convert,
};
