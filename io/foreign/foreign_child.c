/* foreign_child.c: the child's end: it gives up all that it has from the process that made it,
 * takes limits, and answers requests until nobody asks. */
#define _GNU_SOURCE
#include "io/foreign/foreign_hdf_impl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Limits --------------------------------------------------------------------------------------- */

/* So much more memory than now. */
static void limit_memory(void) {
    const rlim_t more = (rlim_t)2 << 30;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return;
    if (fscanf(file, "%ld", &pages) != 1) pages = 0;
    fclose(file);
    struct rlimit limit;
    if (pages <= 0 || getrlimit(RLIMIT_AS, &limit) != 0) return;
    rlim_t wanted = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    if (limit.rlim_cur == RLIM_INFINITY || wanted < limit.rlim_cur) limit.rlim_cur = wanted;
    (void)setrlimit(RLIMIT_AS, &limit);
}

/* So many seconds of work more: a list without an end is what some files have. */
static void limit_time(int64_t seconds) {
    struct rusage used;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) return;
    rlim_t wanted = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + seconds + 1);
    if (limit.rlim_max == RLIM_INFINITY || wanted < limit.rlim_max) limit.rlim_cur = wanted;
    (void)setrlimit(RLIMIT_CPU, &limit);
}

/* No file of the program's: the sockets of other children among them, which would never end. */
static void close_others(int fd, int file) {
    int low = fd < file ? fd : file, high = fd < file ? file : fd;
    if (low > 3) (void)close_range(3, (unsigned)low - 1, 0);
    if (high > low + 1) (void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    (void)close_range((unsigned)high + 1, ~0U, 0);
}

/* No handler of the program's, no output of HDF5's or of a memory checker's, no core. */
static void shed(int fd, int file) {
    struct rlimit none = {0, 0};
    close_others(fd, file);
    sigset_t all;
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write fails with an errno instead */
    sigemptyset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &none);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; null >= 0 && i < 3; i++)
        if (i != fd && i != file) (void)dup2(null, i);
    limit_memory();
}

/* Requests ------------------------------------------------------------------------------------- */

typedef struct server {
    int fd;
    trn_foreign_file_t *file;
    int64_t bytes; /* of the file: listing a larger one may take longer */
    char name[TRN_FOREIGN_NAME];
    char *data; /* of a request */
} server_t;

static trn_status_t answer(server_t *s, const trn_foreign_request_t *r) {
    enum { LIST_SECONDS = 5, READ_SECONDS = 60, MOST = 600 };
    int64_t list = LIST_SECONDS + (s->bytes >> 20);
    limit_time(r->op == TRN_FOREIGN_LIST ? (list < MOST ? list : MOST) : READ_SECONDS);
    trn_foreign_file_t *file = s->file;
    switch ((trn_foreign_op_t)r->op) {
    case TRN_FOREIGN_LIST:
        return trn_foreign_file_list(file, s->fd);
    case TRN_FOREIGN_READ:
        return trn_foreign_file_read(file, s->fd, s->name, r->first, r->count);
    case TRN_FOREIGN_STRINGS:
        return trn_foreign_file_strings(file, s->fd, s->name, r->first, r->count);
    case TRN_FOREIGN_MAKE:
        return trn_foreign_file_make(file, s->fd, s->name, (trn_dtype_t)r->type, r->count, r->cols);
    case TRN_FOREIGN_MAKE_STRINGS:
        return trn_foreign_file_make_strings(file, s->fd, s->name, r->count);
    case TRN_FOREIGN_PUT_STRINGS:
        return trn_foreign_file_put_strings(file, s->fd, s->name, r->first, r->count, s->data,
                                            r->bytes);
    case TRN_FOREIGN_END:
        return trn_foreign_file_end(file, s->fd);
    }
    return trn_fail(TRN_INTERNAL, "unknown request");
}

/* One request and its answer; false: nobody asks any more. */
static bool serve_one(server_t *s) {
    trn_foreign_request_t request;
    if (!trn_foreign_take(s->fd, &request, sizeof request)) return false;
    if (request.name_bytes > (int64_t)sizeof s->name ||
        !trn_foreign_take(s->fd, s->name, request.name_bytes))
        return false;
    s->data = malloc((size_t)request.bytes + 1);
    if (!s->data || !trn_foreign_take(s->fd, s->data, request.bytes)) return false;
    trn_status_t status = answer(s, &request);
    free(s->data);
    if (status == TRN_OK) return true;
    const char *message = trn_message();
    return trn_foreign_send(s->fd, status, message, (int64_t)strlen(message));
}

void trn_foreign_serve(int fd, int file, const char *path, char mode) {
    server_t server = {.fd = fd};
    struct stat about;
    shed(fd, file);
    limit_time(60);
    if (fstat(file, &about) == 0) server.bytes = about.st_size;
    trn_status_t status = trn_foreign_file_open(&server.file, file, path, mode);
    const char *message = status == TRN_OK ? "" : trn_message();
    bool goes_on = trn_foreign_send(fd, status, message, (int64_t)strlen(message));
    while (goes_on && status == TRN_OK)
        goes_on = serve_one(&server);
    _exit(0); /* nothing of the program's is to be run a second time */
}
