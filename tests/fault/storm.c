/* storm.c: loaded before the C library (LD_PRELOAD), does to files whose name has STORM_NAME in it
 * what systems may do and hardly ever do: of STORM_EVERY calls of read, write, pread and pwrite one
 * is interrupted (EINTR) and one moves a single byte or half of what was asked. With STORM_CLOCK
 * the time of day jumps by some hours, forward and back, whenever it is asked. Nothing of that is a
 * failure. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls, disturbed;

static bool named(int fd) {
    const char *name = getenv("STORM_NAME");
    char link[64], path[4096];
    if (!name || !*name) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return strstr(path, name) != NULL;
}

/* What this call comes to: all of `bytes`, fewer, or -1 for an interruption. */
static ssize_t portion(int fd, size_t bytes) {
    const char *every = getenv("STORM_EVERY");
    long period = every ? atol(every) : 0;
    if (period <= 0 || bytes == 0 || !named(fd)) return (ssize_t)bytes;
    long turn = ++calls % period;
    if (turn > 1) return (ssize_t)bytes;
    disturbed++;
    if (turn == 0) {
        errno = EINTR;
        return -1;
    }
    return calls / period % 2 ? (ssize_t)(bytes + 1) / 2 : 1;
}

__attribute__((destructor)) static void tell(void) {
    const char *name = getenv("STORM_LOG");
    FILE *log = name && disturbed > 0 ? fopen(name, "a") : NULL;
    if (log) fprintf(log, "%ld\n", (long)disturbed), fclose(log);
}

/* The C library's own function of that name. */
#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

ssize_t read(int fd, void *data, size_t bytes) {
    REAL(ssize_t, "read", int, void *, size_t);
    ssize_t part = portion(fd, bytes);
    return part < 0 ? -1 : real(fd, data, (size_t)part);
}
ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t part = portion(fd, bytes);
    return part < 0 ? -1 : real(fd, data, (size_t)part);
}
ssize_t pread64(int fd, void *data, size_t bytes, off64_t at) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
    ssize_t part = portion(fd, bytes);
    return part < 0 ? -1 : real(fd, data, (size_t)part, at);
}
ssize_t pread(int fd, void *data, size_t bytes, off_t at) {
    return pread64(fd, data, bytes, at);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    ssize_t part = portion(fd, bytes);
    return part < 0 ? -1 : real(fd, data, (size_t)part, at);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
    return pwrite64(fd, data, bytes, at);
}

/* Seconds by which the time of day is wrong now. */
static time_t jump(void) {
    static const time_t jumps[] = {0, 7200, -86400, 3, -3, 400000000, -7200};
    static atomic_uint turn;
    return getenv("STORM_CLOCK") ? jumps[turn++ % (sizeof jumps / sizeof *jumps)] : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int outcome = real(clock, now);
    if (outcome == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += jump();
    return outcome;
}
time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *to = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}
