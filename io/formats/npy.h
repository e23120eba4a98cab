/* npy.h: two-dimensional arrays of numbers in NumPy's .npy files (NumPy Enhancement Proposal 1:
 * magic, version, a Python dictionary as text, raw elements), plain or compressed. */
#ifndef TRN_IO_FORMATS_NPY_H
#define TRN_IO_FORMATS_NPY_H

#include "base/dtype.h"
#include "base/status.h"
#include "io/formats/format.h"
#include "io/text/input.h"
#include "kern/dense/convert.h"
#include "mpi/matrix.h"

#include <stdbool.h>
#include <stdint.h>

/* What a file's header says. Holds no resources and may be sent as bytes, but for `input`. */
typedef struct trn_npy {
    trn_input_t input;  /* as this rank saw it; its path is borrowed */
    int64_t rows, cols; /* either may be 0 */
    int64_t offset;     /* byte of the first element */
    trn_dtype_t type;   /* of numbers */
    bool swapped;       /* byte order other than this machine's */
    bool fortran;       /* columns lie together rather than rows */
    bool flat;          /* one-dimensional: a column */
} trn_npy_t;

enum { TRN_NPY_HEADER = 128 /* bytes that trn_npy_header writes */ };

/* Read the header of `path` (versions 1, 2 and 3; floating point of 2, 4 and 8 bytes, integers and
 * bool of either byte order, C or Fortran order). Fails with TRN_INPUT: missing, no .npy, damaged
 * header, another type (objects and complex numbers among them), not two-dimensional, more or fewer
 * bytes than the shape needs (of a compressed file: told when it is read). Local. */
trn_status_t trn_npy_open(trn_npy_t *npy, const char *path);

/* The same of the array in a part of `path`, packed as `coding` says (io/formats/npz.c). Local. */
trn_status_t trn_npy_open_part(trn_npy_t *npy, const char *path, const trn_extract_t *part,
                               trn_coding_t coding);

/* For npz's row of the table: let `source` be the array `npy`, which rank 0 opened, its file as
 * source->input says; read and close it. Local. */
trn_status_t trn_npy_adopt(trn_source_t *source, const trn_npy_t *npy);
trn_status_t trn_npy_read_source(trn_source_t *source, int64_t first, int64_t rows,
                                 trn_dtype_t type, void *values, trn_misfit_t *misfit);
void trn_npy_close(trn_source_t *source);

/* The narrower of float32 and float64 that holds every number of the file; float64 also for
 * integers of 8 bytes, which it may not hold. Local. */
trn_matrix_type_t trn_npy_type(const trn_npy_t *npy);

/* values[rows x cols] of `type`, not bool, = rows [first, first + rows), rounded if that is
 * narrower than the file's; what does not fit is counted (trn_convert), numbered along the rows of
 * the file. Fails with TRN_INPUT (file became shorter), TRN_IO, TRN_MEMORY. Local. Cost: one read
 * of these rows; in Fortran order one for each column; compressed: of all before them too. */
trn_status_t trn_npy_read(const trn_npy_t *npy, const char *path, int64_t first, int64_t rows,
                          trn_dtype_t type, void *values, trn_misfit_t *misfit);

/* The version 1 header of a little-endian array of `type`, neither bfloat16 nor bool, in C order;
 * cols -1: one-dimensional. Local. */
void trn_npy_header(trn_dtype_t type, int64_t rows, int64_t cols, char header[TRN_NPY_HEADER]);

#endif
