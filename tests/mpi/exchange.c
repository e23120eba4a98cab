/* Parcels of all sizes, empty ones too, must arrive whole and in the order of their senders; rows
 * with all their bits. */
#define _GNU_SOURCE
#include "mpi/exchange.h"

#include "harness.h"
#include "mpi/gather.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Words of 8 bytes that rank `from` has for rank `to` in test `round`. */
static int64_t words(int from, int to, int round) {
    return (from * 7 + to * 5 + round * 3) % 11 * (round == 2 ? 0 : round == 3 ? 1000 : 1);
}
static int64_t word(int from, int to, int64_t i) {
    return from * 1000003 + to * 1009 + i * 17;
}

static trn_status_t swap(trn_parcels_t *parcels, int round) {
    int64_t bytes[64], total = 0, *send, n = 0;
    for (int to = 0; to < ranks; to++)
        total += bytes[to] = 8 * words(rank, to, round);
    send = malloc((size_t)total + 8);
    for (int to = 0; to < ranks; to++)
        for (int64_t i = 0; i < words(rank, to, round); i++)
            send[n++] = word(rank, to, i);
    trn_status_t status = trn_exchange(comm, send, bytes, parcels);
    free(send);
    return status;
}

static void parcels_arrive(void) {
    trn_parcels_t parcels = {0};
    for (int round = 0; round < 6; round++) { /* smaller ones after larger ones, too */
        CHECK_OK(swap(&parcels, round));
        CHECK_EQUAL(parcels.start[0], 0);
        for (int from = 0; from < ranks; from++) {
            int64_t count = words(from, rank, round), wrong = 0;
            CHECK_EQUAL(parcels.start[from + 1] - parcels.start[from], 8 * count);
            const int64_t *got =
                (const int64_t *)((const char *)parcels.data + parcels.start[from]);
            for (int64_t i = 0; i < count; i++)
                wrong += got[i] != word(from, rank, i);
            CHECK_EQUAL(wrong, 0);
        }
    }
    trn_parcels_free(&parcels);
    CHECK_EQUAL(trn_mem_now(), 0);
}

static void all_get_all(void) {
    trn_parcels_t parcels = {0};
    int64_t send[32];
    uint64_t sum = 0, wanted = 0; /* a hash: it may wrap */
    for (int i = 0; i < 32; i++)
        send[i] = word(rank, 0, i);
    CHECK_OK(trn_gather_all(comm, send, 8 * (rank % 4 * 9), &parcels));
    for (int from = 0; from < ranks; from++)
        for (int64_t i = 0; i < from % 4 * 9; i++)
            wanted = wanted * 31 + (uint64_t)word(from, 0, i);
    for (int64_t i = 0; i < parcels.start[ranks] / 8; i++)
        sum = sum * 31 + ((const uint64_t *)parcels.data)[i];
    CHECK_EQUAL(sum, wanted);
    trn_parcels_free(&parcels);
}

/* Nobody leaves before the last has come: what it made before must be there. */
static void all_wait(void) {
    char folder[] = "/tmp/trn_exchange_XXXXXX";
    if (rank == 0) CHECK(mkdtemp(folder) != NULL);
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, comm);
    for (int last = 0; last < ranks; last++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%d", folder, last);
        if (rank == last) {
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            CHECK(mkdir(name, 0700) == 0);
        }
        trn_wait_all(comm);
        CHECK(access(name, F_OK) == 0);
        trn_wait_all(comm);
        if (rank == last) rmdir(name);
    }
    trn_wait_all(comm);
    if (rank == 0) rmdir(folder);
}

static trn_status_t both(void *unused) {
    (void)unused;
    trn_parcels_t parcels = {0};
    int64_t send = 5;
    trn_status_t status = swap(&parcels, 3);
    if (status == TRN_OK) status = trn_gather_all(comm, &send, 8, &parcels);
    trn_parcels_free(&parcels);
    return status;
}

/* Row i lies on rank i mod ranks; every rank gets its bits, of -0 and of any NaN too. */
enum { ROWS = 9, WIDTH = 5 };
static uint32_t row_bits[ROWS][WIDTH];

static const float *own_row(const void *user, int64_t i) {
    static float row[WIDTH];
    CHECK(user == &row_bits);
    if (i % ranks != rank) return NULL;
    memcpy(row, row_bits[i], sizeof row);
    return row;
}

static void rows_arrive(void) {
    uint32_t got[ROWS][WIDTH];
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < WIDTH; k++)
            row_bits[i][k] = k == 0   ? 0x80000000u
                             : k == 1 ? 0x7fc00123u
                                      : 0x9e3779b9u * (uint32_t)(i + k);
    memset(got, 0xff, sizeof got);
    trn_gather_rows(comm, ROWS, WIDTH, own_row, &row_bits, (float *)got);
    CHECK(memcmp(got, row_bits, sizeof got) == 0);
    trn_gather_rows(comm, 0, WIDTH, own_row, &row_bits, (float *)got);
}

static void allocations_may_fail(void) {
    harness_inject(both, NULL);
}

HARNESS_MAIN({"parcels_arrive", parcels_arrive}, {"all_get_all", all_get_all},
             {"all_wait", all_wait}, {"rows_arrive", rows_arrive},
             {"allocations_may_fail", allocations_may_fail})
