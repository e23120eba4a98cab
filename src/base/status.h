/* status.h: what every fallible function returns, and the message that goes with it.
 *
 * A status is also the program's exit code. The message of the last failure waits in a buffer of
 * the calling thread; mpi/agree.h spreads the worst rank's status and message to all ranks. */
#ifndef TRN_BASE_STATUS_H
#define TRN_BASE_STATUS_H

typedef enum trn_status {
    TRN_OK = 0,
    TRN_USAGE = 2,     /* wrong flag, value or combination */
    TRN_INPUT = 3,     /* a file's content is bad, or a file is missing */
    TRN_MEMORY = 4,    /* not enough memory, or more than --memory allows */
    TRN_IO = 5,        /* disk full, permission, read or write failed */
    TRN_NUMERIC = 6,   /* NaN, infinity, divergence */
    TRN_MPI = 7,       /* the message layer failed */
    TRN_INTERNAL = 70, /* a bug of ours, or the watchdog's verdict */
    TRN_STOPPED = 85   /* stopped on signal or time limit with a good checkpoint: requeue me */
} trn_status_t;

/* Record a failure: formats the message (at most 1023 bytes; longer ones are cut) into the
 * thread's buffer and returns `status`, so that `return trn_fail(...)` is the idiom. The message
 * reads "FILE:LINE-OR-FIELD: what is wrong; what to do". Local. */
trn_status_t trn_fail(trn_status_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put file and line, say, before the message that waits, and return `status`: for what a function
 * below could not know. Local. */
trn_status_t trn_fail_prefix(trn_status_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Message of this thread's last failure ("" if none); valid until its next failure. Local. */
const char *trn_message(void);

/* Rank that the last agreed failure came from, or -1 before any agreement. Local. */
int trn_message_rank(void);

/* Note the rank that the present message came from; for mpi/agree.c. Local. */
void trn_message_set_rank(int rank);

/* Name of a status for people and logs, such as "bad input"; never NULL. Local. */
const char *trn_status_name(trn_status_t status);

/* Return at once when `call` fails. */
#define TRN_TRY(call)                                                                              \
    do {                                                                                           \
        trn_status_t trn_try_status_ = (call);                                                     \
        if (trn_try_status_ != TRN_OK) return trn_try_status_;                                     \
    } while (0)

/* Go to `label` when `call` fails, with its status in the local variable `status`. */
#define TRN_OR(label, call)                                                                        \
    do {                                                                                           \
        if ((status = (call)) != TRN_OK) goto label;                                               \
    } while (0)

#endif
