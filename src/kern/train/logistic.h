/* logistic.h: logistic regression of many labels on the same rows, one label against the rest. */
#ifndef TRN_KERN_TRAIN_LOGISTIC_H
#define TRN_KERN_TRAIN_LOGISTIC_H

#include <stdbool.h>
#include <stdint.h>

enum { TRN_LOGISTIC_LABELS = 16 /* labels that are fitted together, at most */ };

/* Examples and how to fit. Borrows all. */
typedef struct trn_logistic {
    const double *x; /* [.. x cols] without gaps */
    int64_t cols;
    const int32_t *row; /* [rows] the rows of x that are examples; NULL: the first ones */
    int64_t rows;
    int labels;           /* 1 to TRN_LOGISTIC_LABELS */
    const uint8_t *label; /* [labels x rows] 1: the example has it, else 0 */
    double c;             /* weight of the loss, > 0 */
    double tolerance;     /* gradient at the end, as part of that at w = 0 */
    int steps;            /* of Newton, at most */
    /* To need fewer products, and never to change the minimum: eigenvectors, as rows, and
     * eigenvalues of (x, 1)^T (x, 1) over rows of which the examples are a part of about `share`;
     * NULL: none. */
    const double *basis; /* [(cols + 1) x (cols + 1)] */
    const double *values;
    double share;
} trn_logistic_t;

/* How fitting went. */
typedef struct trn_logistic_end {
    int steps;        /* the most that a label took */
    int64_t products; /* with the Hessian, of all labels */
    int unsettled;    /* labels that did not come to `tolerance` in these steps */
    bool finite;      /* else numbers of x are too large */
} trn_logistic_end_t;

/* Float64 numbers of work space that fitting takes. Local. */
int64_t trn_logistic_space(int64_t rows, int64_t cols, int labels);

/* w[labels x (cols + 1)] = for each label the minimum of |w|^2 / 2 + c sum over examples of log(1 +
 * exp(-y w.(x, 1))), y = 1 or -1: the last number of w is the bias, which is penalized like the
 * others (liblinear's definition). Strictly convex, so there is one. By Newton's method, steps by
 * conjugate gradients, products with X for all labels together in float64, on the caller's thread;
 * bits depend on which labels are fitted together, for BLAS may round otherwise in other shapes.
 * `space` is trn_logistic_space numbers. Local. Cost: 4 rows cols flops a label and product, of
 * which there are 30 to 80 a label with a basis, 100 to 200 and more without. Source: Lin, Weng,
 * Keerthi: Trust region Newton method for large-scale logistic regression (JMLR 2008). */
trn_logistic_end_t trn_logistic_fit(const trn_logistic_t *l, double *space, double *w);

/* score[labels x rows] = w.(x, 1) of rows row[rows] of x, for any number of labels; `space` is
 * trn_logistic_space of one label. Bits depend on w, x, `rows` and `labels` alone. Local. */
void trn_logistic_scores(const trn_logistic_t *l, const double *w, double *space, double *score);

#endif
