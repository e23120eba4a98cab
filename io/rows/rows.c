/* rows.c: a matrix in a file opened, whatever its format, and closed. */
#define _POSIX_C_SOURCE 200809L
#include "io/rows/rows_impl.h"

#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What rank 0 finds out about a path, to be told to all. */
typedef struct found {
    int64_t format; /* number in the table */
    char *file, *member;
    bool names; /* FILE.vocab is there */
} found_t;

static trn_status_t number_of(const trn_file_format_t *format, int64_t *number) {
    for (*number = 0; trn_formats[*number] != format;)
        ++*number;
    return TRN_OK;
}

bool trn_rows_listed(const char *file) {
    char names[4096];
    int length = snprintf(names, sizeof names, "%s.vocab", file);
    return length < (int)sizeof names && access(names, F_OK) == 0;
}

/* Rank 0. */
static trn_status_t look(const char *path, const char *name, found_t *found) {
    const trn_file_format_t *format = NULL;
    TRN_TRY(trn_path_cut(path, false, &found->file, &found->member));
    if (name && strcmp(name, "auto") != 0) {
        format = trn_format_by_name(name);
        if (!format)
            return trn_fail(TRN_USAGE,
                            "%s: no format is called '%s'; `trunnion help convert` has "
                            "a list",
                            path, name);
        if (access(found->file, R_OK) != 0) /* with its own words, and as for all others */
            TRN_TRY(trn_format_of(found->file, &(const trn_file_format_t *){NULL}));
    } else {
        TRN_TRY(trn_format_of(found->file, &format));
    }
    if (*found->member && !(format->holds & TRN_HOLDS_MEMBERS))
        return trn_fail(TRN_INPUT, "%s: %s is a %s, which holds one matrix; leave ':%s' out", path,
                        found->file, format->title, found->member);
    found->names = trn_rows_listed(found->file);
    return number_of(format, &found->format);
}

/* Both texts of rank 0's on every rank. Collective. */
static trn_status_t share_found(MPI_Comm comm, found_t *found) {
    int64_t bytes[2] = {0, 0};
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) bytes[0] = (int64_t)strlen(found->file) + 1;
    if (rank == 0) bytes[1] = (int64_t)strlen(found->member) + 1;
    TRN_TRY(trn_share(comm, &found->file, &bytes[0], "a path"));
    TRN_TRY(trn_share(comm, &found->member, &bytes[1], "a path"));
    int64_t numbers[2] = {found->format, found->names};
    MPI_Bcast(numbers, 2, MPI_INT64_T, 0, comm);
    found->format = numbers[0];
    found->names = numbers[1] != 0;
    return TRN_OK;
}

static trn_status_t create(trn_rows_t **rows, MPI_Comm comm, const char *path,
                           const trn_rows_how_t *how) {
    TRN_TRY(trn_alloc_zero(rows, 1, sizeof **rows, "a matrix of rows"));
    (*rows)->comm = comm;
    MPI_Comm_rank(comm, &(*rows)->rank);
    MPI_Comm_size(comm, &(*rows)->ranks);
    if (how->names) TRN_TRY(trn_strdup(&(*rows)->names_file, how->names));
    return trn_strdup(&(*rows)->path, path);
}

/* The usual file of names, unless others are named or stand in the file itself. */
static trn_status_t find_names(trn_rows_t *rows, bool there) {
    if (rows->names_file || rows->source.named || !there) return TRN_OK;
    size_t bytes = strlen(rows->source.path) + sizeof ".vocab";
    TRN_TRY(trn_alloc(&rows->names_file, (int64_t)bytes, 1, "a file name"));
    snprintf(rows->names_file, bytes, "%s.vocab", rows->source.path);
    return TRN_OK;
}

static void describe(trn_rows_t *rows) {
    const trn_source_t *source = &rows->source;
    bool narrow =
        trn_dtype_whole(source->type) ? trn_dtype_size(source->type) <= 2 : source->type != TRN_F64;
    rows->about = (trn_rows_about_t){.format = source->format->name,
                                     .member = source->member,
                                     .rows = source->rows,
                                     .cols = source->cols,
                                     .entries = source->entries,
                                     .sparse = source->sparse,
                                     .routed = source->routed,
                                     .flat = source->flat,
                                     .mirrored = source->mirrored,
                                     .coding = source->input.coding,
                                     .named = source->named || rows->names_file,
                                     .names_inside = source->named && !rows->names_file,
                                     .type = source->type,
                                     .real = narrow ? TRN_MATRIX_F32 : TRN_MATRIX_F64};
    if (!source->sparse) rows->about.entries = source->rows * source->cols;
}

/* Collective. */
static trn_status_t open_source(trn_rows_t *rows, const trn_rows_how_t *how) {
    found_t found = {0};
    trn_status_t status;
    TRN_OR(done,
           trn_agree(rows->comm, rows->rank == 0 ? look(rows->path, how->format, &found) : TRN_OK));
    TRN_OR(done, share_found(rows->comm, &found));
    rows->source = (trn_source_t){.format = trn_formats[found.format],
                                  .comm = rows->comm,
                                  .path = found.file,
                                  .member = found.member,
                                  .asked = how->format && strcmp(how->format, "auto") != 0,
                                  .lossy = how->lossy};
    found.file = found.member = NULL;
    rows->source.input = (trn_input_t){.path = rows->source.path, .content = TRN_CONTENT_ANY};
    TRN_OR(done, trn_inputs_look(rows->comm, 1, &rows->source.input));
    TRN_OR(done, rows->source.format->open(&rows->source));
    TRN_OR(done, trn_agree(rows->comm, find_names(rows, found.names)));
    describe(rows);
done:
    trn_free(&found.file);
    trn_free(&found.member);
    return status;
}

trn_status_t trn_rows_open(trn_rows_t **rows, MPI_Comm comm, const char *path,
                           const trn_rows_how_t *how) {
    trn_status_t status = trn_agree(comm, create(rows, comm, path, how));
    if (status == TRN_OK) status = open_source(*rows, how);
    if (status != TRN_OK) trn_rows_close(rows);
    return status;
}

void trn_rows_close(trn_rows_t **rows) {
    trn_rows_t *r = *rows;
    if (!r) return;
    if (r->source.format) r->source.format->close(&r->source);
    trn_sparse_destroy(&r->sparse);
    trn_free(&r->band);
    trn_free(&r->buffer);
    trn_free(&r->list);
    trn_free(&r->names_file);
    trn_free(&r->source.path);
    trn_free(&r->source.member);
    trn_free(&r->path);
    trn_free(rows);
}

const trn_rows_about_t *trn_rows_about(const trn_rows_t *rows) {
    return &rows->about;
}

const char *trn_rows_path(const trn_rows_t *rows) {
    return rows->path;
}

int64_t trn_rows_usual_block(int64_t rows) {
    enum { SMALLEST = 512, LARGEST = 4 * SMALLEST, FEWEST = 64 /* to share out evenly */ };
    int64_t block = SMALLEST;
    while (block < LARGEST && rows >= 2 * block * FEWEST)
        block *= 2;
    return block;
}

trn_status_t trn_rows_verify(trn_rows_t *rows) {
    if (rows->source.format->verify && !rows->source.plain)
        return rows->source.format->verify(&rows->source);
    if (rows->source.routed) return TRN_OK;
    enum { NUMBERS = 1 << 18 };
    int64_t block = trn_rows_usual_block(rows->about.rows);
    int64_t most = rows->about.cols > 0 ? NUMBERS / rows->about.cols : block;
    if (most < block) block = most > 0 ? most : 1;
    TRN_TRY(trn_rows_hold(rows, block, TRN_F64, INT64_MAX)); /* nothing need stay */
    for (int64_t b = 0; b < trn_rows_own_blocks(rows); b++)
        (void)trn_rows_block(rows, trn_rows_first_block(rows) + b);
    rows->misfit = (trn_misfit_t){0}; /* what a number is wanted as is not the question */
    return trn_rows_outcome(rows);
}

void trn_rows_tell(trn_rows_t *rows, json_t *into) {
    if (rows->source.format->tell) rows->source.format->tell(&rows->source, into);
}
