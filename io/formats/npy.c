/* npy.c: NumPy's .npy files. */
#define _POSIX_C_SOURCE 200809L
#include "io/formats/npy.h"

#include "base/mem.h"
#include "io/formats/sink.h"
#include "io/text/text.h"
#include "mpi/agree.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFIX = 12,              /* magic, version and the longest form of the header's length */
    LONGEST_HEADER = 1 << 16, /* versions 2 and 3 allow 4 GiB: no plain array needs it */
    PIECE = 1 << 15           /* elements converted at a time */
};

static const char magic[] = "\x93NUMPY";

static bool little_endian(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/* The next `bytes` bytes of a stream, all of them; `at` is where they begin, for the message. */
static trn_status_t read_next(trn_text_t *text, const char *path, int64_t at, int64_t bytes,
                              char *to) {
    for (int64_t done = 0, got; done < bytes; done += got) {
        TRN_TRY(trn_text_read(text, to + done, bytes - done, &got));
        if (got == 0)
            return trn_fail(TRN_INPUT, "%s: byte %lld: truncated .npy file", path,
                            (long long)(at + done));
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

/* What elements of a type that is none of ours are. The text of the file itself is not repeated: it
 * may be long, or no text at all. */
static const char *describe(const char *type) {
    static const char letters[] = "cOUSaVMmfiu";
    static const char *const kinds[] = {"complex numbers",
                                        "Python objects",
                                        "text",
                                        "text",
                                        "text",
                                        "raw bytes",
                                        "dates",
                                        "spans of time",
                                        "floats of another size",
                                        "integers of another size",
                                        "integers of another size"};
    if (!type) return "of a type that is missing";
    if (*type == '[') return "records of several fields";
    const char *letter = type + 1;
    if (*letter && strchr("<>=|", *letter)) letter++;
    const char *found = *letter ? strchr(letters, *letter) : NULL;
    return (*type == '\'' || *type == '"') && found ? kinds[found - letters] : "of an unknown type";
}

/* "<f8": byte order, kind, bytes. One byte has no order, which is written '|'. */
static trn_status_t parse_type(trn_npy_t *npy, const char *path, const char *type) {
    static const struct {
        const char *code;
        trn_dtype_t type;
    } known[] = {{"f2", TRN_F16}, {"f4", TRN_F32}, {"f8", TRN_F64}, {"i1", TRN_I8},
                 {"i2", TRN_I16}, {"i4", TRN_I32}, {"i8", TRN_I64}, {"u1", TRN_U8},
                 {"u2", TRN_U16}, {"u4", TRN_U32}, {"u8", TRN_U64}, {"b1", TRN_BOOL}};
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++) {
        if ((type[0] != '\'' && type[0] != '"') || !type[1] || !strchr("<>=|", type[1]) ||
            strncmp(type + 2, known[i].code, 2) != 0 || type[4] != type[0])
            continue;
        npy->type = known[i].type;
        npy->swapped = strchr("<>", type[1]) && (type[1] == '<') != little_endian() &&
                       trn_dtype_size(npy->type) > 1;
        return TRN_OK;
    }
    return trn_fail(TRN_INPUT,
                    "%s: descr: the elements are %s, neither float16, float32, float64, an integer "
                    "nor bool; save it with .astype('float64')",
                    path, describe(type));
}

/* Read one side of a shape, as Python 2 wrote it ("2L") too; *at goes behind it and `after`. */
static bool take_side(const char **at, const char *after, int64_t *side) {
    char *end;
    errno = 0;
    *at += strspn(*at, " ");
    if (!isdigit((unsigned char)**at)) return false;
    *side = strtoll(*at, &end, 10);
    if (*end == 'L') end++;
    end += strspn(end, " ");
    if (errno != 0 || !*end || !strchr(after, *end)) return false;
    *at = end + (*end == ',');
    return true;
}

/* "(7,)": numbers in a row are a column, for labels and lists of rows are kept so. */
static trn_status_t parse_shape(trn_npy_t *npy, const char *path, const char *shape) {
    const char *at = shape ? shape + (*shape == '(') : "";
    bool good = shape && *shape == '(' && take_side(&at, ",", &npy->rows);
    if (good) at += strspn(at, " ");
    npy->flat = good && *at == ')';
    npy->cols = 1;
    if (good && !npy->flat) good = take_side(&at, ",)", &npy->cols);
    if (good) at += strspn(at, " "); /* (2, 3,) is good Python too */
    if (!good || *at != ')') {
        int length = (int)(shape && *shape == '(' ? strspn(shape, "(0123456789L, )") : 0);
        return trn_fail(TRN_INPUT,
                        "%s: shape: %.*s is neither one- nor two-dimensional; save it with "
                        ".reshape(rows, columns)",
                        path, length ? (length < 24 ? length : 24) : 7, length ? shape : "missing");
    }
    if (npy->cols > 0 && npy->rows > INT64_MAX / 8 / npy->cols)
        return trn_fail(TRN_INPUT, "%s: shape: %lld x %lld is too large", path,
                        (long long)npy->rows, (long long)npy->cols);
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

static trn_status_t read_header(trn_npy_t *npy, const char *path, trn_text_t *text,
                                int64_t file_bytes) {
    char prefix[PREFIX + 1], header[LONGEST_HEADER + 1];
    if (file_bytes < PREFIX) return trn_fail(TRN_INPUT, "%s: too short for a .npy file", path);
    TRN_TRY(read_next(text, path, 0, PREFIX, prefix));
    if (memcmp(prefix, magic, sizeof magic - 1) != 0)
        return trn_text_refuse(&npy->input, "a .npy file", "save it with numpy.save");
    const unsigned char *at = (const unsigned char *)prefix;
    int version = at[6];
    if (version < 1 || version > 3)
        return trn_fail(TRN_INPUT, "%s: .npy version %d is unknown; 1 to 3 can be read", path,
                        version);
    int64_t length = at[8] | at[9] << 8, start = version == 1 ? 10 : 12;
    if (version > 1) length |= (int64_t)at[10] << 16 | (int64_t)at[11] << 24;
    bool beyond = !trn_input_whole(&npy->input) && start + length > file_bytes;
    if (length < 2 || length > LONGEST_HEADER || beyond)
        return trn_fail(TRN_INPUT, "%s: the header's length of %lld bytes is wrong", path,
                        (long long)length);
    memcpy(header, prefix + start, (size_t)(PREFIX - start)); /* of version 1, two are read */
    TRN_TRY(read_next(text, path, PREFIX, start + length - PREFIX, header + PREFIX - start));
    header[length] = '\0';
    npy->offset = start + length;
    return parse(npy, path, header);
}

static trn_status_t check_bytes(const trn_npy_t *npy, const char *path, int64_t file_bytes) {
    int64_t wanted = npy->rows * npy->cols * trn_dtype_size(npy->type);
    int64_t had = file_bytes - npy->offset;
    if (trn_input_whole(&npy->input) || wanted == had) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: shape %lld x %lld needs %lld bytes but %lld follow the header",
                    path, (long long)npy->rows, (long long)npy->cols, (long long)wanted,
                    (long long)had);
}

static trn_status_t look(trn_npy_t *npy, const char *path) {
    memset(npy, 0, sizeof *npy);
    npy->input = (trn_input_t){.path = path, .content = TRN_CONTENT_ANY};
    TRN_TRY(trn_input_look(&npy->input));
    return trn_input_reread(&npy->input, "an array is read twice");
}

static trn_status_t open_it(trn_npy_t *npy, const char *path) {
    trn_text_t *text;
    TRN_TRY(trn_text_open(&text, &npy->input, 0));
    TRN_TRY(trn_text_end(&text, read_header(npy, path, text, npy->input.bytes)));
    return check_bytes(npy, path, npy->input.bytes);
}

trn_status_t trn_npy_open(trn_npy_t *npy, const char *path) {
    TRN_TRY(look(npy, path));
    return open_it(npy, path);
}

trn_status_t trn_npy_open_part(trn_npy_t *npy, const char *path, const trn_extract_t *part,
                               trn_coding_t coding) {
    TRN_TRY(look(npy, path));
    npy->input.part = *part;
    npy->input.coding = coding;
    npy->input.bytes = part->bytes;
    if (part->bytes < PREFIX) return trn_fail(TRN_INPUT, "%s: too short for a .npy file", path);
    return open_it(npy, path);
}

trn_matrix_type_t trn_npy_type(const trn_npy_t *npy) {
    bool narrow =
        trn_dtype_whole(npy->type) ? trn_dtype_size(npy->type) <= 2 : npy->type != TRN_F64;
    return narrow ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
}

/* Reading -------------------------------------------------------------------------------------- */

/* The elements of a file from `at` on, in file order. */
typedef struct reader {
    const trn_npy_t *npy;
    const char *path;
    trn_text_t *text;
    int64_t at; /* element that comes next; -1: the stream is yet to be opened */
    char *raw;  /* [PIECE] elements */
} reader_t;

/* Go to element `at`: by a seek in a plain file, else through all that lies between. */
static trn_status_t go_to(reader_t *r, int64_t at) {
    int64_t size = trn_dtype_size(r->npy->type), offset = r->npy->offset;
    if (r->at == at) return TRN_OK;
    bool whole = trn_input_whole(&r->npy->input);
    if (!whole || r->at > at || r->at < 0) {
        TRN_TRY(trn_text_end(&r->text, TRN_OK));
        TRN_TRY(trn_text_open(&r->text, &r->npy->input, whole ? 0 : offset + at * size));
        r->at = whole ? 0 : at;
        for (int64_t skip = whole ? offset : 0, some; skip > 0; skip -= some) {
            some = skip < PIECE ? skip : PIECE;
            TRN_TRY(read_next(r->text, r->path, offset - skip, some, r->raw));
        }
    }
    for (int64_t some; r->at < at; r->at += some) {
        some = at - r->at < PIECE ? at - r->at : PIECE;
        TRN_TRY(read_next(r->text, r->path, offset + r->at * size, some * size, r->raw));
    }
    return TRN_OK;
}

/* Elements [first, first + count) to to.data, number `at` of the target on; `base` and `step`
 * number them for the count of misfits. */
static trn_status_t read_run(reader_t *r, int64_t first, int64_t count, trn_numbers_t to,
                             int64_t base, int64_t step, trn_misfit_t *misfit) {
    int64_t size = trn_dtype_size(r->npy->type), out = trn_dtype_size(to.type) * to.stride;
    bool as_it_is = r->npy->type == to.type && !r->npy->swapped && to.stride == 1;
    TRN_TRY(go_to(r, first));
    for (int64_t done = 0, some; done < count; done += some) {
        some = count - done < PIECE ? count - done : PIECE;
        trn_numbers_t from = {r->npy->type, r->npy->swapped, r->raw, 1}, part = to;
        trn_misfit_t found = {0};
        part.data = (char *)to.data + done * out;
        if (as_it_is) from.data = part.data;
        TRN_TRY(read_next(r->text, r->path, r->npy->offset + (first + done) * size, some * size,
                          from.data));
        if (!as_it_is) trn_convert(from, part, some, 0, &found);
        if (found.count > 0 && misfit->count == 0) {
            misfit->first = base + (done + found.first) * step;
            misfit->value = found.value;
        }
        misfit->count += found.count;
        r->at += some;
    }
    return TRN_OK;
}

/* Nothing follows the last element of a compressed file, whose size is not known before. */
static trn_status_t check_end(reader_t *r) {
    int64_t got;
    TRN_TRY(trn_text_read(r->text, r->raw, 1, &got));
    if (got == 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: shape %lld x %lld: more bytes follow than that needs", r->path,
                    (long long)r->npy->rows, (long long)r->npy->cols);
}

static trn_status_t read_rows(reader_t *r, int64_t first, int64_t rows, trn_dtype_t type,
                              void *values, trn_misfit_t *misfit) {
    const trn_npy_t *npy = r->npy;
    int64_t cols = npy->cols, size = trn_dtype_size(type);
    if (!npy->fortran)
        TRN_TRY(read_run(r, first * cols, rows * cols, (trn_numbers_t){type, false, values, 1},
                         first * cols, 1, misfit));
    for (int64_t j = 0; npy->fortran && j < cols; j++) {
        trn_numbers_t column = {type, false, (char *)values + j * size, cols};
        TRN_TRY(read_run(r, j * npy->rows + first, rows, column, first * cols + j, cols, misfit));
    }
    return trn_input_whole(&npy->input) && r->at == npy->rows * cols ? check_end(r) : TRN_OK;
}

trn_status_t trn_npy_read(const trn_npy_t *npy, const char *path, int64_t first, int64_t rows,
                          trn_dtype_t type, void *values, trn_misfit_t *misfit) {
    reader_t r = {.npy = npy, .path = path, .at = -1};
    if (rows == 0 || npy->cols == 0) return TRN_OK;
    TRN_TRY(trn_alloc(&r.raw, PIECE, (size_t)trn_dtype_size(npy->type), "a read buffer"));
    trn_status_t status = read_rows(&r, first, rows, type, values, misfit);
    status = trn_text_end(&r.text, status);
    trn_free(&r.raw);
    return status;
}

void trn_npy_header(trn_dtype_t type, int64_t rows, int64_t cols, char header[TRN_NPY_HEADER]) {
    enum { START = 10 };
    memset(header, ' ', TRN_NPY_HEADER); /* padded with spaces, ended by a line end */
    memcpy(header, magic, sizeof magic - 1);
    header[6] = 1;
    header[7] = 0;
    header[8] = TRN_NPY_HEADER - START;
    header[9] = 0;
    int size = (int)trn_dtype_size(type);
    char kind = !trn_dtype_whole(type) ? 'f' : trn_dtype_signed(type) ? 'i' : 'u';
    char second[32] = "";
    if (cols >= 0) snprintf(second, sizeof second, " %lld", (long long)cols);
    int used = snprintf(header + START, TRN_NPY_HEADER - START,
                        "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (%lld,%s), }",
                        size > 1 ? '<' : '|', kind, size, (long long)rows, second);
    header[START + used] = ' ';
    header[TRN_NPY_HEADER - 1] = '\n';
}

/* The row of the table of formats ---------------------------------------------------------------
 */

static bool begins(const char *head, int64_t bytes) {
    return bytes >= (int64_t)sizeof magic - 1 && memcmp(head, magic, sizeof magic - 1) == 0;
}

static trn_status_t make(trn_source_t *source) {
    reader_t *reader;
    trn_npy_t *npy;
    TRN_TRY(trn_alloc_zero(&reader, 1, sizeof *reader, "a .npy file"));
    *reader = (reader_t){.path = source->path, .at = -1};
    source->self = reader;
    TRN_TRY(trn_alloc_zero(&npy, 1, sizeof *npy, "a .npy file"));
    reader->npy = npy;
    return TRN_OK;
}

static void describe_source(trn_source_t *source, trn_npy_t *npy) {
    npy->input = source->input;
    source->rows = npy->rows;
    source->cols = npy->cols;
    source->flat = npy->flat;
    source->type = npy->type;
}

trn_status_t trn_npy_adopt(trn_source_t *source, const trn_npy_t *found) {
    TRN_TRY(make(source));
    trn_npy_t *npy = (trn_npy_t *)((reader_t *)source->self)->npy;
    *npy = *found;
    describe_source(source, npy);
    return TRN_OK;
}

static trn_status_t open_npy(trn_source_t *source) {
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    TRN_AGREE(source->comm, make(source));
    trn_npy_t *npy = (trn_npy_t *)((reader_t *)source->self)->npy;
    TRN_AGREE(source->comm, rank == 0 ? trn_npy_open(npy, source->path) : TRN_OK);
    MPI_Bcast(npy, (int)sizeof *npy, MPI_BYTE, 0, source->comm);
    describe_source(source, npy);
    return TRN_OK;
}

void trn_npy_close(trn_source_t *source) {
    reader_t *reader = source->self;
    if (!reader) return;
    trn_npy_t *npy = (trn_npy_t *)reader->npy;
    trn_text_close(&reader->text);
    trn_free(&reader->raw);
    trn_free(&npy);
    trn_free(&reader);
}

trn_status_t trn_npy_read_source(trn_source_t *source, int64_t first, int64_t rows,
                                 trn_dtype_t type, void *values, trn_misfit_t *misfit) {
    reader_t *reader = source->self;
    if (rows == 0 || source->cols == 0) return TRN_OK;
    if (!reader->raw)
        TRN_TRY(
            trn_alloc(&reader->raw, PIECE, (size_t)trn_dtype_size(source->type), "a read buffer"));
    trn_status_t status = read_rows(reader, first, rows, type, values, misfit);
    /* A compressed file stays open, to be unpacked once in a pass; others are judged at once. */
    bool all = reader->at == source->rows * source->cols;
    if (status == TRN_OK && trn_input_whole(&source->input) && !all) return TRN_OK;
    reader->at = -1;
    return trn_text_end(&reader->text, status);
}

static void tell(trn_source_t *source, json_t *into) {
    const trn_npy_t *npy = ((reader_t *)source->self)->npy;
    json_object_set_new(into, "order", json_string(npy->fortran ? "columns" : "rows"));
}

static trn_status_t begin_npy(trn_sink_t *sink) {
    char header[TRN_NPY_HEADER];
    trn_npy_header(sink->type, sink->rows, sink->flat ? -1 : sink->cols, header);
    return trn_fixed_begin(sink, header, TRN_NPY_HEADER, 0);
}

const trn_file_format_t trn_format_npy = {
    .name = "npy",
    .title = "NumPy array",
    .endings = {".npy"},
    .holds = TRN_MAY_BE_PACKED,
    .types = 1 << TRN_F16 | 1 << TRN_F32 | 1 << TRN_F64 | 1 << TRN_I8 | 1 << TRN_I16 |
             1 << TRN_I32 | 1 << TRN_I64 | 1 << TRN_U8 | 1 << TRN_U16 | 1 << TRN_U32 | 1 << TRN_U64,
    .begins = begins,
    .open = open_npy,
    .close = trn_npy_close,
    .read = trn_npy_read_source,
    .tell = tell,
    .begin = begin_npy,
    .put = trn_fixed_put,
    .finish = trn_fixed_finish,
};
