/* large.h: sums and broadcasts of more numbers than MPI counts, in pieces, so that what MPI takes
 * for them is bounded. */
#ifndef TRN_MPI_LARGE_H
#define TRN_MPI_LARGE_H

#include <mpi.h>
#include <stdint.h>

/* values[count] of `type` = rank 0's, or their sums over ranks: of whole numbers exact in any
 * order, of real ones where at most one rank has other than 0. Collective, equal count and type;
 * cannot fail. Memory: what MPI takes for 2^20 values. */
void trn_bcast_large(MPI_Comm comm, int64_t count, MPI_Datatype type, void *values);
void trn_sum_large(MPI_Comm comm, int64_t count, MPI_Datatype type, void *values);

#endif
