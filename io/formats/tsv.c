/* tsv.c: numbers in lines of text, between tabs, commas, semicolons or blanks, with names for rows
 * in the first column or without, under a line of headings or without (.tsv, .csv; numpy.savetxt,
 * pandas, R), in the table of formats.
 *
 * Rank 0 goes through the file once, to count lines, to see whether there are names, and to
 * remember where every 1024th row begins. Then every rank reads its own rows. */
#include "base/ledger.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/formats/format.h"
#include "io/formats/sink.h"
#include "io/text/fields.h"
#include "io/text/scan.h"
#include "io/text/text.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/large.h"
#include "mpi/watch.h"
#include "text/number.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    BLOCK = 1024,           /* rows whose place is remembered together */
    LONGEST_LINE = 1 << 30, /* bytes */
    MOST_COLUMNS = 1 << 26,
    SURE_DIGITS = 15 /* so many digits of a whole number float64 holds surely */
};

/* What rank 0 finds out; all ranks have it. */
typedef struct layout {
    int64_t rows, cols;
    int64_t head;  /* lines before the first row */
    int32_t named; /* the first field of a row is its name */
    char mark;     /* between fields; ' ' for any run of blanks */
} layout_t;

typedef struct table {
    layout_t layout;
    int64_t *offset; /* [ceil(rows / BLOCK)] where every BLOCK-th row begins */
    int64_t blocks;
    trn_scan_t *scan; /* at row `row` */
    int64_t row;
    double *values;    /* [cols] of a line */
    trn_scan_t *names; /* of rank 0: at row `name` */
    int64_t name;
} table_t;

/* Lines ---------------------------------------------------------------------------------------- */

/* The next line, without its line end; NULL behind the last one. */
static trn_status_t next_line(trn_scan_t *scan, char **line) {
    int64_t bytes;
    TRN_TRY(trn_scan_until(scan, '\n', LONGEST_LINE, line, &bytes));
    if (*line && bytes > 0 && (*line)[bytes - 1] == '\r') (*line)[bytes - 1] = '\0';
    return TRN_OK;
}

/* Looking: rank 0 -------------------------------------------------------------------------------
 */

/* The pass through the file. */
typedef struct pass {
    const trn_source_t *source;
    table_t *table;
    trn_scan_t *scan;
    int64_t capacity;  /* of table->offset */
    trn_fields_t head; /* of the line of headings */
    bool headed;
    bool words;    /* some first field is no number */
    int64_t blank; /* line number of the first blank line at the end, 0: none */
    int64_t line;
} pass_t;

static trn_status_t add_row(pass_t *p, int64_t offset) {
    table_t *t = p->table;
    if (t->layout.rows % BLOCK == 0) {
        TRN_TRY(
            trn_grow(&t->offset, &p->capacity, t->blocks + 1, sizeof *t->offset, "places of rows"));
        t->offset[t->blocks++] = offset;
    }
    t->layout.rows++;
    return TRN_OK;
}

/* The first line that is no comment may be headings: no field but the first is a number, and there
 * are several, or the only one is none. Its marks are the file's. */
static trn_status_t take_first(pass_t *p, char *line, int64_t offset) {
    layout_t *layout = &p->table->layout;
    layout->mark = trn_fields_mark(line);
    trn_fields_t shape = trn_fields_look(line, layout->mark);
    if (shape.fields > MOST_COLUMNS)
        return trn_fail(TRN_INPUT, "%s:%lld: %lld fields in a line; at most %d are read",
                        p->source->path, (long long)p->line, (long long)shape.fields, MOST_COLUMNS);
    p->headed = !shape.first && shape.numbers == 0;
    layout->cols = shape.fields;
    if (!p->headed) p->words = !shape.first;
    p->head = shape;
    if (p->headed) return TRN_OK;
    layout->head = p->line - 1;
    return add_row(p, offset);
}

/* The first row under headings, which may leave out that of the names (R). */
static void take_second(pass_t *p, char *line) {
    layout_t *layout = &p->table->layout;
    trn_fields_t shape = trn_fields_look(line, layout->mark);
    layout->cols = shape.fields;
    layout->head = p->line - 1;
    p->words = !shape.first || p->head.unnamed || shape.fields == p->head.fields + 1;
}

static trn_status_t take_line(pass_t *p, char *line, int64_t offset) {
    layout_t *layout = &p->table->layout;
    if (layout->cols == 0) return take_first(p, line, offset);
    if (layout->rows == 0) {
        take_second(p, line);
    } else if (!p->words) { /* only the first field matters */
        char *at = line;
        p->words = trn_fields_named(line, layout->mark) ||
                   !trn_field_is_number(trn_field_next(&at, layout->mark));
    }
    return add_row(p, offset);
}

static trn_status_t scan_lines(pass_t *p) {
    for (;;) {
        char *line;
        int64_t offset = trn_scan_offset(p->scan);
        TRN_TRY(next_line(p->scan, &line));
        if (!line) return TRN_OK;
        if (++p->line % 65536 == 0) trn_watch_tick();
        if (trn_line_blank(line)) {
            if (p->blank == 0) p->blank = p->line;
            continue;
        }
        if (p->table->layout.cols == 0 && *line == '#') {
            p->blank = 0; /* comments, and blanks between them, stand at the begin only */
            continue;
        }
        if (p->blank > 0 && p->table->layout.cols > 0)
            return trn_fail(TRN_INPUT, "%s:%lld: the line is blank; take it out", p->source->path,
                            (long long)p->blank);
        p->blank = 0;
        TRN_TRY(take_line(p, line, offset));
    }
}

static trn_status_t conclude(const pass_t *p) {
    layout_t *layout = &p->table->layout;
    if (layout->rows == 0)
        return trn_fail(TRN_INPUT, "%s: holds no line of numbers; give another file",
                        p->source->path);
    layout->named = p->words;
    layout->cols -= p->words;
    if (layout->cols > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: a name without numbers; is it a table of numbers?",
                    p->source->path, (long long)layout->head + 1);
}

static trn_status_t look(trn_source_t *source) {
    pass_t p = {.source = source, .table = source->self};
    trn_status_t status = trn_scan_open(&p.scan, &source->input, 0);
    if (status == TRN_OK) status = scan_lines(&p);
    status = trn_scan_end(&p.scan, status);
    return status == TRN_OK ? conclude(&p) : status;
}

/* Opening -------------------------------------------------------------------------------------- */

/* Rank 0's outcome on every rank. Collective. */
static trn_status_t share(trn_source_t *source) {
    table_t *t = source->self;
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    MPI_Bcast(&t->layout, (int)sizeof t->layout, MPI_BYTE, 0, source->comm);
    t->blocks = (t->layout.rows + BLOCK - 1) / BLOCK;
    trn_status_t status = TRN_OK;
    if (rank > 0) status = trn_alloc(&t->offset, t->blocks, sizeof *t->offset, "places of rows");
    if (status == TRN_OK)
        status = trn_alloc(&t->values, t->layout.cols, sizeof *t->values, "a row of numbers");
    TRN_AGREE(source->comm, status);
    trn_bcast_large(source->comm, t->blocks, MPI_INT64_T, t->offset);
    return TRN_OK;
}

static trn_status_t open_table(trn_source_t *source) {
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    source->input.content = TRN_CONTENT_TEXT; /* whose mark, if any, is no part of it */
    trn_status_t status = trn_alloc_zero(&source->self, 1, sizeof(table_t), "a table");
    if (status == TRN_OK) status = trn_input_look(&source->input);
    if (status == TRN_OK) status = trn_input_reread(&source->input, "a table is read twice");
    TRN_AGREE(source->comm, status);
    status = rank == 0 ? look(source) : TRN_OK;
    trn_wait_all(source->comm); /* one rank is busy for long */
    TRN_AGREE(source->comm, status);
    TRN_TRY(share(source));
    table_t *t = source->self;
    t->row = t->name = -1;
    source->rows = t->layout.rows;
    source->cols = t->layout.cols;
    source->type = TRN_F64;
    source->named = t->layout.named;
    return TRN_OK;
}

static void close_table(trn_source_t *source) {
    table_t *t = source->self;
    if (!t) return;
    trn_scan_close(&t->scan);
    trn_scan_close(&t->names);
    trn_free(&t->offset);
    trn_free(&t->values);
    trn_free(&source->self);
}

/* Reading -------------------------------------------------------------------------------------- */

/* Let `scan` stand before row `wanted`; it is at row *at. */
static trn_status_t go_to(const trn_source_t *source, trn_scan_t **scan, int64_t *at,
                          int64_t wanted) {
    const table_t *t = source->self;
    char *line;
    if (*scan && *at <= wanted && (trn_input_whole(&source->input) || wanted - *at < BLOCK)) {
        /* it is on the way */
    } else {
        TRN_TRY(trn_scan_end(scan, TRN_OK));
        TRN_TRY(trn_scan_open(scan, &source->input, t->offset[wanted / BLOCK]));
        *at = wanted - wanted % BLOCK;
    }
    for (; *at < wanted; ++*at)
        TRN_TRY(next_line(*scan, &line));
    return TRN_OK;
}

static trn_status_t bad_field(const trn_source_t *source, int64_t row, int64_t field,
                              const char *text, const char *what) {
    const layout_t *layout = &((const table_t *)source->self)->layout;
    return trn_fail(TRN_INPUT, "%s:%lld: field %lld, '%.40s', %s", source->path,
                    (long long)(layout->head + row + 1), (long long)field + 1, text, what);
}

/* Whether a whole number in text may not be what float64 makes of it. */
static bool rounds(const char *field, double value) {
    const char *digits = field + (*field == '-' || *field == '+');
    size_t length = strspn(digits, "0123456789");
    if (length <= SURE_DIGITS || digits[length]) return false;
    double size = value < 0 ? -value : value;
    if (size >= 18446744073709551616.0) return true; /* 2^64: no type here holds it */
    uint64_t whole = 0;
    for (size_t i = 0; i < length; i++)
        whole = whole * 10 + (uint64_t)(digits[i] - '0');
    return whole != (uint64_t)size;
}

static trn_status_t parse_row(trn_source_t *source, int64_t row, char *line, trn_misfit_t *misfit) {
    table_t *t = source->self;
    const layout_t *layout = &t->layout;
    char *at = line;
    if (layout->named) (void)trn_field_next(&at, layout->mark);
    for (int64_t j = 0; j < layout->cols; j++) {
        const char *field = trn_field_next(&at, layout->mark);
        if (!field)
            return trn_fail(TRN_INPUT, "%s:%lld: %lld numbers, where the first row has %lld",
                            source->path, (long long)(layout->head + row + 1), (long long)j,
                            (long long)layout->cols);
        const char *end = trn_number_real(field, &t->values[j]);
        if (!end || *end)
            return bad_field(source, row, j + layout->named, field,
                             *field ? "is no number" : "is empty; write nan for what is missing");
        if (!rounds(field, t->values[j])) continue;
        if (misfit->count++ == 0) misfit->first = row * layout->cols + j;
    }
    if (!at) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: more than %lld numbers, which the first row has",
                    source->path, (long long)(layout->head + row + 1), (long long)layout->cols);
}

static trn_status_t read_rows(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                              char *to, trn_misfit_t *misfit) {
    table_t *t = source->self;
    int64_t cols = source->cols;
    TRN_TRY(go_to(source, &t->scan, &t->row, first));
    for (int64_t i = first; i < first + rows; i++, to += cols * trn_dtype_size(type)) {
        char *line;
        TRN_TRY(next_line(t->scan, &line));
        if (!line)
            return trn_fail(TRN_INPUT, "%s: ends before row %lld", source->path, (long long)i + 1);
        t->row = i + 1;
        TRN_TRY(parse_row(source, i, line, misfit));
        trn_numbers_t from = {TRN_F64, false, t->values, 1}, into = {type, false, to, 1};
        trn_convert(from, into, cols, i * cols, misfit);
    }
    return TRN_OK;
}

/* A compressed file stays open, to be unpacked once in a pass; others are judged at once. */
static trn_status_t read_table(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                               void *values, trn_misfit_t *misfit) {
    table_t *t = source->self;
    if (rows == 0) return TRN_OK;
    trn_status_t status = read_rows(source, first, rows, type, values, misfit);
    bool stays = trn_input_whole(&source->input) && t->row < source->rows;
    return status == TRN_OK && stays ? TRN_OK : trn_scan_end(&t->scan, status);
}

/* Names [first, first + count), rank 0. */
static trn_status_t read_names(trn_source_t *source, int64_t first, int64_t count, char ***names) {
    table_t *t = source->self;
    char *text = NULL;
    int64_t used = 0, room = 0;
    trn_status_t status = go_to(source, &t->names, &t->name, first);
    for (int64_t i = 0; i < count && status == TRN_OK; i++) {
        char *line;
        TRN_OR(done, next_line(t->names, &line));
        if (!line) {
            status = trn_fail(TRN_INPUT, "%s: ends before row %lld", source->path,
                              (long long)(first + i + 1));
            break;
        }
        t->name++;
        const char *name = trn_field_next(&line, t->layout.mark);
        int64_t length = (int64_t)strlen(name) + 1;
        TRN_OR(done, trn_grow(&text, &room, used + length, 1, "names of rows"));
        memcpy(text + used, name, (size_t)length);
        used += length;
    }
    if (status == TRN_OK) status = trn_strings_make(count, text, used, names);
done:
    trn_free(&text);
    bool stays = status == TRN_OK && trn_input_whole(&source->input) && t->name < source->rows;
    return stays ? status : trn_scan_end(&t->names, status);
}

static trn_status_t names_table(trn_source_t *source, int64_t first, int64_t count, char ***names) {
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    *names = NULL;
    trn_status_t status = rank == 0 ? read_names(source, first, count, names) : TRN_OK;
    status = trn_agree(source->comm, status);
    if (status != TRN_OK) trn_free(names);
    return status;
}

static void tell(trn_source_t *source, json_t *into) {
    const layout_t *layout = &((const table_t *)source->self)->layout;
    const char *marks = layout->mark == '\t'  ? "tabs"
                        : layout->mark == ',' ? "commas"
                        : layout->mark == ';' ? "semicolons"
                                              : "blanks";
    json_object_set_new(into, "between", json_string(marks));
    if (layout->head > 0) json_object_set_new(into, "head_lines", json_integer(layout->head));
}

/* Writing -------------------------------------------------------------------------------------- */

static char mark_for(const trn_sink_t *sink) {
    size_t length = strlen(sink->path);
    bool commas = length > 4 && strcasecmp(sink->path + length - 4, ".csv") == 0;
    return commas ? ',' : '\t';
}

/* Whether a name comes back as it was only in quotes. `words`: some name is no number. */
static bool needs_quotes(const char *name, char mark, bool words) {
    const char bad[] = {mark, '"', '\0'};
    size_t length = strlen(name);
    return length == 0 || strpbrk(name, bad) || *name == '#' || strchr(" \t", name[0]) ||
           strchr(" \t", name[length - 1]) || (!words && trn_field_is_number(name));
}

/* *words: some name is no number. */
static trn_status_t check_names(const trn_sink_t *sink, bool *words) {
    for (int64_t i = 0; i < sink->own_rows; i++) {
        const char *name = sink->own_names[i];
        if (strpbrk(name, "\n\r"))
            return trn_fail(TRN_INPUT,
                            "%s: the name '%.40s' (row %lld) holds a line end, which only an .h5 "
                            "file can keep; write .h5",
                            sink->path, name, (long long)(sink->own_first + i + 1));
        *words = *words || !trn_field_is_number(name);
    }
    return TRN_OK;
}

static trn_status_t begin_table(trn_sink_t *sink) {
    bool words = false;
    TRN_AGREE(sink->comm, sink->named ? check_names(sink, &words) : TRN_OK);
    sink->words = trn_any(sink->comm, words);
    return trn_lines_begin(sink);
}

static char *put_name(char *to, const char *name, char mark, bool words) {
    bool quotes = needs_quotes(name, mark, words);
    if (quotes) *to++ = '"';
    for (; *name; name++) {
        if (*name == '"') *to++ = '"';
        *to++ = *name;
    }
    if (quotes) *to++ = '"';
    return to;
}

static trn_status_t put_table(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    const char *from = values, mark = mark_for(sink);
    for (int64_t i = 0; i < rows; i++) {
        const char *name = sink->named ? sink->own_names[first + i - sink->own_first] : "";
        int64_t length = 2 * (int64_t)strlen(name) + 2; /* quotes twice, and around it */
        char *to;
        TRN_TRY(trn_lines_room(sink, length + 2 + sink->cols * (1 + TRN_PRINT_BYTES), &to));
        if (sink->named) to = put_name(to, name, mark, sink->words);
        for (int64_t j = 0; j < sink->cols; j++, from += trn_dtype_size(sink->type)) {
            if (j > 0 || sink->named) *to++ = mark;
            to = trn_print_number(to, sink->type, from);
        }
        *to++ = '\n';
        TRN_TRY(trn_lines_take(sink, to));
    }
    return TRN_OK;
}

static trn_status_t finish_table(trn_sink_t *sink, trn_status_t status) {
    return trn_lines_finish(sink, status, "", 0);
}

static int64_t write_bytes(const trn_sink_t *sink, bool first) {
    enum { NARROW = 13, WIDE = 20, ENDS = 2 };
    (void)first;
    return trn_lines_plan(
        sink->names_bytes + sink->own_rows * ENDS +
        trn_ledger_bytes(sink->own_rows * sink->cols, sink->type == TRN_F64 ? WIDE : NARROW));
}

const trn_file_format_t trn_format_tsv = {
    .name = "tsv",
    .title = "table of numbers",
    .endings = {".tsv", ".csv"},
    .holds = TRN_HOLDS_NAMES | TRN_OWN_NAMES | TRN_MAY_BE_PACKED,
    .types = 1 << TRN_F32 | 1 << TRN_F64 | 1 << TRN_I8 | 1 << TRN_I16 | 1 << TRN_I32 |
             1 << TRN_I64 | 1 << TRN_U8 | 1 << TRN_U16 | 1 << TRN_U32 | 1 << TRN_U64,
    .open = open_table,
    .close = close_table,
    .read = read_table,
    .names = names_table,
    .tell = tell,
    .begin = begin_table,
    .put = put_table,
    .finish = finish_table,
    .write_bytes = write_bytes,
};
