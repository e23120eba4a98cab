#define _POSIX_C_SOURCE 200809L
#include "io/npy.h"

#include "base/mem.h"
#include "io/joint.h"

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

/* "<f8": byte order, kind, bytes. One byte has no order, which is written '|'. */
static trn_status_t parse_type(trn_npy_t *npy, const char *path, const char *type) {
    static const char *const known[] = {"f4", "f8", "i1", "i2", "i4", "i8",
                                        "u1", "u2", "u4", "u8", "b1"};
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++) {
        if (type[0] != '\'' || !type[1] || !strchr("<>=|", type[1]) ||
            strncmp(type + 2, known[i], 2) != 0 || type[4] != '\'')
            continue;
        npy->kind = known[i][0];
        npy->size = known[i][1] - '0';
        npy->swapped = strchr("<>", type[1]) && (type[1] == '<') != little_endian();
        return TRN_OK;
    }
    return trn_fail(TRN_INPUT,
                    "%s: descr: the element type is %.12s, neither float32, float64, an integer "
                    "nor bool; save it with .astype('float64')",
                    path, type ? type : "missing");
}

static trn_status_t parse_shape(trn_npy_t *npy, const char *path, const char *shape) {
    char close = 0;
    long long rows = -1, cols = -1;
    int found = shape ? sscanf(shape, "( %lld , %lld %c", &rows, &cols, &close) : 0;
    if (found == 3 && close == ',') /* (2, 3,) is good Python too */
        found = sscanf(shape, "( %lld , %lld , %c", &rows, &cols, &close);
    if (found != 3 || close != ')')
        return trn_fail(TRN_INPUT,
                        "%s: shape: %.24s is not two-dimensional; save it with "
                        ".reshape(rows, columns)",
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
    npy->fortran = fortran && strncmp(fortran, "True", 4) == 0;
    if (!npy->fortran && (!fortran || strncmp(fortran, "False", 5) != 0))
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

trn_matrix_type_t trn_npy_type(const trn_npy_t *npy) {
    bool narrow = npy->kind == 'f' ? npy->size == 4 : npy->size <= 2;
    return narrow ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
}

/* The number that lies in `size` bytes at `raw`, which are put into this machine's order first. */
static double element(const trn_npy_t *npy, const char *raw) {
    union {
        char bytes[8];
        float f4;
        double f8;
        int8_t i1;
        int16_t i2;
        int32_t i4;
        int64_t i8;
        uint8_t u1;
        uint16_t u2;
        uint32_t u4;
        uint64_t u8;
    } it = {{0}};
    for (int64_t i = 0; i < npy->size; i++)
        it.bytes[i] = raw[npy->swapped ? npy->size - 1 - i : i];
    switch (npy->kind) {
    case 'f':
        return npy->size == 4 ? (double)it.f4 : it.f8;
    case 'i':
        return npy->size == 1   ? it.i1
               : npy->size == 2 ? it.i2
               : npy->size == 4 ? it.i4
                                : (double)it.i8;
    case 'u':
        return npy->size == 1   ? it.u1
               : npy->size == 2 ? it.u2
               : npy->size == 4 ? it.u4
                                : (double)it.u8;
    default:
        return it.u1 != 0;
    }
}

/* Where the numbers of a file go: number i of the rows read to values[i x stride]. */
typedef struct target {
    trn_matrix_type_t type;
    void *values;
    int64_t stride;
} target_t;

static void convert(const trn_npy_t *npy, int64_t count, const char *raw, target_t to, int64_t at) {
    for (int64_t i = 0; i < count; i++) {
        double value = element(npy, raw + i * npy->size);
        if (to.type == TRN_MATRIX_F32)
            ((float *)to.values)[at + i * to.stride] = (float)value;
        else
            ((double *)to.values)[at + i * to.stride] = value;
    }
}

/* Elements [first, first + count) of the file to places at, at + stride, ... */
static trn_status_t read_run(const trn_npy_t *npy, int file, const char *path, int64_t first,
                             int64_t count, char *raw, target_t to, int64_t at) {
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t some = count - done < PIECE ? count - done : PIECE;
        TRN_TRY(
            read_at(file, path, npy->offset + (first + done) * npy->size, some * npy->size, raw));
        convert(npy, some, raw, to, at + done * to.stride);
    }
    return TRN_OK;
}

/* True if the file's rows are what is wanted, byte for byte. */
static bool as_it_is(const trn_npy_t *npy, trn_matrix_type_t type) {
    return npy->kind == 'f' && npy->size == trn_matrix_type_size(type) && !npy->swapped &&
           !npy->fortran;
}

trn_status_t trn_npy_read(const trn_npy_t *npy, const char *path, int64_t first, int64_t rows,
                          trn_matrix_type_t type, void *values) {
    int file;
    int64_t bytes;
    char *raw = NULL;
    TRN_TRY(open_file(&file, &bytes, path));
    target_t to = {type, values, npy->fortran ? npy->cols : 1};
    trn_status_t status = TRN_OK;
    if (as_it_is(npy, type)) {
        int64_t row = npy->cols * npy->size;
        status = read_at(file, path, npy->offset + first * row, rows * row, values);
        goto done;
    }
    TRN_OR(done, trn_alloc(&raw, PIECE, (size_t)npy->size, "a read buffer"));
    if (!npy->fortran)
        status = read_run(npy, file, path, first * npy->cols, rows * npy->cols, raw, to, 0);
    for (int64_t j = 0; npy->fortran && j < npy->cols; j++)
        TRN_OR(done, read_run(npy, file, path, j * npy->rows + first, rows, raw, to, j));
done:
    trn_free(&raw);
    close(file);
    return status;
}

void trn_npy_header(trn_matrix_type_t type, int64_t rows, int64_t cols,
                    char header[TRN_NPY_HEADER]) {
    enum { START = 10 };
    memset(header, ' ', TRN_NPY_HEADER); /* padded with spaces, ended by a line end */
    memcpy(header, magic, sizeof magic - 1);
    header[6] = 1;
    header[7] = 0;
    header[8] = TRN_NPY_HEADER - START;
    header[9] = 0;
    int used = snprintf(header + START, TRN_NPY_HEADER - START,
                        "{'descr': '<f%lld', 'fortran_order': False, 'shape': (%lld, %lld), }",
                        (long long)trn_matrix_type_size(type), (long long)rows, (long long)cols);
    header[START + used] = ' ';
    header[TRN_NPY_HEADER - 1] = '\n';
}

trn_status_t trn_npy_write(MPI_Comm comm, const char *path, const trn_matrix_t *matrix) {
    const trn_dist_t *dist = trn_matrix_dist(matrix);
    trn_view_t block = trn_matrix_block(matrix);
    int64_t rows = trn_dist_rows(dist), cols = trn_dist_cols(dist);
    int64_t row = cols * trn_matrix_type_size(block.type);
    char header[TRN_NPY_HEADER];
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_joint_t *joint;
    TRN_TRY(trn_joint_create(&joint, comm, path, TRN_NPY_HEADER + rows * row));
    trn_npy_header(block.type, rows, cols, header);
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_joint_write(joint, 0, header, TRN_NPY_HEADER);
    if (status == TRN_OK)
        status = trn_joint_write(joint, TRN_NPY_HEADER + trn_matrix_first_row(matrix) * row,
                                 block.data, block.rows * row);
    return trn_joint_close(&joint, status);
}
