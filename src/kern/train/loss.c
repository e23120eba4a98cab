/* loss.c: losses over a question's candidates, part by part: candidates may lie on several ranks,
 * so each part gives its sums, and closing joins them. The answer's own score comes in at the
 * close. */
#include "kern/train/loss.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <math.h>

TRN_SIMD_CHOICE(trn_loss_kernels)

/* Row by row: w gets each candidate's share of the gradient up to a factor that only the close
 * knows. */
void trn_loss_parts(const trn_loss_t *loss, int64_t m, int64_t n, const float *s,
                    const float *answer, float *w, trn_loss_part_t *part) {
    const trn_loss_kernels_t *k = trn_loss_kernels();
    for (int64_t i = 0; i < m; i++)
        k->row[loss->kind](loss, n, s + i * n, answer ? answer[i] : 0, w + i * n, part + i);
}

/* log(1 + e^x) and its derivative. */
static double soft_plus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* Never the exponential of a large number: no overflow. */
static double sigmoid(double x) {
    return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* Exponentials are taken over the greatest score of all, the answer's included. A NaN among the
 * scores stays one. */
trn_softmax_t trn_loss_softmax(double weight, double answer, const trn_loss_part_t *part) {
    double top = fmax(answer, (double)part->top), sum = (double)part->sum;
    double most = exp((double)part->top - top), own = exp(answer - top);
    double all = isnan(sum) ? sum : weight * sum * most + own;
    return (trn_softmax_t){own, weight * most, all, top};
}

/* *scale: what the parts' weights are to be multiplied by; *own: the derivative by the answer's
 * score; returns the loss. */
double trn_loss_close(const trn_loss_t *loss, int64_t n, double answer, const trn_loss_part_t *part,
                      double *scale, double *own) {
    double c = (double)loss->margin, cost = (double)part->cost, sum = (double)part->sum;
    switch (loss->kind) {
    case TRN_LOSS_SOFTMAX: {
        trn_softmax_t s = trn_loss_softmax((double)loss->weight, answer, part);
        *scale = s.each / s.all;
        *own = s.own / s.all - 1;
        return log(s.all) + s.top - answer;
    }
    case TRN_LOSS_MARGIN:
        *scale = 1 / (double)n;
        *own = -sum / (double)n;
        return cost / (double)n;
    default:
        *scale = loss->kind == TRN_LOSS_BCE ? 1 / (double)n : 1 / sum;
        *own = -sigmoid(-(answer + c));
        return soft_plus(-(answer + c)) + cost * *scale;
    }
}
