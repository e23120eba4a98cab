#define _GNU_SOURCE
#include "mpi/watch.h"

#include "mpi/agree.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ABORT_SECONDS = 5, LINE_BYTES = 512 };

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* signalled to stop */
    bool running, stop;
    MPI_Comm comm;
    int rank;
    double seconds;
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static atomic_ulong ticks;
static _Atomic(const char *) phase = "start";

void trn_watch_tick(void) {
    /* Not an atomic increment: two threads may count as one, which is all the same here. */
    unsigned long seen = atomic_load_explicit(&ticks, memory_order_relaxed);
    atomic_store_explicit(&ticks, seen + 1, memory_order_relaxed);
}

void trn_watch_phase(const char *name) {
    atomic_store_explicit(&phase, name, memory_order_relaxed);
    trn_watch_tick();
}

static void *end_job(void *unused) {
    MPI_Abort(watch.comm, TRN_INTERNAL);
    return unused;
}

/* MPI_Abort may itself hang in a sick message layer: another thread calls it, this one waits. */
static void bark(double idle) {
    char line[LINE_BYTES], host[128] = "unknown host";
    gethostname(host, sizeof host - 1);
    int length = snprintf(line, sizeof line,
                          "trunnion: rank %d: %s: no progress for %.0f s in phase \"%s\"; look for "
                          "a stuck disk, network or peer, or raise --hang-timeout\n",
                          watch.rank, host, idle, atomic_load(&phase));
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written; /* nobody is left to tell */
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_job, NULL) == 0) sleep(ABORT_SECONDS);
    _exit(TRN_INTERNAL);
}

static struct timespec after(double seconds) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)(seconds * 1e9);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* Looks, not clock seconds, are counted: after a suspended job or laptop wakes up, the ranks get
 * their full time again. */
static void *look(void *unused) {
    double period = watch.seconds / 20 < 1 ? watch.seconds / 20 : 1;
    if (period < 0.05) period = 0.05;
    double idle = 0;
    unsigned long seen = atomic_load(&ticks);
    pthread_mutex_lock(&watch.mutex);
    while (!watch.stop) {
        struct timespec until = after(period);
        pthread_cond_timedwait(&watch.wake, &watch.mutex, &until);
        unsigned long present = atomic_load(&ticks);
        idle = present == seen ? idle + period : 0;
        seen = present;
        if (!watch.stop && idle >= watch.seconds) bark(idle);
    }
    pthread_mutex_unlock(&watch.mutex);
    return unused;
}

/* Signals are for the thread that runs the algorithm: the new thread blocks them all. */
static int start_thread(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&watch.thread, NULL, look, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

trn_status_t trn_watch_start(MPI_Comm comm, double seconds) {
    if (!(seconds > 0)) return TRN_OK;
    trn_watch_stop();
    watch.comm = comm;
    watch.seconds = seconds;
    watch.stop = false;
    MPI_Comm_rank(comm, &watch.rank);
    watch.running = start_thread() == 0;
    trn_status_t status =
        watch.running ? TRN_OK
                      : trn_fail(TRN_MEMORY, "--hang-timeout: cannot start a thread; raise the "
                                             "limit of processes (ulimit -u) or use 0");
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_watch_stop();
    return status;
}

void trn_watch_stop(void) {
    if (!watch.running) return;
    pthread_mutex_lock(&watch.mutex);
    watch.stop = true;
    pthread_cond_signal(&watch.wake);
    pthread_mutex_unlock(&watch.mutex);
    pthread_join(watch.thread, NULL);
    pthread_cond_destroy(&watch.wake);
    watch.running = false;
}
