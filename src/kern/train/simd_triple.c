/* simd_triple.c: the loops of triple.h, compiled once for each instruction set (CMakeLists.txt).
 *
 * y belongs to the right triple and z to the negative: differences for distances, which the loss
 * takes as margin + |y| - |z|. Forms are written once with the metric's term as an argument;
 * inlining makes a loop of its own for each. */
#include "kern/search/compare_terms.h"
#include "kern/train/triple.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define ALWAYS      static inline __attribute__((always_inline))

/* What a coordinate adds to the metric and its derivative (for a root, half of it). */
typedef float term_t(float);

/* From sums of terms: the loss, and what the derivatives of y's and z's terms are to be multiplied
 * with. The gradient of a distance of 0 is taken as 0. */
ALWAYS float judge(bool root, float margin, float weight, float good, float bad, float *cy,
                   float *cz) {
    *cy = weight;
    *cz = -weight;
    if (root) {
        good = sqrtf(good);
        bad = sqrtf(bad);
        *cy = good > 0 ? weight / good : 0;
        *cz = bad > 0 ? -weight / bad : 0;
    }
    float loss = margin + good - bad;
    return loss <= 0 ? 0 : loss;
}

ALWAYS float translate(int64_t width, float margin, float weight, const trn_pair_t *p, term_t *term,
                       term_t *slope, bool root) {
    const float *restrict a = p->a, *restrict b = p->b, *restrict o = p->o, *restrict r = p->r;
    float sign = p->sign, good = 0, bad = 0, cy, cz;
#pragma omp simd reduction(+ : good, bad)
    for (int64_t k = 0; k < width; k++) {
        good += term(r[k] + sign * (a[k] - b[k]));
        bad += term(r[k] + sign * (a[k] - o[k]));
    }
    float loss = judge(root, margin, weight, good, bad, &cy, &cz);
    if (loss == 0) return 0;
    float *restrict ga = p->ga, *restrict gb = p->gb, *restrict go = p->go, *restrict gr = p->gr;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        float gy = cy * slope(r[k] + sign * (a[k] - b[k]));
        float gz = cz * slope(r[k] + sign * (a[k] - o[k]));
        ga[k] += sign * (gy + gz);
        gb[k] -= sign * gy;
        go[k] -= sign * gz;
        gr[k] += gy + gz;
    }
    return loss;
}

/* With d = sign (a - b) and c = u d: y = d - c u + r. Its gradient g goes to d as g - (u g) u, and
 * to u as -(c g + (u g) d). */
ALWAYS float plane(int64_t width, float margin, float weight, const trn_pair_t *p, term_t *term,
                   term_t *slope, bool root) {
    const float *restrict a = p->a, *restrict b = p->b, *restrict o = p->o, *restrict r = p->r,
                          *restrict u = p->u;
    float sign = p->sign, up_y = 0, up_z = 0, good = 0, bad = 0, uy = 0, uz = 0, cy, cz;
#pragma omp simd reduction(+ : up_y, up_z)
    for (int64_t k = 0; k < width; k++) {
        up_y += u[k] * (a[k] - b[k]);
        up_z += u[k] * (a[k] - o[k]);
    }
    up_y *= sign;
    up_z *= sign;
#pragma omp simd reduction(+ : good, bad, uy, uz)
    for (int64_t k = 0; k < width; k++) {
        float y = sign * (a[k] - b[k]) - up_y * u[k] + r[k];
        float z = sign * (a[k] - o[k]) - up_z * u[k] + r[k];
        good += term(y);
        bad += term(z);
        uy += u[k] * slope(y);
        uz += u[k] * slope(z);
    }
    float loss = judge(root, margin, weight, good, bad, &cy, &cz);
    if (loss == 0) return 0;
    uy *= cy;
    uz *= cz;
    float *restrict ga = p->ga, *restrict gb = p->gb, *restrict go = p->go, *restrict gr = p->gr,
                    *restrict gu = p->gu;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        float dy = sign * (a[k] - b[k]), dz = sign * (a[k] - o[k]);
        float gy = cy * slope(dy - up_y * u[k] + r[k]), gz = cz * slope(dz - up_z * u[k] + r[k]);
        gr[k] += gy + gz;
        gu[k] -= up_y * gy + uy * dy + up_z * gz + uz * dz;
        gy -= uy * u[k];
        gz -= uz * u[k];
        ga[k] += sign * (gy + gz);
        gb[k] -= sign * gy;
        go[k] -= sign * gz;
    }
    return loss;
}

ALWAYS float offset(int64_t width, float margin, float weight, const float *restrict r,
                    float *restrict y, float *restrict z, float *restrict gr, term_t *term,
                    term_t *slope, bool root) {
    float good = 0, bad = 0, cy, cz;
#pragma omp simd reduction(+ : good, bad)
    for (int64_t k = 0; k < width; k++) {
        good += term(y[k] + r[k]);
        bad += term(z[k] + r[k]);
    }
    float loss = judge(root, margin, weight, good, bad, &cy, &cz);
    if (loss == 0) cy = cz = 0;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        float gy = cy * slope(y[k] + r[k]), gz = cz * slope(z[k] + r[k]);
        gr[k] += gy + gz;
        y[k] = gy;
        z[k] = gz;
    }
    return loss;
}

static void differences(int64_t width, const trn_pair_t *p, float *restrict y, float *restrict z) {
    const float *restrict a = p->a, *restrict b = p->b, *restrict o = p->o;
    float sign = p->sign;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        y[k] = sign * (a[k] - b[k]);
        z[k] = sign * (a[k] - o[k]);
    }
}

static void spread(int64_t width, const float *restrict gy, const float *restrict gz,
                   const trn_pair_t *p) {
    float *restrict ga = p->ga, *restrict gb = p->gb, *restrict go = p->go, sign = p->sign;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        ga[k] += sign * (gy[k] + gz[k]);
        gb[k] -= sign * gy[k];
        go[k] -= sign * gz[k];
    }
}

static float product(int64_t width, float margin, float weight, const trn_pair_t *p) {
    const float *restrict a = p->a, *restrict b = p->b, *restrict o = p->o, *restrict r = p->r;
    float good = 0, bad = 0;
#pragma omp simd reduction(+ : good, bad)
    for (int64_t k = 0; k < width; k++) {
        float q = a[k] * r[k];
        good += q * b[k];
        bad += q * o[k];
    }
    float loss = margin - good + bad;
    if (loss <= 0) return 0;
    float *restrict ga = p->ga, *restrict gb = p->gb, *restrict go = p->go, *restrict gr = p->gr;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        float gq = weight * (o[k] - b[k]), by = weight * (a[k] * r[k]);
        ga[k] += gq * r[k];
        gr[k] += gq * a[k];
        gb[k] -= by;
        go[k] += by;
    }
    return loss;
}

/* q = a r or a conj(r). */
static float complex_product(int64_t width, float margin, float weight, const trn_pair_t *p) {
    int64_t half = width / 2;
    const float *restrict a0 = p->a, *restrict b0 = p->b, *restrict o0 = p->o, *restrict r0 = p->r;
    const float *restrict a1 = a0 + half, *restrict b1 = b0 + half, *restrict o1 = o0 + half,
                          *restrict r1 = r0 + half;
    float sign = p->sign, good = 0, bad = 0;
#pragma omp simd reduction(+ : good, bad)
    for (int64_t k = 0; k < half; k++) {
        float im = sign * r1[k], q0 = a0[k] * r0[k] - a1[k] * im, q1 = a0[k] * im + a1[k] * r0[k];
        good += q0 * b0[k] + q1 * b1[k];
        bad += q0 * o0[k] + q1 * o1[k];
    }
    float loss = margin - good + bad;
    if (loss <= 0) return 0;
    float *restrict ga0 = p->ga, *restrict gb0 = p->gb, *restrict go0 = p->go,
                    *restrict gr0 = p->gr;
    float *restrict ga1 = ga0 + half, *restrict gb1 = gb0 + half, *restrict go1 = go0 + half,
                    *restrict gr1 = gr0 + half;
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float im = sign * r1[k];
        float by0 = weight * (a0[k] * r0[k] - a1[k] * im);
        float by1 = weight * (a0[k] * im + a1[k] * r0[k]);
        float g0 = weight * (o0[k] - b0[k]), g1 = weight * (o1[k] - b1[k]);
        ga0[k] += g0 * r0[k] + g1 * im;
        ga1[k] += g1 * r0[k] - g0 * im;
        gr0[k] += g0 * a0[k] + g1 * a1[k];
        gr1[k] += sign * (g1 * a0[k] - g0 * a1[k]);
        gb0[k] -= by0;
        gb1[k] -= by1;
        go0[k] += by0;
        go1[k] += by1;
    }
    return loss;
}

/* q = a e^(i r) or a e^(-i r); a phase moves q across itself. The metric is L2, or (moduli) the
 * sum of moduli, whose terms have a factor of their own. */
ALWAYS float turn(int64_t width, float margin, float weight, const trn_pair_t *p, bool moduli) {
    int64_t half = width / 2;
    const float *restrict a0 = p->a, *restrict b0 = p->b, *restrict o0 = p->o, *restrict r0 = p->r;
    const float *restrict a1 = a0 + half, *restrict b1 = b0 + half, *restrict o1 = o0 + half,
                          *restrict r1 = r0 + half;
    float sign = p->sign, good = 0, bad = 0, cy, cz;
#pragma omp simd reduction(+ : good, bad)
    for (int64_t k = 0; k < half; k++) {
        float im = sign * r1[k], q0 = a0[k] * r0[k] - a1[k] * im, q1 = a0[k] * im + a1[k] * r0[k];
        float y0 = q0 - b0[k], y1 = q1 - b1[k], z0 = q0 - o0[k], z1 = q1 - o1[k];
        float y = y0 * y0 + y1 * y1, z = z0 * z0 + z1 * z1;
        good += moduli ? sqrtf(y) : y;
        bad += moduli ? sqrtf(z) : z;
    }
    float loss = judge(!moduli, margin, weight, good, bad, &cy, &cz);
    if (loss == 0) return 0;
    float *restrict ga0 = p->ga, *restrict gb0 = p->gb, *restrict go0 = p->go, *restrict gr = p->gr;
    float *restrict ga1 = ga0 + half, *restrict gb1 = gb0 + half, *restrict go1 = go0 + half;
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float im = sign * r1[k], q0 = a0[k] * r0[k] - a1[k] * im, q1 = a0[k] * im + a1[k] * r0[k];
        float y0 = q0 - b0[k], y1 = q1 - b1[k], z0 = q0 - o0[k], z1 = q1 - o1[k];
        float fy = cy, fz = cz;
        if (moduli) {
            float y = y0 * y0 + y1 * y1, z = z0 * z0 + z1 * z1;
            fy = y > 0 ? cy / sqrtf(y) : 0;
            fz = z > 0 ? cz / sqrtf(z) : 0;
        }
        float g0 = fy * y0 + fz * z0, g1 = fy * y1 + fz * z1;
        ga0[k] += g0 * r0[k] + g1 * im;
        ga1[k] += g1 * r0[k] - g0 * im;
        gr[k] += sign * (g1 * q0 - g0 * q1);
        gb0[k] -= fy * y0;
        gb1[k] -= fy * y1;
        go0[k] -= fz * z0;
        go1[k] -= fz * z1;
    }
    return loss;
}

static void adagrad(int64_t n, float rate, float *restrict values, float *restrict squares,
                    float *restrict g) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        float a = squares[j] + g[j] * g[j];
        squares[j] = a;
        values[j] -= rate * g[j] / (sqrtf(a) + 1e-10f);
        g[j] = 0;
    }
}

#define PAIR(name, form, term, slope, root)                                                        \
    static float name(int64_t width, float margin, float weight, const trn_pair_t *p) {            \
        return form(width, margin, weight, p, term, slope, root);                                  \
    }
PAIR(translate_l1, translate, fabsf, trn_term_sign, false)
PAIR(translate_l2, translate, trn_term_square, trn_term_itself, true)
PAIR(translate_torus1, translate, trn_term_torus1, trn_term_torus1_slope, false)
PAIR(translate_torus2, translate, trn_term_torus2, trn_term_torus2_slope, false)
PAIR(translate_toruse, translate, trn_term_toruse, trn_term_toruse_slope, false)
PAIR(plane_l1, plane, fabsf, trn_term_sign, false)
PAIR(plane_l2, plane, trn_term_square, trn_term_itself, true)

static float turn_l2(int64_t width, float margin, float weight, const trn_pair_t *p) {
    return turn(width, margin, weight, p, false);
}

static float turn_moduli(int64_t width, float margin, float weight, const trn_pair_t *p) {
    return turn(width, margin, weight, p, true);
}

static float offset_l1(int64_t width, float margin, float weight, const float *r, float *y,
                       float *z, float *gr) {
    return offset(width, margin, weight, r, y, z, gr, fabsf, trn_term_sign, false);
}

static float offset_l2(int64_t width, float margin, float weight, const float *r, float *y,
                       float *z, float *gr) {
    return offset(width, margin, weight, r, y, z, gr, trn_term_square, trn_term_itself, true);
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_triple_kernels_t JOIN(trn_triple_kernels_, TRN_SIMD) = {
    .pair = {[TRN_FORM_TRANSLATE] = {[TRN_METRIC_L1] = translate_l1,
                                     [TRN_METRIC_L2] = translate_l2,
                                     [TRN_METRIC_TORUS1] = translate_torus1,
                                     [TRN_METRIC_TORUS2] = translate_torus2,
                                     [TRN_METRIC_TORUSE] = translate_toruse},
             [TRN_FORM_PLANE] = {[TRN_METRIC_L1] = plane_l1, [TRN_METRIC_L2] = plane_l2},
             [TRN_FORM_PRODUCT] = {[TRN_METRIC_DOT] = product},
             [TRN_FORM_COMPLEX] = {[TRN_METRIC_DOT] = complex_product},
             [TRN_FORM_TURN] = {[TRN_METRIC_L2] = turn_l2, [TRN_METRIC_MODULI] = turn_moduli}},
    .differences = differences,
    .offset = {[TRN_METRIC_L1] = offset_l1, [TRN_METRIC_L2] = offset_l2},
    .spread = spread,
    .adagrad = adagrad,
    .set = TEXT(TRN_SIMD),
};
