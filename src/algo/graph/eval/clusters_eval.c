/* clusters_eval.c: two labelings compared by the counts of things in each pair of clusters. */
#include "algo/graph/eval/clusters_eval.h"

#include "algo/rows/ids.h"
#include "base/mem.h"

#include <math.h>
#include <stdbool.h>

/* Labels as numbers from 0 in ascending order of the labels, and how many things have each. */
typedef struct side {
    int64_t clusters;
    int64_t *code; /* [count] */
    int64_t *size; /* [clusters] */
} side_t;

/* Pairs of clusters that share things: ascending by found, then by truth. */
typedef struct pairs {
    int64_t count;
    int64_t *found, *truth, *size; /* [count] */
} pairs_t;

/* Sums that are as long as products of two counts of pairs: 4 x 62 bits would not fit, 2 x 62 do.
 */
__extension__ typedef __int128 wide_t;

static void side_free(side_t *side) {
    trn_free(&side->code);
    trn_free(&side->size);
}

static trn_status_t side_of(side_t *side, int64_t count, const int64_t *label, int64_t *order) {
    TRN_TRY(trn_alloc(&side->code, count, sizeof *side->code, "clusters"));
    TRN_TRY(trn_alloc_zero(&side->size, count, sizeof *side->size, "sizes of clusters"));
    trn_ids_order(count, label, order);
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || label[order[i]] != label[order[i - 1]]) side->clusters++;
        side->code[order[i]] = side->clusters - 1;
        side->size[side->clusters - 1]++;
    }
    return TRN_OK;
}

/* A pair is one number, found x clusters + truth, below 2^62 for counts below 2^31. */
static trn_status_t pairs_of(pairs_t *pairs, int64_t count, const side_t *a, const side_t *b,
                             int64_t *order) {
    int64_t *key = NULL;
    TRN_TRY(trn_alloc(&pairs->found, 3 * count, sizeof *pairs->found, "pairs of clusters"));
    pairs->truth = pairs->found + count;
    pairs->size = pairs->truth + count;
    TRN_TRY(trn_alloc(&key, count, sizeof *key, "pairs of clusters"));
    for (int64_t i = 0; i < count; i++)
        key[i] = a->code[i] * b->clusters + b->code[i];
    trn_ids_order(count, key, order);
    for (int64_t i = 0; i < count; i++) {
        bool next = i == 0 || key[order[i]] != key[order[i - 1]];
        if (next) {
            pairs->found[pairs->count] = a->code[order[i]];
            pairs->truth[pairs->count] = b->code[order[i]];
            pairs->size[pairs->count++] = 0;
        }
        pairs->size[pairs->count - 1]++;
    }
    trn_free(&key);
    return TRN_OK;
}

static double entropy(const side_t *side, int64_t count) {
    double sum = 0, n = (double)count;
    for (int64_t c = 0; c < side->clusters; c++) {
        double size = (double)side->size[c];
        sum += size / n * (log(n) - log(size));
    }
    return sum;
}

/* One cluster has no entropy, so that it tells nothing of the other list, but is all of its own. */
static double nmi(int64_t count, const side_t *a, const side_t *b, const pairs_t *pairs) {
    double sum = 0, n = (double)count;
    if (a->clusters <= 1 && b->clusters <= 1) return 1;
    for (int64_t p = 0; p < pairs->count; p++) {
        double both = (double)pairs->size[p], one = (double)a->size[pairs->found[p]],
               other = (double)b->size[pairs->truth[p]];
        sum += both / n * ((log(both) - log(one)) + (log(n) - log(other)));
    }
    double share = 2 * sum / (entropy(a, count) + entropy(b, count));
    return fmin(fmax(share, 0), 1); /* rounding */
}

/* Ordered pairs of things that `size` clusters hold together: sum of n (n - 1), exact. */
static int64_t together(int64_t clusters, const int64_t *size) {
    int64_t sum = 0;
    for (int64_t c = 0; c < clusters; c++)
        sum += size[c] * (size[c] - 1);
    return sum;
}

/* With tp, fp, fn, tn counts of pairs of things together in both, the first, the second, none:
 * 2 (tp tn - fn fp) / ((tp + fn)(fn + tn) + (tp + fp)(fp + tn)), whose terms stay below 2^125. */
static double ari(int64_t count, const side_t *a, const side_t *b, const pairs_t *pairs) {
    int64_t tp = together(pairs->count, pairs->size);
    int64_t fp = together(a->clusters, a->size) - tp, fn = together(b->clusters, b->size) - tp;
    int64_t tn = count * (count - 1) - tp - fp - fn;
    if (fp == 0 && fn == 0) return 1;
    wide_t above = (wide_t)tp * tn - (wide_t)fn * fp;
    wide_t below = (wide_t)(tp + fn) * (fn + tn) + (wide_t)(tp + fp) * (fp + tn);
    return 2 * (double)above / (double)below;
}

/* `met` marks true clusters, [b->clusters], zeros. */
static void matches(const side_t *a, const side_t *b, const pairs_t *pairs, int64_t *met,
                    trn_clusters_score_t *score) {
    double sum = 0;
    int64_t distinct = 0;
    for (int64_t p = 0, best; p < pairs->count;) {
        int64_t c = pairs->found[p];
        for (best = p; p < pairs->count && pairs->found[p] == c; p++) {
            int64_t more = pairs->size[p] - pairs->size[best];
            bool smaller = b->size[pairs->truth[p]] < b->size[pairs->truth[best]];
            if (more > 0 || (more == 0 && smaller)) best = p;
        }
        /* 2 P R / (P + R) with P = both / found and R = both / truth */
        int64_t t = pairs->truth[best];
        sum += 2 * (double)pairs->size[best] / (double)(a->size[c] + b->size[t]);
        if (met[t]++ == 0) distinct++;
    }
    score->f1 = sum / (double)a->clusters;
    score->coverage = (double)distinct / (double)b->clusters;
    score->redundancy = (double)a->clusters / (double)distinct;
    score->nf1 = score->f1 * score->coverage / score->redundancy;
}

trn_status_t trn_clusters_eval(int64_t count, const int64_t *found, const int64_t *truth,
                               trn_clusters_score_t *score) {
    side_t a = {0}, b = {0};
    pairs_t pairs = {0};
    int64_t *order = NULL;
    trn_status_t status;
    *score = (trn_clusters_score_t){count, 0, 0, 1, 1, 1, 1, 1, 1};
    if (count == 0) return TRN_OK;
    if (count > INT32_MAX)
        return trn_fail(TRN_INPUT, "labels: %lld things; their pairs are counted up to 2^31",
                        (long long)count);
    TRN_OR(done, trn_alloc(&order, count, sizeof *order, "an order of things"));
    TRN_OR(done, side_of(&a, count, found, order));
    TRN_OR(done, side_of(&b, count, truth, order));
    TRN_OR(done, pairs_of(&pairs, count, &a, &b, order));
    for (int64_t i = 0; i < count; i++)
        order[i] = 0; /* marks from here on */
    score->found = a.clusters;
    score->truth = b.clusters;
    score->nmi = nmi(count, &a, &b, &pairs);
    score->ari = ari(count, &a, &b, &pairs);
    matches(&a, &b, &pairs, order, score);
done:
    trn_free(&order);
    trn_free(&pairs.found);
    side_free(&a);
    side_free(&b);
    return status;
}

/* An order, two sides, pairs and their keys. */
void trn_clusters_eval_plan(trn_ledger_t *ledger, int64_t count) {
    trn_ledger_pass(ledger, "comparing", count, 9 * (int64_t)sizeof(int64_t));
}
