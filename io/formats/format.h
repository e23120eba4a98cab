/* format.h: the table of formats: one row each, and all that the rest of the program knows of them.
 *
 * A format is one file here that defines its row, trn_format_x, and a line in formats.c. io/rows
 * opens files through it; `convert`, `info`, help and the README's table follow from it. */
#ifndef TRN_IO_FORMATS_FORMAT_H
#define TRN_IO_FORMATS_FORMAT_H

#include "base/dtype.h"
#include "base/status.h"
#include "io/text/input.h"
#include "kern/dense/convert.h"
#include "mpi/sparse/sparse.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct trn_file_format trn_file_format_t;

/* A matrix in an open file, as its format sees it. Formats fill in what follows `member` when they
 * open; equal on all ranks but for `self`. */
typedef struct trn_source {
    const trn_file_format_t *format;
    MPI_Comm comm;     /* borrowed */
    char *path;        /* of the file alone */
    char *member;      /* "" : not said; the format puts what it chose */
    trn_input_t input; /* the file as this rank saw it, of any content; not of a stream */
    int64_t rows, cols, entries;
    trn_dtype_t type;
    bool sparse;
    bool named;    /* the file itself has names for its rows */
    bool mirrored; /* about half of its entries are in the file */
    bool routed;   /* its entries have no order: `route`, not `read` */
    bool flat;     /* one-dimensional: a list of numbers, which is a column */
    bool plain;    /* has nothing to verify but that its rows can be read */
    bool asked;    /* the format was said, not found out */
    bool lossy;    /* see trn_rows_how_t */
    void *self;    /* the format's own */
} trn_source_t;

/* One thing in a file, for `info`. */
typedef struct trn_item {
    const char *name, *type; /* type as NumPy names it, or the reason why it cannot be read */
    int rank;
    int64_t extent[8];
    int64_t bytes; /* that it takes in the file */
} trn_item_t;

/* A matrix on its way into a file; formats fill in `self`. Equal on all ranks but for what is said
 * to be a rank's. */
typedef struct trn_sink {
    const trn_file_format_t *format;
    MPI_Comm comm;
    char *path, *member; /* member "": none */
    int64_t rows, cols;
    trn_dtype_t type;
    bool named;
    bool words;         /* for the format: some name is no number */
    bool flat;          /* one column, to be one-dimensional where the format tells these apart */
    const int64_t *ids; /* [rows] numbers of the rows they were, for a store; or NULL */
    /* Names of the rows: those of this rank's [own_first, own_first + own_rows), for a format that
     * writes them beside the numbers; or in blocks, as trn_strings_t of io/store/store.h. */
    char **own_names;
    int64_t own_first, own_rows;
    int64_t names_bytes; /* of all, with their NULs; rank 0's counts */
    trn_status_t (*some_names)(void *self, const char *name, int64_t first, int64_t count,
                               const char *const **names);
    void *names_self;
    const char *created_by;
    const json_t *params;
    uint64_t seed;
    void *self;
} trn_sink_t;

enum { TRN_FORMAT_ENDINGS = 4 };

/* What a format holds. */
enum {
    TRN_HOLDS_SPARSE = 1,
    TRN_HOLDS_NAMES = 2,   /* of rows, beside the numbers */
    TRN_HOLDS_MEMBERS = 4, /* several matrices: FILE:MEMBER */
    TRN_MAY_BE_PACKED = 8, /* read also with a further .gz .xz .zst .bz2 */
    TRN_NEEDS_NAMES = 16,  /* cannot be written without */
    TRN_OWN_NAMES = 32     /* writes own_names; else some_names */
};

struct trn_file_format {
    const char *name, *title;                /* "npy", "NumPy array" */
    const char *endings[TRN_FORMAT_ENDINGS]; /* ".npy"; the first is the usual one */
    int holds;
    unsigned types;  /* bit 1 << type: it can be written */
    unsigned member; /* the same of FILE:MEMBER, where such are written in another way; else 0 */

    /* Whether a file begins so: head[bytes] are its first bytes, unpacked. NULL: only by ending. */
    bool (*begins)(const char *head, int64_t bytes);

    /* Fill in the source. Collective; fails (agreed). close frees `self`: Local. */
    trn_status_t (*open)(trn_source_t *source);
    void (*close)(trn_source_t *source);

    /* Dense rows [first, first + rows) to values, numbers of `type` without gaps; misfits are
     * numbered along the rows of the file. Local. */
    trn_status_t (*read)(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                         void *values, trn_misfit_t *misfit);

    /* The rows of a sparse source at `place`, all columns. Local. NULL: it has none, or no order.
     */
    trn_status_t (*read_sparse)(trn_source_t *source, trn_sparse_type_t type, trn_extent_t place,
                                trn_sparse_t **out, trn_misfit_t *misfit);

    /* See that there are as many entries as the sizes say, before memory is taken for them; may be
     * NULL. Collective; fails (agreed). */
    trn_status_t (*count)(trn_source_t *source);

    /* Every entry to its owner: to->owner and to->take of a route. Collective; fails (agreed). */
    trn_status_t (*route)(trn_source_t *source, trn_dtype_t type, const trn_route_t *to);

    /* Names [first, first + count) on rank 0, asked for in order and in blocks of 4096: *names is
     * one allocation there, NULL elsewhere. Collective; fails (agreed). */
    trn_status_t (*names)(trn_source_t *source, int64_t first, int64_t count, char ***names);

    /* Read all and see that it is sound. NULL: reading all rows does that. Collective; fails
     * (agreed). */
    trn_status_t (*verify)(trn_source_t *source);

    /* What else is worth telling, for `info`. May be NULL. Local. */
    void (*tell)(trn_source_t *source, json_t *into);

    /* Call visit for everything in the file; texts are borrowed for the call. Collective, visit
     * runs on rank 0 only; fails (agreed). NULL: there is one matrix. */
    trn_status_t (*list)(MPI_Comm comm, const char *path,
                         void (*visit)(void *user, const trn_item_t *item), void *user);

    /* begin: Collective, fails (agreed). put: this rank's rows in order, numbers of sink->type;
     * Local. finish: Collective, fails (agreed); `status` is agreed before, and says whether there
     * is to be a file at all; frees `self`. NULL: it cannot be written. */
    trn_status_t (*begin)(trn_sink_t *sink);
    trn_status_t (*put)(trn_sink_t *sink, int64_t first, int64_t rows, const void *values);
    trn_status_t (*finish)(trn_sink_t *sink, trn_status_t status);

    /* For plans: what writing takes on a rank beside its rows, of a sink without `self`, whose
     * names_bytes are this rank's own; `first`: it is rank 0. NULL: next to nothing. Local. */
    int64_t (*write_bytes)(const trn_sink_t *sink, bool first);

    /* All of a sparse matrix of which each rank has its band of rows, whole or not at all; `self`
     * of the sink is not used. NULL: it holds none. Collective; fails (agreed). */
    trn_status_t (*save_sparse)(const trn_sink_t *sink, const trn_sparse_t *sparse);
};

/* The names of all formats for a CHOICE parameter, in the order of the table. */
#define TRN_FORMAT_CHOICES "auto|h5|npy|npz|safetensors|mtx|tsv|word2vec|binary|glove"

/* All formats, ended by NULL; and the one of that name, NULL: there is none. Local. */
extern const trn_file_format_t *const trn_formats[];
const trn_file_format_t *trn_format_by_name(const char *name);

/* A row of the table for readers, as README.md has it, between bars: name, title, endings, what can
 * be packed, whether it is read, what is written, whether FILE:MEMBER is, where names of rows are.
 * Returns bytes used of line[room]. Local. */
int trn_format_row(const trn_file_format_t *format, char *line, int room);

/* The format that the ending of `path` names, in any case; *packed (may be NULL): a further .gz .xz
 * .zst or .bz2. NULL: none. Local. */
const trn_file_format_t *trn_format_by_ending(const char *path, bool *packed);

/* What `path` holds: by its first bytes, unpacked, then by its ending. Fails with TRN_INPUT
 * (missing, empty; a foreign kind, which is named), TRN_IO, TRN_MEMORY. Local, on rank 0. */
trn_status_t trn_format_of(const char *path, const trn_file_format_t **format);

/* The format whose first bytes `path` has, unpacked, *format = NULL if they are none's, as those of
 * text other than Matrix Market's, or if it is a pipe. Fails with TRN_INPUT (missing), TRN_IO,
 * TRN_MEMORY. Local, on rank 0. */
trn_status_t trn_format_by_head(const char *path, const trn_file_format_t **format);

/* Cut "FILE:MEMBER" where FILE is there (or, if `output`, where an ending is that of a format with
 * members); a file whose own name has a colon goes first. *member is "" without one. Both to be
 * freed with trn_free. Local; to be done on rank 0 and broadcast. Fails with TRN_MEMORY. */
trn_status_t trn_path_cut(const char *path, bool output, char **file, char **member);

/* Whether `path` is no file that is there but may name a member of one. Local; likewise. */
bool trn_path_has_member(const char *path);

#endif
