/* vectors_line.c: what files of vectors consist of: lines of fields, or words in front of binary
 * rows. The pass of rank 0 and the reading of rows both rest on it. */
#include "io/vectors_impl.h"

#include <string.h>

char *trn_vectors_field(char **line) {
    char *field = *line + strspn(*line, TRN_BLANKS);
    if (!*field) return NULL;
    *line = field + strcspn(field, TRN_BLANKS);
    if (**line) *(*line)++ = '\0';
    return field;
}

trn_status_t trn_vectors_next_line(const trn_vectors_t *v, trn_scan_t *scan, char **line) {
    int64_t bytes;
    TRN_TRY(trn_scan_until(scan, '\n', TRN_VECTORS_LONGEST_LINE, line, &bytes));
    if (*line && strlen(*line) != (size_t)bytes) /* only a binary file's first line may */
        return trn_fail(TRN_INPUT, "%s:1: holds a NUL byte; is it a word2vec binary?", v->path);
    return TRN_OK;
}

trn_status_t trn_vectors_next_word(const trn_vectors_t *v, trn_scan_t *scan, char **word,
                                   int64_t *bytes, int64_t *ends) {
    int64_t longest = v->rules.overlong == TRN_OVERLONG_REFUSE ? TRN_VECTORS_LONGEST_WORD
                                                               : TRN_VECTORS_LONGEST_LINE;
    TRN_TRY(trn_scan_until(scan, ' ', longest, word, bytes));
    *ends = 0;
    while (*word && *ends < *bytes && (*word)[*ends] == '\n')
        ++*ends;
    if (*word) *word += *ends;
    *bytes -= *ends;
    return TRN_OK;
}

int64_t trn_vectors_line(const trn_vectors_t *v, int64_t row) {
    if (v->format == TRN_FORMAT_BINARY) return 0;
    return row + 1 + (v->format == TRN_FORMAT_WORD2VEC); /* its sizes stand before the first row */
}
