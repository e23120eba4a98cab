/* fuzz.h: the readers of files that others wrote, fed with bytes that nobody meant well.
 *
 * readers.c lists them, harness.c feeds one of them with one input at a time and judges what it
 * does. libFuzzer drives that with inputs of its own making (run.sh), replay.c with files that are
 * kept (CTest: fault_fuzz). */
#ifndef TRN_TESTS_FUZZ_H
#define TRN_TESTS_FUZZ_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_reader {
    const char *name; /* of the reader, and of its folders of seeds and kept inputs */
    const char *file; /* the name under which it finds the input */
    /* Read all of `path` and free everything: TRN_OK or TRN_INPUT. */
    trn_status_t (*run)(const char *path);
} fuzz_reader_t;

/* All readers; the last has no name. */
extern const fuzz_reader_t fuzz_readers[];

/* Begin with the reader of that name: start MPI, make a folder. Exits on an unknown name. */
void fuzz_begin(const char *name);

/* Feed it. Aborts, having said why, if it fails otherwise than as it should, or leaves memory or a
 * file behind. */
void fuzz_feed(const uint8_t *data, size_t size);

/* Remove the folder and end MPI. */
void fuzz_end(void);

#endif
