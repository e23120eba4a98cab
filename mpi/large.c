/* large.c: a message a piece. */
#include "mpi/large.h"

enum { PIECE = 1 << 20 /* values */ };

/* Calls `call` for values at `at`, `some` of them, piece by piece. */
#define EACH_PIECE(call)                                                                           \
    int size;                                                                                      \
    MPI_Type_size(type, &size);                                                                    \
    for (int64_t done = 0; done < count; done += PIECE) {                                          \
        char *at = (char *)values + done * size;                                                   \
        int some = (int)(count - done < PIECE ? count - done : PIECE);                             \
        call;                                                                                      \
    }

void trn_bcast_large(MPI_Comm comm, int64_t count, MPI_Datatype type, void *values) {
    EACH_PIECE(MPI_Bcast(at, some, type, 0, comm))
}

void trn_sum_large(MPI_Comm comm, int64_t count, MPI_Datatype type, void *values) {
    EACH_PIECE(MPI_Allreduce(MPI_IN_PLACE, at, some, type, MPI_SUM, comm))
}
