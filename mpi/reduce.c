/* reduce.c: sums by one tree: halves of the blocks, halves of the halves. */
#include "mpi/reduce.h"

#include "base/ledger.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <limits.h>
#include <stdbool.h>

/* Sum of column `i` over blocks [first, first + count), by halves. */
static double tree(const double *values, int64_t width, int64_t i, int64_t first, int64_t count) {
    if (count == 0) return 0;
    if (count == 1) return values[first * width + i];
    int64_t half = count / 2;
    return tree(values, width, i, first, half) + tree(values, width, i, first + half, count - half);
}

void trn_tree_sum(int64_t blocks, int64_t width, const double *values, double *sum) {
    for (int64_t i = 0; i < width; i++)
        sum[i] = tree(values, width, i, 0, blocks);
}

/* Every rank gets all partial sums and adds them up by the same tree, so all have the same bits. */
trn_status_t trn_reduce_blocks(MPI_Comm comm, int64_t blocks, int64_t width, const double *partial,
                               double *sum) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    double *all = NULL;
    int *counts = NULL;
    if (blocks * width > INT_MAX)
        return trn_fail(TRN_USAGE, "sum of %lld blocks of %lld values: too many for one message",
                        (long long)blocks, (long long)width);
    trn_status_t status = trn_alloc(&all, blocks * width, sizeof *all, "partial sums");
    if (status == TRN_OK) status = trn_alloc(&counts, 2 * ranks, sizeof *counts, "counts");
    TRN_OR(done, trn_agree(comm, status));
    for (int r = 0; r < ranks; r++) {
        int64_t first = trn_part_start(blocks, ranks, r),
                end = trn_part_start(blocks, ranks, r + 1);
        counts[r] = (int)((end - first) * width);
        counts[ranks + r] = (int)(first * width);
    }
    MPI_Allgatherv(partial, counts[rank], MPI_DOUBLE, all, counts, counts + ranks, MPI_DOUBLE,
                   comm);
    trn_tree_sum(blocks, width, all, sum);
done:
    trn_free(&all);
    trn_free(&counts);
    return status;
}

/* Whether a node of the tree lies on one rank; parts are ascending, so its ends tell. */
static bool of_one_rank(int64_t first, int64_t count, int64_t blocks, int ranks) {
    return trn_part_of(blocks, ranks, first) == trn_part_of(blocks, ranks, first + count - 1);
}

/* List the parts of a node from *at on. */
static void list_parts(int64_t first, int64_t count, int64_t blocks, int ranks,
                       trn_tree_part_t *part, int64_t *at) {
    if (of_one_rank(first, count, blocks, ranks)) {
        if (part)
            part[*at] = (trn_tree_part_t){first, count, (int)trn_part_of(blocks, ranks, first)};
        ++*at;
        return;
    }
    list_parts(first, count / 2, blocks, ranks, part, at);
    list_parts(first + count / 2, count - count / 2, blocks, ranks, part, at);
}

/* The largest nodes that lie on one rank each: at most about log2(blocks) for a rank. `part` NULL:
 * count only. */
int64_t trn_tree_parts(int64_t blocks, int ranks, trn_tree_part_t *part) {
    int64_t parts = 0;
    if (blocks > 0) list_parts(0, blocks, blocks, ranks, part, &parts);
    return parts;
}

/* What a part is made of. */
typedef struct partial {
    int64_t width;
    trn_leaf_f32_t leaf;
    void *user;
    float *space; /* [levels x width] */
} partial_t;

/* The left half arises in the sum's own place, but not at the top: others may have that in their
 * caches, and to write it twice would take it from them twice. */
static void sum_part(const partial_t *m, int64_t first, int64_t count, int level, float *sum) {
    if (count == 1) {
        m->leaf(m->user, first, sum);
        return;
    }
    float *low = level == 0 ? m->space : sum, *high = m->space + (level + 1) * m->width;
    sum_part(m, first, count / 2, level + 1, low);
    sum_part(m, first + count / 2, count - count / 2, level + 1, high);
    for (int64_t i = 0; i < m->width; i++)
        sum[i] = low[i] + high[i];
}

void trn_tree_part_sum(const trn_tree_part_t *part, int64_t width, trn_leaf_f32_t leaf, void *user,
                       float *space, float *sum) {
    const partial_t m = {width, leaf, user, space};
    sum_part(&m, part->first, part->count, 0, sum);
}

/* The tree over parts. */
typedef struct joint {
    int64_t blocks, width, stride, next; /* `next` part */
    int ranks;
    const float *const *part;
    float *space;
} joint_t;

/* The same tree as trn_tree_part_sum's, from its parts upward. The left sum and the result share
 * their level's space; the right one needs the next level's. */
static const float *join(joint_t *j, int64_t first, int64_t count, int level) {
    if (of_one_rank(first, count, j->blocks, j->ranks)) return j->part[j->next++];
    const float *low = join(j, first, count / 2, level);
    const float *high = join(j, first + count / 2, count - count / 2, level + 1);
    float *sum = j->space + level * j->stride; /* may be `low` */
    for (int64_t i = 0; i < j->width; i++)
        sum[i] = low[i] + high[i];
    return sum;
}

const float *trn_tree_join(int64_t blocks, int ranks, const float *const *part, int64_t width,
                           float *space, int64_t stride) {
    joint_t j = {blocks, width, stride, 0, ranks, part, space};
    return join(&j, 0, blocks, 0);
}
/* Blocks are counted in an int64, hence 64 levels at most. */
enum { MOST_LEVELS = 64, NONE = -1 };

/* The tree with its nodes spread: a node's sum arises on the rank that owns its first block. */
typedef struct share {
    MPI_Comm comm;
    int rank, ranks, levels;
    trn_blocks_t cut;
    int64_t width, first, end; /* first, end: this rank's blocks */
    trn_leaf_t leaf;
    void *user;
    /* Numbers of the slots of each level, NONE where this rank never needs one: for the right-hand
     * sums of its nodes, and for sums that are on their way to others. */
    int other[MOST_LEVELS], kept[MOST_LEVELS], slots;
    double *space;     /* [slots x width] */
    MPI_Request *sent; /* [levels] */
} share_t;

/* First block that begins in the rank's rows, rounded up: a block belongs to the rank of its first
 * row. */
int64_t trn_blocks_first(const trn_blocks_t *cut, int ranks, int rank) {
    if (!cut->start) return trn_part_start(cut->blocks, ranks, rank);
    return (cut->start[rank] + cut->rows - 1) / cut->rows;
}

/* The last rank that begins at or before the block: those before it there have none. */
static int owner(const share_t *at, int64_t block) {
    if (!at->cut.start) return (int)trn_part_of(at->cut.blocks, at->ranks, block);
    int low = 0, high = at->ranks;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (trn_blocks_first(&at->cut, at->ranks, middle) <= block)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Whether blocks [first, first + count) are all of other ranks. */
static bool elsewhere(const share_t *at, int64_t first, int64_t count) {
    return first >= at->end || first + count <= at->first;
}

static void want(share_t *at, int *slot) {
    if (*slot == NONE) *slot = at->slots++;
}

/* Walk the tree as `sum_share` will, and number the slots that it will write to: a node's sum
 * arises only where its first block is. */
static void count_slots(share_t *at, int64_t first, int64_t count, int level) {
    if (elsewhere(at, first, count) || count == 1) return;
    int64_t middle = first + count / 2;
    count_slots(at, first, count / 2, level + 1);
    if (owner(at, first) == at->rank)
        want(at, &at->other[level]);
    else if (owner(at, middle) == at->rank)
        want(at, &at->kept[level]);
    count_slots(at, middle, count - count / 2, level + 1);
}

/* What this rank has to do in the tree, known before any message: the slots are counted, so memory
 * can be had first. */
static share_t share_of(int ranks, int rank, trn_blocks_t cut, int64_t width) {
    share_t at = {.rank = rank, .ranks = ranks, .levels = 1, .cut = cut, .width = width};
    at.first = trn_blocks_first(&cut, ranks, rank);
    at.end = trn_blocks_first(&cut, ranks, rank + 1);
    while (cut.blocks > (int64_t)1 << (at.levels - 1))
        at.levels++;
    for (int level = 0; level < MOST_LEVELS; level++)
        at.other[level] = at.kept[level] = NONE;
    count_slots(&at, 0, cut.blocks, 0);
    return at;
}

static double *slot(const share_t *at, int number) {
    return number == NONE ? NULL : at->space + number * at->width;
}

/* Sum of a node into `sum` if this rank owns its first block; else only its parts that others wait
 * for. A rank sends to lower ranks only, waits for higher ones only, and waits with no block of its
 * own to do: nothing can go in a circle. At one level a rank has at most one sum to send. */
static void sum_share(share_t *at, int64_t first, int64_t count, int level, double *sum) {
    if (elsewhere(at, first, count)) return;
    if (count == 1) {
        at->leaf(at->user, first, sum);
        return;
    }
    int64_t middle = first + count / 2, width = at->width;
    int left = owner(at, first), right = owner(at, middle);
    double *other = slot(at, at->other[level]), *kept = slot(at, at->kept[level]);
    sum_share(at, first, count / 2, level + 1, sum);
    if (left != at->rank) {
        sum_share(at, middle, count - count / 2, level + 1, kept);
        if (right == at->rank)
            MPI_Isend(kept, (int)width, MPI_DOUBLE, left, level, at->comm, &at->sent[level]);
        return;
    }
    if (right == at->rank)
        sum_share(at, middle, count - count / 2, level + 1, other);
    else
        MPI_Recv(other, (int)width, MPI_DOUBLE, right, level, at->comm, MPI_STATUS_IGNORE);
    for (int64_t i = 0; i < width; i++)
        sum[i] += other[i];
}

/* For plans: by the same count of slots as the sum itself. */
int64_t trn_reduce_bytes(trn_blocks_t blocks, int64_t width, int ranks, int rank) {
    share_t at = share_of(ranks, rank, blocks, width);
    return trn_ledger_bytes(at.slots * width, sizeof *at.space) +
           at.levels * (int64_t)sizeof *at.sent;
}

trn_status_t trn_reduce_tree(MPI_Comm comm, int64_t blocks, int64_t width, trn_leaf_t leaf,
                             void *user, double *sum) {
    return trn_reduce_tree_of(comm, (trn_blocks_t){.blocks = blocks}, width, leaf, user, sum);
}

/* Only the widths of sums travel, to the lower rank of each node; the whole sum then goes to all.
 * Levels serve as tags. */
trn_status_t trn_reduce_tree_of(MPI_Comm comm, trn_blocks_t blocks, int64_t width, trn_leaf_t leaf,
                                void *user, double *sum) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    share_t at = share_of(ranks, rank, blocks, width);
    at.comm = comm;
    at.leaf = leaf;
    at.user = user;
    trn_status_t status = TRN_OK;
    if (width > INT_MAX)
        status =
            trn_fail(TRN_USAGE, "sum of %lld values: too many for one message", (long long)width);
    if (status == TRN_OK)
        status = trn_alloc(&at.space, at.slots * width, sizeof *at.space, "partial sums");
    if (status == TRN_OK) status = trn_alloc(&at.sent, at.levels, sizeof *at.sent, "partial sums");
    TRN_OR(done, trn_agree(comm, status));
    for (int level = 0; level < at.levels; level++)
        at.sent[level] = MPI_REQUEST_NULL;
    for (int64_t i = 0; i < width; i++)
        sum[i] = 0;
    sum_share(&at, 0, at.cut.blocks, 0, sum);
    MPI_Waitall(at.levels, at.sent, MPI_STATUSES_IGNORE);
    MPI_Bcast(sum, (int)width, MPI_DOUBLE, at.cut.blocks > 0 ? owner(&at, 0) : 0, comm);
done:
    trn_free(&at.space);
    trn_free(&at.sent);
    return status;
}
