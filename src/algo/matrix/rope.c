/* rope.c: rows turned by their position, pair by pair. */
#include "algo/matrix/rope.h"

#include "algo/matrix/overflow.h"
#include "algo/matrix/transform_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <math.h>

/* Angle of pair i at position 1. */
static double frequency(double base, int64_t i, int64_t cols) {
    return pow(base, -2.0 * (double)i / (double)cols);
}

typedef struct turning {
    trn_rope_t how;
    double *frequency;  /* [cols / 2] */
    bool single;        /* numbers of the matrix are float32 */
    trn_excess_t odd;   /* the first number that is not finite */
    trn_excess_t large; /* the first that does not stay finite */
} turning_t;

static void note(trn_excess_t *found, int64_t row, int64_t col, double value) {
    if (!found->found) *found = (trn_excess_t){true, row, col, value};
}

/* What a number becomes, watched: infinity and NaN in the matrix are told from what overflows. */
static double keep(turning_t *t, int64_t row, int64_t col, double before, double after) {
    if (!isfinite(before)) note(&t->odd, row, col, before);
    if (!isfinite(t->single ? (double)(float)after : after) && isfinite(before))
        note(&t->large, row, col, before);
    return after;
}

/* Numbers at x and y of one row, by an angle in float64 whatever the matrix holds. */
static void turn_pair(turning_t *t, trn_view_t view, int64_t i, int64_t row, int64_t x, int64_t y,
                      double angle) {
    int64_t at = i * view.stride;
    double a = trn_view_number(view, at + x), b = trn_view_number(view, at + y);
    double c = cos(angle), s = sin(angle);
    trn_view_set(view, at + x, keep(t, row, x, a, a * c - b * s));
    trn_view_set(view, at + y, keep(t, row, y, b, a * s + b * c));
}

/* A view whose first row is row `first` of the whole. */
static void turn_view(turning_t *t, trn_view_t view, int64_t first) {
    int64_t pairs = view.cols / 2;
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t k = 0; k < pairs; k++) {
            double angle = (double)(t->how.from + first + i) * t->frequency[k];
            int64_t x = t->how.half ? k : 2 * k, y = t->how.half ? k + pairs : 2 * k + 1;
            turn_pair(t, view, i, first + i, x, y, angle);
        }
}

/* This rank's blocks, from its source to where changed rows go. */
static void turn_passing(turning_t *t, const trn_banded_t *m) {
    const trn_banded_stream_t *stream = m->stream;
    int64_t height = trn_transform_block(m->rows);
    trn_view_t rows;
    for (int64_t at = 0; at < stream->own_rows; at += rows.rows) {
        int64_t first = stream->first_row + at;
        rows = stream->rows(stream->user, first / height);
        turn_view(t, rows, first);
        stream->put(stream->user, first, rows);
    }
}

static trn_status_t plan(turning_t *t, const trn_banded_t *m, const char *name) {
    if (m->cols % 2 != 0)
        return trn_fail(TRN_INPUT, "%s: %lld columns do not go in pairs", name, (long long)m->cols);
    TRN_TRY(trn_alloc(&t->frequency, m->cols / 2, sizeof *t->frequency, "frequencies"));
    for (int64_t i = 0; i < m->cols / 2; i++)
        t->frequency[i] = frequency(t->how.base, i, m->cols);
    return TRN_OK;
}

static trn_status_t outcome(const turning_t *t, const char *name) {
    if (t->odd.found)
        return trn_fail(TRN_INPUT,
                        "%s: row %lld, column %lld (from 0): %g; only finite numbers can be turned",
                        name, (long long)t->odd.row, (long long)t->odd.col, t->odd.value);
    return trn_excess_status(&t->large, t->single, name);
}

trn_status_t trn_rope(const trn_banded_t *matrix, const trn_rope_t *how, const char *name) {
    turning_t t = {.how = *how};
    trn_status_t status = trn_agree(matrix->comm, plan(&t, matrix, name));
    if (status == TRN_OK && matrix->stream) {
        t.single = matrix->stream->type == TRN_MATRIX_F32;
        turn_passing(&t, matrix);
    } else if (status == TRN_OK) {
        t.single = trn_matrix_block(matrix->dense).type == TRN_MATRIX_F32;
        turn_view(&t, trn_matrix_block(matrix->dense), trn_matrix_first_row(matrix->dense));
    }
    if (status == TRN_OK) status = trn_agree(matrix->comm, outcome(&t, name));
    trn_free(&t.frequency);
    return status;
}

/* Some distances at a time, so that a power is taken once for all of them. */
int64_t trn_rope_first_negative(double base, int64_t cols, int64_t most, double *least) {
    enum { SOME = 1024 };
    double sum[SOME];
    *least = (double)(cols / 2);
    for (int64_t from = 1; from <= most; from += SOME) {
        int64_t count = most - from + 1 < SOME ? most - from + 1 : SOME;
        for (int64_t k = 0; k < count; k++)
            sum[k] = 0;
        for (int64_t i = 0; i < cols / 2; i++) {
            double angle = frequency(base, i, cols);
            for (int64_t k = 0; k < count; k++)
                sum[k] += cos((double)(from + k) * angle);
        }
        for (int64_t k = 0; k < count; k++) {
            *least = fmin(*least, sum[k]);
            if (sum[k] < 0) return from + k;
        }
    }
    return 0;
}
