/* rows_write.c: a matrix into a file of any format, names and all. */
#define _POSIX_C_SOURCE 200809L
#include "base/log.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/bytes.h"
#include "io/output.h"
#include "io/rows/misfit.h"
#include "io/rows/rows_impl.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 16 /* numbers converted at a time */ };

struct trn_rows_out {
    trn_sink_t sink;
    int rank;
    bool lossy;
    trn_names_feed_t feed; /* rows NULL: names are those of the list, if any */
    char *const *names;
    trn_names_source_t source; /* or a function has them */
    void *source_self;
    char *names_file; /* names go there; NULL: into the file itself, or there are none */
    char *piece;      /* [PIECE] numbers */
    trn_misfit_t misfit;
};

/* What can be written ----------------------------------------------------------------------------
 */

static trn_status_t find_format(const char *path, const char *name,
                                const trn_file_format_t **format) {
    bool packed = false, by_ending = !name || strcmp(name, "auto") == 0;
    *format = by_ending ? trn_format_by_ending(path, &packed) : trn_format_by_name(name);
    if (!*format)
        return trn_fail(TRN_USAGE,
                        "%s: %s names no format; known are .h5 .npy .safetensors .mtx .vec .bin "
                        ".glove, or give --to of `trunnion convert`",
                        path, by_ending ? "the ending" : name);
    if (packed || !((*format)->begin || (*format)->save_sparse))
        return trn_fail(TRN_USAGE, "%s: %s can only be read; write %s", path,
                        packed ? "compressed files" : (*format)->title,
                        packed ? (*format)->endings[0] : ".h5, .npy or .mtx");
    return TRN_OK;
}

static bool has_names(const trn_rows_make_t *make) {
    return make->names || make->some_names ||
           (make->names_of && trn_rows_about(make->names_of)->named);
}

static trn_status_t check(const char *path, const trn_file_format_t *format, const char *member,
                          const trn_rows_make_t *make, bool sparse) {
    bool apart = *member && format->member;
    unsigned types = apart ? format->member : format->types;
    if (sparse && (!format->save_sparse || apart))
        return trn_fail(TRN_USAGE, "%s: %s cannot hold a sparse matrix; write .h5 or .mtx", path,
                        format->endings[0]);
    if (!sparse && make->type != TRN_OTHER && !(types >> make->type & 1))
        return trn_fail(TRN_USAGE, "%s: a %s cannot hold %s; choose another --type", path,
                        format->title, trn_dtype_name(make->type));
    if (format->holds & TRN_NEEDS_NAMES && !has_names(make) && make->names_of)
        return trn_fail(TRN_INPUT,
                        "%s: has no names for its rows, which a %s needs; give them in a file, one "
                        "a line, as --vocab FILE or as %s.vocab, or write .npy or .h5",
                        make->names_of->path, format->title, make->names_of->source.path);
    if (format->holds & TRN_NEEDS_NAMES && !has_names(make))
        return trn_fail(TRN_USAGE,
                        "%s: a %s needs a name for every row, and there are none; give them with "
                        "--vocab FILE, or write .npy, .tsv or .h5",
                        path, format->title);
    return TRN_OK;
}

trn_status_t trn_rows_place(MPI_Comm comm, const char *path, const trn_rows_make_t *make,
                            bool sparse) {
    const trn_file_format_t *format;
    char *file = NULL, *member = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_path_cut(path, true, &file, &member);
    if (status == TRN_OK) status = find_format(file, make->format, &format);
    if (status == TRN_OK) status = check(path, format, member, make, sparse);
    if (status == TRN_OK && rank == 0) status = trn_path_writable(file);
    trn_free(&file);
    trn_free(&member);
    return trn_agree(comm, status);
}

/* Names ------------------------------------------------------------------------------------------
 */

/* Names [first, first + count) on rank 0, of open rows or of the list. Collective. */
static trn_status_t some_names(void *self, const char *name, int64_t first, int64_t count,
                               const char *const **names) {
    trn_rows_out_t *out = self;
    if (out->source) return out->source(out->source_self, name, first, count, names);
    if (!out->names) return trn_rows_feed(&out->feed, name, first, count, names);
    if (count > 0) *names = (const char *const *)out->names + first;
    return TRN_OK;
}

/* Rank 0's count of all names' bytes. Collective. */
static trn_status_t count_names(trn_rows_out_t *out) {
    if (!out->names)
        return trn_names_bytes(some_names, out, out->sink.rows, &out->sink.names_bytes);
    out->sink.names_bytes = out->rank == 0 ? trn_strings_bytes(out->sink.rows, out->names) : 0;
    return TRN_OK;
}

/* This rank's names for a format that writes them beside the numbers. Collective. */
static trn_status_t own_names(trn_rows_out_t *out) {
    trn_sink_t *sink = &out->sink;
    if (out->source)
        return trn_names_own(sink->comm, out->source, out->source_self, sink->rows, sink->own_first,
                             sink->own_rows, &sink->own_names);
    if (!out->names)
        return trn_rows_some_names(out->feed.rows, sink->own_first, sink->own_rows,
                                   &sink->own_names);
    return trn_agree(sink->comm, trn_strings_copy(sink->own_rows, out->names + sink->own_first,
                                                  &sink->own_names));
}

static trn_status_t find_names(trn_rows_out_t *out, const trn_rows_make_t *make) {
    trn_sink_t *sink = &out->sink;
    bool of_rows = make->names_of && trn_rows_about(make->names_of)->named;
    out->names = make->names;
    out->source = make->some_names;
    out->source_self = make->names_self;
    out->feed.rows = of_rows ? make->names_of : NULL;
    if (of_rows && trn_rows_about(make->names_of)->rows != make->rows) /* equal on all ranks */
        return trn_fail(TRN_INTERNAL, "%s: %lld rows with the names of %lld", sink->path,
                        (long long)make->rows, (long long)trn_rows_about(make->names_of)->rows);
    if (!has_names(make)) return TRN_OK;
    if (sink->format->holds & TRN_OWN_NAMES) return own_names(out);
    return count_names(out);
}

/* Where names go that the file does not hold. */
static trn_status_t name_file(trn_rows_out_t *out, const trn_rows_make_t *make) {
    const trn_sink_t *sink = &out->sink;
    if (!has_names(make) || sink->format->holds & TRN_HOLDS_NAMES) return TRN_OK;
    if (make->names_file) return trn_strdup(&out->names_file, make->names_file);
    size_t bytes = strlen(sink->path) + sizeof ".vocab";
    TRN_TRY(trn_alloc(&out->names_file, (int64_t)bytes, 1, "a file name"));
    snprintf(out->names_file, bytes, "%s.vocab", sink->path);
    return TRN_OK;
}

/* One line, a name with blanks in it in a first column of two. */
static trn_status_t put_name(trn_output_t *output, const char *file, const char *name, int64_t row,
                             bool columns) {
    char number[32];
    if (!*name || strpbrk(name, "\t\n\r"))
        return trn_fail(TRN_INPUT,
                        "%s: the name of row %lld is empty or holds a tab or line end; write .h5, "
                        "which keeps it",
                        file, (long long)row + 1);
    TRN_TRY(trn_output_write(output, name, (int64_t)strlen(name)));
    int length = columns ? snprintf(number, sizeof number, "\t%lld\n", (long long)row)
                         : snprintf(number, sizeof number, "\n");
    return trn_output_write(output, number, length);
}

/* Rank 0 writes all names, the others follow the reading. `columns`: some have blanks. Collective.
 */
static trn_status_t put_names(trn_rows_out_t *out, trn_output_t *output, bool columns) {
    for (int64_t first = 0, count; first < out->sink.rows; first += count) {
        const char *const *names;
        int64_t left = out->sink.rows - first;
        count = left < TRN_NAMES_BLOCK ? left : TRN_NAMES_BLOCK;
        TRN_TRY(some_names(out, "", first, count, &names));
        trn_status_t status = TRN_OK;
        for (int64_t i = 0; i < count && out->rank == 0 && status == TRN_OK; i++)
            status = put_name(output, out->names_file, names[i], first + i, columns);
        TRN_AGREE(out->sink.comm, status);
    }
    return some_names(out, "", 0, 0, NULL);
}

/* Whether any name has a blank inside, *blanks. Collective. */
static trn_status_t find_blanks(trn_rows_out_t *out, bool *blanks) {
    bool found = false;
    for (int64_t first = 0, count; first < out->sink.rows; first += count) {
        const char *const *names;
        int64_t left = out->sink.rows - first;
        count = left < TRN_NAMES_BLOCK ? left : TRN_NAMES_BLOCK;
        TRN_TRY(some_names(out, "", first, count, &names));
        for (int64_t i = 0; i < count && out->rank == 0 && !found; i++)
            found = strpbrk(names[i], " \v\f") != NULL;
    }
    *blanks = trn_any(out->sink.comm, found);
    return TRN_OK;
}

/* Collective. */
static trn_status_t write_names(trn_rows_out_t *out) {
    trn_output_t *output = NULL;
    bool blanks;
    trn_status_t status = find_blanks(out, &blanks);
    if (status == TRN_OK)
        status = trn_agree(out->sink.comm,
                           out->rank == 0 ? trn_output_create(&output, out->names_file) : TRN_OK);
    if (status == TRN_OK) status = put_names(out, output, blanks);
    if (out->rank == 0) status = trn_output_close(&output, status);
    return trn_agree(out->sink.comm, status);
}

/* Three steps ------------------------------------------------------------------------------------
 */

static trn_status_t fill_in(trn_rows_out_t *out, MPI_Comm comm, const char *path,
                            const trn_rows_make_t *make) {
    trn_sink_t *sink = &out->sink;
    out->lossy = make->lossy;
    MPI_Comm_rank(comm, &out->rank);
    *sink = (trn_sink_t){.comm = comm,
                         .rows = make->rows,
                         .cols = make->cols,
                         .own_first = make->own_first,
                         .own_rows = make->own_rows,
                         .type = make->type,
                         .flat = make->flat && make->cols == 1,
                         .ids = make->ids,
                         .some_names = some_names,
                         .names_self = out,
                         .created_by = make->created_by,
                         .params = make->params,
                         .seed = make->seed};
    TRN_TRY(trn_path_cut(path, true, &sink->path, &sink->member));
    TRN_TRY(find_format(sink->path, make->format, &sink->format));
    TRN_TRY(check(path, sink->format, sink->member, make, false));
    sink->named = (sink->format->holds & TRN_HOLDS_NAMES) && has_names(make);
    TRN_TRY(name_file(out, make));
    return trn_alloc(&out->piece, PIECE, 8, "numbers to convert");
}

static void release(trn_rows_out_t **out) {
    if (!*out) return;
    trn_free(&(*out)->sink.path);
    trn_free(&(*out)->sink.member);
    trn_free(&(*out)->sink.own_names);
    trn_free(&(*out)->feed.block);
    trn_free(&(*out)->names_file);
    trn_free(&(*out)->piece);
    trn_free(out);
}

/* A list beside a file whose rows have no names would be taken for theirs by whoever reads it. */
static void warn_of_list(const trn_rows_out_t *out, const trn_rows_make_t *make) {
    const trn_sink_t *sink = &out->sink;
    if (out->rank > 0 || has_names(make) || sink->format->holds & TRN_HOLDS_NAMES) return;
    if (!*sink->member && trn_rows_listed(sink->path))
        trn_log(
            TRN_LOG_WARN, "numbers",
            "%s.vocab is there from before, but these rows have no names; remove it, or it will "
            "be taken for their list",
            sink->path);
}

trn_status_t trn_rows_create(trn_rows_out_t **out, MPI_Comm comm, const char *path,
                             const trn_rows_make_t *make) {
    trn_status_t status = trn_alloc_zero(out, 1, sizeof **out, "a matrix to write");
    if (status == TRN_OK) status = fill_in(*out, comm, path, make);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = find_names(*out, make);
    if (status == TRN_OK) warn_of_list(*out, make);
    if (status == TRN_OK) status = (*out)->sink.format->begin(&(*out)->sink);
    if (status != TRN_OK) release(out);
    return status;
}

trn_status_t trn_rows_write(trn_rows_out_t *out, int64_t first, int64_t rows, trn_dtype_t type,
                            const void *values) {
    trn_sink_t *sink = &out->sink;
    if (rows == 0) return TRN_OK;
    if (type == sink->type) return sink->format->put(sink, first, rows, values);
    int64_t step = sink->cols > 0 ? PIECE / sink->cols : rows;
    if (step == 0) { /* one row is longer than a piece */
        TRN_TRY(trn_realloc(&out->piece, sink->cols, 8, "a row to convert"));
        step = 1;
    }
    const char *from = values;
    for (int64_t done = 0, some; done < rows; done += some) {
        some = rows - done < step ? rows - done : step;
        trn_convert((trn_numbers_t){type, false, (char *)from, 1},
                    (trn_numbers_t){sink->type, false, out->piece, 1}, some * sink->cols,
                    (first + done) * sink->cols, &out->misfit);
        TRN_TRY(sink->format->put(sink, first + done, some, out->piece));
        from += some * sink->cols * trn_dtype_size(type);
    }
    return TRN_OK;
}

trn_status_t trn_rows_commit(trn_rows_out_t **out, trn_status_t status) {
    trn_rows_out_t *o = *out;
    if (!o) return status;
    status = trn_agree(o->sink.comm, status);
    if (status == TRN_OK)
        status = trn_misfit_judge(o->sink.comm, o->sink.path, o->sink.cols, o->sink.type,
                                  &o->misfit, o->lossy);
    if (status == TRN_OK && o->names_file) status = write_names(o);
    status = o->sink.format->finish(&o->sink, status);
    release(out);
    return status;
}

/* Plans ------------------------------------------------------------------------------------------
 */

int64_t trn_rows_write_bytes(const char *path, const trn_rows_make_t *make, bool first) {
    enum { GUESS = 24 /* bytes of a name that is not at hand */ };
    const trn_file_format_t *format;
    char *file, *member;
    if (trn_path_cut(path, true, &file, &member) != TRN_OK) return 0;
    trn_status_t status = find_format(file, make->format, &format);
    trn_free(&file);
    trn_free(&member);
    if (status != TRN_OK) return 0;
    trn_sink_t sink = {.format = format,
                       .rows = make->rows,
                       .cols = make->cols,
                       .type = make->type,
                       .named = has_names(make) && format->holds & TRN_HOLDS_NAMES,
                       .own_first = make->own_first,
                       .own_rows = make->own_rows};
    sink.names_bytes = !sink.named ? 0
                       : make->names
                           ? trn_strings_bytes(make->own_rows, make->names + make->own_first)
                           : GUESS * make->own_rows;
    int64_t bytes = PIECE * 8;
    if (sink.named && format->holds & TRN_OWN_NAMES)
        bytes += sink.names_bytes + make->own_rows * (int64_t)sizeof(char *);
    return bytes + (format->write_bytes ? format->write_bytes(&sink, first) : 0);
}

/* Whole matrices ---------------------------------------------------------------------------------
 */

/* Every rank holds as many rows as its band has: so nothing is held twice, and owners are defined.
 */
bool trn_rows_banded(const trn_dist_t *dist) {
    int64_t bands = trn_dist_row_parts(dist);
    if (trn_dist_col_parts(dist) != 1) return false;
    for (int r = 0; r < bands; r++)
        if (trn_dist_local_rows(dist, r) !=
            trn_dist_row_start(dist, r + 1) - trn_dist_row_start(dist, r))
            return false;
    for (int r = 0; r < bands; r++)
        if (trn_dist_local_rows(dist, r) > 0 &&
            trn_dist_owner(dist, trn_dist_row_start(dist, r), 0) != r)
            return false;
    return true;
}

trn_status_t trn_rows_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                           const trn_rows_make_t *make) {
    trn_view_t block = trn_matrix_block(matrix);
    trn_dtype_t type = block.type == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64;
    trn_rows_make_t all = *make;
    all.rows = trn_dist_rows(trn_matrix_dist(matrix));
    all.cols = trn_dist_cols(trn_matrix_dist(matrix));
    all.own_first = trn_matrix_first_row(matrix);
    all.own_rows = block.rows;
    if (all.type == TRN_OTHER) all.type = type;
    trn_rows_out_t *out;
    if (!trn_rows_banded(trn_matrix_dist(matrix))) /* equal on all ranks */
        return trn_fail(TRN_USAGE, "%s: only a matrix cut into bands of rows can be saved", path);
    TRN_TRY(trn_rows_create(&out, comm, path, &all));
    return trn_rows_commit(&out, trn_rows_write(out, all.own_first, block.rows, type, block.data));
}

trn_status_t trn_rows_save_sparse(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  const trn_rows_make_t *make) {
    trn_rows_out_t out = {.names = make->names};
    trn_status_t status = fill_in(&out, comm, path, make);
    if (status == TRN_OK) status = check(path, out.sink.format, out.sink.member, make, true);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = find_names(&out, make);
    if (status == TRN_OK && out.names_file) status = write_names(&out);
    if (status == TRN_OK) status = out.sink.format->save_sparse(&out.sink, sparse);
    trn_free(&out.sink.path);
    trn_free(&out.sink.member);
    trn_free(&out.sink.own_names);
    trn_free(&out.feed.block);
    trn_free(&out.names_file);
    trn_free(&out.piece);
    return status;
}
