/* clustering.h: how a verb is told to cluster rows. */
#ifndef TRN_CLI_ROWS_CLUSTERING_H
#define TRN_CLI_ROWS_CLUSTERING_H

#include "algo/cluster/codebook.h"
#include "algo/cluster/kmeans.h"
#include "cli/command.h"

/* Rows of every verb that runs k-means. `when` is the condition under which they have an effect, or
 * NULL. */
/* clang-format off */
#define TRN_CLUSTERING_PARAMS(when) \
    {"start", 0, TRN_PARAM_TEXT, "rows", .metavar = "rows|kmeans++|random|FILE", .needs = when, \
     .file = {TRN_FILE_READ, .words = "rows kmeans++ random"}, \
     .group = "Clustering", \
     .help = "centers to begin with: rows at equal distances, rows drawn with a chance of their " \
             "squared distance from those before (a pass each), different rows drawn, or those of " \
             "a file: a codebook, or a matrix with a center a row"}, \
    {"starts", 0, TRN_PARAM_INT, "1", 1, 10000, .needs = when, \
     .help = "begin so many times, and keep what ends best"}, \
    {"steps", 0, TRN_PARAM_INT, "25", 0, 1e6, .needs = when, \
     .help = "at most so many, each over all rows"}, \
    {"tolerance", 0, TRN_PARAM_REAL, "0", 0, 1, .needs = when, \
     .help = "end when a step takes no more than this part off the objective; 0: when nothing " \
             "changes any more"}, \
    {"empty", 0, TRN_PARAM_CHOICE, "keep", .choices = "keep|split", .needs = when, \
     .help = "a cluster that loses all its rows keeps its center, or takes the farthest row of " \
             "the largest cluster; how many did is told"}, \
    {"spherical", 0, TRN_PARAM_BOOL, "false", .needs = when, \
     .help = "rows and centers count as scaled to length 1: clusters of directions"}, \
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = when, \
     .help = "of rows that are drawn"}
/* clang-format on */

/* What they say, and centers out of a file, which *book then holds (trn_codebook_free); k is left
 * to the caller, unless centers are given: there k = book->k. Collective. Fails (agreed) as
 * trn_codebook_read, with TRN_INPUT where centers are not of `cols` numbers. */
trn_status_t trn_clustering_of(trn_run_t *run, int64_t cols, trn_kmeans_options_t *options,
                               trn_codebook_t *book);

/* That a codebook of whole rows has `cols` numbers in each. Fails with TRN_INPUT. Local. */
trn_status_t trn_clustering_fits(const trn_codebook_t *book, int64_t cols);

/* /codebook, /labels, /sizes, /objective and /start into a store; what every rank has, the `first`
 * writes. Collective; Local. */
trn_status_t trn_clustering_declare(trn_store_t *store, const trn_kmeans_t *found, int64_t rows,
                                    trn_dtype_t type);
trn_status_t trn_clustering_write(trn_store_t *store, bool first, const trn_kmeans_t *found,
                                  int64_t first_row, trn_dtype_t type);

/* Of these /sizes, /objective and /start alone; the first rank writes. Collective; Local. */
trn_status_t trn_clustering_declare_way(trn_store_t *store, const trn_kmeans_t *found);
trn_status_t trn_clustering_write_way(trn_store_t *store, const trn_kmeans_t *found);

/* Figures of a result: clusters, steps, objective, empty, ... Local. */
json_t *trn_clustering_figures(const trn_kmeans_t *found);

#endif
