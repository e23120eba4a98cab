/* zip.c: ZIP directories (zip.h). The end of the file tells where the directory is; each of its
 * entries tells where a local head is, and behind that lie the member's bytes. All numbers are
 * little-endian, and each is held against the file before it is used. */
#define _POSIX_C_SOURCE 200809L
#include "io/foreign/zip.h"

#include "base/mem.h"
#include "io/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    END = 22,         /* bytes of the end record, without its comment */
    LOCATOR = 20,     /* before it, if there is a ZIP64 end record ... */
    END64 = 56,       /* ... of so many bytes */
    ENTRY = 46,       /* of a directory entry, without name, extra fields and comment */
    LOCAL = 30,       /* of a local head, likewise */
    COMMENT = 65535,  /* longest */
    MEMBERS = 100000, /* most that are listed */
    DIRECTORY = 64 << 20
};

static uint64_t number(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static trn_status_t damaged(const char *path, const char *what) {
    return trn_fail(TRN_INPUT, "%s: ZIP archive: %s; cut short or damaged", path, what);
}

/* Where the directory is, and how much of it. */
typedef struct place {
    uint64_t begin, bytes, count;
} place_t;

/* The ZIP64 end record, if a number of the plain one did not fit. */
static trn_status_t read_end64(int fd, const char *path, int64_t end, place_t *place) {
    unsigned char locator[LOCATOR], record[END64];
    if (end < LOCATOR) return TRN_OK;
    TRN_TRY(trn_bytes_read(fd, path, end - LOCATOR, locator, LOCATOR));
    if (memcmp(locator, "PK\6\7", 4) != 0) return TRN_OK;
    uint64_t at = number(locator + 8, 8);
    if (at > (uint64_t)end || (uint64_t)end - at < END64)
        return damaged(path, "its end record is not in the file");
    TRN_TRY(trn_bytes_read(fd, path, (int64_t)at, record, END64));
    if (memcmp(record, "PK\6\6", 4) != 0) return damaged(path, "it has no ZIP64 end record");
    place->count = number(record + 32, 8);
    place->bytes = number(record + 40, 8);
    place->begin = number(record + 48, 8);
    return TRN_OK;
}

/* The end record is the last one with a comment that reaches the end of the file. */
static trn_status_t find_end(int fd, const char *path, int64_t bytes, place_t *place) {
    unsigned char *tail;
    int64_t some = bytes < END + COMMENT ? bytes : END + COMMENT, at = some - END;
    if (bytes < END) return damaged(path, "it is too short for one");
    TRN_TRY(trn_alloc(&tail, some, 1, "the end of an archive"));
    trn_status_t status = trn_bytes_read(fd, path, bytes - some, tail, some);
    while (status == TRN_OK && at >= 0 &&
           (memcmp(tail + at, "PK\5\6", 4) != 0 ||
            at + END + (int64_t)number(tail + at + 20, 2) != some))
        at--;
    if (status == TRN_OK && at < 0) status = damaged(path, "it has no directory at its end");
    if (status == TRN_OK && number(tail + at + 4, 2) != number(tail + at + 6, 2))
        status =
            trn_fail(TRN_INPUT, "%s: is a part of a ZIP archive; put the parts together", path);
    if (status == TRN_OK) {
        *place = (place_t){number(tail + at + 16, 4), number(tail + at + 12, 4),
                           number(tail + at + 10, 2)};
        status = read_end64(fd, path, bytes - some + at, place);
    }
    trn_free(&tail);
    return status;
}

/* 64-bit numbers of an entry stand in an extra field, in this order, for those that are all ones.
 */
static bool widen(const unsigned char *extra, uint64_t bytes, uint64_t *wide[3]) {
    while (bytes >= 4) {
        uint64_t id = number(extra, 2), size = number(extra + 2, 2), used = 0;
        if (size > bytes - 4) return false;
        for (int i = 0; i < 3 && id == 1; i++) {
            if (*wide[i] != UINT32_MAX) continue;
            if (size - used < 8) return false;
            *wide[i] = number(extra + 4 + used, 8);
            used += 8;
        }
        extra += 4 + size;
        bytes -= 4 + size;
    }
    return true;
}

/* One entry at directory[0 ... left); *size: its bytes. */
static trn_status_t take_entry(trn_zip_t *zip, const char *path, const unsigned char *at,
                               uint64_t left, uint64_t *size, char **text) {
    if (left < ENTRY || memcmp(at, "PK\1\2", 4) != 0)
        return damaged(path, "an entry of its directory is none");
    uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), note = number(at + 32, 2);
    *size = ENTRY + name + extra + note;
    if (*size > left) return damaged(path, "an entry of its directory is cut");
    uint64_t flags = number(at + 8, 2), method = number(at + 10, 2);
    uint64_t bytes = number(at + 20, 4), unpacked = number(at + 24, 4), begin = number(at + 42, 4);
    uint64_t *wide[3] = {&unpacked, &bytes, &begin};
    if (!widen(at + ENTRY + name, extra, wide))
        return damaged(path, "an extra field of its directory is cut");
    if (begin > (uint64_t)zip->file_bytes || bytes > (uint64_t)zip->file_bytes - begin ||
        unpacked > INT64_MAX)
        return damaged(path, "a member is larger than the file");
    if (memchr(at + ENTRY, '\0', name)) return damaged(path, "the name of a member holds a NUL");
    trn_zip_member_t *member = &zip->member[zip->count++];
    *member = (trn_zip_member_t){.name = *text,
                                 .packed = method == 8,
                                 .other = (method != 0 && method != 8) || (flags & 1),
                                 .crc = (uint32_t)number(at + 16, 4),
                                 .begin = (int64_t)begin,
                                 .bytes = (int64_t)bytes,
                                 .unpacked = (int64_t)unpacked};
    memcpy(*text, at + ENTRY, name);
    *text += name + 1; /* which is zero */
    if (!member->packed && !member->other && bytes != unpacked)
        return damaged(path, "a member that is not packed has two sizes");
    return TRN_OK;
}

static trn_status_t take_directory(trn_zip_t *zip, const char *path, const unsigned char *directory,
                                   const place_t *place) {
    TRN_TRY(trn_alloc(&zip->member, (int64_t)place->count, sizeof *zip->member, "an archive"));
    TRN_TRY(trn_alloc_zero(&zip->text, (int64_t)(place->bytes + place->count), 1, "an archive"));
    char *text = zip->text;
    uint64_t used = 0, size = 0;
    for (uint64_t i = 0; i < place->count; i++, used += size)
        TRN_TRY(take_entry(zip, path, directory + used, place->bytes - used, &size, &text));
    return TRN_OK;
}

static trn_status_t read_directory(trn_zip_t *zip, int fd, const char *path) {
    place_t place = {0};
    unsigned char *directory;
    uint64_t file = (uint64_t)zip->file_bytes;
    TRN_TRY(find_end(fd, path, zip->file_bytes, &place));
    if (place.begin > file || place.bytes > file - place.begin)
        return damaged(path, "its directory is not in the file");
    if (place.count > MEMBERS || place.bytes > DIRECTORY || place.count > place.bytes / ENTRY)
        return damaged(path, "it has too many members, or not the bytes to name them");
    TRN_TRY(trn_alloc(&directory, (int64_t)place.bytes, 1, "an archive"));
    trn_status_t status =
        trn_bytes_read(fd, path, (int64_t)place.begin, directory, (int64_t)place.bytes);
    if (status == TRN_OK) status = take_directory(zip, path, directory, &place);
    trn_free(&directory);
    return status;
}

static trn_status_t open_file(const char *path, int *fd) {
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
}

trn_status_t trn_zip_read(trn_zip_t *zip, const char *path) {
    struct stat about;
    int fd;
    *zip = (trn_zip_t){0};
    TRN_TRY(open_file(path, &fd));
    trn_status_t status = TRN_OK;
    if (fstat(fd, &about) != 0)
        status =
            trn_fail(TRN_IO, "%s: cannot look at it: %s; check the disk", path, strerror(errno));
    zip->file_bytes = about.st_size;
    if (status == TRN_OK) status = read_directory(zip, fd, path);
    close(fd);
    if (status != TRN_OK) trn_zip_free(zip);
    return status;
}

trn_status_t trn_zip_find(const trn_zip_t *zip, const char *path, trn_zip_member_t *member) {
    unsigned char head[LOCAL];
    int fd;
    if (zip->file_bytes - member->begin < LOCAL) return damaged(path, "a member has no head");
    TRN_TRY(open_file(path, &fd));
    trn_status_t status = trn_bytes_read(fd, path, member->begin, head, LOCAL);
    close(fd);
    TRN_TRY(status);
    if (memcmp(head, "PK\3\4", 4) != 0) return damaged(path, "a member has no head");
    member->begin += LOCAL + (int64_t)number(head + 26, 2) + (int64_t)number(head + 28, 2);
    if (member->begin > zip->file_bytes || member->bytes > zip->file_bytes - member->begin)
        return damaged(path, "a member lies beyond the end of the file");
    return TRN_OK;
}

void trn_zip_free(trn_zip_t *zip) {
    trn_free(&zip->member);
    trn_free(&zip->text);
    *zip = (trn_zip_t){0};
}
