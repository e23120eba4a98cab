/* store_driver.c: the file as HDF5 sees it: one descriptor, opened by us, and nothing else.
 *
 * HDF5 that has failed to write cannot close the file any more, and ends the process by a signal
 * when MPI does. So a failed write is kept to ourselves: HDF5 goes on, closes, and then the failure
 * is told (trn_driver_end). And whatever a file says, no other one is opened through here. */
#define _POSIX_C_SOURCE 200809L
#include "io/store/store_hdf_impl.h"
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct file {
    H5FD_t hdf; /* HDF5's own part */
    haddr_t end_of_addresses;
} file_t;

/* ftruncate, again when a signal came between. */
static int set_length(int fd, off_t bytes) {
    int outcome;
    do
        outcome = ftruncate(fd, bytes);
    while (outcome != 0 && errno == EINTR);
    return outcome;
}

/* The one file at a time, of the thread that calls HDF5: the driver's functions are handed nothing
 * else to find it by. One that HDF5 could not let go of is not `file` any more, and has no say. */
static _Thread_local struct {
    int fd;
    const char *path;
    const H5FD_t *file; /* NULL: not open */
    haddr_t bytes;
    trn_status_t status; /* of the first call that failed ... */
    char message[512];   /* ... and what it said */
} at;

/* Keep the first failure and what was said of it: later ones follow from it. */
static void note(trn_status_t status) {
    if (status == TRN_OK || at.status != TRN_OK) return;
    at.status = status;
    snprintf(at.message, sizeof at.message, "%s", trn_message());
}

/* Only the path that was announced, and only once: HDF5 asks for others when a file names them. */
static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t most) {
    (void)access, (void)most;
    if (at.file || strcmp(name, at.path) != 0) return NULL; /* it would lead to another file */
    if (flags & H5F_ACC_TRUNC && set_length(at.fd, 0) != 0) return NULL;
    file_t *file = calloc(1, sizeof *file); /* HDF5's, which knows nothing of base/mem */
    if (!file) return NULL;
    at.bytes = (haddr_t)lseek(at.fd, 0, SEEK_END);
    at.file = &file->hdf;
    return &file->hdf;
}

static herr_t driver_close(H5FD_t *file) {
    if (file == at.file) at.file = NULL;
    free(file);
    return 0;
}

/* As HDF5's own driver for plain files, so that files are laid out alike; but small reads are not
 * brought together, because HDF5 1.10 takes an address of all ones for one that it has at hand. */
static herr_t driver_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA |
             H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const file_t *)file)->end_of_addresses;
}

static herr_t driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address) {
    (void)type;
    ((file_t *)file)->end_of_addresses = address;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *file, H5FD_mem_t type) {
    (void)file, (void)type;
    return at.bytes;
}

/* What lies behind the end of the file is zero. */
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t how, haddr_t address, size_t size,
                          void *buffer) {
    (void)type, (void)how;
    if (file != at.file || address > ((file_t *)file)->end_of_addresses ||
        size > ((file_t *)file)->end_of_addresses - address)
        return -1;
    size_t there = address >= at.bytes         ? 0
                   : size < at.bytes - address ? size
                                               : (size_t)(at.bytes - address);
    memset((char *)buffer + there, 0, size - there);
    if (there == 0) return 0;
    trn_status_t status = trn_bytes_read(at.fd, at.path, (int64_t)address, buffer, (int64_t)there);
    note(status);
    return status == TRN_OK ? 0 : -1;
}

static herr_t driver_write(H5FD_t *file, H5FD_mem_t type, hid_t how, haddr_t address, size_t size,
                           const void *buffer) {
    (void)type, (void)how;
    if (file != at.file) return 0;
    if (at.status == TRN_OK)
        note(trn_bytes_write(at.fd, at.path, (int64_t)address, buffer, (int64_t)size));
    if (address + size > at.bytes) at.bytes = address + size;
    return 0;
}

/* HDF5 asks for the length it wants at every flush. */
static herr_t driver_truncate(H5FD_t *file, hid_t how, hbool_t closing) {
    (void)how, (void)closing;
    haddr_t end = ((file_t *)file)->end_of_addresses;
    if (file != at.file || end == at.bytes || at.status != TRN_OK) return 0;
    if (set_length(at.fd, (off_t)end) != 0)
        note(trn_fail(TRN_IO, "%s: cannot make it %lld bytes long: %s; check disk space and quota",
                      at.path, (long long)end, strerror(errno)));
    at.bytes = end;
    return 0;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 2)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)511,
#endif
    .name = "trunnion",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* What a former file has left behind is forgotten here. */
void trn_driver_begin(hid_t access, int fd, const char *path) {
    static hid_t registered = H5I_INVALID_HID; /* once a process, and anew when HDF5 was closed */
    if (H5Iis_valid(registered) <= 0) registered = H5FDregister(&driver);
    at.fd = fd;
    at.path = path;
    at.file = NULL;
    at.status = TRN_OK;
    H5Pset_driver(access, registered, NULL);
}

trn_status_t trn_driver_end(void) {
    at.file = NULL;
    return at.status == TRN_OK ? TRN_OK : trn_fail(at.status, "%s", at.message);
}
