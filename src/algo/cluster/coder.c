/* coder.c: rows into codes and back, by any of the three ways. */
#include "algo/cluster/coder.h"

#include "algo/cluster/hashed.h"
#include "base/mem.h"

#include <string.h>

/* Codes are as narrow as the number of centers lets them be; labels are those of kmeans. */
trn_code_shape_t trn_coder_shape(const trn_coder_t *coder) {
    if (coder->kind == TRN_CODES_VECTOR)
        return (trn_code_shape_t){.codes = "/labels", .type = TRN_I32, .cols = 1};
    if (coder->kind == TRN_CODES_PRODUCT)
        return (trn_code_shape_t){.codes = "/codes",
                                  .type = coder->book->k > 256 ? TRN_U16 : TRN_U8,
                                  .cols = coder->book->parts};
    const trn_block_form_t *form = &coder->block;
    return (trn_code_shape_t){.codes = "/codes",
                              .type = form->bits == 8 ? TRN_I8 : TRN_U8,
                              .scale = form->power ? TRN_I8 : form->scale,
                              .cols = trn_block_bytes(form),
                              .scales = trn_block_scales(form)};
}

/* Each part has centers of its own, hence a trn_assign_t of its own. */
trn_status_t trn_coder_create(trn_coder_t *coder, int64_t rows, int threads) {
    const trn_codebook_t *book = coder->book;
    TRN_TRY(trn_alloc(&coder->label, rows, sizeof *coder->label, "codes of a block"));
    TRN_TRY(trn_alloc(&coder->square, rows > coder->cols ? rows : coder->cols,
                      sizeof *coder->square, "distances of a block"));
    if (coder->kind == TRN_CODES_BLOCK || book->signs) return TRN_OK;
    TRN_TRY(trn_alloc_zero(&coder->assign, book->parts, sizeof *coder->assign, "codebooks"));
    for (int64_t p = 0; p < book->parts; p++) {
        trn_assign_t *assign = &coder->assign[p];
        TRN_TRY(trn_assign_create(assign, book->k, book->width, threads));
        memcpy(assign->center, book->center + p * book->k * book->width,
               sizeof(double) * (size_t)(book->k * book->width));
        trn_assign_ready(assign);
    }
    return TRN_OK;
}

void trn_coder_free(trn_coder_t *coder) {
    for (int64_t p = 0; coder->assign && p < coder->book->parts; p++)
        trn_assign_free(&coder->assign[p]);
    trn_free(&coder->assign);
    trn_free(&coder->label);
    trn_free(&coder->square);
}

/* The same walk. */
void trn_coder_plan(trn_ledger_t *ledger, const trn_coder_t *coder, int64_t rows, int threads) {
    int64_t doubles = rows > coder->cols ? rows : coder->cols;
    trn_ledger_take(ledger, "codes", rows, sizeof(int32_t));
    trn_ledger_take(ledger, "codes", doubles, sizeof(double));
    if (coder->kind == TRN_CODES_BLOCK || coder->book->signs) return;
    for (int64_t p = 0; p < coder->book->parts; p++)
        trn_assign_plan(ledger, coder->book->k, coder->book->width, threads);
}

void trn_coder_label(trn_coder_t *coder, trn_view_t rows, int64_t part) {
    const trn_codebook_t *book = coder->book;
    trn_view_t cols = trn_view_part(rows, 0, rows.rows, part * book->width, book->width);
    if (book->signs)
        trn_hashed_codes(cols, coder->label);
    else
        trn_assign_rows(&coder->assign[part], cols, coder->label, coder->square);
}

/* A part after the other, as narrow as codes are. */
static void encode_parts(trn_coder_t *coder, trn_view_t rows, void *codes) {
    const trn_codebook_t *book = coder->book;
    trn_dtype_t type = trn_coder_shape(coder).type;
    for (int64_t p = 0; p < book->parts; p++) {
        trn_coder_label(coder, rows, p);
        for (int64_t i = 0; i < rows.rows; i++) {
            int64_t at = i * book->parts + p;
            if (type == TRN_U8)
                ((uint8_t *)codes)[at] = (uint8_t)coder->label[i];
            else if (type == TRN_U16)
                ((uint16_t *)codes)[at] = (uint16_t)coder->label[i];
            else
                ((int32_t *)codes)[at] = coder->label[i];
        }
    }
}

/* Block codes are made of float64, one row at a time; the others of the rows as they are. */
bool trn_coder_encode(trn_coder_t *coder, trn_view_t rows, void *codes, void *scales) {
    trn_code_shape_t shape = trn_coder_shape(coder);
    bool fits = true;
    if (coder->kind != TRN_CODES_BLOCK) {
        encode_parts(coder, rows, codes);
        return true;
    }
    for (int64_t i = 0; i < rows.rows; i++) {
        const double *x = (const double *)rows.data + i * rows.stride;
        for (int64_t j = 0; rows.type == TRN_F32 && j < rows.cols; j++)
            coder->square[j] = (double)((const float *)rows.data)[i * rows.stride + j];
        fits &= trn_block_encode(&coder->block, rows.type == TRN_F32 ? coder->square : x,
                                 (char *)scales + i * shape.scales * trn_dtype_size(shape.scale),
                                 (char *)codes + i * shape.cols);
    }
    return fits;
}

/* Code number `at`, of any of the types that codes have. */
static int64_t code_at(trn_dtype_t type, const void *codes, int64_t at) {
    if (type == TRN_U8) return ((const uint8_t *)codes)[at];
    return type == TRN_U16 ? ((const uint16_t *)codes)[at] : ((const int32_t *)codes)[at];
}

/* Parts of the row are copies of their centers, side by side. */
void trn_coder_decode(const trn_coder_t *coder, const void *codes, const void *scales, int64_t i,
                      double *row) {
    trn_code_shape_t shape = trn_coder_shape(coder);
    const trn_codebook_t *book = coder->book;
    if (coder->kind == TRN_CODES_BLOCK) {
        trn_block_decode(&coder->block,
                         (const char *)scales + i * shape.scales * trn_dtype_size(shape.scale),
                         (const char *)codes + i * shape.cols, row);
        return;
    }
    for (int64_t p = 0; p < book->parts; p++) {
        int64_t code = code_at(shape.type, codes, i * book->parts + p);
        memcpy(row + p * book->width, book->center + (p * book->k + code) * book->width,
               sizeof *row * (size_t)book->width);
    }
}

/* Scales need no check: any code and any scale make a number. */
trn_status_t trn_coder_check(const trn_coder_t *coder, const char *path, int64_t first,
                             int64_t rows, const void *codes) {
    trn_code_shape_t shape = trn_coder_shape(coder);
    if (coder->kind == TRN_CODES_BLOCK) return TRN_OK;
    for (int64_t i = 0; i < rows * shape.cols; i++) {
        int64_t code = code_at(shape.type, codes, i);
        if (code < 0 || code >= coder->book->k)
            return trn_fail(TRN_INPUT, "%s: %s: row %lld has code %lld, but there are %lld centers",
                            path, shape.codes, (long long)(first + i / shape.cols), (long long)code,
                            (long long)coder->book->k);
    }
    return TRN_OK;
}
