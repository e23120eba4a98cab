/* convert.c: the verb `convert`: a matrix or vectors from one file into another. */
#include "algo/matrix/matrix_file_plan.h"
#include "algo/vectors/embedding.h"
#include "base/mem.h"
#include "cli/reading.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "io/text/decode.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"from", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_CHOICES,
     .help = "format of IN; auto looks at its first bytes, then at its ending"},
    {"to", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_CHOICES,
     .help = "format of OUT; auto goes by its ending"},
    {"vocab", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_EITHER,
     .help = "names of the rows, one a line, perhaps with counts: read if IN has none itself, else "
             "written if OUT cannot hold them; default IN.vocab or OUT.vocab"},
    TRN_WORD_PARAMS,
    {"type", 0, TRN_PARAM_CHOICE, "auto",
     .choices = "auto|same|f64|f32|f16|bf16|i64|i32|i16|i8|u64|u32|u16|u8",
     .help = "numbers in OUT; same: as in IN; auto: float32 or float64, the narrower one that is "
             "meant for such numbers (of .mtx: float64)"},
    {"misfits", 0, TRN_PARAM_CHOICE, "refuse", .choices = "refuse|warn",
     .help = "numbers that the type in OUT cannot hold, such as whole ones above 2^53 or fractions "
             "in integers: refuse the file, or round them and tell how many"},
    {0}};

/* What is on its way. */
typedef struct job {
    const trn_run_t *run;
    json_t *made_with;
    /* Words and their vectors, for which there are rules; NULL: any rows, which is what follows. */
    trn_embedding_t *embedding;
    trn_embedding_use_t use;
    const char *names; /* file for the words that OUT cannot hold, or NULL */
    /* What is written follows from what is read. */
    trn_rows_t *rows;
    trn_rows_make_t make;
    trn_matrix_info_t info; /* of IN, for plans */
    trn_bands_t bands;      /* of rows to ranks, if OUT is sparse or IN has no order */
    int64_t block;          /* rows that are read and written at a time */
    bool sparse;            /* and stays so */
    int64_t held;           /* bytes that opening took */
} job_t;

/* Any rows ------------------------------------------------------------------------------------- */

/* The type of numbers in OUT: asked for, that of IN, or the real one that is meant for it. */
static trn_dtype_t type_for(const job_t *job) {
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    const char *name = trn_params_text(job->run->params, "type");
    if (strcmp(name, "same") == 0) return about->type == TRN_BOOL ? TRN_U8 : about->type;
    trn_dtype_t asked = trn_dtype_named(name);
    return asked != TRN_OTHER ? asked : about->real == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64;
}

/* Whether OUT is FILE:MEMBER, and what its format is; NULL: none, which trn_rows_place will tell.
 */
static trn_status_t look_at_output(const trn_run_t *run, const trn_file_format_t **format,
                                   bool *member) {
    char *file, *rest;
    const char *to = trn_params_text(run->params, "to");
    TRN_TRY(trn_path_cut(run->files[1], true, &file, &rest));
    *format = strcmp(to, "auto") == 0 ? trn_format_by_ending(file, NULL) : trn_format_by_name(to);
    *member = *rest != '\0';
    trn_free(&file);
    trn_free(&rest);
    return TRN_OK;
}

/* Whether OUT can stay sparse: its format holds such, of float32 or float64. */
static trn_status_t stays_sparse(const job_t *job, bool *sparse) {
    const trn_file_format_t *out;
    bool member, real = job->make.type == TRN_F32 || job->make.type == TRN_F64;
    TRN_TRY(look_at_output(job->run, &out, &member));
    *sparse = trn_rows_about(job->rows)->sparse && out && out->save_sparse && real && !member;
    return TRN_OK;
}

/* --vocab has no effect where IN has its names in itself and OUT holds them in itself. */
static trn_status_t check_list(const trn_run_t *run, bool inside) {
    const trn_file_format_t *out;
    bool member;
    TRN_TRY(look_at_output(run, &out, &member));
    if (!inside || !out || !(out->holds & TRN_HOLDS_NAMES)) return TRN_OK;
    return trn_params_idle(run->params, "vocab", "where both files have the names in themselves");
}

/* Open IN; a list of names belongs to it if it has none itself. Collective. */
static trn_status_t open_input(job_t *job) {
    const trn_params_t *p = job->run->params;
    trn_rows_how_t how = {.format = trn_params_text(p, "from"),
                          .lossy = strcmp(trn_params_text(p, "misfits"), "warn") == 0};
    const char *names = trn_params_text(p, "vocab");
    TRN_TRY(trn_rows_open(&job->rows, job->run->comm, job->run->files[0], &how));
    if (!names || trn_rows_about(job->rows)->names_inside) return TRN_OK;
    trn_rows_close(&job->rows);
    how.names = names;
    return trn_rows_open(&job->rows, job->run->comm, job->run->files[0], &how);
}

/* What is asked for, and whether it can be written. Collective. */
static trn_status_t settle(job_t *job) {
    enum { NUMBERS = 1 << 18 /* in a block: 2 MB of float64 */ };
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    const trn_params_t *p = job->run->params;
    job->make =
        (trn_rows_make_t){.format = trn_params_text(p, "to"),
                          .rows = about->rows,
                          .cols = about->cols,
                          .type = type_for(job),
                          .names_of = job->rows,
                          .names_file = about->names_inside ? trn_params_text(p, "vocab") : NULL,
                          .lossy = strcmp(trn_params_text(p, "misfits"), "warn") == 0,
                          .created_by = job->run->command,
                          .params = job->made_with};
    int64_t most = about->cols > 0 ? NUMBERS / about->cols : about->rows;
    job->block = trn_rows_usual_block(about->rows);
    if (most < job->block) job->block = most > 0 ? most : 1;
    TRN_AGREE(job->run->comm, stays_sparse(job, &job->sparse));
    TRN_AGREE(job->run->comm, check_list(job->run, about->names_inside));
    TRN_TRY(trn_params_idle(p, "invalid-utf8 long-words repeated-words",
                            "on a matrix: its names are taken as they are"));
    return trn_rows_place(job->run->comm, job->run->files[1], &job->make, job->sparse);
}

/* Planning ------------------------------------------------------------------------------------- */

static void plan_rows(const job_t *job, int rank, trn_ledger_t *ledger) {
    enum { PIECE = 1 << 20 /* of numbers that are converted, and what a reader keeps */ };
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    int64_t rows = job->bands.start[rank + 1] - job->bands.start[rank];
    trn_sparse_type_t sparse = job->make.type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
    trn_ledger_take(ledger, "opening", job->held, 1);
    if (job->sparse) {
        trn_sparse_load_plan(ledger, &job->info, sparse, &job->bands, rank);
        if (job->info.store) trn_ledger_take(ledger, "opening", trn_store_open_bytes(), 1);
        trn_sparse_save_plan(ledger, job->run->files[1], rows, job->bands.entries[rank], sparse);
        return;
    }
    if (about->routed && about->sparse) {
        trn_sparse_load_plan(ledger, &job->info, TRN_SPARSE_F64, &job->bands, rank);
        trn_ledger_take(ledger, "block", job->block * about->cols, 8);
    } else if (about->sparse) {
        int64_t full = job->block * about->cols;
        trn_ledger_take(ledger, "block", full < about->entries ? full : about->entries,
                        trn_sparse_entry_bytes(TRN_SPARSE_F64));
    } else if (about->routed) {
        trn_matrix_load_plan(ledger, &job->info, TRN_MATRIX_F64, &job->bands, rank);
    }
    trn_rows_make_t make = job->make;
    make.own_first = job->bands.start[rank];
    make.own_rows = rows;
    trn_ledger_take(ledger, "block", job->block * about->cols, 8);
    trn_ledger_take(ledger, "block", PIECE + trn_decoder_bytes(about->coding), 1);
    trn_ledger_take(ledger, "writing", trn_rows_write_bytes(job->run->files[1], &make, rank == 0),
                    1);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    if (job->embedding)
        trn_embedding_plan(ledger, job->embedding, &job->use, ranks, rank);
    else
        plan_rows(job, rank, ledger);
}

/* Rows to ranks: sparse ones by what they weigh, others as trn_rows_hold deals them. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    enum { ROW = sizeof(int64_t), ENTRY = 12 };
    job_t *job = user;
    if (job->embedding) return TRN_OK;
    trn_matrix_info_t even = job->info;
    if (!job->sparse) even.store = false; /* not by weight */
    trn_bands_free(&job->bands);
    return trn_bands_cut(&job->bands, run->comm, ranks, run->files[0], &even,
                         job->sparse ? 1 : job->block, ROW, ENTRY);
}

/* Copying -------------------------------------------------------------------------------------- */

/* Collective. */
static trn_status_t copy_sparse(job_t *job) {
    trn_dist_t *dist = NULL;
    trn_sparse_t *sparse = NULL;
    MPI_Comm comm = job->run->comm;
    trn_sparse_type_t type = job->make.type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
    trn_status_t status = trn_agree(comm, trn_bands_dist(&dist, &job->bands, job->make.cols));
    if (status == TRN_OK) status = trn_rows_load_sparse(job->rows, type, dist, &sparse);
    job->make.own_first = job->bands.start[job->run->rank];
    job->make.own_rows = job->bands.start[job->run->rank + 1] - job->make.own_first;
    if (status == TRN_OK)
        status = trn_rows_save_sparse(comm, job->run->files[1], sparse, &job->make);
    trn_sparse_destroy(&sparse);
    trn_dist_destroy(&dist);
    return status;
}

/* This rank's rows, block by block. Local: the outcome goes to trn_rows_commit. */
static trn_status_t copy_rows(job_t *job, trn_rows_out_t *out, trn_dtype_t type, char *buffer) {
    int64_t first = job->make.own_first, end = first + job->make.own_rows;
    for (int64_t row = first, some; row < end; row += some) {
        some = end - row < job->block ? end - row : job->block;
        TRN_TRY(trn_rows_read(job->rows, row, some, type, buffer));
        TRN_TRY(trn_rows_write(out, row, some, type, buffer));
    }
    return TRN_OK;
}

/* Collective. */
static trn_status_t copy_dense(job_t *job) {
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    MPI_Comm comm = job->run->comm;
    job->make.own_first = job->bands.start[job->run->rank];
    job->make.own_rows = job->bands.start[job->run->rank + 1] - job->make.own_first;
    /* What has no order lies in memory as float64, which its text was read as. */
    trn_dtype_t type = about->routed && !about->sparse ? TRN_F64 : job->make.type;
    char *buffer = NULL;
    trn_rows_out_t *out = NULL;
    trn_status_t status;
    if (about->routed) TRN_OR(done, trn_rows_hold(job->rows, job->block, TRN_F64, INT64_MAX));
    TRN_OR(done,
           trn_agree(comm, trn_alloc(&buffer, job->block * about->cols, 8, "rows to convert")));
    TRN_OR(done, trn_rows_create(&out, comm, job->run->files[1], &job->make));
    status = trn_agree(comm, copy_rows(job, out, type, buffer));
    if (status == TRN_OK) status = trn_rows_outcome(job->rows);
    status = trn_rows_commit(&out, status);
done:
    trn_free(&buffer);
    return status;
}

static void tell(const job_t *job, json_t *result) {
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    json_object_set_new(result, "rows", json_integer(about->rows));
    json_object_set_new(result, "cols", json_integer(about->cols));
    json_object_set_new(result, "entries", json_integer(about->entries));
    json_object_set_new(result, "type", json_string(trn_dtype_name(job->make.type)));
    if (!about->named) return;
    json_object_set_new(result, "words", json_integer(about->rows));
    json_object_set_new(result, "dim", json_integer(about->cols));
}

static trn_status_t look_at_rows(trn_run_t *run, job_t *job) {
    TRN_TRY(open_input(job));
    TRN_TRY(settle(job));
    tell(job, run->result);
    job->info = trn_matrix_info_of(trn_rows_about(job->rows));
    job->held = trn_mem_now() - trn_mem_before();
    MPI_Allreduce(MPI_IN_PLACE, &job->held, 1, MPI_INT64_T, MPI_MAX, run->comm);
    return TRN_OK;
}

/* Words and their vectors, for which there are rules ------------------------------------------- */

static trn_status_t look_at_vectors(trn_run_t *run, job_t *job) {
    trn_reading_t reading = trn_reading_of(run->params, "from");
    TRN_TRY(trn_embedding_open(&job->embedding, run->comm, run->files[0], &reading));
    /* --vocab names one list: of IN if that has no words itself. */
    bool inside = trn_embedding_format(job->embedding) != TRN_FORMAT_NPY;
    job->names = inside ? reading.names : NULL;
    json_object_set_new(run->result, "words", json_integer(trn_embedding_rows(job->embedding)));
    json_object_set_new(run->result, "dim", json_integer(trn_embedding_dim(job->embedding)));
    trn_reading_note(job->embedding, run->result);
    job->use =
        (trn_embedding_use_t){.path = run->files[1], .written = trn_params_text(run->params, "to")};
    trn_rows_make_t make = {
        .format = job->use.written, .type = TRN_F32, .names = trn_embedding_words(job->embedding)};
    TRN_TRY(trn_params_idle(run->params, "misfits", "on vectors of words"));
    TRN_AGREE(run->comm, check_list(run, inside));
    return trn_rows_place(run->comm, run->files[1], &make, false);
}

/* Rank 0: whether IN is words and vectors: text or a binary of them, or .npy with a list of words
 * beside it. As numbers of other types they are any rows. */
static trn_status_t holds_vectors(const trn_run_t *run, bool *vectors) {
    const char *from = trn_params_text(run->params, "from"), *type;
    const trn_file_format_t *format = trn_format_by_name(from);
    char *file = NULL, *member = NULL;
    type = trn_params_text(run->params, "type");
    *vectors = false;
    if (strcmp(type, "auto") != 0 && strcmp(type, "f32") != 0) return TRN_OK;
    TRN_TRY(trn_path_cut(run->files[0], false, &file, &member));
    trn_status_t status = format ? TRN_OK : trn_format_of(file, &format);
    if (status == TRN_OK)
        *vectors = format->holds & TRN_NEEDS_NAMES ||
                   (strcmp(format->name, "npy") == 0 &&
                    (trn_params_text(run->params, "vocab") || trn_rows_listed(file)));
    trn_free(&file);
    trn_free(&member);
    return status;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    bool vectors = false;
    job->run = run;
    job->made_with = trn_params_json(run->params);
    TRN_AGREE(run->comm, run->rank == 0 ? holds_vectors(run, &vectors) : TRN_OK);
    return trn_any(run->comm, vectors) ? look_at_vectors(run, job) : look_at_rows(run, job);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    if (!job->embedding) return job->sparse ? copy_sparse(job) : copy_dense(job);
    TRN_TRY(trn_embedding_load(job->embedding));
    return trn_embedding_write(job->embedding, run->files[1], job->use.written, job->names,
                               run->command, job->made_with);
}

static void job_free(void *user) {
    job_t *job = user;
    trn_embedding_destroy(&job->embedding);
    trn_rows_close(&job->rows);
    trn_bands_free(&job->bands);
    json_decref(job->made_with);
}

const trn_command_t trn_command_convert = {
    .name = "convert",
    .summary = "convert matrices and vectors between files of any format",
    .files = "IN OUT",
    .description =
        "Reads a matrix in any of the formats and writes it in another, with the names of its "
        "rows: HDF5 stores (.h5), NumPy (.npy), safetensors and their index, Matrix Market (.mtx), "
        "word2vec text (.vec .txt) and binary (.bin), GloVe text (.glove). IN or OUT may be "
        "FILE:MEMBER, as M.h5:/relation/values, S.h5:/v or model.safetensors:TENSOR; without "
        "MEMBER it is what the kind of store means (the entities of a knowledge graph's model, /u "
        "of svd) or the only one. What a file holds its first bytes say, else its ending, in any "
        "case. Files but stores are read also compressed with gzip, bzip2, xz or zstd.\n"
        "Text is written with so many digits that every number comes back. Names that OUT cannot "
        "hold go to OUT.vocab. Sparse matrices stay sparse in .h5 and .mtx. OUT appears whole or "
        "not at all. Rows pass by in blocks, so that little memory is needed.",
    .examples = "vectors of words to NumPy, the words beside them\ttrunnion convert E.h5 E.npy\n"
                "sparse counts to Matrix Market\ttrunnion convert X.h5 X.mtx",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS({"IN", {TRN_FILE_READ, .also = ".vocab"}}, TRN_WRITES("OUT")),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .work = work,
                                  .free = job_free},
};
