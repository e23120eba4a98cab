/* spool.h: bytes put in order and read back: in memory as long as that suffices, then in a file.
 *
 * The file has no name, so nothing is left whatever happens. */
#ifndef TRN_IO_SPOOL_H
#define TRN_IO_SPOOL_H

#include "base/status.h"

#include <stdint.h>

typedef struct trn_spool trn_spool_t;

/* Create an empty spool. It takes memory while the process has less than `ceiling` bytes allocated
 * (trn_mem_now; INT64_MAX: always, 0: never); what comes later goes to a file in `folder`
 * (copied), made when first needed. Fails with TRN_MEMORY. Local. */
trn_status_t trn_spool_create(trn_spool_t **spool, const char *folder, int64_t ceiling);

/* Free, close the file and set the pointer to NULL; NULL is fine. Local. */
void trn_spool_destroy(trn_spool_t **spool);

/* Append. Fails with TRN_MEMORY, TRN_IO (disk full, folder not writable). Local. */
trn_status_t trn_spool_put(trn_spool_t *spool, const void *data, int64_t bytes);

/* Read `bytes` from `offset` on; they must have been put and not taken. Fails with TRN_MEMORY,
 * TRN_IO. Local. */
trn_status_t trn_spool_read(trn_spool_t *spool, int64_t offset, void *data, int64_t bytes);

/* Read up to `capacity` bytes after those taken last (*got = 0: none left) and give their memory
 * back. Fails with TRN_MEMORY, TRN_IO. Local. */
trn_status_t trn_spool_take(trn_spool_t *spool, void *data, int64_t capacity, int64_t *got);

/* Bytes put so far; how many of them are not taken; how many went to the file. Local. */
int64_t trn_spool_bytes(const trn_spool_t *spool);
int64_t trn_spool_left(const trn_spool_t *spool);
int64_t trn_spool_on_disk(const trn_spool_t *spool);

#endif
