/* names.c: lists of names in one allocation. */
#include "io/formats/names.h"

#include "base/mem.h"

#include <string.h>

int64_t trn_names_bytes(int64_t count, char *const *names) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += (int64_t)strlen(names[i]) + 1;
    return bytes;
}

trn_status_t trn_names_copy(int64_t count, char *const *names, char ***copy) {
    int64_t pointers = count * (int64_t)sizeof(char *);
    TRN_TRY(trn_alloc(copy, pointers + trn_names_bytes(count, names), 1, "names of rows"));
    char *to = (char *)*copy + pointers;
    for (int64_t i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]) + 1;
        (*copy)[i] = memcpy(to, names[i], bytes);
        to += bytes;
    }
    return TRN_OK;
}
