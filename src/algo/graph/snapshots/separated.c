/* separated.c: nonnegative factors by columns and rows in turn (HALS), and the eigenvectors behind
 * the bi-clustering term. */
#include "algo/graph/snapshots/separated.h"

#include "algo/graph/snapshots/nonneg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/gemm.h"
#include "kern/dense/lapack.h"

#include <math.h>
#include <string.h>

/* Room ----------------------------------------------------------------------------------------- */

/* What is used within a step; of eigenproblems n = l + r. */
typedef struct scratch {
    double *product; /* [l x r]: M H^T, or W^T M [r x l] */
    double *gram;    /* [r x r] */
    double *column;  /* [r] of H */
    double *best_w, *best_h, *best_objective;
    double *laplacian, *values, *lapack; /* alpha > 0: [n x n], [n] */
} scratch_t;

static int64_t room(const trn_separated_t *s, scratch_t *at) {
    int64_t lr = s->l * s->r, n = s->alpha > 0 ? s->l + s->r : 0, used = 0;
    int64_t best = s->starts > 1;
    struct {
        double **to;
        int64_t count;
    } part[] = {{&at->product, lr},
                {&at->gram, s->r * s->r},
                {&at->column, s->r},
                {&at->best_w, lr * best},
                {&at->best_h, lr * best},
                {&at->best_objective, (s->steps + 1) * best},
                {&at->laplacian, n * n},
                {&at->values, n},
                {&at->lapack, n > 0 ? trn_lapack_eig_work(n) : 0}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        *part[i].to = s->work ? s->work + used : NULL;
        used += part[i].count;
    }
    return used;
}

trn_status_t trn_separated_create(trn_separated_t *s) {
    int64_t lr = s->l * s->r;
    scratch_t at;
    TRN_TRY(trn_alloc_zero(&s->m, s->l * s->l, sizeof *s->m, "the landmarks' block"));
    TRN_TRY(trn_alloc_zero(&s->w, lr, sizeof *s->w, "factors of landmarks"));
    TRN_TRY(trn_alloc_zero(&s->h, lr, sizeof *s->h, "factors of landmarks"));
    TRN_TRY(trn_alloc(&s->objective, s->steps + 1, sizeof *s->objective, "objectives"));
    if (s->alpha > 0)
        TRN_TRY(trn_alloc_zero(&s->penalty, lr, sizeof *s->penalty, "distances of eigenvectors"));
    s->work = NULL;
    return trn_alloc(&s->work, room(s, &at), sizeof *s->work, "steps of landmarks");
}

void trn_separated_free(trn_separated_t *s) {
    trn_free(&s->m);
    trn_free(&s->w);
    trn_free(&s->h);
    trn_free(&s->objective);
    trn_free(&s->penalty);
    trn_free(&s->work);
}

void trn_separated_plan(trn_ledger_t *ledger, const trn_separated_t *s) {
    scratch_t at;
    int64_t lr = s->l * s->r;
    trn_ledger_take(ledger, "landmarks", s->l * s->l + 2 * lr + s->steps + 1, sizeof(double));
    if (s->alpha > 0) trn_ledger_take(ledger, "landmarks", lr, sizeof(double));
    trn_ledger_take(ledger, "landmarks", room(s, &at), sizeof(double));
}

/* Steps ---------------------------------------------------------------------------------------- */

static trn_factor_t as_it_is(const double *data, int64_t ld) {
    return (trn_factor_t){data, ld, false};
}

static trn_factor_t turned(const double *data, int64_t ld) {
    return (trn_factor_t){data, ld, true};
}

/* gram [r x r] = H H^T. */
static void gram_of_h(const trn_separated_t *s, double *gram) {
    for (int64_t c = 0; c < s->r; c++)
        for (int64_t d = 0; d <= c; d++) {
            double sum = 0;
            for (int64_t j = 0; j < s->l; j++)
                sum += s->h[c * s->l + j] * s->h[d * s->l + j];
            gram[c * s->r + d] = gram[d * s->r + c] = sum;
        }
}

/* gram [r x r] = W^T W. */
static void gram_of_w(const trn_separated_t *s, double *gram) {
    trn_gemm_f64(s->r, s->r, s->l, turned(s->w, s->r), s->w, 0, gram);
}

/* to [l x r] = M H^T; W^T M, as M is symmetric, is the same of W and comes as [r x l]. */
static void m_times_h(const trn_separated_t *s, double *to) {
    trn_gemm(&(trn_gemm_t){TRN_F64, s->l, s->r, s->l, 1, 0, as_it_is(s->m, s->l),
                           turned(s->h, s->l), to, s->r, 1});
}

static void w_times_m(const trn_separated_t *s, double *to) {
    trn_gemm_f64(s->r, s->l, s->l, turned(s->w, s->r), s->m, 0, to);
}

/* Column c of W is the nonnegative one of length 1 that is best with all others fixed: the positive
 * part of what they leave, scaled. A column that has none stays. */
static void move_w(trn_separated_t *s, const scratch_t *at) {
    int64_t r = s->r;
    m_times_h(s, at->product);
    gram_of_h(s, at->gram);
    for (int64_t c = 0; c < r; c++) {
        double squares = 0;
        for (int64_t i = 0; i < s->l; i++) {
            double *x = at->product + i * r, *w = s->w + i * r, left = x[c];
            for (int64_t d = 0; d < r; d++)
                if (d != c) left -= w[d] * at->gram[d * r + c];
            x[c] = fmax(left, 0);
            squares += x[c] * x[c];
        }
        if (!(squares > 0)) continue;
        double scale = 1 / sqrt(squares);
        for (int64_t i = 0; i < s->l; i++)
            s->w[i * r + c] = scale * at->product[i * r + c];
    }
}

static double penalty_at(const trn_separated_t *s, int64_t at) {
    return s->alpha > 0 ? s->alpha * s->penalty[at] : 0;
}

/* Row c of H; product [r x l] and gram stay those of W, which `objective` uses. */
static void move_h(trn_separated_t *s, const scratch_t *at) {
    int64_t r = s->r, l = s->l;
    w_times_m(s, at->product);
    gram_of_w(s, at->gram);
    for (int64_t c = 0; c < r; c++) {
        const double *gram = at->gram + c * r;
        if (!(gram[c] > 0)) continue;
        for (int64_t j = 0; j < l; j++) {
            double left = at->product[c * l + j] - penalty_at(s, c * l + j);
            for (int64_t d = 0; d < r; d++)
                if (d != c) left -= gram[d] * s->h[d * l + j];
            s->h[c * l + j] = fmax(0, left / gram[c]);
        }
    }
}

/* |M|^2 / 2 - <W^T M, H> + <W^T W, H H^T> / 2 + the penalty; product and gram as of move_h. */
static double objective(const trn_separated_t *s, const scratch_t *at) {
    int64_t r = s->r, l = s->l;
    double squares = 0, rest = 0;
    for (int64_t i = 0; i < l * l; i++)
        squares += s->m[i] * s->m[i];
    for (int64_t c = 0; c < r; c++)
        for (int64_t j = 0; j < l; j++) {
            double twice = 0, h = s->h[c * l + j];
            for (int64_t d = 0; d < r; d++)
                twice += at->gram[c * r + d] * s->h[d * l + j];
            rest += h * (twice / 2 - at->product[c * l + j] + penalty_at(s, c * l + j));
        }
    return squares / 2 + rest;
}

/* The bi-clustering term ----------------------------------------------------------------------- */

/* Laplacian of the vertices that have edges, factors before landmarks; which[] of them. */
static int64_t laplacian_of(const trn_separated_t *s, double *a, int64_t *which) {
    int64_t r = s->r, l = s->l, n = 0, factors = 0;
    for (int64_t v = 0; v < r + l; v++) {
        bool edges = false;
        for (int64_t i = 0; !edges && i < (v < r ? l : r); i++)
            edges = s->h[v < r ? v * l + i : i * l + v - r] > 0;
        if (edges) which[n++] = v;
        if (edges && v < r) factors++;
    }
    memset(a, 0, (size_t)(n * n) * sizeof *a);
    for (int64_t i = 0; i < factors; i++)
        for (int64_t j = factors; j < n; j++) {
            double h = s->h[which[i] * l + which[j] - r];
            a[i * n + j] = a[j * n + i] = -h;
            a[i * n + i] += h;
            a[j * n + j] += h;
        }
    return n;
}

/* X of the present H; 0 where a vertex has no edges, for there H is 0. */
static trn_status_t refresh(trn_separated_t *s, const scratch_t *at) {
    int64_t r = s->r, l = s->l, *which = NULL;
    TRN_TRY(trn_alloc(&which, r + l, sizeof *which, "factors and landmarks"));
    int64_t n = laplacian_of(s, at->laplacian, which), k = s->k < n ? s->k : n;
    memset(s->penalty, 0, (size_t)(r * l) * sizeof *s->penalty);
    bool found = n == 0 || trn_lapack_eig(n, at->laplacian, at->values, at->lapack);
    for (int64_t i = 0; found && i < n && which[i] < r; i++)
        for (int64_t j = 0; j < n; j++) {
            if (which[j] < r) continue;
            double *x = s->penalty + which[i] * l + which[j] - r;
            for (int64_t v = 0; v < k; v++) {
                double apart = at->laplacian[v * n + i] - at->laplacian[v * n + j];
                *x += apart * apart;
            }
        }
    trn_free(&which);
    return found ? TRN_OK
                 : trn_fail(TRN_NUMERIC,
                            "eigenvectors of %lld factors and landmarks: no "
                            "convergence; leave --biclustering out",
                            (long long)n);
}

/* Factorizations ------------------------------------------------------------------------------- */

/* Columns of W get length 1, which H makes up for. */
static void scale_columns(trn_separated_t *s) {
    for (int64_t c = 0; c < s->r; c++) {
        double squares = 0;
        for (int64_t i = 0; i < s->l; i++)
            squares += s->w[i * s->r + c] * s->w[i * s->r + c];
        double length = sqrt(squares);
        for (int64_t i = 0; length > 0 && i < s->l; i++) {
            s->w[i * s->r + c] /= length;
            s->h[c * s->l + i] *= length;
        }
    }
}

static trn_status_t take_steps(trn_separated_t *s, const scratch_t *at) {
    scale_columns(s);
    if (s->alpha > 0) TRN_TRY(refresh(s, at));
    w_times_m(s, at->product);
    gram_of_w(s, at->gram);
    s->objective[0] = objective(s, at);
    for (s->done = 0; s->done < s->steps;) {
        move_w(s, at);
        move_h(s, at);
        if (s->alpha > 0 && (s->done + 1) % TRN_SEPARATED_REFRESH == 0) TRN_TRY(refresh(s, at));
        s->objective[++s->done] = objective(s, at);
        double fall = s->objective[s->done - 1] - s->objective[s->done];
        if (fall <= s->tolerance * s->objective[0] &&
            (s->alpha <= 0 || s->done % TRN_SEPARATED_REFRESH == 0))
            break;
    }
    return TRN_OK;
}

/* numbers[count] of (0.1, 1.1) x scale, for columns 0, 1, ... of row `row`. */
static void draw(const trn_separated_t *s, int64_t row, uint32_t step, double scale, int64_t count,
                 int64_t stride, double *numbers) {
    for (int64_t c = 0; c < count; c += 4) {
        double uniform[4];
        trn_rng_uniform(s->seed, (uint64_t)row, (uint32_t)(c / 4), step, TRN_RNG_SNAPSHOT, uniform);
        for (int64_t i = c; i < c + 4 && i < count; i++)
            numbers[i * stride] = scale * (uniform[i - c] + 0.1);
    }
}

static double sum_of_block(const trn_separated_t *s) {
    double sum = 0;
    for (int64_t i = 0; i < s->l * s->l; i++)
        sum += s->m[i];
    return sum;
}

static void begin(trn_separated_t *s, int start) {
    double sum = sum_of_block(s);
    double scale = sqrt(sum / (double)(s->l * s->l) / (double)s->r);
    for (int64_t i = 0; i < s->l; i++) {
        draw(s, i, 2 * (uint32_t)start, scale, s->r, 1, s->w + i * s->r);
        draw(s, i, 2 * (uint32_t)start + 1, scale, s->r, s->l, s->h + i);
    }
}

trn_status_t trn_separated_factor(trn_separated_t *s) {
    scratch_t at;
    int64_t lr = s->l * s->r, done = 0;
    if (!(sum_of_block(s) > 0))
        return trn_fail(TRN_INPUT, "no two landmarks have met more often than by chance, so there "
                                   "is nothing to take apart; a larger --window or more "
                                   "--landmarks may do");
    room(s, &at);
    for (int start = 0; start < s->starts; start++) {
        begin(s, start);
        TRN_TRY(take_steps(s, &at));
        if (s->starts == 1) return TRN_OK;
        if (start == 0 || s->objective[s->done] < at.best_objective[done]) {
            memcpy(at.best_w, s->w, (size_t)lr * sizeof *s->w);
            memcpy(at.best_h, s->h, (size_t)lr * sizeof *s->h);
            memcpy(at.best_objective, s->objective, (size_t)(s->done + 1) * sizeof *s->objective);
            done = s->done;
        }
    }
    memcpy(s->w, at.best_w, (size_t)lr * sizeof *s->w);
    memcpy(s->h, at.best_h, (size_t)lr * sizeof *s->h);
    memcpy(s->objective, at.best_objective, (size_t)(done + 1) * sizeof *s->objective);
    s->done = done;
    return TRN_OK;
}

trn_status_t trn_separated_go_on(trn_separated_t *s) {
    scratch_t at;
    room(s, &at);
    trn_separated_settle(s);
    return take_steps(s, &at);
}

void trn_separated_settle(trn_separated_t *s) {
    scratch_t at;
    room(s, &at);
    m_times_h(s, at.product);
    gram_of_h(s, at.gram);
    for (int64_t i = 0; i < s->l; i++)
        trn_nonneg_solve(s->r, at.gram, at.product + i * s->r, TRN_NONNEG_SWEEPS, s->w + i * s->r);
}

/* Row `place` of W against H, or column `place` of H against W: x is of r numbers. */
static void update_row(trn_separated_t *s, const scratch_t *at, int64_t place) {
    int64_t r = s->r, l = s->l;
    const double *m = s->m + place * l;
    for (int64_t c = 0; c < r; c++) {
        at->product[c] = 0;
        for (int64_t j = 0; j < l; j++)
            at->product[c] += m[j] * s->h[c * l + j];
    }
    trn_nonneg_solve(r, at->gram, at->product, TRN_NONNEG_SWEEPS, s->w + place * r);
}

static void update_column(trn_separated_t *s, const scratch_t *at, int64_t place, double *h) {
    int64_t r = s->r, l = s->l;
    const double *m = s->m + place * l;
    for (int64_t c = 0; c < r; c++) {
        at->product[c] = -penalty_at(s, c * l + place);
        for (int64_t i = 0; i < l; i++)
            at->product[c] += m[i] * s->w[i * r + c];
        h[c] = s->h[c * l + place];
    }
    trn_nonneg_solve(r, at->gram, at->product, TRN_NONNEG_SWEEPS, h);
    for (int64_t c = 0; c < r; c++)
        s->h[c * l + place] = h[c];
}

/* Rows, then columns: each time all others are fixed. */
void trn_separated_update(trn_separated_t *s, int64_t count, const int64_t *place, int sweeps) {
    scratch_t at;
    room(s, &at);
    for (int sweep = 0; sweep < sweeps && count > 0; sweep++) {
        gram_of_h(s, at.gram);
        for (int64_t i = 0; i < count; i++)
            update_row(s, &at, place[i]);
        gram_of_w(s, at.gram);
        for (int64_t i = 0; i < count; i++)
            update_column(s, &at, place[i], at.column);
    }
}
