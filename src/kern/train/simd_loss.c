/* simd_loss.c: the loops of loss.h, compiled once for each instruction set (CMakeLists.txt). */
#include "kern/train/exp.h"
#include "kern/train/loss.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Of one score at least. */
static float greatest(int64_t n, const float *s) {
    float most = s[0];
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; j++)
        most = s[j] > most ? s[j] : most;
    return most;
}

/* Over the greatest score of this part, which goes along: parts have different ones. */
static void softmax(const trn_loss_t *loss, int64_t n, const float *s, float answer, float *w,
                    trn_loss_part_t *part) {
    (void)loss;
    (void)answer;
    float most = greatest(n, s), sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        float e = trn_exp_negative(s[j] - most);
        sum += e;
        w[j] = e;
    }
    *part = (trn_loss_part_t){most, sum, 0};
}

/* Candidates count as false: softplus(s + c). */
static void bce(const trn_loss_t *loss, int64_t n, const float *s, float answer, float *w,
                trn_loss_part_t *part) {
    (void)answer;
    float cost = 0, c = loss->margin;
#pragma omp simd reduction(+ : cost)
    for (int64_t j = 0; j < n; j++) {
        float x = s[j] + c, e = trn_exp_negative(-fabsf(x));
        cost += trn_soft_plus(x, e);
        w[j] = trn_sigmoid(x, e);
    }
    *part = (trn_loss_part_t){0, 0, cost};
}

/* max(0, s - answer + margin): a NaN is kept, so that training notices. */
static void margin(const trn_loss_t *loss, int64_t n, const float *s, float answer, float *w,
                   trn_loss_part_t *part) {
    float cost = 0, sum = 0, c = loss->margin - answer;
#pragma omp simd reduction(+ : cost, sum)
    for (int64_t j = 0; j < n; j++) {
        float x = s[j] + c, over = x > 0 ? 1.0f : 0.0f;
        cost += x > 0 || x != x ? x : 0.0f;
        sum += over;
        w[j] = over;
    }
    *part = (trn_loss_part_t){0, sum, cost};
}

/* Softplus weighted by a softmax of the scores at `temperature`, which is not derived (Sun et al.
 * 2019). */
static void adversarial(const trn_loss_t *loss, int64_t n, const float *s, float answer, float *w,
                        trn_loss_part_t *part) {
    (void)answer;
    float cost = 0, sum = 0, c = loss->margin, t = loss->temperature;
    float most = t * greatest(n, s);
#pragma omp simd reduction(+ : cost, sum)
    for (int64_t j = 0; j < n; j++) {
        float p = trn_exp_negative(t * s[j] - most);
        float x = s[j] + c, e = trn_exp_negative(-fabsf(x));
        sum += p;
        cost += p * trn_soft_plus(x, e);
        w[j] = p * trn_sigmoid(x, e);
    }
    *part = (trn_loss_part_t){most, sum, cost};
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_loss_kernels_t JOIN(trn_loss_kernels_, TRN_SIMD) = {{softmax, bce, margin, adversarial},
                                                              TEXT(TRN_SIMD)};
