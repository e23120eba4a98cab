#define _GNU_SOURCE /* fallocate, sync_file_range */
#include "base/mem.h"
#include "io/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    HASH_BYTES = 256 << 10, /* read and hashed by turns: fits the second level cache */
    WINDOW_BYTES = 8 << 20, /* mapped at a time */
};

trn_status_t trn_bytes_write(int fd, const char *path, int64_t offset, const void *data,
                             int64_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        ssize_t done = pwrite(fd, at, (size_t)bytes, (off_t)offset);
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
    }
    return TRN_OK;
}

trn_status_t trn_bytes_read(int fd, const char *path, int64_t offset, void *data, int64_t bytes) {
    char *at = data;
    while (bytes > 0) {
        ssize_t done = pread(fd, at, (size_t)bytes, (off_t)offset);
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
    }
    return TRN_OK;
}

trn_status_t trn_bytes_hash(int fd, const char *path, int64_t offset, int64_t bytes, char *data,
                            bool keep, uint64_t *sum) {
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (int64_t done = 0; done < bytes; done += HASH_BYTES) {
        int64_t step = bytes - done < HASH_BYTES ? bytes - done : HASH_BYTES;
        char *to = keep ? data + done : data;
        TRN_TRY(trn_bytes_read(fd, path, offset + done, to, step));
        XXH3_64bits_update(&state, to, (size_t)step);
    }
    *sum = XXH3_64bits_digest(&state);
    return TRN_OK;
}

void trn_window_close(trn_window_t *window) {
    if (window->map) munmap(window->map, (size_t)window->bytes);
    window->map = NULL;
}

/* Map [offset, ...) up to the window's size or the file's end. Populating tells of bad pages by an
 * error, where touching them would kill the process; then reading is left to pread. */
static void move_window(trn_window_t *window, int64_t offset) {
    trn_window_close(window);
    int64_t size = (int64_t)lseek(window->fd, 0, SEEK_END), page = (int64_t)sysconf(_SC_PAGESIZE);
    window->offset = offset / page * page;
    window->bytes = size - window->offset < WINDOW_BYTES ? size - window->offset : WINDOW_BYTES;
    window->refused = true;
#ifdef MADV_POPULATE_READ
    if (window->bytes <= 0) return;
    void *map =
        mmap(NULL, (size_t)window->bytes, PROT_READ, MAP_SHARED, window->fd, (off_t)window->offset);
    if (map == MAP_FAILED) return;
    window->map = map;
    window->refused = madvise(map, (size_t)window->bytes, MADV_POPULATE_READ) != 0;
    if (window->refused) trn_window_close(window);
#endif
}

trn_status_t trn_window_hash(trn_window_t *window, int64_t offset, int64_t bytes, char *block,
                             uint64_t *sum) {
    bool inside =
        window->map && offset >= window->offset && offset + bytes <= window->offset + window->bytes;
    if (!inside && !window->refused && bytes <= WINDOW_BYTES / 2) move_window(window, offset);
    if (!window->map || offset + bytes > window->offset + window->bytes)
        return trn_bytes_hash(window->fd, window->path, offset, bytes, block, false, sum);
    *sum = XXH3_64bits(window->map + (offset - window->offset), (size_t)bytes);
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

trn_status_t trn_bytes_sync(int fd, const char *path) {
    int outcome;
    do
        outcome = fsync(fd);
    while (outcome != 0 && errno == EINTR);
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
    if (fsync(fd) != 0 && errno != EINVAL && errno != EINTR)
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
