/* shared.c: every rank makes a block in /dev/shm under a name that nobody can guess, tells the
 * name, and takes it away as soon as the ranks of its node have mapped the block. */
#define _GNU_SOURCE
#include "mpi/shared.h"

#include "base/mem.h"
#include "base/own.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

/* What every rank tells of its block. */
typedef struct notice {
    int64_t bytes;
    int32_t node;
    char name[NAME_BYTES];
} notice_t;

struct trn_shared {
    int rank, ranks;
    notice_t *notice; /* [ranks] */
    void **block;     /* [ranks]; NULL on other nodes */
    int64_t claimed;
    int file; /* of the own block while it has a name that must go; then -1 */
};

static trn_status_t no_room(int64_t bytes, int error) {
    return trn_fail(TRN_MEMORY,
                    "/dev/shm: no room for %lld bytes: %s; enlarge it, or do without "
                    "shared blocks",
                    (long long)bytes, strerror(error));
}

/* Map a file, or nothing where there are no bytes. */
static trn_status_t map(int file, int64_t bytes, int protection, void **at) {
    *at = mmap(NULL, (size_t)(bytes > 0 ? bytes : 1), protection, MAP_SHARED, file, 0);
    if (*at != MAP_FAILED) return TRN_OK;
    *at = NULL;
    return no_room(bytes, errno);
}

/* A new file that is held, so that no other job takes it for one that a killed job left. */
static int make_file(char name[NAME_BYTES]) {
    struct stat info;
    for (;;) {
        snprintf(name, NAME_BYTES, "/trunnion-shared.tmp.%016llx",
                 (unsigned long long)trn_own_draw());
        int file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (file < 0 && errno == EEXIST) continue;
        if (file < 0) return -1;
        trn_hold_t hold = trn_own_hold(file);
        /* Before we held it, another rank or job may have taken it for one left behind: it has the
         * hold then and is about to take the name away, or has done so. */
        if (hold == TRN_NO_LOCKS ||
            (hold == TRN_HELD && fstat(file, &info) == 0 && info.st_nlink > 0))
            return file;
        close(file);
    }
}

/* posix_fallocate takes the pages now: without it a full /dev/shm would end us by SIGBUS at the
 * first write. */
static trn_status_t make_own(trn_shared_t *shared, int64_t bytes) {
    notice_t *own = &shared->notice[shared->rank];
    TRN_TRY(trn_mem_claim(bytes, "a shared block"));
    shared->claimed = bytes;
    own->bytes = bytes;
    trn_own_clean("/dev/shm/trunnion-shared");
    shared->file = make_file(own->name);
    if (shared->file < 0) return no_room(bytes, errno);
    int error = posix_fallocate(shared->file, 0, bytes > 0 ? bytes : 1);
    return error ? no_room(bytes, error)
                 : map(shared->file, bytes, PROT_READ | PROT_WRITE, &shared->block[shared->rank]);
}

/* What has the name must be what its rank made: a shorter file would end us by SIGBUS. */
static trn_status_t map_other(const notice_t *notice, void **block) {
    struct stat info = {0};
    int file = shm_open(notice->name, O_RDONLY, 0);
    if (file < 0) return no_room(notice->bytes, errno);
    const char *flaw = trn_own_flaw(file, geteuid());
    if (!flaw && (fstat(file, &info) != 0 || info.st_size < notice->bytes)) flaw = "too short";
    trn_status_t status =
        flaw ? trn_fail(TRN_IO, "/dev/shm%s: is %s; see who else writes there", notice->name, flaw)
             : map(file, notice->bytes, PROT_READ, block);
    close(file);
    return status;
}

/* Blocks of ranks on other nodes stay NULL. */
static trn_status_t map_others(trn_shared_t *shared) {
    const notice_t *own = &shared->notice[shared->rank];
    for (int r = 0; r < shared->ranks; r++)
        if (r != shared->rank && shared->notice[r].node == own->node)
            TRN_TRY(map_other(&shared->notice[r], &shared->block[r]));
    return TRN_OK;
}

/* All who need the name have had it. */
static void take_name(trn_shared_t *shared) {
    if (shared->file < 0) return;
    shm_unlink(shared->notice[shared->rank].name);
    close(shared->file);
    shared->file = -1;
}

/* Local memory only; the file comes later. */
static trn_status_t plan(trn_shared_t **out, MPI_Comm comm) {
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a shared block"));
    (*out)->file = -1;
    MPI_Comm_rank(comm, &(*out)->rank);
    MPI_Comm_size(comm, &(*out)->ranks);
    TRN_TRY(trn_alloc_zero(&(*out)->notice, (*out)->ranks, sizeof(notice_t), "shared blocks"));
    return trn_alloc_zero(&(*out)->block, (*out)->ranks, sizeof(void *), "shared blocks");
}

/* The lowest rank of `comm` on this node. */
static int node_of(MPI_Comm comm, int rank) {
    MPI_Comm node;
    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    MPI_Allreduce(MPI_IN_PLACE, &rank, 1, MPI_INT, MPI_MIN, node);
    MPI_Comm_free(&node);
    return rank;
}

/* The name goes as soon as all have mapped it, or on any failure: nothing is left behind even if
 * the job is killed afterwards. */
trn_status_t trn_shared_create(trn_shared_t **shared, MPI_Comm comm, int64_t bytes) {
    trn_status_t status;
    *shared = NULL;
    TRN_OR(done, trn_agree(comm, plan(shared, comm)));
    trn_shared_t *s = *shared;
    s->notice[s->rank].node = node_of(comm, s->rank);
    TRN_OR(done, trn_agree(comm, make_own(s, bytes)));
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, s->notice, sizeof(notice_t), MPI_BYTE, comm);
    TRN_OR(done, trn_agree(comm, map_others(s)));
done:
    if (*shared) take_name(*shared);
    if (status != TRN_OK) trn_shared_destroy(shared);
    return status;
}

/* Local: what others have mapped stays theirs until they let go of it. */
void trn_shared_destroy(trn_shared_t **shared) {
    if (!*shared) return;
    for (int r = 0; (*shared)->block && r < (*shared)->ranks; r++) {
        int64_t bytes = (*shared)->notice[r].bytes;
        if ((*shared)->block[r]) munmap((*shared)->block[r], (size_t)(bytes > 0 ? bytes : 1));
    }
    trn_mem_unclaim((*shared)->claimed);
    trn_free(&(*shared)->notice);
    trn_free(&(*shared)->block);
    trn_free(shared);
}

void *trn_shared_block(const trn_shared_t *shared, int rank) {
    return shared->block[rank];
}
