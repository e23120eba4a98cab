/* out_type.c: numbers stay as they are, if the format has such. */
#include "algo/rows/out_type.h"

#include "base/mem.h"

#include <string.h>

/* bool is kept as bytes; what was read out of text is no wider than is meant for it. */
static trn_dtype_t own_type(const trn_rows_about_t *about) {
    if (about->type == TRN_BOOL) return TRN_U8;
    return about->type == TRN_F64 && about->real == TRN_MATRIX_F32 ? TRN_F32 : about->type;
}

trn_status_t trn_out_type(const trn_rows_about_t *about, const char *to, const char *format,
                          const char *asked, trn_dtype_t *type, bool *sparse) {
    char *file, *member;
    TRN_TRY(trn_path_cut(to, true, &file, &member));
    const trn_file_format_t *out =
        strcmp(format, "auto") == 0 ? trn_format_by_ending(file, NULL) : trn_format_by_name(format);
    bool apart = *member && out && out->member;
    trn_free(&file);
    trn_free(&member);
    trn_dtype_t own = own_type(about), real = about->real == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64;
    unsigned types = !out ? 0 : apart ? out->member : out->types;
    *type = trn_dtype_named(asked);
    if (strcmp(asked, "same") == 0) *type = types >> own & 1 ? own : real;
    if (sparse)
        *sparse = out && out->save_sparse && !apart && (*type == TRN_F32 || *type == TRN_F64);
    return TRN_OK;
}
