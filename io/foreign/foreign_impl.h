/* foreign_impl.h: what the two ends of the socket share; private to io/foreign.
 *
 * foreign.c        our end: the child is started, asked, judged
 * foreign_child.c  its end: requests are taken and answered
 * foreign_hdf.c    what it does with HDF5: reading, making
 * foreign_list.c   ... listing
 * foreign_socket.c messages of both
 * lzf.c            a filter that h5py uses and HDF5 has not */
#ifndef TRN_IO_FOREIGN_FOREIGN_IMPL_H
#define TRN_IO_FOREIGN_FOREIGN_IMPL_H

#include "io/foreign/foreign.h"

#include <stddef.h>

typedef enum trn_foreign_op {
    TRN_FOREIGN_LIST,
    TRN_FOREIGN_READ,
    TRN_FOREIGN_STRINGS,
    TRN_FOREIGN_MAKE,
    TRN_FOREIGN_MAKE_STRINGS,
    TRN_FOREIGN_PUT_STRINGS,
    TRN_FOREIGN_END
} trn_foreign_op_t;

/* A request; name[name_bytes], its NUL included, and `bytes` more follow. */
typedef struct trn_foreign_request {
    int32_t op, type;
    int64_t name_bytes, bytes;
    int64_t first, count, cols;
} trn_foreign_request_t;

/* An answer; `bytes` follow: of a failure its message, else data, in as many answers as are
 * needed. */
typedef struct trn_foreign_answer {
    int64_t status, bytes;
} trn_foreign_answer_t;

enum {
    TRN_FOREIGN_ITEMS = 100000,
    TRN_FOREIGN_LIST_BYTES = 64 << 20,
    TRN_FOREIGN_PIECE = 4 << 20, /* data of an answer, unless a row is longer */
    TRN_FOREIGN_NAME = 4096,
    TRN_FOREIGN_TEXT = 256 << 20 /* of strings at a time */
};

/* In the child: answer on `fd` for the file open as `file`, until the other end is closed. Never
 * returns. `mode`: 'r' read, 'w' write, 'c' create. */
_Noreturn void trn_foreign_serve(int fd, int file, const char *path, char mode);

/* Send an answer; false: nobody is there. */
bool trn_foreign_send(int fd, trn_status_t status, const void *data, int64_t bytes);

/* All of data[bytes] over a socket. False: the other end is closed, or a failure. */
bool trn_foreign_give(int fd, const void *data, int64_t bytes);
bool trn_foreign_take(int fd, void *data, int64_t bytes);

/* Decompress lzf: out[room] = in[bytes]; returns the bytes written, 0 if it is damaged. */
size_t trn_lzf_decode(const unsigned char *in, size_t bytes, unsigned char *out, size_t room);

#endif
