/* gather.h: rows of numbers that lie on one rank each, on all of them. */
#ifndef TRN_MPI_GATHER_H
#define TRN_MPI_GATHER_H

#include <mpi.h>
#include <stdint.h>

/* Where this rank has row i of those asked for, or NULL: it is another's. */
typedef const float *(*trn_own_row_t)(const void *user, int64_t i);

/* rows[count x width] = the rows, bit for bit, on every rank; each must lie on exactly one. Rows
 * that already are where they belong may be given as they are. Collective, equal count and width;
 * cannot fail. Cost: Allreduces of count x width floats, up to 2^26 at a time. */
void trn_gather_rows(MPI_Comm comm, int64_t count, int64_t width, trn_own_row_t own,
                     const void *user, float *rows);

#endif
