/* ngcf_rows.c: NGCF's passes over rows, by type. */
#include "algo/graph/lightgcn/ngcf_rows.h"

#include <math.h>

#define SLOPE 0.2   /* of the leaky ReLU below 0, as TensorFlow's */
#define LEAST 1e-12 /* square of a norm, as TensorFlow's l2_normalize */

/* Loops of one type; rows of `to` and `of` are `stride` apart. */
#define LOOPS(REAL)                                                                                \
    static void product_##REAL(int64_t n, const REAL *x, const REAL *t, REAL *m) {                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            m[i] = x[i] * t[i];                                                                    \
    }                                                                                              \
    static REAL f_##REAL(REAL x) {                                                                 \
        return x > 0 ? x : (REAL)SLOPE * x;                                                        \
    }                                                                                              \
    static REAL slope_##REAL(REAL x) {                                                             \
        return x > 0 ? 1 : (REAL)SLOPE;                                                            \
    }                                                                                              \
    static void activate_##REAL(int64_t d, const REAL *b1, const REAL *b2, REAL *a, REAL *b,       \
                                REAL *next) {                                                      \
        for (int64_t j = 0; j < d; j++) {                                                          \
            a[j] += b1[j];                                                                         \
            b[j] += b2[j];                                                                         \
            next[j] = f_##REAL(a[j]) + f_##REAL(b[j]);                                             \
        }                                                                                          \
    }                                                                                              \
    static double norm_##REAL(int64_t d, const REAL *x) {                                          \
        double sum = 0;                                                                            \
        for (int64_t j = 0; j < d; j++)                                                            \
            sum += (double)x[j] * (double)x[j];                                                    \
        return sqrt(sum > LEAST ? sum : LEAST);                                                    \
    }                                                                                              \
    static void divide_##REAL(int64_t d, const REAL *x, REAL *to) {                                \
        double by = norm_##REAL(d, x);                                                             \
        for (int64_t j = 0; j < d; j++)                                                            \
            to[j] = (REAL)((double)x[j] / by);                                                     \
    }                                                                                              \
    static void divide_back_##REAL(int64_t d, const REAL *x, const REAL *of, REAL *g) {            \
        double by = norm_##REAL(d, x), along = 0;                                                  \
        for (int64_t j = 0; j < d && by > sqrt(LEAST); j++)                                        \
            along += (double)x[j] * (double)of[j];                                                 \
        for (int64_t j = 0; j < d; j++)                                                            \
            g[j] += (REAL)(((double)of[j] - (double)x[j] * along / (by * by)) / by);               \
    }                                                                                              \
    static void activate_back_##REAL(int64_t n, const REAL *g, REAL *a, REAL *b) {                 \
        for (int64_t i = 0; i < n; i++) {                                                          \
            a[i] = g[i] * slope_##REAL(a[i]);                                                      \
            b[i] = g[i] * slope_##REAL(b[i]);                                                      \
        }                                                                                          \
    }                                                                                              \
    static void product_back_##REAL(int64_t n, const REAL *x, const REAL *t, REAL *m, REAL *g) {   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            g[i] += m[i] * x[i];                                                                   \
            m[i] *= t[i];                                                                          \
        }                                                                                          \
    }                                                                                              \
    static void add_##REAL(int64_t d, const REAL *x, REAL *to) {                                   \
        for (int64_t j = 0; j < d; j++)                                                            \
            to[j] += x[j];                                                                         \
    }
LOOPS(float)
LOOPS(double)

/* Call the loop of the view's type. */
#define BY_TYPE(view, loop, ...)                                                                   \
    do {                                                                                           \
        if ((view).type == TRN_F64)                                                                \
            loop##_double(__VA_ARGS__);                                                            \
        else                                                                                       \
            loop##_float(__VA_ARGS__);                                                             \
    } while (0)

/* Row i. */
static void *row(trn_view_t v, int64_t i) {
    return (char *)v.data + i * v.stride * trn_matrix_type_size(v.type);
}

void trn_ngcf_product(trn_view_t x, trn_view_t t, trn_view_t m) {
    for (int64_t i = 0; i < m.rows; i++)
        BY_TYPE(m, product, m.cols, row(x, i), row(t, i), row(m, i));
}

void trn_ngcf_activate(const void *b1, const void *b2, trn_view_t a, trn_view_t b,
                       trn_view_t next) {
    for (int64_t i = 0; i < a.rows; i++)
        BY_TYPE(a, activate, a.cols, b1, b2, row(a, i), row(b, i), row(next, i));
}

void trn_ngcf_divide(trn_view_t x, trn_view_t to) {
    for (int64_t i = 0; i < x.rows; i++)
        BY_TYPE(x, divide, x.cols, row(x, i), row(to, i));
}

void trn_ngcf_divide_back(trn_view_t x, trn_view_t of, trn_view_t gradient) {
    for (int64_t i = 0; i < x.rows; i++)
        BY_TYPE(x, divide_back, x.cols, row(x, i), row(of, i), row(gradient, i));
}

void trn_ngcf_activate_back(trn_view_t gradient, trn_view_t a, trn_view_t b) {
    for (int64_t i = 0; i < a.rows; i++)
        BY_TYPE(a, activate_back, a.cols, row(gradient, i), row(a, i), row(b, i));
}

void trn_ngcf_product_back(trn_view_t x, trn_view_t t, trn_view_t m_gradient,
                           trn_view_t t_gradient) {
    for (int64_t i = 0; i < x.rows; i++)
        BY_TYPE(x, product_back, x.cols, row(x, i), row(t, i), row(m_gradient, i),
                row(t_gradient, i));
}

void trn_ngcf_add(trn_view_t x, trn_view_t to) {
    for (int64_t i = 0; i < x.rows; i++)
        BY_TYPE(x, add, x.cols, row(x, i), row(to, i));
}
