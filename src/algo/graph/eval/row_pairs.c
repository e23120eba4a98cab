/* row_pairs.c: keys of pairs from all ranks, sorted; pairs drawn by their number, each rank its
 * part.
 */
#include "algo/graph/eval/row_pairs.h"

#include "algo/graph/eval/side_rows.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdlib.h>

enum { TRIES = 1 << 16 /* for one pair */ };

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t key_of(int64_t rows, int64_t u, int64_t v, bool directed) {
    return directed || u < v ? u * rows + v : v * rows + u;
}

/* This rank's edges between rows. */
static trn_status_t pick(trn_row_pairs_t *p, const trn_edges_file_t *file,
                         const trn_side_rows_t *rows, bool directed, int64_t *count,
                         int64_t **key) {
    TRN_TRY(trn_alloc(key, file->count, sizeof **key, "pairs"));
    for (int64_t i = 0; i < file->count; i++) {
        int64_t u = trn_side_row(rows, file->from[i]), v = trn_side_row(rows, file->to[i]);
        if (u >= 0 && v >= 0)
            (*key)[(*count)++] = key_of(p->rows, u, v, directed);
        else
            p->unknown++;
    }
    return TRN_OK;
}

/* Keys of all ranks, of which each stays once. Collective. */
static trn_status_t join(trn_row_pairs_t *p, MPI_Comm comm, int64_t count, const int64_t *key) {
    trn_parcels_t all = {0};
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_gather_all(comm, key, count * 8, &all);
    int64_t total = status == TRN_OK ? all.start[ranks] / 8 : 0;
    if (status == TRN_OK)
        status = trn_agree(comm, trn_alloc(&p->key, total, sizeof *p->key, "pairs"));
    if (status == TRN_OK) {
        int64_t *from = all.data;
        if (total > 0) qsort(from, (size_t)total, sizeof *from, ascending);
        for (int64_t i = 0; i < total; i++)
            if (i == 0 || from[i] != from[i - 1]) p->key[p->count++] = from[i];
        p->repeated = total - p->count;
        MPI_Allreduce(MPI_IN_PLACE, &p->unknown, 1, MPI_INT64_T, MPI_SUM, comm);
    }
    trn_parcels_free(&all);
    return status;
}

/* Equal on all ranks; one of them tells. */
static trn_status_t judge(const trn_row_pairs_t *p, MPI_Comm comm, const char *path,
                          const char *rows) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (p->count == 0)
        return trn_fail(TRN_INPUT,
                        "%s: no edge of it is between rows of %s; ends are the names that "
                        "the rows have, or their numbers from 0",
                        path, rows);
    if (p->unknown > 0 && rank == 0)
        trn_log(TRN_LOG_WARN, "links", "%s: %lld edges have an end that is no row of %s: left out",
                path, (long long)p->unknown, rows);
    return TRN_OK;
}

trn_status_t trn_row_pairs_read(trn_row_pairs_t *p, MPI_Comm comm, const char *path,
                                const trn_edges_how_t *how, bool directed, trn_matrix_in_t *in) {
    trn_edges_t edges = {0};
    trn_edges_how_t pairs = *how;
    trn_side_rows_t rows = {0};
    int64_t *key = NULL, count = 0;
    *p = (trn_row_pairs_t){.rows = in->info.rows};
    pairs.ids = trn_side_ids(in, how->ids);
    trn_status_t status = trn_edges_read(&edges, comm, &pairs, 1, &path);
    if (status == TRN_OK) status = trn_side_rows(&rows, &edges.side[0], comm, in);
    if (status == TRN_OK)
        status = trn_agree(comm, pick(p, &edges.file[0], &rows, directed, &count, &key));
    if (status == TRN_OK) status = join(p, comm, count, key);
    if (status == TRN_OK) status = judge(p, comm, path, in->path);
    trn_free(&key);
    trn_free(&rows.row);
    trn_edges_free(&edges);
    return status;
}

static bool among(const trn_row_pairs_t *p, int64_t key) {
    return p->count > 0 && bsearch(&key, p->key, (size_t)p->count, sizeof key, ascending);
}

/* A whole number below n out of 64 bits, n being far smaller. */
static int64_t below(int64_t n, uint32_t high, uint32_t low) {
    uint64_t bits = (uint64_t)high << 32 | low;
    return (int64_t)((unsigned __int128)bits * (uint64_t)n >> 64);
}

/* Pair number i of those that are drawn; -1: not found. */
static int64_t draw_one(int64_t rows, uint64_t seed, int64_t i, bool directed,
                        const trn_row_pairs_t *const *avoid, int n) {
    for (uint32_t try = 0; try < TRIES; try++) {
        uint32_t word[4];
        bool fine = true;
        trn_rng_words(seed, (uint64_t)i, 1, try, TRN_RNG_SPLIT, word);
        int64_t u = below(rows, word[0], word[1]), v = below(rows, word[2], word[3]);
        int64_t key = key_of(rows, u, v, directed);
        for (int k = 0; k < n; k++)
            fine = fine && !among(avoid[k], key);
        if (fine && u != v) return key;
    }
    return -1;
}

trn_status_t trn_row_pairs_draw(trn_row_pairs_t *p, MPI_Comm comm, int64_t rows, int64_t count,
                                uint64_t seed, bool directed, const trn_row_pairs_t *const *avoid,
                                int n) {
    trn_parcels_t all = {0};
    int64_t *key = NULL;
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int64_t first = trn_part_start(count, ranks, rank);
    int64_t own = trn_part_start(count, ranks, rank + 1) - first;
    *p = (trn_row_pairs_t){.rows = rows, .count = count};
    trn_status_t status = trn_alloc(&key, own, sizeof *key, "pairs without an edge");
    for (int64_t i = 0; i < own && status == TRN_OK; i++) {
        key[i] = draw_one(rows, seed, first + i, directed, avoid, n);
        if (key[i] < 0)
            status = trn_fail(TRN_INPUT,
                              "%d pairs drawn of %lld rows all have an edge: the graph is "
                              "too dense to draw pairs without one; give them by --negative FILE",
                              (int)TRIES, (long long)rows);
    }
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_gather_all(comm, key, own * 8, &all);
    trn_free(&key);
    if (status == TRN_OK) p->key = all.data, all.data = NULL;
    trn_parcels_free(&all);
    return status;
}

void trn_row_pairs_free(trn_row_pairs_t *p) {
    trn_free(&p->key);
    *p = (trn_row_pairs_t){0};
}
