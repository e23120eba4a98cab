#define _GNU_SOURCE /* fallocate, sync_file_range */
#include "io/bytes.h"

#include "base/mem.h"
#include "base/own.h"
#include "mpi/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The most that one system call moves or waits for: a slow disk is to show the watchdog progress.
 */
static const int64_t step_bytes = 64 << 20;

static size_t step_of(int64_t bytes) {
    return (size_t)(bytes < step_bytes ? bytes : step_bytes);
}

trn_status_t trn_bytes_write(int fd, const char *path, int64_t offset, const void *data,
                             int64_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        ssize_t done = pwrite(fd, at, step_of(bytes), (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0)
            return trn_fail(TRN_IO,
                            "%s: cannot write %lld bytes at %lld: %s; free space or choose "
                            "another directory",
                            path, (long long)bytes, (long long)offset,
                            done < 0 ? strerror(errno) : "nothing was written");
        at += done;
        offset += done;
        bytes -= done;
        trn_watch_tick();
    }
    return TRN_OK;
}

trn_status_t trn_bytes_read(int fd, const char *path, int64_t offset, void *data, int64_t bytes) {
    char *at = data;
    while (bytes > 0) {
        ssize_t done = pread(fd, at, step_of(bytes), (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0)
            return trn_fail(TRN_IO, "%s: cannot read %lld bytes at %lld: %s; check the disk", path,
                            (long long)bytes, (long long)offset, strerror(errno));
        if (done == 0)
            return trn_fail(TRN_INPUT,
                            "%s: ends %lld bytes early; it was cut short, use another "
                            "copy",
                            path, (long long)bytes);
        at += done;
        offset += done;
        bytes -= done;
        trn_watch_tick();
    }
    return TRN_OK;
}

void trn_bytes_start_writeback(int fd, int64_t offset, int64_t bytes) {
#ifdef SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(fd, (off_t)offset, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
#else
    (void)fd, (void)offset, (void)bytes;
#endif
}

trn_status_t trn_bytes_check_limit(const char *path, int64_t bytes) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        (uint64_t)limit.rlim_cur >= (uint64_t)bytes)
        return TRN_OK;
    return trn_fail(TRN_IO,
                    "%s: needs %lld bytes, but files are limited to %lld here; raise "
                    "`ulimit -f`",
                    path, (long long)bytes, (long long)limit.rlim_cur);
}

static int64_t free_bytes(const char *directory) {
    struct statvfs info;
    if (statvfs(directory, &info) != 0) return -1;
    return (int64_t)info.f_bavail * (int64_t)info.f_frsize;
}

trn_status_t trn_bytes_check_free(const char *path, const char *directory, int64_t bytes) {
    int64_t available = free_bytes(directory);
    if (available < 0 || available >= bytes) return TRN_OK;
    return trn_fail(TRN_IO,
                    "%s: disk full: need %lld bytes, %lld free; free space or choose "
                    "another directory",
                    path, (long long)bytes, (long long)available);
}

trn_status_t trn_bytes_reserve(int fd, const char *path, const char *directory, int64_t bytes) {
    if (bytes == 0) return TRN_OK;
    int outcome;
    do
        outcome = fallocate(fd, 0, 0, (off_t)bytes);
    while (outcome != 0 && errno == EINTR);
    /* Without support (NFS 3, some FUSE) a full disk shows in pwrite or fsync: as late, not lost.
     */
    if (outcome == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return TRN_OK;
    if (errno == ENOSPC || errno == EDQUOT)
        return trn_fail(TRN_IO,
                        "%s: disk full: need %lld bytes, %lld free; free space or choose "
                        "another directory",
                        path, (long long)bytes, (long long)free_bytes(directory));
    return trn_fail(TRN_IO, "%s: cannot reserve %lld bytes: %s; choose another directory", path,
                    (long long)bytes, strerror(errno));
}

/* Bring the file's data to the disk piece by piece, which fsync would do without a sign of life. It
 * is fsync that promises; but an error that is told here is not told there again. */
static int sync_pieces(int fd) {
#ifdef SYNC_FILE_RANGE_WRITE
    int64_t end = (int64_t)lseek(fd, 0, SEEK_END);
    for (int64_t at = 0; at < end; at += step_bytes) {
        int outcome = sync_file_range(fd, (off_t)at, (off_t)step_bytes,
                                      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                          SYNC_FILE_RANGE_WAIT_AFTER);
        if (outcome != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT)) return -1;
        if (outcome != 0) break; /* this file system has no such thing, or a signal came */
        trn_watch_tick();
    }
#else
    (void)fd;
#endif
    return 0;
}

trn_status_t trn_bytes_sync(int fd, const char *path) {
    int outcome = sync_pieces(fd);
    while (outcome == 0 && (outcome = fsync(fd)) != 0 && errno == EINTR)
        outcome = 0;
    trn_watch_tick();
    if (outcome == 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: the data did not reach the disk: %s; write it elsewhere", path,
                    strerror(errno));
}

trn_status_t trn_bytes_sync_directory(const char *directory) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return trn_fail(TRN_IO, "%s: cannot open the directory: %s; check its permissions",
                        directory, strerror(errno));
    trn_status_t status = TRN_OK;
    /* EINVAL: this file system has no such thing as syncing a directory. */
    int outcome;
    do
        outcome = fsync(fd);
    while (outcome != 0 && errno == EINTR);
    if (outcome != 0 && errno != EINVAL)
        status = trn_fail(TRN_IO, "%s: the new name did not reach the disk: %s; check the disk",
                          directory, strerror(errno));
    close(fd);
    return status;
}

trn_status_t trn_directory_of(const char *path, char **directory) {
    const char *slash = strrchr(path, '/');
    if (!slash) return trn_strdup(directory, ".");
    TRN_TRY(trn_strdup(directory, path));
    (*directory)[slash == path ? 1 : slash - path] = '\0';
    return TRN_OK;
}

trn_status_t trn_path_writable(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return trn_fail(TRN_IO, "%s: is no regular file; choose another name", path);
    char *directory;
    TRN_TRY(trn_directory_of(path, &directory));
    trn_status_t status = TRN_OK;
    if (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))
        status = trn_fail(TRN_IO, "%s: the directory %s does not exist; create it first", path,
                          directory);
    else if (access(directory, W_OK | X_OK) != 0)
        status = trn_fail(TRN_IO, "%s: cannot write to the directory %s: %s; choose another", path,
                          directory, strerror(errno));
    trn_free(&directory);
    return status;
}

trn_status_t trn_path_drawn(const char *path, uint64_t draw, char **temporary) {
    int64_t bytes = (int64_t)strlen(path) + 32;
    TRN_TRY(trn_alloc(temporary, bytes, 1, "a file name"));
    snprintf(*temporary, (size_t)bytes, "%s.tmp.%016llx", path, (unsigned long long)draw);
    return TRN_OK;
}

trn_status_t trn_path_temporary(MPI_Comm comm, const char *path, char **temporary) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    uint64_t draw = rank == 0 ? trn_own_draw() : 0;
    MPI_Bcast(&draw, 1, MPI_UINT64_T, 0, comm);
    return trn_path_drawn(path, draw, temporary);
}

trn_status_t trn_path_create(const char *temporary, int *fd) {
    *fd = trn_own_create(temporary);
    if (*fd >= 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot create the file: %s; choose another directory", temporary,
                    strerror(errno));
}

trn_status_t trn_path_join(MPI_Comm comm, const char *temporary, int *fd) {
    int rank;
    struct stat info = {0};
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) (void)fstat(*fd, &info);
    /* Its owner as the file system has it, which for root may be another user (root_squash). */
    unsigned long owner = info.st_uid;
    MPI_Bcast(&owner, 1, MPI_UNSIGNED_LONG, 0, comm);
    if (rank == 0) return TRN_OK;
    const char *flaw;
    *fd = trn_own_open(temporary, O_RDWR, (uid_t)owner, &flaw);
    if (*fd >= 0) return TRN_OK;
    return trn_fail(TRN_IO,
                    "%s: rank 0 made this file, but it cannot be opened here: it is %s; use a "
                    "directory that all nodes share and only you can write to",
                    temporary, flaw ? flaw : strerror(errno));
}

trn_status_t trn_path_rename(int fd, const char *temporary, const char *path) {
    if (!trn_own_named(temporary, fd))
        return trn_fail(TRN_IO,
                        "%s: was removed or replaced before it was renamed to %s; see who else "
                        "writes to this directory",
                        temporary, path);
    if (rename(temporary, path) == 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot rename %s to it: %s; check its permissions", path,
                    temporary, strerror(errno));
}
