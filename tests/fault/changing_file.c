/* changing_file.c: loaded before the C library (LD_PRELOAD), lets another program's work on a file
 * be done just before this one reads it for the n-th time, so that tests need no luck.
 *
 *   CHANGE_NAME  end of the file's name
 *   CHANGE_AT    before which read of it, from 1
 *   CHANGE_RANK  on which rank (default 0)
 *   CHANGE_TO    bytes to cut it to, or lengthen it to
 *   CHANGE_LOG   a file that gets a line when it was done */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void note(void) {
    int log = open(setting("CHANGE_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0) return;
    ssize_t written = write(log, "changed\n", 8);
    (void)written; /* the test will miss it */
    close(log);
}

ssize_t read(int fd, void *data, size_t bytes) {
    static ssize_t (*real)(int, void *, size_t);
    static long calls;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "read");
    const char *name = setting("CHANGE_NAME"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    const char *victim = setting("CHANGE_RANK");
    if (!*name || strcmp(rank ? rank : "0", *victim ? victim : "0") != 0)
        return real(fd, data, bytes);
    char link[64] = "/proc/self/fd/", path[4096];
    size_t end = strlen(link);
    for (int digit = 1000000; digit > 0; digit /= 10)
        if (fd >= digit || digit == 1) link[end++] = (char)('0' + fd / digit % 10);
    ssize_t length = readlink(link, path, sizeof path - 1), wanted = (ssize_t)strlen(name);
    path[length > 0 ? length : 0] = '\0';
    if (length < wanted || strcmp(path + length - wanted, name) != 0) return real(fd, data, bytes);
    if (++calls == atol(setting("CHANGE_AT")) && truncate(path, atol(setting("CHANGE_TO"))) == 0)
        note();
    return real(fd, data, bytes);
}
