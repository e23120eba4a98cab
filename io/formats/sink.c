/* sink.c: bytes at places known beforehand, and lines of any length (sink.h). */
#include "io/formats/sink.h"

#include "base/mem.h"
#include "io/bytes.h"
#include "io/joint.h"
#include "io/spool.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <stdbool.h>
#include <string.h>

/* Rows of fixed size --------------------------------------------------------------------------- */

typedef struct fixed {
    trn_joint_t *joint;
    int64_t head, row_bytes;
} fixed_t;

static trn_status_t open_joint(trn_sink_t *sink, fixed_t *fixed, const char *head, int64_t tail) {
    int64_t bytes = fixed->head + sink->rows * fixed->row_bytes + tail;
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    TRN_TRY(trn_joint_create(&fixed->joint, sink->comm, sink->path, bytes));
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_joint_write(fixed->joint, 0, head, fixed->head);
    status = trn_agree(sink->comm, status);
    return status == TRN_OK ? status : trn_joint_close(&fixed->joint, status);
}

trn_status_t trn_fixed_begin(trn_sink_t *sink, const char *head, int64_t head_bytes, int64_t tail) {
    fixed_t *fixed;
    trn_status_t status = trn_agree(sink->comm, trn_alloc_zero(&fixed, 1, sizeof *fixed, "a file"));
    if (status == TRN_OK) {
        fixed->head = head_bytes;
        fixed->row_bytes = sink->cols * trn_dtype_size(sink->type);
        status = open_joint(sink, fixed, head, tail);
    }
    if (status != TRN_OK) trn_free(&fixed);
    sink->self = fixed;
    return status;
}

trn_status_t trn_fixed_put(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    const fixed_t *fixed = sink->self;
    return trn_joint_write(fixed->joint, fixed->head + first * fixed->row_bytes, values,
                           rows * fixed->row_bytes);
}

trn_status_t trn_fixed_at(trn_sink_t *sink, int64_t offset, const void *data, int64_t bytes) {
    return trn_joint_write(((fixed_t *)sink->self)->joint, offset, data, bytes);
}

trn_status_t trn_fixed_finish(trn_sink_t *sink, trn_status_t status) {
    fixed_t *fixed = sink->self;
    status = trn_joint_close(&fixed->joint, status);
    trn_free(&fixed);
    sink->self = NULL;
    return status;
}

/* Lines ---------------------------------------------------------------------------------------- */

enum {
    BUFFER = 1 << 20,    /* bytes that are brought to the spool, and to the file, at a time */
    IN_MEMORY = 64 << 20 /* of the spool, before it goes to disk */
};

typedef struct lines {
    trn_spool_t *spool;
    char *buffer; /* [capacity], `used` of them written */
    int64_t capacity, used;
} lines_t;

static trn_status_t make_lines(const trn_sink_t *sink, lines_t *lines) {
    char *folder;
    TRN_TRY(trn_directory_of(sink->path, &folder));
    trn_status_t status =
        trn_spool_create(&lines->spool, folder, trn_mem_now() + (int64_t)IN_MEMORY);
    trn_free(&folder);
    if (status == TRN_OK) status = trn_alloc(&lines->buffer, BUFFER, 1, "lines to write");
    lines->capacity = BUFFER;
    return status;
}

static void lines_free(lines_t **lines) {
    if (!*lines) return;
    trn_spool_destroy(&(*lines)->spool);
    trn_free(&(*lines)->buffer);
    trn_free(lines);
}

trn_status_t trn_lines_begin(trn_sink_t *sink) {
    lines_t *lines = NULL;
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    trn_status_t status = trn_alloc_zero(&lines, 1, sizeof *lines, "lines to write");
    if (status == TRN_OK) status = make_lines(sink, lines);
    if (status == TRN_OK && rank == 0) status = trn_path_writable(sink->path);
    status = trn_agree(sink->comm, status);
    if (status != TRN_OK) lines_free(&lines);
    sink->self = lines;
    return status;
}

static trn_status_t flush(lines_t *lines) {
    int64_t used = lines->used;
    lines->used = 0;
    return used > 0 ? trn_spool_put(lines->spool, lines->buffer, used) : TRN_OK;
}

trn_status_t trn_lines_room(trn_sink_t *sink, int64_t bytes, char **to) {
    lines_t *lines = sink->self;
    if (lines->used + bytes > lines->capacity) {
        TRN_TRY(flush(lines));
        if (bytes > lines->capacity) {
            TRN_TRY(trn_realloc(&lines->buffer, bytes, 1, "lines to write"));
            lines->capacity = bytes;
        }
    }
    *to = lines->buffer + lines->used;
    return TRN_OK;
}

trn_status_t trn_lines_take(trn_sink_t *sink, char *end) {
    lines_t *lines = sink->self;
    lines->used = end - lines->buffer;
    return TRN_OK;
}

int64_t trn_lines_bytes(const trn_sink_t *sink) {
    const lines_t *lines = sink->self;
    return trn_spool_bytes(lines->spool) + lines->used;
}

int64_t trn_lines_plan(int64_t bytes) {
    return BUFFER + (bytes < IN_MEMORY ? bytes : IN_MEMORY);
}

/* This rank's lines from the spool to `offset` of the file. */
static trn_status_t copy(lines_t *lines, trn_joint_t *joint, int64_t offset) {
    int64_t got;
    do {
        TRN_TRY(trn_spool_take(lines->spool, lines->buffer, lines->capacity, &got));
        TRN_TRY(trn_joint_write(joint, offset, lines->buffer, got));
        offset += got;
        trn_watch_tick();
    } while (got > 0);
    return TRN_OK;
}

static trn_status_t write_file(trn_sink_t *sink, const char *head, int64_t head_bytes) {
    lines_t *lines = sink->self;
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    int64_t mine = trn_spool_bytes(lines->spool), all = mine, offset = 0;
    trn_joint_t *joint;
    MPI_Exscan(&mine, &offset, 1, MPI_INT64_T, MPI_SUM, sink->comm);
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT64_T, MPI_SUM, sink->comm);
    MPI_Bcast(&head_bytes, 1, MPI_INT64_T, 0, sink->comm);
    TRN_TRY(trn_joint_create(&joint, sink->comm, sink->path, head_bytes + all));
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_joint_write(joint, 0, head, head_bytes);
    if (status == TRN_OK) status = copy(lines, joint, head_bytes + (rank == 0 ? 0 : offset));
    return trn_joint_close(&joint, status);
}

trn_status_t trn_lines_finish(trn_sink_t *sink, trn_status_t status, const char *head,
                              int64_t head_bytes) {
    lines_t *lines = sink->self;
    if (status == TRN_OK) status = trn_agree(sink->comm, flush(lines));
    if (status == TRN_OK) status = write_file(sink, head, head_bytes);
    lines_free(&lines);
    sink->self = NULL;
    return status;
}
