/* gather.c: one rank has a row, the others put zero bits: OR hands it on unchanged, even the sign
 * of a zero. */
#include "mpi/gather.h"

#include <string.h>

enum { MOST = 1 << 26 /* floats of a message, unless one row is longer */ };

/* Exactly one rank has a row i, the others a NULL. Messages are cut at whole rows, to stay below
 * what an int counts; one row of more floats than MOST is a message of its own. */
void trn_gather_rows(MPI_Comm comm, int64_t count, int64_t width, trn_own_row_t own,
                     const void *user, float *rows) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    for (int64_t i = 0; i < count; i++) {
        const float *row = own(user, i);
        float *to = rows + i * width;
        if (!row)
            memset(to, 0, (size_t)width * sizeof *to);
        else if (row != to)
            memcpy(to, row, (size_t)width * sizeof *to);
    }
    int64_t most = width < MOST ? MOST / (width > 0 ? width : 1) : 1;
    for (int64_t i = 0, some; ranks > 1 && i < count; i += some) {
        some = count - i < most ? count - i : most;
        MPI_Allreduce(MPI_IN_PLACE, rows + i * width, (int)(some * width), MPI_UINT32_T, MPI_BOR,
                      comm);
    }
}
