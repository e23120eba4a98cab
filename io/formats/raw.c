/* raw.c: rows of numbers that lie in a file without gaps (raw.h). */
#define _POSIX_C_SOURCE 200809L
#include "io/formats/raw.h"

#include "base/mem.h"
#include "io/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static trn_status_t open_file(trn_raw_t *raw) {
    if (raw->open) return TRN_OK;
    raw->fd = open(raw->input->path, O_RDONLY | O_CLOEXEC);
    if (raw->fd < 0)
        return trn_fail(TRN_IO, "%s: cannot open: %s; check the path", raw->input->path,
                        strerror(errno));
    raw->open = true;
    return TRN_OK;
}

/* In pieces that stay in cache until they are converted. */
static trn_status_t read_pieces(trn_raw_t *raw, int64_t first, int64_t count, trn_dtype_t type,
                                char *to, trn_misfit_t *misfit) {
    int64_t size = trn_dtype_size(raw->type), most = TRN_RAW_PIECE / size;
    if (!raw->piece) TRN_TRY(trn_alloc(&raw->piece, TRN_RAW_PIECE, 1, "numbers to convert"));
    for (int64_t done = 0, some; done < count; done += some) {
        some = count - done < most ? count - done : most;
        TRN_TRY(trn_bytes_read(raw->fd, raw->input->path, raw->offset + (first + done) * size,
                               raw->piece, some * size));
        trn_numbers_t from = {raw->type, raw->swapped, raw->piece, 1};
        trn_numbers_t into = {type, false, to + done * trn_dtype_size(type), 1};
        trn_convert(from, into, some, first + done, misfit);
    }
    return TRN_OK;
}

trn_status_t trn_raw_read(trn_raw_t *raw, int64_t first, int64_t rows, trn_dtype_t type,
                          void *values, trn_misfit_t *misfit) {
    int64_t size = trn_dtype_size(raw->type), at = first * raw->cols, count = rows * raw->cols;
    if (count == 0) return TRN_OK;
    TRN_TRY(open_file(raw));
    /* Before, so that a cut file is called what it is; after, for what was read may be of another.
     */
    TRN_TRY(trn_input_unchanged(raw->input, raw->fd));
    if (type == raw->type && !raw->swapped)
        TRN_TRY(trn_bytes_read(raw->fd, raw->input->path, raw->offset + at * size, values,
                               count * size));
    else
        TRN_TRY(read_pieces(raw, at, count, type, values, misfit));
    return trn_input_unchanged(raw->input, raw->fd);
}

void trn_raw_close(trn_raw_t *raw) {
    if (raw->open) close(raw->fd);
    raw->open = false;
    trn_free(&raw->piece);
}
