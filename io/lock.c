/* lock.c: the file PATH.lock, which only ever is one of ours.
 *
 * A lock file is signed and held before it has its name: it is made under a temporary one and then
 * renamed to where nothing is. So an empty file, or one with other words in it, is somebody's, and
 * is not touched; nor is a link, a directory, or what another user put there. */
#define _POSIX_C_SOURCE 200809L
#include "io/lock.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/signal.h"
#include "io/bytes.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 256, HOST = 64, PATIENCE = 10 /* seconds that NFS may take to show a new file */ };

struct trn_lock {
    char *path;      /* of the lock file */
    int fd;          /* rank 0: its lock; else -1 */
    char text[TEXT]; /* what it says; "" while there is none */
};

/* What a lock says --------------------------------------------------------------------------- */

/* Who we are, with a draw that no other file has. */
static void compose(char text[TEXT]) {
    char host[HOST] = "unknown", now[21];
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    trn_utc(now);
    snprintf(text, TEXT, "%s%.32s%sprocess %ld on %s since %s #%016llx\n", job ? "job " : "",
             job ? job : "", job ? ", " : "", (long)getpid(), host, now,
             (unsigned long long)trn_own_draw());
}

/* The first line of an open lock file, without its draw, into text; false unless `compose` wrote
 * it. A shorter text that was written over a longer one leaves that one's tail. */
static bool read_text(int fd, char text[TEXT]) {
    enum { DIGITS = 16 };
    struct stat info;
    int64_t bytes = fstat(fd, &info) == 0 && info.st_size < TEXT ? (int64_t)info.st_size : TEXT - 1;
    if (trn_bytes_read(fd, "a lock", 0, text, bytes) != TRN_OK) bytes = 0;
    text[bytes] = '\0';
    char *end = strchr(text, '\n'), *draw = end ? end - DIGITS - 2 : text;
    bool ours = draw > text && memcmp(draw, " #", 2) == 0 &&
                strspn(draw + 2, "0123456789abcdef") == DIGITS && strstr(text, " since ") &&
                (strncmp(text, "process ", 8) == 0 || strncmp(text, "job ", 4) == 0);
    if (!ours) return false;
    *draw = '\0';
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~') *at = '?'; /* it goes to a terminal */
    return strstr(text, "process ") != NULL;
}

/* Rank 0: hold it ---------------------------------------------------------------------------- */

static trn_status_t held(const char *path, const char *text) {
    return trn_fail(TRN_IO, "%s: is held by %s; wait for it, or write elsewhere", path, text);
}

static trn_status_t foreign(const char *path, const char *flaw) {
    return trn_fail(TRN_IO, "%s: is no lock of ours but %s; move it away, or write elsewhere", path,
                    flaw);
}

static trn_status_t cannot(const char *path, const char *deed) {
    return trn_fail(TRN_IO, "%s: the lock cannot be %s: %s; write elsewhere", path, deed,
                    strerror(errno));
}

static void warn(const trn_lock_t *l, const char *what) {
    trn_log(TRN_LOG_WARN, "lock",
            "%s: this file system has no %s (%s): see to it that no other job writes there",
            l->path, what, strerror(errno));
}

/* Make a new lock; l->fd stays -1 with TRN_OK if there is one already, or if a lock cannot be made
 * in this file system (l->text is empty then). */
static trn_status_t make(trn_lock_t *l, const char *temporary) {
    TRN_TRY(trn_path_create(temporary, &l->fd));
    trn_status_t status = trn_bytes_write(l->fd, l->path, 0, l->text, (int64_t)strlen(l->text));
    if (status != TRN_OK) {
        trn_own_unlink(temporary, l->fd);
        return status;
    }
    if (trn_own_rename(temporary, l->path) == 0) return TRN_OK;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
        warn(l, "links");
        *l->text = '\0';
    } else if (errno != EEXIST)
        status = cannot(l->path, "made");
    trn_own_unlink(temporary, l->fd);
    close(l->fd);
    l->fd = -1;
    return status;
}

/* What has the name is not ours to open for writing: say whose or what it is. */
static trn_status_t refuse(const char *path, const char *flaw) {
    char text[TEXT];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    bool lock = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                info.st_uid != geteuid() && read_text(fd, text);
    if (fd >= 0) close(fd);
    if (!lock) return foreign(path, flaw);
    return trn_fail(TRN_IO, "%s: is the lock of another user, %s; wait for it, or write elsewhere",
                    path, text);
}

/* Take over what a dead job left; l->fd stays -1 with TRN_OK if it has gone meanwhile. Fails if it
 * is not dead, or no lock at all, and touches nothing then. */
static trn_status_t adopt(trn_lock_t *l) {
    const char *flaw;
    char text[TEXT];
    int fd = trn_own_open(l->path, O_RDWR, geteuid(), &flaw);
    if (fd < 0 && flaw) return refuse(l->path, flaw);
    if (fd < 0) return errno == ENOENT ? TRN_OK : cannot(l->path, "opened");
    trn_status_t status = TRN_OK;
    trn_hold_t hold = TRN_HELD;
    if (!read_text(fd, text))
        status = foreign(l->path, "a file that says something else");
    else if ((hold = trn_own_hold(fd)) == TRN_HELD_ABOUT)
        status = held(l->path, text);
    bool mine = status == TRN_OK && trn_own_named(l->path, fd);
    if (mine && hold == TRN_NO_LOCKS) warn(l, "locks");
    /* The new text first: whenever we are killed, the file begins with a whole line. */
    int64_t bytes = (int64_t)strlen(l->text);
    if (mine) status = trn_bytes_write(fd, l->path, 0, l->text, bytes);
    if (mine && status == TRN_OK && ftruncate(fd, bytes) != 0) status = cannot(l->path, "written");
    if (mine && status == TRN_OK)
        l->fd = fd;
    else
        close(fd);
    return status;
}

/* The file system may be one without locks: then two jobs could both adopt, which `adopt` warns of.
 */
static trn_status_t hold(trn_lock_t *l, const char *path) {
    trn_status_t status = trn_path_writable(path);
    trn_own_clean(l->path);
    compose(l->text);
    while (status == TRN_OK && l->fd < 0 && *l->text) {
        char *temporary = NULL;
        status = trn_path_drawn(l->path, trn_own_draw(), &temporary);
        if (status == TRN_OK) status = make(l, temporary);
        trn_signal_release(temporary);
        trn_free(&temporary);
        if (status == TRN_OK && l->fd < 0 && *l->text) status = adopt(l);
    }
    if (status == TRN_OK && l->fd >= 0) trn_signal_guard(l->path, l->fd);
    return status;
}

/* The other ranks: see it -------------------------------------------------------------------- */

static bool reads(const char *path, const char *text) {
    char found[TEXT];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat info;
    size_t bytes = strlen(text);
    bool same = fstat(fd, &info) == 0 && info.st_size == (off_t)bytes &&
                trn_bytes_read(fd, path, 0, found, (int64_t)bytes) == TRN_OK &&
                memcmp(found, text, bytes) == 0;
    close(fd);
    return same;
}

static trn_status_t look(const char *path, const char *text) {
    const struct timespec pause = {.tv_nsec = 50000000};
    char host[HOST] = "unknown";
    for (double start = trn_seconds(); !reads(path, text); nanosleep(&pause, NULL)) {
        if (trn_seconds() - start < PATIENCE) continue;
        gethostname(host, sizeof host - 1);
        return trn_fail(TRN_IO,
                        "%s: rank 0 made this file, but it is not seen on host %s; use a "
                        "directory that all nodes share",
                        path, host);
    }
    return TRN_OK;
}

/* Rank 0, with the lock in hand: what killed jobs left of this output, of its checkpoint, and of
 * the best model so far. */
static void clean(const char *path) {
    static const char *const endings[] = {"", ".checkpoint", ".best"};
    char stem[4096];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (snprintf(stem, sizeof stem, "%s%s", path, endings[i]) < (int)sizeof stem)
            trn_own_clean(stem);
}

static trn_status_t take(trn_lock_t *l, MPI_Comm comm, const char *path) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_AGREE(comm, rank == 0 ? hold(l, path) : TRN_OK);
    if (rank == 0) clean(path);
    MPI_Bcast(l->text, TEXT, MPI_CHAR, 0, comm);
    return trn_agree(comm, rank > 0 && *l->text ? look(l->path, l->text) : TRN_OK);
}

static trn_status_t create(trn_lock_t **lock, const char *path) {
    int64_t bytes = (int64_t)(strlen(path) + sizeof ".lock");
    TRN_TRY(trn_alloc_zero(lock, 1, sizeof **lock, "a lock"));
    (*lock)->fd = -1;
    TRN_TRY(trn_alloc(&(*lock)->path, bytes, 1, "a file name"));
    snprintf((*lock)->path, (size_t)bytes, "%s.lock", path);
    return TRN_OK;
}

trn_status_t trn_lock_take(trn_lock_t **lock, MPI_Comm comm, const char *path) {
    *lock = NULL;
    trn_status_t status = trn_agree(comm, create(lock, path));
    if (status == TRN_OK) status = take(*lock, comm, path);
    if (status != TRN_OK) trn_lock_release(lock);
    return status;
}

void trn_lock_release(trn_lock_t **lock) {
    trn_lock_t *l = *lock;
    if (!l) return;
    if (l->fd >= 0) {
        trn_own_unlink(l->path, l->fd); /* while it is still held */
        close(l->fd);
        trn_signal_release(l->path);
    }
    trn_free(&l->path);
    trn_free(lock);
}
