#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "graph/triple_line.h"
#include "io/scan.h"
#include "io/text.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"
#include "text/tokens.h"

#include <string.h>

enum { LINE_BYTES = 1 << 20, TICK_LINES = 1 << 14, FIRST_ROOM = 1 << 12 };

/* Number a name here, noting where a new one stands. */
static trn_status_t add_name(trn_kg_names_t *names, const char *bytes, int64_t length,
                             int64_t place, int32_t *id) {
    TRN_TRY(trn_token_check(bytes, length));
    int64_t before = trn_words_size(names->words);
    if (before == names->room) {
        int64_t room = names->room ? 2 * names->room : FIRST_ROOM;
        TRN_TRY(trn_realloc(&names->place, room, sizeof *names->place, "places of names"));
        names->room = room;
    }
    TRN_TRY(trn_words_add(names->words, bytes, length, trn_words_hash(bytes, length), 1, id));
    if (*id == before) names->place[*id] = place;
    return TRN_OK;
}

static trn_status_t add_fact(trn_kg_facts_t *facts, trn_triple_t triple, int64_t place) {
    if (facts->count == facts->room) {
        int64_t room = facts->room ? 2 * facts->room : FIRST_ROOM;
        TRN_TRY(trn_realloc(&facts->triples, room, sizeof *facts->triples, "triples"));
        TRN_TRY(trn_realloc(&facts->place, room, sizeof *facts->place, "places of triples"));
        facts->room = room;
    }
    facts->triples[facts->count] = triple;
    facts->place[facts->count++] = place;
    return TRN_OK;
}

static trn_status_t count_fact(trn_kg_import_t *import, int split, const char *order,
                               const char *const column[3], const int64_t bytes[3]) {
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++)
        TRN_TRY(trn_kg_import_sketch(import->sketch, order[i] == 'r', column[i], bytes[i]));
    import->facts[split].count++;
    return TRN_OK;
}

trn_status_t trn_kg_import_fact(trn_kg_import_t *import, int split, int64_t place,
                                const char *order, const char *const column[3],
                                const int64_t bytes[3]) {
    trn_triple_t triple = {0};
    if (import->sketch) return count_fact(import, split, order, column, bytes);
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++) {
        trn_kg_names_t *names = order[i] == 'r' ? &import->relations : &import->entities;
        int32_t *id = order[i] == 'r'   ? &triple.relation
                      : order[i] == 'h' ? &triple.head
                                        : &triple.tail;
        TRN_TRY(add_name(names, column[i], bytes[i], place + i, id));
    }
    return add_fact(&import->facts[split], triple, place);
}

static trn_status_t take_line(trn_kg_import_t *import, int split, char *line, int64_t length,
                              int64_t offset) {
    const char *column[TRN_TRIPLE_COLUMNS];
    int64_t bytes[TRN_TRIPLE_COLUMNS];
    int64_t place = ((int64_t)split << TRN_PLACE_SPLIT_SHIFT) + 4 * offset;
    if (offset == 0 && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        line += 3;
        length -= 3;
    }
    if (length == 0 || (length == 1 && line[0] == '\r')) return TRN_OK;
    TRN_TRY(trn_triple_line(line, length, import->options->separator, column, bytes));
    return trn_kg_import_fact(import, split, place, import->options->order, column, bytes);
}

trn_status_t trn_kg_import_locate(trn_status_t status, const char *path, int64_t offset) {
    if (status != TRN_INPUT) return status;
    char what[512];
    size_t length = strlen(trn_message());
    if (length >= sizeof what) length = sizeof what - 1;
    memcpy(what, trn_message(), length);
    what[length] = '\0';
    return trn_fail(TRN_INPUT, "%s:%lld: %s", path, (long long)trn_text_lines(path, offset) + 1,
                    what);
}

/* The lines that begin in bytes [first, end). */
static trn_status_t read_stretch(trn_kg_import_t *import, int split, int64_t first, int64_t end) {
    const char *path = import->options->files[split];
    trn_scan_t *scan;
    char *line;
    int64_t length, lines = 0;
    /* a line begins at `first` if the byte before is a newline */
    TRN_TRY(trn_scan_open(&scan, path, first > 0 ? first - 1 : 0));
    trn_status_t status =
        first > 0 ? trn_scan_until(scan, '\n', LINE_BYTES, &line, &length) : TRN_OK;
    while (status == TRN_OK && trn_scan_offset(scan) < end) {
        int64_t offset = trn_scan_offset(scan);
        status = trn_scan_until(scan, '\n', LINE_BYTES, &line, &length);
        if (status != TRN_OK || !line) break;
        status = trn_kg_import_locate(take_line(import, split, line, length, offset), path, offset);
        if (++lines % TICK_LINES == 0) trn_watch_tick();
    }
    trn_scan_close(&scan);
    return status;
}

/* This rank's part of one file: the bytes of a plain one are cut evenly, in the order of the
 * ranks, so that the facts of all ranks end to end are those of the file. */
static trn_status_t read_file(trn_kg_import_t *import, int split) {
    const char *path = import->options->files[split];
    int64_t bytes = 0, there;
    bool compressed = false;
    trn_status_t status = trn_text_probe(path, &bytes, &compressed);
    TRN_AGREE(import->comm, status);
    there = bytes;
    MPI_Bcast(&there, 1, MPI_INT64_T, 0, import->comm);
    if (bytes != there)
        status =
            trn_fail(TRN_INPUT, "%s: %lld bytes here, %lld on rank 0; give all nodes the same file",
                     path, (long long)bytes, (long long)there);
    TRN_AGREE(import->comm, status);
    if (compressed) {
        if (split % import->ranks == import->rank)
            status = read_stretch(import, split, 0, INT64_MAX);
    } else {
        int64_t first = trn_part_start(bytes, import->ranks, import->rank);
        int64_t end = trn_part_start(bytes, import->ranks, import->rank + 1);
        if (first < end) status = read_stretch(import, split, first, end);
    }
    trn_wait_all(import->comm); /* one compressed file keeps one rank busy */
    TRN_AGREE(import->comm, status);
    int64_t facts = import->facts[split].count;
    MPI_Allreduce(MPI_IN_PLACE, &facts, 1, MPI_INT64_T, MPI_SUM, import->comm);
    if (facts == 0)
        return trn_fail(TRN_INPUT, "%s: the file is empty; give one with a triple a line", path);
    return TRN_OK;
}

trn_status_t trn_kg_import_read(trn_kg_import_t *import) {
    trn_status_t status = trn_words_create(&import->entities.words);
    if (status == TRN_OK) status = trn_words_create(&import->relations.words);
    TRN_AGREE(import->comm, status);
    if (import->options->wordnet) return trn_kg_import_wordnet(import);
    for (int split = 0; split < TRN_SPLITS; split++)
        if (import->options->files[split]) TRN_TRY(read_file(import, split));
    return TRN_OK;
}
