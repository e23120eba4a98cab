/* nearest_rows.c: queries go round, some at a time, meet the rows of every rank, and their lists
 * come home, merged on the way. */
#include "algo/vectors/nearest_rows.h"

#include "algo/vectors/nearest_tile.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/best.h"

#include <string.h>

enum { ROUND_BYTES = 128 << 20 /* of queries and their lists, about */, ROUND_QUERIES = 16384 };

/* Everything a search needs, made before its first message. */
typedef struct search {
    trn_tall_t queries, among;
    const trn_nearest_rows_t *how;
    trn_best_t *best; /* the caller's, [own queries x k] */
    int rank, ranks;
    int64_t blocks; /* of queries in a round */
    int64_t start;  /* first query of this rank */
    trn_nearest_tile_t tile;
    trn_best_t *mine; /* [own queries of a round x listed] merged lists */
    int *count, *at;  /* [ranks] of the queries of a round, or pairs that are excluded */
    int64_t *bans;    /* [rounds] such pairs on all ranks */
    trn_best_lists_t lists;
    MPI_Datatype row;
} search_t;

/* Rounds --------------------------------------------------------------------------------------- */

/* Whole blocks of queries, so that a round reads what it asks for; at least one. */
static int64_t blocks_of_round(const trn_nearest_rows_size_t *size) {
    int64_t block = trn_tall_block(size->queries);
    int64_t fit = ROUND_BYTES / trn_nearest_query_bytes(size);
    int64_t blocks = (fit < ROUND_QUERIES ? fit : ROUND_QUERIES) / block;
    return blocks > 1 ? blocks : 1;
}

/* Queries of the fullest round. */
static int64_t most_queries(const trn_nearest_rows_size_t *size) {
    int64_t most = blocks_of_round(size) * trn_tall_block(size->queries);
    return most < size->queries ? most : size->queries;
}

int64_t trn_nearest_rounds(const trn_nearest_rows_size_t *size) {
    int64_t most = blocks_of_round(size) * trn_tall_block(size->queries);
    return (size->queries + most - 1) / most;
}

/* Lists of a round lie there once by query and once more while MPI merges them; pairs that are
 * excluded may all be of one round. */
void trn_nearest_rows_plan(trn_ledger_t *ledger, const trn_nearest_rows_size_t *size, int ranks) {
    int64_t most = most_queries(size), list = size->listed * (int64_t)sizeof(trn_best_t);
    int64_t rounds = trn_nearest_rounds(size), block = trn_tall_block(size->rows);
    trn_ledger_take(ledger, "search", 1, trn_nearest_tile_bytes(size, most, size->excluded));
    trn_ledger_take(ledger, "search", most * (ranks > 1 ? 2 : 1), list);
    trn_ledger_take(ledger, "search", rounds, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "search", 2 * (int64_t)ranks, (int64_t)sizeof(int));
    trn_ledger_take(ledger, "libraries", size->threads > 1 ? size->threads : 1,
                    trn_blas_bytes(sizeof(float), block, size->cols + 1));
}

static trn_nearest_rows_size_t size_of(const search_t *s) {
    return (trn_nearest_rows_size_t){.queries = s->queries.rows,
                                     .rows = s->among.rows,
                                     .cols = s->among.block.cols,
                                     .listed = s->how->k + s->how->skip,
                                     .threads = s->how->threads};
}

/* First query of a round; of the one behind the last: all queries. */
static int64_t round_start(const search_t *s, int64_t round) {
    int64_t first = round * s->blocks * trn_tall_block(s->queries.rows);
    return first < s->queries.rows ? first : s->queries.rows;
}

/* First query of `rank` within a round, counted from the round's first. */
static int64_t part_start(const search_t *s, int64_t round, int rank) {
    int64_t low = round_start(s, round), high = round_start(s, round + 1);
    int64_t start = trn_tall_start(s->queries.comm, s->queries.rows, rank);
    return (start < low ? low : start > high ? high : start) - low;
}

/* Memory --------------------------------------------------------------------------------------- */

/* Pairs of this rank that are excluded, by rounds. */
static void count_bans(search_t *s, int64_t rounds) {
    const trn_sparse_t *excluded = s->how->excluded;
    for (int64_t r = 0; r < rounds; r++) {
        s->bans[r] = 0;
        if (!excluded) continue;
        int64_t low = round_start(s, r) + part_start(s, r, s->rank) - s->start;
        int64_t high = round_start(s, r) + part_start(s, r, s->rank + 1) - s->start;
        s->bans[r] = trn_sparse_start(excluded)[high] - trn_sparse_start(excluded)[low];
    }
}

static trn_status_t allocate(search_t *s, const trn_nearest_rows_size_t *size, int64_t bans) {
    int64_t block = trn_tall_block(size->rows), most = most_queries(size);
    TRN_TRY(trn_nearest_tile_create(&s->tile, s->how, size->cols, most,
                                    block < size->rows ? block : size->rows, bans));
    TRN_TRY(trn_alloc(&s->mine, most * size->listed, sizeof *s->mine, "best rows"));
    TRN_TRY(trn_alloc(&s->count, s->ranks, sizeof *s->count, "queries of ranks"));
    return trn_alloc(&s->at, s->ranks, sizeof *s->at, "queries of ranks");
}

static trn_status_t create(search_t *s) {
    MPI_Comm comm = s->queries.comm;
    trn_nearest_rows_size_t size = size_of(s);
    int64_t rounds = trn_nearest_rounds(&size), bans = 0;
    TRN_AGREE(comm, trn_alloc(&s->bans, rounds, sizeof *s->bans, "excluded rows"));
    count_bans(s, rounds);
    MPI_Allreduce(MPI_IN_PLACE, s->bans, (int)rounds, MPI_INT64_T, MPI_SUM, comm);
    for (int64_t r = 0; r < rounds; r++)
        bans = s->bans[r] > bans ? s->bans[r] : bans;
    trn_status_t status = TRN_OK;
    if (bans > INT32_MAX)
        status = trn_fail(TRN_INPUT, "%lld excluded pairs for %lld queries; at most 2^31 - 1 go",
                          (long long)bans, (long long)most_queries(&size));
    return trn_agree(comm, status == TRN_OK ? allocate(s, &size, bans) : status);
}

static void release(search_t *s) {
    trn_nearest_tile_free(&s->tile);
    trn_free(&s->mine);
    trn_free(&s->count);
    trn_free(&s->at);
    trn_free(&s->bans);
}

/* A round -------------------------------------------------------------------------------------- */

static void count_parts(search_t *s, int64_t round) {
    for (int r = 0; r < s->ranks; r++) {
        s->at[r] = (int)part_start(s, round, r);
        s->count[r] = (int)(part_start(s, round, r + 1) - s->at[r]);
    }
}

/* This rank's rows of the round to their place among all. */
static void copy_own(search_t *s, int64_t round) {
    int64_t block = trn_tall_block(s->queries.rows), cols = s->tile.cols;
    int64_t first = round_start(s, round) + s->at[s->rank], n = s->count[s->rank];
    for (int64_t row = first; row < first + n;) {
        trn_view_t rows = trn_tall_block_rows(s->queries, row / block);
        for (int64_t i = 0; i < rows.rows; i++)
            memcpy(s->tile.query + (row + i - first + s->at[s->rank]) * cols,
                   (const double *)rows.data + i * rows.stride, sizeof(double) * (size_t)cols);
        row += rows.rows;
    }
}

/* The pairs of the round that are excluded, from all ranks: counts of queries, then columns. */
static void gather_bans(search_t *s, int64_t round) {
    trn_nearest_tile_t *t = &s->tile;
    const trn_sparse_t *excluded = s->how->excluded;
    if (!excluded) return;
    int64_t n = round_start(s, round + 1) - round_start(s, round), own = s->at[s->rank];
    int64_t local = round_start(s, round) + own - s->start, *ban = t->ban + 1;
    const int64_t *start = trn_sparse_start(excluded) + local;
    for (int64_t i = 0; i < s->count[s->rank]; i++)
        ban[own + i] = start[i + 1] - start[i];
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_INT64_T, ban, s->count, s->at, MPI_INT64_T,
                   s->queries.comm);
    t->ban[0] = 0;
    for (int64_t i = 0; i < n; i++)
        ban[i] += t->ban[i];
    for (int r = 0; r < s->ranks; r++) {
        int64_t low = t->ban[s->at[r]], high = t->ban[s->at[r] + s->count[r]];
        s->at[r] = (int)low;
        s->count[r] = (int)(high - low);
    }
    memcpy(t->banned + s->at[s->rank], trn_sparse_column(excluded) + start[0],
           sizeof(int32_t) * (size_t)s->count[s->rank]);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_INT32_T, t->banned, s->count, s->at, MPI_INT32_T,
                   s->queries.comm);
    count_parts(s, round);
}

/* The lists of own queries, less what is skipped. */
static void keep_own(search_t *s, int64_t round) {
    int64_t listed = s->tile.listed, k = s->how->k;
    int64_t local = round_start(s, round) + s->at[s->rank] - s->start;
    for (int64_t i = 0; i < s->count[s->rank]; i++)
        memcpy(s->best + (local + i) * k, s->mine + i * listed + s->how->skip,
               sizeof(trn_best_t) * (size_t)k);
}

/* All rows of this rank pass by the queries of the round. */
static void pass(search_t *s) {
    int64_t block = trn_tall_block(s->among.rows), first = trn_tall_first_block(s->among);
    int64_t blocks = (s->among.block.rows + block - 1) / block;
    for (int64_t b = first; b < first + blocks; b++)
        trn_nearest_tile_meet(&s->tile, b * block, trn_tall_block_rows(s->among, b));
}

static void run_round(search_t *s, int64_t round) {
    trn_nearest_tile_t *t = &s->tile;
    int64_t first = round_start(s, round), n = round_start(s, round + 1) - first;
    count_parts(s, round);
    copy_own(s, round);
    MPI_Allgatherv(MPI_IN_PLACE, 0, s->row, t->query, s->count, s->at, s->row, s->queries.comm);
    gather_bans(s, round);
    trn_nearest_tile_begin(t, first, n);
    pass(s);
    MPI_Reduce_scatter(t->best, s->mine, s->count, s->lists.type, s->lists.merge, s->queries.comm);
    keep_own(s, round);
}

static void run_rounds(search_t *s) {
    trn_nearest_rows_size_t size = size_of(s);
    s->lists = trn_best_lists(s->tile.listed);
    MPI_Type_contiguous((int)size.cols, MPI_DOUBLE, &s->row);
    MPI_Type_commit(&s->row);
    if (s->among.block.rows > 0)
        trn_nearest_tile_center(&s->tile,
                                trn_tall_block_rows(s->among, trn_tall_first_block(s->among)));
    for (int64_t round = 0; round < trn_nearest_rounds(&size); round++)
        run_round(s, round);
    MPI_Type_free(&s->row);
    trn_best_lists_free(&s->lists);
}

trn_status_t trn_nearest_rows(trn_tall_t queries, trn_tall_t among, const trn_nearest_rows_t *how,
                              trn_best_t *best) {
    search_t s = {.queries = queries, .among = among, .how = how, .best = best};
    MPI_Comm_rank(queries.comm, &s.rank);
    MPI_Comm_size(queries.comm, &s.ranks);
    trn_nearest_rows_size_t size = size_of(&s);
    s.blocks = blocks_of_round(&size);
    s.start = trn_tall_start(queries.comm, queries.rows, s.rank);
    if (queries.rows == 0) return TRN_OK;
    trn_blas_single();
    trn_status_t status = create(&s);
    if (status == TRN_OK) {
        run_rounds(&s);
        if (trn_any(queries.comm, s.tile.overflows))
            status = trn_fail(TRN_NUMERIC, "squares of the numbers overflow; make the numbers "
                                           "smaller (transform --scale)");
    }
    release(&s);
    return status;
}
