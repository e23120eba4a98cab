/* kg_lines.h: small files that people write about a graph: lines of head, relation and tail between
 * tabs, blank ones left out, and blanks at the ends of names. */
#ifndef TRN_ALGO_KG_KG_LINES_H
#define TRN_ALGO_KG_KG_LINES_H

#include "algo/kg/kg.h"
#include "base/status.h"
#include "graph/triple.h"
#include "graph/triple_line.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* How such a file is written. */
typedef struct trn_kg_form {
    bool header;      /* its first line names the columns */
    bool keep_blanks; /* blanks at the ends of a name are part of it, as in the graph */
} trn_kg_form_t;

/* The lines of a file, equal on all ranks. Start with {0}. */
typedef struct trn_kg_lines {
    const char *path; /* borrowed */
    trn_kg_form_t form;
    char *text; /* cut up */
    int64_t count;
    int64_t *line;                     /* [count] of the file, from 1 */
    char *(*name)[TRN_TRIPLE_COLUMNS]; /* [count] in the text */
    trn_triple_t *number;              /* [count] in the graph; -1: it has no such name */
} trn_kg_lines_t;

/* Read a file, plain or compressed, of `what` ("question"), and look its names up. Collective,
 * equal arguments. Fails (agreed) with TRN_INPUT naming FILE:LINE (not three names) or FILE (no
 * line, missing), TRN_IO, TRN_MEMORY; free it then too. Cost: rank 0 reads the file, and all names
 * of the graph once (names.h). */
trn_status_t trn_kg_lines_read(trn_kg_lines_t *lines, MPI_Comm comm, const char *path,
                               const char *what, const trn_kg_form_t *form, const trn_kg_t *kg);

/* Fail with TRN_INPUT for the name in column `at` of line i: the graph has not got it, nor is it
 * among more[count]; the nearest is suggested, and for a first line that it
 * may be headings. Collective, equal arguments. Fails otherwise, and
 * costs, as trn_names_unknown (names.h). */
trn_status_t trn_kg_lines_unknown(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg,
                                  int64_t i, int at, int64_t count, char *const *more);

/* Free what they hold; {0} is fine. Local. */
void trn_kg_lines_free(trn_kg_lines_t *lines);

#endif
