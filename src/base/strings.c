/* strings.c: pointers first, the text behind them (strings.h). */
#include "base/strings.h"

#include "base/mem.h"

#include <string.h>

/* One allocation, so that one trn_free ends it. */
trn_status_t trn_strings_make(int64_t count, const char *text, int64_t bytes, char ***strings) {
    int64_t table = count * (int64_t)sizeof(char *);
    TRN_TRY(trn_alloc(strings, table + bytes, 1, "a list of words"));
    char *copy = (char *)*strings + table;
    if (bytes > 0) memcpy(copy, text, (size_t)bytes);
    for (int64_t i = 0; i < count; i++) {
        (*strings)[i] = copy;
        copy += strlen(copy) + 1;
    }
    return TRN_OK;
}

int64_t trn_strings_bytes(int64_t count, char *const *strings) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += (int64_t)strlen(strings[i]) + 1;
    return bytes;
}

trn_status_t trn_strings_copy(int64_t count, char *const *strings, char ***copy) {
    int64_t pointers = count * (int64_t)sizeof(char *);
    TRN_TRY(trn_alloc(copy, pointers + trn_strings_bytes(count, strings), 1, "strings"));
    char *to = (char *)*copy + pointers;
    for (int64_t i = 0; i < count; i++) {
        size_t bytes = strlen(strings[i]) + 1;
        (*copy)[i] = memcpy(to, strings[i], bytes);
        to += bytes;
    }
    return TRN_OK;
}
