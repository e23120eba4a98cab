/* snapshots_plan.c: what snapshots take, from their sizes alone; entries of products are guessed as
 * if edges lay at random. */
#include "algo/graph/snapshots/snapshots.h"

#include "algo/graph/snapshots/landmarks.h"
#include "base/mem.h"
#include "mpi/reduce.h"
#include "mpi/sparse/spgemm.h"

static int64_t part(int64_t count, int64_t of, int64_t all) {
    return all > 0 ? (int64_t)((double)count * (double)of / (double)all) + 1 : 0;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Entries of the next term of a window in this rank's rows, where the last one has `entries`. */
static int64_t next_term(trn_spgemm_size_t *size, int64_t entries, const trn_snapshots_size_t *z) {
    size->all_b = part(entries, z->n, z->own);
    return least(trn_spgemm_guess(size), z->own * size->cols);
}

/* Rows of M, which stay, and windows, whose terms are at their largest in the last product. */
static void plan_rows(trn_ledger_t *ledger, const trn_snapshots_options_t *o,
                      const trn_snapshots_size_t *z, int64_t l) {
    int64_t entries = part(z->entries, l, z->n), all = entries, steps = o->window - 1;
    trn_spgemm_size_t size = {.ranks = z->ranks,
                              .threads = o->threads,
                              .rows = z->own,
                              .inner = z->n,
                              .cols = l,
                              .a = z->entries,
                              .type = TRN_SPARSE_F64};
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "windows", l, 24);
    trn_ledger_pass(ledger, "windows", z->n, 4); /* places of landmarks */
    for (int64_t t = 0; t < (steps > 0 ? steps : 1); t++) {
        trn_ledger_take(ledger, "windows", entries, 12);
        trn_ledger_take(ledger, "windows", z->own + 1, 8);
        if (steps == 0) break;
        int64_t next = next_term(&size, entries, z);
        trn_ledger_t terms = *ledger; /* the next one is of all rows, whatever --parts */
        trn_ledger_take(ledger, "windows", t + 1 < steps ? z->entries : 0, 12);
        if (t + 1 < steps) trn_spgemm_take(ledger, &size);
        trn_ledger_back(ledger, &terms);
        all = least(all + next, z->own * l);
        if (t + 1 < steps) entries = next;
    }
    size.a = z->entries / o->parts + 1;
    trn_ledger_take(ledger, "windows", size.a, 12);
    trn_ledger_take(ledger, "windows", z->own + 1, 8);
    if (steps > 0) trn_spgemm_take(ledger, &size);
    trn_ledger_take(ledger, "rows", trn_grown_bytes(all, 12), 1);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "rows", trn_grown_bytes(all, 12), 1);
    trn_ledger_take(ledger, "rows", z->own + 1, 8);
}

/* Factors against all rows: projections, and sums by the tree. */
static void plan_factors(trn_ledger_t *ledger, const trn_snapshots_options_t *o,
                         const trn_snapshots_size_t *z, int64_t l) {
    trn_ledger_t before = *ledger;
    int64_t block = trn_tall_block(z->n), width = o->dim * (l + o->dim);
    trn_blocks_t blocks = {(z->n + block - 1) / block, NULL, 0};
    trn_ledger_pass(ledger, "factors", l * l, 8); /* the landmarks' block on its way */
    trn_ledger_pass(ledger, "factors", z->own + l, 8 * o->dim);
    if (o->rounds > 0 && o->alpha <= 0) {
        trn_ledger_take(ledger, "factors", width + 2 * o->dim, 8);
        trn_ledger_take(ledger, "factors", trn_reduce_bytes(blocks, width, z->ranks, z->rank), 1);
    }
    trn_ledger_back(ledger, &before);
}

void trn_snapshots_plan(trn_ledger_t *ledger, const trn_snapshots_options_t *o,
                        const trn_snapshots_size_t *z) {
    int64_t l = least(o->landmarks, z->n), r = o->dim;
    trn_separated_t block = {
        .l = l, .r = r, .alpha = o->alpha, .steps = o->steps, .starts = o->starts};
    trn_communities_t communities = {.k = o->k, .starts = o->starts, .threads = o->threads};
    trn_ledger_take(ledger, "results", z->own * z->count, 4 + 4 * r);
    trn_ledger_take(ledger, "results", z->count, 8 * r * l);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "graph", z->entries, 4 + z->value); /* the one before */
    trn_ledger_take(ledger, "graph", z->own, 8);
    trn_ledger_take(ledger, "nodes", z->own, 8 * r + 1);
    trn_ledger_take(ledger, "nodes", z->n, 8);
    trn_spgemm_size_t size = {.ranks = z->ranks,
                              .threads = o->threads,
                              .rows = z->own,
                              .inner = z->n,
                              .cols = z->n,
                              .a = z->entries,
                              .all_b = z->all,
                              .type = TRN_SPARSE_F64};
    trn_landmarks_plan(ledger, &size, o->window, l);
    trn_ledger_give(ledger, "landmarks", z->n - l, 8);
    trn_ledger_take(ledger, "landmarks", l, 8 + 8 * r);
    if (z->rank == 0) trn_separated_plan(ledger, &block);
    if (o->selective) trn_ledger_pass(ledger, "choosing", z->n, 16);
    trn_ledger_t rows = *ledger;
    plan_rows(ledger, o, z, l);
    plan_factors(ledger, o, z, l);
    trn_ledger_back(ledger, &rows);
    trn_communities_plan(ledger, &communities, z->own, r);
    trn_ledger_back(ledger, &before);
}
