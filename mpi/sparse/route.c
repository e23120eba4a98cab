/* The way of triplets to their owners, in rounds of bounded size (sparse.h). */
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse.h"

#include <limits.h>

/* The buffers of one trn_sparse_route. A rank may send `share` triplets a round to each rank, so it
 * receives at most ranks x share. */
typedef struct router {
    MPI_Comm comm;
    const trn_route_t *route;
    int ranks;
    int64_t room, share;            /* room = ranks x share */
    int64_t waiting;                /* triplets in `pool`, which is filled up each round */
    bool dry;                       /* `give` has no more */
    trn_triplet_t *pool, *out, *in; /* [room] each */
    int *owner;                     /* [room] of each triplet in the pool */
    int *out_count, *out_at;        /* [ranks] */
    int *in_count, *in_at;          /* [ranks] */
} router_t;

/* All buffers, of a size that depends on the batch and not on the matrix. */
static trn_status_t prepare(router_t *r, int64_t batch) {
    if (batch < 1 || batch > INT_MAX / 2)
        return trn_fail(TRN_USAGE, "batch: %lld triplets; choose between 1 and %d",
                        (long long)batch, INT_MAX / 2);
    MPI_Comm_size(r->comm, &r->ranks);
    r->share = batch > r->ranks ? batch / r->ranks : 1;
    r->room = r->share * r->ranks;
    TRN_TRY(trn_alloc(&r->pool, r->room, sizeof *r->pool, "triplets that wait"));
    TRN_TRY(trn_alloc(&r->out, r->room, sizeof *r->out, "triplets that leave"));
    TRN_TRY(trn_alloc(&r->in, r->room, sizeof *r->in, "triplets that arrive"));
    TRN_TRY(trn_alloc(&r->owner, r->room, sizeof *r->owner, "owners of triplets"));
    TRN_TRY(trn_alloc(&r->out_count, 4 * r->ranks, sizeof(int), "counts of triplets"));
    r->out_at = r->out_count + r->ranks;
    r->in_count = r->out_at + r->ranks;
    r->in_at = r->in_count + r->ranks;
    return TRN_OK;
}

/* Fill the pool up and look up owners. */
static trn_status_t refill(router_t *r) {
    while (!r->dry && r->waiting < r->room) {
        trn_triplet_t *fresh = r->pool + r->waiting;
        int64_t count = 0;
        TRN_TRY(r->route->give(r->route->user, r->room - r->waiting, fresh, &count));
        r->dry = count == 0;
        for (int64_t i = 0; i < count; i++) {
            int owner = r->route->owner(r->route->user, fresh[i].row, fresh[i].col);
            if (owner < 0 || owner >= r->ranks)
                return trn_fail(TRN_INPUT, "entry (%lld, %lld) lies outside the matrix",
                                (long long)fresh[i].row, (long long)fresh[i].col);
            r->owner[r->waiting++] = owner;
        }
    }
    return TRN_OK;
}

/* Move each owner's first `share` triplets from the pool to `out`; the others keep their order. */
static void pack(router_t *r) {
    for (int to = 0; to < r->ranks; to++) {
        r->out_count[to] = 0;
        r->out_at[to] = (int)(to * r->share);
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < r->waiting; i++) {
        int to = r->owner[i];
        if (r->out_count[to] < r->share) {
            r->out[r->out_at[to] + r->out_count[to]++] = r->pool[i];
        } else {
            r->pool[kept] = r->pool[i];
            r->owner[kept++] = to;
        }
    }
    r->waiting = kept;
}

/* One exchange; what has arrived lies at the front of `in`, and its number is returned. */
static int64_t exchange(router_t *r, MPI_Datatype triplet) {
    MPI_Alltoall(r->out_count, 1, MPI_INT, r->in_count, 1, MPI_INT, r->comm);
    int total = 0;
    for (int from = 0; from < r->ranks; from++) {
        r->in_at[from] = total;
        total += r->in_count[from];
    }
    MPI_Alltoallv(r->out, r->out_count, r->out_at, triplet, r->in, r->in_count, r->in_at, triplet,
                  r->comm);
    return total;
}

/* Rounds until no rank has anything left. A failure, also of `take`, stops all of them together
 * before the next message. */
static trn_status_t run(router_t *r, MPI_Datatype triplet) {
    trn_status_t status = TRN_OK;
    for (bool more = true; more;) {
        if (status == TRN_OK) status = refill(r);
        TRN_AGREE(r->comm, status);
        pack(r);
        int64_t count = exchange(r, triplet);
        if (count > 0) status = r->route->take(r->route->user, count, r->in);
        more = trn_any(r->comm, r->waiting > 0 || !r->dry);
    }
    return trn_agree(r->comm, status);
}

/* Rounds are collective: a rank that has nothing left takes part until none has. */
trn_status_t trn_sparse_route(MPI_Comm comm, const trn_route_t *route, int64_t batch) {
    TRN_TRY(trn_check_equal(comm, batch, "batch of triplets"));
    router_t r = {.comm = comm, .route = route};
    trn_status_t status = trn_agree(comm, prepare(&r, batch));
    if (status == TRN_OK) {
        MPI_Datatype triplet;
        MPI_Type_contiguous((int)sizeof(trn_triplet_t), MPI_BYTE, &triplet);
        MPI_Type_commit(&triplet);
        status = run(&r, triplet);
        MPI_Type_free(&triplet);
    }
    trn_free(&r.pool);
    trn_free(&r.out);
    trn_free(&r.in);
    trn_free(&r.owner);
    trn_free(&r.out_count);
    return status;
}

/* A whole matrix to its owners ----------------------------------------------------------------- */

/* -1 for what lies outside, which the route refuses with the entry's place. */
int trn_sparse_owner(const trn_dist_t *dist, int64_t row, int64_t col) {
    if (row < 0 || row >= trn_dist_rows(dist) || col < 0 || col >= trn_dist_cols(dist)) return -1;
    return trn_dist_owner(dist, row, col);
}

/* Triplets that go out, and those that have come in. */
typedef struct delivery {
    const trn_dist_t *dist;
    const trn_triplet_t *left; /* not given yet */
    int64_t nleft;
    trn_triplet_t *mine;
    int64_t nmine, room;
} delivery_t;

static int delivery_owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(((delivery_t *)user)->dist, row, col);
}

/* Triplets are copied from the caller's array, from front to back. */
static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    delivery_t *d = user;
    *count = d->nleft < room ? d->nleft : room;
    for (int64_t i = 0; i < *count; i++)
        triplets[i] = d->left[i];
    d->left += *count;
    d->nleft -= *count;
    return TRN_OK;
}

/* Arrivals in any order: building the block sorts them. */
static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    delivery_t *d = user;
    TRN_TRY(trn_grow(&d->mine, &d->room, d->nmine + count, sizeof *d->mine, "triplets of a block"));
    for (int64_t i = 0; i < count; i++)
        d->mine[d->nmine++] = triplets[i];
    return TRN_OK;
}

/* Blocks lie on ranks row by row of a grid; a rank beyond has an empty one at the end. */
trn_extent_t trn_sparse_extent_of(const trn_dist_t *dist, int rank) {
    int64_t i = rank / trn_dist_col_parts(dist), j = rank % trn_dist_col_parts(dist);
    if (i >= trn_dist_row_parts(dist)) return (trn_extent_t){.first_row = trn_dist_rows(dist)};
    int64_t row = trn_dist_row_start(dist, i), col = trn_dist_col_start(dist, j);
    return (trn_extent_t){row, trn_dist_row_start(dist, i + 1) - row, col,
                          trn_dist_col_start(dist, j + 1) - col};
}

/* Triplets in any order and of any rank become blocks whose bits do not depend on that: building
 * sorts them. */
trn_status_t trn_sparse_distribute(trn_sparse_t **sparse, MPI_Comm comm, trn_sparse_type_t type,
                                   const trn_dist_t *dist, int64_t count,
                                   const trn_triplet_t *triplets, int64_t batch) {
    *sparse = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    delivery_t d = {.dist = dist, .left = triplets, .nleft = count};
    trn_route_t route = {delivery_owner, give, take, &d};
    trn_status_t status = trn_sparse_route(comm, &route, batch);
    if (status == TRN_OK) {
        status = trn_sparse_create_from(sparse, type, trn_sparse_extent_of(dist, rank), d.nmine,
                                        &d.mine);
        status = trn_agree(comm, status);
    }
    if (status != TRN_OK) trn_sparse_destroy(sparse);
    trn_free(&d.mine);
    return status;
}
