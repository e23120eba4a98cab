/* spmm.c: rows of C = alpha S B + beta C, by kernels chosen for types and processor, and the cut of
 * rows into shares of even work. A row of C is summed by one thread in the order of S's entries. */
#include "kern/sparse/spmm.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <stddef.h>

TRN_SIMD_CHOICE(trn_spmm_kernels)

/* Over {or, and}: values do not count, and beta only says whether C takes part. */
void trn_spmm_boolean(trn_spmm_t *product) {
    product->entries = TRN_SPARSE_PATTERN;
    product->values = NULL;
    product->alpha = 1;
    product->beta = product->beta != 0;
    product->boolean = true;
}

void trn_spmm_rows(const trn_spmm_t *product, int64_t first, int64_t end) {
    int kind = product->wide ? 1 : product->wide_sums ? 2 : 0;
    trn_spmm_kernels()->rows[kind][product->entries](product, first, end);
}

/* A row weighs 1 + its entries, so that empty rows count too. The share is taken apart into whole
 * and rest, because all x part may overflow. */
int64_t trn_spmm_cut(const int64_t *start, int64_t first, int64_t end, int64_t parts,
                     int64_t part) {
    int64_t all = start[end] - start[first] + (end - first), low = first, high = end;
    int64_t wanted = start[first] + first + all / parts * part + all % parts * part / parts;
    while (low < high) { /* the first row with at least `wanted` before it */
        int64_t middle = low + (high - low) / 2;
        if (start[middle] + middle < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which thread does which part does not matter: parts share no row of C. */
void trn_spmm_threads(const trn_spmm_t *product, int64_t first, int64_t end, int threads) {
    enum { PARTS = 8 /* a thread: evens out what a busy machine does to some */ };
    int64_t parts = threads > 1 ? (int64_t)threads * PARTS : 1;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) if (threads > 1)
    for (int64_t part = 0; part < parts; part++)
        trn_spmm_rows(product, trn_spmm_cut(product->start, first, end, parts, part),
                      trn_spmm_cut(product->start, first, end, parts, part + 1));
}
