#include "io/share.h"

#include "base/mem.h"
#include "io/text.h"
#include "mpi/agree.h"

#include <string.h>

enum { PIECE = 1 << 30 /* MPI counts are ints */, READ_BYTES = 1 << 20 };

trn_status_t trn_share(MPI_Comm comm, void *data, int64_t *bytes, const char *what) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Bcast(bytes, 1, MPI_INT64_T, 0, comm);
    char *to = NULL;
    trn_status_t status = TRN_OK;
    if (rank == 0)
        memcpy(&to, data, sizeof to); /* data is a T** of any T */
    else
        status = trn_alloc(&to, *bytes, 1, what);
    if ((status = trn_agree(comm, status)) != TRN_OK) {
        if (rank != 0) trn_free(&to);
        return status;
    }
    for (int64_t at = 0; at < *bytes; at += PIECE) {
        int64_t some = *bytes - at < PIECE ? *bytes - at : PIECE;
        MPI_Bcast(to + at, (int)some, MPI_BYTE, 0, comm);
    }
    memcpy(data, &to, sizeof to);
    return TRN_OK;
}

/* *text = the content and a NUL behind it; *bytes counts both. */
static trn_status_t read_all(const char *path, char **text, int64_t *bytes) {
    trn_text_t *stream;
    TRN_TRY(trn_text_open(&stream, path, 0));
    int64_t capacity = READ_BYTES, used = 0, got = 0;
    trn_status_t status;
    TRN_OR(done, trn_alloc(text, capacity, 1, path));
    do {
        used += got;
        if (used + 1 == capacity) TRN_OR(done, trn_realloc(text, capacity *= 2, 1, path));
        TRN_OR(done, trn_text_read(stream, *text + used, capacity - used - 1, &got));
    } while (got > 0);
    (*text)[used] = '\0';
    *bytes = used + 1;
    if (strlen(*text) != (size_t)used)
        status = trn_fail(TRN_INPUT, "%s: byte %zu is NUL; this is not a text file", path,
                          strlen(*text));
done:
    trn_text_close(&stream);
    if (status != TRN_OK) trn_free(text);
    return status;
}

trn_status_t trn_share_file(MPI_Comm comm, const char *path, char **text) {
    *text = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t bytes = 0;
    TRN_AGREE(comm, rank == 0 ? read_all(path, text, &bytes) : TRN_OK);
    trn_status_t status = trn_share(comm, text, &bytes, path);
    if (status != TRN_OK) trn_free(text);
    return status;
}

trn_status_t trn_words_list(int64_t count, const char *text, int64_t bytes, char ***words) {
    int64_t table = count * (int64_t)sizeof(char *);
    TRN_TRY(trn_alloc(words, table + bytes, 1, "the vocabulary"));
    char *copy = (char *)*words + table;
    if (bytes > 0) memcpy(copy, text, (size_t)bytes);
    for (int64_t i = 0; i < count; i++) {
        (*words)[i] = copy;
        copy += strlen(copy) + 1;
    }
    return TRN_OK;
}
