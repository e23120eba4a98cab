/* output.c: a stream to a temporary file, and what makes that the file wanted: flush, fsync,
 * rename. */
#define _POSIX_C_SOURCE 200809L
#include "io/output.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/signal.h"
#include "io/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct trn_output {
    FILE *file;
    char *path, *temporary, *directory;
    int fd; /* of `file` too; -1: none yet */
};

static void release(trn_output_t **output) {
    trn_signal_release((*output)->temporary);
    trn_free(&(*output)->path);
    trn_free(&(*output)->temporary);
    trn_free(&(*output)->directory);
    trn_free(output);
}

/* The last thing that may fail comes last: until then there is no file to take back. */
static trn_status_t open_output(trn_output_t *o, const char *path) {
    TRN_TRY(trn_strdup(&o->path, path));
    TRN_TRY(trn_directory_of(path, &o->directory));
    TRN_TRY(trn_path_drawn(path, trn_own_draw(), &o->temporary));
    TRN_TRY(trn_path_writable(path));
    trn_own_clean(path);
    TRN_TRY(trn_path_create(o->temporary, &o->fd));
    o->file = fdopen(o->fd, "wb");
    if (o->file) return TRN_OK;
    trn_own_unlink(o->temporary, o->fd);
    close(o->fd);
    return trn_fail(TRN_MEMORY, "%s: no memory for a stream", path);
}

trn_status_t trn_output_create(trn_output_t **output, const char *path) {
    TRN_TRY(trn_alloc_zero(output, 1, sizeof **output, "an output file"));
    (*output)->fd = -1;
    trn_status_t status = open_output(*output, path);
    if (status != TRN_OK) release(output);
    return status;
}

static trn_status_t complain(const trn_output_t *output, const char *deed) {
    return trn_fail(TRN_IO, "%s: cannot %s: %s; free space or choose another directory",
                    output->path, deed, strerror(errno));
}

trn_status_t trn_output_write(trn_output_t *output, const void *data, int64_t bytes) {
    if (fwrite(data, 1, (size_t)bytes, output->file) == (size_t)bytes) return TRN_OK;
    return complain(output, "write");
}

FILE *trn_output_stream(trn_output_t *output) {
    return output->file;
}

/* Everything is on the disk before the name is given, and the name before success is told. */
static trn_status_t finish(const trn_output_t *o) {
    if (fflush(o->file) != 0 || ferror(o->file)) return complain(o, "write");
    TRN_TRY(trn_bytes_sync(o->fd, o->path));
    return trn_path_rename(o->fd, o->temporary, o->path);
}

trn_status_t trn_output_close(trn_output_t **output, trn_status_t status) {
    trn_output_t *o = *output;
    if (!o) return status;
    if (status == TRN_OK) status = finish(o);
    if (status != TRN_OK) trn_own_unlink(o->temporary, o->fd);
    (void)fclose(o->file); /* nothing is left in it */
    if (status == TRN_OK) status = trn_bytes_sync_directory(o->directory);
    release(output);
    return status;
}
