/* overflow.c: which numbers of a result are infinite by arithmetic, not by its input. A number of a
 * product depends on one row of the left operand and one column of the right one: lines with a
 * number that is not finite are marked, over all ranks, and excuse what they touch. */
#include "algo/matrix/overflow.h"

#include "base/mem.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"

#include <limits.h>
#include <math.h>

static const char *type_name(bool single) {
    return single ? "float32" : "float64";
}

static const char *cure(bool single) {
    return single ? "give --dtype f64, or scale down before (transform --scale)"
                  : "scale down before (transform --scale)";
}

trn_status_t trn_excess_status(const trn_excess_t *excess, bool single, const char *name) {
    if (!excess->found) return TRN_OK;
    return trn_fail(
        TRN_NUMERIC,
        "%s: row %lld, column %lld (from 0): what becomes of %g is too large for %s; %s", name,
        (long long)excess->row, (long long)excess->col, excess->value, type_name(single),
        cure(single));
}

/* Looking for numbers -------------------------------------------------------------------------- */

/* Told of every number that is not finite, by its global place; false: that is enough. */
typedef bool (*meet_t)(void *user, int64_t row, int64_t col);

/* First of values[count] that is not finite, `count` if all are. */
static int64_t first_of(bool single, const void *values, int64_t count) {
    int64_t at = single ? trn_not_finite_f32(count, values) : trn_not_finite_f64(count, values);
    return at < 0 ? count : at;
}

static bool is_finite(bool single, const void *values, int64_t i) {
    return single ? isfinite(((const float *)values)[i]) : isfinite(((const double *)values)[i]);
}

static void each_dense(const trn_share_t *share, meet_t meet, void *user) {
    const trn_view_t *x = &share->dense;
    bool single = x->type == TRN_MATRIX_F32;
    for (int64_t i = 0; i < x->rows; i++) {
        const char *row = (const char *)x->data + i * x->stride * trn_matrix_type_size(x->type);
        for (int64_t j = first_of(single, row, x->cols); j < x->cols; j++)
            if (!is_finite(single, row, j) &&
                !meet(user, share->first_row + i, share->first_col + j))
                return;
    }
}

/* Zeros that are not stored are finite. */
static void each_sparse(const trn_sparse_t *x, meet_t meet, void *user) {
    if (trn_sparse_type(x) == TRN_SPARSE_PATTERN) return;
    bool single = trn_sparse_type(x) == TRN_SPARSE_F32;
    const void *values = trn_sparse_values(x);
    const int64_t *start = trn_sparse_start(x);
    trn_extent_t extent = trn_sparse_extent(x);
    int64_t count = trn_sparse_count(x), row = 0;
    for (int64_t e = first_of(single, values, count); e < count; e++) {
        if (is_finite(single, values, e)) continue;
        while (start[row + 1] <= e) /* entries ascend with rows */
            row++;
        if (!meet(user, extent.first_row + row, extent.first_col + trn_sparse_column(x)[e])) return;
    }
}

/* `meet` is told of all: a second pass over a source would cost a second reading. */
static void each_tall(const trn_share_t *share, meet_t meet, void *user) {
    int64_t block = trn_tall_first_block(*share->tall);
    trn_share_t part = *share;
    for (int64_t at = 0; at < share->tall->block.rows; at += part.dense.rows) {
        part.dense = trn_tall_block_rows(*share->tall, block++);
        part.first_row = share->first_row + at;
        each_dense(&part, meet, user);
    }
}

static void each_not_finite(const trn_share_t *share, meet_t meet, void *user) {
    if (share->tall)
        each_tall(share, meet, user);
    else if (share->sparse)
        each_sparse(share->sparse, meet, user);
    else
        each_dense(share, meet, user);
}

/* For the question whether there is any. */
static bool stop_at(void *user, int64_t row, int64_t col) {
    (void)row, (void)col;
    *(bool *)user = true;
    return false;
}

/* What is added ---------------------------------------------------------------------------------
 */

static bool mark(void *user, int64_t row, int64_t col) {
    const trn_marks_t *marks = user;
    if (marks->row) marks->row[row] = 1;
    if (marks->col) marks->col[col] = 1;
    return true;
}

static trn_status_t room(trn_marks_t *marks, int64_t rows, int64_t cols) {
    TRN_TRY(trn_alloc_zero(&marks->row, rows, 1, "where numbers are not finite"));
    return trn_alloc_zero(&marks->col, cols, 1, "where numbers are not finite");
}

void trn_marks_free(trn_marks_t *marks) {
    trn_free(&marks->row);
    trn_free(&marks->col);
}

/* What beta C brings: its rows and columns are marked before the product overwrites it; nothing is
 * allocated when all is finite. */
trn_status_t trn_overflow_added(trn_view_t block, trn_marks_t *added) {
    trn_share_t share = {.dense = block};
    bool any = false;
    *added = (trn_marks_t){NULL, NULL};
    each_not_finite(&share, stop_at, &any);
    if (!any) return TRN_OK;
    trn_status_t status = room(added, block.rows, block.cols);
    if (status == TRN_OK)
        each_not_finite(&share, mark, added);
    else
        trn_marks_free(added);
    return status;
}

/* Products ------------------------------------------------------------------------------------- */

/* Flags of all ranks together. */
static void join(MPI_Comm comm, int64_t count, unsigned char *flags) {
    for (int64_t done = 0; done < count; done += INT_MAX) {
        int64_t some = count - done < INT_MAX ? count - done : INT_MAX;
        MPI_Allreduce(MPI_IN_PLACE, flags + done, (int)some, MPI_UNSIGNED_CHAR, MPI_BOR, comm);
    }
}

/* The search for a number that nothing excuses. */
typedef struct search {
    const trn_product_parts_t *parts;
    trn_marks_t marks; /* [rows], [cols] of the whole product */
    int64_t first_row;
    bool found;
    int64_t row, col;
} search_t;

/* Excused if its row or column had such a number in an operand, or its own place in what was
 * added. */
static bool judge(void *user, int64_t row, int64_t col) {
    search_t *s = user;
    const trn_product_parts_t *p = s->parts;
    bool added = p->added.row && p->added.row[row - s->first_row] && p->added.col[col];
    if (added || s->marks.row[row] || s->marks.col[col]) return true;
    s->found = true;
    s->row = row;
    s->col = col;
    return false;
}

static void find(MPI_Comm comm, const trn_share_t *result, search_t *s) {
    const trn_product_parts_t *p = s->parts;
    unsigned char *rows = s->marks.row, *cols = s->marks.col;
    trn_marks_t left = p->left_transposed ? (trn_marks_t){NULL, rows} : (trn_marks_t){rows, NULL};
    trn_marks_t right = p->right_transposed ? (trn_marks_t){cols, NULL} : (trn_marks_t){NULL, cols};
    each_not_finite(&p->left, mark, &left);
    each_not_finite(&p->right, mark, &right);
    join(comm, p->rows, rows);
    join(comm, p->cols, cols);
    each_not_finite(result, judge, s);
}

/* When all is finite, the usual case, this costs one pass over the result and one reduction. */
trn_status_t trn_overflow_check(MPI_Comm comm, const trn_product_parts_t *parts,
                                const trn_share_t *result, const char *name) {
    bool any = false;
    each_not_finite(result, stop_at, &any);
    if (!trn_any(comm, any)) return TRN_OK;
    search_t s = {.parts = parts,
                  .first_row = result->sparse ? trn_sparse_extent(result->sparse).first_row
                                              : result->first_row};
    bool single = result->sparse ? trn_sparse_type(result->sparse) == TRN_SPARSE_F32
                                 : result->dense.type == TRN_MATRIX_F32;
    trn_status_t status = trn_agree(comm, room(&s.marks, parts->rows, parts->cols));
    if (status == TRN_OK) find(comm, result, &s);
    trn_marks_free(&s.marks);
    if (s.found)
        status =
            trn_fail(TRN_NUMERIC,
                     "%s: row %lld, column %lld (from 0) of the product is too large for %s; %s",
                     name, (long long)s.row, (long long)s.col, type_name(single), cure(single));
    return trn_agree(comm, status);
}
