/* loss.h: what a question's scores cost, and how much each candidate is to give way.
 *
 * The answer has score a, candidates have s[0..n). With sp(x) = log(1 + e^x), sg its derivative and
 * c = margin:
 *   softmax      log(e^a + weight sum e^s) - a; where the answer is one of the candidates, without
 *                e^a. With weight = all / n, n candidates drawn evenly stand for all of them
 *   bce          sp(-(a + c)) + mean of sp(s + c)
 *   margin       mean of max(0, c - a + s)
 *   adversarial  sp(-(a + c)) + sum of p sp(s + c), p = softmax(temperature s) held fixed: Sun et
 * al., RotatE (ICLR 2019), equation 5 Candidates may come in several parts, whose sums are put
 * together afterwards in a fixed order. */
#ifndef TRN_KERN_TRAIN_LOSS_H
#define TRN_KERN_TRAIN_LOSS_H

#include <stdint.h>

typedef enum trn_loss_kind {
    TRN_LOSS_SOFTMAX,
    TRN_LOSS_BCE,
    TRN_LOSS_MARGIN,
    TRN_LOSS_ADVERSARIAL,
    TRN_LOSSES
} trn_loss_kind_t;

typedef struct trn_loss {
    trn_loss_kind_t kind;
    float margin, temperature, weight;
} trn_loss_t;

/* What a part adds: sums are to be multiplied with e^top before they are added to other parts'. */
typedef struct trn_loss_part {
    float top, sum, cost;
} trn_loss_part_t;

/* w[i x n + j] = weight of candidate j for question i but for a factor that is the same in a row,
 * and part[i]: the greatest (temperature x) score, 0 where there are no exponentials; the sum of
 * weights before their own slope; the sum of costs. s [m x n], answer [m] (only margin reads it); w
 * may be s. n >= 1. A row with NaN gives NaN. Local. Cost: two passes over m x n floats. */
void trn_loss_parts(const trn_loss_t *loss, int64_t m, int64_t n, const float *s,
                    const float *answer, float *w, trn_loss_part_t *part);

/* e^x of the answer's score and of the candidates' greatest one, the latter times its weight, and
 * the sum over all, each divided by e^top. */
typedef struct trn_softmax {
    double own, each, all, top;
} trn_softmax_t;

/* The softmax of an answer and its candidates, one part, each of which counts `weight` times; the
 * sum is NaN if the part's is. Local. */
trn_softmax_t trn_loss_softmax(double weight, double answer, const trn_loss_part_t *part);

/* The loss of one question whose n candidates were one part: *scale is what its weights are to be
 * multiplied with to be d loss / d s, *own is d loss / d a. Local. */
double trn_loss_close(const trn_loss_t *loss, int64_t n, double answer, const trn_loss_part_t *part,
                      double *scale, double *own);

/* The loops for one instruction set, by kind: one row. */
typedef struct trn_loss_kernels {
    void (*row[TRN_LOSSES])(const trn_loss_t *loss, int64_t n, const float *s, float answer,
                            float *w, trn_loss_part_t *part);
    const char *set;
} trn_loss_kernels_t;

/* The best kernels that this processor runs. Local. */
const trn_loss_kernels_t *trn_loss_kernels(void);

#endif
