/* labels.c: labels of rows: pairs of row and label from all ranks, sorted and counted. */
#include "algo/graph/eval/labels.h"

#include "algo/graph/eval/side_rows.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Each pair once; returns how many there are. */
static int64_t once(int64_t count, uint64_t *pairs) {
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++)
        if (left == 0 || pairs[i] != pairs[left - 1]) pairs[left++] = pairs[i];
    return left;
}

static int by_label(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Labels numbered without gaps: label[i] becomes the number of used ones below it. What is held
 * follows from the labels that there are, not from the largest number. */
static trn_status_t close_gaps(trn_node_labels_t *l) {
    int32_t *used = NULL;
    int64_t count = l->start[l->nodes];
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_alloc(&used, count, sizeof *used, "labels"));
    memcpy(used, l->label, (size_t)count * sizeof *used);
    qsort(used, (size_t)count, sizeof *used, by_label);
    for (int64_t i = 0; i < count; i++)
        if (l->labels == 0 || used[i] != used[l->labels - 1]) used[l->labels++] = used[i];
    l->unused = used[l->labels - 1] + 1 - l->labels;
    for (int64_t i = 0; i < count; i++) {
        const int32_t *at = bsearch(&l->label[i], used, (size_t)l->labels, sizeof *used, by_label);
        l->label[i] = (int32_t)(at - used);
    }
    trn_free(&used);
    return TRN_OK;
}

trn_status_t trn_node_labels_make(trn_node_labels_t *l, int64_t count, uint64_t *pairs) {
    qsort(pairs, (size_t)count, sizeof *pairs, ascending);
    int64_t left = once(count, pairs);
    l->repeated = count - left;
    for (int64_t i = 0; i < left; i++)
        l->nodes += i == 0 || pairs[i] >> 32 != pairs[i - 1] >> 32;
    TRN_TRY(trn_alloc(&l->row, l->nodes, sizeof *l->row, "labels"));
    TRN_TRY(trn_alloc(&l->start, l->nodes + 1, sizeof *l->start, "labels"));
    TRN_TRY(trn_alloc(&l->label, left, sizeof *l->label, "labels"));
    int64_t node = 0;
    for (int64_t i = 0; i < left; i++) {
        if (i == 0 || pairs[i] >> 32 != pairs[i - 1] >> 32) {
            l->row[node] = (int64_t)(pairs[i] >> 32);
            l->start[node++] = i;
        }
        l->label[i] = (int32_t)(pairs[i] & INT32_MAX);
    }
    l->start[node] = left;
    for (int64_t i = 0; i < l->nodes; i++)
        if (l->start[i + 1] - l->start[i] > l->most) l->most = l->start[i + 1] - l->start[i];
    return close_gaps(l);
}

/* This rank's pairs of known nodes. */
static trn_status_t pick(const trn_edges_file_t *file, const trn_side_rows_t *rows, int64_t *count,
                         int64_t *unknown, uint64_t **pairs) {
    TRN_TRY(trn_alloc(pairs, file->count, sizeof **pairs, "labels"));
    for (int64_t i = 0; i < file->count; i++) {
        int32_t at = trn_side_row(rows, file->from[i]);
        if (at >= 0) (*pairs)[(*count)++] = (uint64_t)at << 32 | (uint32_t)file->to[i];
        *unknown += at < 0;
    }
    return TRN_OK;
}

/* What nobody may have meant, into the log of one rank; and whether anything is left. */
static trn_status_t judge(const trn_node_labels_t *l, int rank, const char *path,
                          const char *rows) {
    if (l->nodes == 0)
        return trn_fail(TRN_INPUT,
                        "%s: no node of it is a row of %s; labels want the names that "
                        "the rows have, or their numbers from 0",
                        path, rows);
    if (rank != 0) return TRN_OK;
    if (l->unknown > 0)
        trn_log(TRN_LOG_WARN, "labels",
                "%s: %lld labels are of nodes that are no rows of %s: left out", path,
                (long long)l->unknown, rows);
    if (l->repeated > 0)
        trn_log(TRN_LOG_WARN, "labels", "%s: %lld labels stand twice at a node: they count once",
                path, (long long)l->repeated);
    if (l->unused > 0)
        trn_log(TRN_LOG_WARN, "labels",
                "%s: no node has %lld of the labels up to the largest: they "
                "are left out",
                path, (long long)l->unused);
    return TRN_OK;
}

/* Of all ranks. Collective. */
static trn_status_t join(trn_node_labels_t *l, MPI_Comm comm, const trn_edges_file_t *file,
                         const trn_side_rows_t *rows) {
    uint64_t *pairs = NULL;
    trn_parcels_t all = {0};
    int64_t count = 0;
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_agree(comm, pick(file, rows, &count, &l->unknown, &pairs));
    if (status == TRN_OK) status = trn_gather_all(comm, pairs, count * 8, &all);
    trn_free(&pairs);
    if (status == TRN_OK)
        status = trn_agree(comm, trn_node_labels_make(l, all.start[ranks] / 8, all.data));
    trn_parcels_free(&all);
    MPI_Allreduce(MPI_IN_PLACE, &l->unknown, 1, MPI_INT64_T, MPI_SUM, comm);
    return status;
}

trn_status_t trn_node_labels_read(trn_node_labels_t *l, MPI_Comm comm, const char *path,
                                  const trn_edges_how_t *how, trn_matrix_in_t *in) {
    trn_edges_t edges = {0};
    trn_edges_how_t lists = *how;
    trn_side_rows_t rows = {0};
    int rank;
    MPI_Comm_rank(comm, &rank);
    lists.layout = TRN_EDGES_LISTS;
    lists.bipartite = true;
    lists.thing[1] = "label";
    lists.ids = trn_side_ids(in, how->ids);
    trn_status_t status = trn_edges_read(&edges, comm, &lists, 1, &path);
    if (status == TRN_OK) status = trn_side_rows(&rows, &edges.side[0], comm, in);
    if (status == TRN_OK) status = join(l, comm, &edges.file[0], &rows);
    if (status == TRN_OK) status = judge(l, rank, path, in->path); /* equal on all ranks */
    trn_free(&rows.row);
    trn_edges_free(&edges);
    return status;
}

void trn_node_labels_plan(trn_ledger_t *ledger, const trn_node_labels_t *l) {
    trn_ledger_take(ledger, "labels", l->nodes * 2 + 1, 8);
    trn_ledger_take(ledger, "labels", l->start ? l->start[l->nodes] : 0, 4);
}

void trn_node_labels_free(trn_node_labels_t *l) {
    trn_free(&l->row);
    trn_free(&l->start);
    trn_free(&l->label);
    *l = (trn_node_labels_t){0};
}
