/* harness.c: one input to one reader, and the verdict. */
#define _GNU_SOURCE
#include "base/mem.h"
#include "fuzz.h"

#include <fcntl.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for every buffer of fixed size and for what a file of this size can hold: whoever asks for
 * more believed a number in the file. */
enum { MEMORY = 96 << 20, MEMORY_EACH = 4096 /* for a byte of input */ };

static const fuzz_reader_t *reader;
static char folder[128], path[256];

static const fuzz_reader_t *find(const char *name) {
    for (const fuzz_reader_t *r = fuzz_readers; r->name; r++)
        if (name && strcmp(r->name, name) == 0) return r;
    fprintf(stderr, "no reader %s; there are:", name ? name : "");
    for (const fuzz_reader_t *r = fuzz_readers; r->name; r++)
        fprintf(stderr, " %s", r->name);
    fputs("\n", stderr);
    exit(2);
}

static void remove_file(void) {
    if (*path) unlink(path);
}

void fuzz_begin(const char *name) {
    int started;
    remove_file();
    reader = find(name);
    MPI_Initialized(&started);
    if (!started) {
        MPI_Init(NULL, NULL);
        const char *place = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/trunnion-fuzz-XXXXXX", place ? place : "/tmp");
        if (!mkdtemp(folder)) perror(folder), exit(2);
    }
    snprintf(path, sizeof path, "%s/%s", folder, reader->file);
}

void fuzz_end(void) {
    remove_file();
    rmdir(folder);
    MPI_Finalize();
}

static void put(const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) perror(path), exit(2);
    close(fd);
}

static void judge(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "reader %s: %s; its message: %s\n", reader->name, what, trn_message());
    abort();
}

/* One line that a terminal can show. */
static bool printable(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127) return false;
    return true;
}

static int lowest_free_descriptor(void) {
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

void fuzz_feed(const uint8_t *data, size_t size) {
    put(data, size);
    int64_t memory = trn_mem_now();
    int descriptor = lowest_free_descriptor();
    trn_fail(TRN_OK, "none");
    trn_mem_limit(memory + MEMORY + MEMORY_EACH * (int64_t)size);
    trn_status_t status = reader->run(path);
    trn_mem_limit(0);
    /* A compressed file may ask for a window of any size: that is refused as what it is. */
    bool window = status == TRN_MEMORY && strstr(trn_message(), "decompressing takes");
    judge(status == TRN_OK || status == TRN_INPUT || window, trn_status_name(status));
    judge(status == TRN_OK || (strcmp(trn_message(), "none") && printable(trn_message())),
          "no message, or one that does not fit a line");
    judge(trn_mem_now() == memory, "memory is left");
    judge(lowest_free_descriptor() == descriptor, "a file is left open");
}
