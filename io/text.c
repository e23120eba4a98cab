#define _GNU_SOURCE
#include "io/text.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT_BYTES = 256 << 10, MAGIC_BYTES = 6 };

typedef enum format { PLAIN, GZIP, XZ, ZSTD } format_t;

struct trn_text {
    char *path;
    int fd;
    format_t format;
    /* Compressed bytes not yet decoded are input[at .. end). */
    uint8_t *input;
    size_t at, end;
    int64_t consumed; /* bytes that input[at] is behind the start */
    bool file_done;   /* the file has no bytes left */
    bool between;     /* a whole gzip member or zstd frame has just been decoded, or none begun */
    bool stream_done; /* all is decoded */
    z_stream gzip;
    lzma_stream xz;
    ZSTD_DStream *zstd;
};

/* The decoders' memory is counted and limited like all other. */
static void *count_alloc(size_t number, size_t size) {
    void *data;
    return trn_alloc(&data, (int64_t)number, size, "a decompressor") == TRN_OK ? data : NULL;
}
static void *gzip_alloc(void *user, uInt number, uInt size) {
    (void)user;
    return count_alloc(number, size);
}
static void *xz_alloc(void *user, size_t number, size_t size) {
    (void)user;
    return count_alloc(number, size);
}
static void count_free(void *user, void *data) {
    (void)user;
    trn_free(&data);
}
static const lzma_allocator xz_allocator = {.alloc = xz_alloc, .free = count_free};

static trn_status_t out_of_memory(const trn_text_t *text) {
    return trn_fail(TRN_MEMORY, "%s: no memory to decompress; raise --memory", text->path);
}

static trn_status_t corrupt(const trn_text_t *text, const char *why) {
    return trn_fail(TRN_INPUT, "%s: compressed data is corrupt (%s); fetch the file again",
                    text->path, why);
}

static trn_status_t truncated(const trn_text_t *text) {
    return trn_fail(TRN_INPUT, "%s: compressed data is truncated; fetch the file again",
                    text->path);
}

/* read(2) until `capacity` bytes are there or the file ends. */
static trn_status_t read_file(const char *path, int fd, void *buffer, size_t capacity,
                              size_t *got) {
    *got = 0;
    while (*got < capacity) {
        ssize_t bytes = read(fd, (char *)buffer + *got, capacity - *got);
        if (bytes == 0) return TRN_OK;
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0)
            return trn_fail(TRN_IO, "%s: cannot read: %s; check the disk", path, strerror(errno));
        *got += (size_t)bytes;
    }
    return TRN_OK;
}

/* Open a regular file and tell its format by its first bytes; the file is left at byte 0. */
static trn_status_t open_file(const char *path, int *fd, format_t *format, int64_t *bytes) {
    static const struct {
        format_t format;
        size_t length;
        const char *magic;
    } formats[] = {{GZIP, 2, "\x1f\x8b"},
                   {XZ, 6,
                    "\xfd"
                    "7zXZ"},
                   {ZSTD, 4, "\x28\xb5\x2f\xfd"}};
    struct stat about;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &about) != 0)
        return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return trn_fail(TRN_INPUT, "%s: %s; give regular files", path,
                        S_ISDIR(about.st_mode) ? "is a directory" : "is no regular file");
    char magic[MAGIC_BYTES];
    size_t got;
    TRN_TRY(read_file(path, *fd, magic, sizeof magic, &got));
    if (lseek(*fd, 0, SEEK_SET) != 0)
        return trn_fail(TRN_IO, "%s: cannot seek: %s; check the disk", path, strerror(errno));
    *format = PLAIN;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (got >= formats[i].length && memcmp(magic, formats[i].magic, formats[i].length) == 0)
            *format = formats[i].format;
    *bytes = about.st_size;
    return TRN_OK;
}

trn_status_t trn_text_probe(const char *path, int64_t *bytes, bool *compressed) {
    int fd = -1;
    format_t format = PLAIN;
    trn_status_t status = open_file(path, &fd, &format, bytes);
    if (fd >= 0) close(fd);
    *compressed = format != PLAIN;
    return status;
}

static trn_status_t start_decoder(trn_text_t *text) {
    TRN_TRY(trn_alloc(&text->input, INPUT_BYTES, 1, "compressed input"));
    text->between = true;
    if (text->format == GZIP) {
        text->gzip.zalloc = gzip_alloc;
        text->gzip.zfree = count_free;
        /* 16: a gzip header is required. */
        if (inflateInit2(&text->gzip, MAX_WBITS + 16) != Z_OK) return out_of_memory(text);
    } else if (text->format == XZ) {
        text->xz.allocator = &xz_allocator;
        if (lzma_stream_decoder(&text->xz, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
            return out_of_memory(text);
    } else {
        text->zstd = ZSTD_createDStream();
        if (!text->zstd) return out_of_memory(text);
    }
    return TRN_OK;
}

static trn_status_t open_text(trn_text_t *text, const char *path, int64_t offset) {
    int64_t bytes;
    TRN_TRY(trn_strdup(&text->path, path));
    TRN_TRY(open_file(path, &text->fd, &text->format, &bytes));
    if (text->format != PLAIN) {
        if (offset != 0)
            return trn_fail(TRN_INTERNAL, "%s: compressed text opened at byte %lld", path,
                            (long long)offset);
        return start_decoder(text);
    }
    if (lseek(text->fd, offset, SEEK_SET) != offset)
        return trn_fail(TRN_IO, "%s: cannot seek: %s; check the disk", path, strerror(errno));
    return TRN_OK;
}

trn_status_t trn_text_open(trn_text_t **text, const char *path, int64_t offset) {
    TRN_TRY(trn_alloc_zero(text, 1, sizeof **text, "a text stream"));
    (*text)->fd = -1;
    trn_status_t status = open_text(*text, path, offset);
    if (status != TRN_OK) trn_text_close(text);
    return status;
}

/* Each decoder step takes some input, makes some output (*got bytes) and keeps `between` and
 * `stream_done` true to their names. */
static trn_status_t gzip_step(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    z_stream *z = &text->gzip;
    uInt room = capacity < UINT32_MAX ? (uInt)capacity : UINT32_MAX;
    if (text->between && inflateReset(z) != Z_OK) return corrupt(text, "gzip state");
    z->next_in = text->input + text->at;
    z->avail_in = (uInt)(text->end - text->at);
    z->next_out = (Bytef *)buffer;
    z->avail_out = room;
    int code = inflate(z, Z_NO_FLUSH);
    text->at = text->end - z->avail_in;
    *got = room - z->avail_out;
    text->between = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR) return out_of_memory(text);
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR) return TRN_OK;
    return corrupt(text, z->msg ? z->msg : "gzip");
}

static trn_status_t xz_step(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    lzma_stream *xz = &text->xz;
    xz->next_in = text->input + text->at;
    xz->avail_in = text->end - text->at;
    xz->next_out = (uint8_t *)buffer;
    xz->avail_out = capacity;
    lzma_ret code = lzma_code(xz, text->file_done ? LZMA_FINISH : LZMA_RUN);
    text->at = text->end - xz->avail_in;
    *got = capacity - xz->avail_out;
    text->between = false; /* the decoder follows concatenated streams by itself */
    text->stream_done = code == LZMA_STREAM_END;
    if (code == LZMA_OK || code == LZMA_STREAM_END) return TRN_OK;
    if (code == LZMA_MEM_ERROR) return out_of_memory(text);
    return code == LZMA_BUF_ERROR ? truncated(text) : corrupt(text, "xz");
}

static trn_status_t zstd_step(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    ZSTD_inBuffer input = {text->input, text->end, text->at};
    ZSTD_outBuffer output = {buffer, capacity, 0};
    size_t code = ZSTD_decompressStream(text->zstd, &output, &input);
    text->at = input.pos;
    *got = output.pos;
    if (ZSTD_isError(code)) return corrupt(text, ZSTD_getErrorName(code));
    text->between = code == 0;
    return TRN_OK;
}

static trn_status_t decode_some(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    *got = 0;
    if (text->at == text->end && !text->file_done) {
        text->consumed += (int64_t)text->at;
        text->at = 0;
        TRN_TRY(read_file(text->path, text->fd, text->input, INPUT_BYTES, &text->end));
        text->file_done = text->end < INPUT_BYTES;
    }
    bool dry = text->at == text->end && text->file_done;
    if (text->format == XZ) return xz_step(text, buffer, capacity, got);
    if (dry && text->between) {
        text->stream_done = true;
        return TRN_OK;
    }
    TRN_TRY((text->format == GZIP ? gzip_step : zstd_step)(text, buffer, capacity, got));
    return dry && *got == 0 && !text->between ? truncated(text) : TRN_OK;
}

trn_status_t trn_text_read(trn_text_t *text, char *buffer, int64_t capacity, int64_t *got) {
    size_t bytes = 0;
    trn_status_t status = TRN_OK;
    if (text->format == PLAIN)
        status = read_file(text->path, text->fd, buffer, (size_t)capacity, &bytes);
    else
        while (status == TRN_OK && bytes == 0 && !text->stream_done)
            status = decode_some(text, buffer, (size_t)capacity, &bytes);
    *got = (int64_t)bytes;
    if (text->format == PLAIN) text->consumed += *got;
    return status;
}

int64_t trn_text_consumed(const trn_text_t *text) {
    return text->consumed + (int64_t)text->at;
}

void trn_text_close(trn_text_t **text) {
    trn_text_t *t = *text;
    if (!t) return;
    if (t->fd >= 0) close(t->fd);
    if (t->gzip.state) inflateEnd(&t->gzip);
    lzma_end(&t->xz);
    ZSTD_freeDStream(t->zstd);
    trn_free(&t->input);
    trn_free(&t->path);
    trn_free(text);
}

int64_t trn_text_lines(const char *path, int64_t offset) {
    trn_text_t *text;
    char buffer[16384];
    int64_t lines = 0, got = 1;
    if (offset == 0 || trn_text_open(&text, path, 0) != TRN_OK) return 0;
    while (offset > 0 && got > 0) {
        int64_t most = offset < (int64_t)sizeof buffer ? offset : (int64_t)sizeof buffer;
        if (trn_text_read(text, buffer, most, &got) != TRN_OK) break;
        for (int64_t i = 0; i < got; i++)
            lines += buffer[i] == '\n';
        offset -= got;
    }
    trn_text_close(&text);
    return lines;
}
