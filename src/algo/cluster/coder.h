/* coder.h: rows into codes and back: the number of the nearest center of the row, or of each of its
 * parts, or block codes with their scales. */
#ifndef TRN_ALGO_CLUSTER_CODER_H
#define TRN_ALGO_CLUSTER_CODER_H

#include "algo/cluster/assign.h"
#include "algo/cluster/block_codes.h"
#include "algo/cluster/codebook.h"
#include "algo/cluster/rows.h"

typedef enum trn_coding_kind {
    TRN_CODES_VECTOR,  /* /labels i32: one center a row */
    TRN_CODES_PRODUCT, /* /codes u8, u16 above 256 centers: one a part */
    TRN_CODES_BLOCK    /* /codes and /scales */
} trn_coding_kind_t;

/* How rows are coded. Start with {0}, set the first group. */
typedef struct trn_coder {
    trn_coding_kind_t kind;
    int64_t cols;
    trn_block_form_t block;     /* of block codes */
    const trn_codebook_t *book; /* of the others; borrowed */
    /* Private, for encoding. */
    trn_assign_t *assign; /* [parts] */
    int32_t *label;       /* [block of rows] */
    double *square;
} trn_coder_t;

/* Datasets: of codes, and of scales (columns 0: none). A column alone is one-dimensional. */
typedef struct trn_code_shape {
    const char *codes;
    trn_dtype_t type, scale;
    int64_t cols, scales;
} trn_code_shape_t;

/* The shape of a coder's codes. Local. */
trn_code_shape_t trn_coder_shape(const trn_coder_t *coder);

/* Room for encoding blocks of `rows` rows; block codes need none. Fails with TRN_MEMORY; free it
 * even then. Local. */
trn_status_t trn_coder_create(trn_coder_t *coder, int64_t rows, int threads);
void trn_coder_free(trn_coder_t *coder);

/* What that takes. Local. */
void trn_coder_plan(trn_ledger_t *ledger, const trn_coder_t *coder, int64_t rows, int threads);

/* coder->label = the codes of part `part` of the rows of a view, by centers or signs. Local. */
void trn_coder_label(trn_coder_t *coder, trn_view_t rows, int64_t part);

/* codes, scales = those of the rows of a view. False if a number has no scale. Local. */
bool trn_coder_encode(trn_coder_t *coder, trn_view_t rows, void *codes, void *scales);

/* The row that codes[i] (and scales[i]) stand for, of codes that were checked. Local. */
void trn_coder_decode(const trn_coder_t *coder, const void *codes, const void *scales, int64_t i,
                      double *row);

/* That `rows` rows of codes name centers that there are; `first` is the number of the first, for
 * the message. Fails with TRN_INPUT naming `path`. Local. */
trn_status_t trn_coder_check(const trn_coder_t *coder, const char *path, int64_t first,
                             int64_t rows, const void *codes);

#endif
