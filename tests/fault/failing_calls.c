/* failing_calls.c: loaded before the C library (LD_PRELOAD), lets system calls on files whose name
 * has FAIL_NAME in it fail as on a disk that is full, over quota or broken: call FAIL_AT (1: the
 * first; 0: none) and, if FAIL_ALWAYS is set, every later one, with errno FAIL_ERRNO, in the
 * process whose rank is FAIL_RANK. FAIL_CALLS names the calls that count; without it all that
 * change files do. With FAIL_SHORT a write writes half of its bytes first, as a full disk does.
 * FAIL_LOG gets a line when a call has been made to fail; FAIL_COUNT, at the end, the number of
 * calls that there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls; /* that count, in this process */
static struct {
    const char *call;
    long count;
} kinds[16]; /* the same by kind */

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

/* Whether calls of that name count. */
static bool counts(const char *call) {
    static const char changing[] = " write pwrite fallocate ftruncate fsync sync_file_range rename "
                                   "renameat2 link open ";
    const char *given = getenv("FAIL_CALLS"), *list = given ? given : changing;
    size_t length = strlen(call);
    for (const char *at = strstr(list, call); at; at = strstr(at + 1, call))
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
    return false;
}

/* Whether this call on a file of that name is one that fails; sets errno. */
static bool fails(const char *call, const char *path) {
    static bool busy; /* the log is a file too */
    const char *name = setting("FAIL_NAME"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (busy || !*name || !path || !strstr(path, name) || !counts(call)) return false;
    if (strcmp(setting("FAIL_RANK"), rank ? rank : "0") != 0) return false;
    long at = atol(setting("FAIL_AT"));
    calls++;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!kinds[i].call) kinds[i].call = call;
        if (strcmp(kinds[i].call, call) == 0) {
            kinds[i].count++;
            break;
        }
    }
    if (at == 0 || calls < at || (calls > at && !*setting("FAIL_ALWAYS"))) return false;
    busy = true;
    FILE *log = calls == at ? fopen(setting("FAIL_LOG"), "a") : NULL;
    if (log) fprintf(log, "%ld %s\n", calls, call), fclose(log);
    busy = false;
    errno = atoi(setting("FAIL_ERRNO"));
    return true;
}

__attribute__((destructor)) static void tell(void) {
    FILE *log = calls > 0 && *setting("FAIL_COUNT") ? fopen(setting("FAIL_COUNT"), "a") : NULL;
    for (size_t i = 0; log && i < sizeof kinds / sizeof *kinds && kinds[i].call; i++)
        fprintf(log, "%s %ld\n", kinds[i].call, kinds[i].count);
    if (log) fclose(log);
}

static bool fails_fd(const char *call, int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return fails(call, path);
}

/* The C library's own function of that name. */
#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static ssize_t write_half(ssize_t (*real)(int, const void *, size_t, off64_t), int fd,
                          const void *data, size_t bytes, off64_t at) {
    if (!*setting("FAIL_SHORT") || bytes < 2) return -1;
    return real(fd, data, bytes / 2, at);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    if (!fails_fd("pwrite", fd)) return real(fd, data, bytes, at);
    return write_half(real, fd, data, bytes, at);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
    return pwrite64(fd, data, bytes, at);
}
ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails_fd("write", fd) ? -1 : real(fd, data, bytes);
}
int fallocate64(int fd, int mode, off64_t at, off64_t bytes) {
    REAL(int, "fallocate64", int, int, off64_t, off64_t);
    return fails_fd("fallocate", fd) ? -1 : real(fd, mode, at, bytes);
}
int fallocate(int fd, int mode, off_t at, off_t bytes) {
    return fallocate64(fd, mode, at, bytes);
}
int ftruncate64(int fd, off64_t bytes) {
    REAL(int, "ftruncate64", int, off64_t);
    return fails_fd("ftruncate", fd) ? -1 : real(fd, bytes);
}
int ftruncate(int fd, off_t bytes) {
    return ftruncate64(fd, bytes);
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    return fails_fd("fsync", fd) ? -1 : real(fd);
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return fails("rename", from) ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return fails("link", from) ? -1 : real(from, to);
}
int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (flags & (O_WRONLY | O_RDWR) && fails("open", path)) return -1;
    return real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open64(path, flags, mode);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    return fails("renameat2", from) ? -1 : real(from_at, from, to_at, to, flags);
}
int sync_file_range(int fd, off64_t at, off64_t bytes, unsigned flags) {
    REAL(int, "sync_file_range", int, off64_t, off64_t, unsigned);
    return fails_fd("sync_file_range", fd) ? -1 : real(fd, at, bytes, flags);
}
ssize_t read(int fd, void *data, size_t bytes) {
    REAL(ssize_t, "read", int, void *, size_t);
    return fails_fd("read", fd) ? -1 : real(fd, data, bytes);
}
ssize_t pread64(int fd, void *data, size_t bytes, off64_t at) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    return fails_fd("pread", fd) ? -1 : real(fd, data, bytes, at);
}
ssize_t pread(int fd, void *data, size_t bytes, off_t at) {
    return pread64(fd, data, bytes, at);
}
int close(int fd) { /* the descriptor is gone in any case */
    REAL(int, "close", int);
    bool failed = fails_fd("close", fd);
    int error = errno, outcome = real(fd);
    if (!failed) return outcome;
    errno = error;
    return -1;
}
