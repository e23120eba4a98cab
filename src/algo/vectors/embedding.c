/* embedding.c: the vectors of words or entities out of any file, their rows dealt to the ranks. */
#include "algo/vectors/embedding_impl.h"

#include "algo/common/estimate.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "io/share.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/gather.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A list of words beside rows that have none: `names`, else PATH.vocab. */
static trn_status_t read_list(trn_embedding_t *e, const trn_reading_t *reading) {
    char *file = NULL, *text = NULL;
    size_t bytes = strlen(e->path) + sizeof ".vocab";
    trn_status_t status = reading->names ? trn_strdup(&file, reading->names)
                                         : trn_alloc(&file, (int64_t)bytes, 1, "a file name");
    if (status == TRN_OK && !reading->names) snprintf(file, bytes, "%s.vocab", e->path);
    status = trn_agree(e->comm, status);
    if (status == TRN_OK) status = trn_share_file(e->comm, file, &text);
    if (status == TRN_OK)
        status = trn_agree(e->comm, trn_embedding_parse_names(e, reading, file, text));
    trn_free(&text);
    trn_free(&file);
    return status;
}

/* Rows of any format but vectors. */
static trn_status_t open_rows(trn_embedding_t *e, const trn_reading_t *reading) {
    trn_rows_how_t how = {.format = reading->format == TRN_FORMAT_H5    ? "h5"
                                    : reading->format == TRN_FORMAT_NPY ? "npy"
                                                                        : NULL};
    TRN_TRY(trn_rows_open(&e->source, e->comm, e->path, &how));
    const trn_rows_about_t *about = trn_rows_about(e->source);
    e->rows = about->rows;
    e->dim = about->cols;
    if (about->sparse) /* equal on all ranks, as what follows */
        return trn_fail(TRN_INPUT,
                        "%s: holds a sparse matrix, not an embedding; make vectors of it with "
                        "`trunnion svd`",
                        e->path);
    if (e->rows < 1 || e->dim < 1) /* equal on all ranks */
        return trn_fail(TRN_INPUT, "%s: %lld x %lld holds no vectors; give another file", e->path,
                        (long long)e->rows, (long long)e->dim);
    e->format = about->names_inside ? TRN_FORMAT_H5 : TRN_FORMAT_NPY;
    bool none = !about->named && !reading->names; /* which reading names tells, with what to do */
    return about->names_inside || none ? trn_rows_names(e->source, &e->words)
                                       : read_list(e, reading);
}

static trn_status_t open_vectors(trn_embedding_t *e, const trn_reading_t *reading) {
    TRN_TRY(trn_vectors_open(&e->vectors, e->comm, e->path, e->format, &reading->rules, &e->words));
    e->rows = trn_vectors_rows(e->vectors);
    e->dim = trn_vectors_dim(e->vectors);
    e->counts.malformed = trn_vectors_malformed(e->vectors);
    return trn_agree(e->comm, trn_embedding_judge_words(e, reading));
}

/* The format of vectors, TRN_FORMAT_NPY for all others. */
static trn_status_t find_format(trn_embedding_t *e) {
    const trn_file_format_t *format = NULL;
    char *file = NULL, *member = NULL;
    trn_status_t status = trn_path_cut(e->path, false, &file, &member);
    if (status == TRN_OK) status = trn_format_of(file, &format);
    if (status == TRN_OK) e->format = trn_format_named(format->name);
    if (e->format == TRN_FORMAT_AUTO) e->format = TRN_FORMAT_NPY;
    trn_free(&file);
    trn_free(&member);
    return status;
}

/* Find out the format and read the words of all rows. */
static trn_status_t open_any(trn_embedding_t *e, const trn_reading_t *reading) {
    trn_status_t status = TRN_OK;
    if (e->format == TRN_FORMAT_AUTO && e->rank == 0) status = find_format(e);
    TRN_AGREE(e->comm, status);
    int format = (int)e->format;
    MPI_Bcast(&format, 1, MPI_INT, 0, e->comm);
    e->format = (trn_format_t)format;
    bool vectors = e->format != TRN_FORMAT_H5 && e->format != TRN_FORMAT_NPY;
    return vectors ? open_vectors(e, reading) : open_rows(e, reading);
}

static trn_status_t create(trn_embedding_t **embedding, MPI_Comm comm, const char *path,
                           const trn_reading_t *reading) {
    TRN_TRY(trn_alloc_zero(embedding, 1, sizeof **embedding, "an embedding"));
    trn_embedding_t *e = *embedding;
    e->comm = comm;
    e->format = reading->format;
    MPI_Comm_rank(comm, &e->rank);
    MPI_Comm_size(comm, &e->ranks);
    return trn_strdup(&e->path, path);
}

trn_status_t trn_embedding_open(trn_embedding_t **embedding, MPI_Comm comm, const char *path,
                                const trn_reading_t *reading) {
    static const trn_reading_t defaults = {0};
    if (!reading) reading = &defaults;
    trn_status_t status = trn_agree(comm, create(embedding, comm, path, reading));
    if (status == TRN_OK) status = open_any(*embedding, reading);
    if (status == TRN_OK) status = trn_embedding_drop(*embedding, reading);
    if (status != TRN_OK) {
        trn_embedding_destroy(embedding);
        return status;
    }
    trn_embedding_t *e = *embedding;
    int64_t blocks = (e->rows + TRN_EMBEDDING_BLOCK - 1) / TRN_EMBEDDING_BLOCK;
    e->first_block = trn_part_start(blocks, e->ranks, e->rank);
    e->blocks = trn_part_start(blocks, e->ranks, e->rank + 1) - e->first_block;
    int64_t before = trn_mem_before(); /* the command line is no part of a plan */
    int64_t bytes[2] = {trn_mem_now() - before, trn_mem_peak() - before};
    MPI_Allreduce(MPI_IN_PLACE, bytes, 2, MPI_INT64_T, MPI_MAX, comm);
    e->held = bytes[0];
    e->reached = bytes[1];
    return TRN_OK;
}

static int64_t own_rows(const trn_embedding_t *e) {
    int64_t first = e->first_block * TRN_EMBEDDING_BLOCK, most = e->blocks * TRN_EMBEDDING_BLOCK;
    return e->rows - first < most ? e->rows - first : most;
}

static trn_status_t check_finite(const trn_embedding_t *e) {
    int64_t at = trn_not_finite_f32(own_rows(e) * e->dim, e->values);
    if (at < 0) return TRN_OK;
    int64_t row = e->first_block * TRN_EMBEDDING_BLOCK + at / e->dim;
    return trn_fail(TRN_INPUT, "%s: row %lld ('%s'), column %lld: not a finite float32", e->path,
                    (long long)row + 1, e->words[row], (long long)(at % e->dim + 1));
}

/* values[count x dim] = rows [first, first + count) of the file, or of its rows that are left. */
static trn_status_t read_rows(trn_embedding_t *e, int64_t first, int64_t count, float *values) {
    if (e->vectors) return trn_vectors_read(e->vectors, first, count, values);
    return trn_rows_read(e->source, first, count, TRN_F32, values);
}

/* The same, but for the rows that are left out: run by run of those between them. A file of vectors
 * skips rows by itself, for it is read from one end to the other. */
static trn_status_t read_kept(trn_embedding_t *e, int64_t first, int64_t count, float *values) {
    if (e->ndropped == 0 || e->vectors) return read_rows(e, first, count, values);
    int64_t before = 0; /* rows left out before the next one that is wanted */
    while (before < e->ndropped && e->dropped[before] <= first + before)
        before++;
    while (count > 0) {
        int64_t at = first + before, run = count;
        if (before < e->ndropped && e->dropped[before] - at < run) run = e->dropped[before] - at;
        if (run > 0) TRN_TRY(read_rows(e, at, run, values));
        first += run;
        count -= run;
        values += run * e->dim;
        before++;
    }
    return TRN_OK;
}

static trn_status_t load(trn_embedding_t *e) {
    int64_t first = e->first_block * TRN_EMBEDDING_BLOCK, rows = own_rows(e);
    int64_t room = e->blocks * TRN_EMBEDDING_BLOCK;
    TRN_TRY(trn_alloc(&e->values, room * e->dim, sizeof *e->values, "the embedding"));
    if (rows <= 0) return TRN_OK;
    memset(e->values + rows * e->dim, 0, (size_t)((room - rows) * e->dim) * sizeof *e->values);
    TRN_TRY(read_kept(e, first, rows, e->values));
    return check_finite(e);
}

/* Rows without order come into memory first, each where its block lies; rows that are left out
 * would move that cut. */
trn_status_t trn_embedding_load(trn_embedding_t *e) {
    trn_status_t status = TRN_OK;
    if (e->source && trn_rows_about(e->source)->routed)
        status = e->ndropped == 0
                     ? trn_rows_hold(e->source, TRN_EMBEDDING_BLOCK, TRN_F32, INT64_MAX)
                     : trn_fail(TRN_INPUT,
                                "%s: repeats words, which a file without order may not; convert it "
                                "to .npy first",
                                e->path);
    if (status == TRN_OK) status = trn_agree(e->comm, load(e));
    if (status == TRN_OK && e->source) status = trn_rows_outcome(e->source);
    trn_rows_close(&e->source);
    trn_vectors_close(&e->vectors);
    return status;
}

void trn_embedding_destroy(trn_embedding_t **embedding) {
    trn_embedding_t *e = *embedding;
    if (!e) return;
    trn_rows_close(&e->source);
    trn_vectors_close(&e->vectors);
    trn_lookup_destroy(&e->exact);
    trn_lookup_destroy(&e->folded);
    trn_free(&e->dropped);
    trn_free(&e->values);
    trn_free(&e->words);
    trn_free(&e->path);
    trn_free(embedding);
}

int64_t trn_embedding_rows(const trn_embedding_t *e) {
    return e->rows;
}
int64_t trn_embedding_dim(const trn_embedding_t *e) {
    return e->dim;
}
char *const *trn_embedding_words(const trn_embedding_t *e) {
    return e->words;
}
MPI_Comm trn_embedding_comm(const trn_embedding_t *e) {
    return e->comm;
}
trn_format_t trn_embedding_format(const trn_embedding_t *e) {
    return e->format;
}
trn_reading_counts_t trn_embedding_counts(const trn_embedding_t *e) {
    return e->counts;
}
int64_t trn_embedding_first_block(const trn_embedding_t *e) {
    return e->first_block;
}
int64_t trn_embedding_blocks(const trn_embedding_t *e) {
    return e->blocks;
}

const float *trn_embedding_block(const trn_embedding_t *e, int64_t b) {
    return e->values + b * TRN_EMBEDDING_BLOCK * e->dim;
}

int64_t trn_embedding_block_rows(const trn_embedding_t *e, int64_t b) {
    int64_t left = e->rows - (e->first_block + b) * TRN_EMBEDDING_BLOCK;
    return left < TRN_EMBEDDING_BLOCK ? left : TRN_EMBEDDING_BLOCK;
}

void trn_embedding_plan(trn_ledger_t *ledger, const trn_embedding_t *e,
                        const trn_embedding_use_t *use, int ranks, int rank) {
    enum { READER = (1 << 20) + (128 << 10) /* of the rows of a file, in or out of order */ };
    int64_t blocks = (e->rows + TRN_EMBEDDING_BLOCK - 1) / TRN_EMBEDDING_BLOCK;
    int64_t first = trn_part_start(blocks, ranks, rank) * TRN_EMBEDDING_BLOCK;
    int64_t end = trn_part_start(blocks, ranks, rank + 1) * TRN_EMBEDDING_BLOCK;
    trn_ledger_take(ledger, "words", e->held, 1); /* all ranks have read them in opening */
    trn_ledger_pass(ledger, "reading", e->reached - e->held, 1);
    trn_ledger_take(ledger, "vectors", (end - first) * e->dim, sizeof *e->values);
    trn_ledger_pass(ledger, "reading", READER, 1);
    if (use->finds) trn_ledger_take(ledger, "words", 2, trn_lookup_bytes(e->rows));
    trn_ledger_take(ledger, "work", use->work, 1);
    if (!use->path) return;
    trn_rows_make_t make = trn_embedding_make(e, use->written);
    make.own_first = first < e->rows ? first : e->rows;
    make.own_rows = (end < e->rows ? end : e->rows) - make.own_first;
    trn_ledger_take(ledger, "writing", trn_rows_write_bytes(use->path, &make, rank == 0), 1);
}

void trn_embedding_normalise(trn_embedding_t *e) {
    for (int64_t i = 0; i < own_rows(e); i++) {
        float *row = e->values + i * e->dim;
        double sum = 0;
        for (int64_t j = 0; j < e->dim; j++)
            sum += (double)row[j] * row[j];
        double scale = sum > 0 ? 1 / sqrt(sum) : 0;
        for (int64_t j = 0; j < e->dim; j++)
            row[j] = (float)(row[j] * scale);
    }
}

/* The rows that are asked for. */
typedef struct wanted {
    const trn_embedding_t *embedding;
    const int64_t *number;
} wanted_t;

static const float *own_row(const void *user, int64_t i) {
    const wanted_t *w = user;
    const trn_embedding_t *e = w->embedding;
    int64_t own = w->number[i] - e->first_block * TRN_EMBEDDING_BLOCK;
    return own >= 0 && own < own_rows(e) ? e->values + own * e->dim : NULL;
}

void trn_embedding_gather(const trn_embedding_t *e, int64_t count, const int64_t *number,
                          float *rows) {
    const wanted_t wanted = {e, number};
    trn_gather_rows(e->comm, count, e->dim, own_row, &wanted, rows);
}
