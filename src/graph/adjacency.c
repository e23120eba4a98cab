/* adjacency.c: facts sorted both ways round become the rows of matrices. */
#include "graph/adjacency.h"

#include "base/mem.h"

#include <stdlib.h>

static int compare_forwards(const void *a, const void *b) {
    const trn_triple_t *x = a, *y = b;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    return (x->tail > y->tail) - (x->tail < y->tail);
}

static int compare_backwards(const void *a, const void *b) {
    const trn_triple_t *x = a, *y = b;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    if (x->tail != y->tail) return x->tail < y->tail ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

/* Sort, and leave out what stands there twice; returns how many are left. */
static int64_t sort_unique(int64_t count, trn_triple_t *triples) {
    int64_t kept = 0;
    if (count > 0) qsort(triples, (size_t)count, sizeof *triples, compare_forwards);
    for (int64_t i = 0; i < count; i++)
        if (kept == 0 || compare_forwards(&triples[kept - 1], &triples[i]) != 0)
            triples[kept++] = triples[i];
    return kept;
}

/* Append the atoms of one direction; rows and entries go behind those there are. */
static void append(trn_adjacency_t *a, bool turned, int64_t count, const trn_triple_t *triples,
                   int64_t *rows, int64_t *entries) {
    int64_t i = 0, base = turned ? a->relations : 0;
    for (int64_t r = 0; r < a->relations; r++) {
        a->first[base + r] = *rows;
        for (; i < count && triples[i].relation == r; i++) {
            int32_t x = turned ? triples[i].tail : triples[i].head;
            if (*rows == a->first[base + r] || a->row[*rows - 1] != x) {
                a->row[*rows] = x;
                a->start[(*rows)++] = *entries;
            }
            a->column[(*entries)++] = turned ? triples[i].head : triples[i].tail;
        }
    }
    a->first[base + a->relations] = *rows;
    a->start[*rows] = *entries;
}

/* Which atoms each entity has a row of, and from that who meets whom. */
static trn_status_t find_meetings(trn_adjacency_t *a) {
    int64_t rows = a->first[a->atoms], *at = NULL;
    int32_t *atom = NULL;
    trn_status_t status;
    TRN_OR(done, trn_alloc_zero(&at, a->entities + 2, sizeof *at, "atoms of entities"));
    TRN_OR(done, trn_alloc(&atom, rows, sizeof *atom, "atoms of entities"));
    for (int64_t i = 0; i < rows; i++)
        at[a->row[i] + 2]++;
    for (int64_t e = 0; e < a->entities; e++)
        at[e + 2] += at[e + 1];
    for (int64_t r = 0; r < a->atoms; r++)
        for (int64_t i = a->first[r]; i < a->first[r + 1]; i++)
            atom[at[a->row[i] + 1]++] = (int32_t)r;
    for (int64_t e = 0; e < a->entities; e++)
        for (int64_t i = at[e]; i < at[e + 1]; i++)
            for (int64_t j = at[e]; j < at[e + 1]; j++)
                a->meets[atom[i] * a->atoms + atom[j]] = true;
done:
    trn_free(&at);
    trn_free(&atom);
    return status;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Count the rows of one direction, by which the triples are sorted. */
static void count_rows(trn_adjacency_size_t *size, bool turned, const trn_triple_t *triples) {
    for (int64_t i = 0, entries = 0, rows = 0; i < size->count; i++) {
        const trn_triple_t *t = &triples[i], *before = t - 1;
        bool other = i == 0 || t->relation != before->relation;
        if (other) entries = rows = 0;
        bool fresh = other || (turned ? t->tail != before->tail : t->head != before->head);
        entries++;
        rows += fresh;
        size->rows += fresh;
        size->most_rows = larger(size->most_rows, rows);
        size->most_entries = larger(size->most_entries, entries);
    }
}

static void sort_backwards(int64_t count, trn_triple_t *triples) {
    if (count > 0) qsort(triples, (size_t)count, sizeof *triples, compare_backwards);
}

trn_adjacency_size_t trn_adjacency_measure(int64_t entities, int64_t relations, int64_t count,
                                           trn_triple_t *triples) {
    trn_adjacency_size_t size = {.entities = entities, .relations = relations};
    size.count = sort_unique(count, triples);
    count_rows(&size, false, triples);
    sort_backwards(size.count, triples);
    count_rows(&size, true, triples);
    return size;
}

trn_status_t trn_adjacency_create(trn_adjacency_t *adjacency, const trn_adjacency_size_t *size,
                                  trn_triple_t *triples) {
    trn_adjacency_t *a = adjacency;
    int64_t rows = 0, entries = 0, count = size->count;
    trn_status_t status;
    *a = (trn_adjacency_t){
        .entities = size->entities, .relations = size->relations, .atoms = 2 * size->relations};
    TRN_OR(done, trn_alloc(&a->first, a->atoms + 1, sizeof *a->first, "relation matrices"));
    TRN_OR(done, trn_alloc(&a->row, size->rows, sizeof *a->row, "relation matrices"));
    TRN_OR(done, trn_alloc(&a->start, size->rows + 1, sizeof *a->start, "relation matrices"));
    TRN_OR(done, trn_alloc(&a->column, 2 * count, sizeof *a->column, "relation matrices"));
    TRN_OR(done, trn_alloc_zero(&a->meets, a->atoms * a->atoms, sizeof *a->meets,
                                "which relations meet"));
    (void)sort_unique(count, triples);
    append(a, false, count, triples, &rows, &entries);
    sort_backwards(count, triples);
    append(a, true, count, triples, &rows, &entries);
    status = find_meetings(a);
done:
    if (status != TRN_OK) trn_adjacency_destroy(a);
    return status;
}

/* When qsort has its copy the second time, one direction is there: the other half of the matrices
 * has not been touched. */
void trn_adjacency_plan(trn_ledger_t *ledger, const trn_adjacency_size_t *size) {
    const int64_t atoms = 2 * size->relations, wide = 8, narrow = 4;
    int64_t bytes = (atoms + size->rows + 2) * wide + (size->rows + 2 * size->count) * narrow;
    trn_ledger_take(ledger, "matrices", atoms * atoms + bytes / 2, 1);
    trn_ledger_pass(ledger, "sorting", size->count, (int64_t)sizeof(trn_triple_t));
    trn_ledger_take(ledger, "matrices", bytes - bytes / 2, 1);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "matrices", size->entities + 2, wide);
    trn_ledger_take(ledger, "matrices", size->rows, narrow);
    trn_ledger_back(ledger, &before);
}

void trn_adjacency_destroy(trn_adjacency_t *adjacency) {
    trn_free(&adjacency->first);
    trn_free(&adjacency->row);
    trn_free(&adjacency->start);
    trn_free(&adjacency->column);
    trn_free(&adjacency->meets);
}

int64_t trn_adjacency_turned(const trn_adjacency_t *adjacency, int64_t atom) {
    return atom < adjacency->relations ? atom + adjacency->relations : atom - adjacency->relations;
}

int64_t trn_adjacency_entries(const trn_adjacency_t *adjacency, int64_t atom) {
    return adjacency->start[adjacency->first[atom + 1]] - adjacency->start[adjacency->first[atom]];
}

int64_t trn_adjacency_find(const trn_adjacency_t *adjacency, int64_t atom, int32_t x) {
    int64_t low = adjacency->first[atom], high = adjacency->first[atom + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (adjacency->row[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < adjacency->first[atom + 1] && adjacency->row[low] == x ? low : -1;
}
