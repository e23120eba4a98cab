/* misfit.h: what becomes of numbers that the type they are wanted in cannot hold. */
#ifndef TRN_IO_ROWS_MISFIT_H
#define TRN_IO_ROWS_MISFIT_H

#include "base/dtype.h"
#include "base/status.h"
#include "kern/dense/convert.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Bring the ranks' misfits of one matrix together: none, and all is well; else refuse, or with
 * `allowed` say in one warning how many there were. misfit.first numbers entries along rows of
 * `cols`; `path` names the file and `type` is what they were wanted in. Collective. Fails (agreed)
 * with TRN_INPUT naming row and column, from 1, of the first. Cost: two small messages. */
trn_status_t trn_misfit_judge(MPI_Comm comm, const char *path, int64_t cols, trn_dtype_t type,
                              const trn_misfit_t *misfit, bool allowed);

#endif
