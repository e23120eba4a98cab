/* agree.c: the ranks agree on the worst outcome, and all get its message. Two reductions at most,
 * and only one when all is well: this stands before every exchange of messages. */
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

/* TRN_STOPPED is no error: it must lose against every one that is. */
static int severity(trn_status_t status) {
    return status == TRN_STOPPED ? 1 : (int)status;
}

/* MAXLOC gives the lowest rank among those with the worst status, so that the message does not
 * depend on timing. A message that has come from another rank keeps that rank's number. */
trn_status_t trn_agree(MPI_Comm comm, trn_status_t status) {
    struct {
        int severity, rank;
    } mine = {severity(status), 0}, worst;
    MPI_Comm_rank(comm, &mine.rank);
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
    if (worst.severity == 0) return TRN_OK;

    char text[MESSAGE_BYTES];
    int header[2] = {(int)status, trn_message_rank() >= 0 ? trn_message_rank() : mine.rank};
    snprintf(text, sizeof text, "%s", trn_message());
    MPI_Bcast(header, 2, MPI_INT, worst.rank, comm);
    MPI_Bcast(text, MESSAGE_BYTES, MPI_CHAR, worst.rank, comm);
    trn_fail((trn_status_t)header[0], "%s", text);
    trn_message_set_rank(header[1]);
    return (trn_status_t)header[0];
}

bool trn_any(MPI_Comm comm, bool mine) {
    int any = mine;
    MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, comm);
    return any != 0;
}

/* Minimum and maximum in one reduction: the maximum of -value and of value. */
trn_status_t trn_check_equal(MPI_Comm comm, int64_t value, const char *what) {
#ifdef NDEBUG
    (void)comm, (void)value, (void)what;
    return TRN_OK;
#else
    int64_t range[2] = {-value, value};
    MPI_Allreduce(MPI_IN_PLACE, range, 2, MPI_INT64_T, MPI_MAX, comm);
    if (-range[0] == range[1]) return TRN_OK;
    return trn_fail(TRN_INTERNAL, "%s differs between ranks (%lld to %lld)", what,
                    (long long)-range[0], (long long)range[1]);
#endif
}
