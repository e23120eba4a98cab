/* kg_import_read.c: triples out of files: each rank its ranges of bytes, a pipe rank 0 alone. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "graph/triple_line.h"
#include "io/text/decode.h"
#include "io/text/lines.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <string.h>

enum { LINE_BYTES = 1 << 20 };

static trn_status_t add_fact(trn_kg_facts_t *facts, trn_triple_t triple, int64_t place) {
    int64_t need = facts->count + 1;
    TRN_TRY(trn_grow(&facts->triples, &facts->room, need, sizeof *facts->triples, "triples"));
    TRN_TRY(
        trn_grow(&facts->place, &facts->places, need, sizeof *facts->place, "places of triples"));
    facts->triples[facts->count] = triple;
    facts->place[facts->count++] = place;
    return TRN_OK;
}

static trn_status_t count_fact(trn_kg_import_t *import, int split, const char *order,
                               const trn_triple_row_t *row) {
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++)
        TRN_TRY(
            trn_kg_import_sketch(import->sketch, order[i] == 'r', row->column[i], row->bytes[i]));
    import->facts[split].count++;
    return TRN_OK;
}

trn_status_t trn_kg_import_fact(trn_kg_import_t *import, int split, int64_t place,
                                const char *order, const trn_triple_row_t *row) {
    trn_triple_t triple = {0};
    if (import->sketch) return count_fact(import, split, order, row);
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++) {
        trn_numbering_t *names = order[i] == 'r' ? &import->relations : &import->entities;
        int32_t *id = order[i] == 'r'   ? &triple.relation
                      : order[i] == 'h' ? &triple.head
                                        : &triple.tail;
        TRN_TRY(trn_numbering_add(names, row->column[i], row->bytes[i], place + i, id));
    }
    return add_fact(&import->facts[split], triple, place);
}

/* One file of a split. */
typedef struct source {
    trn_kg_import_t *import;
    int split;
    int64_t number; /* among the split's files */
} source_t;

/* Remember that the last fact noted stood in the first line of its file. */
static trn_status_t note_first(trn_kg_import_t *import, const source_t *source, bool heading) {
    const trn_kg_facts_t *facts = &import->facts[source->split];
    if (import->sketch) return TRN_OK;
    TRN_TRY(trn_grow(&import->first, &import->first_room, import->firsts + 1, sizeof *import->first,
                     "first lines"));
    const trn_triple_t *t = &facts->triples[facts->count - 1];
    import->first[import->firsts++] =
        (trn_kg_first_t){source->split, source->number, {t->head, t->relation, t->tail}, heading};
    return TRN_OK;
}

static trn_status_t take_line(void *user, char *line, int64_t length, int64_t offset) {
    const source_t *source = user;
    trn_kg_import_t *import = source->import;
    const trn_kg_import_options_t *o = import->options;
    trn_triple_row_t row;
    if (offset >= (int64_t)1 << TRN_PLACE_FILE_SHIFT >> 2)
        return trn_fail(TRN_INPUT, "the file is longer than 16 TB; cut it");
    if (offset == 0 && o->header) return TRN_OK;
    if (trn_triple_blank(line, length, &o->format)) return TRN_OK;
    TRN_TRY(trn_triple_line(line, length, &o->format, &row));
    int64_t place = ((int64_t)source->split << TRN_PLACE_SPLIT_SHIFT) +
                    (source->number << TRN_PLACE_FILE_SHIFT) + TRN_PLACE_COLUMNS * offset;
    TRN_TRY(trn_kg_import_fact(import, source->split, place, o->order, &row));
    return offset == 0 ? note_first(import, source, trn_triple_is_heading(&row, o->order)) : TRN_OK;
}

/* The files of a split as they lie end to end. */
typedef struct pile {
    trn_input_t *input; /* [files] */
    int64_t *start;     /* [files + 1] bytes on disk before each */
    int64_t *found;     /* [files] facts found in each */
    bool stream;        /* one of them is a pipe */
} pile_t;

static void pile_free(pile_t *pile) {
    trn_free(&pile->input);
    trn_free(&pile->start);
    trn_free(&pile->found);
}

static trn_status_t pile_create(pile_t *pile, const trn_kg_import_files_t *files) {
    TRN_TRY(trn_alloc_zero(&pile->input, files->count, sizeof *pile->input, "files"));
    TRN_TRY(trn_alloc_zero(&pile->start, files->count + 1, sizeof *pile->start, "files"));
    TRN_TRY(trn_alloc_zero(&pile->found, files->count, sizeof *pile->found, "files"));
    for (int64_t f = 0; f < files->count; f++)
        pile->input[f].path = files->path[f];
    return TRN_OK;
}

/* Look at all files before one is read. Collective. */
static trn_status_t pile_up(pile_t *pile, MPI_Comm comm, const trn_kg_import_files_t *files) {
    TRN_AGREE(comm, pile_create(pile, files));
    TRN_TRY(trn_inputs_look(comm, files->count, pile->input));
    for (int64_t f = 0; f < files->count; f++) {
        pile->start[f + 1] = pile->start[f] + pile->input[f].bytes;
        pile->stream |= pile->input[f].stream;
    }
    return TRN_OK;
}

trn_status_t trn_kg_import_look(MPI_Comm comm, const trn_kg_import_options_t *options,
                                bool *twice) {
    *twice = true;
    if (options->wordnet) return trn_kg_import_check_wordnet(comm, options->wordnet);
    for (int split = 0; split < TRN_SPLITS; split++) {
        pile_t pile = {0};
        if (options->files[split].count == 0) continue;
        trn_status_t status = pile_up(&pile, comm, &options->files[split]);
        *twice = *twice && !pile.stream;
        pile_free(&pile);
        if (status != TRN_OK) return status;
    }
    return TRN_OK;
}

/* The rank that reads a file that is not cut. A pipe is rank 0's, and to keep the order of facts so
 * are the other files of its split. A compressed file goes to the rank of its middle; alone in its
 * split it may be anywhere, so that three of them keep three ranks busy. */
static int64_t reader_of(const trn_kg_import_t *import, const trn_kg_import_files_t *files,
                         const pile_t *pile, int split, int64_t file) {
    int64_t middle = (pile->start[file] + pile->start[file + 1]) / 2;
    if (pile->stream) return 0;
    if (files->count == 1) return split % import->ranks;
    return trn_part_of(pile->start[files->count], import->ranks, middle);
}

/* This rank's part of a split: the bytes of its files end to end are cut evenly, in the order of
 * the ranks, so that the facts of all ranks end to end are those of the files. Local. */
static trn_status_t read_part(trn_kg_import_t *import, const trn_kg_import_files_t *files,
                              pile_t *pile, int split) {
    int64_t bytes = pile->start[files->count];
    int64_t first = trn_part_start(bytes, import->ranks, import->rank);
    int64_t end = trn_part_start(bytes, import->ranks, import->rank + 1);
    for (int64_t f = 0; f < files->count; f++) {
        int64_t decoder = trn_decoder_bytes(pile->input[f].coding);
        if (decoder > import->decoder) import->decoder = decoder;
        source_t source = {import, split, f};
        int64_t start = pile->start[f], size = pile->start[f + 1] - start;
        int64_t from = first > start ? first - start : 0;
        int64_t to = end - start < size ? end - start : size;
        int64_t before = import->facts[split].count;
        if (pile->stream || trn_input_whole(&pile->input[f])) {
            from = 0;
            to = reader_of(import, files, pile, split, f) == import->rank ? INT64_MAX : 0;
        }
        if (from < to)
            TRN_TRY(trn_lines_each(&pile->input[f], from, to, LINE_BYTES, take_line, &source));
        pile->found[f] = import->facts[split].count - before;
    }
    return TRN_OK;
}

/* Collective. */
static trn_status_t read_split(trn_kg_import_t *import, int split) {
    const trn_kg_import_files_t *files = &import->options->files[split];
    pile_t pile = {0};
    trn_status_t status;
    TRN_OR(done, pile_up(&pile, import->comm, files));
    status = read_part(import, files, &pile, split);
    trn_wait_all(import->comm); /* one compressed file keeps one rank busy */
    TRN_OR(done, trn_agree(import->comm, status));
    MPI_Allreduce(MPI_IN_PLACE, pile.found, (int)files->count, MPI_INT64_T, MPI_SUM, import->comm);
    for (int64_t f = 0; f < files->count && status == TRN_OK; f++)
        if (pile.found[f] == 0)
            status = trn_fail(TRN_INPUT, "%s: the file %s; give one with a triple a line",
                              files->path[f],
                              pile.input[f].stamp.bytes == 0 ? "is empty" : "holds no triples");
done:
    pile_free(&pile);
    return status;
}

trn_status_t trn_kg_import_read(trn_kg_import_t *import) {
    trn_status_t status = trn_numbering_create(&import->entities, import->comm);
    if (status == TRN_OK) status = trn_numbering_create(&import->relations, import->comm);
    TRN_AGREE(import->comm, status);
    if (import->options->wordnet) return trn_kg_import_wordnet(import);
    for (int split = 0; split < TRN_SPLITS; split++)
        if (import->options->files[split].count > 0) TRN_TRY(read_split(import, split));
    return import->sketch ? TRN_OK : trn_kg_import_check_first(import);
}
