#define _GNU_SOURCE
#include "io/lock.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 256, HOST = 64, PATIENCE = 10 /* seconds that NFS may take to show a new file */ };

struct trn_lock {
    char *path; /* of the lock file */
    int fd;     /* rank 0: its lock; else -1 */
};

static trn_status_t held(const char *path, int fd) {
    char text[TEXT] = "";
    ssize_t bytes = pread(fd, text, sizeof text - 1, 0);
    text[bytes > 0 ? (size_t)bytes : 0] = '\0';
    char *draw = strstr(text, " #"); /* for no human */
    if (draw) *draw = '\0';
    return trn_fail(TRN_IO, "%s: is held by %s; wait for it, or write elsewhere", path,
                    draw ? text : "another job");
}

/* Whether the open file still has the name: its holder may have removed it since. */
static bool still_there(const char *path, int fd) {
    struct stat named, open;
    return stat(path, &named) == 0 && fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
           named.st_ino == open.st_ino;
}

/* Open and lock; fd stays -1 where the directory takes no file, of which the writer will tell. */
static trn_status_t hold(trn_lock_t *l) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (;;) {
        l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (l->fd < 0) return TRN_OK;
        if (fcntl(l->fd, F_SETLK, &whole) != 0) {
            if (errno == EACCES || errno == EAGAIN) return held(l->path, l->fd);
            trn_log(TRN_LOG_WARN, "lock",
                    "%s: this file system has no locks (%s): see to it that "
                    "no other job writes there",
                    l->path, strerror(errno));
            return TRN_OK;
        }
        if (still_there(l->path, l->fd)) return TRN_OK;
        close(l->fd);
    }
}

/* Say who we are, with a draw that no other file has; *text is empty if that cannot be written. */
static void sign(trn_lock_t *l, char text[TEXT]) {
    char host[HOST] = "unknown", now[21];
    unsigned long long draw = 0;
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    trn_utc(now);
    if (getrandom(&draw, sizeof draw, 0) != sizeof draw) draw = (unsigned long long)getpid();
    int bytes =
        snprintf(text, TEXT, "%s%.32s%sprocess %ld on %s since %s #%016llx\n", job ? "job " : "",
                 job ? job : "", job ? ", " : "", (long)getpid(), host, now, draw);
    if (ftruncate(l->fd, 0) == 0 && pwrite(l->fd, text, (size_t)bytes, 0) == bytes) {
        trn_signal_guard(l->path);
        return;
    }
    *text = '\0';
    (void)unlink(l->path);
    close(l->fd);
    l->fd = -1;
}

static bool reads(const char *path, const char *text) {
    char found[TEXT];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t bytes = pread(fd, found, sizeof found, 0);
    close(fd);
    return bytes == (ssize_t)strlen(text) && memcmp(found, text, (size_t)bytes) == 0;
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

static trn_status_t take(trn_lock_t *l, MPI_Comm comm) {
    int rank;
    char text[TEXT] = "";
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = rank == 0 ? hold(l) : TRN_OK;
    if (status != TRN_OK) {
        close(l->fd);
        l->fd = -1; /* another's: not ours to remove */
    }
    TRN_AGREE(comm, status);
    if (rank == 0 && l->fd >= 0) sign(l, text);
    MPI_Bcast(text, TEXT, MPI_CHAR, 0, comm);
    return trn_agree(comm, rank > 0 && *text ? look(l->path, text) : TRN_OK);
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
    if (status == TRN_OK) status = take(*lock, comm);
    if (status != TRN_OK) trn_lock_release(lock);
    return status;
}

void trn_lock_release(trn_lock_t **lock) {
    trn_lock_t *l = *lock;
    if (!l) return;
    if (l->fd >= 0) {
        (void)unlink(l->path); /* while it is still ours */
        close(l->fd);
        trn_signal_release(l->path);
    }
    trn_free(&l->path);
    trn_free(lock);
}
