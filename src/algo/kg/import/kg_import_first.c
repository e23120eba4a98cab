/* kg_import_first.c: first lines that look like headings and were taken for facts.
 *
 * A heading's words are in no other line, and their usual ones can be known. Ranks know only their
 * own lines: so the names of all first lines, a few, go to all ranks, and how often each stands
 * anywhere is summed up. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <string.h>

enum { COLUMNS = TRN_TRIPLE_COLUMNS, SORTS = 2 /* entities, relations */ };

/* A first line on its way; its three names follow, end to end and filled up to 8 bytes. */
typedef struct head {
    int64_t split, file, heading, bytes[COLUMNS];
} head_t;

/* The names of all first lines, equal on all ranks. */
typedef struct firsts {
    trn_parcels_t lines;
    trn_words_t *words[SORTS]; /* counted as often as they stand in first lines */
    int64_t *count[SORTS];     /* [words] as often as they stand anywhere */
} firsts_t;

/* Names are head, relation, tail: which of them are relations. */
static int sort_of(int column) {
    return column == 1;
}

static const trn_numbering_t *names_of(const trn_kg_import_t *import, int sort) {
    return sort == 0 ? &import->entities : &import->relations;
}

static int64_t filled(const int64_t bytes[COLUMNS]) {
    return (bytes[0] + bytes[1] + bytes[2] + 7) / 8 * 8;
}

static head_t head_of(const trn_kg_import_t *import, const trn_kg_first_t *first) {
    head_t head = {.split = first->split, .file = first->file, .heading = first->heading};
    for (int c = 0; c < COLUMNS; c++)
        trn_words_bytes(names_of(import, sort_of(c))->words, first->id[c], &head.bytes[c]);
    return head;
}

/* Bring the first lines of all ranks together. Collective. */
static trn_status_t gather(const trn_kg_import_t *import, firsts_t *f) {
    char *send = NULL;
    int64_t total = 0;
    for (int64_t i = 0; i < import->firsts; i++)
        total += (int64_t)sizeof(head_t) + filled(head_of(import, &import->first[i]).bytes);
    trn_status_t status = trn_alloc_zero(&send, total, 1, "first lines");
    TRN_OR(done, trn_agree(import->comm, status));
    char *to = send;
    for (int64_t i = 0; i < import->firsts; i++) {
        head_t head = head_of(import, &import->first[i]);
        char *text = to + sizeof head;
        memcpy(to, &head, sizeof head);
        for (int c = 0; c < COLUMNS; text += head.bytes[c++]) {
            const trn_words_t *words = names_of(import, sort_of(c))->words;
            memcpy(text, trn_words_bytes(words, import->first[i].id[c], &head.bytes[c]),
                   (size_t)head.bytes[c]);
        }
        to += sizeof head + (size_t)filled(head.bytes);
    }
    status = trn_gather_all(import->comm, send, total, &f->lines);
done:
    trn_free(&send);
    return status;
}

/* The line at byte `at` of all; returns where the next one is. */
static int64_t line_at(const firsts_t *f, int64_t at, head_t *head, const char *name[COLUMNS]) {
    const char *data = f->lines.data;
    memcpy(head, data + at, sizeof *head);
    at += (int64_t)sizeof *head;
    name[0] = data + at;
    name[1] = name[0] + head->bytes[0];
    name[2] = name[1] + head->bytes[1];
    return at + filled(head->bytes);
}

/* Number the names, and count where else they stand in this rank's lines. Local. */
static trn_status_t count_here(const trn_kg_import_t *import, firsts_t *f) {
    head_t head;
    const char *name[COLUMNS];
    int32_t id;
    for (int sort = 0; sort < SORTS; sort++)
        TRN_TRY(trn_words_create(&f->words[sort]));
    for (int64_t at = 0; at < f->lines.start[import->ranks];) {
        at = line_at(f, at, &head, name);
        for (int c = 0; c < COLUMNS; c++)
            TRN_TRY(trn_words_add(f->words[sort_of(c)], name[c], head.bytes[c],
                                  trn_words_hash(name[c], head.bytes[c]), 1, &id));
    }
    for (int sort = 0; sort < SORTS; sort++) {
        int64_t count = trn_words_size(f->words[sort]), bytes;
        const trn_words_t *here = names_of(import, sort)->words;
        TRN_TRY(trn_alloc_zero(&f->count[sort], count, sizeof *f->count[sort], "first lines"));
        for (int64_t i = 0; i < count; i++) {
            const char *text = trn_words_bytes(f->words[sort], i, &bytes);
            id = trn_words_find(here, text, bytes, trn_words_hash(text, bytes));
            if (id >= 0) f->count[sort][i] = trn_words_count(here, id);
        }
    }
    return TRN_OK;
}

/* Whether none of a line's names stands in any but first lines. */
static bool alone(const firsts_t *f, const head_t *head, const char *const name[COLUMNS]) {
    for (int c = 0; c < COLUMNS; c++) {
        const trn_words_t *words = f->words[sort_of(c)];
        int32_t id =
            trn_words_find(words, name[c], head->bytes[c], trn_words_hash(name[c], head->bytes[c]));
        if (f->count[sort_of(c)][id] != trn_words_count(words, id)) return false;
    }
    return true;
}

/* Bytes of a name that a message shows: whole characters, a few dozen. */
static int shown(const char *name, int64_t bytes) {
    enum { MOST = 60 };
    if (bytes <= MOST) return (int)bytes;
    bytes = MOST;
    while (bytes > 0 && (name[bytes] & 0xc0) == 0x80)
        bytes--;
    return (int)bytes;
}

/* Tell of the first such file, and how many there are. On rank 0. */
static void warn(const trn_kg_import_t *import, const firsts_t *f, bool others) {
    int64_t suspects = 0, lowest = INT64_MAX, at = 0, chosen = 0;
    const char *name[COLUMNS];
    head_t head;
    while (at < f->lines.start[import->ranks]) {
        int64_t here = at;
        at = line_at(f, at, &head, name);
        if (!head.heading && !(others && alone(f, &head, name))) continue;
        int64_t place = head.split * ((int64_t)TRN_KG_IMPORT_FILES + 1) + head.file;
        if (place < lowest) chosen = here;
        if (place < lowest) lowest = place;
        suspects++;
    }
    if (suspects == 0) return;
    line_at(f, chosen, &head, name);
    trn_log(TRN_LOG_WARN, "kg-import",
            "%s:1: '%.*s', '%.*s', '%.*s' looks like a line of headings, but is taken for a "
            "triple%s; --header leaves first lines out",
            import->options->files[head.split].path[head.file], shown(name[0], head.bytes[0]),
            name[0], shown(name[1], head.bytes[1]), name[1], shown(name[2], head.bytes[2]), name[2],
            suspects > 1 ? ", and so in other files" : "");
}

trn_status_t trn_kg_import_check_first(const trn_kg_import_t *import) {
    firsts_t f = {0};
    trn_status_t status;
    int64_t lines[2] = {import->firsts, 0}; /* first ones, all */
    TRN_OR(done, gather(import, &f));
    TRN_OR(done, trn_agree(import->comm, count_here(import, &f)));
    for (int sort = 0; sort < SORTS; sort++)
        MPI_Allreduce(MPI_IN_PLACE, f.count[sort], (int)trn_words_size(f.words[sort]), MPI_INT64_T,
                      MPI_SUM, import->comm);
    for (int split = 0; split < TRN_SPLITS; split++)
        lines[1] += import->facts[split].count;
    MPI_Allreduce(MPI_IN_PLACE, lines, 2, MPI_INT64_T, MPI_SUM, import->comm);
    if (import->rank == 0) warn(import, &f, lines[1] > lines[0]);
done:
    trn_parcels_free(&f.lines);
    for (int sort = 0; sort < SORTS; sort++) {
        trn_words_destroy(&f.words[sort]);
        trn_free(&f.count[sort]);
    }
    return status;
}
