/* mtx.h: matrices in Matrix Market files (Boisvert, Pozo, Remington: "The Matrix Market Exchange
 * Formats", NISTIR 5935, 1996): a banner, comments, a line of sizes, then a number or an entry a
 * line.
 *
 * Read are `coordinate` (real, integer, unsigned-integer, pattern) and `array` (real, integer,
 * unsigned-integer; column by column) that are general, symmetric or skew-symmetric (only one
 * triangle is in the file, which of an array is the lower one), plain or compressed. A banner of
 * one % is as good as one of two. Blank lines and lines whose first other sign is % are skipped
 * anywhere; a data line longer than TRN_MTX_LINE is refused. Numbers may be nan or inf. Entries of
 * a pattern are 1. Entries of equal place are all handed out: who builds the matrix sums them. */
#ifndef TRN_IO_FORMATS_MTX_H
#define TRN_IO_FORMATS_MTX_H

#include "base/dtype.h"
#include "base/status.h"
#include "io/text/input.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRN_MTX_LINE = 1 << 16 /* bytes */ };

typedef enum trn_mtx_field { TRN_MTX_REAL, TRN_MTX_INTEGER, TRN_MTX_PATTERN } trn_mtx_field_t;
typedef enum trn_mtx_symmetry {
    TRN_MTX_GENERAL,
    TRN_MTX_SYMMETRIC,
    TRN_MTX_SKEW
} trn_mtx_symmetry_t;

/* What the head of a file says. Holds no resources and may be sent as bytes, but for `input`. */
typedef struct trn_mtx {
    trn_input_t input; /* as this rank saw it; its path is borrowed */
    bool array;        /* dense; else coordinate */
    trn_mtx_field_t field;
    trn_mtx_symmetry_t symmetry;
    int64_t rows, cols;
    int64_t entries;   /* lines of data that must follow */
    int64_t offset;    /* of the first byte behind the line of sizes, uncompressed */
    int64_t size_line; /* number of the line of sizes */
    /* For the caller to change: whole numbers that a float of so many binary digits (24 or, as
     * trn_mtx_open sets it, 53) cannot hold are refused or, if `lossy`, counted in a warning. */
    int digits;
    bool lossy;
} trn_mtx_t;

/* Read banner and sizes of `path`. Fails with TRN_INPUT naming FILE:LINE: missing, bad banner,
 * complex or hermitian, missing or bad sizes (negative, product above 2^63, a side of a sparse
 * one above 2^40, symmetric but not square, more than the file can hold); TRN_MEMORY, TRN_IO.
 * Local. */
trn_status_t trn_mtx_open(trn_mtx_t *mtx, const char *path);

/* Parse one line of data (ended by NUL): *entry gets row and column (from 0; untouched for an
 * array) and value; *held: it is exactly what the line says, or no whole number. Fails with
 * TRN_INPUT without file and line: too few or too many fields, no number, an index outside the
 * matrix or on the diagonal of a skew-symmetric one, a whole number that is not held. Local. */
trn_status_t trn_mtx_parse(const trn_mtx_t *mtx, const char *line, trn_triplet_t *entry,
                           bool *held);

/* Count an array's numbers: *before = those in the parts of the ranks before this one, 0 for a
 * coordinate file, which needs no count. Collective, equal arguments. Fails (agreed) with TRN_INPUT
 * (more or fewer than the sizes say), TRN_MEMORY, TRN_IO. Cost: one read of the file. */
trn_status_t trn_mtx_count(MPI_Comm comm, const trn_mtx_t *mtx, const char *path, int64_t *before);

/* Bring every entry, and the mirror image of one of a symmetric matrix, to the rank that
 * `to->owner` names, by `to->take` (`to->give` is not used), through trn_sparse_route; `before`
 * comes from trn_mtx_count. Each rank reads an even share of a plain file's bytes, cut at line
 * ends; rank 0 alone reads a compressed file. Collective, equal arguments. Fails (agreed) with
 * TRN_INPUT naming FILE:LINE (as trn_mtx_parse; other number of entries than the sizes say; entries
 * on both sides of the diagonal of a symmetric matrix, for nobody knows whether they are to be
 * added), TRN_MEMORY, TRN_IO and as `take` and trn_sparse_route do. Cost: trn_sparse_route. */
trn_status_t trn_mtx_route(MPI_Comm comm, const trn_mtx_t *mtx, const char *path, int64_t before,
                           const trn_route_t *to, int64_t batch);

/* Read everything and see that it is sound. Collective, equal arguments. Fails as trn_mtx_count and
 * trn_mtx_route do. */
trn_status_t trn_mtx_verify(MPI_Comm comm, const trn_mtx_t *mtx, const char *path);

/* Write a matrix of rows x cols cut into row bands, of which this rank has `own` rows, numbers of
 * `type` (float32, float64 or whole, not bool) without gaps, as `array real` or `integer general`;
 * or a sparse one (every rank its rows [first_row, first_row + rows), in rank order and of all
 * columns; `rows` and `cols` of the whole) as `coordinate real general` or `pattern`: float64 as
 * %.17g, float32 as %.9g, so that every value comes back. Equal content gives equal files. Whole or
 * not at all (io/joint.h). Collective. Fails (agreed) with TRN_IO, TRN_MEMORY. Memory: 1 MiB, and
 * 24 bytes a column of a dense matrix. Cost: numbers are formatted twice, first to know where each
 * rank's lines go. */
trn_status_t trn_mtx_write_dense(MPI_Comm comm, const char *path, int64_t rows, int64_t cols,
                                 trn_dtype_t type, int64_t own, const void *values);
trn_status_t trn_mtx_write_sparse(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t rows, int64_t cols);

/* Entries that are under way at a time when a file of so many is routed; for plans, too. Local. */
int64_t trn_mtx_batch(int64_t entries);

#endif
