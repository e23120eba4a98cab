/* safetensors.c: tensors of safetensors files, and of several by way of their index, in the table
 * of formats. Rank 0 reads the head; all ranks read their rows at its offsets. */
#include "base/mem.h"
#include "io/bytes.h"
#include "io/foreign/tensors.h"
#include "io/formats/format.h"
#include "io/formats/raw.h"
#include "io/formats/sink.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct tensor {
    trn_raw_t raw;
    trn_input_t shard; /* the file that holds it; `path` is our own */
    char *path;
} tensor_t;

/* What rank 0 finds out, to be told to all. */
typedef struct found {
    int64_t rows, cols, type, offset, flat;
    char *name, *path;
} found_t;

static bool is_index(const char *head) {
    const char *at = head + strspn(head, " \t\r\n");
    return *at == '{' && strstr(at, "\"weight_map\"") != NULL;
}

/* A head of 100 MB at most leaves the upper bytes of its length 0. */
static bool begins(const char *head, int64_t bytes) {
    bool binary = bytes >= 10 && head[8] == '{' && (head[9] == '"' || head[9] == '}') &&
                  memcmp(head + 4, "\0\0\0\0", 4) == 0;
    return binary || is_index(head);
}

/* Choosing a tensor: rank 0 ---------------------------------------------------------------------
 */

/* Whether a tensor is a matrix, a list or a number that can be read. */
static bool is_matrix(const trn_tensor_t *tensor) {
    return trn_tensor_type(tensor) != TRN_OTHER && tensor->rank <= 2;
}

/* The only one that is a matrix, or the only one at all; NULL: there are none, or several. */
static const trn_tensor_t *only_one(const trn_tensors_t *all) {
    const trn_tensor_t *found = NULL;
    int64_t matrices = 0;
    for (int64_t i = 0; i < all->count; i++) {
        if (!is_matrix(&all->tensor[i]) || all->tensor[i].rank != 2) continue;
        matrices++;
        found = &all->tensor[i];
    }
    if (matrices == 1) return found;
    return matrices == 0 && all->count == 1 ? &all->tensor[0] : NULL;
}

static trn_status_t choose(const trn_tensors_t *all, const char *path, const char *member,
                           const trn_tensor_t **tensor) {
    *tensor = *member ? trn_tensors_find(all, member) : only_one(all);
    if (*tensor) return TRN_OK;
    if (*member)
        return trn_fail(TRN_INPUT, "%s: has no tensor '%.200s'; `trunnion info` lists them", path,
                        member);
    if (all->count == 0) return trn_fail(TRN_INPUT, "%s: holds no tensor; give another file", path);
    return trn_fail(TRN_INPUT,
                    "%s: holds %lld tensors; name one, as in '%s:%.100s' (`trunnion info` lists "
                    "them)",
                    path, (long long)all->count, path, trn_tensor_name(all, &all->tensor[0]));
}

static trn_status_t describe(const trn_tensors_t *all, const char *path, const trn_tensor_t *tensor,
                             found_t *found) {
    int64_t extent[8] = {1, 1};
    const char *name = trn_tensor_name(all, tensor);
    if (trn_tensor_type(tensor) == TRN_OTHER)
        return trn_fail(
            TRN_INPUT, "%s: tensor '%.100s' is of %s, which cannot be read; save it as F32 or BF16",
            path, name, trn_tensor_kind(tensor));
    if (tensor->rank > 2)
        return trn_fail(TRN_INPUT, "%s: tensor '%.100s' has %d dimensions, not 1 or 2; reshape it",
                        path, name, tensor->rank);
    trn_tensor_extent(all, tensor, extent);
    found->rows = extent[0];
    found->cols = extent[1]; /* a list of numbers is a column */
    found->flat = tensor->rank == 1;
    found->type = (int64_t)trn_tensor_type(tensor);
    found->offset = all->data + tensor->begin;
    TRN_TRY(trn_strdup(&found->name, name));
    return trn_strdup(&found->path, path);
}

static trn_status_t look_into(const char *path, const char *member, found_t *found) {
    trn_tensors_t all = {0};
    const trn_tensor_t *tensor;
    TRN_TRY(trn_tensors_read(&all, path));
    trn_status_t status = choose(&all, path, member, &tensor);
    if (status == TRN_OK) status = describe(&all, path, tensor, found);
    trn_tensors_free(&all);
    return status;
}

/* Indices ------------------------------------------------------------------------------------- */

typedef struct search {
    const char *wanted;
    char *first; /* name of the first tensor, for the message */
    char *file;  /* that holds the wanted one */
    int64_t count;
} search_t;

static trn_status_t look_at(void *user, const char *tensor, const char *file) {
    search_t *search = user;
    if (search->count++ == 0) TRN_TRY(trn_strdup(&search->first, tensor));
    if (search->file || (*search->wanted && strcmp(tensor, search->wanted) != 0)) return TRN_OK;
    return trn_strdup(&search->file, file);
}

/* The path of `file` in the folder of the index. */
static trn_status_t beside(const char *index, const char *file, char **path) {
    const char *slash = strrchr(index, '/');
    int folder = slash ? (int)(slash - index + 1) : 0;
    size_t bytes = (size_t)folder + strlen(file) + 1;
    TRN_TRY(trn_alloc(path, (int64_t)bytes, 1, "a path"));
    snprintf(*path, bytes, "%.*s%s", folder, index, file);
    return TRN_OK;
}

static trn_status_t look_by_index(const char *path, const char *member, found_t *found) {
    search_t search = {.wanted = member};
    char *shard = NULL;
    trn_status_t status = trn_tensors_index(path, look_at, &search);
    if (status == TRN_OK && !*member && search.count != 1)
        status =
            trn_fail(TRN_INPUT,
                     "%s: names %lld tensors; name one, as in '%s:%.100s' (`trunnion info` "
                     "lists them)",
                     path, (long long)search.count, path, search.first ? search.first : "NAME");
    else if (status == TRN_OK && !search.file)
        status = trn_fail(TRN_INPUT, "%s: names no tensor '%.200s'; `trunnion info` lists them",
                          path, member);
    if (status == TRN_OK) status = beside(path, search.file, &shard);
    if (status == TRN_OK) status = look_into(shard, *member ? member : search.first, found);
    trn_free(&search.first);
    trn_free(&search.file);
    trn_free(&shard);
    return status;
}

/* Opening ------------------------------------------------------------------------------------- */

/* Rank 0's texts and numbers on every rank. Collective. */
static trn_status_t share_found(MPI_Comm comm, found_t *found) {
    int64_t numbers[] = {found->rows, found->cols, found->type, found->offset, found->flat};
    int64_t bytes[2] = {0, 0};
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) bytes[0] = (int64_t)strlen(found->name) + 1;
    if (rank == 0) bytes[1] = (int64_t)strlen(found->path) + 1;
    TRN_TRY(trn_share(comm, &found->name, &bytes[0], "the name of a tensor"));
    TRN_TRY(trn_share(comm, &found->path, &bytes[1], "a path"));
    MPI_Bcast(numbers, sizeof numbers / sizeof *numbers, MPI_INT64_T, 0, comm);
    found->rows = numbers[0];
    found->cols = numbers[1];
    found->type = numbers[2];
    found->offset = numbers[3];
    found->flat = numbers[4];
    return TRN_OK;
}

static trn_status_t look(trn_source_t *source, found_t *found) {
    const char *path = source->path;
    bool index;
    TRN_TRY(trn_tensors_is_index(path, &index));
    return (index ? look_by_index : look_into)(path, source->member, found);
}

static void settle(trn_source_t *source, found_t *found) {
    tensor_t *tensor = source->self;
    trn_free(&source->member);
    source->member = found->name;
    tensor->path = found->path;
    found->name = found->path = NULL;
    source->rows = found->rows;
    source->cols = found->cols;
    source->flat = found->flat != 0;
    source->type = (trn_dtype_t)found->type;
    tensor->shard = (trn_input_t){.path = tensor->path, .content = TRN_CONTENT_ANY};
    tensor->raw = (trn_raw_t){.input = &tensor->shard,
                              .offset = found->offset,
                              .cols = found->cols,
                              .type = source->type};
}

static trn_status_t open_tensor(trn_source_t *source) {
    found_t found = {0};
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    TRN_AGREE(source->comm, trn_alloc_zero(&source->self, 1, sizeof(tensor_t), "a tensor"));
    trn_status_t status = trn_agree(source->comm, rank == 0 ? look(source, &found) : TRN_OK);
    if (status == TRN_OK) status = share_found(source->comm, &found);
    if (status == TRN_OK) {
        settle(source, &found);
        status = trn_inputs_look(source->comm, 1, &((tensor_t *)source->self)->shard);
    }
    trn_free(&found.name);
    trn_free(&found.path);
    return status;
}

static void close_tensor(trn_source_t *source) {
    tensor_t *tensor = source->self;
    if (!tensor) return;
    trn_raw_close(&tensor->raw);
    trn_free(&tensor->path);
    trn_free(&source->self);
}

static trn_status_t read_tensor(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                                void *values, trn_misfit_t *misfit) {
    return trn_raw_read(&((tensor_t *)source->self)->raw, first, rows, type, values, misfit);
}

/* Listing, on rank 0 -------------------------------------------------------------------------- */

typedef struct lister {
    void (*visit)(void *user, const trn_item_t *item);
    void *user;
} lister_t;

static trn_status_t list_file(const char *path, const lister_t *to) {
    trn_tensors_t all = {0};
    TRN_TRY(trn_tensors_read(&all, path));
    for (int64_t i = 0; i < all.count; i++) {
        const trn_tensor_t *tensor = &all.tensor[i];
        trn_item_t item = {.name = trn_tensor_name(&all, tensor),
                           .type = trn_tensor_kind(tensor),
                           .rank = tensor->rank,
                           .bytes = tensor->end - tensor->begin};
        trn_tensor_extent(&all, tensor, item.extent);
        to->visit(to->user, &item);
    }
    trn_tensors_free(&all);
    return TRN_OK;
}

static trn_status_t list_entry(void *user, const char *tensor, const char *file) {
    const lister_t *to = user;
    to->visit(to->user, &(trn_item_t){.name = tensor, .type = file, .rank = -1});
    return TRN_OK;
}

static trn_status_t list_tensors(MPI_Comm comm, const char *path,
                                 void (*visit)(void *user, const trn_item_t *item), void *user) {
    lister_t to = {visit, user};
    bool index = false;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = rank == 0 ? trn_tensors_is_index(path, &index) : TRN_OK;
    if (rank == 0 && status == TRN_OK)
        status = index ? trn_tensors_index(path, list_entry, &to) : list_file(path, &to);
    return trn_agree(comm, status);
}

/* Writing: one tensor ------------------------------------------------------------------------- */

/* Append text[...] as a JSON string; returns the end. */
static char *put_string(char *to, const char *text) {
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *to++ = '\\';
        if ((unsigned char)*text < ' ')
            to += sprintf(to, "\\u%04x", (unsigned)*text);
        else
            *to++ = *text;
    }
    *to++ = '"';
    return to;
}

static trn_status_t check_name(const trn_sink_t *sink) {
    if (trn_utf8_valid(sink->member) && strcmp(sink->member, "__metadata__") != 0) return TRN_OK;
    return trn_fail(TRN_USAGE, "%s: the name of a tensor has to be UTF-8, and not __metadata__",
                    sink->path);
}

/* Filled up with spaces, so that the numbers begin at a multiple of 8. */
static trn_status_t begin_tensor(trn_sink_t *sink) {
    enum { LENGTH = 8, ROOM = 256 };
    const char *name = *sink->member ? sink->member : "matrix";
    int64_t bytes = sink->rows * sink->cols * trn_dtype_size(sink->type);
    char *head = NULL;
    TRN_TRY(check_name(sink)); /* equal on all ranks */
    trn_status_t status =
        trn_agree(sink->comm, trn_alloc_zero(&head, ROOM + 6 * (int64_t)strlen(name), 1,
                                             "a head of safetensors"));
    if (status != TRN_OK) { /* of another rank, perhaps */
        trn_free(&head);
        return status;
    }
    char *to = head + LENGTH;
    *to++ = '{';
    to = put_string(to, name);
    to += sprintf(to, ":{\"dtype\":\"%s\",\"shape\":[%lld", trn_tensor_kind_of(sink->type),
                  (long long)sink->rows);
    if (!sink->flat) to += sprintf(to, ",%lld", (long long)sink->cols);
    to += sprintf(to, "],\"data_offsets\":[0,%lld]}}", (long long)bytes);
    while ((to - head) % 8 != 0)
        *to++ = ' ';
    uint64_t length = (uint64_t)(to - head - LENGTH);
    for (int i = 0; i < LENGTH; i++)
        head[i] = (char)(length >> 8 * i & 255);
    status = trn_fixed_begin(sink, head, to - head, 0);
    trn_free(&head);
    return status;
}

const trn_file_format_t trn_format_safetensors = {
    .name = "safetensors",
    .title = "safetensors file",
    .endings = {".safetensors", ".safetensors.index.json"},
    .holds = TRN_HOLDS_MEMBERS,
    .types = 1 << TRN_F64 | 1 << TRN_F32 | 1 << TRN_F16 | 1 << TRN_BF16 | 1 << TRN_I64 |
             1 << TRN_I32 | 1 << TRN_I16 | 1 << TRN_I8 | 1 << TRN_U64 | 1 << TRN_U32 |
             1 << TRN_U16 | 1 << TRN_U8,
    .begins = begins,
    .open = open_tensor,
    .close = close_tensor,
    .read = read_tensor,
    .list = list_tensors,
    .begin = begin_tensor,
    .put = trn_fixed_put,
    .finish = trn_fixed_finish,
};
