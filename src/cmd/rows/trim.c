#define _POSIX_C_SOURCE 200809L
/* trim.c: the verb `trim`: some rows of embedding matrices into files of their own, and back. */
#include "algo/rows/choose.h"
#include "algo/rows/out_type.h"
#include "algo/rows/trim_files.h"
#include "algo/rows/trim_set.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "io/formats/format.h"
#include "io/lock.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "FILE", .required = true,
     .file = {TRN_FILE_WRITTEN, .folder = true},
     .help =
         "file to write, of any format; for several matrices, or if there is such, a directory, "
         "in which each keeps its name"},
    {"ids", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .group = "Rows to keep", .excludes = "counts words vocab",
     .help =
         "numbers of rows, from 0, in a .npy, a text with one a line, ...; their order is kept"},
    {"counts", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .excludes = "words vocab",
     .help = "the frequent ones: lines NAME<tab>COUNT or WORD COUNT, or a column of a count for "
             "each row; in the order of the matrix"},
    {"min", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "counts",
     .help = "rows that were counted fewer times go"},
    {"top", 0, TRN_PARAM_INT, "0", 0, 9e18, .needs = "counts",
     .help = "of the others only so many stay, the most frequent, of equal ones the first; 0: all"},
    {"keep", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, .needs = "counts",
     .help = "rows that stay anyway, by name (by number if rows have no names): special tokens"},
    {"words", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, .excludes = "vocab",
     .help = "those of these names, one a line, perhaps with counts; in the order of the matrix"},
    {"vocab", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "the same as --words"},
    {"unknown", 0, TRN_PARAM_CHOICE, "refuse", .choices = "refuse|skip",
     .needs = "words,vocab,keep",
     .help = "names that no row has: refuse the list, or leave them out and tell how many"},
    {"restore", 0, TRN_PARAM_TEXT, .metavar = "E", .file.use = TRN_FILE_READ,
     .excludes = "counts words vocab map", .group = "The way back",
     .help =
         "put the rows of the argument back into this matrix, whose others stay: to the numbers "
         "in --ids, by default those that the argument, a store, has as /ids"},
    {"map", 0, TRN_PARAM_TEXT, .metavar = "MAP.npy", .group = "Output",
     .file = {TRN_FILE_WRITTEN, .endings = ".npy"},
     .help = "write for each old row its new number, -1 where it is gone"},
    {"to", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_CHOICES,
     .help = "format of the output; auto goes by its ending, in a directory by that of the input"},
    {"type", 0, TRN_PARAM_CHOICE, "same",
     .choices = "same|f64|f32|f16|bf16|i64|i32|i16|i8|u64|u32|u16|u8",
     .help = "numbers in the output; same: as they are, or where its format has no such numbers, "
             "float32 or float64"},
    {"misfits", 0, TRN_PARAM_CHOICE, "refuse", .choices = "refuse|warn",
     .needs = "type=f64|f32|f16|bf16|i64|i32|i16|i8|u64|u32|u16|u8",
     .help = "numbers that the type cannot hold: refuse the file, or round them and tell how many"},
    {0}};

typedef struct job {
    trn_run_t *run;
    json_t *made_with;
    trn_trim_set_t set;
    trn_rows_t *small; /* to be put back, or NULL */
    trn_ids_t ids;
    int64_t unknown; /* names that no row has */
    char *listed;    /* the name of /ids of a store */
    trn_held_t held;
    trn_lock_t **locks; /* [set.n] of files in a directory */
} job_t;

static bool chosen(const job_t *job, const char *name) {
    return trn_params_text(job->run->params, name) != NULL;
}

/* Matrices ------------------------------------------------------------------------------------- */

static bool lossy(const job_t *job) {
    return strcmp(trn_params_text(job->run->params, "misfits"), "warn") == 0;
}

/* The whole matrix and the rows to be put back. Collective. */
static trn_status_t open_both(job_t *job) {
    char *whole = (char *)(uintptr_t)trn_params_text(job->run->params, "restore");
    MPI_Comm comm = job->run->comm;
    if (job->run->nfiles > 1)
        return trn_fail(TRN_USAGE, "%s: one file is put back with --restore", job->run->files[1]);
    TRN_TRY(trn_trim_set_open(&job->set, comm, 1, &whole, lossy(job)));
    TRN_TRY(trn_rows_open(&job->small, comm, job->run->files[0],
                          &(trn_rows_how_t){.lossy = lossy(job)}));
    const trn_rows_about_t *a = trn_rows_about(job->set.trims[0].rows),
                           *b = trn_rows_about(job->small);
    if (a->sparse || a->routed || b->sparse || b->routed)
        return trn_fail(TRN_INPUT,
                        "%s: is sparse or has no order of rows; convert it to .npy first",
                        a->sparse || a->routed ? whole : job->run->files[0]);
    if (a->cols == b->cols) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld columns, but %s has %lld", job->run->files[0],
                    (long long)b->cols, whole, (long long)a->cols);
}

/* Rows ----------------------------------------------------------------------------------------- */

/* "S.h5:/ids" of the store S.h5. */
static trn_status_t find_list(job_t *job, const char **path) {
    char *file, *member;
    static const char behind[] = ":/ids";
    *path = trn_params_text(job->run->params, "ids");
    if (*path) return TRN_OK;
    if (strcmp(trn_rows_about(job->small)->format, "h5") != 0)
        return trn_fail(TRN_USAGE, "%s: is no store with /ids; give the numbers with --ids",
                        job->run->files[0]);
    TRN_TRY(trn_path_cut(job->run->files[0], false, &file, &member));
    size_t length = strlen(file);
    trn_status_t status =
        trn_alloc(&job->listed, (int64_t)(length + sizeof behind), 1, "a file name");
    if (status == TRN_OK) snprintf(job->listed, length + sizeof behind, "%s%s", file, behind);
    trn_free(&file);
    trn_free(&member);
    *path = job->listed;
    return status;
}

static trn_status_t read_ids(job_t *job, int64_t rows) {
    const char *path = trn_params_text(job->run->params, "ids");
    if (job->small) TRN_AGREE(job->run->comm, find_list(job, &path));
    TRN_TRY(trn_ids_read(&job->ids, job->run->comm, path));
    if (job->small)
        TRN_TRY(trn_ids_of_rows(&job->ids, trn_rows_about(job->small)->rows, job->run->files[0]));
    TRN_TRY(trn_ids_within(&job->ids, 0, rows, "rows"));
    return trn_agree(job->run->comm, trn_ids_unique(&job->ids, rows));
}

static trn_status_t choose(job_t *job) {
    const trn_params_t *p = job->run->params;
    int64_t rows = trn_rows_about(job->set.trims[0].rows)->rows;
    if (job->small || chosen(job, "ids")) return read_ids(job, rows);
    trn_row_choice_t choice = {.counts = trn_params_text(p, "counts"),
                               .least = trn_params_int(p, "min"),
                               .top = trn_params_int(p, "top"),
                               .keep = trn_params_text(p, "keep"),
                               .words =
                                   trn_params_text(p, chosen(job, "words") ? "words" : "vocab"),
                               .skip = strcmp(trn_params_text(p, "unknown"), "skip") == 0};
    return trn_choose_rows(&job->ids, job->run->comm, trn_trim_set_named(&job->set), &choice,
                           &job->unknown);
}

/* Files ---------------------------------------------------------------------------------------- */

/* *is: the output is a directory. Collective. */
static trn_status_t in_folder(const job_t *job, bool *is) {
    struct stat info;
    const char *output = trn_params_text(job->run->params, "output");
    bool there = job->run->rank == 0 && output && stat(output, &info) == 0 && S_ISDIR(info.st_mode);
    *is = (job->run->nfiles > 1 && !job->small) || trn_any(job->run->comm, there);
    return TRN_OK;
}

/* What a matrix becomes. */
static trn_status_t set_make(job_t *job, trn_trim_t *trim) {
    const trn_params_t *p = job->run->params;
    const trn_rows_about_t *about = trn_rows_about(trim->rows);
    trim->make = (trn_rows_make_t){.format = trn_params_text(p, "to"),
                                   .flat = about->flat,
                                   .lossy = lossy(job),
                                   .created_by = job->run->command,
                                   .params = job->made_with};
    TRN_TRY(trn_out_type(about, trim->to, trim->make.format, trn_params_text(p, "type"),
                         &trim->make.type, &trim->sparse));
    trim->sparse = trim->sparse && about->sparse && !job->small;
    return TRN_OK;
}

/* Steps ---------------------------------------------------------------------------------------- */

static trn_status_t check_options(const job_t *job) {
    if (chosen(job, "restore") || chosen(job, "ids") || chosen(job, "counts") ||
        chosen(job, "words") || chosen(job, "vocab"))
        return TRN_OK;
    return trn_fail(TRN_USAGE, "trim: say which rows stay: --ids, --counts or --words");
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    bool folder;
    const char *output = trn_params_text(run->params, "output"); /* NULL: a dry run */
    job->run = run;
    job->made_with = trn_params_json(run->params);
    TRN_TRY(check_options(job));
    TRN_TRY(chosen(job, "restore")
                ? open_both(job)
                : trn_trim_set_open(&job->set, run->comm, run->nfiles, run->files, lossy(job)));
    TRN_TRY(choose(job));
    const trn_rows_about_t *about = trn_rows_about(job->set.trims[0].rows);
    if (job->ids.count == 0 && !job->small)
        return trn_fail(TRN_INPUT, "%s: no row of the %lld is left; %s", run->files[0],
                        (long long)about->rows,
                        chosen(job, "counts") ? "lower --min" : "the list is empty");
    TRN_TRY(in_folder(job, &folder));
    TRN_TRY(trn_trim_set_place(&job->set, run->comm,
                               output   ? output
                               : folder ? "."
                                        : "trimmed.h5",
                               folder, trn_params_text(run->params, "to")));
    for (int i = 0; i < job->set.n; i++)
        TRN_AGREE(run->comm, set_make(job, &job->set.trims[i]));
    job->held = trn_held_now(run->comm);
    int64_t rows = job->small ? about->rows : job->ids.count;
    return trn_run_note(run, json_pack("{s:I, s:I, s:I}", "rows_before", (json_int_t)about->rows,
                                       "rows", (json_int_t)rows, "cols", (json_int_t)about->cols));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const char *map = trn_params_text(job->run->params, "map");
    int64_t rows = trn_rows_about(job->set.trims[0].rows)->rows;
    trn_rows_make_t column = {.rows = rows, .cols = 1, .type = TRN_I64};
    trn_held_take(ledger, &job->held);
    if (map) {
        trn_ledger_take(ledger, "writing", trn_rows_write_bytes(map, &column, rank == 0), 1);
        trn_ledger_pass(ledger, "writing", rows / ranks + 1, sizeof(int64_t));
    }
    if (job->small)
        trn_restore_plan(ledger, &job->set.trims[0], job->small, job->ids.count, ranks, rank);
    else
        trn_trim_plan(ledger, job->set.trims, job->set.n, job->ids.count, ranks, rank);
}

/* As long lists as memory allows: fewer passes over files that are read from front to back. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    static const int64_t lists[] = {64 << 20, 16 << 20, 4 << 20, 1 << 20};
    job_t *job = user;
    int64_t limit = trn_params_size(run->params, "memory");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (int k = 0; k < job->set.n; k++)
            job->set.trims[k].list = lists[i];
        if (limit == 0 || trn_estimate_bytes(ranks, plan, job) <= limit) break;
    }
    return TRN_OK;
}

/* Nothing but reading and writing. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    for (int i = 0; i < job->set.n; i++) {
        double rows =
            (double)(job->small ? trn_rows_about(job->set.trims[i].rows)->rows : job->ids.count);
        cost->file_bytes += 2 * rows * (double)trn_rows_about(job->set.trims[i].rows)->cols *
                            (double)trn_dtype_size(job->set.trims[i].make.type);
    }
}

/* Files in a directory are locked one by one, and could all be written. Collective. */
static trn_status_t take_places(job_t *job, bool folder) {
    for (int i = 0; i < job->set.n; i++) {
        const trn_trim_t *trim = &job->set.trims[i];
        trn_rows_make_t make = trim->make;
        char *file, *member;
        make.names_of = trim->rows;
        TRN_TRY(trn_rows_place(job->run->comm, trim->to, &make, trim->sparse));
        if (!folder) continue;
        TRN_AGREE(job->run->comm, trn_path_cut(trim->to, true, &file, &member));
        trn_status_t status = trn_lock_take(&job->locks[i], job->run->comm, file);
        trn_free(&file);
        trn_free(&member);
        TRN_TRY(status);
    }
    return TRN_OK;
}

static trn_status_t copy(job_t *job, bool folder) {
    const trn_run_t *run = job->run;
    const char *map = trn_params_text(run->params, "map");
    int64_t rows = trn_rows_about(job->set.trims[0].rows)->rows;
    trn_rows_out_t *out = NULL;
    TRN_TRY(take_places(job, folder));
    if (job->small) return trn_restore(&job->set.trims[0], job->small, run->comm, &job->ids);
    /* Written first and put in place last, so that nothing is there if it cannot be written. */
    if (map) TRN_TRY(trn_trim_map(run->comm, map, rows, &job->ids, &job->set.trims[0].make, &out));
    trn_status_t status = trn_trim(job->set.trims, job->set.n, run->comm, &job->ids);
    return trn_rows_commit(&out, status);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    bool folder, made = false;
    const char *output = trn_params_text(run->params, "output");
    TRN_TRY(in_folder(job, &folder));
    TRN_AGREE(run->comm,
              trn_alloc_zero(&job->locks, job->set.n, sizeof *job->locks, "locks of files"));
    if (folder) TRN_TRY(trn_trim_folder(run->comm, output, &made));
    trn_status_t status = copy(job, folder);
    for (int i = 0; i < job->set.n; i++)
        trn_lock_release(&job->locks[i]);
    MPI_Barrier(run->comm);
    if (status != TRN_OK && made && run->rank == 0) (void)rmdir(output); /* if it is empty */
    return status;
}

/* Bytes of the numbers, before and after. */
static trn_status_t report(trn_run_t *run, void *user) {
    job_t *job = user;
    int64_t before = 0, after = 0;
    json_t *files = json_array(), *tied = json_array();
    for (int i = 0; i < job->set.n; i++) {
        const trn_rows_about_t *about = trn_rows_about(job->set.trims[i].rows);
        before += about->entries * trn_dtype_size(about->type);
        after += job->set.trims[i].entries * trn_dtype_size(job->set.trims[i].make.type);
        json_array_append_new(files, trn_json_text(job->set.to[i]));
    }
    for (int i = 0; i < job->set.named; i++) {
        int k = trn_trim_set_same(&job->set, i);
        if (k < 0) continue;
        json_array_append_new(tied, json_pack("{s:o, s:o}", "matrix", trn_json_text(run->files[i]),
                                              "is", trn_json_text(run->files[k])));
    }
    MPI_Allreduce(MPI_IN_PLACE, &after, 1, MPI_INT64_T, MPI_SUM, run->comm);
    json_object_set_new(run->result, "files", files);
    if (json_array_size(tied) > 0)
        json_object_set_new(run->result, "tied", tied);
    else
        json_decref(tied);
    return trn_run_note(run,
                        json_pack("{s:I, s:I, s:I}", "bytes_before", (json_int_t)before, "bytes",
                                  (json_int_t)after, "unknown_names", (json_int_t)job->unknown));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_trim_set_free(&job->set);
    trn_rows_close(&job->small);
    trn_ids_free(&job->ids);
    trn_free(&job->locks);
    trn_free(&job->listed);
    json_decref(job->made_with);
}

const trn_command_t trn_command_trim = {
    .name = "trim",
    .summary = "keep some rows of embedding matrices, or put them back",
    .files = "A... -o OUT",
    .description =
        "Writes the rows that stay: by number, the frequent ones by counts, or by name. Several "
        "matrices of one model (input and output embeddings, a bias) are cut by one list; one that "
        "is named twice, or an lm_head that a model in safetensors does not hold because it is its "
        "input matrix, is written once, and the result says so. A is any file that convert reads. "
        "Rows are copies, bit for bit, in numbers as they are; a store has their old numbers as "
        "/ids and their names as /vocab. Little memory is needed: only what is written is read.\n"
        "After training the small matrix, --restore puts its rows back into the whole one.",
    .examples = "the rows that a list of numbers names, and where they went\ttrunnion trim A.npy "
                "--ids ids.txt -o small.h5 --map map.npy\n"
                "the 100 most frequent words\ttrunnion trim E.h5 --counts counts.tsv --top 100 "
                "-o frequent.h5",
    .min_files = 1,
    .max_files = 1 << 10,
    .operands = TRN_OPERANDS({"A", {TRN_FILE_READ, .also = ".vocab"}}),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
