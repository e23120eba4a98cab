/* early.c: OpenBLAS maps 128 MiB for every processor when it is loaded, before main, and where a
 * limit of address space (ulimit -v) leaves no room it tries again without end: the program would
 * hang without a word. The loader runs what stands in .preinit_array ahead of all libraries; there
 * the limit is looked at, and one thread is told to OpenBLAS, which is all that we ever let it use.
 * Without such a limit nothing is done. */
#define _GNU_SOURCE
#include "cli/early.h"

#include "base/space.h"
#include "base/status.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The environment that libraries read as they start. An entry can be put in the place of another,
 * but none added: the loader sets `environ` only later. */
static char one_thread[] = "OMP_NUM_THREADS=1";
static char *replaced; /* what stood there */

void trn_early_done(void) {
    for (char **entry = environ; replaced && entry && *entry; entry++)
        if (*entry == one_thread) *entry = replaced;
    replaced = NULL;
}

#ifdef __GLIBC__
static bool starts(const char *entry, const char *name) {
    return strncmp(entry, name, strlen(name)) == 0;
}

/* Let libraries see one thread: in the place of the user's number, else of a variable that none of
 * them reads. */
static void tell_one_thread(char **environment) {
    static const char *const names[] = {"OMP_NUM_THREADS=", "_=", "OLDPWD=", "SHLVL=", "PWD="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (char **entry = environment; *entry; entry++)
            if (!replaced && starts(*entry, names[i])) {
                replaced = *entry;
                *entry = one_thread;
            }
}

static void look_first(int argc, char **argv, char **environment) {
    enum { BUFFER = 128 << 20, SMALL = 4 << 20 /* what other libraries take as they start */ };
    (void)argc, (void)argv;
    int64_t left = trn_space_left();
    if (left == INT64_MAX || !dlsym(RTLD_DEFAULT, "blas_memory_alloc")) return; /* OpenBLAS's */
    tell_one_thread(environment);
    int64_t buffers = replaced ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    if (left < buffers * BUFFER + SMALL) {
        char line[200];
        int length = snprintf(line, sizeof line,
                              "trunnion: address space: the limit leaves %lld MiB, but OpenBLAS "
                              "takes %lld at once; raise it (ulimit -v 600000)\n",
                              (long long)left >> 20, (long long)buffers * BUFFER >> 20);
        ssize_t written = write(STDERR_FILENO, line, (size_t)length);
        (void)written; /* nobody is left to tell */
        _exit(TRN_MEMORY);
    }
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(int, char **,
                                                                            char **) = look_first;
#endif
