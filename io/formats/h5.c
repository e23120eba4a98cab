/* h5.c: HDF5's row in the table of formats: our stores, by what their kind means; what others wrote
 * goes to h5_foreign.c. */
#include "base/ledger.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/formats/format.h"
#include "io/formats/h5_foreign.h"
#include "io/store/store.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 512, PIECE_BYTES = 1 << 18 /* read at a time when the type changes */ };

typedef struct h5 {
    trn_h5_foreign_t *foreign; /* NULL: */
    trn_store_t *store;
    char names[NAME_BYTES]; /* dataset with the names of the rows, or "" */
    char **both;            /* there are twice as many rows, for inverse relations: all names */
    int64_t nboth;          /* rows in that case; 0: there are as many names as rows */
    char *piece;            /* [PIECE_BYTES], or one row if that is longer */
    int64_t piece_bytes;
} h5_t;

/* What a kind of store is as a matrix, when no dataset is asked for. */
static const struct kind {
    const char *kind, *dataset, *names;
    bool square; /* sparse, without attributes that tell its sizes */
    bool all;    /* names are those of the rows of every dataset that has as many */
} kinds[] = {{"embedding", "/embedding", "/vocab", false, true},
             {"matrix", "/matrix", "/vocab", false, false},
             {"cooccurrence", "", "/vocab", true, true},
             {"kg-model", "/entity/values", "/entity/names", false, false},
             {"svd", "/u", "/vocab", false, false}, /* rows of /v are columns of what it is of */
             {"qr", "/q", "/vocab", false, false},
             {"eigen", "/vectors", "/vocab", false, false},
             {"axes", "/scores", "/vocab", false, false},
             {"factors", "/coordinates", "/vocab", false, false},
             {"neighbors", "/scores", "/vocab", false, false}};

static const struct kind *kind_of(const trn_store_t *store) {
    const char *kind;
    if (trn_store_get_text(store, "/", "kind", &kind) != TRN_OK) return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0) return &kinds[i];
    return NULL;
}

static void set_names(const trn_source_t *source, h5_t *h5, const char *name) {
    trn_dtype_t type;
    int64_t rows;
    if (h5->names[0] || !trn_store_has(h5->store, name, &type, &rows, NULL)) return;
    bool inverse = rows > 0 && 2 * rows == source->rows && strcmp(name, "/relation/names") == 0;
    if (type != TRN_STRING || (rows != source->rows && !inverse)) return;
    snprintf(h5->names, NAME_BYTES, "%s", name);
    h5->nboth = inverse ? source->rows : 0;
}

/* The names of a dataset's rows: those that its kind says, of which there must be as many as rows
 * if it is the one that the kind means, `names` beside it, or the words. */
static trn_status_t find_names(trn_source_t *source, const struct kind *kind) {
    h5_t *h5 = source->self;
    char beside[NAME_BYTES];
    const char *slash = strrchr(source->member, '/');
    bool meant = kind && (!*source->member || strcmp(source->member, kind->dataset) == 0);
    trn_dtype_t type;
    int64_t rows;
    if (meant && trn_store_has(h5->store, kind->names, &type, &rows, NULL) &&
        (type != TRN_STRING || rows != source->rows))
        return trn_fail(TRN_INPUT, "%s:%s: %lld names for %lld rows; the file is damaged",
                        source->path, kind->names, (long long)rows, (long long)source->rows);
    if (meant || (kind && kind->all)) set_names(source, h5, kind->names);
    int length = snprintf(beside, sizeof beside, "%.*s/names",
                          slash ? (int)(slash - source->member) : 0, source->member);
    if (length < NAME_BYTES) set_names(source, h5, beside);
    source->named = h5->names[0] != '\0';
    return TRN_OK;
}

/* Local: the table of datasets is equal on all ranks. */
static trn_status_t describe_sparse(trn_source_t *source, bool square) {
    const trn_store_t *store = ((h5_t *)source->self)->store;
    const char *path = trn_store_path(store);
    int64_t starts, columns;
    trn_dtype_t type = TRN_OTHER;
    TRN_TRY(trn_store_need(store, "/row_ptr", TRN_I64, &starts, 0));
    TRN_TRY(trn_store_need(store, "/col", TRN_I32, &columns, 0));
    trn_store_has(store, "/value", &type, NULL, NULL);
    if (type != TRN_F32) type = TRN_F64;
    TRN_TRY(trn_store_need(store, "/value", type, &source->entries, 0));
    source->rows = source->cols = starts - 1;
    if (!square) TRN_TRY(trn_store_get_int(store, "/", "rows", &source->rows));
    if (!square) TRN_TRY(trn_store_get_int(store, "/", "cols", &source->cols));
    source->type = type;
    source->sparse = true;
    bool empty = source->rows == 0 || source->cols == 0;
    if (source->rows < 0 || source->cols < 0 || source->rows != starts - 1 ||
        (empty && source->entries > 0))
        return trn_fail(TRN_INPUT, "%s:/row_ptr: %lld numbers for %lld x %lld; damaged?", path,
                        (long long)starts, (long long)source->rows, (long long)source->cols);
    if (columns == source->entries) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:/col: %lld columns for %lld values; damaged?", path,
                    (long long)columns, (long long)source->entries);
}

static trn_status_t describe_dense(trn_source_t *source) {
    const trn_store_t *store = ((h5_t *)source->self)->store;
    TRN_TRY(trn_store_readable(store, source->member));
    trn_store_has(store, source->member, &source->type, &source->rows, &source->cols);
    if (source->type >= TRN_NUMBER_TYPES)
        return trn_fail(TRN_INPUT, "%s:%s: holds %ss, not numbers; name another dataset",
                        source->path, source->member, trn_dtype_name(source->type));
    source->flat = source->cols == 0;
    if (source->flat) source->cols = 1; /* a list of numbers is a column */
    return TRN_OK;
}

/* Without a dataset: what the kind means. */
static trn_status_t choose(trn_source_t *source, const struct kind *kind) {
    const trn_store_t *store = ((h5_t *)source->self)->store;
    const char *what = "";
    bool sparse = kind && (!*kind->dataset || (strcmp(kind->kind, "matrix") == 0 &&
                                               trn_store_has(store, "/row_ptr", NULL, NULL, NULL)));
    if (sparse && !*source->member) return describe_sparse(source, kind->square);
    if (!*source->member && kind) {
        trn_free(&source->member);
        TRN_TRY(trn_strdup(&source->member, kind->dataset));
    }
    if (*source->member) return describe_dense(source);
    (void)trn_store_get_text(store, "/", "kind", &what);
    return trn_fail(TRN_INPUT,
                    "%s: is of kind \"%s\", which is no matrix; name one of its datasets as "
                    "FILE:/DATASET (`trunnion info` lists them)",
                    source->path, what);
}

static trn_status_t settle(trn_source_t *source) {
    h5_t *h5 = source->self;
    const struct kind *kind = kind_of(h5->store);
    TRN_TRY(choose(source, kind));
    TRN_TRY(find_names(source, kind));
    if (!source->sparse) source->entries = source->rows * source->cols;
    int64_t row = source->cols * trn_dtype_size(source->type);
    h5->piece_bytes = source->sparse || row < PIECE_BYTES ? PIECE_BYTES : row;
    return TRN_OK;
}

/* A dataset may be named with or without its first slash. */
static trn_status_t tidy_member(trn_source_t *source) {
    if (!*source->member || *source->member == '/') return TRN_OK;
    char *name;
    size_t bytes = strlen(source->member) + 2;
    TRN_TRY(trn_alloc(&name, (int64_t)bytes, 1, "the name of a dataset"));
    snprintf(name, bytes, "/%s", source->member);
    trn_free(&source->member);
    source->member = name;
    return TRN_OK;
}

/* Whether a dataset of a store, the one asked for or meant, is laid out as no store of ours is, but
 * packed or swapped by others. Equal on all ranks. */
static bool is_foreign(const trn_source_t *source) {
    const trn_store_t *store = ((const h5_t *)source->self)->store;
    const struct kind *kind = kind_of(store);
    const char *name = *source->member ? source->member : kind ? kind->dataset : "";
    if (kind && !*source->member && trn_store_has(store, "/row_ptr", NULL, NULL, NULL))
        return false;
    if (!*name) return false;
    return !trn_store_has(store, name, NULL, NULL, NULL) ||
           trn_store_readable(store, name) != TRN_OK;
}

/* A store whose datasets others have packed. Collective. */
static trn_status_t open_packed(trn_source_t *source) {
    h5_t *h5 = source->self;
    const struct kind *kind = kind_of(h5->store);
    trn_status_t status = TRN_OK;
    if (!*source->member && kind) {
        trn_free(&source->member);
        status = trn_strdup(&source->member, kind->dataset);
    }
    trn_store_close(&h5->store);
    TRN_AGREE(source->comm, status);
    return trn_h5_foreign_open(&h5->foreign, source);
}

static trn_status_t open_h5(trn_source_t *source) {
    int rank;
    bool ours = true;
    MPI_Comm_rank(source->comm, &rank);
    trn_status_t status = trn_alloc_zero(&source->self, 1, sizeof(h5_t), "an HDF5 file");
    if (status == TRN_OK) status = tidy_member(source);
    if (status == TRN_OK && rank == 0) status = trn_store_recognized(source->path, &ours);
    TRN_AGREE(source->comm, status);
    h5_t *h5 = source->self;
    if (trn_any(source->comm, rank == 0 && !ours)) return trn_h5_foreign_open(&h5->foreign, source);
    TRN_TRY(trn_store_open(&h5->store, source->comm, source->path, NULL));
    if (is_foreign(source)) return open_packed(source);
    return trn_agree(source->comm, settle(source));
}

static void close_h5(trn_source_t *source) {
    h5_t *h5 = source->self;
    if (!h5) return;
    trn_h5_foreign_close(&h5->foreign);
    trn_store_close(&h5->store);
    trn_free(&h5->piece);
    trn_free(&h5->both);
    trn_free(&source->self);
}

/* Elements [first, first + count) of a dataset whose rows have `cols` of them, as another type. */
static trn_status_t read_as(h5_t *h5, const char *name, trn_dtype_t stored, int64_t cols,
                            int64_t first, int64_t rows, trn_dtype_t type, void *values,
                            trn_misfit_t *misfit) {
    if (stored == type) return trn_store_read(h5->store, name, first, rows, values);
    int64_t row = cols * trn_dtype_size(stored), step = row > 0 ? h5->piece_bytes / row : rows;
    if (!h5->piece) TRN_TRY(trn_alloc(&h5->piece, h5->piece_bytes, 1, "numbers to convert"));
    for (int64_t done = 0, some; done < rows; done += some) {
        some = rows - done < step ? rows - done : step;
        TRN_TRY(trn_store_read(h5->store, name, first + done, some, h5->piece));
        trn_numbers_t from = {stored, false, h5->piece, 1};
        trn_numbers_t to = {type, false, (char *)values + done * cols * trn_dtype_size(type), 1};
        trn_convert(from, to, some * cols, (first + done) * cols, misfit);
    }
    return TRN_OK;
}

static trn_status_t read_h5(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                            void *values, trn_misfit_t *misfit) {
    h5_t *h5 = source->self;
    if (h5->foreign)
        return trn_h5_foreign_read(h5->foreign, source, first, rows, type, values, misfit);
    return read_as(source->self, source->member, source->type, source->cols, first, rows, type,
                   values, misfit);
}

/* Sparse rows ---------------------------------------------------------------------------------- */

/* What becomes a block; trn_sparse_adopt takes it over. */
typedef struct band {
    int64_t *start; /* [rows + 1] */
    int32_t *column;
    void *values;
} band_t;

/* Where the rows begin among all entries, made relative to *first, the first of the band. */
static trn_status_t read_starts(trn_source_t *source, trn_extent_t place, band_t *band,
                                int64_t *first) {
    h5_t *h5 = source->self;
    TRN_TRY(trn_alloc_zero(&band->start, place.rows + 1, sizeof *band->start, "row pointers"));
    int64_t *start = band->start;
    *first = 0;
    if (place.rows == 0) return TRN_OK;
    TRN_TRY(trn_store_read(h5->store, "/row_ptr", place.first_row, place.rows + 1, start));
    bool good =
        start[0] >= 0 && start[place.rows] <= source->entries &&
        (place.first_row > 0 || start[0] == 0) &&
        (place.first_row + place.rows < source->rows || start[place.rows] == source->entries);
    for (int64_t i = 0; i < place.rows && good; i++)
        good = start[i] <= start[i + 1];
    if (!good)
        return trn_fail(TRN_INPUT, "%s:/row_ptr: does not ascend from 0 to %lld; damaged?",
                        source->path, (long long)source->entries);
    *first = start[0];
    for (int64_t i = 0; i <= place.rows; i++)
        start[i] -= *first;
    return TRN_OK;
}

static trn_status_t read_band(trn_source_t *source, trn_sparse_type_t type, trn_extent_t place,
                              band_t *band, trn_misfit_t *misfit) {
    h5_t *h5 = source->self;
    trn_dtype_t wanted = type == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    int64_t first;
    TRN_TRY(read_starts(source, place, band, &first));
    int64_t count = band->start[place.rows];
    TRN_TRY(trn_alloc(&band->column, count, sizeof *band->column, "column numbers"));
    TRN_TRY(trn_alloc(&band->values, count, (size_t)trn_dtype_size(wanted), "sparse values"));
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_store_read(h5->store, "/col", first, count, band->column));
    trn_misfit_t found = {0};
    TRN_TRY(read_as(h5, "/value", source->type, 1, first, count, wanted, band->values, &found));
    if (found.count > 0 && misfit->count == 0) misfit->first = place.first_row * source->cols;
    misfit->count += found.count;
    return TRN_OK;
}

static trn_status_t read_sparse(trn_source_t *source, trn_sparse_type_t type, trn_extent_t place,
                                trn_sparse_t **out, trn_misfit_t *misfit) {
    band_t band = {0};
    h5_t *h5 = source->self;
    if (h5->foreign)
        return trn_h5_foreign_read_sparse(h5->foreign, source, type, place, out, misfit);
    trn_status_t status = read_band(source, type, place, &band, misfit);
    if (status == TRN_OK)
        status = trn_sparse_adopt(out, type, place, band.start, band.column, band.values);
    if (status == TRN_OK) return TRN_OK; /* the arrays are the block's now */
    trn_free(&band.start);
    trn_free(&band.column);
    trn_free(&band.values);
    if (status != TRN_USAGE) return status;
    return trn_fail(TRN_INPUT, "%s:/col: %s; sort the columns of every row", source->path,
                    trn_message());
}

/* Names, and what else there is ---------------------------------------------------------------- */

static trn_status_t names_h5(trn_source_t *source, int64_t first, int64_t count, char ***names) {
    h5_t *h5 = source->self;
    if (h5->foreign) return trn_h5_foreign_names(h5->foreign, source, first, count, names);
    if (h5->nboth > 0) {
        int rank;
        MPI_Comm_rank(source->comm, &rank);
        *names = NULL;
        if (!h5->both) TRN_TRY(trn_h5_both_names(h5->store, h5->names, source->comm, &h5->both));
        return trn_agree(source->comm,
                         rank == 0 ? trn_strings_copy(count, h5->both + first, names) : TRN_OK);
    }
    return trn_store_read_some_strings(h5->store, h5->names, first, count, names);
}

/* Compressed columns of others. */
static trn_status_t route_h5(trn_source_t *source, trn_dtype_t type, const trn_route_t *to) {
    return trn_h5_foreign_route(((h5_t *)source->self)->foreign, source, type, to);
}

static void tell_h5(trn_source_t *source, json_t *into) {
    h5_t *h5 = source->self;
    if (h5->foreign) trn_h5_foreign_tell(h5->foreign, into);
}

static trn_status_t verify_h5(trn_source_t *source) {
    return trn_store_verify(((h5_t *)source->self)->store);
}

/* Writing stores ------------------------------------------------------------------------------- */

/* What goes beside the rows. Collective. */
static trn_status_t declare_names(trn_store_t *store, const trn_sink_t *sink) {
    if (sink->ids) TRN_TRY(trn_store_dataset(store, "/ids", TRN_I64, sink->rows, 0));
    if (!sink->named) return TRN_OK;
    return trn_store_strings_from(store, "/vocab", sink->rows, sink->names_bytes, sink->some_names,
                                  sink->names_self);
}

static trn_status_t begin_h5(trn_sink_t *sink) {
    if (*sink->member) return trn_h5_member_begin(sink);
    bool embedding = sink->named && sink->type == TRN_F32;
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, sink->comm, sink->path, embedding ? "embedding" : "matrix",
                             sink->created_by, sink->params, sink->seed));
    trn_status_t status = trn_store_dataset(store, embedding ? "/embedding" : "/matrix", sink->type,
                                            sink->rows, sink->flat ? 0 : sink->cols);
    if (status == TRN_OK) status = declare_names(store, sink);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status != TRN_OK) trn_store_abandon(&store);
    sink->self = store;
    return status;
}

static trn_status_t put_h5(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    if (*sink->member) return trn_h5_member_put(sink, first, rows, values);
    bool embedding = sink->named && sink->type == TRN_F32;
    if (sink->ids) TRN_TRY(trn_store_write(sink->self, "/ids", first, rows, sink->ids + first));
    return trn_store_write(sink->self, embedding ? "/embedding" : "/matrix", first, rows, values);
}

static trn_status_t finish_h5(trn_sink_t *sink, trn_status_t status) {
    if (*sink->member) return trn_h5_member_finish(sink, status);
    trn_store_t *store = sink->self;
    sink->self = NULL;
    return trn_store_commit_replace(&store, status);
}

static int64_t write_bytes(const trn_sink_t *sink, bool first) {
    int64_t own = trn_ledger_bytes(sink->own_rows * sink->cols, trn_dtype_size(sink->type));
    return trn_store_write_bytes(own) + (first && sink->named ? trn_store_strings_bytes() : 0);
}

/* Rows and entries of all ranks, and those of the ranks before this one. */
typedef struct totals {
    int64_t rows, entries, rows_before, entries_before;
    bool last; /* this rank writes the end of all row pointers */
} totals_t;

/* Collective. The bands must be what the whole is made of, in rank order. */
static trn_status_t add_up(const trn_sink_t *sink, const trn_sparse_t *sparse, totals_t *totals) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    int64_t mine[2] = {x.rows, trn_sparse_count(sparse)}, before[2] = {0, 0};
    MPI_Exscan(mine, before, 2, MPI_INT64_T, MPI_SUM, sink->comm);
    if (rank == 0) before[0] = before[1] = 0;
    MPI_Allreduce(MPI_IN_PLACE, mine, 2, MPI_INT64_T, MPI_SUM, sink->comm);
    bool last = mine[0] == 0 ? rank == 0 : x.rows > 0 && before[0] + x.rows == mine[0];
    *totals = (totals_t){mine[0], mine[1], before[0], before[1], last};
    trn_status_t status = TRN_OK;
    if (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN) /* equal on all ranks */
        status =
            trn_fail(TRN_USAGE, "%s: a store needs values; write a pattern as .mtx", sink->path);
    else if (x.rows > 0 && (x.first_row != before[0] || x.first_col != 0 || x.cols != sink->cols))
        status = trn_fail(TRN_USAGE, "%s: only a matrix cut into bands of rows can be saved",
                          sink->path);
    return trn_agree(sink->comm, status);
}

/* Collective. */
static trn_status_t declare(trn_store_t *store, const trn_sink_t *sink, const trn_sparse_t *sparse,
                            const totals_t *totals) {
    trn_dtype_t type = trn_sparse_type(sparse) == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    TRN_TRY(trn_store_set_int(store, "/", "rows", totals->rows));
    TRN_TRY(trn_store_set_int(store, "/", "cols", sink->cols));
    TRN_TRY(trn_store_dataset(store, "/row_ptr", TRN_I64, totals->rows + 1, 0));
    TRN_TRY(trn_store_dataset(store, "/col", TRN_I32, totals->entries, 0));
    TRN_TRY(trn_store_dataset(store, "/value", type, totals->entries, 0));
    TRN_TRY(declare_names(store, sink));
    return trn_store_begin(store);
}

/* This rank's starts, counted from the whole matrix's first entry; the end of all comes from the
 * last rank that has rows, or from rank 0. */
static trn_status_t write_starts(trn_store_t *store, const trn_sparse_t *sparse,
                                 const totals_t *totals) {
    enum { PIECE = 1 << 17 };
    int64_t rows = trn_sparse_extent(sparse).rows + (totals->last ? 1 : 0), *piece;
    TRN_TRY(trn_alloc(&piece, PIECE, sizeof *piece, "row pointers to write"));
    trn_status_t status = TRN_OK;
    for (int64_t done = 0; done < rows && status == TRN_OK; done += PIECE) {
        int64_t some = rows - done < PIECE ? rows - done : PIECE;
        for (int64_t i = 0; i < some; i++)
            piece[i] = totals->entries_before + trn_sparse_start(sparse)[done + i];
        status = trn_store_write(store, "/row_ptr", totals->rows_before + done, some, piece);
    }
    trn_free(&piece);
    return status;
}

static trn_status_t write_band(trn_store_t *store, const trn_sink_t *sink,
                               const trn_sparse_t *sparse, const totals_t *totals) {
    int64_t first = totals->entries_before, count = trn_sparse_count(sparse);
    int64_t row = totals->rows_before, rows = trn_sparse_extent(sparse).rows;
    if (sink->ids && rows > 0) TRN_TRY(trn_store_write(store, "/ids", row, rows, sink->ids + row));
    TRN_TRY(write_starts(store, sparse, totals));
    TRN_TRY(trn_store_write(store, "/col", first, count, trn_sparse_column(sparse)));
    return trn_store_write(store, "/value", first, count, trn_sparse_values(sparse));
}

static trn_status_t save_sparse(const trn_sink_t *sink, const trn_sparse_t *sparse) {
    totals_t totals;
    trn_store_t *store;
    TRN_TRY(add_up(sink, sparse, &totals));
    TRN_TRY(trn_store_create(&store, sink->comm, sink->path, "matrix", sink->created_by,
                             sink->params, sink->seed));
    trn_status_t status = declare(store, sink, sparse, &totals);
    if (status == TRN_OK)
        return trn_store_commit_replace(&store, write_band(store, sink, sparse, &totals));
    trn_store_abandon(&store);
    return status;
}

static bool begins(const char *head, int64_t bytes) {
    return bytes >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

const trn_file_format_t trn_format_h5 = {
    .name = "h5",
    .title = "HDF5 file",
    .endings = {".h5", ".hdf5"},
    .holds = TRN_HOLDS_SPARSE | TRN_HOLDS_NAMES | TRN_HOLDS_MEMBERS,
    .types = 1 << TRN_F32 | 1 << TRN_F64 | 1 << TRN_I8 | 1 << TRN_I16 | 1 << TRN_I32 |
             1 << TRN_I64 | 1 << TRN_U8 | 1 << TRN_U16 | 1 << TRN_U32 | 1 << TRN_U64,
    .member = (1U << TRN_NUMBER_TYPES) - 1 - (1U << TRN_BOOL),
    .begins = begins,
    .open = open_h5,
    .close = close_h5,
    .read = read_h5,
    .read_sparse = read_sparse,
    .route = route_h5,
    .names = names_h5,
    .verify = verify_h5,
    .tell = tell_h5,
    .list = trn_h5_foreign_list,
    .begin = begin_h5,
    .put = put_h5,
    .finish = finish_h5,
    .write_bytes = write_bytes,
    .save_sparse = save_sparse,
};
