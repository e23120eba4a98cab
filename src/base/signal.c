/* signal.c: handlers that take down the wish to stop, or end the process without litter. What runs
 * in a handler is restricted to what POSIX lets a handler call: lstat, unlink, raise and atomics.
 */
#define _GNU_SOURCE
#include "base/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GUARDS = 8, ECHO_MS = 500 };

static volatile sig_atomic_t wanted;
static atomic_bool can_save;
static atomic_llong asked; /* ms of the clock at the first TERM or INT; 0: none yet */

/* A file to remove. A slot with a path is taken; who takes a free one first marks it as being
 * filled, so that a handler never sees a path without its file. */
static struct {
    _Atomic(const char *) path;
    bool known; /* which file it is, by these */
    dev_t device;
    ino_t inode;
} guards[GUARDS];
static const char filling[] = "";

/* clock_gettime may be called in a handler. */
static long long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What stands there by now may be another's. */
static void remove_guarded(int slot) {
    struct stat info;
    const char *path = atomic_load(&guards[slot].path);
    if (!path || path == filling || lstat(path, &info) != 0) return;
    bool ours = guards[slot].known
                    ? info.st_dev == guards[slot].device && info.st_ino == guards[slot].inode
                    : S_ISREG(info.st_mode) && info.st_uid == geteuid();
    if (ours) (void)unlink(path);
}

/* The default action of the signal, so that the parent sees what ended us. */
static void end_process(int number) {
    for (int i = 0; i < GUARDS; i++)
        remove_guarded(i);
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

/* SIGXFSZ and SIGPIPE are ignored: the write that meets them fails with an errno, and is told as
 * such. */
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

void trn_signal_saves_nothing(void) {
    atomic_store(&can_save, false);
    if (wanted == SIGTERM || wanted == SIGINT) raise(wanted);
}

int trn_signal_stop(void) {
    return wanted;
}

void trn_signal_set_stop(int number) {
    wanted = number;
}

/* Without a free slot the file is not guarded: a killed job may then leave it, and the next clean-
 * up finds it. */
void trn_signal_guard(const char *path, int fd) {
    struct stat info;
    for (int i = 0; i < GUARDS; i++) {
        const char *expected = NULL;
        if (!atomic_compare_exchange_strong(&guards[i].path, &expected, filling)) continue;
        guards[i].known = fd >= 0 && fstat(fd, &info) == 0;
        if (guards[i].known) {
            guards[i].device = info.st_dev;
            guards[i].inode = info.st_ino;
        }
        atomic_store(&guards[i].path, path);
        return;
    }
}

void trn_signal_release(const char *path) {
    for (int i = 0; i < GUARDS; i++) {
        const char *expected = path;
        if (path && atomic_compare_exchange_strong(&guards[i].path, &expected, NULL)) return;
    }
}
