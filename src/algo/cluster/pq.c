/* pq.c: a k-means for each part of the columns. */
#include "algo/cluster/pq.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>

void trn_pq_free(trn_pq_t *result) {
    trn_codebook_free(&result->book);
    trn_free(&result->code);
}

/* Codes of 16 bits, whatever k: the caller narrows them. */
static trn_status_t create(trn_pq_t *r) {
    const trn_codebook_t *book = &r->book;
    TRN_TRY(trn_alloc(&r->book.center, book->parts * book->k * book->width, sizeof(double),
                      "a codebook"));
    return trn_alloc(&r->code, r->rows * book->parts, sizeof *r->code, "codes");
}

/* Collective. */
static trn_status_t cluster_part(trn_pq_t *r, const trn_cluster_rows_t *rows, int64_t part,
                                 const trn_kmeans_options_t *options) {
    trn_cluster_rows_t columns = *rows;
    int64_t numbers = r->book.k * r->book.width;
    trn_kmeans_t found;
    columns.first += part * r->book.width;
    columns.cols = r->book.width;
    trn_status_t status = trn_kmeans(&found, &columns, options);
    if (status == TRN_OK) {
        memcpy(r->book.center + part * numbers, found.center, sizeof(double) * (size_t)numbers);
        for (int64_t i = 0; i < r->rows; i++)
            r->code[i * r->book.parts + part] = (uint16_t)found.label[i];
        r->objective += found.objective[found.steps];
        r->empty += found.empty;
    }
    trn_kmeans_free(&found);
    return status;
}

/* One part after the other, so that memory is that of one k-means of cols / parts columns. */
trn_status_t trn_pq(trn_pq_t *result, const trn_cluster_rows_t *rows, int64_t parts,
                    const trn_kmeans_options_t *options) {
    *result = (trn_pq_t){
        .book = {.path = rows->name, .parts = parts, .k = options->k, .width = rows->cols / parts},
        .rows = rows->tall.block.rows};
    TRN_AGREE(rows->tall.comm, create(result));
    for (int64_t part = 0; part < parts; part++)
        TRN_TRY(cluster_part(result, rows, part, options));
    return TRN_OK;
}

/* The same walk: parts come one after the other. */
void trn_pq_plan(trn_ledger_t *ledger, int64_t own, int64_t cols, int64_t parts,
                 const trn_kmeans_options_t *options) {
    trn_ledger_take(ledger, "centers", options->k * cols, sizeof(double));
    trn_ledger_take(ledger, "labels", own * parts, sizeof(uint16_t));
    trn_ledger_t before = *ledger;
    trn_kmeans_plan(ledger, own, cols / parts, options);
    trn_ledger_back(ledger, &before);
}
