/* foreign.h: HDF5 files of others, read and added to by a child process.
 *
 * HDF5 1.10 can be brought to its end by what a file says of itself, and it takes whatever memory
 * a file asks for. So a process of its own, with limits on memory and time, holds the file open
 * and answers for it over a socket; when it dies the file is called damaged, and nothing else is
 * lost. In it no file but this one is opened, and no filter is used but HDF5's deflate, shuffle and
 * fletcher32, and our lzf. It ends with the process that made it. Sizes that it tells are checked
 * here before memory is taken.
 *
 * A dataset is read as raw numbers of the type that it has in the file. All functions are Local and
 * used by one thread at a time. */
#ifndef TRN_IO_FOREIGN_FOREIGN_H
#define TRN_IO_FOREIGN_FOREIGN_H

#include "base/dtype.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A file that a child process holds open. Opaque. */
typedef struct trn_foreign trn_foreign_t;

typedef enum trn_foreign_kind {
    TRN_FOREIGN_ARRAY, /* a dataset */
    TRN_FOREIGN_CSR,   /* a group of datasets data, indices, indptr: compressed rows ... */
    TRN_FOREIGN_CSC,   /* ... or columns */
    TRN_FOREIGN_INDEX  /* a group of columns, as AnnData has; `what` is the dataset that names rows
                        */
} trn_foreign_kind_t;

enum { TRN_FOREIGN_SIDES = 8, TRN_FOREIGN_WHAT = 160 };

/* One thing in a file. */
typedef struct trn_foreign_item {
    int64_t size;    /* of this record, name and all: a multiple of 8 */
    int32_t kind;    /* trn_foreign_kind_t */
    int32_t type;    /* trn_dtype_t; of a group: of its data. TRN_OTHER: `what` it is instead */
    int32_t swapped; /* numbers have the other byte order than this machine's */
    int32_t rank;    /* of an array; 2 of a group */
    int64_t extent[TRN_FOREIGN_SIDES]; /* those there are; of a group cols may be -1: not said */
    int64_t entries;                   /* of a group: numbers that are stored */
    int64_t bytes;                     /* in the file */
    char what[TRN_FOREIGN_WHAT];       /* name of the type; why it cannot be read if `flawed` */
    int64_t flawed;
    char name[]; /* "/group/data" */
} trn_foreign_item_t;

/* Let a child process open `path` for reading (borrowed until closed). Fails with TRN_INPUT: no
 * HDF5, damaged; TRN_IO: unreadable, no process; TRN_MEMORY. Cost: a fork. */
trn_status_t trn_foreign_open(trn_foreign_t **foreign, const char *path);

/* The same for writing: an HDF5 file that is there, or (`create`) an empty one to be made HDF5. */
trn_status_t trn_foreign_edit(trn_foreign_t **foreign, const char *path, bool create);

/* End the child, free and set the pointer to NULL; NULL is fine. After trn_foreign_edit: fails
 * with TRN_IO, TRN_INPUT if the file could not be closed well; else cannot fail. */
trn_status_t trn_foreign_close(trn_foreign_t **foreign);

/* Everything in the file, in the order of names: for (item = trn_foreign_first(f); item; item =
 * trn_foreign_next(f, item)). The list is asked for once. Fails with TRN_INPUT (damaged; more than
 * 100000 things, 64 MiB of names), TRN_MEMORY. */
trn_status_t trn_foreign_list(trn_foreign_t *foreign);
const trn_foreign_item_t *trn_foreign_first(const trn_foreign_t *foreign);
const trn_foreign_item_t *trn_foreign_next(const trn_foreign_t *foreign,
                                           const trn_foreign_item_t *item);

/* values[bytes] = rows [first, first + rows) of dataset `name` (of a list: numbers). Fails with
 * TRN_INPUT: damaged, other than `bytes` bytes; TRN_IO, TRN_MEMORY. Cost: chunks that hold these
 * rows are unpacked, each once if the rows of one call, or of those that follow, need it and 64 MiB
 * hold a band of chunks. */
trn_status_t trn_foreign_read(trn_foreign_t *foreign, const char *name, int64_t first, int64_t rows,
                              void *values, int64_t bytes);

/* Strings [first, first + count) of dataset `name`, of fixed or variable length: *text holds them,
 * each ended by NUL, in *bytes bytes; to be freed with trn_free. Fails likewise, and for strings of
 * more than 256 MiB. */
trn_status_t trn_foreign_strings(trn_foreign_t *foreign, const char *name, int64_t first,
                                 int64_t count, char **text, int64_t *bytes);

/* Make dataset `name` (groups too) of rows x cols numbers, its space allocated and not filled:
 * *offset is its first byte in the file, -1 if it has none. Then names of its rows, `count` strings
 * of which the next text[bytes] holds some; all must be put before the file is closed. Fail with
 * TRN_INPUT: there is such a dataset already, or the file is one of our stores; TRN_IO. */
trn_status_t trn_foreign_make(trn_foreign_t *foreign, const char *name, trn_dtype_t type,
                              int64_t rows, int64_t cols, int64_t *offset);
trn_status_t trn_foreign_make_strings(trn_foreign_t *foreign, const char *name, int64_t count);
trn_status_t trn_foreign_put_strings(trn_foreign_t *foreign, const char *name, int64_t first,
                                     int64_t count, const char *text, int64_t bytes);

#endif
