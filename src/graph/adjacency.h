/* adjacency.h: the matrix of every relation of a graph, and which of them can follow each other.
 *
 * An atom is a relation read forwards (a < relations: row x, column y for a fact (x, a, y)) or
 * backwards (relations + r: the transpose of r). Rows without entries are not stored. */
#ifndef TRN_GRAPH_ADJACENCY_H
#define TRN_GRAPH_ADJACENCY_H

#include "base/ledger.h"
#include "base/status.h"
#include "graph/triple.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_adjacency {
    int64_t entities, relations, atoms; /* atoms = 2 x relations */
    int64_t *first;  /* [atoms + 1]: atom a has the rows [first[a], first[a + 1]) of all rows */
    int32_t *row;    /* [all rows]: their entities, ascending within an atom */
    int64_t *start;  /* [all rows + 1]: row i has the entries [start[i], start[i + 1]) */
    int32_t *column; /* entries, ascending within a row, none twice */
    bool *meets;     /* [atoms x atoms]: some entity is in rows of both; symmetric */
} trn_adjacency_t;

/* What the matrices of some triples come to. */
typedef struct trn_adjacency_size {
    int64_t entities, relations;
    int64_t count;                   /* triples, repeated ones once */
    int64_t rows;                    /* of all atoms */
    int64_t most_rows, most_entries; /* of one atom */
} trn_adjacency_size_t;

/* Measure triples[count], whose numbers must be in range: they are sorted, and repeated ones left
 * out. Local. Cost: O(n log n). */
trn_adjacency_size_t trn_adjacency_measure(int64_t entities, int64_t relations, int64_t count,
                                           trn_triple_t *triples);

/* Build from the triples that were measured, which are sorted again. Fails with TRN_MEMORY. Local.
 * Cost: O(n log n + atoms per entity squared). */
trn_status_t trn_adjacency_create(trn_adjacency_t *adjacency, const trn_adjacency_size_t *size,
                                  trn_triple_t *triples);

/* Plan of that beside the triples: the matrices stay under "matrices". Local. */
void trn_adjacency_plan(trn_ledger_t *ledger, const trn_adjacency_size_t *size);

/* Free what it holds; {0} is fine. Local. */
void trn_adjacency_destroy(trn_adjacency_t *adjacency);

/* The atom read the other way round. Local. */
int64_t trn_adjacency_turned(const trn_adjacency_t *adjacency, int64_t atom);

/* Entries of an atom. Local. */
int64_t trn_adjacency_entries(const trn_adjacency_t *adjacency, int64_t atom);

/* The atom's row of entity x, as a place among all rows, or -1. Local. Cost: a binary search. */
int64_t trn_adjacency_find(const trn_adjacency_t *adjacency, int64_t atom, int32_t x);

#endif
