/* clustering.c: options of k-means, and its results in stores. */
#include "cli/rows/clustering.h"

#include <string.h>

trn_status_t trn_clustering_fits(const trn_codebook_t *book, int64_t cols) {
    if (book->parts == 1 && book->width == cols) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has centers of %lld numbers, but rows have %lld", book->path,
                    (long long)(book->parts * book->width), (long long)cols);
}

/* What is none of the names of starts is the name of a file. */
trn_status_t trn_clustering_of(trn_run_t *run, int64_t cols, trn_kmeans_options_t *options,
                               trn_codebook_t *book) {
    const trn_params_t *p = run->params;
    const char *start = trn_params_text(p, "start");
    *options = (trn_kmeans_options_t){.starts = (int)trn_params_int(p, "starts"),
                                      .steps = trn_params_int(p, "steps"),
                                      .tolerance = trn_params_real(p, "tolerance"),
                                      .seed = (uint64_t)trn_params_int(p, "seed"),
                                      .unit = trn_params_bool(p, "spherical"),
                                      .split = strcmp(trn_params_text(p, "empty"), "split") == 0,
                                      .threads = run->threads,
                                      .start = strcmp(start, "rows") == 0       ? TRN_KMEANS_ROWS
                                               : strcmp(start, "kmeans++") == 0 ? TRN_KMEANS_PLUS
                                               : strcmp(start, "random") == 0   ? TRN_KMEANS_RANDOM
                                                                                : TRN_KMEANS_GIVEN};
    if (options->start != TRN_KMEANS_GIVEN) return TRN_OK;
    if (options->starts > 1)
        return trn_fail(TRN_USAGE, "--starts: given centers are one start, not %d",
                        options->starts);
    TRN_TRY(trn_codebook_read(book, run->comm, start, false));
    options->k = book->k;
    options->given = book->center;
    return trn_clustering_fits(book, cols);
}

/* The same datasets, whether kmeans or quantize --vq found them. */
trn_status_t trn_clustering_declare(trn_store_t *store, const trn_kmeans_t *found, int64_t rows,
                                    trn_dtype_t type) {
    TRN_TRY(trn_codebook_declare(store, 1, found->k, found->cols, type));
    TRN_TRY(trn_store_dataset(store, "/labels", TRN_I32, rows, 0));
    return trn_clustering_declare_way(store, found);
}

trn_status_t trn_clustering_declare_way(trn_store_t *store, const trn_kmeans_t *found) {
    TRN_TRY(trn_store_dataset(store, "/sizes", TRN_I64, found->k, 0));
    TRN_TRY(trn_store_dataset(store, "/objective", TRN_F64, found->steps + 1, 0));
    return trn_store_dataset(store, "/start", TRN_I64, found->k, 0);
}

trn_status_t trn_clustering_write(trn_store_t *store, bool first, const trn_kmeans_t *found,
                                  int64_t first_row, trn_dtype_t type) {
    trn_view_t center = {TRN_F64, first ? found->k : 0, found->cols, found->cols, found->center};
    TRN_TRY(trn_codebook_write(store, 0, center, type));
    TRN_TRY(trn_store_write(store, "/labels", first_row, found->rows, found->label));
    return first ? trn_clustering_write_way(store, found) : TRN_OK;
}

trn_status_t trn_clustering_write_way(trn_store_t *store, const trn_kmeans_t *found) {
    TRN_TRY(trn_store_write(store, "/sizes", 0, found->k, found->size));
    TRN_TRY(trn_store_write(store, "/objective", 0, found->steps + 1, found->objective));
    return trn_store_write(store, "/start", 0, found->k, found->start);
}

/* Sizes as their extremes; all of them are in the store. */
json_t *trn_clustering_figures(const trn_kmeans_t *found) {
    int64_t least = found->size[0], most = found->size[0];
    for (int64_t c = 0; c < found->k; c++) {
        if (found->size[c] < least) least = found->size[c];
        if (found->size[c] > most) most = found->size[c];
    }
    return json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:i, s:f}", "clusters",
                     (json_int_t)found->k, "steps", (json_int_t)found->steps, "first_objective",
                     found->objective[0], "objective", found->objective[found->steps], "empty",
                     (json_int_t)found->empty, "moved", (json_int_t)found->moved, "smallest",
                     (json_int_t)least, "largest", (json_int_t)most, "chosen", found->chosen,
                     "step_seconds", found->seconds);
}
