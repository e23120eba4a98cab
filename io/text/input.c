/* input.c: looking at files, and telling whether they are still the same (input.h). */
#define _GNU_SOURCE
#include "io/text/input.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* By these a file is the same as before: which it is, how long, and when it was last written or
 * renamed. */
static trn_stamp_t stamp_of(const struct stat *about) {
    return (trn_stamp_t){.device = (int64_t)about->st_dev,
                         .inode = (int64_t)about->st_ino,
                         .bytes = (int64_t)about->st_size,
                         .modified = nanoseconds(about->st_mtim),
                         .changed = nanoseconds(about->st_ctim)};
}

static trn_status_t cannot_open(const char *path) {
    return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
}

/* As many of the first bytes as there are. */
static trn_status_t read_head(const char *path, int fd, unsigned char *head, size_t *got) {
    *got = 0;
    while (*got < TRN_MAGIC_BYTES) {
        ssize_t bytes = pread(fd, head + *got, TRN_MAGIC_BYTES - *got, (off_t)*got);
        if (bytes == 0) break;
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0)
            return trn_fail(TRN_IO, "%s: cannot read: %s; check the disk", path, strerror(errno));
        *got += (size_t)bytes;
    }
    return TRN_OK;
}

/* What a regular file is. */
static trn_status_t look_into(trn_input_t *input, int fd, const struct stat *about) {
    unsigned char head[TRN_MAGIC_BYTES];
    size_t got;
    input->stamp = stamp_of(about);
    input->bytes = about->st_size;
    TRN_TRY(read_head(input->path, fd, head, &got));
    input->coding = trn_coding_of(head, got);
    if (input->coding != TRN_CODING_NONE || input->content == TRN_CONTENT_ANY) return TRN_OK;
    TRN_TRY(trn_input_judge(input, head, got));
    input->mark = trn_mark_bytes(head, got);
    input->bytes -= input->mark;
    return TRN_OK;
}

trn_status_t trn_input_judge(const trn_input_t *input, const void *head, size_t bytes) {
    if (input->content == TRN_CONTENT_ANY) return TRN_OK;
    const char *wanted = input->content == TRN_CONTENT_TEXT ? "text" : "word2vec vectors";
    return trn_magic_refuse(input->path, wanted, head, bytes);
}

/* Only a regular file is opened; what a pipe holds is seen when its bytes come. */
trn_status_t trn_input_look(trn_input_t *input) {
    const char *path = input->path;
    struct stat about;
    *input = (trn_input_t){.path = path, .content = input->content, .grows = input->grows};
    input->stream = strcmp(path, "-") == 0;
    if (input->stream) return TRN_OK;
    /* A FIFO is not opened: that would wait for its writer, and closing it would break the pipe. */
    if (stat(path, &about) != 0) return cannot_open(path);
    input->stamp = stamp_of(&about);
    input->stream = S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode);
    if (input->stream) return TRN_OK;
    if (!S_ISREG(about.st_mode))
        return trn_fail(TRN_INPUT, "%s: %s; give files or pipes", path,
                        S_ISDIR(about.st_mode) ? "is a directory" : "is no regular file");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot_open(path);
    trn_status_t status = fstat(fd, &about) == 0 ? TRN_OK : cannot_open(path);
    if (status == TRN_OK) status = look_into(input, fd, &about);
    close(fd);
    return status;
}

/* Whether one rank must read all of it, from front to back: no seeking in a pipe or compressed
 * bytes. */
bool trn_input_whole(const trn_input_t *input) {
    return input->stream || input->coding != TRN_CODING_NONE;
}

trn_status_t trn_input_reread(const trn_input_t *input, const char *why) {
    if (!input->stream) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: a pipe can be read only once, but %s; write it to a file first",
                    input->path, why);
}

/* By the open descriptor: another file may have the name by now. A log that grows may have become
 * longer. */
trn_status_t trn_input_unchanged(const trn_input_t *input, int fd) {
    struct stat about;
    if (input->stream) return TRN_OK;
    if (fstat(fd, &about) != 0)
        return trn_fail(TRN_IO, "%s: cannot look at the open file: %s; check the disk", input->path,
                        strerror(errno));
    trn_stamp_t now = stamp_of(&about), then = input->stamp;
    if (memcmp(&now, &then, sizeof now) == 0) return TRN_OK;
    static const char cure[] = "start again when nobody writes to it";
    if (now.device != then.device || now.inode != then.inode)
        return trn_fail(TRN_INPUT, "%s: changed while it was read: another file has its place; %s",
                        input->path, cure);
    if (input->grows && now.bytes >= then.bytes) return TRN_OK;
    if (now.bytes != then.bytes)
        return trn_fail(TRN_INPUT, "%s: changed while it was read: from %lld to %lld bytes; %s",
                        input->path, (long long)then.bytes, (long long)now.bytes, cure);
    return trn_fail(TRN_INPUT, "%s: changed while it was read: written to, its size the same; %s",
                    input->path, cure);
}

/* On all ranks --------------------------------------------------------------------------------- */

/* What all ranks must see alike. */
typedef struct view {
    int64_t bytes;
    int32_t coding, stream;
} view_t;

static view_t view_of(const trn_input_t *input) {
    return (view_t){input->bytes, (int32_t)input->coding, input->stream};
}

/* Sizes and codings only: times may differ between the caches of nodes. */
static trn_status_t compare(const trn_input_t *input, view_t first) {
    view_t here = view_of(input);
    if (memcmp(&here, &first, sizeof here) == 0) return TRN_OK;
    if (here.stream || here.bytes == first.bytes)
        return trn_fail(TRN_INPUT,
                        "%s: is of another kind here than on rank 0; give all nodes the "
                        "same files",
                        input->path);
    return trn_fail(TRN_INPUT, "%s: %lld bytes here, %lld on rank 0; give all nodes the same files",
                    input->path, (long long)here.bytes, (long long)first.bytes);
}

/* Bytes taken out of a pipe for one reader are lost to the other. */
static trn_status_t check_streams(int64_t count, const trn_input_t *inputs) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; inputs[i].stream && j < i; j++)
            if (inputs[j].stream &&
                (strcmp(inputs[i].path, inputs[j].path) == 0 ||
                 memcmp(&inputs[i].stamp, &inputs[j].stamp, sizeof inputs[i].stamp) == 0))
                return trn_fail(TRN_USAGE, "%s: a pipe that is given twice can be read only once",
                                inputs[i].path);
    return TRN_OK;
}

/* On rank 0. */
static trn_status_t look_at_all(int64_t count, trn_input_t *inputs, view_t *views) {
    for (int64_t i = 0; i < count; i++) {
        TRN_TRY(trn_input_look(&inputs[i]));
        views[i] = view_of(&inputs[i]);
    }
    return check_streams(count, inputs);
}

/* On a rank above 0, whose standard input and FIFOs are not looked at. */
static trn_status_t look_as_rank_0(int64_t count, trn_input_t *inputs, const view_t *views) {
    for (int64_t i = 0; i < count; i++) {
        if (views[i].stream) {
            inputs[i].stream = true;
            continue;
        }
        TRN_TRY(trn_input_look(&inputs[i]));
        TRN_TRY(compare(&inputs[i], views[i]));
    }
    return TRN_OK;
}

/* Rank 0 looks, all compare with what it saw: a node with an older copy of a file is told by name,
 * not by wrong results. */
trn_status_t trn_inputs_look(MPI_Comm comm, int64_t count, trn_input_t *inputs) {
    int rank;
    view_t *views;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_alloc_zero(&views, count, sizeof *views, "the list of files");
    if (status == TRN_OK && rank == 0) status = look_at_all(count, inputs, views);
    TRN_OR(done, trn_agree(comm, status));
    /* A command line cannot name 2^27 files. */
    MPI_Bcast(views, (int)(count * (int64_t)sizeof *views), MPI_BYTE, 0, comm);
    if (rank > 0) status = look_as_rank_0(count, inputs, views);
    status = trn_agree(comm, status);
done:
    trn_free(&views);
    return status;
}
