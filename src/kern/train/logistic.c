/* logistic.c: Newton's method for the labels of a batch in step with each other, so that products
 * with X, where the time goes, are of all that have not come to their end.
 *
 * Arrays of a batch are [labels x ..], a label after the other. X comes in blocks of BLOCK rows,
 * given their column of ones once for both products of a Hessian: X is read once.
 */
#include "kern/train/logistic.h"

#include "kern/dense/gemm.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 128, HALVINGS = 40, MOST_PRODUCTS = 1000 /* of one step */ };

/* A batch being fitted. D is cols + 1. */
typedef struct fit {
    const trn_logistic_t *l;
    int64_t d;
    double *w;                      /* [labels x D] */
    double *g, *p, *r, *dir;        /* [labels x D] gradient, step, its residual, direction */
    double *packed, *turned;        /* [labels x D] of those that are multiplied */
    double *product;                /* [labels x D] */
    double *z, *h, *zp;             /* [labels x rows] margins, weights, change by the step */
    double *x, *s;                  /* [BLOCK x D], [labels x BLOCK] */
    double g0[TRN_LOGISTIC_LABELS]; /* |g| at the start */
    double norm[TRN_LOGISTIC_LABELS], weight[TRN_LOGISTIC_LABELS]; /* |g|, mean of h */
    double rz[TRN_LOGISTIC_LABELS], goal[TRN_LOGISTIC_LABELS];     /* r.z; what |r|^2 shall be */
    int steps[TRN_LOGISTIC_LABELS];
    trn_logistic_end_t end;
} fit_t;

/* Some labels of a batch: which are yet worked on. */
typedef struct some {
    int count, label[TRN_LOGISTIC_LABELS];
} some_t;

int64_t trn_logistic_space(int64_t rows, int64_t cols, int labels) {
    int64_t d = cols + 1;
    return labels * (7 * d + 3 * rows) + BLOCK * (d + labels);
}

static double dot(int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(int64_t n, double alpha, const double *x, double *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

/* log(1 + e^-m) without overflow. */
static double loss(double m) {
    return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
}

static double sigmoid(double m) {
    return m >= 0 ? 1 / (1 + exp(-m)) : exp(m) / (1 + exp(m));
}

/* x[count x D] = examples from `first` on, with a 1 behind each. */
static void load(const trn_logistic_t *l, int64_t first, int64_t count, double *x) {
    for (int64_t i = 0; i < count; i++, x += l->cols + 1) {
        int64_t at = (l->row ? l->row[first + i] : first + i) * l->cols;
        memcpy(x, l->x + at, (size_t)l->cols * sizeof *x);
        x[l->cols] = 1;
    }
}

static int64_t block_rows(const trn_logistic_t *l, int64_t first) {
    return l->rows - first < BLOCK ? l->rows - first : BLOCK;
}

/* s[count x rows] = v[count x D] x^T, lines of s `stride` apart. */
static void margins(int count, int64_t d, const double *v, int64_t rows, const double *x, double *s,
                    int64_t stride) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = count,
                           .n = rows,
                           .k = d,
                           .alpha = 1,
                           .a = {v, d, false},
                           .b = {x, d, true},
                           .c = s,
                           .ldc = stride});
}

/* sum[count x D] += s x. */
static void gather(int count, int64_t d, const double *s, int64_t rows, const double *x,
                   double *sum) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = count,
                           .n = d,
                           .k = rows,
                           .alpha = 1,
                           .beta = 1,
                           .a = {s, BLOCK, false},
                           .b = {x, d, false},
                           .c = sum,
                           .ldc = d});
}

static void pack(fit_t *f, const some_t *some, const double *from) {
    for (int i = 0; i < some->count; i++)
        memcpy(f->packed + i * f->d, from + some->label[i] * f->d, (size_t)f->d * sizeof *from);
}

/* product = C X^T diag(h) X packed. */
static void multiply(fit_t *f, const some_t *some) {
    const trn_logistic_t *l = f->l;
    memset(f->product, 0, (size_t)(some->count * f->d) * sizeof *f->product);
    for (int64_t first = 0; first < l->rows; first += BLOCK) {
        int64_t rows = block_rows(l, first);
        load(l, first, rows, f->x);
        margins(some->count, f->d, f->packed, rows, f->x, f->s, BLOCK);
        for (int i = 0; i < some->count; i++) {
            const double *h = f->h + some->label[i] * l->rows + first;
            for (int64_t k = 0; k < rows; k++)
                f->s[i * BLOCK + k] *= h[k];
        }
        gather(some->count, f->d, f->s, rows, f->x, f->product);
    }
    f->end.products += some->count;
}

/* s[rows] = C (sigmoid(z) - y) of a block's margins, and h = C sigmoid(z) (1 - sigmoid(z)). */
static void weigh(fit_t *f, int label, int64_t first, int64_t rows, double *s) {
    const trn_logistic_t *l = f->l;
    int64_t at = label * l->rows + first;
    for (int64_t k = 0; k < rows; k++) {
        double part = sigmoid(f->z[at + k]), rest = sigmoid(-f->z[at + k]);
        s[k] = l->c * (l->label[at + k] ? -rest : part);
        f->h[at + k] = l->c * part * rest;
        f->weight[label] += f->h[at + k] / (double)l->rows;
    }
}

/* product = C X^T (sigmoid(z) - y) of each in `some`, and h for the Hessian there. */
static void slopes(fit_t *f, const some_t *some) {
    const trn_logistic_t *l = f->l;
    for (int i = 0; i < some->count; i++)
        f->weight[some->label[i]] = 0;
    memset(f->product, 0, (size_t)(some->count * f->d) * sizeof *f->product);
    for (int64_t first = 0; first < l->rows; first += BLOCK) {
        int64_t rows = block_rows(l, first);
        load(l, first, rows, f->x);
        for (int i = 0; i < some->count; i++)
            weigh(f, some->label[i], first, rows, f->s + i * BLOCK);
        gather(some->count, f->d, f->s, rows, f->x, f->product);
    }
}

/* Gradients of all in `some`; those that have come to the end leave it. */
static void look(fit_t *f, some_t *some) {
    int left = 0;
    slopes(f, some);
    for (int i = 0; i < some->count; i++) {
        int at = some->label[i];
        double *g = f->g + at * f->d;
        for (int64_t k = 0; k < f->d; k++)
            g[k] = f->w[at * f->d + k] + f->product[i * f->d + k];
        f->norm[at] = sqrt(dot(f->d, g, g));
        if (f->steps[at] == 0) f->g0[at] = f->norm[at];
        if (!isfinite(f->norm[at]))
            f->end.finite = false;
        else if (f->norm[at] > f->l->tolerance * f->g0[at])
            some->label[left++] = at;
    }
    some->count = left;
}

/* packed[i] = z = M r of some->label[i], M being the inverse of the Hessian if all weights h were
 * their mean; without a basis z = r. */
static void precondition(fit_t *f, const some_t *some) {
    const trn_logistic_t *l = f->l;
    trn_gemm_t turn = {.type = TRN_F64,
                       .m = some->count,
                       .n = f->d,
                       .k = f->d,
                       .alpha = 1,
                       .a = {f->packed, f->d, false},
                       .b = {l->basis, f->d, true},
                       .c = f->turned,
                       .ldc = f->d};
    pack(f, some, f->r);
    if (!l->basis) return;
    trn_gemm(&turn);
    for (int i = 0; i < some->count; i++) {
        double scale = f->weight[some->label[i]] * l->share, *x = f->turned + i * f->d;
        for (int64_t k = 0; k < f->d; k++)
            x[k] /= 1 + scale * fmax(l->values[k], 0);
    }
    turn.a.data = f->turned;
    turn.b.transposed = false;
    turn.c = f->packed;
    trn_gemm(&turn);
}

/* New directions of all in `some`; at the start of a step they have none before. */
static void redirect(fit_t *f, const some_t *some, bool start) {
    precondition(f, some);
    for (int i = 0; i < some->count; i++) {
        int at = some->label[i];
        const double *z = f->packed + i * f->d;
        double *dir = f->dir + at * f->d, rz = dot(f->d, f->r + at * f->d, z);
        double beta = start ? 0 : rz / f->rz[at];
        for (int64_t k = 0; k < f->d; k++)
            dir[k] = z[k] + (start ? 0 : beta * dir[k]);
        f->rz[at] = rz;
    }
}

/* One step of conjugate gradients for label `at`, whose product is h; false: it is the last one. */
static bool descend(fit_t *f, int at, const double *h) {
    double *p = f->p + at * f->d, *r = f->r + at * f->d, *dir = f->dir + at * f->d;
    double alpha = f->rz[at] / (dot(f->d, dir, dir) + dot(f->d, dir, h));
    if (!isfinite(alpha)) return false; /* told by the next gradient */
    add(f->d, alpha, dir, p);
    add(f->d, -alpha, dir, r);
    add(f->d, -alpha, h, r);
    return dot(f->d, r, r) > f->goal[at];
}

/* p = about -H^-1 g for all in `some`: the nearer to the end, the more exactly, so that steps keep
 * converging faster than linearly. */
static void solve(fit_t *f, some_t some) {
    for (int i = 0; i < some.count; i++) {
        int at = some.label[i];
        double part = fmin(sqrt(f->norm[at] / f->g0[at]), 0.1);
        f->goal[at] = part * part * f->norm[at] * f->norm[at];
        memset(f->p + at * f->d, 0, (size_t)f->d * sizeof *f->p);
        for (int64_t k = at * f->d; k < (at + 1) * f->d; k++)
            f->r[k] = -f->g[k];
    }
    for (int tries = 0; some.count > 0 && tries < MOST_PRODUCTS; tries++) {
        int left = 0;
        redirect(f, &some, tries == 0);
        pack(f, &some, f->dir);
        multiply(f, &some);
        for (int i = 0; i < some.count; i++)
            if (descend(f, some.label[i], f->product + i * f->d))
                some.label[left++] = some.label[i];
        some.count = left;
    }
}

/* What the objective becomes, but for what it is at w, by a step of length `t` along p. */
static double gain(const fit_t *f, int at, double t, double wp, double pp) {
    const trn_logistic_t *l = f->l;
    const double *z = f->z + at * l->rows, *zp = f->zp + at * l->rows;
    const uint8_t *y = l->label + at * l->rows;
    double sum = t * wp + t * t / 2 * pp;
    for (int64_t i = 0; i < l->rows; i++) {
        double sign = y[i] ? 1 : -1;
        sum += l->c * (loss(sign * (z[i] + t * zp[i])) - loss(sign * z[i]));
    }
    return sum;
}

/* Go along p, the whole step if that is well (Armijo); false: rounding lets nothing be gained. */
static bool go(fit_t *f, int at) {
    const trn_logistic_t *l = f->l;
    double *w = f->w + at * f->d, *p = f->p + at * f->d;
    double slope = dot(f->d, f->g + at * f->d, p), t = 1;
    double wp = dot(f->d, w, p), pp = dot(f->d, p, p);
    /* Near the end the gain is lost in rounding of the sum, though the gradient still tells. */
    double slack = 1e-12 * (dot(f->d, w, w) + l->c * (double)l->rows);
    for (int i = 0; gain(f, at, t, wp, pp) > 1e-4 * t * slope + slack; i++, t /= 2)
        if (i == HALVINGS) return false;
    add(f->d, t, p, w);
    add(l->rows, t, f->zp + at * l->rows, f->z + at * l->rows);
    return true;
}

/* zp = X p, then a step of each in `some`; those that cannot go on leave it. */
static void move(fit_t *f, some_t *some) {
    const trn_logistic_t *l = f->l;
    int left = 0;
    pack(f, some, f->p);
    for (int64_t first = 0; first < l->rows; first += BLOCK) {
        int64_t rows = block_rows(l, first);
        load(l, first, rows, f->x);
        margins(some->count, f->d, f->packed, rows, f->x, f->s, BLOCK);
        for (int i = 0; i < some->count; i++)
            memcpy(f->zp + some->label[i] * l->rows + first, f->s + i * BLOCK,
                   (size_t)rows * sizeof *f->s);
    }
    for (int i = 0; i < some->count; i++) {
        int at = some->label[i];
        bool went = go(f, at) && ++f->steps[at] < l->steps;
        if (f->steps[at] > f->end.steps) f->end.steps = f->steps[at];
        if (went)
            some->label[left++] = at;
        else
            f->end.unsettled++;
    }
    some->count = left;
}

/* Lay the arrays into the work space. */
static fit_t arrange(const trn_logistic_t *l, double *space, double *w) {
    fit_t f = {.l = l, .d = l->cols + 1, .w = w, .end.finite = true};
    double **of_d[] = {&f.g, &f.p, &f.r, &f.dir, &f.packed, &f.turned, &f.product};
    double **of_rows[] = {&f.z, &f.h, &f.zp};
    for (size_t i = 0; i < sizeof of_d / sizeof *of_d; i++, space += l->labels * f.d)
        *of_d[i] = space;
    for (size_t i = 0; i < sizeof of_rows / sizeof *of_rows; i++, space += l->labels * l->rows)
        *of_rows[i] = space;
    f.x = space;
    f.s = space + BLOCK * f.d;
    return f;
}

trn_logistic_end_t trn_logistic_fit(const trn_logistic_t *l, double *space, double *w) {
    fit_t f = arrange(l, space, w);
    some_t some = {.count = l->labels};
    memset(w, 0, (size_t)(l->labels * f.d) * sizeof *w);
    memset(f.z, 0, (size_t)(l->labels * l->rows) * sizeof *f.z);
    for (int i = 0; i < l->labels; i++)
        some.label[i] = i;
    for (look(&f, &some); some.count > 0; look(&f, &some)) {
        solve(&f, some);
        move(&f, &some);
    }
    return f.end;
}

void trn_logistic_scores(const trn_logistic_t *l, const double *w, double *space, double *score) {
    for (int64_t first = 0; first < l->rows; first += BLOCK) {
        int64_t rows = block_rows(l, first);
        load(l, first, rows, space);
        margins(l->labels, l->cols + 1, w, rows, space, score + first, l->rows);
    }
}
