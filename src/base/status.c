/* status.c: the message of the last failure, one a thread, as errno is. It is one line of printable
 * text, whatever it quotes, and carries the rank that failed when it has traveled. */
#include "base/status.h"

#include "base/plain.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 1024 };

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local int message_rank = -1; /* -1: this rank, or the message has not traveled */

/* Cut at a fixed length: telling of a failure must not need memory. */
trn_status_t trn_fail(trn_status_t status, const char *format, ...) {
    char text[MESSAGE_BYTES]; /* the arguments may point into `message` itself */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trn_plain(message, sizeof message, text); /* it may quote a file */
    message_rank = -1;
    return status;
}

trn_status_t trn_fail_prefix(trn_status_t status, const char *format, ...) {
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return trn_fail(status, "%s%s", text, message);
}

const char *trn_message(void) {
    return message;
}

int trn_message_rank(void) {
    return message_rank;
}

void trn_message_set_rank(int rank) {
    message_rank = rank;
}

/* No default case: a new status makes the compiler ask for its line here. */
const char *trn_status_name(trn_status_t status) {
    switch (status) {
    case TRN_OK:
        return "ok";
    case TRN_USAGE:
        return "usage";
    case TRN_INPUT:
        return "bad input";
    case TRN_MEMORY:
        return "memory";
    case TRN_IO:
        return "I/O";
    case TRN_NUMERIC:
        return "numeric";
    case TRN_MPI:
        return "MPI";
    case TRN_INTERNAL:
        return "internal";
    case TRN_STOPPED:
        return "stopped";
    }
    return "unknown";
}
