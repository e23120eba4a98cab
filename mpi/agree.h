/* agree.h: one outcome for all ranks: plan, agree, execute. */
#ifndef TRN_MPI_AGREE_H
#define TRN_MPI_AGREE_H

#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Return the worst status of any rank on every rank, with the message and rank number of the
 * first rank that has it. TRN_STOPPED is the mildest failure, so an error wins over it.
 * Collective. Cost: one MAXLOC Allreduce (0.5-3.5 us on 2 ranks); on failure also two Bcasts. */
trn_status_t trn_agree(MPI_Comm comm, trn_status_t status);

/* True on every rank if `mine` is on any. Collective. Cost: one Allreduce. */
bool trn_any(MPI_Comm comm, bool mine);

/* In debug builds (NDEBUG undefined): TRN_INTERNAL naming `what` if `value` differs between
 * ranks; otherwise TRN_OK at no cost. Collective. Cost: one Allreduce of {-x, x} with MAX. */
trn_status_t trn_check_equal(MPI_Comm comm, int64_t value, const char *what);

/* Return from a collective function when any rank's `call` failed. */
#define TRN_AGREE(comm, call) TRN_TRY(trn_agree(comm, call))

#endif
