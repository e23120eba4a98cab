/* trim_files.c: names of tensors and of the files that are made of them. */
#define _GNU_SOURCE
#include "algo/rows/trim_files.h"

#include "base/mem.h"
#include "io/formats/format.h"
#include "mpi/agree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Ties ----------------------------------------------------------------------------------------- */

/* A name that is looked for in a file. */
typedef struct wanted {
    const char *name;
    bool found;
} wanted_t;

static void visit(void *user, const trn_item_t *item) {
    wanted_t *wanted = user;
    if (strcmp(item->name, wanted->name) == 0) wanted->found = true;
}

/* Whether two names lead to one file. */
static bool one_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether the member is an output matrix, of a file of safetensors; both are to be freed. */
static trn_status_t is_head(const char *path, char **file, char **member, bool *head) {
    const trn_file_format_t *format = NULL;
    *head = false;
    TRN_TRY(trn_path_cut(path, false, file, member));
    const char *name = strstr(*member, "lm_head");
    if (!name || (strcmp(name, "lm_head") != 0 && strcmp(name, "lm_head.weight") != 0))
        return TRN_OK;
    TRN_TRY(trn_format_of(*file, &format));
    *head = strcmp(format->name, "safetensors") == 0;
    return TRN_OK;
}

/* The first of `before` out of the same file. */
static trn_status_t find_first(const char *file, int n, char *const *before, int *first) {
    *first = -1;
    for (int i = 0; i < n && *first < 0; i++) {
        char *other, *member;
        TRN_TRY(trn_path_cut(before[i], false, &other, &member));
        if (one_file(file, other)) *first = i;
        trn_free(&other);
        trn_free(&member);
    }
    return TRN_OK;
}

trn_status_t trn_trim_tied(MPI_Comm comm, const char *path, int n, char *const *before, bool *tied,
                           int *first) {
    char *file = NULL, *member = NULL;
    bool head = false;
    int rank, found = -1;
    MPI_Comm_rank(comm, &rank);
    *tied = false;
    trn_status_t status = trn_agree(comm, rank == 0 ? is_head(path, &file, &member, &head)
                                                    : trn_path_cut(path, false, &file, &member));
    wanted_t wanted = {member, false}; /* the list is told on rank 0 alone */
    if (status == TRN_OK && trn_any(comm, head)) {
        status = trn_format_by_name("safetensors")->list(comm, file, visit, &wanted);
        if (status == TRN_OK && rank == 0) status = find_first(file, n, before, &found);
        status = trn_agree(comm, status);
        *tied = status == TRN_OK && trn_any(comm, rank == 0 && !wanted.found);
    }
    MPI_Bcast(&found, 1, MPI_INT, 0, comm);
    *first = found;
    trn_free(&file);
    trn_free(&member);
    return status;
}

/* Paths may be spelled in many ways; the file system knows which of them are one file. */
trn_status_t trn_trim_same(MPI_Comm comm, const trn_rows_t *a, const trn_rows_t *b, bool *same) {
    char *file[2] = {NULL, NULL}, *member[2] = {NULL, NULL};
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_path_cut(trn_rows_path(a), false, &file[0], &member[0]);
    if (status == TRN_OK) status = trn_path_cut(trn_rows_path(b), false, &file[1], &member[1]);
    status = trn_agree(comm, status);
    bool equal = status == TRN_OK && rank == 0 && one_file(file[0], file[1]) &&
                 strcmp(trn_rows_about(a)->member, trn_rows_about(b)->member) == 0;
    for (int i = 0; i < 2; i++) {
        trn_free(&file[i]);
        trn_free(&member[i]);
    }
    if (status == TRN_OK) *same = trn_any(comm, equal);
    return status;
}

/* Places --------------------------------------------------------------------------------------- */

/* The format of what is written: .npz, for one, can only be read. */
static const trn_file_format_t *format_for(const trn_rows_about_t *about, const char *name) {
    const trn_file_format_t *format =
        trn_format_by_name(strcmp(name, "auto") == 0 ? about->format : name);
    return format && (format->begin || format->save_sparse) ? format : trn_format_by_name("h5");
}

/* The name of a file without its folder and the endings that a format gives it. */
static int stem(const char *file, const char **name) {
    const char *slash = strrchr(file, '/');
    bool packed;
    *name = slash ? slash + 1 : file;
    int length = (int)strlen(*name);
    if (!trn_format_by_ending(file, &packed)) return length;
    for (int dots = packed ? 2 : 1; dots > 0; dots--) {
        const char *dot = memrchr(*name, '.', (size_t)length);
        if (dot && dot > *name) length = (int)(dot - *name);
    }
    return length;
}

trn_status_t trn_trim_place(const trn_rows_t *rows, const char *folder, const char *format,
                            char **to) {
    const trn_rows_about_t *about = trn_rows_about(rows);
    const trn_file_format_t *out = format_for(about, format);
    const char *path = trn_rows_path(rows), *name, *colon = NULL;
    char *file, *member;
    TRN_TRY(trn_path_cut(path, false, &file, &member));
    bool tensor = strcmp(about->format, "safetensors") == 0;
    int length;
    /* Tensors of one file would else all have its name. */
    if (tensor || *member) {
        name = about->member + strspn(about->member, "/");
        length = (int)strlen(name);
    } else {
        length = stem(file, &name);
    }
    if (tensor && strcmp(out->name, "safetensors") == 0) colon = about->member;
    int64_t bytes = (int64_t)(strlen(folder) + strlen(out->endings[0]) + 4) + length +
                    (int64_t)(colon ? strlen(colon) : 0);
    trn_status_t status = trn_alloc(to, bytes, 1, "a file name");
    if (status == TRN_OK) {
        size_t slash = strlen(folder);
        while (slash > 1 && folder[slash - 1] == '/')
            slash--;
        int at = snprintf(*to, (size_t)bytes, "%.*s/", (int)slash, folder);
        snprintf(*to + at, (size_t)(bytes - at), "%.*s%s%s%s", length, name, out->endings[0],
                 colon ? ":" : "", colon ? colon : "");
        for (int i = at; i < at + length; i++)
            if ((*to)[i] == '/' || (*to)[i] == ':') (*to)[i] = '.';
    }
    trn_free(&file);
    trn_free(&member);
    return status;
}

/* mkdir says whether it was there, which a look before it could not. */
trn_status_t trn_trim_folder(MPI_Comm comm, const char *folder, bool *made) {
    struct stat info;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = TRN_OK;
    bool mine = rank == 0 && mkdir(folder, 0777) == 0;
    if (rank == 0 && !mine && errno != EEXIST)
        status = trn_fail(TRN_IO, "%s: cannot make this directory: %s; choose another", folder,
                          strerror(errno));
    else if (rank == 0 && (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)))
        status = trn_fail(TRN_IO,
                          "%s: is no directory, which several matrices need; name one that is not "
                          "there yet",
                          folder);
    *made = trn_any(comm, mine);
    return trn_agree(comm, status);
}

trn_status_t trn_trim_apart(const char *to, const trn_rows_t *rows) {
    char *file = NULL, *member = NULL, *target = NULL, *part = NULL;
    trn_status_t status = trn_path_cut(trn_rows_path(rows), false, &file, &member);
    if (status == TRN_OK) status = trn_path_cut(to, true, &target, &part);
    if (status == TRN_OK && one_file(file, target))
        status = trn_fail(TRN_USAGE,
                          "--output: %s would be written, but it is read; write to "
                          "another directory",
                          target);
    trn_free(&file);
    trn_free(&member);
    trn_free(&target);
    trn_free(&part);
    return status;
}
