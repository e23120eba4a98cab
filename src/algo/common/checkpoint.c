/* checkpoint.c: which of two generations to load, and what becomes of those that are not needed. */
#define _POSIX_C_SOURCE 200809L
#include "algo/common/checkpoint.h"

#include "base/log.h"
#include "base/own.h"
#include "mpi/agree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

trn_status_t trn_resume_parse(const char *text, trn_resume_t *policy) {
    static const char *const names[] = {"auto", "never", "must"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *policy = (trn_resume_t)i;
        return TRN_OK;
    }
    return trn_fail(TRN_USAGE, "--resume: \"%s\" is none of auto, never, must", text);
}

/* Whether rank 0 sees the file. Collective. */
static bool there(MPI_Comm comm, const char *path) {
    int rank, found = 0;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) found = access(path, F_OK) == 0;
    MPI_Bcast(&found, 1, MPI_INT, 0, comm);
    return found != 0;
}

/* Load one generation. *damaged: it cannot be used, but another one may. Collective. */
static trn_status_t load_one(MPI_Comm comm, const char *path, const char *kind,
                             trn_status_t (*load)(trn_store_t *store, void *user), void *user,
                             bool *damaged) {
    trn_store_t *store = NULL;
    const char *found = NULL;
    trn_status_t status = trn_store_open(&store, comm, path, NULL);
    if (status == TRN_OK) status = trn_store_get_text(store, "/", "kind", &found);
    *damaged = status == TRN_INPUT || status == TRN_IO;
    if (status == TRN_OK && strcmp(found, kind) != 0) /* sound, but the user's mistake */
        status = trn_fail(TRN_INPUT,
                          "%s: is of kind \"%s\", wanted is \"%s\"; give another "
                          "--checkpoint",
                          path, found, kind);
    else if (status == TRN_OK) {
        status = load(store, user);
        *damaged = status == TRN_INPUT || status == TRN_IO;
    }
    trn_store_close(&store);
    return status;
}

/* Rank 0: rename the damaged FILE, if it is there: the next commit is not to make it the kept
 * generation. A damaged one of before gives way, nothing else does. */
static trn_status_t put_aside(const char *path, const char *former) {
    char aside[PATH_BYTES];
    snprintf(aside, sizeof aside, "%s.damaged", path);
    if (access(path, F_OK) != 0) return TRN_OK;
    TRN_TRY(trn_store_replaceable(aside));
    if (rename(path, aside) != 0)
        return trn_fail(TRN_IO, "%s: is damaged, and cannot be renamed to %s: %s; move it away",
                        path, aside, strerror(errno));
    trn_log(TRN_LOG_WARN, "checkpoint", "resumed from %s; the damaged file is now %s", former,
            aside);
    return TRN_OK;
}

/* FILE could not be loaded for `reason`; FILE.prev it is. Collective. */
static trn_status_t fall_back(MPI_Comm comm, const char *path, const char *kind, const char *reason,
                              trn_status_t (*load)(trn_store_t *, void *), void *user) {
    char former[PATH_BYTES];
    bool damaged;
    int rank;
    MPI_Comm_rank(comm, &rank);
    snprintf(former, sizeof former, "%s.prev", path);
    if (!there(comm, former)) return trn_fail(TRN_INPUT, "%s", reason);
    trn_log(TRN_LOG_WARN, "checkpoint", "%s; trying %s", reason, former);
    trn_status_t status = load_one(comm, former, kind, load, user, &damaged);
    if (status != TRN_OK && damaged) {
        char second[512];
        snprintf(second, sizeof second, "%s", trn_message());
        return trn_fail(TRN_INPUT, "%.400s; nor can the former one be used: %s", reason, second);
    }
    TRN_TRY(status);
    return trn_agree(comm, rank == 0 ? put_aside(path, former) : TRN_OK);
}

/* Rank 0: neither generation is to replace what is not one of ours; and room for the next. */
static trn_status_t settle(const char *path) {
    char former[PATH_BYTES];
    snprintf(former, sizeof former, "%s.prev", path);
    TRN_TRY(trn_store_replaceable(path));
    TRN_TRY(trn_store_replaceable(former));
    trn_own_clean(path);
    return TRN_OK;
}

/* As trn_checkpoint_load, but for what is looked at in the end. Collective. */
static trn_status_t load_any(MPI_Comm comm, const char *path, const char *kind, trn_resume_t policy,
                             trn_status_t (*load)(trn_store_t *store, void *user), void *user,
                             bool *loaded) {
    char former[PATH_BYTES], reason[1024];
    snprintf(former, sizeof former, "%s.prev", path);
    bool damaged = true;
    trn_status_t status;
    if (there(comm, path)) {
        status = load_one(comm, path, kind, load, user, &damaged);
        snprintf(reason, sizeof reason, "%s", trn_message());
    } else if (there(comm, former)) {
        status = TRN_INPUT;
        snprintf(reason, sizeof reason, "%s: is missing", path);
    } else if (policy == TRN_RESUME_AUTO) {
        return TRN_OK;
    } else {
        return trn_fail(TRN_INPUT, "%s: is missing, and --resume must was given; check the name",
                        path);
    }
    if (status != TRN_OK && damaged) status = fall_back(comm, path, kind, reason, load, user);
    *loaded = status == TRN_OK;
    return status;
}

trn_status_t trn_checkpoint_load(MPI_Comm comm, const char *path, const char *kind,
                                 trn_resume_t policy,
                                 trn_status_t (*load)(trn_store_t *store, void *user), void *user,
                                 bool *loaded) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    *loaded = false;
    if (policy != TRN_RESUME_NEVER) TRN_TRY(load_any(comm, path, kind, policy, load, user, loaded));
    return trn_agree(comm, rank == 0 ? settle(path) : TRN_OK);
}

void trn_checkpoint_remove(MPI_Comm comm, const char *path) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank > 0) return;
    char former[PATH_BYTES];
    snprintf(former, sizeof former, "%s.prev", path);
    trn_store_remove(former); /* first: whoever is killed in between leaves the newer one */
    trn_store_remove(path);
}
