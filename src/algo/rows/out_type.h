/* out_type.h: the type of numbers of a file that is made of another. */
#ifndef TRN_ALGO_ROWS_OUT_TYPE_H
#define TRN_ALGO_ROWS_OUT_TYPE_H

#include "base/status.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"

/* *type = that of the short name `asked`; for "same" that of the numbers that are read, where the
 * format of `to` (called `format`, or "auto") has it, else float32 or float64 as is meant for them;
 * numbers out of text are taken as that, too. *sparse (may be NULL): whether it can hold a sparse
 * matrix of this type. A format that there is not is for trn_rows_place to refuse. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_out_type(const trn_rows_about_t *about, const char *to, const char *format,
                          const char *asked, trn_dtype_t *type, bool *sparse);

#endif
