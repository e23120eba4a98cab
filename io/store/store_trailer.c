/* The trailer: one checksum over all bytes that are HDF5's own, kept behind the end that HDF5
 * knows.
 *
 * HDF5 checksums its object headers but not its heap of strings, and damage there makes it crash or
 * hang. So a file ends with the list of the spans between the data, their XXH3-64 and a signature;
 * readers check it before HDF5 sees the file. HDF5 tools do not mind it, and one that changes the
 * file cuts it off: such a file is read without. */
#define _GNU_SOURCE /* memmem */
#include "base/mem.h"
#include "base/own.h"
#include "io/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct span {
    int64_t offset, bytes;
} span_t;

/* The last bytes of the file; the spans lie before it. */
typedef struct trailer {
    int64_t spans;
    uint64_t sum; /* of the list of spans and what lies there */
    char signature[16];
} trailer_t;

static const char signature[16] = {"trunnion trailer"};

static int by_offset(const void *a, const void *b) {
    int64_t x = ((const span_t *)a)->offset, y = ((const span_t *)b)->offset;
    return (x > y) - (x < y);
}

/* spans[2 x entries + 1] = what of [0, end) is neither data nor checksums; returns how many. */
static int64_t list_spans(const trn_table_t *table, int64_t end, span_t *spans) {
    int64_t n = 0;
    for (int64_t i = 0; i < table->nentries; i++) {
        const trn_entry_t *entry = &table->entries[i];
        if (entry->rows * entry->row_bytes > 0)
            spans[n++] = (span_t){entry->offset, entry->rows * entry->row_bytes};
        if (entry->blocks > 0) spans[n++] = (span_t){entry->sums, 8 * entry->blocks};
    }
    qsort(spans, (size_t)n, sizeof *spans, by_offset);
    /* In place: the gap before span i goes where span i or one before it was. */
    int64_t gaps = 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        span_t data = spans[i];
        if (data.offset > at) spans[gaps++] = (span_t){at, data.offset - at};
        at = data.offset + data.bytes;
    }
    if (end > at) spans[gaps++] = (span_t){at, end - at};
    return gaps;
}

/* The list itself is hashed first, so that damage to it is found as well, then the bytes that it
 * names, in order. */
static trn_status_t hash_spans(int fd, const char *path, const span_t *spans, int64_t n,
                               uint64_t *sum) {
    char *block;
    TRN_TRY(trn_alloc(&block, TRN_BLOCK_BYTES, 1, "a block of a store"));
    trn_status_t status = TRN_OK;
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, spans, (size_t)n * sizeof *spans);
    for (int64_t i = 0; i < n; i++)
        for (int64_t done = 0, step; done < spans[i].bytes && status == TRN_OK; done += step) {
            step =
                spans[i].bytes - done < TRN_BLOCK_BYTES ? spans[i].bytes - done : TRN_BLOCK_BYTES;
            status = trn_bytes_read(fd, path, spans[i].offset + done, block, step);
            if (status == TRN_OK) XXH3_64bits_update(&state, block, (size_t)step);
        }
    *sum = XXH3_64bits_digest(&state);
    trn_free(&block);
    return status;
}

/* What follows HDF5's end is nothing to HDF5: it reads and lists the file as before. */
trn_status_t trn_trailer_write(int fd, const char *path, const trn_table_t *table) {
    int64_t end = (int64_t)lseek(fd, 0, SEEK_END);
    trailer_t trailer = {0};
    memcpy(trailer.signature, signature, sizeof signature);
    span_t *spans;
    TRN_TRY(trn_alloc(&spans, 2 * table->nentries + 1, sizeof *spans, "the trailer of a store"));
    trailer.spans = list_spans(table, end, spans);
    int64_t bytes = trailer.spans * (int64_t)sizeof *spans;
    trn_status_t status = hash_spans(fd, path, spans, trailer.spans, &trailer.sum);
    if (status == TRN_OK) status = trn_bytes_write(fd, path, end, spans, bytes);
    if (status == TRN_OK)
        status = trn_bytes_write(fd, path, end + bytes, &trailer, (int64_t)sizeof trailer);
    trn_free(&spans);
    return status;
}

/* A file without our signature is not ours as written, and is read without this check. One with it
 * must fit in every number before memory is taken for the list. */
trn_status_t trn_trailer_check(int fd, const char *path) {
    const int64_t tail = (int64_t)sizeof(trailer_t), each = (int64_t)sizeof(span_t);
    int64_t end = (int64_t)lseek(fd, 0, SEEK_END) - tail;
    trailer_t trailer;
    if (end < 0) return TRN_OK; /* too small to be HDF5 at all */
    TRN_TRY(trn_bytes_read(fd, path, end, &trailer, tail));
    if (memcmp(trailer.signature, signature, sizeof signature) != 0) return TRN_OK;
    bool fits = trailer.spans > 0 && trailer.spans <= end / each;
    span_t *spans;
    TRN_TRY(trn_alloc(&spans, fits ? trailer.spans : 0, sizeof *spans, "the trailer of a store"));
    trn_status_t status = TRN_OK;
    if (fits)
        status = trn_bytes_read(fd, path, end - trailer.spans * each, spans, trailer.spans * each);
    for (int64_t i = 0; fits && status == TRN_OK && i < trailer.spans; i++)
        fits = spans[i].offset >= 0 && spans[i].bytes >= 0 && spans[i].offset <= end &&
               spans[i].bytes <= end - spans[i].offset;
    uint64_t sum = 0;
    if (fits && status == TRN_OK) status = hash_spans(fd, path, spans, trailer.spans, &sum);
    trn_free(&spans);
    if (status != TRN_OK || (fits && sum == trailer.sum)) return status;
    return trn_fail(TRN_INPUT,
                    "%s: names, attributes or strings are damaged (checksum); use "
                    "another copy",
                    path);
}

/* Ours as written, or as a power cut or a bad disk left it: a whole trailer at its end, or HDF5
 * with our attribute near its beginning or our signature near its end (something was appended), or
 * nothing at all. HDF5 itself is not asked: the file may be anybody's. */
static trn_status_t recognize(int fd, const char *path, bool *ours) {
    enum { HEAD = 64 << 10 }; /* bytes looked at from either end */
    static const char hdf[8] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    static const char attribute[] = "trunnion_format";
    const int64_t tail = (int64_t)sizeof(trailer_t), end = (int64_t)lseek(fd, 0, SEEK_END);
    int64_t head = end < HEAD ? end : HEAD;
    trailer_t trailer = {0};
    char *bytes;
    if (end >= tail) TRN_TRY(trn_bytes_read(fd, path, end - tail, &trailer, tail));
    *ours = end == 0 || memcmp(trailer.signature, signature, sizeof signature) == 0;
    if (*ours) return TRN_OK; /* told without memory, of which a failing job may have none */
    TRN_TRY(trn_alloc(&bytes, HEAD, 1, "the head of a store"));
    trn_status_t status = trn_bytes_read(fd, path, 0, bytes, head);
    *ours = head > (int64_t)sizeof hdf && memcmp(bytes, hdf, sizeof hdf) == 0 &&
            memmem(bytes, (size_t)head, attribute, strlen(attribute));
    bool store = !*ours && head > (int64_t)sizeof hdf && memcmp(bytes, hdf, sizeof hdf) == 0;
    if (store && status == TRN_OK) {
        status = trn_bytes_read(fd, path, end - head, bytes, head);
        *ours = memmem(bytes, (size_t)head, signature, sizeof signature) != NULL;
    }
    trn_free(&bytes);
    return status;
}

/* Asked before a file loses its name to ours: a slip in a path must not cost the user another
 * file. */
trn_status_t trn_store_replaceable(const char *path) {
    const char *flaw;
    int fd = trn_own_open(path, O_RDONLY, geteuid(), &flaw);
    if (fd < 0 && !flaw && errno == ENOENT) return TRN_OK;
    if (fd < 0 && !flaw)
        return trn_fail(TRN_IO, "%s: cannot open: %s; check its permissions", path,
                        strerror(errno));
    bool ours = false;
    trn_status_t status = fd < 0 ? TRN_OK : recognize(fd, path, &ours);
    if (fd >= 0) close(fd);
    if (status != TRN_OK || ours) return status;
    return trn_fail(TRN_IO,
                    "%s: is no file of ours but %s, and would be replaced; move it away, or give "
                    "another name",
                    path, flaw ? flaw : "one with other content");
}

trn_status_t trn_store_recognized(const char *path, bool *ours) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *ours = false;
    if (fd < 0) return TRN_OK; /* which opening it will tell */
    trn_status_t status = recognize(fd, path, ours);
    close(fd);
    return status;
}

void trn_store_remove(const char *path) {
    if (trn_store_replaceable(path) == TRN_OK) (void)unlink(path);
}
