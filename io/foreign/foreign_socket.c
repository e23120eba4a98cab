/* foreign_socket.c: whole messages over the socket between the two ends: what a signal or a full
 * buffer cut is gone on with, and an end that is closed is told, not waited for. */
#define _GNU_SOURCE
#include "io/foreign/foreign_impl.h"

#include <errno.h>
#include <sys/socket.h>

bool trn_foreign_give(int fd, const void *data, int64_t bytes) {
    const char *from = data;
    while (bytes > 0) {
        ssize_t gone = send(fd, from, (size_t)bytes, MSG_NOSIGNAL);
        if (gone < 0 && errno == EINTR) continue;
        if (gone <= 0) return false;
        from += gone;
        bytes -= gone;
    }
    return true;
}

bool trn_foreign_take(int fd, void *data, int64_t bytes) {
    char *to = data;
    while (bytes > 0) {
        ssize_t got = recv(fd, to, (size_t)bytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        bytes -= got;
    }
    return true;
}

bool trn_foreign_send(int fd, trn_status_t status, const void *data, int64_t bytes) {
    trn_foreign_answer_t answer = {(int64_t)status, bytes};
    return trn_foreign_give(fd, &answer, sizeof answer) && trn_foreign_give(fd, data, bytes);
}
