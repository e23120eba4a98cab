/* Sums that must have the bits of one rank's sum. */
#include "mpi/reduce.h"

#include "base/mem.h"
#include "harness.h"
#include "mpi/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3 };

/* Values of so different a size that another order gives other bits. */
static double value(int64_t block, int64_t i) {
    return ldexp(1.0 + (double)(block * 7919 % 101) / 103, (int)(block * 31 % 60)) *
           (block % 2 ? -1 : 1) * (double)(i + 1);
}

static int64_t last_block;

static void leaf(void *user, int64_t block, double *values) {
    CHECK(user == &last_block && block > last_block);
    last_block = block;
    for (int64_t i = 0; i < WIDTH; i++)
        values[i] = value(block, i);
}

static void nothing(void *user, int64_t block, double *values) {
    (void)user, (void)block, (void)values;
}

/* Some ranks own nothing, one of them nearly all. */
static void reduce_uneven(int64_t blocks, const double *wanted) {
    double sum[WIDTH] = {0};
    int64_t *start = calloc((size_t)ranks + 1, sizeof *start);
    for (int r = 1; r <= ranks; r++)
        start[r] = r == ranks      ? 7 * blocks - (blocks > 0) /* the last block is shorter */
                   : r > ranks / 2 ? 7 * (blocks - blocks / 8)
                                   : 7 * (blocks / 16);
    last_block = start[rank] / 7 - 1;
    trn_blocks_t uneven = {blocks, start, 7};
    CHECK_OK(trn_reduce_tree_of(comm, uneven, WIDTH, leaf, &last_block, sum));
    CHECK(memcmp(wanted, sum, sizeof sum) == 0);
    CHECK_EQUAL(last_block, (start[rank + 1] + 6) / 7 - 1);
    free(start);
}

static void reduce(int64_t blocks) {
    double *all = malloc(sizeof(double[WIDTH]) * (size_t)(blocks + 1));
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t i = 0; i < WIDTH; i++)
            all[b * WIDTH + i] = value(b, i);
    double alone[WIDTH], together[WIDTH];
    trn_tree_sum(blocks, WIDTH, all, alone);
    int64_t first = trn_part_start(blocks, ranks, rank);
    CHECK_OK(trn_reduce_blocks(comm, blocks, WIDTH, all + first * WIDTH, together));
    CHECK(memcmp(alone, together, sizeof alone) == 0);
    last_block = first - 1;
    memset(together, 0, sizeof together);
    CHECK_OK(trn_reduce_tree(comm, blocks, WIDTH, leaf, &last_block, together));
    CHECK(memcmp(alone, together, sizeof alone) == 0);
    CHECK_EQUAL(last_block, trn_part_start(blocks, ranks, rank + 1) - 1);
    reduce_uneven(blocks, alone);
    free(all);
}

static void every_number_of_blocks(void) {
    for (int64_t blocks = 0; blocks < 40; blocks++)
        reduce(blocks);
    reduce(5000);
}

/* What is told beforehand is what is taken; a rank alone needs one branch a level. */
static void bytes_told(void) {
    enum { WIDE = 1000 };
    static double sum[WIDE];
    for (int64_t blocks = 0; blocks < 20; blocks++) {
        trn_mem_reset_peak();
        int64_t before = trn_mem_now(),
                told = trn_reduce_bytes((trn_blocks_t){.blocks = blocks}, WIDE, ranks, rank);
        CHECK_OK(trn_reduce_tree(comm, blocks, WIDE, nothing, NULL, sum));
        CHECK_EQUAL(trn_mem_peak() - before, told);
    }
    int64_t alone = trn_reduce_bytes((trn_blocks_t){.blocks = 16}, WIDE, 1, 0);
    CHECK(alone >= 4 * WIDE * 8 && alone < 5 * WIDE * 8);
}

/* The tree's shape is part of the promise: ((1 2) (3 (4 5))) by halves. */
static void tree(void) {
    double v[] = {1e16, 1, -1e16, 3, 5}, sum;
    trn_tree_sum(5, 1, v, &sum);
    CHECK(sum == (v[0] + v[1]) + (v[2] + (v[3] + v[4])));
    trn_tree_sum(0, 1, v, &sum);
    CHECK(sum == 0);
}

/* The tree in float32 over this rank's parts, whatever ranks there are: the bits of one rank. */
static void leaf_f32(void *user, int64_t block, float *values) {
    CHECK(user == &last_block && block == last_block + 1);
    last_block = block;
    for (int64_t i = 0; i < WIDTH; i++)
        values[i] = (float)value(block, i);
}

enum { MOST = 40, LEVELS = 7 };

static void join_parts(int64_t blocks, int parts_ranks, float *sum) {
    static float partial[MOST][WIDTH], space[LEVELS * WIDTH];
    trn_tree_part_t part[MOST];
    const float *at[MOST];
    int64_t parts = trn_tree_parts(blocks, parts_ranks, part);
    CHECK_EQUAL(trn_tree_parts(blocks, parts_ranks, NULL), parts);
    last_block = -1;
    for (int64_t p = 0; p < parts; p++) {
        CHECK_EQUAL(part[p].first, last_block + 1);
        CHECK_EQUAL(part[p].owner, trn_part_of(blocks, parts_ranks, part[p].first));
        CHECK_EQUAL(part[p].owner,
                    trn_part_of(blocks, parts_ranks, part[p].first + part[p].count - 1));
        trn_tree_part_sum(&part[p], WIDTH, leaf_f32, &last_block, space, partial[p]);
        at[p] = partial[p];
    }
    CHECK_EQUAL(last_block, blocks - 1);
    memcpy(sum, trn_tree_join(blocks, parts_ranks, at, WIDTH, space, WIDTH), sizeof *partial);
}

static void parts_of_the_tree(void) {
    for (int64_t blocks = 1; blocks < MOST; blocks++) {
        float alone[WIDTH], together[WIDTH];
        join_parts(blocks, 1, alone);
        for (int several = 2; several < 9; several++) {
            join_parts(blocks, several, together);
            CHECK(memcmp(alone, together, sizeof alone) == 0);
        }
    }
    CHECK_EQUAL(trn_tree_parts(0, 3, NULL), 0);
    float sum[WIDTH]; /* ((0 1) (2 (3 4))) by halves */
    join_parts(5, 2, sum);
    float v[5];
    for (int64_t b = 0; b < 5; b++)
        v[b] = (float)value(b, 0);
    CHECK(sum[0] == (v[0] + v[1]) + (v[2] + (v[3] + v[4])));
}

static void too_many(void) {
    double unused = 0;
    CHECK_EQUAL(trn_reduce_blocks(comm, 1 << 20, 1 << 12, &unused, &unused), TRN_USAGE);
    CHECK_EQUAL(trn_reduce_tree(comm, 1, 1LL << 31, leaf, NULL, &unused), TRN_USAGE);
}

static trn_status_t reduce_once(void *unused) {
    (void)unused;
    double partial[100 * WIDTH] = {0}, sum[WIDTH];
    return trn_reduce_blocks(comm, 20, WIDTH, partial, sum);
}

static trn_status_t grow_once(void *unused) {
    (void)unused;
    double sum[WIDTH];
    last_block = -1;
    return trn_reduce_tree(comm, 20, WIDTH, leaf, &last_block, sum);
}

static void memory_failure(void) {
    harness_inject(reduce_once, NULL);
    harness_inject(grow_once, NULL);
}

HARNESS_MAIN({"every number of blocks", every_number_of_blocks}, {"shape of the tree", tree},
             {"parts of the tree", parts_of_the_tree}, {"too many values", too_many},
             {"bytes told", bytes_told}, {"memory failure", memory_failure})
