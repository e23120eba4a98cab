/* matrix_file_impl.h: what the files of matrix_file share. */
#ifndef TRN_ALGO_MATRIX_MATRIX_FILE_IMPL_H
#define TRN_ALGO_MATRIX_MATRIX_FILE_IMPL_H

#include "algo/matrix/matrix_file.h"

enum { TRN_MATRIX_BATCH = 1 << 18 /* entries under way at a time: 20 MB */ };

/* to[at + i] = from[i], converted; i < count. Local. */
void trn_matrix_convert(int64_t count, trn_matrix_type_t from_type, const void *from,
                        trn_matrix_type_t to_type, void *to, int64_t at);

/* True if `dist` cuts rows only, and band r lies on rank r. Local. Cost: O(bands). */
bool trn_matrix_banded(const trn_dist_t *dist);

/* TRN_USAGE unless `dist` cuts the file's matrix into bands of rows, one a rank at most. Local. */
trn_status_t trn_matrix_check_bands(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                    const trn_dist_t *dist);

/* The head of a .mtx file, set for numbers that are wanted in `type`. Local. */
trn_mtx_t trn_matrix_mtx(const trn_matrix_info_t *info, trn_matrix_type_t type);

#endif
