#include "io/vectors_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER = 16 /* bytes of a space and the longest %.9g: -1.17549435e-38 */ };

static const char *const names[] = {"auto", "h5", "npy", "word2vec", "binary", "glove"};

trn_format_t trn_format_named(const char *name) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (trn_format_t)i;
    return TRN_FORMAT_AUTO;
}

static bool ends(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length > tail && strcmp(text + length - tail, ending) == 0;
}

trn_format_t trn_format_of_name(const char *path) {
    static const struct {
        const char *ending;
        trn_format_t format;
    } known[] = {{".h5", TRN_FORMAT_H5},        {".hdf5", TRN_FORMAT_H5},
                 {".npy", TRN_FORMAT_NPY},      {".bin", TRN_FORMAT_BINARY},
                 {".glove", TRN_FORMAT_GLOVE},  {".txt", TRN_FORMAT_WORD2VEC},
                 {".vec", TRN_FORMAT_WORD2VEC}, {NULL, TRN_FORMAT_AUTO}};
    int i = 0;
    while (known[i].ending && !ends(path, known[i].ending))
        i++;
    return known[i].format;
}

/* True if the first line is two whole numbers: the sizes of word2vec text. (A GloVe file of
 * dimension 1 might begin so too; then the user must say.) */
static bool is_head(const char *line) {
    char more;
    return strspn(line, "0123456789 \t\r") == strlen(line) &&
           sscanf(line, "%*s %*s %c", &more) != 1 && strpbrk(line + strspn(line, " \t"), " \t");
}

/* The format of a text: by its first line. */
static trn_status_t format_of_text(trn_format_t *format, const char *path) {
    trn_input_t input = {.path = path};
    TRN_TRY(trn_input_look(&input));
    trn_scan_t *scan;
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    char *line;
    int64_t bytes;
    trn_status_t status = trn_scan_until(scan, '\n', TRN_VECTORS_LONGEST_LINE, &line, &bytes);
    if (status == TRN_OK && !line) status = trn_fail(TRN_INPUT, "%s: the file is empty", path);
    if (status == TRN_OK) *format = is_head(line) ? TRN_FORMAT_WORD2VEC : TRN_FORMAT_GLOVE;
    return trn_scan_end(&scan, status);
}

trn_status_t trn_format_of_file(trn_format_t *format, const char *path) {
    enum { SIGNATURE = 8 };
    trn_input_t input = {.path = path, .content = TRN_CONTENT_ANY};
    *format = TRN_FORMAT_AUTO;
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_input_reread(&input, "its format must be found out first"));
    trn_scan_t *scan;
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    char *start;
    trn_status_t status = trn_scan_take(scan, SIGNATURE, &start);
    if (status == TRN_OK && start && memcmp(start, "\x89HDF\r\n\x1a\n", SIGNATURE) == 0)
        *format = TRN_FORMAT_H5;
    else if (status == TRN_OK && start && memcmp(start, "\x93NUMPY", 6) == 0)
        *format = TRN_FORMAT_NPY;
    else if (ends(path, ".bin") || strstr(path, ".bin."))
        *format = TRN_FORMAT_BINARY;
    status = trn_scan_end(&scan, status);
    if (status != TRN_OK || *format != TRN_FORMAT_AUTO) return status;
    return format_of_text(format, path);
}

trn_status_t trn_vectors_writable(trn_format_t format, int64_t rows, char *const *words,
                                  const char *path) {
    if (format == TRN_FORMAT_H5) return TRN_OK;
    for (int64_t i = 0; i < rows; i++)
        if (!words[i][0] || strpbrk(words[i], TRN_BLANKS "\n"))
            return trn_fail(TRN_INPUT,
                            "%s: the word '%.40s' (row %lld) is empty or holds a blank or a line "
                            "end, which only an .h5 file can keep; write .h5",
                            path, words[i], (long long)i + 1);
    return TRN_OK;
}

int64_t trn_vectors_encode_head(trn_format_t format, int64_t rows, int64_t dim, char head[64]) {
    if (format == TRN_FORMAT_GLOVE) return 0;
    return snprintf(head, 64, "%lld %lld\n", (long long)rows, (long long)dim);
}

int64_t trn_vectors_encode_bound(int64_t rows, int64_t dim, char *const *words) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < rows; i++)
        bytes += (int64_t)strlen(words[i]) + dim * NUMBER + 2;
    return bytes;
}

int64_t trn_vectors_encode(trn_format_t format, int64_t rows, int64_t dim, char *const *words,
                           const float *values, char *to) {
    const char *begin = to;
    for (int64_t i = 0; i < rows; i++, values += dim) {
        size_t length = strlen(words[i]);
        memcpy(to, words[i], length);
        to += length;
        if (format == TRN_FORMAT_BINARY) {
            *to++ = ' ';
            memcpy(to, values, (size_t)dim * sizeof *values);
            to += dim * (int64_t)sizeof *values;
        } else {
            for (int64_t j = 0; j < dim; j++)
                to += snprintf(to, NUMBER + 1, " %.9g", (double)values[j]);
        }
        *to++ = '\n';
    }
    return to - begin;
}
