/* share.c: what one rank has, given to all (share.h). */
#define _GNU_SOURCE /* memrchr */
#include "io/share.h"

#include "base/mem.h"
#include "io/text/text.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <string.h>

enum {
    READ_BYTES = 1 << 20,
    LINE_BYTES = 1 << 20 /* of a list; a longer one is no list */
};

/* What a list may hold: names for 2^31 rows of vectors do not fit, those of 10^8 do. */
static const int64_t list_bytes = INT64_C(2) << 30;

trn_status_t trn_share(MPI_Comm comm, void *data, int64_t *bytes, const char *what) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Bcast(bytes, 1, MPI_INT64_T, 0, comm);
    char *to = NULL;
    trn_status_t status = TRN_OK;
    if (rank == 0)
        memcpy(&to, data, sizeof to); /* data is a T** of any T */
    else
        status = trn_alloc(&to, *bytes, 1, what);
    if ((status = trn_agree(comm, status)) != TRN_OK) {
        if (rank != 0) trn_free(&to);
        return status;
    }
    trn_bcast_large(comm, *bytes, MPI_BYTE, to);
    memcpy(data, &to, sizeof to);
    return TRN_OK;
}

/* A whole file on its way into memory. */
typedef struct whole {
    trn_text_t *stream;
    const char *path;
    char *text; /* [capacity], of which `used` are read */
    int64_t capacity, used;
    int64_t line; /* where the last line begins */
} whole_t;

static trn_status_t grow(whole_t *w, int64_t capacity) {
    TRN_TRY(trn_realloc(&w->text, capacity, 1, w->path));
    w->capacity = capacity;
    return TRN_OK;
}

/* The `got` bytes behind text[used] are new: refuse a line without end before it fills memory. */
static trn_status_t check_lines(whole_t *w, int64_t got) {
    const char *fresh = w->text + w->used;
    const char *first = memchr(fresh, '\n', (size_t)got);
    int64_t length = (first ? first : fresh + got) - (w->text + w->line);
    if (length > LINE_BYTES) {
        int64_t number = 1;
        for (int64_t i = 0; i < w->line; i++)
            number += w->text[i] == '\n';
        return trn_fail(TRN_INPUT, "%s:%lld: a line of more than %d bytes; is this a list?",
                        w->path, (long long)number, LINE_BYTES);
    }
    const char *last = memrchr(fresh, '\n', (size_t)got);
    if (last) w->line = last + 1 - w->text;
    return TRN_OK;
}

static trn_status_t read_stream(whole_t *w) {
    int64_t got;
    for (;;) {
        if (w->used + 1 == w->capacity) TRN_TRY(grow(w, 2 * w->capacity));
        int64_t room = w->capacity - w->used - 1;
        TRN_TRY(trn_text_read(w->stream, w->text + w->used, room < READ_BYTES ? room : READ_BYTES,
                              &got));
        if (got == 0) break;
        TRN_TRY(check_lines(w, got));
        w->used += got;
        if (w->used > list_bytes)
            return trn_fail(TRN_INPUT, "%s: more than %lld bytes, too many for a list; give a part",
                            w->path, (long long)list_bytes);
    }
    w->text[w->used] = '\0';
    return TRN_OK;
}

/* *text = the content and a NUL behind it; *bytes counts both. */
static trn_status_t read_all(const char *path, char **text, int64_t *bytes) {
    trn_input_t input = {.path = path};
    TRN_TRY(trn_input_look(&input));
    if (!trn_input_whole(&input) && input.bytes > list_bytes)
        return trn_fail(TRN_INPUT, "%s: %lld bytes, too many for a list; give a part", path,
                        (long long)input.bytes);
    whole_t w = {.path = path};
    TRN_TRY(trn_text_open(&w.stream, &input, 0));
    /* One more than is there, so that the end is seen without growing. */
    trn_status_t status = grow(&w, trn_input_whole(&input) ? READ_BYTES : input.bytes + 2);
    if (status == TRN_OK) status = read_stream(&w);
    status = trn_text_end(&w.stream, status);
    if (status != TRN_OK) trn_free(&w.text);
    *text = w.text;
    *bytes = w.used + 1;
    return status;
}

trn_status_t trn_share_file(MPI_Comm comm, const char *path, char **text) {
    *text = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t bytes = 0;
    TRN_AGREE(comm, rank == 0 ? read_all(path, text, &bytes) : TRN_OK);
    trn_status_t status = trn_share(comm, text, &bytes, path);
    if (status != TRN_OK) trn_free(text);
    return status;
}
