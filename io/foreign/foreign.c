/* foreign.c: our end of the socket: a child is started, asked and judged (foreign.h). */
#define _GNU_SOURCE
#include "io/foreign/foreign_impl.h"

#include "base/mem.h"
#include "mpi/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct trn_foreign {
    const char *path;
    int fd; /* -1: the child is gone */
    pid_t child;
    bool edits;
    char *list; /* [list_bytes] records */
    int64_t list_bytes;
};

/* The child -------------------------------------------------------------------------------------
 */

/* End the child, which holds nothing that could be lost, and learn how it ended if it has already.
 */
static int reap(trn_foreign_t *f) {
    int how = 0;
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    if (f->child > 0) (void)kill(f->child, SIGKILL);
    while (f->child > 0 && waitpid(f->child, &how, 0) < 0 && errno == EINTR) {
    }
    f->child = 0;
    return how;
}

/* The child is gone, or said what makes no sense. */
static trn_status_t broken(trn_foreign_t *f) {
    char signal[48] = "";
    int how = reap(f);
    if (WIFSIGNALED(how) && WTERMSIG(how) != SIGKILL)
        snprintf(signal, sizeof signal, " by signal %d", WTERMSIG(how));
    return trn_fail(TRN_INPUT,
                    "%s: HDF5 was brought to its end%s by what the file says of itself; damaged, "
                    "use another copy",
                    f->path, signal);
}

static trn_status_t start(trn_foreign_t *f, int file, char mode) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return trn_fail(TRN_IO, "%s: cannot make a socket: %s; close other programs", f->path,
                        strerror(errno));
    f->child = fork();
    if (f->child == 0) {
        close(ends[0]);
        trn_foreign_serve(ends[1], file, f->path, mode);
    }
    close(ends[1]);
    f->fd = ends[0];
    if (f->child > 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot start a process to read it: %s; close other programs",
                    f->path, strerror(errno));
}

/* The next answer's data goes to data[room], or to an allocation (*made) if data is NULL. */
static trn_status_t receive(trn_foreign_t *f, void *data, int64_t room, char **made,
                            int64_t *bytes) {
    trn_foreign_answer_t answer;
    char message[1024];
    trn_watch_tick();
    if (!trn_foreign_take(f->fd, &answer, sizeof answer)) return broken(f);
    if (answer.status != TRN_OK) {
        bool fits = answer.status > 0 && answer.status <= TRN_INTERNAL && answer.bytes > 0 &&
                    answer.bytes < (int64_t)sizeof message;
        if (!fits || !trn_foreign_take(f->fd, message, answer.bytes)) return broken(f);
        message[answer.bytes] = '\0';
        return trn_fail((trn_status_t)answer.status, "%s", message);
    }
    if (answer.bytes < 0 || answer.bytes > room) return broken(f);
    *bytes = answer.bytes;
    if (made) TRN_TRY(trn_alloc(made, answer.bytes + 1, 1, "a list from an HDF5 file"));
    return trn_foreign_take(f->fd, made ? *made : data, answer.bytes) ? TRN_OK : broken(f);
}

static trn_status_t ask(trn_foreign_t *f, trn_foreign_request_t request, const char *name,
                        const void *data) {
    if (f->fd < 0)
        return trn_fail(TRN_INPUT, "%s: HDF5 has failed over it before; use another copy", f->path);
    request.name_bytes = (int64_t)strlen(name) + 1;
    if (request.name_bytes > TRN_FOREIGN_NAME)
        return trn_fail(TRN_INPUT, "%s: the name of a dataset of more than %d bytes", f->path,
                        TRN_FOREIGN_NAME);
    bool sent = trn_foreign_give(f->fd, &request, sizeof request) &&
                trn_foreign_give(f->fd, name, request.name_bytes) &&
                trn_foreign_give(f->fd, data, request.bytes);
    return sent ? TRN_OK : broken(f);
}

/* Opening ---------------------------------------------------------------------------------------
 */

static trn_status_t open_file(const char *path, bool edits, int *fd) {
    struct stat about;
    *fd = open(path, (edits ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (*fd < 0)
        return trn_fail(errno == ENOENT ? TRN_INPUT : TRN_IO, "%s: cannot open: %s; check the name",
                        path, strerror(errno));
    if (fstat(*fd, &about) == 0 && S_ISREG(about.st_mode)) return TRN_OK;
    close(*fd);
    return trn_fail(TRN_INPUT, "%s: is no regular file; give another file", path);
}

static trn_status_t begin(trn_foreign_t **foreign, const char *path, char mode) {
    int file;
    int64_t none;
    TRN_TRY(trn_alloc_zero(foreign, 1, sizeof **foreign, "an HDF5 file"));
    trn_foreign_t *f = *foreign;
    f->path = path;
    f->fd = -1;
    trn_status_t status = open_file(path, mode != 'r', &file);
    if (status == TRN_OK) {
        status = start(f, file, mode);
        close(file);
    }
    if (status == TRN_OK) status = receive(f, NULL, 0, NULL, &none);
    f->edits = mode != 'r' && status == TRN_OK;
    if (status != TRN_OK) (void)trn_foreign_close(foreign);
    return status;
}

trn_status_t trn_foreign_open(trn_foreign_t **foreign, const char *path) {
    return begin(foreign, path, 'r');
}

trn_status_t trn_foreign_edit(trn_foreign_t **foreign, const char *path, bool create) {
    return begin(foreign, path, create ? 'c' : 'w');
}

trn_status_t trn_foreign_close(trn_foreign_t **foreign) {
    trn_foreign_t *f = *foreign;
    trn_status_t status = TRN_OK;
    int64_t none;
    if (!f) return status;
    if (f->edits) status = ask(f, (trn_foreign_request_t){.op = TRN_FOREIGN_END}, "", NULL);
    if (f->edits && status == TRN_OK) status = receive(f, NULL, 0, NULL, &none);
    (void)reap(f);
    trn_free(&f->list);
    trn_free(foreign);
    return status;
}

/* Listing ---------------------------------------------------------------------------------------
 */

/* Records follow each other, and each is what it has to be. */
static bool sound(const trn_foreign_t *f) {
    int64_t at = 0, least = (int64_t)sizeof(trn_foreign_item_t) + 2;
    while (at < f->list_bytes) {
        const trn_foreign_item_t *item = (const void *)(f->list + at);
        int64_t left = f->list_bytes - at;
        if (left < least || item->size < least || item->size > left || item->size % 8 != 0 ||
            item->type < 0 || item->type > TRN_OTHER || item->name[0] != '/' ||
            !memchr(item->name, '\0', (size_t)item->size - sizeof *item) ||
            !memchr(item->what, '\0', sizeof item->what))
            return false;
        at += item->size;
    }
    return true;
}

trn_status_t trn_foreign_list(trn_foreign_t *f) {
    if (f->list) return TRN_OK;
    TRN_TRY(ask(f, (trn_foreign_request_t){.op = TRN_FOREIGN_LIST}, "", NULL));
    TRN_TRY(receive(f, NULL, TRN_FOREIGN_LIST_BYTES, &f->list, &f->list_bytes));
    return sound(f) ? TRN_OK : broken(f);
}

const trn_foreign_item_t *trn_foreign_first(const trn_foreign_t *f) {
    return f->list_bytes > 0 ? (const void *)f->list : NULL;
}

const trn_foreign_item_t *trn_foreign_next(const trn_foreign_t *f, const trn_foreign_item_t *item) {
    const char *next = (const char *)item + item->size;
    return next < f->list + f->list_bytes ? (const void *)next : NULL;
}

/* Reading ---------------------------------------------------------------------------------------
 */

trn_status_t trn_foreign_read(trn_foreign_t *f, const char *name, int64_t first, int64_t rows,
                              void *values, int64_t bytes) {
    if (bytes == 0) return TRN_OK;
    trn_foreign_request_t request = {.op = TRN_FOREIGN_READ, .first = first, .count = rows};
    TRN_TRY(ask(f, request, name, NULL));
    for (int64_t done = 0, got; done < bytes; done += got) {
        TRN_TRY(receive(f, (char *)values + done, bytes - done, NULL, &got));
        if (got == 0) return broken(f);
    }
    return TRN_OK;
}

trn_status_t trn_foreign_strings(trn_foreign_t *f, const char *name, int64_t first, int64_t count,
                                 char **text, int64_t *bytes) {
    trn_foreign_request_t request = {.op = TRN_FOREIGN_STRINGS, .first = first, .count = count};
    *text = NULL;
    *bytes = 0;
    TRN_TRY(ask(f, request, name, NULL));
    return receive(f, NULL, TRN_FOREIGN_TEXT, text, bytes);
}

/* Making ----------------------------------------------------------------------------------------
 */

trn_status_t trn_foreign_make(trn_foreign_t *f, const char *name, trn_dtype_t type, int64_t rows,
                              int64_t cols, int64_t *offset) {
    trn_foreign_request_t request = {
        .op = TRN_FOREIGN_MAKE, .type = (int32_t)type, .count = rows, .cols = cols};
    int64_t bytes;
    TRN_TRY(ask(f, request, name, NULL));
    TRN_TRY(receive(f, offset, sizeof *offset, NULL, &bytes));
    return bytes == sizeof *offset ? TRN_OK : broken(f);
}

trn_status_t trn_foreign_make_strings(trn_foreign_t *f, const char *name, int64_t count) {
    trn_foreign_request_t request = {.op = TRN_FOREIGN_MAKE_STRINGS, .count = count};
    int64_t none;
    TRN_TRY(ask(f, request, name, NULL));
    return receive(f, NULL, 0, NULL, &none);
}

trn_status_t trn_foreign_put_strings(trn_foreign_t *f, const char *name, int64_t first,
                                     int64_t count, const char *text, int64_t bytes) {
    trn_foreign_request_t request = {
        .op = TRN_FOREIGN_PUT_STRINGS, .bytes = bytes, .first = first, .count = count};
    int64_t none;
    TRN_TRY(ask(f, request, name, text));
    return receive(f, NULL, 0, NULL, &none);
}
