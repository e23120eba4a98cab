/* text.c: streams of text (text.h). Three layers: bytes of the file (read_file), decoded ones
 * (produce), and those of them that are text (trn_text_read: without a mark, with no NUL). */
#define _GNU_SOURCE
#include "io/text/text.h"

#include "base/mem.h"
#include "io/text/decode.h"
#include "mpi/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { RAW_BYTES = 256 << 10, WAIT_MS = 1000, LINES_BYTES = 16384 };

struct trn_text {
    trn_input_t input;
    int fd;
    bool nul_too;  /* hand out NULs: only lines are counted */
    int64_t at;    /* of the text, the byte given out next */
    int64_t lines; /* line ends of a stream given out; a file can be read again to count them */
    /* Bytes of a compressed file or a stream that are not used yet are raw[raw_at .. raw_end). */
    uint8_t *raw; /* [RAW_BYTES], NULL for a plain file */
    size_t raw_at, raw_end;
    int64_t consumed;       /* bytes that raw[0] is behind the start of the file */
    bool raw_done;          /* the file has no bytes behind raw_end */
    int64_t summed;         /* bytes of a part in `sum`, as long as it was read from its start */
    uint32_t sum;           /* their CRC-32 */
    trn_decoder_t *decoder; /* NULL: not compressed */
    /* First bytes that were decoded to be looked at, given out from head_at on. */
    size_t head_at, head_end;
    char head[TRN_MAGIC_BYTES];
};

/* Bytes of the file ---------------------------------------------------------------------------- */

/* Wait until a pipe has bytes or ends. A slow writer is no hang of ours. */
static void wait_for_bytes(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        trn_watch_tick();
        ready = poll(&wanted, 1, WAIT_MS);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
}

/* read(2) until `capacity` bytes are there or the file ends. */
static trn_status_t read_file(const trn_text_t *text, void *buffer, size_t capacity, size_t *got) {
    *got = 0;
    while (*got < capacity) {
        if (text->input.stream) wait_for_bytes(text->fd);
        ssize_t bytes = read(text->fd, (char *)buffer + *got, capacity - *got);
        if (bytes == 0) return TRN_OK;
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (bytes < 0)
            return trn_fail(TRN_IO, "%s: cannot read: %s; check the disk", text->input.path,
                            strerror(errno));
        *got += (size_t)bytes;
        trn_watch_tick();
    }
    return TRN_OK;
}

/* A plain file is read as far as it reached when it was looked at. */
static trn_status_t read_plain(const trn_text_t *text, char *buffer, int64_t capacity,
                               size_t *got) {
    int64_t left = text->input.bytes - text->at, wanted = capacity < left ? capacity : left;
    TRN_TRY(read_file(text, buffer, (size_t)wanted, got));
    if ((int64_t)*got == wanted && wanted > 0) return TRN_OK;
    TRN_TRY(trn_input_unchanged(&text->input, text->fd));
    if ((int64_t)*got == wanted) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: ends at byte %lld of %lld; check the disk", text->input.path,
                    (long long)text->at + (long long)*got, (long long)text->input.bytes);
}

/* Only called when all of raw[] has been used. */
static trn_status_t fill_raw(trn_text_t *text) {
    text->consumed += (int64_t)text->raw_end;
    text->raw_at = text->raw_end = 0;
    int64_t most = RAW_BYTES, left = text->input.part.bytes - text->consumed;
    if (text->input.part.bytes > 0 && left < most) most = left;
    TRN_TRY(read_file(text, text->raw, (size_t)most, &text->raw_end));
    text->raw_done = text->raw_end < RAW_BYTES;
    return TRN_OK;
}

/* Opening -------------------------------------------------------------------------------------- */

/* With the reason of the system call that has just failed. */
static trn_status_t cannot_open(const trn_text_t *text) {
    return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", text->input.path,
                    strerror(errno));
}

/* One process has one standard input. */
static trn_status_t open_standard_input(trn_text_t *text) {
    static atomic_bool taken;
    if (atomic_exchange(&taken, true))
        return trn_fail(TRN_USAGE, "-: standard input can be read only once; give the other as a "
                                   "file");
    text->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return text->fd < 0 ? cannot_open(text) : TRN_OK;
}

/* What a pipe holds is known when its first bytes are there. */
static trn_status_t open_stream(trn_text_t *text) {
    if (strcmp(text->input.path, "-") == 0) {
        TRN_TRY(open_standard_input(text));
    } else { /* O_NONBLOCK: the watchdog gets its ticks while nobody writes */
        text->fd = open(text->input.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (text->fd < 0) return cannot_open(text);
    }
    TRN_TRY(trn_alloc(&text->raw, RAW_BYTES, 1, "input"));
    TRN_TRY(fill_raw(text));
    text->input.coding = trn_coding_of(text->raw, text->raw_end);
    return TRN_OK;
}

/* Offsets count from the first byte of text: a byte order mark is not part of it. */
static trn_status_t open_file(trn_text_t *text, int64_t offset) {
    const trn_input_t *input = &text->input;
    text->fd = open(input->path, O_RDONLY | O_CLOEXEC);
    if (text->fd < 0) return cannot_open(text);
    TRN_TRY(trn_input_unchanged(input, text->fd));
    text->at = offset;
    bool packed = input->coding != TRN_CODING_NONE;
    if (packed) TRN_TRY(trn_alloc(&text->raw, RAW_BYTES, 1, "input"));
    int64_t place = input->part.begin + (packed ? 0 : input->mark + offset);
    if (lseek(text->fd, place, SEEK_SET) == place) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot seek: %s; check the disk", input->path, strerror(errno));
}

/* A coding is known by now: of a file since it was looked at, of a stream by its first bytes. */
static trn_status_t open_text(trn_text_t *text, int64_t offset) {
    const trn_input_t *input = &text->input;
    if (offset != 0 && trn_input_whole(input))
        return trn_fail(TRN_INTERNAL, "%s: text that is read whole opened at byte %lld",
                        input->path, (long long)offset);
    TRN_TRY(input->stream ? open_stream(text) : open_file(text, offset));
    if (input->coding == TRN_CODING_NONE) return TRN_OK;
    return trn_decoder_create(&text->decoder, input->coding, input->path);
}

/* Decoding ------------------------------------------------------------------------------------- */

/* Decode some bytes, at least one before the end. */
static trn_status_t decode(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    for (*got = 0; *got == 0 && !trn_decoder_done(text->decoder);) {
        if (text->raw_at == text->raw_end && !text->raw_done) TRN_TRY(fill_raw(text));
        trn_decode_step_t step = {.input = text->raw,
                                  .bytes = text->raw_end,
                                  .at = text->raw_at,
                                  .last = text->raw_done,
                                  .output = buffer,
                                  .room = capacity};
        TRN_TRY(trn_decoder_step(text->decoder, &step));
        text->raw_at = step.at;
        *got = step.got;
        trn_watch_tick();
    }
    return *got == 0 ? trn_input_unchanged(&text->input, text->fd) : TRN_OK;
}

/* Hand out bytes of a plain stream. */
static trn_status_t copy_raw(trn_text_t *text, char *buffer, size_t capacity, size_t *got) {
    if (text->raw_at == text->raw_end && !text->raw_done) TRN_TRY(fill_raw(text));
    size_t there = text->raw_end - text->raw_at;
    *got = there < capacity ? there : capacity;
    memcpy(buffer, text->raw + text->raw_at, *got);
    text->raw_at += *got;
    return TRN_OK;
}

/* The second layer: decoded bytes, wherever they come from. */
static trn_status_t produce(trn_text_t *text, char *buffer, int64_t capacity, size_t *got) {
    if (text->decoder) return decode(text, buffer, (size_t)capacity, got);
    if (text->raw) return copy_raw(text, buffer, (size_t)capacity, got);
    return read_plain(text, buffer, capacity, got);
}

/* Text ----------------------------------------------------------------------------------------- */

/* Look at the first bytes of what no look at the file could see: decoded text, a pipe's text. */
static trn_status_t take_head(trn_text_t *text) {
    size_t got = text->head_end == 0;
    while (got > 0 && text->head_end < TRN_MAGIC_BYTES) {
        TRN_TRY(produce(text, text->head + text->head_end,
                        (int64_t)(TRN_MAGIC_BYTES - text->head_end), &got));
        text->head_end += got;
    }
    TRN_TRY(trn_input_judge(&text->input, text->head, text->head_end));
    text->head_at = (size_t)trn_mark_bytes(text->head, text->head_end);
    return TRN_OK;
}

static int64_t count_lines(const char *bytes, int64_t count) {
    int64_t lines = 0;
    for (int64_t i = 0; i < count; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* The NUL is byte `place` of buffer[], which begins at byte text->at. */
static trn_status_t holds_nul(const trn_text_t *text, const char *buffer, int64_t place) {
    int64_t line = text->input.stream ? text->lines + count_lines(buffer, place)
                                      : trn_text_lines(&text->input, text->at + place);
    return trn_fail(TRN_INPUT, "%s:%lld: holds a NUL byte; is the file binary?", text->input.path,
                    (long long)line + 1);
}

/* The bytes of a part that was read from its start to its end are what its archive says. */
static trn_status_t check_part(trn_text_t *text, const char *buffer, size_t bytes) {
    const trn_extract_t *part = &text->input.part;
    if (part->bytes == 0 || text->summed != text->at) return TRN_OK;
    text->sum = (uint32_t)crc32_z(text->sum, (const Bytef *)buffer, bytes);
    text->summed += (int64_t)bytes;
    bool ends = bytes == 0 || text->summed >= part->unpacked;
    if (!ends || (text->summed == part->unpacked && text->sum == part->crc)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: a member is not what its archive says (checksum); damaged",
                    text->input.path);
}

/* The third layer. A NUL is looked for in every byte that is handed out, because a text cut short
 * at one would look sound. */
trn_status_t trn_text_read(trn_text_t *text, char *buffer, int64_t capacity, int64_t *got) {
    size_t bytes = 0;
    *got = 0;
    trn_content_t content = text->input.content;
    if (text->raw && text->at == 0 && content != TRN_CONTENT_ANY) TRN_TRY(take_head(text));
    if (text->head_at < text->head_end) {
        bytes = text->head_end - text->head_at;
        if ((int64_t)bytes > capacity) bytes = (size_t)capacity;
        memcpy(buffer, text->head + text->head_at, bytes);
        text->head_at += bytes;
    } else {
        TRN_TRY(produce(text, buffer, capacity, &bytes));
    }
    bool nuls = content != TRN_CONTENT_TEXT || text->nul_too;
    TRN_TRY(check_part(text, buffer, bytes));
    const char *nul = nuls ? NULL : memchr(buffer, '\0', bytes);
    if (nul) return holds_nul(text, buffer, nul - buffer);
    if (text->input.stream) text->lines += count_lines(buffer, (int64_t)bytes);
    *got = (int64_t)bytes;
    text->at += *got;
    return TRN_OK;
}

/* Bytes of the file itself, for progress: of compressed text the decoded size is not known
 * ahead. */
int64_t trn_text_consumed(const trn_text_t *text) {
    return text->raw ? text->consumed + (int64_t)text->raw_at : text->at;
}

trn_status_t trn_text_open(trn_text_t **text, const trn_input_t *input, int64_t offset) {
    TRN_TRY(trn_alloc_zero(text, 1, sizeof **text, "a text stream"));
    (*text)->input = *input;
    (*text)->fd = -1;
    trn_status_t status = open_text(*text, offset);
    if (status != TRN_OK) trn_text_close(text);
    return status;
}

void trn_text_close(trn_text_t **text) {
    trn_text_t *t = *text;
    if (!t) return;
    if (t->fd >= 0) close(t->fd);
    trn_decoder_destroy(&t->decoder);
    trn_free(&t->raw);
    trn_free(text);
}

trn_status_t trn_text_end(trn_text_t **text, trn_status_t status) {
    /* What looks like bad text may be half of the old and half of the new. */
    if (*text && (status == TRN_OK || status == TRN_INPUT)) {
        trn_status_t changed = trn_input_unchanged(&(*text)->input, (*text)->fd);
        if (changed != TRN_OK) status = changed;
    }
    trn_text_close(text);
    return status;
}

/* Reads the file again, for a message: counting lines all along would cost more. */
int64_t trn_text_lines(const trn_input_t *input, int64_t offset) {
    trn_text_t *text;
    char buffer[LINES_BYTES];
    int64_t lines = 0, got = 1;
    if (offset == 0 || input->stream || trn_text_open(&text, input, 0) != TRN_OK) return 0;
    text->nul_too = true; /* one may be what the message is about */
    while (offset > 0 && got > 0) {
        int64_t most = offset < LINES_BYTES ? offset : LINES_BYTES;
        if (trn_text_read(text, buffer, most, &got) != TRN_OK) break;
        lines += count_lines(buffer, got);
        offset -= got;
        trn_watch_tick();
    }
    trn_text_close(&text);
    return lines;
}

/* The content is told by its first bytes if it can be, decoded ones where it is compressed. */
trn_status_t trn_text_refuse(const trn_input_t *input, const char *wanted, const char *cure) {
    char head[TRN_MAGIC_BYTES];
    int64_t bytes = 0, got = 1;
    trn_text_t *text;
    trn_input_t any = *input;
    any.content = TRN_CONTENT_ANY;
    trn_status_t status = input->stream ? TRN_OK : trn_text_open(&text, &any, 0);
    while (!input->stream && status == TRN_OK && got > 0 && bytes < TRN_MAGIC_BYTES) {
        status = trn_text_read(text, head + bytes, TRN_MAGIC_BYTES - bytes, &got);
        bytes += got;
    }
    if (!input->stream) trn_text_close(&text);
    TRN_TRY(status);
    TRN_TRY(trn_magic_refuse(input->path, wanted, head, (size_t)bytes));
    return trn_fail(TRN_INPUT, "%s: is not %s; %s", input->path, wanted, cure);
}
