/* sparse_type.h: what the entries of a sparse matrix are, in kernels, blocks and files alike. */
#ifndef TRN_KERN_SPARSE_SPARSE_TYPE_H
#define TRN_KERN_SPARSE_SPARSE_TYPE_H

typedef enum trn_sparse_type {
    TRN_SPARSE_PATTERN, /* no values: every entry counts as 1 */
    TRN_SPARSE_F32,
    TRN_SPARSE_F64
} trn_sparse_type_t;

#endif
