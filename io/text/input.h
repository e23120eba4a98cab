/* input.h: a file that text is read from: what it is, and that it stays as it was.
 *
 * Whoever reads looks at the file first and opens it by what was found. All reading then goes by
 * that version of the file: one that was replaced, written to, cut or lengthened in between is
 * refused, whichever rank sees it. A UTF-8 byte order mark is no part of the text: sizes and
 * offsets do not count it. */
#ifndef TRN_IO_TEXT_INPUT_H
#define TRN_IO_TEXT_INPUT_H

#include "base/status.h"
#include "io/text/magic.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* What tells one version of a file from another. Times are ns since 1970. */
typedef struct trn_stamp {
    int64_t device, inode, bytes, modified, changed;
} trn_stamp_t;

/* A member of an archive: where in the file its bytes lie, and what they have to be. */
typedef struct trn_extract {
    int64_t begin, bytes;
    int64_t unpacked; /* bytes that come out of it; as `bytes` if it is not packed */
    uint32_t crc;     /* CRC-32 of them */
} trn_extract_t;

/* What may be read. */
typedef enum trn_content {
    TRN_CONTENT_TEXT,   /* no NULs, and no other format by its first bytes */
    TRN_CONTENT_BINARY, /* NULs will do */
    TRN_CONTENT_ANY     /* any format will do; a byte order mark is part of it */
} trn_content_t;

/* Holds no resources and may be copied; but the stamp is of one machine and `path` of one process,
 * so it is not sent to other ranks. */
typedef struct trn_input {
    const char *path; /* borrowed; "-" is standard input */
    /* Set by the reader. */
    trn_content_t content;
    bool grows; /* a log that may be at work: what is appended meanwhile is not read */
    /* Found out. */
    trn_stamp_t stamp;
    int64_t bytes;       /* of text if plain; on disk if compressed; 0 of a stream */
    int mark;            /* bytes before a plain file's text: those of a byte order mark */
    trn_coding_t coding; /* of a stream: not known before it is opened */
    /* Set behind the look, with `coding` and, if that is none, `bytes`: read but this part. */
    trn_extract_t part; /* bytes 0: all of the file */
    bool stream;        /* a pipe, FIFO or terminal: read once, from its start, by rank 0 alone */
} trn_input_t;

/* Look at `input->path`, whose first two settings are the caller's. Fails with TRN_INPUT (missing,
 * a directory, unreadable; by its first bytes of another format), TRN_IO. Local. */
trn_status_t trn_input_look(trn_input_t *input);

/* Look at inputs[count] on all ranks, which must see files of the same size; what is a stream on
 * rank 0 is left to it. Collective, equal arguments. Fails (agreed) as trn_input_look, and with
 * TRN_INPUT for other sizes, or a stream that is given twice, TRN_MEMORY. Cost: a read of 512 bytes
 * a file, a Bcast. */
trn_status_t trn_inputs_look(MPI_Comm comm, int64_t count, trn_input_t *inputs);

/* True if the text can only be read from its start, by one rank. Local. */
bool trn_input_whole(const trn_input_t *input);

/* Refuse a file that begins with head[bytes], unless its content is what the input is to have.
 * Fails with TRN_INPUT naming the format and what to do. Local. */
trn_status_t trn_input_judge(const trn_input_t *input, const void *head, size_t bytes);

/* Refuse a stream where text is read more than once; `why` completes "..., but WHY". Fails with
 * TRN_INPUT. Local. */
trn_status_t trn_input_reread(const trn_input_t *input, const char *why);

/* Refuse a file, open as `fd`, that is no longer what it was when it was looked at. Fails with
 * TRN_INPUT. Local. Cost: one fstat. */
trn_status_t trn_input_unchanged(const trn_input_t *input, int fd);

#endif
