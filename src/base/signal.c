#define _GNU_SOURCE
#include "base/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GUARDS = 8, ECHO_MS = 500 };

static volatile sig_atomic_t wanted;
static atomic_bool can_save;
static atomic_llong asked; /* ms of the clock at the first TERM or INT; 0: none yet */
static _Atomic(const char *) guards[GUARDS];

static long long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void end_process(int number) {
    for (int i = 0; i < GUARDS; i++) {
        const char *path = atomic_load(&guards[i]);
        if (path) (void)unlink(path);
    }
    signal(number, SIG_DFL);
    raise(number); /* takes effect when the handler returns */
}

/* A batch system and mpirun may both pass a signal on, which is not the user who insists; and after
 * USR1 the TERM at the time limit still leaves time for a save that is under way. */
static void on_signal(int number) {
    int before = errno;
    if (number == SIGUSR1) {
        wanted = number;
    } else if (!atomic_load(&can_save)) {
        end_process(number);
    } else {
        long long now = milliseconds(), first = atomic_load(&asked);
        if (first != 0 && now - first > ECHO_MS) end_process(number);
        if (first == 0) atomic_store(&asked, now);
        wanted = number;
    }
    errno = before;
}

void trn_signal_install(bool saves) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    atomic_store(&can_save, saves);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
}

int trn_signal_stop(void) {
    return wanted;
}

void trn_signal_set_stop(int number) {
    wanted = number;
}

static void replace(const char *old, const char *by) {
    for (int i = 0; i < GUARDS; i++) {
        const char *expected = old;
        if (atomic_compare_exchange_strong(&guards[i], &expected, by)) return;
    }
}

void trn_signal_guard(const char *path) {
    replace(NULL, path);
}

void trn_signal_release(const char *path) {
    replace(path, NULL);
}
