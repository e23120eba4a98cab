#define _POSIX_C_SOURCE 200809L
#include "io/output.h"

#include "base/mem.h"
#include "base/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct trn_output {
    FILE *file;
    char *path, *temporary;
};

static void release(trn_output_t **output) {
    trn_signal_release((*output)->temporary);
    trn_free(&(*output)->path);
    trn_free(&(*output)->temporary);
    trn_free(output);
}

trn_status_t trn_output_create(trn_output_t **output, const char *path) {
    *output = NULL;
    trn_output_t *o;
    TRN_TRY(trn_alloc_zero(&o, 1, sizeof *o, "an output file"));
    trn_status_t status;
    size_t bytes = strlen(path) + 32;
    TRN_OR(failed, trn_strdup(&o->path, path));
    TRN_OR(failed, trn_alloc(&o->temporary, (int64_t)bytes, 1, "a file name"));
    snprintf(o->temporary, bytes, "%s.tmp.%ld", path, (long)getpid());
    trn_signal_guard(o->temporary); /* first, lest a signal in between leave the file */
    o->file = fopen(o->temporary, "wbx");
    if (!o->file) {
        status = trn_fail(TRN_IO, "%s: cannot create: %s", path, strerror(errno));
        goto failed;
    }
    *output = o;
    return TRN_OK;
failed:
    release(&o);
    return status;
}

static trn_status_t complain(const trn_output_t *output, const char *deed) {
    return trn_fail(TRN_IO, "%s: cannot %s: %s", output->path, deed, strerror(errno));
}

trn_status_t trn_output_write(trn_output_t *output, const void *data, int64_t bytes) {
    if (fwrite(data, 1, (size_t)bytes, output->file) == (size_t)bytes) return TRN_OK;
    return complain(output, "write");
}

/* A rename is safe from a power cut only once the directory is on the disk too. Some file systems
 * refuse to sync a directory; then nothing more can be done. */
static void sync_directory(char *path) {
    int directory = open(dirname(path), O_RDONLY | O_CLOEXEC);
    if (directory < 0) return;
    (void)fsync(directory);
    close(directory);
}

trn_status_t trn_output_close(trn_output_t **output, trn_status_t status) {
    trn_output_t *o = *output;
    if (!o) return status;
    if (status == TRN_OK && (fflush(o->file) != 0 || fsync(fileno(o->file)) != 0))
        status = complain(o, "write");
    if (fclose(o->file) != 0 && status == TRN_OK) status = complain(o, "close");
    if (status == TRN_OK && rename(o->temporary, o->path) != 0)
        status = complain(o, "rename to it");
    if (status != TRN_OK)
        (void)unlink(o->temporary);
    else
        sync_directory(o->temporary);
    release(output);
    return status;
}
