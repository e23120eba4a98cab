/* files.c: the files of a command line, by what the tables say of options and arguments. What is
 * written must not be what is read: a corpus, a graph or a matrix would be gone. */
#define _GNU_SOURCE
#include "cli/files.h"

#include "base/mem.h"
#include "base/own.h"
#include "io/formats/format.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* One file. */
typedef struct entry {
    const char *what, *dashes; /* "output", "--"; or "A", "" */
    const char *path;          /* owned; what a link leads to, if it is written */
    trn_file_use_t use;        /* READ, WRITTEN, APPENDED or EITHER */
    const char *endings;       /* that fit what is written, or NULL */
    int64_t with;              /* the entry that this one goes with, or itself */
} entry_t;

/* Where a file is: by its inode if there is one, by directory and name if not. */
typedef struct place {
    bool exists, known;
    dev_t device;
    ino_t inode; /* of the file, or of the directory */
    const char *name;
} place_t;

struct trn_files {
    entry_t *entry; /* [count] */
    int64_t count;
    const char **written; /* [nwritten]: paths of entries */
    int nwritten, own;
    char **spelled; /* [nspelled]: arguments FILE:MEMBER, whose FILE was resolved */
    int nspelled;
};

/* Names --------------------------------------------------------------------------------------- */

/* The part of a name from its last dot on, "" if it has none. */
static const char *ending_of(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? dot : "";
}

/* *target = the file that `path` is or leads to, there or not; freed with trn_free. */
static trn_status_t resolve(const char *path, char **target) {
    char found[TRN_OWN_PATH];
    const char *flaw;
    if (!trn_own_target(path, found, &flaw))
        return trn_fail(TRN_IO, "%s: is %s; give another name", path, flaw);
    const char *given = ending_of(path), *last = ending_of(found);
    if (*given && *last && strcasecmp(given, last) != 0)
        return trn_fail(TRN_USAGE,
                        "%s: is a link to %s, whose ending is another; name the file itself", path,
                        found);
    return trn_strdup(target, found);
}

/* Endings ------------------------------------------------------------------------------------- */

/* Whether `word` is, as `compare` sees it, one of those in `list`, between blanks. */
static bool listed(const char *word, const char *list,
                   int (*compare)(const char *, const char *, size_t)) {
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t span = strcspn(at, " ");
        if (span == length && compare(at, word, length) == 0) return true;
        at += span;
    }
    return false;
}

/* Refuse an ending that promises something else than what is written. One that promises nothing
 * that we know is the user's own affair. */
static trn_status_t check_ending(const entry_t *e) {
    static const char known[] = ".h5 .hdf5 .npy .npz .mtx .txt .vec .bin .glove .vocab .tsv .csv "
                                ".json .jsonl .html .htm .safetensors .parquet .pt .pkl .gz .xz "
                                ".zst .bz2 .zip .7z";
    const char *ending = ending_of(e->path);
    if (!e->endings || !*ending || listed(ending, e->endings, strncasecmp) ||
        !listed(ending, known, strncasecmp))
        return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "%s%s: %s: the ending promises what will not be in it; end the name in %s",
                    e->dashes, e->what, e->path, e->endings);
}

/* Collecting ---------------------------------------------------------------------------------- */

static trn_status_t add(trn_files_t *files, const entry_t *like, const char *path,
                        const char *behind) {
    char *name;
    int64_t bytes = (int64_t)(strlen(path) + strlen(behind) + 1);
    TRN_TRY(trn_realloc(&files->entry, files->count + 1, sizeof *files->entry, "file names"));
    TRN_TRY(trn_alloc(&name, bytes, 1, "a file name"));
    snprintf(name, (size_t)bytes, "%s%s", path, behind);
    files->entry[files->count] = *like;
    if (*behind) files->entry[files->count].endings = NULL;
    files->entry[files->count++].path = name;
    return TRN_OK;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* A file, and those that go with it. `own`: of the verb itself, so that it is locked. */
static trn_status_t add_all(trn_files_t *files, entry_t like, const trn_file_rule_t *rule,
                            const char *path, bool own) {
    bool folder = rule->use == TRN_FILE_FOLDER;
    if (rule->folder && is_folder(path)) return TRN_OK;
    like.with = files->count;
    like.endings = rule->endings;
    like.use = folder ? TRN_FILE_WRITTEN : rule->use;
    if (!folder) TRN_TRY(add(files, &like, path, ""));
    if (rule->use == TRN_FILE_WRITTEN) {
        TRN_TRY(trn_realloc(&files->written, files->nwritten + 1, sizeof *files->written,
                            "file names"));
        files->written[files->nwritten++] = files->entry[files->count - 1].path;
        if (own) {
            files->own = files->nwritten;
            TRN_TRY(add(files, &like, path, ".lock"));
        }
    }
    for (const char *at = rule->also ? rule->also : ""; *at; at += strspn(at, " ")) {
        char behind[64];
        int span = (int)strcspn(at, " ");
        snprintf(behind, sizeof behind, "%.*s", span, at);
        TRN_TRY(add(files, &like, path, behind));
        at += span;
    }
    return TRN_OK;
}

typedef struct collection {
    trn_files_t *files;
    trn_params_t *params;
    const trn_command_t *verb;
} collection_t;

static bool is_own(const trn_command_t *verb, const trn_param_t *row) {
    for (const trn_param_t *own = verb->params; own->name; own++)
        if (own == row) return true;
    return false;
}

/* Of each option, as trn_params_files hands them out. */
static trn_status_t see_option(void *data, const trn_param_t *row, const char *path) {
    const collection_t *c = data;
    if (row->file.words && listed(path, row->file.words, strncmp)) return TRN_OK;
    entry_t like = {.what = row->name, .dashes = "--"};
    char *target, *member;
    if (row->file.use != TRN_FILE_WRITTEN) {
        TRN_TRY(trn_path_cut(path, false, &target, &member));
        trn_status_t done = add_all(c->files, like, &row->file, target, false);
        trn_free(&target);
        trn_free(&member);
        return done;
    }
    TRN_TRY(resolve(path, &target));
    trn_status_t status = add_all(c->files, like, &row->file, target, is_own(c->verb, row));
    if (status == TRN_OK && strcmp(path, target) != 0)
        status = trn_params_redirect(c->params, row->name, target);
    trn_free(&target);
    return status;
}

/* What the i-th argument is to the verb; the last row stands for all that follow. */
static const trn_operand_t *operand_at(const trn_command_t *verb, int i) {
    static const trn_operand_t none = {.name = "FILE"};
    const trn_operand_t *operand = verb->operands;
    if (!operand || !operand->name) return &none;
    while (i-- > 0 && operand[1].name)
        operand++;
    return operand;
}

/* *argument = a resolved file, and the member of it that was named. */
static trn_status_t spell(trn_files_t *files, const char *file, const char *member,
                          char **argument) {
    char *whole;
    size_t bytes = strlen(file) + strlen(member) + 2;
    if (!*member) {
        *argument = (char *)(uintptr_t)file;
        return TRN_OK;
    }
    TRN_TRY(trn_realloc(&files->spelled, files->nspelled + 1, sizeof whole, "file names"));
    TRN_TRY(trn_alloc(&whole, (int64_t)bytes, 1, "a file name"));
    snprintf(whole, bytes, "%s:%s", file, member);
    files->spelled[files->nspelled++] = *argument = whole;
    return TRN_OK;
}

static trn_status_t see_argument(trn_files_t *files, const trn_operand_t *operand,
                                 char **argument) {
    entry_t like = {.what = operand->name, .dashes = ""};
    char *file, *member, *target = NULL;
    bool output = operand->file.use == TRN_FILE_WRITTEN;
    if (operand->file.use == TRN_FILE_NONE) return TRN_OK;
    TRN_TRY(trn_path_cut(*argument, output, &file, &member)); /* it is the file that matters */
    trn_status_t status = TRN_OK;
    if (output) status = resolve(file, &target);
    if (status == TRN_OK)
        status = add_all(files, like, &operand->file, output ? target : file, output);
    if (status == TRN_OK && output)
        status = spell(files, files->written[files->nwritten - 1], member, argument);
    trn_free(&target);
    trn_free(&file);
    trn_free(&member);
    return status;
}

/* Options that mean a name beside the output where they are not given. */
static trn_status_t derive(const trn_command_t *verb, trn_params_t *params) {
    char path[TRN_OWN_PATH];
    for (const trn_param_t *row = verb->params; row->name; row++) {
        if (!row->file.behind || trn_params_text(params, row->name)) continue;
        const char *output = trn_params_text(params, "output");
        if (!output) continue;
        if (snprintf(path, sizeof path, "%s%s", output, row->file.behind) >= TRN_OWN_PATH)
            return trn_fail(TRN_USAGE, "--output: the name is too long");
        TRN_TRY(trn_params_redirect(params, row->name, path));
    }
    return TRN_OK;
}

trn_status_t trn_files_create(trn_files_t **files, const trn_command_t *verb, trn_params_t *params,
                              int count, char **args) {
    trn_status_t status;
    TRN_TRY(trn_alloc_zero(files, 1, sizeof **files, "file names"));
    collection_t c = {*files, params, verb};
    for (int i = 0; i < count; i++)
        TRN_OR(failed, see_argument(*files, operand_at(verb, i), &args[i]));
    TRN_OR(failed, derive(verb, params));
    TRN_OR(failed, trn_params_files(params, see_option, &c));
    return TRN_OK;
failed:
    trn_files_destroy(files);
    return status;
}

void trn_files_destroy(trn_files_t **files) {
    trn_files_t *f = *files;
    if (!f) return;
    for (int64_t i = 0; i < f->count; i++)
        trn_free(&f->entry[i].path);
    for (int i = 0; i < f->nspelled; i++)
        trn_free(&f->spelled[i]);
    trn_free(&f->spelled);
    trn_free(&f->entry);
    trn_free(&f->written);
    trn_free(files);
}

int trn_files_written(const trn_files_t *files, const char *const **paths, int *own) {
    *paths = files->written;
    *own = files->own;
    return files->nwritten;
}

/* Comparing ----------------------------------------------------------------------------------- */

/* Devices, pipes and terminals hold nothing that could be lost: their place stays unknown. */
static place_t place_of(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0)
        return (place_t){.exists = true,
                         .known = S_ISREG(info.st_mode) || S_ISDIR(info.st_mode),
                         .device = info.st_dev,
                         .inode = info.st_ino};
    char directory[TRN_OWN_PATH];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + 1 : 2;
    if (length >= TRN_OWN_PATH) return (place_t){0};
    snprintf(directory, sizeof directory, "%.*s", length, slash ? path : "./");
    bool known = stat(directory, &info) == 0;
    return (place_t){.known = known,
                     .device = info.st_dev,
                     .inode = info.st_ino,
                     .name = slash ? slash + 1 : path};
}

static bool same_place(const place_t *a, const place_t *b) {
    if (!a->known || !b->known || a->exists != b->exists || a->device != b->device ||
        a->inode != b->inode)
        return false;
    return a->exists || strcmp(a->name, b->name) == 0;
}

static trn_status_t clash(const entry_t *a, const entry_t *b) {
    bool read = b->use == TRN_FILE_READ;
    return trn_fail(TRN_USAGE, "%s%s: %s would be written, but it is %s%s%s %s%s; write elsewhere",
                    a->dashes, a->what, a->path, b->dashes, b->what,
                    read ? "," : " as well:", b->path, read ? ", which is read" : "");
}

/* Whether it matters that two are one file. What goes with one name may well be the same: the file
 * and its .prev for a moment, the words of a .npy file by their usual name and by --vocab. */
static bool matters(const entry_t *entry, int64_t i, int64_t j) {
    if (entry[i].use == TRN_FILE_READ || entry[i].with == entry[j].with) return false;
    if (entry[j].use == TRN_FILE_READ) return entry[i].use != TRN_FILE_EITHER || entry[j].with == j;
    return j > i; /* once, so that a message names the earlier one first */
}

trn_status_t trn_files_check(const trn_files_t *files) {
    place_t *place;
    TRN_TRY(trn_alloc(&place, files->count, sizeof *place, "places of files"));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < files->count; i++)
        place[i] = place_of(files->entry[i].path);
    for (int64_t i = 0; i < files->count && status == TRN_OK; i++) {
        for (int64_t j = 0; j < files->count && status == TRN_OK; j++)
            if (matters(files->entry, i, j) && same_place(&place[i], &place[j]))
                status = clash(&files->entry[i], &files->entry[j]);
    }
    for (int64_t i = 0; i < files->count && status == TRN_OK; i++)
        status = check_ending(&files->entry[i]);
    trn_free(&place);
    return status;
}
