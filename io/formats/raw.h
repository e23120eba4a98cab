/* raw.h: rows of numbers that lie in a file without gaps from some byte on. */
#ifndef TRN_IO_FORMATS_RAW_H
#define TRN_IO_FORMATS_RAW_H

#include "base/dtype.h"
#include "base/status.h"
#include "io/text/input.h"
#include "kern/dense/convert.h"

#include <stdbool.h>
#include <stdint.h>

/* Where they lie. Set the first five fields, {0} for the rest. */
typedef struct trn_raw {
    const trn_input_t *input; /* borrowed: the file is to be the one that was looked at */
    int64_t offset;           /* of the first number */
    int64_t cols;
    trn_dtype_t type;
    bool swapped; /* byte order other than this machine's */
    bool open;
    int fd;
    char *piece; /* [TRN_RAW_PIECE] bytes to convert */
} trn_raw_t;

enum { TRN_RAW_PIECE = 1 << 18 };

/* values[rows x cols] of `type` = rows [first, first + rows); misfits are numbered along the rows.
 * Fails with TRN_INPUT (the file changed, or ends before), TRN_MEMORY, TRN_IO. Local. Cost: one
 * read of these rows, straight to their place if the type is theirs. */
trn_status_t trn_raw_read(trn_raw_t *raw, int64_t first, int64_t rows, trn_dtype_t type,
                          void *values, trn_misfit_t *misfit);

/* Close the file and free; it may be used again. Local. */
void trn_raw_close(trn_raw_t *raw);

#endif
