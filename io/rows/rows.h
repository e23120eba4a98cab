/* rows.h: any file as a matrix whose rows pass by in blocks, and any such matrix into a file.
 *
 * A path names a file or, as FILE:MEMBER, one of several matrices in it: a dataset of HDF5 ("M.h5:
 * /entity/values"), a tensor of safetensors or of its index, an array of .npz. Without MEMBER it is
 * the one that the kind of store means, or the only one there is. What kind of file it is its first
 * bytes say, and the ending, in any case, where they do not (io/formats/format.h has the table).
 *
 * Rows lie in blocks of a size that the matrix alone decides; of k blocks rank r of P owns [kr/P,
 * k(r+1)/P). They are handed out as views: of what lies in memory if all of this rank's rows fit
 * under --memory, else of one buffer into which each block is read anew in every pass. So bits
 * depend neither on ranks nor on memory.
 *
 * A program looks like this:
 *
 *     TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
 *     TRN_OR(done, trn_rows_hold(rows, trn_rows_usual_block(about->rows), TRN_F64, work_bytes));
 *     TRN_OR(done, trn_reduce_tree(comm, trn_rows_blocks(rows), width, leaf, &job, sums));
 *     TRN_OR(done, trn_rows_outcome(rows));
 *
 * where leaf(user, block, values) looks at trn_rows_block(rows, block). */
#ifndef TRN_IO_ROWS_ROWS_H
#define TRN_IO_ROWS_ROWS_H

#include "base/dtype.h"
#include "base/status.h"
#include "io/text/magic.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Reading -------------------------------------------------------------------------------------- */

/* A matrix in a file, open for reading. Opaque. */
typedef struct trn_rows trn_rows_t;

/* How to open a file; {0}: find out everything. Texts are borrowed until it is open. */
typedef struct trn_rows_how {
    const char *format; /* a name in the table of formats; NULL or "auto": find out */
    const char *names; /* file with the names of the rows, the first field of each line; NULL: those
                        * in the file itself, else PATH.vocab if there is one */
    bool lossy;        /* numbers that the type asked for cannot hold (kern/dense/convert.h) are
                        * rounded and counted in a warning, not refused */
} trn_rows_how_t;

/* What a matrix is. Plain data; texts belong to the open matrix. */
typedef struct trn_rows_about {
    const char *format; /* name in the table of formats */
    const char *member; /* "" if the file has but one matrix */
    int64_t rows, cols; /* either may be 0 */
    int64_t entries;    /* numbers stored: rows x cols if dense; lines of a .mtx file, where a
                         * symmetric matrix has about half */
    bool sparse;
    bool routed;         /* its entries have no order by rows: they come into memory as a whole */
    bool flat;           /* one-dimensional in the file: a list of numbers, read as a column */
    bool mirrored;       /* about half of its entries are in the file */
    trn_coding_t coding; /* of the whole file */
    bool named;          /* trn_rows_names gives names */
    bool names_inside;   /* they stand in the file itself, not in a list beside it */
    trn_dtype_t type;    /* of the numbers in the file; float64 for text */
    trn_matrix_type_t real; /* the narrower of float32 and float64 that is meant for such numbers;
                             * float64 also for whole ones of 4 and 8 bytes */
} trn_rows_about_t;

/* Open the matrix that `path` names and look at what it is, not at its numbers (names of a text are
 * read with it). `comm` is borrowed. Collective, equal arguments. Fails (agreed) with TRN_INPUT
 * naming FILE:LINE, field or member (missing, damaged, none or several matrices, a foreign kind of
 * file, which is then named), TRN_USAGE (no such format), TRN_MEMORY, TRN_IO (in use, unreadable).
 */
trn_status_t trn_rows_open(trn_rows_t **rows, MPI_Comm comm, const char *path,
                           const trn_rows_how_t *how);

/* Free, close and set the pointer to NULL; NULL is fine. Local. */
void trn_rows_close(trn_rows_t **rows);

/* What it is, and the path as given; borrowed. Local. */
const trn_rows_about_t *trn_rows_about(const trn_rows_t *rows);
const char *trn_rows_path(const trn_rows_t *rows);

/* Whether a list of names lies beside `file`, as FILE.vocab. Local. */
bool trn_rows_listed(const char *file);

/* The names of all rows on every rank: one allocation, to be freed with trn_free. Collective. Fails
 * (agreed) with TRN_INPUT (no names, other number of them than rows), TRN_MEMORY, TRN_IO. */
trn_status_t trn_rows_names(trn_rows_t *rows, char ***names);

/* The names of rows [first, first + count) on this rank, whatever others ask for; freed likewise.
 * Collective. Fails as above. Memory: 4096 names beside what is asked for. Cost: every name is read
 * once, by rank 0. */
trn_status_t trn_rows_some_names(trn_rows_t *rows, int64_t first, int64_t count, char ***names);

/* The names of open rows on their way into a file, some at a time. Start with {rows}. */
typedef struct trn_names_feed {
    trn_rows_t *rows; /* borrowed, named */
    char **block;     /* those handed on last; rank 0 */
} trn_names_feed_t;

/* *names = those from `first` to first + count, a block of 4096 or what is left, on rank 0,
 * borrowed until the next call; count 0 frees them. `self` is a trn_names_feed_t; `name` is not
 * looked at: the shape of trn_strings_t (io/store/store.h). Collective. Fails (agreed) as
 * trn_rows_names. */
trn_status_t trn_rows_feed(void *self, const char *name, int64_t first, int64_t count,
                           const char *const **names);

/* Where names come from that no rank holds at once, of the shape of trn_rows_feed: *names = those
 * from `first` to first + count on rank 0, in order and at most 4096 at a time; count 0 ends it.
 * Collective; fails (agreed). */
typedef trn_status_t (*trn_names_source_t)(void *self, const char *name, int64_t first,
                                           int64_t count, const char *const **names);

/* The names of `rows` rows that a function hands on to rank 0, in order and 4096 at a time: *bytes
 * = those of all with their NULs, there; and those of rows [first, first + count) on this rank, one
 * allocation. Collective. Fail (agreed) as `source`, and with TRN_MEMORY. Cost: one call a block;
 * the second sends every name to every rank. */
trn_status_t trn_names_bytes(trn_names_source_t source, void *self, int64_t rows, int64_t *bytes);
trn_status_t trn_names_own(MPI_Comm comm, trn_names_source_t source, void *self, int64_t rows,
                           int64_t first, int64_t count, char ***names);

/* Rows of a block that serves most purposes: 512, and up to four times as many where that leaves
 * blocks enough. Depends on `rows` alone. Local. */
int64_t trn_rows_usual_block(int64_t rows);

/* Get ready to hand out blocks of `block` rows as numbers of `type` (float32 or float64), all from
 * memory if the rank's rows fit beside `reserve` bytes that the caller will yet take, else one at a
 * time. A sparse matrix is filled up with zeros, block by block. Files without order (Matrix
 * Market, compressed columns) come into memory as they are. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT, TRN_MEMORY, TRN_IO. Cost: one read of the rank's rows if they stay in
 * memory; else that in every pass. */
trn_status_t trn_rows_hold(trn_rows_t *rows, int64_t block, trn_dtype_t type, int64_t reserve);

/* After trn_rows_hold: the number of blocks, this rank's first and how many; bytes that holding
 * takes on this rank; whether the rows stay in memory. Local. */
int64_t trn_rows_blocks(const trn_rows_t *rows);
int64_t trn_rows_first_block(const trn_rows_t *rows);
int64_t trn_rows_own_blocks(const trn_rows_t *rows);
bool trn_rows_resident(const trn_rows_t *rows);

/* The rows of one of this rank's blocks, [block x cols], the last block maybe shorter; valid until
 * the next call. A failure to read is kept for trn_rows_outcome, and zeros stand for the rows, so
 * that no message waits in vain. Local. */
trn_view_t trn_rows_block(trn_rows_t *rows, int64_t block);

/* How reading went since the last call, on all ranks: call it after every pass. Numbers that do not
 * fit are refused or warned of here, once. Collective. Fails (agreed) with TRN_INPUT (FILE and row,
 * FILE:LINE), TRN_MEMORY, TRN_IO. */
trn_status_t trn_rows_outcome(trn_rows_t *rows);

/* The whole matrix in bands of rows: `dist` cuts rows only, band r on rank r, and is borrowed by
 * the matrix. A sparse file is filled up with zeros. Collective, equal arguments. Fails (agreed)
 * with TRN_INPUT, TRN_USAGE (dist), TRN_MEMORY, TRN_IO. Cost: each rank reads its rows; what has no
 * order is read once by all together, and every number travels to its owner. */
trn_status_t trn_rows_load(trn_rows_t *rows, trn_matrix_type_t type, const trn_dist_t *dist,
                           trn_matrix_t **out);

/* This rank's band of a sparse matrix (`type` F32 or F64); ranks without one get an empty block.
 * Entries of one place are summed in float64, by ascending value, and counted in one warning.
 * Collective, equal arguments. Fails (agreed) as trn_rows_load, and with TRN_INPUT for a dense file
 * or 2^31 columns and more. Memory: of files without order about 52 bytes an entry while the rows
 * are made. */
trn_status_t trn_rows_load_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out);

/* Rows [first, first + count) as numbers of any type but bool, without gaps, at values. For what
 * has order only, or after trn_rows_hold of one's own rows. Failures are returned, misfits kept for
 * trn_rows_outcome. Local. Cost: a read of these rows; compressed: of all before them unless they
 * follow what was read last. */
trn_status_t trn_rows_read(trn_rows_t *rows, int64_t first, int64_t count, trn_dtype_t type,
                           void *values);

/* The same of a sparse file with order: rows [first, first + count) as a block of `type`, F32 or
 * F64. Local. Fails likewise. */
trn_status_t trn_rows_read_sparse(trn_rows_t *rows, int64_t first, int64_t count,
                                  trn_sparse_type_t type, trn_sparse_t **out);

/* Rows of a file without order, moved: its row i becomes row place[i] of those that `dist` cuts
 * into bands as in trn_rows_load, or is left out where place[i] is -1; no row comes twice. place[]
 * has a number for every row of the file. A sparse file becomes *sparse, of float64, or, as does a
 * dense one, values[own rows x cols] of float64 where `sparse` is NULL. Collective, equal arguments
 * but for values. Fails (agreed) as trn_rows_load. Cost: each entry travels once. */
trn_status_t trn_rows_load_moved(trn_rows_t *rows, const int64_t *place, const trn_dist_t *dist,
                                 trn_sparse_t **sparse, double *values);

/* Read everything and see that it is sound: checksums, lines, numbers. Collective. Fails (agreed)
 * as reading does. Cost: one read of the file. */
trn_status_t trn_rows_verify(trn_rows_t *rows);

/* What its format has to tell beside sizes: layout, order. Adds to an object. Local. */
void trn_rows_tell(trn_rows_t *rows, json_t *into);

/* Writing -------------------------------------------------------------------------------------- */

/* A matrix on its way into a file. Opaque. */
typedef struct trn_rows_out trn_rows_out_t;

/* What is to be written. Everything is borrowed until trn_rows_create returns, names_of, names and
 * ids until trn_rows_commit. */
typedef struct trn_rows_make {
    const char *format; /* a name in the table of formats; NULL or "auto": by the ending */
    int64_t rows, cols;
    int64_t own_first, own_rows;   /* what this rank will write: the bands of all ranks follow each
                                    * other, in rank order */
    trn_dtype_t type;              /* of numbers in the file; text: how many digits */
    trn_rows_t *names_of;          /* open rows whose names go along, if they have any; or NULL */
    char *const *names;            /* or these, on every rank; or NULL */
    trn_names_source_t some_names; /* or these, asked for in order; or NULL */
    void *names_self;              /* of some_names */
    const char *names_file; /* where names go that the format cannot hold; NULL: PATH.vocab */
    const int64_t *ids; /* [rows] on every rank: the numbers that these rows had in another matrix,
                         * which a store of ours keeps as /ids; or NULL */
    bool flat;          /* one column is written one-dimensional, as .npy, safetensors and stores
                         * can */
    bool lossy;         /* what does not fit is rounded and counted, not refused */
    /* A store notes these. */
    const char *created_by;
    const json_t *params;
    uint64_t seed;
} trn_rows_make_t;

/* Whether such a file could be written: the format exists, can be written and holds this (sparse,
 * type, names), the directory takes files. trn_rows_create asks the same; ask earlier when there is
 * much work before it. Collective, equal arguments. Fails (agreed) with TRN_USAGE, TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_rows_place(MPI_Comm comm, const char *path, const trn_rows_make_t *make,
                            bool sparse);

/* Begin to write a dense matrix. FILE.h5:/group/data adds a dataset to an HDF5 file that is there
 * (to a copy of it, which takes its place in the end), or makes one; a store of ours with names is
 * of kind "embedding" if it is of float32, else "matrix". Collective, equal arguments. Fails
 * (agreed) with TRN_USAGE, TRN_INPUT (a name that the format cannot hold), TRN_MEMORY, TRN_IO. */
trn_status_t trn_rows_create(trn_rows_out_t **out, MPI_Comm comm, const char *path,
                             const trn_rows_make_t *make);

/* Write rows [first, first + rows) from values, numbers of `type` without gaps. A rank's pieces
 * follow each other without gaps; the bands of all ranks cover every row once, in rank order.
 * Local. Fails with TRN_IO, TRN_MEMORY; the failure must still be brought to trn_rows_commit. */
trn_status_t trn_rows_write(trn_rows_out_t *out, int64_t first, int64_t rows, trn_dtype_t type,
                            const void *values);

/* `status` is this rank's outcome so far. If all are well, the file appears, whole, else nothing.
 * Frees `out` either way; NULL on all ranks is fine. Collective. Fails (agreed) as given, with
 * TRN_INPUT (numbers that do not fit; names), TRN_MEMORY, TRN_IO. */
trn_status_t trn_rows_commit(trn_rows_out_t **out, trn_status_t status);

/* For plans: what creating, writing and committing such a file takes on a rank that writes
 * make->own_rows of its rows, beside what the caller holds; names of open rows count with a guess
 * of their length. `first`: it is rank 0. 0 for a path that cannot be written. Local. */
int64_t trn_rows_write_bytes(const char *path, const trn_rows_make_t *make, bool first);

/* Save a matrix cut into row bands: the three steps above; make->rows, cols and type (if it is
 * TRN_OTHER) are the matrix's own. Collective, equal arguments. Fails (agreed) as they do. */
trn_status_t trn_rows_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                           const trn_rows_make_t *make);

/* Save a sparse matrix of which rank r has the r-th band of rows, of all make->cols columns, of
 * float32 or float64 (.mtx: also a pattern); make->rows are all bands' together. Collective, equal
 * arguments but for the band. Fails (agreed) likewise; only stores and .mtx hold such. */
trn_status_t trn_rows_save_sparse(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  const trn_rows_make_t *make);

#endif
