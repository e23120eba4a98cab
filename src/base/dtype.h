/* dtype.h: the types that numbers have in files. */
#ifndef TRN_BASE_DTYPE_H
#define TRN_BASE_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

/* Files hold little-endian numbers, or big-endian ones where a reader says `swapped`. */
typedef enum trn_dtype {
    TRN_F32,
    TRN_F64,
    TRN_I32,
    TRN_I64,
    TRN_U16,
    TRN_U64,
    TRN_F16,  /* IEEE 754 binary16 */
    TRN_BF16, /* the upper half of a float32 */
    TRN_I8,
    TRN_I16,
    TRN_U8,
    TRN_U32,
    TRN_BOOL,                      /* a byte: 0 is 0, all others are 1 */
    TRN_NUMBER_TYPES,              /* those before are types of numbers */
    TRN_STRING = TRN_NUMBER_TYPES, /* UTF-8 text, of any length */
    TRN_OTHER                      /* none of these: cannot be read */
} trn_dtype_t;

/* Bytes of one element; 0 for TRN_STRING and TRN_OTHER. Local. */
int64_t trn_dtype_size(trn_dtype_t type);

/* NumPy's name of a type ("float32"; "bfloat16"), "string" or "other". Local. */
const char *trn_dtype_name(trn_dtype_t type);

/* Our short name of a type of numbers ("f32", "bf16", "bool"), "other" for the rest. Local. */
const char *trn_dtype_short(trn_dtype_t type);

/* The type of that short name; TRN_OTHER if there is none. Local. */
trn_dtype_t trn_dtype_named(const char *name);

/* Whether the type is one of whole numbers (bool among them), and of these one with a sign. Local.
 */
bool trn_dtype_whole(trn_dtype_t type);
bool trn_dtype_signed(trn_dtype_t type);

#endif
