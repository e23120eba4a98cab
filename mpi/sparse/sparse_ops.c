/* sparse_ops.c: blocks of one distribution out of those of another, also transposed or permuted,
 * and the cut of rows into bands of even work. All ways of moving are one: each entry is a triplet
 * that is relabeled and sent to its owner in rounds (trn_sparse_route). */
#include "mpi/sparse/sparse_ops.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"

/* Moving --------------------------------------------------------------------------------------- */

typedef enum relabel { KEEP, SWAP, PERMUTE } relabel_t;

/* Entries on their way: a walk over the old block, and what has come of the new one. */
typedef struct move {
    const trn_sparse_t *from;
    int64_t row, e; /* next entry of the old block */
    relabel_t relabel;
    uint64_t seed;
    const trn_dist_t *dist;
    trn_triplet_t *arrived;
    int64_t count, room;
} move_t;

/* Where an entry of the old matrix stands in the new one. */
static trn_triplet_t relabeled(const move_t *m, trn_triplet_t t) {
    int64_t n = trn_dist_rows(m->dist);
    if (m->relabel == SWAP) return (trn_triplet_t){t.col, t.row, t.value};
    if (m->relabel == KEEP || t.row >= n || t.col >= n) return t; /* outside: route will say so */
    return (trn_triplet_t){trn_rng_permuted(m->seed, n, t.row), trn_rng_permuted(m->seed, n, t.col),
                           t.value};
}

static int owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(((move_t *)user)->dist, row, col);
}

/* Entries as triplets, row by row; empty rows are passed over. */
static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    move_t *m = user;
    trn_extent_t x = trn_sparse_extent(m->from);
    const int64_t *start = trn_sparse_start(m->from);
    for (*count = 0; *count < room && m->e < start[x.rows]; m->e++) {
        while (m->e == start[m->row + 1])
            m->row++;
        trn_triplet_t t = {x.first_row + m->row, x.first_col + trn_sparse_column(m->from)[m->e],
                           trn_sparse_value(m->from, m->e)};
        triplets[(*count)++] = relabeled(m, t);
    }
    return TRN_OK;
}

/* Collected until all have come; then the block is built of them at once. */
static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    move_t *m = user;
    TRN_TRY(trn_grow(&m->arrived, &m->room, m->count + count, sizeof *m->arrived,
                     "triplets of a block"));
    for (int64_t i = 0; i < count; i++)
        m->arrived[m->count++] = triplets[i];
    return TRN_OK;
}

/* The old block stays; the triplets are freed while the new one is built of them. */
static trn_status_t move(MPI_Comm comm, move_t *m, trn_sparse_t **to) {
    *to = NULL;
    trn_route_t route = {owner, give, take, m};
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_sparse_route(comm, &route, TRN_SPARSE_BATCH);
    if (status == TRN_OK) {
        status = trn_sparse_create_from(to, trn_sparse_type(m->from),
                                        trn_sparse_extent_of(m->dist, rank), m->count, &m->arrived);
        status = trn_agree(comm, status);
    }
    if (status != TRN_OK) trn_sparse_destroy(to);
    trn_free(&m->arrived);
    return status;
}

trn_status_t trn_sparse_regroup(MPI_Comm comm, const trn_sparse_t *sparse, const trn_dist_t *dist,
                                trn_sparse_t **regrouped) {
    return move(comm, &(move_t){.from = sparse, .relabel = KEEP, .dist = dist}, regrouped);
}

trn_status_t trn_sparse_transpose_all(MPI_Comm comm, const trn_sparse_t *sparse,
                                      const trn_dist_t *dist, trn_sparse_t **transpose) {
    return move(comm, &(move_t){.from = sparse, .relabel = SWAP, .dist = dist}, transpose);
}

/* Rows and columns by the same permutation of a graph's vertices. */
trn_status_t trn_sparse_permute(MPI_Comm comm, const trn_sparse_t *sparse, uint64_t seed,
                                const trn_dist_t *dist, trn_sparse_t **permuted) {
    *permuted = NULL;
    if (trn_dist_rows(dist) != trn_dist_cols(dist))
        return trn_agree(
            comm, trn_fail(TRN_USAGE, "permute: the matrix is %lld x %lld; give a square one",
                           (long long)trn_dist_rows(dist), (long long)trn_dist_cols(dist)));
    move_t m = {.from = sparse, .relabel = PERMUTE, .seed = seed, .dist = dist};
    return move(comm, &m, permuted);
}

/* For plans: triplets, the route's buffers, then entries while they are sorted, and the block, in
 * the order in which they come and go. */
void trn_sparse_move_take(trn_ledger_t *ledger, const char *name, int64_t entries, int64_t rows,
                          int64_t entry) {
    enum { SPARE = 16 /* trn_grow's */, ENTRY = 16 /* while rows are sorted */, POOLS = 3 };
    static const int64_t batch = POOLS * (int64_t)sizeof(trn_triplet_t) + (int64_t)sizeof(int);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "moving", entries + entries / SPARE, sizeof(trn_triplet_t));
    trn_ledger_pass(ledger, "moving", TRN_SPARSE_BATCH, batch);
    trn_ledger_take(ledger, name, rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "moving", entries, ENTRY);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "moving", entries, ENTRY);
    trn_ledger_take(ledger, name, rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, name, entries, entry);
    trn_ledger_give(ledger, "moving", entries, ENTRY);
}

/* Balance -------------------------------------------------------------------------------------- */

/* Of a row: 1 for the row itself, so that empty rows are dealt out as well. */
static int64_t weight_of(const trn_sparse_t *sparse, const int64_t *weight, int64_t i) {
    const int64_t *start = trn_sparse_start(sparse);
    return 1 + (weight ? weight[i] : start[i + 1] - start[i]);
}

/* The first rows of the parts that begin in this band to row_start[1..parts - 1], 0 for others:
 * part p begins where at least p / parts of the weight lies before. */
static void place_cuts(const trn_sparse_t *sparse, const int64_t *weight, int64_t before,
                       int64_t all, int parts, int64_t *row_start) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int p = 1;
    for (int64_t i = 0; i < x.rows; i++) {
        int64_t behind = before + weight_of(sparse, weight, i);
        for (; p < parts && trn_part_start(all, parts, p) < behind; p++)
            if (trn_part_start(all, parts, p) >= before)
                row_start[p] = x.first_row + i + (trn_part_start(all, parts, p) > before);
        before = behind;
    }
}

/* Every rank sets the cuts that fall into its band; the maximum of all is the whole list. The rank
 * that calls gives its own rows only. */
trn_status_t trn_sparse_cut_rows(MPI_Comm comm, const trn_sparse_t *sparse, const int64_t *weight,
                                 int parts, trn_dist_t **dist) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int64_t sums[2] = {0, x.rows}, before = 0, *row_start = NULL;
    *dist = NULL;
    trn_status_t status = TRN_OK;
    if (parts < 1) status = trn_fail(TRN_USAGE, "cut: %d parts; choose 1 or more", parts);
    if (status == TRN_OK)
        status = trn_alloc_zero(&row_start, parts + 2, sizeof *row_start, "bands");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t i = 0; i < x.rows; i++)
        sums[0] += weight_of(sparse, weight, i);
    MPI_Exscan(&sums[0], &before, 1, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, comm);
    int rank;
    MPI_Comm_rank(comm, &rank);
    place_cuts(sparse, weight, rank == 0 ? 0 : before, sums[0], parts, row_start);
    row_start[parts] = sums[1];
    row_start[parts + 1] = x.cols; /* 0 on ranks beyond the bands */
    MPI_Allreduce(MPI_IN_PLACE, row_start, parts + 2, MPI_INT64_T, MPI_MAX, comm);
    const int64_t col_start[2] = {0, row_start[parts + 1]};
    status = trn_agree(comm, trn_dist_create_at(dist, parts, row_start, 1, col_start));
    if (status != TRN_OK) trn_dist_destroy(dist);
done:
    trn_free(&row_start);
    return status;
}
