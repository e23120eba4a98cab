/* h5_member.c: a matrix into a dataset of its own, FILE.h5:/DATASET, of an HDF5 file that is there
 * or of a new one, which is no store of ours: no checksums, nothing but what is asked for.
 *
 * The file that is there is copied under a temporary name; rank 0's child makes the dataset in the
 * copy and writes the names of the rows beside it, as DATASET_names; then every rank writes its
 * rows to their place, and the copy takes the file's place. */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"
#include "base/strings.h"
#include "io/bytes.h"
#include "io/foreign/foreign.h"
#include "io/formats/h5_foreign.h"
#include "io/joint.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY = 4 << 20, NAMES = 4096 /* names that are written at a time, as some_names has it */ };

typedef struct member {
    trn_joint_t *joint;
    int64_t offset, row_bytes; /* of the first number in the file; of a row */
} member_t;

/* Rank 0 ---------------------------------------------------------------------------------------
 */

/* Bytes of the file that is there; -1: there is none, or an empty one. */
static int64_t bytes_of(const char *path) {
    struct stat about;
    bool there = stat(path, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0;
    return there ? (int64_t)about.st_size : -1;
}

static trn_status_t copy_file(const char *path, int64_t bytes, trn_joint_t *joint) {
    char *piece;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return trn_fail(TRN_IO, "%s: cannot open: %s; check the path", path, strerror(errno));
    trn_status_t status = trn_alloc(&piece, COPY, 1, "a file to copy");
    for (int64_t done = 0, some; done < bytes && status == TRN_OK; done += some) {
        some = bytes - done < COPY ? bytes - done : COPY;
        status = trn_bytes_read(fd, path, done, piece, some);
        if (status == TRN_OK) status = trn_joint_write(joint, done, piece, some);
        trn_watch_tick();
    }
    trn_free(&piece);
    close(fd);
    return status;
}

/* What goes wrong is told of the file that the user named. */
static trn_status_t prepare(trn_sink_t *sink, member_t *member, trn_foreign_t **file,
                            int64_t bytes) {
    if (bytes > 0) TRN_TRY(copy_file(sink->path, bytes, member->joint));
    TRN_TRY(trn_foreign_edit(file, trn_joint_temporary(member->joint), bytes <= 0));
    return trn_foreign_make(*file, sink->member, sink->type, sink->rows, sink->cols,
                            &member->offset);
}

/* Names, one block of them. */
static trn_status_t put_names(trn_foreign_t *file, const char *name, int64_t first, int64_t count,
                              const char *const *names) {
    char *text;
    int64_t bytes = trn_strings_bytes(count, (char *const *)names), used = 0;
    TRN_TRY(trn_alloc(&text, bytes, 1, "names of rows"));
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        memcpy(text + used, names[i], length);
        used += (int64_t)length;
    }
    trn_status_t status = trn_foreign_put_strings(file, name, first, count, text, bytes);
    trn_free(&text);
    return status;
}

/* All ranks -------------------------------------------------------------------------------------
 */

/* Collective; `status` is rank 0's so far, agreed. */
static trn_status_t write_names(trn_sink_t *sink, trn_foreign_t *file) {
    char name[4096];
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    snprintf(name, sizeof name, "%s_names", sink->member);
    trn_status_t status = rank == 0 ? trn_foreign_make_strings(file, name, sink->rows) : TRN_OK;
    TRN_AGREE(sink->comm, status);
    for (int64_t first = 0, count; first < sink->rows; first += count) {
        const char *const *names;
        count = sink->rows - first < NAMES ? sink->rows - first : NAMES;
        TRN_TRY(sink->some_names(sink->names_self, name, first, count, &names));
        status = rank == 0 ? put_names(file, name, first, count, names) : TRN_OK;
        TRN_AGREE(sink->comm, status);
    }
    return sink->some_names(sink->names_self, name, 0, 0, NULL);
}

/* Collective. */
static trn_status_t fill(trn_sink_t *sink, member_t *member, int64_t bytes) {
    trn_foreign_t *file = NULL;
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    trn_status_t status =
        trn_agree(sink->comm, rank == 0 ? prepare(sink, member, &file, bytes) : TRN_OK);
    if (status == TRN_OK && sink->named) status = write_names(sink, file);
    trn_status_t closed = trn_foreign_close(&file);
    status = trn_agree(sink->comm, status == TRN_OK ? closed : status);
    MPI_Bcast(&member->offset, 1, MPI_INT64_T, 0, sink->comm);
    return status;
}

static trn_status_t tidy(trn_sink_t *sink) {
    if (*sink->member == '/') return TRN_OK;
    char *name;
    size_t bytes = strlen(sink->member) + 2;
    TRN_TRY(trn_alloc(&name, (int64_t)bytes, 1, "the name of a dataset"));
    snprintf(name, bytes, "/%s", sink->member);
    trn_free(&sink->member);
    sink->member = name;
    return TRN_OK;
}

trn_status_t trn_h5_member_begin(trn_sink_t *sink) {
    member_t *member = NULL;
    int rank;
    MPI_Comm_rank(sink->comm, &rank);
    trn_status_t status = trn_alloc_zero(&member, 1, sizeof *member, "a dataset to write");
    if (status == TRN_OK) status = tidy(sink);
    TRN_OR(failed, trn_agree(sink->comm, status));
    int64_t bytes = rank == 0 ? bytes_of(sink->path) : 0;
    MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, sink->comm);
    member->row_bytes = sink->cols * trn_dtype_size(sink->type);
    TRN_OR(failed, trn_joint_create(&member->joint, sink->comm, sink->path, bytes > 0 ? bytes : 0));
    status = fill(sink, member, bytes);
    if (status != TRN_OK) status = trn_joint_close(&member->joint, status);
failed:
    if (status != TRN_OK) trn_free(&member);
    sink->self = member;
    return status;
}

trn_status_t trn_h5_member_put(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    const member_t *member = sink->self;
    return trn_joint_write(member->joint, member->offset + first * member->row_bytes, values,
                           rows * member->row_bytes);
}

trn_status_t trn_h5_member_finish(trn_sink_t *sink, trn_status_t status) {
    member_t *member = sink->self;
    status = trn_joint_close(&member->joint, status);
    trn_free(&member);
    sink->self = NULL;
    return status;
}

/* Names of relations, then of their inverses. Collective. */
trn_status_t trn_h5_both_names(trn_store_t *store, const char *dataset, MPI_Comm comm,
                               char ***both) {
    static const char inverse[] = "^-1";
    char **names, *text;
    int64_t count, used = 0;
    TRN_TRY(trn_store_read_strings(store, dataset, &count, &names));
    int64_t bytes = 2 * trn_strings_bytes(count, names) + count * (int64_t)strlen(inverse);
    trn_status_t status = trn_alloc(&text, bytes, 1, "names of relations");
    for (int64_t i = 0; i < 2 * count && status == TRN_OK; i++)
        used += 1 + snprintf(text + used, (size_t)(bytes - used), "%s%s", names[i % count],
                             i < count ? "" : inverse);
    if (status == TRN_OK) status = trn_strings_make(2 * count, text, used, both);
    trn_free(&text);
    trn_free(&names);
    return trn_agree(comm, status);
}
