/* plugins.c: Open MPI 4.1 unloads its plugins in MPI_Finalize and only then waits for the thread
 * that runs their events: one that comes in between calls code that is no longer there (exit code
 * 139, once in some thousand runs on a busy machine, in opal_progress_thread_finalize). Marked so,
 * nothing is unmapped. */
#define _GNU_SOURCE
#include "mpi/plugins.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 128, NAME_BYTES = 512 };

typedef struct names {
    int count;
    char name[MOST][NAME_BYTES];
} names_t;

/* Names are only noted here: the list must not change while it is gone through. */
static int note(struct dl_phdr_info *info, size_t size, void *user) {
    names_t *names = user;
    (void)size;
    const char *file = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
    if (file && strncmp(file, "/mca_", 5) == 0 && names->count < MOST &&
        strlen(info->dlpi_name) < NAME_BYTES)
        snprintf(names->name[names->count++], NAME_BYTES, "%s", info->dlpi_name);
    return 0;
}

void trn_plugins_keep(void) {
    static names_t names;
    names.count = 0;
    dl_iterate_phdr(note, &names);
    for (int i = 0; i < names.count; i++) { /* one more reference, which is never given back */
        void *kept = dlopen(names.name[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        (void)kept;
    }
}
