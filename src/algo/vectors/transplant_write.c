/* transplant_write.c: new rows, some at a time: the old rows that they need are read once for all
 * of them, each but once, and mixed in float64. */
#include "algo/vectors/transplant.h"

#include "algo/rows/ids.h"
#include "algo/rows/pick.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/text/decode.h"

#include <math.h>
#include <string.h>

enum { BYTES = 2 << 20 /* of old rows, and as many of new ones, about */ };

/* What writing needs. */
typedef struct writer {
    const trn_transplant_t *t;
    const trn_transplant_draw_t *draw;
    int64_t cols, most; /* parts (and rows) at a time; a row with more of them is alone */
    int64_t room;       /* parts there is memory for */
    int64_t *order;     /* [room] parts by ascending row of the source */
    int64_t *needed;    /* [room] rows of the source, ascending, each once */
    int64_t *place;     /* [room] where the row of a part is among them */
    double *old;        /* [room x cols] these rows */
    double *rows;       /* [most x cols] new ones */
    float *normal;      /* [cols] */
    trn_pick_t pick;
} writer_t;

/* Parts that are mixed at a time, of rows of so many columns. */
static int64_t parts_of(int64_t cols) {
    int64_t parts = BYTES / ((cols > 0 ? cols : 1) * (int64_t)sizeof(double));
    return parts > 0 ? parts : 1;
}

/* The most parts of one row, which sets how much is needed at least. */
static int64_t longest(const trn_transplant_t *t) {
    int64_t most = 1;
    for (int64_t i = 0; i < t->own; i++)
        if (t->start[i + 1] - t->start[i] > most) most = t->start[i + 1] - t->start[i];
    return most;
}

static trn_status_t begin(writer_t *w, trn_rows_t *source) {
    const trn_transplant_t *t = w->t;
    int64_t least = longest(t);
    w->most = parts_of(w->cols);
    w->room = w->most > least ? w->most : least;
    int64_t most = w->most < t->own ? w->most : t->own;
    TRN_TRY(trn_alloc(&w->order, w->room, sizeof *w->order, "rows to mix"));
    TRN_TRY(trn_alloc(&w->needed, w->room, sizeof *w->needed, "rows to mix"));
    TRN_TRY(trn_alloc(&w->place, w->room, sizeof *w->place, "rows to mix"));
    TRN_TRY(trn_alloc(&w->old, w->room * w->cols, sizeof *w->old, "rows to mix"));
    TRN_TRY(trn_alloc(&w->rows, most * w->cols, sizeof *w->rows, "new rows"));
    TRN_TRY(trn_alloc(&w->normal, w->cols, sizeof *w->normal, "normal numbers"));
    return trn_pick_begin(&w->pick, source, TRN_F64, w->room);
}

static void release(writer_t *w) {
    trn_pick_free(&w->pick);
    trn_free(&w->order);
    trn_free(&w->needed);
    trn_free(&w->place);
    trn_free(&w->old);
    trn_free(&w->rows);
    trn_free(&w->normal);
}

/* The end of the rows from `at` that are made together. How many these are changes no bit: a row is
 * made of its own parts, in their order. */
static int64_t chunk_end(const writer_t *w, int64_t at) {
    const int64_t *start = w->t->start;
    int64_t end = at + 1;
    while (end < w->t->own && end - at < w->most && start[end + 1] - start[at] <= w->most)
        end++;
    return end;
}

/* Read the old rows of parts [from, from + count). */
static trn_status_t fetch(writer_t *w, int64_t from, int64_t count) {
    const int64_t *id = w->t->id + from;
    int64_t needed = 0;
    trn_ids_order(count, id, w->order);
    for (int64_t i = 0; i < count; i++) {
        int64_t part = w->order[i];
        if (needed == 0 || w->needed[needed - 1] != id[part]) w->needed[needed++] = id[part];
        w->place[part] = needed - 1;
    }
    return trn_pick_rows(&w->pick, needed, w->needed, w->old);
}

static trn_status_t refuse(const writer_t *w, int64_t id, int64_t col, double value) {
    return trn_fail(TRN_INPUT,
                    "%s: row %lld, column %lld (from 0) is %g; only finite numbers are mixed",
                    trn_rows_path(w->pick.rows), (long long)id, (long long)col, value);
}

/* to[cols] = the weighted sum of parts [from, end) of chunk part `base`, in their order. */
static trn_status_t mix(const writer_t *w, int64_t base, int64_t from, int64_t end, double *to) {
    memset(to, 0, (size_t)w->cols * sizeof *to);
    for (int64_t p = from; p < end; p++) {
        const double *old = w->old + w->place[p - base] * w->cols;
        double weight = w->t->weight[p];
        for (int64_t j = 0; j < w->cols; j++) {
            if (!isfinite(old[j])) return refuse(w, w->t->id[p], j, old[j]);
            to[j] += weight * old[j];
        }
    }
    return TRN_OK;
}

/* By number of the row, so that it does not matter which rank draws it. */
static void draw(const writer_t *w, int64_t row, double *to) {
    const trn_transplant_draw_t *d = w->draw;
    trn_rng_normal_row(d->seed, (uint64_t)row, 0, TRN_RNG_TRANSPLANT, 1, w->cols, w->normal);
    for (int64_t j = 0; j < w->cols; j++)
        to[j] = d->mean[j] + d->deviation[j] * (double)w->normal[j];
}

static trn_status_t make_row(const writer_t *w, int64_t base, int64_t i, double *to) {
    const trn_transplant_t *t = w->t;
    int64_t from = t->start[i];
    if (t->why[i] == TRN_WHY_RANDOM) {
        draw(w, t->first + i, to);
        return TRN_OK;
    }
    /* A copy may hold NaN, and -0 stays: neither would survive 0 + 1 x. */
    if (t->why[i] != TRN_WHY_COPIED) return mix(w, base, from, t->start[i + 1], to);
    memcpy(to, w->old + w->place[from - base] * w->cols, (size_t)w->cols * sizeof *to);
    return TRN_OK;
}

static trn_status_t write_all(writer_t *w, trn_rows_out_t *out) {
    const trn_transplant_t *t = w->t;
    for (int64_t at = 0, end; at < t->own; at = end) {
        end = chunk_end(w, at);
        int64_t base = t->start[at];
        TRN_TRY(fetch(w, base, t->start[end] - base));
        for (int64_t i = at; i < end; i++)
            TRN_TRY(make_row(w, base, i, w->rows + (i - at) * w->cols));
        TRN_TRY(trn_rows_write(out, t->first + at, end - at, TRN_F64, w->rows));
    }
    return TRN_OK;
}

trn_status_t trn_transplant_write(const trn_transplant_t *t, trn_rows_t *source,
                                  const trn_transplant_draw_t *draws, trn_rows_out_t *out) {
    writer_t w = {.t = t, .draw = draws, .cols = trn_rows_about(source)->cols};
    trn_status_t status = begin(&w, source);
    if (status == TRN_OK) status = write_all(&w, out);
    release(&w);
    return status;
}

void trn_transplant_write_plan(trn_ledger_t *ledger, const trn_rows_about_t *source) {
    int64_t most = parts_of(source->cols);
    trn_ledger_take(ledger, "rows", most * 3, sizeof(int64_t));
    trn_ledger_take(ledger, "rows", most * 2 * source->cols, sizeof(double));
    trn_pick_plan(ledger, source, TRN_F64, most);
}
