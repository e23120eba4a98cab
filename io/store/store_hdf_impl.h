/* store_hdf_impl.h: HDF5 for the files of the store that use it; private to store.c,
 * store_layout.c, store_hdf.c and store_driver.c. HDF5 calls with a bad identifier fail without
 * harm, so a run of calls is written straight down and looked at once at its end. All Local, on
 * rank 0. */
#ifndef TRN_IO_STORE_STORE_HDF_IMPL_H
#define TRN_IO_STORE_STORE_HDF_IMPL_H

#define H5_USE_110_API
#include <hdf5.h>

#include "io/store/store_impl.h"

enum { TRN_HDF_NAME_BYTES = 512 /* longest path of a dataset inside a file */ };

#define TRN_CHECKSUM_GROUP "/checksum"

/* How the open file `fd` is given to HDF5, which knows it as `path`: errors come to us, metadata
 * carries checksums (format 1.8 and later), big datasets begin on pages, no plugins. No file locks:
 * a file is private until its rename, and constant after; many parallel file systems have no locks.
 * Every call is followed by one of trn_hdf_done, with no other between. */
hid_t trn_hdf_access(int fd, const char *path);

/* The other end of trn_hdf_access, when the file is closed: `status`, or TRN_IO if a read or write
 * has failed. Without our handler HDF5 is silent at exit too; otherwise it prints an alarm there
 * when damaged metadata have made it leak. */
trn_status_t trn_hdf_done(hid_t access, trn_status_t status);

/* store_driver.c: let files opened with `access` be `fd`; what the first failed call on it was. */
void trn_driver_begin(hid_t access, int fd, const char *path);
trn_status_t trn_driver_end(void);

/* Fail with "PATH: what (HDF5: its reason); advice". */
trn_status_t trn_hdf_fail(trn_status_t status, const char *path, const char *what,
                          const char *advice);

/* Forget HDF5's reason: the call that failed was a question. */
void trn_hdf_forgive(void);

/* HDF5's name of a type of numbers, never to be closed; and a new UTF-8 string type of `bytes`, or
 * of H5T_VARIABLE length. */
hid_t trn_hdf_type(trn_dtype_t type);
hid_t trn_hdf_text_type(size_t bytes);

/* Byte offset of a contiguous dataset of `bytes`; 0 when it is empty, -1 when it has none. */
int64_t trn_hdf_offset(hid_t dataset, int64_t bytes);

#endif
