/* formats.c: the table of formats, and which of them a file is of. */
#define _DEFAULT_SOURCE
#include "io/formats/format.h"

#include "base/mem.h"
#include "io/text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

extern const trn_file_format_t trn_format_h5, trn_format_npy, trn_format_npz,
    trn_format_safetensors, trn_format_mtx, trn_format_tsv, trn_format_word2vec, trn_format_binary,
    trn_format_glove;

/* In the order in which they are listed, and in which their first bytes are asked for. */
const trn_file_format_t *const trn_formats[] = {&trn_format_h5,       &trn_format_npy,
                                                &trn_format_npz,      &trn_format_safetensors,
                                                &trn_format_mtx,      &trn_format_tsv,
                                                &trn_format_word2vec, &trn_format_binary,
                                                &trn_format_glove,    NULL};

const trn_file_format_t *trn_format_by_name(const char *name) {
    for (int i = 0; trn_formats[i]; i++)
        if (strcmp(trn_formats[i]->name, name) == 0) return trn_formats[i];
    return NULL;
}

/* The table for readers -------------------------------------------------------------------------
 */

/* Append to line[room], of which *used are, what the format says. */
static void say(char *line, int room, int *used, const char *text) {
    int length = *used < room ? snprintf(line + *used, (size_t)(room - *used), "%s", text) : 0;
    *used += length;
}

/* Types of numbers, wide ones first. */
static void say_types(char *line, int room, int *used, unsigned types) {
    static const trn_dtype_t order[] = {TRN_F64, TRN_F32, TRN_F16, TRN_BF16, TRN_I64, TRN_I32,
                                        TRN_I16, TRN_I8,  TRN_U64, TRN_U32,  TRN_U16, TRN_U8};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (!(types >> order[i] & 1)) continue;
        say(line, room, used, trn_dtype_short(order[i]));
        say(line, room, used, " ");
    }
}

int trn_format_row(const trn_file_format_t *format, char *line, int room) {
    int used = 0;
    say(line, room, &used, "| `");
    say(line, room, &used, format->name);
    say(line, room, &used, "` | ");
    say(line, room, &used, format->title);
    say(line, room, &used, " | ");
    for (int e = 0; e < TRN_FORMAT_ENDINGS && format->endings[e]; e++) {
        say(line, room, &used, format->endings[e]);
        say(line, room, &used, " ");
    }
    say(line, room, &used, format->holds & TRN_MAY_BE_PACKED ? "(.gz .xz .zst .bz2) | " : "| ");
    say(line, room, &used, format->holds & TRN_HOLDS_MEMBERS ? "FILE:MEMBER | " : "one | ");
    say(line, room, &used,
        format->holds & TRN_NEEDS_NAMES   ? "in it, needed | "
        : format->holds & TRN_HOLDS_NAMES ? "in it, or FILE.vocab | "
                                          : "FILE.vocab | ");
    if (!format->begin) say(line, room, &used, "no ");
    say_types(line, room, &used, format->types);
    if (format->member) say(line, room, &used, "(as a member also f16 bf16) ");
    if (format->save_sparse) say(line, room, &used, "and sparse ");
    say(line, room, &used, "|");
    return used;
}

/* Endings -------------------------------------------------------------------------------------- */

/* Cut `ending` off text[*length] if that ends so, in any case of letters. */
static bool cut(const char *text, size_t *length, const char *ending) {
    size_t tail = strlen(ending);
    bool there = *length > tail && strncasecmp(text + *length - tail, ending, tail) == 0;
    if (there) *length -= tail;
    return there;
}

const trn_file_format_t *trn_format_by_ending(const char *path, bool *packed) {
    size_t length = strlen(path);
    bool more = cut(path, &length, ".gz") || cut(path, &length, ".xz") ||
                cut(path, &length, ".zst") || cut(path, &length, ".bz2");
    if (packed) *packed = more;
    for (int i = 0; trn_formats[i]; i++)
        for (int e = 0; e < TRN_FORMAT_ENDINGS && trn_formats[i]->endings[e]; e++)
            if (cut(path, &length, trn_formats[i]->endings[e])) return trn_formats[i];
    return NULL;
}

/* First bytes ---------------------------------------------------------------------------------- */

/* The first line is two whole numbers: the sizes of word2vec text. (A GloVe file of dimension 1
 * might begin so too; then the user must say.) */
static bool begins_with_sizes(const char *head) {
    const char *at = head;
    int numbers = 0;
    while (*at && *at != '\n') {
        at += strspn(at, " \t\r");
        size_t digits = strspn(at, "0123456789");
        if (digits == 0) break;
        numbers++;
        at += digits;
    }
    return numbers == 2 && (*at == '\n' || *at == '\0');
}

/* Of what has no signature: an ending that is a promise, else by the first line. */
static const trn_file_format_t *by_first_line(const char *path, const char *head, int64_t bytes) {
    const trn_file_format_t *named = trn_format_by_ending(path, NULL);
    const char *what, *cure;
    if (bytes == 0 || trn_magic_find(head, (size_t)bytes, &what, &cure)) return NULL;
    if (named && named != &trn_format_word2vec) return named; /* whose reader says what is wrong */
    if (memchr(head, '\0', (size_t)bytes)) return NULL;       /* no text */
    return begins_with_sizes(head) ? &trn_format_word2vec : &trn_format_glove;
}

/* The first bytes, unpacked. */
static trn_status_t read_head(const trn_input_t *input, char *head, int64_t most, int64_t *bytes) {
    trn_text_t *text;
    TRN_TRY(trn_text_open(&text, input, 0));
    trn_status_t status = TRN_OK;
    *bytes = 0;
    for (int64_t got = 1; got > 0 && *bytes < most && status == TRN_OK; *bytes += got) {
        got = 0;
        status = trn_text_read(text, head + *bytes, most - *bytes, &got);
    }
    return trn_text_end(&text, status);
}

/* What a file of no format here is, as far as anybody can tell. */
static trn_status_t refuse(const char *path, const char *head, int64_t bytes) {
    if (bytes == 0) return trn_fail(TRN_INPUT, "%s: the file is empty", path);
    TRN_TRY(trn_magic_refuse(path, "a matrix or vectors", head, (size_t)bytes));
    const char *nul = memchr(head, '\0', (size_t)bytes);
    long long line = 1;
    for (const char *at = head; nul && at < nul; at++)
        line += *at == '\n';
    if (nul)
        return trn_fail(
            TRN_INPUT,
            "%s:%lld: holds a NUL byte, so it is no text, and its first bytes are of no "
            "format that is known here; `trunnion help convert` lists them",
            path, line);
    return trn_fail(TRN_INPUT,
                    "%s: is none of the kinds of file that are known here; `trunnion help "
                    "convert` lists them",
                    path);
}

enum { HEAD = 4096 };

/* By the first bytes head[HEAD + 1], of which there are *bytes; they are read. */
static trn_status_t look_at_head(const trn_input_t *input, char *head, int64_t *bytes,
                                 const trn_file_format_t **format) {
    TRN_TRY(read_head(input, head, HEAD, bytes));
    head[*bytes] = '\0';
    for (int i = 0; trn_formats[i] && !*format; i++)
        if (trn_formats[i]->begins && trn_formats[i]->begins(head, *bytes))
            *format = trn_formats[i];
    return TRN_OK;
}

trn_status_t trn_format_by_head(const char *path, const trn_file_format_t **format) {
    char head[HEAD + 1];
    int64_t bytes;
    trn_input_t input = {.path = path, .content = TRN_CONTENT_ANY};
    *format = NULL;
    TRN_TRY(trn_input_look(&input));
    return input.stream ? TRN_OK : look_at_head(&input, head, &bytes, format);
}

trn_status_t trn_format_of(const char *path, const trn_file_format_t **format) {
    char head[HEAD + 1];
    int64_t bytes;
    trn_input_t input = {.path = path, .content = TRN_CONTENT_ANY};
    *format = NULL;
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_input_reread(&input, "its format must be found out first"));
    TRN_TRY(look_at_head(&input, head, &bytes, format));
    int mark = trn_mark_bytes(head, (size_t)bytes);
    if (!*format) *format = by_first_line(path, head + mark, bytes - mark);
    if (!*format) return refuse(path, head, bytes);
    if (input.coding != TRN_CODING_NONE && !((*format)->holds & TRN_MAY_BE_PACKED))
        return trn_fail(TRN_INPUT, "%s: is a compressed %s, which cannot be read; unpack it first",
                        path, (*format)->title);
    return TRN_OK;
}

/* Paths ---------------------------------------------------------------------------------------- */

static trn_status_t part(const char *path, size_t length, char **file, char **member) {
    const char *rest = path + length + (path[length] == ':');
    TRN_TRY(trn_strdup(file, path));
    (*file)[length] = '\0';
    trn_status_t status = trn_strdup(member, rest);
    if (status != TRN_OK) trn_free(file);
    return status;
}

bool trn_path_has_member(const char *path) {
    struct stat about;
    return strchr(path, ':') && stat(path, &about) != 0;
}

trn_status_t trn_path_cut(const char *path, bool output, char **file, char **member) {
    struct stat about;
    size_t whole = strlen(path);
    *file = *member = NULL;
    for (size_t at = whole; stat(path, &about) != 0 && at-- > 1;) {
        if (path[at] != ':') continue;
        TRN_TRY(part(path, at, file, member));
        const trn_file_format_t *format = trn_format_by_ending(*file, NULL);
        bool there =
            output ? format && format->holds & TRN_HOLDS_MEMBERS : stat(*file, &about) == 0;
        if (there) return TRN_OK;
        trn_free(file);
        trn_free(member);
    }
    return part(path, whole, file, member);
}
