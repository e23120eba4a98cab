/* kg_import_wordnet.c: the pointers between WordNet's synsets as facts. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "graph/wordnet.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, NAME_BYTES = 300, TICK_LINES = 1 << 12 };

/* All four files on every rank, 22 MB: a pointer says at which byte of them the other synset is,
 * and its name is there. */
typedef struct wordnet {
    char path[TRN_WORDNET_FILES][PATH_BYTES];
    char *text[TRN_WORDNET_FILES];
    int64_t start[TRN_WORDNET_FILES + 1]; /* byte of the four end to end */
} wordnet_t;

/* Read the files. Collective. Fails (agreed). */
static trn_status_t open_files(const trn_kg_import_t *import, wordnet_t *w) {
    for (int f = 0; f < TRN_WORDNET_FILES; f++) {
        int length = snprintf(w->path[f], PATH_BYTES, "%s/%s", import->options->wordnet,
                              trn_wordnet_file(f));
        if (length >= PATH_BYTES) return trn_fail(TRN_USAGE, "--wordnet: the name is too long");
        TRN_TRY(trn_share_file(import->comm, w->path[f], &w->text[f]));
        w->start[f + 1] = w->start[f] + (int64_t)strlen(w->text[f]);
    }
    return TRN_OK;
}

/* Every rank holds the files, and an import takes less than twice their bytes beside them. */
trn_status_t trn_kg_import_check_wordnet(MPI_Comm comm, const char *folder) {
    enum { ENOUGH = 3 };
    int64_t bytes = 0, limit = trn_mem_limit_now();
    int ranks;
    MPI_Comm_size(comm, &ranks);
    for (int f = 0; f < TRN_WORDNET_FILES; f++) {
        char path[PATH_BYTES];
        struct stat found;
        snprintf(path, sizeof path, "%s/%s", folder, trn_wordnet_file(f));
        if (stat(path, &found) == 0) bytes += (int64_t)found.st_size;
    }
    return trn_agree(comm, bytes > limit ? trn_mem_expect(ENOUGH * bytes, ranks) : TRN_OK);
}

/* "dog.n.02084071" */
static int64_t name_synset(const trn_synset_t *synset, int file, int64_t offset,
                           char name[NAME_BYTES]) {
    return snprintf(name, NAME_BYTES, "%.*s.%s.%08lld", synset->word_bytes, synset->word,
                    trn_wordnet_letter(file), (long long)offset);
}

/* The name of the synset that a pointer leads to. */
static trn_status_t name_target(const wordnet_t *w, const trn_synset_pointer_t *pointer,
                                char name[NAME_BYTES], int64_t *bytes) {
    const char *text = w->text[pointer->file];
    int64_t size = w->start[pointer->file + 1] - w->start[pointer->file], at = pointer->offset;
    trn_synset_t synset;
    bool found = at < size && (at == 0 || text[at - 1] == '\n');
    if (found) {
        const char *end = memchr(text + at, '\n', (size_t)(size - at));
        found =
            trn_synset_read(&synset, text + at, end ? end - (text + at) : size - at, at) == TRN_OK;
    }
    if (!found)
        return trn_fail(TRN_INPUT, "a pointer leads to byte %lld of %s, where no synset is",
                        (long long)at, trn_wordnet_file(pointer->file));
    *bytes = name_synset(&synset, pointer->file, at, name);
    return TRN_OK;
}

/* That one line, which begins at byte `offset` of its file, is as it should be. */
static trn_status_t check_line(const char *line, int64_t length, int file, int64_t offset) {
    trn_synset_t synset;
    trn_synset_pointer_t pointer;
    TRN_TRY(trn_synset_read(&synset, line, length, offset));
    while (synset.pointers > 0)
        TRN_TRY(trn_synset_pointer(&synset, file, &pointer));
    return trn_synset_finish(&synset, file);
}

/* The facts of a line that has been checked. */
static trn_status_t take_line(trn_kg_import_t *import, const wordnet_t *w, int file,
                              const char *line, int64_t length, int64_t offset) {
    trn_synset_t synset;
    trn_synset_pointer_t pointer;
    char head[NAME_BYTES], tail[NAME_BYTES];
    trn_triple_row_t row = {.column = {head, NULL, tail}};
    TRN_TRY(trn_synset_read(&synset, line, length, offset));
    row.bytes[0] = name_synset(&synset, file, offset, head);
    while (synset.pointers > 0) {
        int64_t place = TRN_PLACE_COLUMNS * (w->start[file] + offset + (synset.next - line));
        TRN_TRY(trn_synset_pointer(&synset, file, &pointer));
        if (pointer.inverse && !import->options->inverses) continue;
        TRN_TRY(name_target(w, &pointer, tail, &row.bytes[2]));
        row.column[1] = pointer.name;
        row.bytes[1] = (int64_t)strlen(pointer.name);
        TRN_TRY(trn_kg_import_fact(import, TRN_TRAIN, place, "hrt", &row));
    }
    return TRN_OK;
}

/* File and line before what was said about the line that begins at byte `at`. */
static trn_status_t locate(const wordnet_t *w, trn_status_t status, int file, int64_t at) {
    if (status != TRN_INPUT) return status;
    long long line = 1;
    for (int64_t i = 0; i < at; i++)
        line += w->text[file][i] == '\n';
    return trn_fail_prefix(status, "%s:%lld: ", w->path[file], line);
}

/* Check, or take the facts of, the lines of one file that begin in bytes [first, end) of it. */
static trn_status_t each_line(trn_kg_import_t *import, const wordnet_t *w, int file, int64_t first,
                              int64_t end, bool check) {
    const char *text = w->text[file];
    int64_t size = w->start[file + 1] - w->start[file], at = first, lines = 0;
    while (at > 0 && at < end && text[at - 1] != '\n')
        at++;
    while (at < end) {
        const char *line = text + at, *newline = memchr(line, '\n', (size_t)(size - at));
        int64_t length = newline ? newline - line : size - at;
        trn_status_t status = trn_wordnet_comment(line, length) ? TRN_OK
                              : check                           ? check_line(line, length, file, at)
                                      : take_line(import, w, file, line, length, at);
        TRN_TRY(locate(w, status, file, at));
        at += length + 1;
        if (++lines % TICK_LINES == 0) trn_watch_tick();
    }
    return TRN_OK;
}

/* Even parts of the four files end to end: then so are the facts of all ranks. All lines are
 * checked before the first pointer is followed, or a bad one would be blamed on those that lead to
 * it. Collective. */
static trn_status_t read_part(trn_kg_import_t *import, const wordnet_t *w, bool check) {
    int64_t first = trn_part_start(w->start[TRN_WORDNET_FILES], import->ranks, import->rank);
    int64_t end = trn_part_start(w->start[TRN_WORDNET_FILES], import->ranks, import->rank + 1);
    trn_status_t status = TRN_OK;
    for (int f = 0; f < TRN_WORDNET_FILES && status == TRN_OK; f++) {
        int64_t from = first > w->start[f] ? first : w->start[f];
        int64_t to = end < w->start[f + 1] ? end : w->start[f + 1];
        if (from < to)
            status = each_line(import, w, f, from - w->start[f], to - w->start[f], check);
    }
    return trn_agree(import->comm, status);
}

trn_status_t trn_kg_import_wordnet(trn_kg_import_t *import) {
    wordnet_t *w;
    trn_status_t status = trn_agree(import->comm, trn_alloc_zero(&w, 1, sizeof *w, "WordNet"));
    if (status != TRN_OK) {
        trn_free(&w);
        return status;
    }
    status = open_files(import, w);
    if (status == TRN_OK) status = read_part(import, w, true);
    if (status == TRN_OK) status = read_part(import, w, false);
    import->wordnet = w->start[TRN_WORDNET_FILES];
    for (int f = 0; f < TRN_WORDNET_FILES; f++)
        trn_free(&w->text[f]);
    int64_t facts = import->facts[TRN_TRAIN].count;
    MPI_Allreduce(MPI_IN_PLACE, &facts, 1, MPI_INT64_T, MPI_SUM, import->comm);
    if (status == TRN_OK && facts == 0)
        status = trn_fail(TRN_INPUT, "%s: no pointers in data.noun, data.verb, data.adj, data.adv",
                          import->options->wordnet);
    trn_free(&w);
    return status;
}
