/* A job that ticks lives, whatever it waits for; fault/watch.sh lets this program hang. */
#define _GNU_SOURCE
#include "mpi/watch.h"

#include "harness.h"
#include "mpi/trace.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void ticking(void) {
    CHECK_OK(trn_watch_start(comm, 5));
    for (int i = 0; i < 20; i++) {
        sleep_ms(10);
        trn_watch_tick();
    }
    trn_watch_stop();
    trn_watch_stop();
}

static void off(void) {
    CHECK_OK(trn_watch_start(comm, 0));
    sleep_ms(100);
    trn_watch_stop();
}

static void restarted(void) {
    CHECK_OK(trn_watch_start(comm, 600));
    CHECK_OK(trn_watch_start(comm, 600));
    trn_watch_stop();
}

/* Rank TRUNNION_TEST_HANG sleeps inside a phase while the others wait for it in a barrier. */
static void hang(void) {
    const char *who = getenv("TRUNNION_TEST_HANG");
    if (!who) return;
    CHECK_OK(trn_watch_start(comm, 3));
    trn_trace_begin("stuck here");
    if (rank == atoi(who)) sleep_ms(60000);
    sleep_ms(2000); /* the others tick later, so that the guilty rank speaks first */
    trn_trace_begin("waiting for the others");
    MPI_Barrier(comm);
    CHECK(false);
}

HARNESS_MAIN({"ticking", ticking}, {"off", off}, {"restarted", restarted}, {"hang", hang})
