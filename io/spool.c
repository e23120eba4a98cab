/* spool.c: bytes in chunks of memory, then in a file that has no name. */
#define _GNU_SOURCE
#include "io/spool.h"

#include "base/mem.h"
#include "mpi/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 4 << 20, WRITE_BUFFER = 256 << 10 };

struct trn_spool {
    char *folder;
    int64_t ceiling;
    char **chunks; /* [room]; NULL once taken */
    int64_t nchunks, room;
    int64_t memory_bytes; /* the first so many bytes are in chunks ... */
    int64_t file_bytes;   /* ... the next so many in the file, the rest in `buffer` */
    char *buffer;         /* [WRITE_BUFFER], `buffered` used; NULL until there is a file */
    int64_t buffered;
    int64_t taken;
    int file; /* -1: none */
};

trn_status_t trn_spool_create(trn_spool_t **spool, const char *folder, int64_t ceiling) {
    TRN_TRY(trn_alloc_zero(spool, 1, sizeof **spool, "a spool"));
    (*spool)->file = -1;
    (*spool)->ceiling = ceiling;
    trn_status_t status = trn_strdup(&(*spool)->folder, folder);
    if (status != TRN_OK) trn_spool_destroy(spool);
    return status;
}

void trn_spool_destroy(trn_spool_t **spool) {
    trn_spool_t *s = *spool;
    if (!s) return;
    for (int64_t i = 0; i < s->nchunks; i++)
        trn_free(&s->chunks[i]);
    if (s->file >= 0) close(s->file);
    trn_free(&s->chunks);
    trn_free(&s->buffer);
    trn_free(&s->folder);
    trn_free(spool);
}

/* A file without a name; where there is no such thing (NFS), one that loses its name at once. */
static int open_nameless(const char *folder) {
    char name[4096];
    int file = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
    if (snprintf(name, sizeof name, "%s/trunnion-spool-XXXXXX", folder) >= (int)sizeof name)
        return -1;
    file = mkostemp(name, O_CLOEXEC);
    if (file >= 0) unlink(name);
    return file;
}

static trn_status_t open_file(trn_spool_t *s) {
    TRN_TRY(trn_alloc(&s->buffer, WRITE_BUFFER, 1, "a spool's buffer"));
    s->file = open_nameless(s->folder);
    if (s->file >= 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot make a temporary file: %s; set TMPDIR", s->folder,
                    strerror(errno));
}

static trn_status_t flush(trn_spool_t *s) {
    for (int64_t done = 0; done < s->buffered;) {
        ssize_t wrote =
            pwrite(s->file, s->buffer + done, (size_t)(s->buffered - done), s->file_bytes + done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0)
            return trn_fail(TRN_IO,
                            "%s: cannot write a temporary file: %s; free space or set TMPDIR",
                            s->folder, strerror(wrote < 0 ? errno : EIO));
        done += wrote;
        trn_watch_tick();
    }
    s->file_bytes += s->buffered;
    s->buffered = 0;
    return TRN_OK;
}

static trn_status_t add_chunk(trn_spool_t *s) {
    if (s->nchunks == s->room) {
        int64_t room = 2 * s->room + 16;
        TRN_TRY(trn_realloc(&s->chunks, room, sizeof *s->chunks, "a spool's directory"));
        s->room = room;
    }
    TRN_TRY(trn_alloc(&s->chunks[s->nchunks], CHUNK, 1, "a spool"));
    s->nchunks++;
    return TRN_OK;
}

/* Put as much as fits into one chunk or one buffer. */
static trn_status_t put_some(trn_spool_t *s, const char *data, int64_t bytes, int64_t *put) {
    int64_t room = s->nchunks * CHUNK - s->memory_bytes;
    if (room == 0 && s->file < 0) {
        bool memory = trn_mem_now() < s->ceiling - CHUNK;
        TRN_TRY(memory ? add_chunk(s) : open_file(s));
        room = memory ? CHUNK : 0;
    }
    if (room > 0) {
        *put = bytes < room ? bytes : room;
        char *chunk = s->chunks[s->memory_bytes / CHUNK];
        memcpy(chunk + s->memory_bytes % CHUNK, data, (size_t)*put);
        s->memory_bytes += *put;
        return TRN_OK;
    }
    if (s->buffered == WRITE_BUFFER) TRN_TRY(flush(s));
    *put = bytes < WRITE_BUFFER - s->buffered ? bytes : WRITE_BUFFER - s->buffered;
    memcpy(s->buffer + s->buffered, data, (size_t)*put);
    s->buffered += *put;
    return TRN_OK;
}

trn_status_t trn_spool_put(trn_spool_t *spool, const void *data, int64_t bytes) {
    for (int64_t done = 0, put; done < bytes; done += put)
        TRN_TRY(put_some(spool, (const char *)data + done, bytes - done, &put));
    return TRN_OK;
}

static trn_status_t read_file(trn_spool_t *s, int64_t offset, char *data, int64_t bytes) {
    TRN_TRY(flush(s));
    for (int64_t done = 0; done < bytes;) {
        ssize_t got = pread(s->file, data + done, (size_t)(bytes - done), offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return trn_fail(TRN_IO, "%s: cannot read a temporary file: %s; check the disk",
                            s->folder, strerror(got < 0 ? errno : EIO));
        done += got;
        trn_watch_tick();
    }
    return TRN_OK;
}

trn_status_t trn_spool_read(trn_spool_t *spool, int64_t offset, void *data, int64_t bytes) {
    trn_spool_t *s = spool;
    char *to = data;
    while (bytes > 0 && offset < s->memory_bytes) {
        int64_t inside = offset % CHUNK, piece = CHUNK - inside;
        if (piece > s->memory_bytes - offset) piece = s->memory_bytes - offset;
        if (piece > bytes) piece = bytes;
        memcpy(to, s->chunks[offset / CHUNK] + inside, (size_t)piece);
        to += piece, offset += piece, bytes -= piece;
    }
    return bytes > 0 ? read_file(s, offset - s->memory_bytes, to, bytes) : TRN_OK;
}

trn_status_t trn_spool_take(trn_spool_t *spool, void *data, int64_t capacity, int64_t *got) {
    int64_t left = trn_spool_left(spool);
    *got = capacity < left ? capacity : left;
    TRN_TRY(trn_spool_read(spool, spool->taken, data, *got));
    int64_t first = spool->taken / CHUNK;
    spool->taken += *got;
    for (int64_t i = first; i < spool->taken / CHUNK && i < spool->nchunks; i++)
        trn_free(&spool->chunks[i]);
    return TRN_OK;
}

int64_t trn_spool_bytes(const trn_spool_t *spool) {
    return spool->memory_bytes + trn_spool_on_disk(spool);
}
int64_t trn_spool_left(const trn_spool_t *spool) {
    return trn_spool_bytes(spool) - spool->taken;
}
int64_t trn_spool_on_disk(const trn_spool_t *spool) {
    return spool->file_bytes + spool->buffered;
}
