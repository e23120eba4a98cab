/* dtype.c: the table of number types. */
#include "base/dtype.h"

#include <string.h>

/* In the order of trn_dtype_t. */
static const struct {
    int64_t size;
    const char *name, *brief;
    bool whole, is_signed;
} types[] = {{4, "float32", "f32", false, true}, {8, "float64", "f64", false, true},
             {4, "int32", "i32", true, true},    {8, "int64", "i64", true, true},
             {2, "uint16", "u16", true, false},  {8, "uint64", "u64", true, false},
             {2, "float16", "f16", false, true}, {2, "bfloat16", "bf16", false, true},
             {1, "int8", "i8", true, true},      {2, "int16", "i16", true, true},
             {1, "uint8", "u8", true, false},    {4, "uint32", "u32", true, false},
             {1, "bool", "bool", true, false},   {0, "string", "other", false, false},
             {0, "other", "other", false, false}};

int64_t trn_dtype_size(trn_dtype_t type) {
    return types[type].size;
}

const char *trn_dtype_name(trn_dtype_t type) {
    return types[type].name;
}

const char *trn_dtype_short(trn_dtype_t type) {
    return types[type].brief;
}

/* Only numbers have names that people may give. */
trn_dtype_t trn_dtype_named(const char *name) {
    for (trn_dtype_t type = 0; type < TRN_NUMBER_TYPES; type++)
        if (strcmp(types[type].brief, name) == 0) return type;
    return TRN_OTHER;
}

bool trn_dtype_whole(trn_dtype_t type) {
    return types[type].whole;
}

bool trn_dtype_signed(trn_dtype_t type) {
    return types[type].is_signed;
}
