/* tensors.h: the heads of safetensors files and of their indices, read in one pass and believed in
 * nothing (github.com/huggingface/safetensors, README, "Format"): eight bytes N, N bytes of JSON
 * that say where each tensor lies, then the tensors. */
#ifndef TRN_IO_FOREIGN_TENSORS_H
#define TRN_IO_FOREIGN_TENSORS_H

#include "base/dtype.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRN_TENSORS_HEAD = 100000000 /* most bytes of JSON, as the format has it */ };

/* One tensor. Offsets count from the begin of the text. */
typedef struct trn_tensor {
    uint32_t name;      /* of its name, ended by NUL */
    uint32_t shape;     /* of what follows the bracket of its shape */
    int64_t begin, end; /* its bytes, from the first of all tensors' on */
    uint8_t kind;       /* number in the table of element types */
    uint8_t rank;
} trn_tensor_t;

/* A head. Start with {0}. */
typedef struct trn_tensors {
    char *text; /* the JSON, changed: names are unescaped in place */
    trn_tensor_t *tensor;
    int64_t count, capacity;
    int64_t data; /* byte of the file where the tensors' bytes begin */
} trn_tensors_t;

/* Read and judge the head of `path`. Fails with TRN_INPUT naming what is wrong and, in JSON, the
 * byte of the file: a head that is too short or long, is no strict JSON or no UTF-8, says more or
 * less than it should, names a tensor twice; tensors that overlap, leave holes or do not fill the
 * file; TRN_MEMORY, TRN_IO. Local. Memory: less than twice the head. */
trn_status_t trn_tensors_read(trn_tensors_t *tensors, const char *path);

/* The same for a head in memory: text[bytes], to be freed with trn_free, becomes the tensors', even
 * on failure; `data` bytes of tensors follow. Local. */
trn_status_t trn_tensors_parse(trn_tensors_t *tensors, const char *path, char *text, int64_t bytes,
                               int64_t data);

/* Free; it is as new. Local. */
void trn_tensors_free(trn_tensors_t *tensors);

/* The tensor of that name; NULL: there is none. Local. Cost: one comparison each. */
const trn_tensor_t *trn_tensors_find(const trn_tensors_t *tensors, const char *name);

/* Name of a tensor; name of its element type ("BF16"); our type, TRN_OTHER if it cannot be read;
 * extent[rank] up to eight of its sides. Local. */
const char *trn_tensor_name(const trn_tensors_t *tensors, const trn_tensor_t *tensor);
const char *trn_tensor_kind(const trn_tensor_t *tensor);
trn_dtype_t trn_tensor_type(const trn_tensor_t *tensor);
void trn_tensor_extent(const trn_tensors_t *tensors, const trn_tensor_t *tensor, int64_t extent[8]);

/* Name of a type of numbers as an element type ("F32"). Local. */
const char *trn_tensor_kind_of(trn_dtype_t type);

/* *index: whether `path` begins as JSON, and not as a file of tensors does. Local. Fails with
 * TRN_INPUT, TRN_IO. */
trn_status_t trn_tensors_is_index(const char *path, bool *index);

/* Read an index, {"metadata": ..., "weight_map": {"TENSOR": "FILE", ...}}, and call visit for every
 * tensor; texts are borrowed for the call. Fails with TRN_INPUT naming the byte: no such JSON, a
 * tensor twice, a file name that is empty, longer than 255 bytes or leads to another folder;
 * TRN_MEMORY, TRN_IO, and as `visit`. Local. */
trn_status_t trn_tensors_index(const char *path,
                               trn_status_t (*visit)(void *user, const char *tensor,
                                                     const char *file),
                               void *user);

#endif
