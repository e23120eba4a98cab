/* A job that ticks lives, whatever it waits for; fault/watch.sh lets this program hang. */
#define _GNU_SOURCE
#include "mpi/watch.h"

#include "harness.h"
#include "mpi/trace.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* The runs that are to hang have no time for the rest. */
static bool others_too(void) {
    return !getenv("TRUNNION_TEST_HANG");
}

static void ticking(void) {
    if (!others_too()) return;
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

/* The others wait far longer than they may without progress, but for a rank that works. */
static void unequal(void) {
    if (!others_too()) return;
    CHECK_OK(trn_watch_start(comm, 1));
    trn_trace_begin("unequal");
    for (int i = 0; rank == ranks - 1 && i < 50; i++) {
        sleep_ms(50);
        trn_watch_tick();
    }
    MPI_Barrier(comm);
    trn_trace_end();
    trn_watch_stop();
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A process that leaves this thread nothing of its processor, which is of the idle class from now
 * on. Returns 0 where that cannot be had. */
static pid_t take_processor(void) {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    pid_t process = fork();
    if (process == 0) {
        sched_setaffinity(0, sizeof here, &here);
        for (double end = seconds(CLOCK_MONOTONIC) + 20; seconds(CLOCK_MONOTONIC) < end;)
            ;
        _exit(0);
    }
    bool done = sched_setaffinity(0, sizeof here, &here) == 0 &&
                sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}) == 0;
    return process > 0 && done ? process : 0;
}

/* A rank works, without a tick for far longer than it may, but hardly ever has a processor. */
static void starved(void) {
    cpu_set_t all;
    if (ranks > 1 || !others_too()) return; /* the others would starve too, of their own accord */
    sched_getaffinity(0, sizeof all, &all);
    CHECK_OK(trn_watch_start(comm, 1));
    pid_t process = take_processor();
    double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), start = seconds(CLOCK_MONOTONIC), passed, had;
    do {
        passed = seconds(CLOCK_MONOTONIC) - start;
        had = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    } while (process && passed < 3 && had < 0.5);
    trn_watch_stop();
    if (process) kill(process, SIGKILL);
    if (process) waitpid(process, NULL, 0);
    if (passed < 3) puts("(not starved: this thread was given a processor)");
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
    sched_setaffinity(0, sizeof all, &all);
}

/* The name that the watchdog would tell is the innermost phase's, and that of the whole outside. */
static void phases(void) {
    static const char whole[] = "whole";
    trn_watch_phase(whole);
    trn_trace_begin("outer");
    trn_trace_begin("inner");
    trn_trace_end();
    const char *name = trn_watch_phase("outer");
    CHECK(strcmp(name, "outer") == 0);
    trn_trace_end();
    CHECK(trn_watch_phase(whole) == whole);
}

/* Rank TRUNNION_TEST_HANG sleeps inside a phase while the others wait for it in a barrier; or its
 * process stops; or (-1) each waits for a message that nobody sends. */
static void hang(void) {
    const char *who = getenv("TRUNNION_TEST_HANG"), *stops = getenv("TRUNNION_TEST_STOP");
    if (!who) return;
    CHECK_OK(trn_watch_start(comm, 3));
    trn_trace_begin("stuck here");
    if (rank == atoi(who) && stops) raise(SIGSTOP);
    if (rank == atoi(who)) sleep_ms(60000);
    if (atoi(who) < 0) MPI_Recv(NULL, 0, MPI_BYTE, MPI_ANY_SOURCE, 7, comm, MPI_STATUS_IGNORE);
    sleep_ms(2000); /* the others tick later, so that the guilty rank speaks first */
    trn_trace_begin("waiting for the others");
    MPI_Barrier(comm);
    CHECK(false);
}

HARNESS_MAIN({"ticking", ticking}, {"off", off}, {"restarted", restarted}, {"unequal", unequal},
             {"starved", starved}, {"phases", phases}, {"hang", hang})
