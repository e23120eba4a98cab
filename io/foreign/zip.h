/* zip.h: the directory of a ZIP archive (PKWARE APPNOTE 6.3.10, also ZIP64), as numpy.savez writes
 * them: which members there are and where their bytes lie. Nothing is unpacked here. */
#ifndef TRN_IO_FOREIGN_ZIP_H
#define TRN_IO_FOREIGN_ZIP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A member. */
typedef struct trn_zip_member {
    char *name;
    bool packed; /* deflate; else stored as it is */
    bool other;  /* packed in another way, or encrypted: cannot be read */
    uint32_t crc;
    int64_t begin, bytes; /* in the file: begin is that of the local head until it was asked for */
    int64_t unpacked;     /* bytes when unpacked */
} trn_zip_member_t;

/* An archive. Start with {0}. */
typedef struct trn_zip {
    trn_zip_member_t *member;
    int64_t count;
    char *text; /* of the names */
    int64_t file_bytes;
} trn_zip_t;

/* Read the directory of `path`. Fails with TRN_INPUT: no archive, one in several parts, cut short,
 * damaged, more than 100000 members or 64 MiB of directory; TRN_IO, TRN_MEMORY. Local. */
trn_status_t trn_zip_read(trn_zip_t *zip, const char *path);

/* Let member->begin be its first byte, behind its local head. Fails with TRN_INPUT (the head is not
 * there, or its bytes lie beyond the directory), TRN_IO. Local. */
trn_status_t trn_zip_find(const trn_zip_t *zip, const char *path, trn_zip_member_t *member);

/* Free; it is as new. Local. */
void trn_zip_free(trn_zip_t *zip);

#endif
