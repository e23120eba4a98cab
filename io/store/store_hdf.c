/* store_hdf.c: what laying out and reading share of HDF5.
 *
 * HDF5 hands its callbacks no more than it was given for the whole process, so what they note lies
 * in variables of the thread that calls HDF5, as errno does. */
#include "io/store/store_hdf_impl.h"

#include <stdio.h>

enum { PAGE = 4096 };

/* HDF5's innermost reason of the first call that failed since the file was opened, such as
 * "truncated file"; later calls, which fail for it or succeed, clear HDF5's own record. */
static _Thread_local char reason[128];

static _Thread_local unsigned plugins; /* what the process lets HDF5 load, beside us */

/* The walk goes upward, so its first step is where the failure arose. */
static herr_t take_innermost(unsigned n, const H5E_error2_t *error, void *unused) {
    (void)unused;
    if (n == 0 && error->desc) snprintf(reason, sizeof reason, "%s", error->desc);
    return 0;
}

/* Called by HDF5 for each function that fails; only the first since the start counts. */
static herr_t on_error(hid_t stack, void *unused) {
    if (!reason[0]) H5Ewalk2(stack, H5E_WALK_UPWARD, take_innermost, unused);
    return 0;
}

trn_status_t trn_hdf_fail(trn_status_t status, const char *path, const char *what,
                          const char *advice) {
    return trn_fail(status, "%s: %s (HDF5: %s); %s", path, what,
                    reason[0] ? reason : "no reason given", advice);
}

/* The process's settings of HDF5 are changed for the time that a file is open, and put back by
 * trn_hdf_done. */
hid_t trn_hdf_access(int fd, const char *path) {
    reason[0] = '\0';
    H5Eset_auto2(H5E_DEFAULT, on_error, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    H5Pset_alignment(access, PAGE, PAGE);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5PLget_loading_state(&plugins);
    H5PLset_loading_state(0);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1);
#endif
    trn_driver_begin(access, fd, path);
    return access;
}

trn_status_t trn_hdf_done(hid_t access, trn_status_t status) {
    H5Pclose(access);
    H5PLset_loading_state(plugins);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    trn_status_t io = trn_driver_end();
    return io == TRN_OK ? status : io;
}

void trn_hdf_forgive(void) {
    reason[0] = '\0';
}

/* No default case: a new number type makes the compiler ask for its line here. */
hid_t trn_hdf_type(trn_dtype_t type) {
    switch (type) {
    case TRN_F32:
        return H5T_IEEE_F32LE;
    case TRN_F64:
        return H5T_IEEE_F64LE;
    case TRN_I32:
        return H5T_STD_I32LE;
    case TRN_I64:
        return H5T_STD_I64LE;
    case TRN_U16:
        return H5T_STD_U16LE;
    case TRN_U64:
        return H5T_STD_U64LE;
    case TRN_I8:
        return H5T_STD_I8LE;
    case TRN_I16:
        return H5T_STD_I16LE;
    case TRN_U8:
        return H5T_STD_U8LE;
    case TRN_U32:
        return H5T_STD_U32LE;
    case TRN_F16: /* HDF5 1.10 has no name for these */
    case TRN_BF16:
    case TRN_BOOL:
    case TRN_STRING:
    case TRN_OTHER:
        break;
    }
    return H5I_INVALID_HID;
}

hid_t trn_hdf_text_type(size_t bytes) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

int64_t trn_hdf_offset(hid_t dataset, int64_t bytes) {
    if (bytes == 0) return 0;
    haddr_t offset = H5Dget_offset(dataset);
    return offset == HADDR_UNDEF ? -1 : (int64_t)offset;
}
