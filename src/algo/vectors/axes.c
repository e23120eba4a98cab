/* axes.c: pairs of names, their rows, the directions between them, products with every row. */
#include "algo/vectors/axes.h"

#include "algo/matrix/spectral/tall_orthonormal.h"
#include "algo/matrix/tall_file.h"
#include "algo/rows/row_names.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "mpi/large.h"
#include "text/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void trn_axes_free(trn_axes_t *axes) {
    trn_free(&axes->row);
    trn_free(&axes->line);
    trn_free(&axes->label);
    trn_free(&axes->axis);
    trn_free(&axes->cosine);
    trn_free(&axes->spectrum);
}

/* Pairs ---------------------------------------------------------------------------------------- */

/* Rank 0: both words of every line, and the rows that they turn out to be. */
typedef struct words {
    trn_name_list_t list;
    char **word;  /* [2 count] */
    int64_t *row; /* [2 count] */
} words_t;

static void words_free(words_t *w) {
    trn_name_list_free(&w->list);
    trn_free(&w->word);
    trn_free(&w->row);
}

/* Rank 0: the words of all lines, cut out of the list's text. */
static trn_status_t read_words(words_t *w, const char *path) {
    TRN_TRY(trn_name_list_read(&w->list, path));
    int64_t count = w->list.count;
    if (count == 0) return trn_fail(TRN_INPUT, "%s: holds no pairs; write lines 'A<tab>B'", path);
    TRN_TRY(trn_alloc(&w->word, 2 * count, sizeof *w->word, "pairs of words"));
    TRN_TRY(trn_alloc(&w->row, 2 * count, sizeof *w->row, "rows of words"));
    for (int64_t i = 0; i < count; i++) {
        char *other = w->list.rest[i] + strspn(w->list.rest[i], TRN_BLANKS);
        char *end = other + strlen(other);
        while (end > other && strchr(TRN_BLANKS, end[-1]))
            *--end = '\0';
        if (!*other || strchr(other, '\t'))
            return trn_fail(TRN_INPUT, "%s:%lld: is no pair; write 'A<tab>B'", path,
                            (long long)w->list.line[i]);
        w->word[2 * i] = w->list.name[i];
        w->word[2 * i + 1] = other;
    }
    return TRN_OK;
}

/* Rank 0: pair i of the list, which is the next one, unless it is left out. */
static trn_status_t take_pair(trn_axes_t *axes, const words_t *w, int64_t i, const char *file,
                              bool skip) {
    const int64_t *row = w->row + 2 * i;
    long long line = (long long)w->list.line[i];
    for (int k = 0; k < 2; k++) {
        if (row[k] >= 0) continue;
        axes->left_out++;
        if (skip) return TRN_OK;
        return trn_fail(TRN_INPUT,
                        "%s:%lld: no row of %s is called '%.60s'; --unknown skip leaves such pairs "
                        "out",
                        axes->path, line, file, w->word[2 * i + k]);
    }
    if (row[0] == row[1])
        return trn_fail(TRN_INPUT, "%s:%lld: '%.60s' and '%.60s' are one row, so no axis",
                        axes->path, line, w->word[2 * i], w->word[2 * i + 1]);
    axes->row[2 * axes->count] = row[0];
    axes->row[2 * axes->count + 1] = row[1];
    axes->line[axes->count++] = i; /* of the list yet, for its label */
    return TRN_OK;
}

/* Rank 0: "a - b" as the list spells it; axes->line holds places in the list until here. */
static trn_status_t make_labels(trn_axes_t *axes, const words_t *w) {
    static const char between[] = " - ";
    int64_t bytes = 0, used = 0;
    char *text;
    for (int64_t j = 0; j < axes->count; j++)
        bytes += trn_strings_bytes(2, w->word + 2 * axes->line[j]) + (int64_t)sizeof between;
    TRN_TRY(trn_alloc(&text, bytes, 1, "names of axes"));
    for (int64_t j = 0; j < axes->count; j++) {
        char *const *word = w->word + 2 * axes->line[j];
        used +=
            1 + snprintf(text + used, (size_t)(bytes - used), "%s%s%s", word[0], between, word[1]);
        axes->line[j] = w->list.line[axes->line[j]];
    }
    trn_status_t status = trn_strings_make(axes->count, text, used, &axes->label);
    trn_free(&text);
    return status;
}

/* Rank 0. */
static trn_status_t take_pairs(trn_axes_t *axes, const words_t *w, const char *file, bool skip) {
    int64_t count = w->list.count;
    TRN_TRY(trn_alloc(&axes->row, 2 * count, sizeof *axes->row, "rows of pairs"));
    TRN_TRY(trn_alloc(&axes->line, count, sizeof *axes->line, "lines of pairs"));
    for (int64_t i = 0; i < count; i++)
        TRN_TRY(take_pair(axes, w, i, file, skip));
    if (axes->count == 0)
        return trn_fail(TRN_INPUT, "%s: %s has the words of no pair", axes->path, file);
    return make_labels(axes, w);
}

/* Collective. */
static trn_status_t share_pairs(trn_axes_t *axes, MPI_Comm comm) {
    MPI_Bcast(&axes->count, 1, MPI_INT64_T, 0, comm);
    MPI_Bcast(&axes->left_out, 1, MPI_INT64_T, 0, comm);
    int64_t bytes = axes->count * (int64_t)sizeof(int64_t), twice = 2 * bytes;
    TRN_TRY(trn_share(comm, &axes->line, &bytes, "lines of pairs"));
    return trn_share(comm, &axes->row, &twice, "rows of pairs");
}

trn_status_t trn_axes_read(trn_axes_t *axes, MPI_Comm comm, const char *path, trn_rows_t *rows,
                           bool skip) {
    words_t w = {0};
    int rank;
    MPI_Comm_rank(comm, &rank);
    *axes = (trn_axes_t){.path = path, .cols = trn_rows_about(rows)->cols};
    trn_status_t status;
    TRN_OR(done, trn_agree(comm, rank == 0 ? read_words(&w, path) : TRN_OK));
    int64_t count = 2 * w.list.count;
    MPI_Bcast(&count, 1, MPI_INT64_T, 0, comm);
    TRN_OR(done, trn_row_names_find_like(rows, comm, count, w.word, w.row));
    TRN_OR(done,
           trn_agree(comm, rank == 0 ? take_pairs(axes, &w, trn_rows_path(rows), skip) : TRN_OK));
    status = share_pairs(axes, comm);
done:
    words_free(&w);
    if (status != TRN_OK) trn_axes_free(axes);
    return status;
}

/* Axes ----------------------------------------------------------------------------------------- */

/* ends[2 count x cols] = the rows of the pairs, those of this rank; zeros for the others. Every
 * block passes by, for a matrix that streams is looked at in whole passes. Local. */
static void take_rows(const trn_axes_t *axes, trn_tall_t x, double *ends) {
    int64_t rows = trn_tall_block(x.rows), first = trn_tall_first_block(x);
    int64_t blocks = (x.block.rows + rows - 1) / rows;
    for (int64_t b = first; b < first + blocks; b++) {
        trn_view_t view = trn_tall_block_rows(x, b);
        for (int64_t k = 0; k < 2 * axes->count; k++) {
            int64_t at = axes->row[k] - b * rows;
            if (at < 0 || at >= view.rows) continue;
            memcpy(ends + k * axes->cols, (double *)view.data + at * view.stride,
                   (size_t)axes->cols * sizeof *ends);
        }
    }
}

/* axis j = the difference of its ends, of length 1. */
static trn_status_t make_axes(trn_axes_t *axes, const double *ends) {
    int64_t cols = axes->cols;
    for (int64_t j = 0; j < axes->count; j++) {
        const double *a = ends + 2 * j * cols, *b = a + cols;
        double *axis = axes->axis + j * cols, largest = 0, square = 0;
        for (int64_t i = 0; i < cols; i++) {
            axis[i] = a[i] - b[i];
            largest = fmax(largest, fabs(axis[i]));
        }
        if (!(largest > 0) || isinf(largest))
            return trn_fail(TRN_INPUT, "%s:%lld: rows %lld and %lld %s, so they span no axis",
                            axes->path, (long long)axes->line[j], (long long)axes->row[2 * j],
                            (long long)axes->row[2 * j + 1],
                            largest > 0 ? "are too far apart" : "are equal");
        for (int64_t i = 0; i < cols; i++)
            square += (axis[i] / largest) * (axis[i] / largest); /* no overflow, no underflow */
        double length = sqrt(square);
        for (int64_t i = 0; i < cols; i++)
            axis[i] = axis[i] / largest / length;
    }
    return TRN_OK;
}

/* Exactly symmetric. Plain loops: pairs are few, and every rank comes to the same bits. */
static void make_cosines(trn_axes_t *axes) {
    int64_t n = axes->count, cols = axes->cols;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < cols; k++)
                sum += axes->axis[i * cols + k] * axes->axis[j * cols + k];
            axes->cosine[i * n + j] = axes->cosine[j * n + i] = sum;
        }
}

/* Eigenvalues of the cosines; `work` is as large as they are. Collective. */
static trn_status_t make_spectrum(trn_axes_t *axes, MPI_Comm comm, double *work) {
    int64_t n = axes->count;
    memcpy(work, axes->cosine, (size_t)(n * n) * sizeof *work);
    TRN_TRY(trn_tall_eig(comm, n, work, axes->spectrum, axes->path));
    for (int64_t i = 0; i < n / 2; i++) {
        double low = axes->spectrum[i];
        axes->spectrum[i] = axes->spectrum[n - 1 - i];
        axes->spectrum[n - 1 - i] = low;
    }
    return TRN_OK;
}

trn_status_t trn_axes_make(trn_axes_t *axes, trn_tall_in_t *in) {
    MPI_Comm comm = in->tall.comm;
    int64_t n = axes->count, cols = axes->cols;
    double *ends = NULL, *work = NULL;
    trn_status_t status = trn_alloc_zero(&ends, 2 * n * cols, sizeof *ends, "rows of pairs");
    if (status == TRN_OK) status = trn_alloc(&axes->axis, n * cols, sizeof *axes->axis, "axes");
    if (status == TRN_OK) status = trn_alloc(&axes->cosine, n * n, sizeof *work, "cosines");
    if (status == TRN_OK) status = trn_alloc(&axes->spectrum, n, sizeof *work, "a spectrum");
    if (status == TRN_OK) status = trn_alloc(&work, n * n, sizeof *work, "cosines");
    TRN_OR(done, trn_agree(comm, status));
    take_rows(axes, in->tall, ends);
    TRN_OR(done, trn_tall_in_outcome(in, TRN_OK));
    /* Rows lie on one rank each, so sums with zeros are the rows themselves. */
    trn_sum_large(comm, 2 * n * cols, MPI_DOUBLE, ends);
    TRN_OR(done, trn_agree(comm, make_axes(axes, ends)));
    make_cosines(axes);
    status = make_spectrum(axes, comm, work);
done:
    trn_free(&ends);
    trn_free(&work);
    return status;
}

/* The store ------------------------------------------------------------------------------------ */

trn_status_t trn_axes_declare(const trn_axes_t *axes, const trn_tall_in_t *in, trn_store_t *store) {
    int64_t n = axes->count;
    TRN_TRY(trn_store_dataset(store, "/scores", TRN_F64, in->in.info.rows, n));
    TRN_TRY(trn_store_dataset(store, "/axes", TRN_F64, n, axes->cols));
    TRN_TRY(trn_store_dataset(store, "/cosines", TRN_F64, n, n));
    TRN_TRY(trn_store_dataset(store, "/spectrum", TRN_F64, n, 0));
    TRN_TRY(trn_store_dataset(store, "/rows", TRN_I64, n, 2));
    return trn_store_strings(store, "/pairs", n, (const char *const *)axes->label);
}

/* scores[rows x count] of a block: BLAS sees the blocks that the matrix has, whoever owns them. */
static trn_status_t write_scores(const trn_axes_t *axes, const trn_tall_in_t *in,
                                 const double *back, double *scores, trn_store_t *store) {
    trn_tall_t x = in->tall;
    int64_t rows = trn_tall_block(x.rows), first = trn_tall_first_block(x), n = axes->count;
    int64_t blocks = (x.block.rows + rows - 1) / rows;
    for (int64_t b = first; b < first + blocks; b++) {
        trn_view_t view = trn_tall_block_rows(x, b);
        trn_tall_t part = {.comm = x.comm, .rows = view.rows, .block = view};
        trn_view_t out = {TRN_MATRIX_F64, view.rows, n, n, scores};
        trn_tall_multiply(1, part, back, n, 0,
                          (trn_tall_t){.comm = x.comm, .rows = view.rows, .block = out});
        TRN_TRY(trn_store_write(store, "/scores", b * rows, view.rows, scores));
    }
    return TRN_OK;
}

/* What every rank has, rank 0 writes. */
static trn_status_t write_small(const trn_axes_t *axes, trn_store_t *store) {
    int64_t n = axes->count;
    TRN_TRY(trn_store_write(store, "/axes", 0, n, axes->axis));
    TRN_TRY(trn_store_write(store, "/cosines", 0, n, axes->cosine));
    TRN_TRY(trn_store_write(store, "/spectrum", 0, n, axes->spectrum));
    return trn_store_write(store, "/rows", 0, n, axes->row);
}

/* Rows of the largest block. */
static int64_t block_rows(const trn_tall_in_t *in) {
    int64_t rows = trn_tall_block(in->in.info.rows);
    return rows < in->in.info.rows ? rows : in->in.info.rows;
}

trn_status_t trn_axes_write(const trn_axes_t *axes, const trn_tall_in_t *in, trn_store_t *store) {
    int64_t n = axes->count, cols = axes->cols;
    double *back = NULL, *scores = NULL;
    int rank;
    MPI_Comm_rank(in->tall.comm, &rank);
    trn_status_t status = trn_alloc(&back, n * cols, sizeof *back, "axes");
    if (status == TRN_OK) status = trn_alloc(&scores, block_rows(in) * n, sizeof *scores, "scores");
    /* Axes as columns, which products with rows want. */
    for (int64_t j = 0; j < n && status == TRN_OK; j++)
        for (int64_t k = 0; k < cols; k++)
            back[k * n + j] = axes->axis[j * cols + k];
    if (status == TRN_OK) status = write_scores(axes, in, back, scores, store);
    if (status == TRN_OK && rank == 0) status = write_small(axes, store);
    trn_free(&back);
    trn_free(&scores);
    return status;
}

void trn_axes_plan(trn_ledger_t *ledger, const trn_axes_t *axes, const trn_tall_in_t *in,
                   int rank) {
    int64_t n = axes->count;
    trn_ledger_take(ledger, "axes", n * (axes->cols + n + 1), sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "axes", n * (2 * axes->cols + n), sizeof(double));
    trn_tall_eig_plan(ledger, n, rank);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "scores", block_rows(in) * n + n * axes->cols, sizeof(double));
    int64_t scores = block_rows(in) * n * (int64_t)sizeof(double); /* written by blocks */
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(scores), 1);
}
