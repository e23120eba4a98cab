/* codebook.c: centers in files. */
#include "algo/cluster/codebook.h"

#include "base/mem.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "kern/dense/convert.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <string.h>

void trn_codebook_free(trn_codebook_t *book) {
    trn_free(&book->center);
    trn_free(&book->label);
    *book = (trn_codebook_t){0};
}

/* Whether `path` is a store with a codebook; then it is open. Collective. */
static trn_status_t open_store(trn_store_t **store, MPI_Comm comm, const char *path) {
    bool ours = false;
    int rank, answer;
    *store = NULL;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = TRN_OK;
    if (rank == 0 && !trn_path_has_member(path)) status = trn_store_recognized(path, &ours);
    TRN_AGREE(comm, status);
    answer = ours;
    MPI_Bcast(&answer, 1, MPI_INT, 0, comm);
    if (!answer) return TRN_OK;
    TRN_TRY(trn_store_open(store, comm, path, NULL));
    if (!trn_store_has(*store, "/codebook", NULL, NULL, NULL)) trn_store_close(store);
    return TRN_OK;
}

/* Numbers of any of our types as float64. */
static trn_status_t read_center(trn_codebook_t *book, trn_store_t *store, int64_t rows,
                                int64_t cols, trn_dtype_t type) {
    TRN_TRY(trn_alloc(&book->center, rows * cols, sizeof *book->center, "a codebook"));
    if (type == TRN_F64) return trn_store_read(store, "/codebook", 0, rows, book->center);
    float *narrow;
    TRN_TRY(trn_alloc(&narrow, rows * cols, sizeof *narrow, "a codebook in float32"));
    trn_status_t status = trn_store_read(store, "/codebook", 0, rows, narrow);
    for (int64_t i = 0; i < rows * cols && status == TRN_OK; i++)
        book->center[i] = (double)narrow[i];
    trn_free(&narrow);
    return status;
}

/* Every rank reads all of them: who makes logits wants them all. */
static trn_status_t read_labels(trn_codebook_t *book, trn_store_t *store) {
    if (!trn_store_has(store, "/labels", NULL, NULL, NULL))
        return trn_fail(TRN_INPUT, "%s: has no /labels; make it with kmeans, or quantize --vq",
                        book->path);
    TRN_TRY(trn_store_need(store, "/labels", TRN_I32, &book->rows, 0));
    TRN_TRY(trn_alloc(&book->label, book->rows, sizeof *book->label, "labels"));
    TRN_TRY(trn_store_read(store, "/labels", 0, book->rows, book->label));
    for (int64_t i = 0; i < book->rows; i++)
        if (book->label[i] < 0 || book->label[i] >= book->k)
            return trn_fail(TRN_INPUT, "%s: /labels: entry %lld is %d, but there are %lld centers",
                            book->path, (long long)i, book->label[i], (long long)book->k);
    return TRN_OK;
}

/* Local: any rank reads. */
static trn_status_t read_store(trn_codebook_t *book, trn_store_t *store, bool labels) {
    trn_dtype_t type;
    int64_t rows, cols, signs = 0;
    TRN_TRY(trn_store_readable(store, "/codebook"));
    trn_store_has(store, "/codebook", &type, &rows, &cols);
    if (trn_store_get_int(store, "/", "parts", &book->parts) != TRN_OK) book->parts = 1;
    if ((type != TRN_F32 && type != TRN_F64) || cols < 1 || rows < 1 || book->parts < 1 ||
        rows % book->parts != 0)
        return trn_fail(TRN_INPUT,
                        "%s: /codebook of %lld x %lld numbers of %s in %lld parts is "
                        "none of ours",
                        book->path, (long long)rows, (long long)cols, trn_dtype_name(type),
                        (long long)book->parts);
    book->k = rows / book->parts;
    book->width = cols;
    book->signs = trn_store_get_int(store, "/", "signs", &signs) == TRN_OK && signs;
    if (book->signs && (cols > 16 || book->k != (int64_t)1 << cols))
        return trn_fail(TRN_INPUT, "%s: /codebook has %lld centers for the signs of %lld numbers",
                        book->path, (long long)book->k, (long long)cols);
    TRN_TRY(read_center(book, store, rows, cols, type));
    return labels ? read_labels(book, store) : TRN_OK;
}

/* Rank 0 reads a matrix of any other kind; the others get it. Collective. */
static trn_status_t read_matrix(trn_codebook_t *book, MPI_Comm comm) {
    trn_rows_t *rows;
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_rows_open(&rows, comm, book->path, &(trn_rows_how_t){0}));
    const trn_rows_about_t *about = trn_rows_about(rows);
    int64_t count = about->rows * about->cols;
    book->parts = 1;
    book->k = about->rows;
    book->width = about->cols;
    trn_status_t status = TRN_OK;
    if (about->routed || about->sparse || count == 0)
        status = trn_fail(TRN_INPUT,
                          "%s: centers must be a dense matrix in order of rows, and not "
                          "empty (convert makes a .npy of it)",
                          book->path);
    if (status == TRN_OK)
        status = trn_alloc(&book->center, count, sizeof *book->center, "a codebook");
    if (status == TRN_OK && rank == 0)
        status = trn_rows_read(rows, 0, book->k, TRN_F64, book->center);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_rows_outcome(rows);
    if (status == TRN_OK) trn_bcast_large(comm, count, MPI_DOUBLE, book->center);
    trn_rows_close(&rows);
    return status;
}

/* A NaN would be the nearest to nothing, and a label would be missing. */
static trn_status_t check_finite(const trn_codebook_t *book) {
    int64_t at = trn_not_finite_f64(book->parts * book->k * book->width, book->center);
    if (at < 0) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: row %lld, column %lld (from 0) is %g; only finite numbers are "
                    "taken",
                    book->path, (long long)(at / book->width), (long long)(at % book->width),
                    book->center[at]);
}

/* A store says itself what it is; anything else is taken for a matrix. */
trn_status_t trn_codebook_read(trn_codebook_t *book, MPI_Comm comm, const char *path, bool wanted) {
    trn_store_t *store;
    *book = (trn_codebook_t){.path = path};
    TRN_TRY(open_store(&store, comm, path));
    trn_status_t status;
    if (store)
        status = trn_agree(comm, read_store(book, store, wanted));
    else if (wanted)
        status = trn_agree(comm, trn_fail(TRN_INPUT,
                                          "%s: is no codebook with labels; make one with "
                                          "kmeans, or quantize --vq",
                                          path));
    else
        status = read_matrix(book, comm);
    trn_store_close(&store);
    if (status == TRN_OK) status = trn_agree(comm, check_finite(book));
    if (status != TRN_OK) trn_codebook_free(book);
    return status;
}

/* Parts follow each other: row p k + c is center c of part p. */
trn_status_t trn_codebook_declare(trn_store_t *store, int64_t parts, int64_t k, int64_t width,
                                  trn_dtype_t type) {
    TRN_TRY(trn_store_dataset(store, "/codebook", type, parts * k, width));
    return trn_store_set_int(store, "/", "parts", parts);
}

/* Float64 rows without gaps become float32 some at a time. */
trn_status_t trn_codebook_write(trn_store_t *store, int64_t first, trn_view_t center,
                                trn_dtype_t type) {
    enum { PIECE = 1 << 16 /* numbers that are converted at a time */ };
    int64_t width = center.cols, piece = PIECE / width < 1 ? 1 : PIECE / width;
    const double *from = center.data;
    float *narrow;
    if (type == TRN_F64) return trn_store_write(store, "/codebook", first, center.rows, from);
    TRN_TRY(trn_alloc(&narrow, piece * width, sizeof *narrow, "a codebook in float32"));
    trn_status_t status = TRN_OK;
    for (int64_t at = 0; at < center.rows && status == TRN_OK; at += piece) {
        int64_t some = center.rows - at < piece ? center.rows - at : piece;
        for (int64_t i = 0; i < some * width && status == TRN_OK; i++) {
            narrow[i] = (float)from[at * width + i];
            if (isinf(narrow[i]))
                status = trn_fail(TRN_NUMERIC,
                                  "center %lld: float32 does not hold %g; write --dtype f64",
                                  (long long)(first + at + i / width), from[at * width + i]);
        }
        if (status == TRN_OK)
            status = trn_store_write(store, "/codebook", first + at, some, narrow);
    }
    trn_free(&narrow);
    return status;
}
