/* mem.h: all memory of the library: aligned, counted, and able to fail on demand.
 *
 * Pointers are passed as the address of the caller's pointer (`float *x; trn_alloc(&x, ...)`), so
 * that freeing also sets it to NULL. Thread-safe. */
#ifndef TRN_BASE_MEM_H
#define TRN_BASE_MEM_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRN_ALIGNMENT = 64 /* bytes: one cache line, one AVX-512 register */ };

/* Allocate `count` x `size` bytes, uninitialized, aligned to TRN_ALIGNMENT (2 MiB and huge pages
 * are asked for from 4 MiB on). `pointer` is a T**; a count of 0 gives a valid, freeable pointer.
 * `what` names the data for the message. Fails with TRN_MEMORY, *pointer then NULL. Local. */
trn_status_t trn_alloc(void *pointer, int64_t count, size_t size, const char *what);

/* As trn_alloc, all bytes zero. Local. */
trn_status_t trn_alloc_zero(void *pointer, int64_t count, size_t size, const char *what);

/* Change an allocation (or NULL) to `count` x `size` bytes and keep the content that fits; on
 * failure (TRN_MEMORY) the old allocation stays. Cost: a copy, beside the old allocation; from 4
 * MiB on neither. Local. */
trn_status_t trn_realloc(void *pointer, int64_t count, size_t size, const char *what);

/* Let an allocation (or NULL) of *capacity x `size` bytes have room for `need` at least, and for
 * more, so that adding one at a time costs little: twice as many below 4 MiB, a sixteenth more
 * above. On failure (TRN_MEMORY) all stays as it was. Local. */
trn_status_t trn_grow(void *pointer, int64_t *capacity, int64_t need, size_t size,
                      const char *what);

/* For plans: the most bytes that trn_grow, asked for one more at a time, comes to hold for `count`
 * x `size`. Local. */
int64_t trn_grown_bytes(int64_t count, int64_t size);

/* Duplicate a string; freed with trn_free. Fails with TRN_MEMORY. Local. */
trn_status_t trn_strdup(char **copy, const char *text);

/* Free and set the caller's pointer to NULL; NULL is fine. `pointer` is a T**. Local. */
void trn_free(void *pointer);

/* Count `bytes` that are taken elsewhere (mapped memory) like an allocation, or refuse them; give
 * them back. Fails with TRN_MEMORY. Local. */
trn_status_t trn_mem_claim(int64_t bytes, const char *what);
void trn_mem_unclaim(int64_t bytes);

/* Claim memory that the caller can do without: false, and nothing is counted, if it would go beyond
 * the limit. No failure that tests ask for. Local. */
bool trn_mem_claim_spare(int64_t bytes);

/* Bytes allocated now, and the most that ever were (headers included). Local. */
int64_t trn_mem_now(void);
int64_t trn_mem_peak(void);

/* Bytes that were allocated when the limit was set last: of the program, not of its work. Local. */
int64_t trn_mem_before(void);

/* Start the peak anew from the present amount. Local. */
void trn_mem_reset_peak(void);

/* Refuse whatever would bring the total above `bytes` (0: no limit); the `--memory` option. Local.
 */
void trn_mem_limit(int64_t bytes);

/* While files are only looked at, let up to `bytes` be taken even under a smaller limit, so that a
 * plan can say what number would do: until trn_mem_planned, which a plan within the limit calls.
 * Local. */
void trn_mem_look(int64_t bytes);
void trn_mem_planned(void);

/* That limit; 0: none. Local. */
int64_t trn_mem_limit_now(void);

/* Bytes that may yet be allocated under that limit; INT64_MAX without one. Local. */
int64_t trn_mem_left(void);

/* Refuse up front work that will take `bytes` in each of `ranks` ranks, if that is above the limit,
 * with the number that would be enough. Fails with TRN_MEMORY. Local. */
trn_status_t trn_mem_expect(int64_t bytes, int ranks);

/* Let the n-th allocation from now on (1 = the next) and every later one fail; 0 switches that
 * off. For tests. trn_mem_calls tells how many allocations there have been. Local. */
void trn_mem_fail_at(int64_t n);
int64_t trn_mem_calls(void);

#endif
