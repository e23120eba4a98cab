/* watch.c: one thread a rank that looks for progress, on this rank and on its neighbors of the
 * node.
 *
 * A rank that waits for a message is not stuck as long as some rank works that could send it one.
 * So every rank keeps its state in a block that the node's ranks share, and a rank that waits ends
 * the job only when none of them has made progress either. Ranks of other nodes are not seen; each
 * of them has a watchdog of its own, which is given as much time again to speak first. */
#define _GNU_SOURCE
#include "mpi/watch.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/shared.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    ABORT_SECONDS = 5,
    LINE_BYTES = 512,
    ELSEWHERE = 2, /* times as patient with ranks of other nodes */
    SLOW = 5       /* seconds that a loaded machine may keep a watchdog from its look */
};

/* What a rank's neighbors see of it. */
typedef struct state {
    atomic_ulong progress; /* twice the ticks, and 1 while the rank waits for a message */
    atomic_ulong looks;    /* of its watchdog: it stands still in a process that was stopped */
    atomic_ulong idle;     /* ms without a tick, as its watchdog counts them */
} state_t;

/* A neighbor as this rank's watchdog knows it. */
typedef struct peer {
    const state_t *state;
    unsigned long looks;
    double silent; /* seconds since they were last counted up */
} peer_t;

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* signalled to stop */
    bool running, stop;
    MPI_Comm comm;
    int rank;
    double seconds;
    trn_shared_t *shared; /* NULL: the ranks cannot see each other */
    peer_t *peer;         /* [peers]: the other ranks of this node */
    int peers;
    bool elsewhere; /* there are ranks that are not seen */
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static state_t alone; /* before and after the watch */
static _Atomic(state_t *) mine = &alone;
static _Atomic(const char *) phase = "start";

/* Neither of the two is an atomic step: two threads may count as one, which is all the same here.
 */
void trn_watch_tick(void) {
    state_t *state = atomic_load_explicit(&mine, memory_order_relaxed);
    unsigned long seen = atomic_load_explicit(&state->progress, memory_order_relaxed);
    atomic_store_explicit(&state->progress, (seen | 1) + 1, memory_order_relaxed);
}

void trn_watch_wait(void) {
    state_t *state = atomic_load_explicit(&mine, memory_order_relaxed);
    unsigned long seen = atomic_load_explicit(&state->progress, memory_order_relaxed);
    atomic_store_explicit(&state->progress, seen | 1, memory_order_relaxed);
}

const char *trn_watch_phase(const char *name) {
    const char *before = atomic_exchange_explicit(&phase, name, memory_order_relaxed);
    trn_watch_tick();
    return before;
}

/* The end ------------------------------------------------------------------------------------ */

static void *end_job(void *unused) {
    MPI_Abort(watch.comm, TRN_INTERNAL);
    return unused;
}

/* MPI_Abort may itself hang in a sick message layer: another thread calls it, this one waits. */
static void bark(double idle, bool waits) {
    char line[LINE_BYTES], host[128] = "unknown host";
    gethostname(host, sizeof host - 1);
    int length = snprintf(
        line, sizeof line,
        "trunnion: rank %d: %s: no progress for %.0f s in phase \"%.200s\"%s; look "
        "for a stuck disk, network or peer, or raise --hang-timeout\n",
        watch.rank, host, idle, atomic_load(&phase), waits ? ", waiting for a message" : "");
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written; /* nobody is left to tell */
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_job, NULL) == 0) sleep(ABORT_SECONDS);
    _exit(TRN_INTERNAL);
}

/* Looks -------------------------------------------------------------------------------------- */

/* Of all threads of this process. */
static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Threads of this process that run or would if they were given a processor, without this one; 0 too
 * where the system does not tell. */
static int runnable(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (const struct dirent *e = tasks ? readdir(tasks) : NULL; e; e = readdir(tasks)) {
        char name[64], state = 0;
        if (atoi(e->d_name) == gettid()) continue;
        snprintf(name, sizeof name, "/proc/self/task/%.20s/stat", e->d_name);
        FILE *file = e->d_name[0] == '.' ? NULL : fopen(name, "r");
        if (!file) continue; /* it has just ended */
        if (fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'R') count++;
        fclose(file);
    }
    if (tasks) closedir(tasks);
    return count;
}

static struct timespec after(double seconds) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)(seconds * 1e9);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* Whether the neighbor has made progress lately; not if its watchdog has not looked for so long
 * that its process must have stopped. */
static bool works(const peer_t *peer) {
    return 1e-3 * (double)atomic_load(&peer->state->idle) < watch.seconds &&
           peer->silent < watch.seconds + SLOW;
}

/* Also counts, look by look, how long each neighbor's watchdog has been silent. */
static bool any_works(double period) {
    bool any = false;
    for (int i = 0; i < watch.peers; i++) {
        peer_t *peer = &watch.peer[i];
        unsigned long looks = atomic_load(&peer->state->looks);
        peer->silent = looks == peer->looks ? peer->silent + period : 0;
        peer->looks = looks;
        any |= works(peer);
    }
    return any;
}

/* How long this rank has made no progress, one period after `idle`. Looks, not clock seconds, are
 * counted: after a suspended job or laptop wakes up, the ranks get their full time again. Nor does
 * time count for which threads were ready to run but others had the processor; *cpu is what all of
 * this process have had until now. */
static double count_idle(double idle, double period, unsigned long *ticks, double *cpu) {
    unsigned long present = atomic_load(&atomic_load(&mine)->progress) / 2;
    double had = cpu_seconds() - *cpu;
    *cpu += had;
    if (present != *ticks) {
        *ticks = present;
        return 0;
    }
    int threads = runnable();
    double each = threads > 0 ? had / threads : period;
    return idle + (each < period ? each : period);
}

/* The watchdog's thread. It only reads other ranks' states and writes its own, without locks. */
static void *look(void *unused) {
    double period = watch.seconds / 20 < 1 ? watch.seconds / 20 : 1;
    if (period < 0.05) period = 0.05;
    double idle = 0, cpu = cpu_seconds();
    state_t *own = atomic_load(&mine);
    unsigned long ticks = atomic_load(&own->progress) / 2;
    pthread_mutex_lock(&watch.mutex);
    while (!watch.stop) {
        struct timespec until = after(period);
        pthread_cond_timedwait(&watch.wake, &watch.mutex, &until);
        if (watch.stop) break;
        idle = count_idle(idle, period, &ticks, &cpu);
        atomic_store(&own->idle, (unsigned long)(1e3 * idle));
        atomic_fetch_add(&own->looks, 1);
        bool waits = atomic_load(&own->progress) & 1, others = any_works(period);
        double patience = waits && watch.elsewhere ? ELSEWHERE * watch.seconds : watch.seconds;
        if (idle >= patience && !(waits && others)) bark(idle, waits);
    }
    pthread_mutex_unlock(&watch.mutex);
    return unused;
}

/* Start and stop ----------------------------------------------------------------------------- */

/* Put this rank's state where its neighbors see it, and find theirs. Without room in /dev/shm every
 * rank watches for itself. */
static trn_status_t meet(MPI_Comm comm) {
    int ranks;
    MPI_Comm_rank(comm, &watch.rank);
    MPI_Comm_size(comm, &ranks);
    TRN_AGREE(comm, trn_alloc_zero(&watch.peer, ranks, sizeof *watch.peer, "the watchdog"));
    if (trn_shared_create(&watch.shared, comm, sizeof(state_t)) != TRN_OK) watch.shared = NULL;
    for (int r = 0; watch.shared && r < ranks; r++) {
        const state_t *state = trn_shared_block(watch.shared, r);
        if (r != watch.rank && state) watch.peer[watch.peers++].state = state;
    }
    watch.elsewhere = watch.peers < ranks - 1;
    if (watch.shared) atomic_store(&mine, trn_shared_block(watch.shared, watch.rank));
    return TRN_OK;
}

/* Nothing of ours is left in shared memory, and ticks count for nobody. */
static void part(void) {
    trn_watch_wait(); /* a rank that is done holds nobody's end up */
    atomic_store(&mine, &alone);
    trn_shared_destroy(&watch.shared);
    trn_free(&watch.peer);
    watch.peers = 0;
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

/* A second start ends the first. The thread is made after the states are shared: it reads them
 * without a lock. */
trn_status_t trn_watch_start(MPI_Comm comm, double seconds) {
    if (!(seconds > 0)) return TRN_OK;
    trn_watch_stop();
    watch.comm = comm;
    watch.seconds = seconds;
    watch.stop = false;
    TRN_TRY(meet(comm));
    trn_watch_tick();
    watch.running = start_thread() == 0;
    trn_status_t status =
        watch.running ? TRN_OK
                      : trn_fail(TRN_MEMORY, "--hang-timeout: cannot start a thread; raise the "
                                             "limit of processes (ulimit -u) or use 0");
    if (!watch.running) part();
    status = trn_agree(comm, status);
    if (status != TRN_OK) trn_watch_stop();
    return status;
}

/* The thread is woken, not canceled: it may hold the mutex. */
void trn_watch_stop(void) {
    if (!watch.running) return;
    pthread_mutex_lock(&watch.mutex);
    watch.stop = true;
    pthread_cond_signal(&watch.wake);
    pthread_mutex_unlock(&watch.mutex);
    pthread_join(watch.thread, NULL);
    pthread_cond_destroy(&watch.wake);
    watch.running = false;
    part();
}
