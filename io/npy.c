#define _POSIX_C_SOURCE 200809L
#include "io/npy.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PREFIX = 12,              /* magic, version and the longest form of the header's length */
    LONGEST_HEADER = 1 << 16, /* versions 2 and 3 allow 4 GiB: no plain array needs it */
    PIECE = 1 << 18           /* elements converted at a time */
};

static const char magic[] = "\x93NUMPY";

static bool little_endian(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/* Read `bytes` bytes at `offset`, all of them. */
static trn_status_t read_at(int file, const char *path, int64_t offset, int64_t bytes, void *to) {
    for (int64_t done = 0; done < bytes;) {
        ssize_t got = pread(file, (char *)to + done, (size_t)(bytes - done), offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return trn_fail(TRN_IO, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return trn_fail(TRN_INPUT, "%s: byte %lld: truncated .npy file", path,
                            (long long)(offset + done));
        done += got;
    }
    return TRN_OK;
}

/* What follows 'key': in the dictionary, spaces skipped; NULL if the key is missing. */
static const char *field(const char *header, const char *key) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at) return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at++ != ':') return NULL;
    return at + strspn(at, " ");
}

static trn_status_t parse_type(trn_npy_t *npy, const char *path, const char *type) {
    char order = 0, code[8] = "";
    if (type && type[0] == '\'') {
        order = type[1];
        size_t length = order ? strcspn(type + 2, "'") : 0;
        if (length < sizeof code) memcpy(code, type + 2, length);
    }
    bool known = strchr("<>=", order) && order && (!strcmp(code, "f4") || !strcmp(code, "f8"));
    if (!known)
        return trn_fail(TRN_INPUT,
                        "%s: descr: the element type is %.12s, not '<f4', '>f4', '<f8' or '>f8'; "
                        "save it with .astype('float32')",
                        path, type ? type : "missing");
    npy->size = code[1] - '0';
    npy->swapped = order != '=' && (order == '<') != little_endian();
    return TRN_OK;
}

static trn_status_t parse_shape(trn_npy_t *npy, const char *path, const char *shape) {
    char close = 0;
    long long rows = -1, cols = -1;
    int found = shape ? sscanf(shape, "( %lld , %lld %c", &rows, &cols, &close) : 0;
    if (found == 3 && close == ',') /* (2, 3,) is good Python too */
        found = sscanf(shape, "( %lld , %lld , %c", &rows, &cols, &close);
    if (found != 3 || close != ')')
        return trn_fail(TRN_INPUT,
                        "%s: shape: %.24s is not two-dimensional; one row a word is "
                        "needed",
                        path, shape ? shape : "missing");
    if (rows < 1 || cols < 1 || rows > INT64_MAX / 8 / cols)
        return trn_fail(TRN_INPUT, "%s: shape: %lld x %lld is empty or too large", path, rows,
                        cols);
    npy->rows = rows;
    npy->cols = cols;
    return TRN_OK;
}

static trn_status_t parse(trn_npy_t *npy, const char *path, const char *header) {
    TRN_TRY(parse_type(npy, path, field(header, "descr")));
    TRN_TRY(parse_shape(npy, path, field(header, "shape")));
    const char *fortran = field(header, "fortran_order");
    npy->fortran = fortran && !strncmp(fortran, "True", 4);
    if (!npy->fortran && (!fortran || strncmp(fortran, "False", 5)))
        return trn_fail(TRN_INPUT, "%s: fortran_order: neither True nor False", path);
    return TRN_OK;
}

static trn_status_t read_header(trn_npy_t *npy, const char *path, int file, int64_t file_bytes) {
    unsigned char prefix[PREFIX];
    char header[LONGEST_HEADER + 1];
    if (file_bytes < PREFIX) return trn_fail(TRN_INPUT, "%s: too short for a .npy file", path);
    TRN_TRY(read_at(file, path, 0, PREFIX, prefix));
    if (memcmp(prefix, magic, sizeof magic - 1) != 0)
        return trn_fail(TRN_INPUT, "%s: not a .npy file (bad magic)", path);
    int version = prefix[6];
    if (version < 1 || version > 3)
        return trn_fail(TRN_INPUT, "%s: .npy version %d is unknown; 1 to 3 can be read", path,
                        version);
    int64_t length = prefix[8] | prefix[9] << 8, start = version == 1 ? 10 : 12;
    if (version > 1) length |= (int64_t)prefix[10] << 16 | (int64_t)prefix[11] << 24;
    if (length > LONGEST_HEADER || start + length > file_bytes)
        return trn_fail(TRN_INPUT, "%s: the header's length of %lld bytes is wrong", path,
                        (long long)length);
    TRN_TRY(read_at(file, path, start, length, header));
    header[length] = '\0';
    npy->offset = start + length;
    return parse(npy, path, header);
}

static trn_status_t open_file(int *file, int64_t *bytes, const char *path) {
    struct stat about;
    *bytes = 0;
    *file = open(path, O_RDONLY | O_CLOEXEC);
    if (*file < 0 || fstat(*file, &about) != 0 || !S_ISREG(about.st_mode)) {
        int error = *file < 0 ? errno : EINVAL;
        if (*file >= 0) close(*file);
        return trn_fail(TRN_INPUT, "%s: cannot open: %s", path,
                        error == EINVAL ? "not a regular file" : strerror(error));
    }
    *bytes = about.st_size;
    return TRN_OK;
}

trn_status_t trn_npy_open(trn_npy_t *npy, const char *path) {
    int file;
    int64_t bytes;
    TRN_TRY(open_file(&file, &bytes, path));
    memset(npy, 0, sizeof *npy);
    trn_status_t status = read_header(npy, path, file, bytes);
    close(file);
    TRN_TRY(status);
    int64_t wanted = npy->rows * npy->cols * npy->size, had = bytes - npy->offset;
    if (wanted != had)
        return trn_fail(
            TRN_INPUT, "%s: shape %lld x %lld needs %lld bytes but %lld follow the header", path,
            (long long)npy->rows, (long long)npy->cols, (long long)wanted, (long long)had);
    return TRN_OK;
}

/* to[i x stride] = element i of the raw bytes. */
static void convert(const trn_npy_t *npy, int64_t count, const char *raw, float *to,
                    int64_t stride) {
    for (int64_t i = 0; i < count; i++) {
        if (npy->size == 4) {
            uint32_t bits;
            memcpy(&bits, raw + 4 * i, 4);
            if (npy->swapped) bits = __builtin_bswap32(bits);
            memcpy(&to[i * stride], &bits, 4);
        } else {
            uint64_t bits;
            double value;
            memcpy(&bits, raw + 8 * i, 8);
            if (npy->swapped) bits = __builtin_bswap64(bits);
            memcpy(&value, &bits, 8);
            to[i * stride] = (float)value;
        }
    }
}

/* Elements [first, first + count) of the file to to[0], to[stride], ... */
static trn_status_t read_run(const trn_npy_t *npy, int file, const char *path, int64_t first,
                             int64_t count, char *raw, float *to, int64_t stride) {
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t some = count - done < PIECE ? count - done : PIECE;
        TRN_TRY(
            read_at(file, path, npy->offset + (first + done) * npy->size, some * npy->size, raw));
        convert(npy, some, raw, to + done * stride, stride);
    }
    return TRN_OK;
}

trn_status_t trn_npy_read(const trn_npy_t *npy, const char *path, int64_t first, int64_t rows,
                          float *values) {
    int file;
    int64_t bytes;
    char *raw = NULL;
    TRN_TRY(open_file(&file, &bytes, path));
    trn_status_t status;
    TRN_OR(done, trn_alloc(&raw, PIECE, (size_t)npy->size, "a read buffer"));
    if (!npy->fortran)
        status = read_run(npy, file, path, first * npy->cols, rows * npy->cols, raw, values, 1);
    for (int64_t j = 0; npy->fortran && j < npy->cols; j++)
        TRN_OR(done,
               read_run(npy, file, path, j * npy->rows + first, rows, raw, values + j, npy->cols));
done:
    trn_free(&raw);
    close(file);
    return status;
}

void trn_npy_header(int64_t rows, int64_t cols, char header[TRN_NPY_HEADER]) {
    enum { START = 10 };
    memset(header, ' ', TRN_NPY_HEADER); /* padded with spaces, ended by a line end */
    memcpy(header, magic, sizeof magic - 1);
    header[6] = 1;
    header[7] = 0;
    header[8] = TRN_NPY_HEADER - START;
    header[9] = 0;
    int used = snprintf(header + START, TRN_NPY_HEADER - START,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                        (long long)rows, (long long)cols);
    header[START + used] = ' ';
    header[TRN_NPY_HEADER - 1] = '\n';
}
