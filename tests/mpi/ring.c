/* Every block must be in its place, with its number and all that was done to it, in every round. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "mpi/ring.h"

#include "harness.h"
#include "mpi/dist.h"
#include "mpi/trace.h"

#include <string.h>
#include <time.h>

/* Ranks of uneven speed: what a ring must bear. */
static void dawdle(int64_t round) {
    if ((rank + round) % 5 != 0) return;
    nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
}

/* The byte that block `number` holds at `at` after `age` rounds of being incremented. */
static unsigned char content(int64_t number, int64_t at, int64_t age) {
    return (unsigned char)(number * 37 + at * 11 + at / 251 + age);
}

static bool holds(const unsigned char *data, int64_t bytes, int64_t number, int64_t age) {
    int64_t step = bytes > 4096 ? 509 : 1; /* large blocks: samples, and the last byte */
    for (int64_t at = 0; at < bytes; at += step)
        if (data[at] != content(number, at, age)) return false;
    return data[bytes - 1] == content(number, bytes - 1, age);
}

static void use(trn_ring_t *ring, int64_t slot, int64_t bytes, int64_t age) {
    int64_t k_number = trn_ring_block(ring, slot);
    unsigned char *data = trn_ring_data(ring, slot);
    CHECK_EQUAL((uintptr_t)data % TRN_ALIGNMENT, 0);
    CHECK(holds(data, bytes, k_number, age));
    for (int64_t at = 0; at < bytes; at++)
        data[at]++;
}

static void rotate(int64_t blocks, int64_t bytes, int64_t rounds) {
    trn_ring_t *ring;
    CHECK_OK(trn_ring_create(&ring, comm, blocks, bytes));
    if (!harness_well()) return;
    int64_t first = trn_part_start(blocks, ranks, rank), slots = trn_ring_slots(ring);
    CHECK_EQUAL(trn_ring_first(ring), first);
    CHECK_EQUAL(slots, trn_part_start(blocks, ranks, rank + 1) - first);
    for (int64_t slot = 0; slot < slots; slot++) {
        unsigned char *data = trn_ring_data(ring, slot);
        for (int64_t at = 0; at < bytes; at++)
            data[at] = content(first + slot, at, 0);
    }
    int64_t sent, received, moved[2], travels = slots > 0 && slots < blocks ? rounds * bytes : 0;
    trn_trace_bytes(&sent, &received, NULL);
    for (int64_t round = 0; round < rounds; round++) {
        CHECK_EQUAL(trn_ring_round(ring), round % blocks);
        trn_ring_begin(ring);
        for (int64_t slot = 0; slot < slots; slot++) {
            CHECK_EQUAL(trn_ring_block(ring, slot), (first + slot + round) % blocks);
            use(ring, slot, bytes, round);
            if (slot == 0) trn_ring_depart(ring);
            if (round % 2) trn_ring_progress(ring);
            dawdle(round);
        }
        trn_ring_shift(ring);
    }
    trn_trace_bytes(&moved[0], &moved[1], NULL);
    CHECK_EQUAL(moved[0] - sent, travels); /* one block a round crosses each border */
    CHECK_EQUAL(moved[1] - received, travels);
    for (int64_t slot = 0; slot < slots && rounds % blocks == 0; slot++) {
        CHECK_EQUAL(trn_ring_block(ring, slot), first + slot);
        CHECK(holds(trn_ring_data(ring, slot), bytes, first + slot, rounds));
    }
    CHECK(trn_ring_waited(ring) >= 0);
    trn_ring_destroy(&ring);
    CHECK(ring == NULL);
}

static void every_number_of_blocks(void) {
    for (int64_t blocks = 1; blocks <= 16; blocks++)
        rotate(blocks, 130, 2 * blocks);
    rotate(50, 130, 50);
}

static void sizes(void) {
    static const int64_t bytes[] = {1, 63, 64, 65, 100000, 3000001};
    for (int i = 0; i < 6; i++) {
        rotate(5, bytes[i], 5);
        rotate(2, bytes[i], 3);
    }
}

/* Two rings on one communicator whose blocks leave in another order on odd ranks. */
static void two_rings(void) {
    enum { BLOCKS = 9, BYTES = 400 };
    trn_ring_t *ring[2];
    for (int i = 0; i < 2; i++) {
        CHECK_OK(trn_ring_create(&ring[i], comm, BLOCKS, BYTES));
        if (!harness_well()) return;
        for (int64_t s = 0; s < trn_ring_slots(ring[i]); s++)
            memset(trn_ring_data(ring[i], s), (int)(100 * i + trn_ring_block(ring[i], s)), BYTES);
    }
    for (int round = 0; round < BLOCKS; round++) {
        for (int i = 0; i < 2; i++)
            trn_ring_begin(ring[i]);
        for (int i = 0; i < 2 && trn_ring_slots(ring[0]) > 0; i++)
            trn_ring_depart(ring[(i + rank) % 2]);
        for (int i = 0; i < 2; i++) {
            trn_ring_shift(ring[i]);
            for (int64_t s = 0; s < trn_ring_slots(ring[i]); s++)
                CHECK_EQUAL(*(unsigned char *)trn_ring_data(ring[i], s),
                            100 * i + trn_ring_block(ring[i], s));
        }
    }
    trn_ring_destroy(&ring[0]);
    trn_ring_destroy(&ring[1]);
}

static trn_status_t create_destroy(void *unused) {
    (void)unused;
    trn_ring_t *ring;
    TRN_TRY(trn_ring_create(&ring, comm, 5, 1000));
    trn_ring_destroy(&ring);
    return TRN_OK;
}

static void memory_failure(void) {
    harness_inject(create_destroy, NULL);
}

static void refused(void) {
    trn_ring_t *ring;
    CHECK_EQUAL(trn_ring_create(&ring, comm, 0, 8), TRN_USAGE);
    CHECK(ring == NULL);
    CHECK_EQUAL(trn_ring_create(&ring, comm, 3, -1), TRN_USAGE);
}

HARNESS_MAIN({"every number of blocks", every_number_of_blocks}, {"block sizes", sizes},
             {"two rings on one communicator", two_rings}, {"memory failure", memory_failure},
             {"bad arguments", refused})
