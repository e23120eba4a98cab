/* nearest_files.h: nearest_rows.h on files of any format and size, with what leaves pairs out. */
#ifndef TRN_ALGO_VECTORS_NEAREST_FILES_H
#define TRN_ALGO_VECTORS_NEAREST_FILES_H

#include "algo/matrix/tall_in.h"
#include "algo/rows/ids.h"
#include "algo/vectors/nearest_rows.h"
#include "io/store/store.h"

#include <jansson.h>
#include <mpi.h>

/* Borrowed; NULL: none. */
typedef struct trn_nearest_paths {
    const char *queries, *among;       /* one file may be both, and is then read once */
    const char *exclude;               /* "self"; or a row for each query; or a sparse matrix */
    const char *groups, *query_groups; /* of one file for both, one list serves both */
    const char *graph;                 /* a sparse matrix of the scores to write */
} trn_nearest_paths_t;

/* Start with {0} and fill in what is asked for. */
typedef struct trn_nearest_files {
    trn_nearest_paths_t path;
    trn_nearest_rows_t how; /* metric, k, skip, threads, least, most */
    MPI_Comm comm;          /* borrowed; set by trn_nearest_files_look */

    trn_tall_in_t among, queries;
    bool same, streams; /* queries are the rows themselves; memory does not hold the rows */
    trn_matrix_in_t pairs;
    trn_ids_t one, group, query_group;
    trn_best_t *best; /* [own queries x k] */
    double seconds;   /* of the search alone */
} trn_nearest_files_t;

/* Look at the files, and read the lists of whole numbers. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT (sizes that do not belong together, numbers out of range), TRN_USAGE,
 * TRN_MEMORY, TRN_IO. */
trn_status_t trn_nearest_files_look(trn_nearest_files_t *files, MPI_Comm comm);

/* Deal the rows to so many ranks; they pass by if `memory` bytes (0: no limit) do not hold them.
 * Collective. Fails (agreed) as trn_bands_tall. */
trn_status_t trn_nearest_files_cut(trn_nearest_files_t *files, int ranks, int64_t memory);

/* Plan of what follows, with the lists that were read. Local. `user` is a trn_nearest_files_t. */
void trn_nearest_files_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger);

/* Read, search and write the graph. Collective. Fails (agreed) as reading, trn_nearest_rows and
 * saving do. `params` and `created_by` are noted in a store. */
trn_status_t trn_nearest_files_run(trn_nearest_files_t *files, const char *created_by,
                                   const json_t *params);

/* Declare the store: /ids and /scores [queries x k], and /vocab of named queries. Collective. Fails
 * (agreed) as trn_matrix_in_declare. */
trn_status_t trn_nearest_files_declare(trn_nearest_files_t *files, trn_store_t *store);

/* Write this rank's answers into it. Local. Fails with TRN_IO, TRN_MEMORY. */
trn_status_t trn_nearest_files_write(const trn_nearest_files_t *files, trn_store_t *store);

/* What a user is told of a score: for l2 the distance. Local. */
double trn_nearest_shown(trn_nearness_t metric, double score);

/* A row for each of the first answers to the first queries into `table`, with names where files
 * have them, and *unanswered = queries with fewer than k answers. Collective. Fails (agreed) with
 * TRN_MEMORY, and as names do. Cost: names are read once. */
trn_status_t trn_nearest_files_tell(trn_nearest_files_t *files, json_t *table, int64_t *unanswered);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_nearest_files_free(trn_nearest_files_t *files);

#endif
