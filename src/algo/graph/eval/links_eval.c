/* links_eval.c: rows of pairs fetched some at a time, scores, and measures by sorting. */
#include "algo/graph/eval/links_eval.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>

enum { ROOM = 64 << 20 /* bytes of rows at a time */ };

/* Pairs whose rows are fetched together. */
static int64_t chunk_of(int64_t count, int64_t cols) {
    int64_t chunk = ROOM / (16 * cols);
    if (chunk < 1) chunk = 1;
    return chunk < count ? chunk : count;
}

/* Different rows that these can have. */
static int64_t most_rows(int64_t chunk, int64_t rows) {
    return 2 * chunk < rows ? 2 * chunk : rows;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* id = the distinct rows of pairs [first, first + count); returns how many. */
static int64_t rows_of(const trn_row_pairs_t *p, int64_t first, int64_t count, int64_t *id) {
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++) {
        id[2 * i] = p->key[first + i] / p->rows;
        id[2 * i + 1] = p->key[first + i] % p->rows;
    }
    qsort(id, (size_t)(2 * count), sizeof *id, ascending);
    for (int64_t i = 0; i < 2 * count; i++)
        if (left == 0 || id[i] != id[left - 1]) id[left++] = id[i];
    return left;
}

static double score_of(trn_link_score_t kind, int64_t n, const double *u, const double *v) {
    double uv = 0, uu = 0, vv = 0, off = 0;
    for (int64_t i = 0; i < n; i++) {
        uv += u[i] * v[i];
        uu += u[i] * u[i];
        vv += v[i] * v[i];
        off += (u[i] - v[i]) * (u[i] - v[i]);
    }
    if (kind == TRN_LINK_DOT) return uv;
    if (kind == TRN_LINK_L2) return -sqrt(off);
    if (!isfinite(uu) || !isfinite(vv)) return NAN; /* else a cosine of rows too long would be 0 */
    return uu == 0 || vv == 0 ? 0 : uv / (sqrt(uu) * sqrt(vv));
}

/* Collective. */
static trn_status_t score_chunk(const trn_cluster_rows_t *rows, const trn_row_pairs_t *p,
                                int64_t first, int64_t count, trn_link_score_t kind, int64_t *id,
                                double *x, double *score) {
    int64_t cols = rows->cols, distinct = rows_of(p, first, count, id);
    TRN_TRY(trn_cluster_fetch(rows, distinct, id, x));
    for (int64_t i = first; i < first + count; i++) {
        int64_t u = p->key[i] / p->rows, v = p->key[i] % p->rows;
        const int64_t *at_u = bsearch(&u, id, (size_t)distinct, sizeof u, ascending);
        const int64_t *at_v = bsearch(&v, id, (size_t)distinct, sizeof v, ascending);
        score[i] = score_of(kind, cols, x + (at_u - id) * cols, x + (at_v - id) * cols);
        if (!isfinite(score[i]))
            return trn_fail(TRN_NUMERIC,
                            "%s: the score of rows %lld and %lld (from 0) is %g; scale "
                            "the rows (transform --scale)",
                            rows->name, (long long)u, (long long)v,
                            score[i]); /* equal on all ranks */
    }
    return TRN_OK;
}

trn_status_t trn_links_score(const trn_cluster_rows_t *rows, const trn_row_pairs_t *p,
                             trn_link_score_t kind, double *score) {
    int64_t chunk = chunk_of(p->count, rows->cols), *id = NULL;
    double *x = NULL;
    trn_status_t status = trn_alloc(&id, 2 * chunk, sizeof *id, "rows of pairs");
    if (status == TRN_OK)
        status = trn_alloc(&x, most_rows(chunk, p->rows) * rows->cols, sizeof *x, "rows of pairs");
    status = trn_agree(rows->tall.comm, status);
    for (int64_t first = 0; first < p->count && status == TRN_OK; first += chunk) {
        int64_t count = p->count - first < chunk ? p->count - first : chunk;
        status = score_chunk(rows, p, first, count, kind, id, x, score);
    }
    trn_free(&id);
    trn_free(&x);
    return status;
}

void trn_links_score_plan(trn_ledger_t *ledger, int64_t count, int64_t rows, int64_t cols) {
    int64_t chunk = chunk_of(count, cols), most = most_rows(chunk, rows);
    trn_ledger_pass(ledger, "rows of pairs", 2 * chunk + most * (cols + 2), 8);
}

/* Measures --------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the largest score down; equal ones are one threshold. Pairs of an edge and another are
 * counted twice, so that ties are whole numbers. */
void trn_links_measure(int64_t edges, double *edge, int64_t others, double *other, double *auc,
                       double *precision) {
    int64_t e = edges, o = others, twice = 0;
    double sum = 0;
    qsort(edge, (size_t)edges, sizeof *edge, by_value);
    qsort(other, (size_t)others, sizeof *other, by_value);
    while (e > 0) {
        double at = edge[e - 1];
        int64_t same = 0, tied = 0;
        while (o > 0 && other[o - 1] > at)
            o--;
        for (; e > 0 && edge[e - 1] == at; e--)
            same++;
        for (; o > 0 && other[o - 1] == at; o--)
            tied++;
        twice += same * (2 * o + tied);
        sum +=
            (double)same / (double)edges * (double)(edges - e) / (double)(edges - e + others - o);
    }
    *auc = (double)twice / 2 / (double)edges / (double)others;
    *precision = sum;
}

double trn_links_hits(int64_t edges, const double *edge, int64_t others, const double *other,
                      int64_t k) {
    int64_t low = 0, high = edges; /* the first edge above the bound */
    if (others < k) return 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (edge[middle] > other[others - k])
            high = middle;
        else
            low = middle + 1;
    }
    return (double)(edges - low) / (double)edges;
}
