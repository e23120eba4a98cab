/* foreign_hdf_impl.h: what the child does with HDF5; private to io/foreign. An operation sends its
 * own answers if it succeeds, and else fails as all functions do, for the caller to send. */
#ifndef TRN_IO_FOREIGN_FOREIGN_HDF_IMPL_H
#define TRN_IO_FOREIGN_FOREIGN_HDF_IMPL_H

#include "io/foreign/foreign_impl.h"
#include "io/store/store_hdf_impl.h"

/* The file that the child serves; the dataset that was read last stays open, with its chunks. */
typedef struct trn_foreign_file {
    const char *path;
    hid_t access, file;
    hid_t dataset, type; /* H5I_INVALID_HID: none */
    char name[TRN_FOREIGN_NAME];
    int64_t rows, row_bytes;
    char *piece;
    int64_t piece_bytes;
} trn_foreign_file_t;

trn_status_t trn_foreign_file_open(trn_foreign_file_t **file, int fd, const char *path, char mode);
trn_status_t trn_foreign_file_list(trn_foreign_file_t *file, int fd);
trn_status_t trn_foreign_file_read(trn_foreign_file_t *file, int fd, const char *name,
                                   int64_t first, int64_t rows);
trn_status_t trn_foreign_file_strings(trn_foreign_file_t *file, int fd, const char *name,
                                      int64_t first, int64_t count);
trn_status_t trn_foreign_file_make(trn_foreign_file_t *file, int fd, const char *name,
                                   trn_dtype_t type, int64_t rows, int64_t cols);
trn_status_t trn_foreign_file_make_strings(trn_foreign_file_t *file, int fd, const char *name,
                                           int64_t count);
trn_status_t trn_foreign_file_put_strings(trn_foreign_file_t *file, int fd, const char *name,
                                          int64_t first, int64_t count, const char *text,
                                          int64_t bytes);
trn_status_t trn_foreign_file_end(trn_foreign_file_t *file, int fd);

/* A new HDF5 type for ours, float16 and bfloat16 too; H5I_INVALID_HID: there is none. */
hid_t trn_foreign_type(trn_dtype_t type, bool swapped);

/* What kind of numbers a type has; else TRN_OTHER. `what` says it in words. */
trn_dtype_t trn_foreign_type_of(hid_t type, bool *swapped, char what[TRN_FOREIGN_WHAT]);

/* Why a dataset cannot be read although its numbers could: in `what`, and true. */
bool trn_foreign_flawed(hid_t dataset, char what[TRN_FOREIGN_WHAT]);

#endif
