/* edges.c: files of edges as a whole: who reads what, and the numbers that names get. */
#include "algo/graph/edges.h"

#include "algo/graph/edges_impl.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "io/text/fields.h"
#include "io/text/lines.h"
#include "io/text/scan.h"
#include "io/text/text.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 1 << 28, HEAD_BYTES = 1 << 20 };

/* Text ----------------------------------------------------------------------------------------- */

/* The first two lines of edges of a file, where a heading may be. */
typedef struct head {
    char *line[2];
    int lines;
    int64_t behind; /* byte behind the first */
} head_t;

/* Collect lines until there are two. */
static trn_status_t read_head(head_t *head, const trn_input_t *input) {
    trn_scan_t *scan;
    char *line;
    int64_t length;
    TRN_TRY(trn_scan_open(&scan, input, 0));
    trn_status_t status = TRN_OK;
    while (head->lines < 2 && status == TRN_OK) {
        status = trn_scan_until(scan, '\n', LINE_BYTES, &line, &length);
        if (status != TRN_OK || !line) break;
        if (trn_edges_skips(line)) continue;
        status = trn_strdup(&head->line[head->lines], line);
        if (head->lines++ == 0) head->behind = trn_scan_offset(scan);
    }
    trn_scan_close(&scan);
    return status;
}

/* *skip = the byte behind the heading, 0 if there is none. Local. */
static trn_status_t find_heading(const trn_edges_t *edges, const trn_input_t *input,
                                 int64_t *skip) {
    head_t head = {0};
    *skip = 0;
    if (edges->how.header == TRN_HEADER_KEEP) return TRN_OK;
    trn_status_t status = read_head(&head, input);
    if (status == TRN_OK && head.lines > 0 &&
        (edges->how.header == TRN_HEADER_SKIP ||
         trn_edges_is_heading(head.line[0], head.line[1]))) {
        *skip = head.behind;
        if (edges->how.header == TRN_HEADER_AUTO)
            trn_log(TRN_LOG_INFO, "graph",
                    "%s: the first line is taken for a heading; --header keep says it is none",
                    input->path);
    }
    trn_free(&head.line[0]);
    trn_free(&head.line[1]);
    return status;
}

/* A pipe is read once: of its first line all that can be seen is whether headings are usual. */
static bool skips_of_pipe(trn_edges_reader_t *reader, const char *line) {
    char first[256];
    trn_edges_header_t header = reader->edges->how.header;
    if (reader->skip == 0 || trn_edges_skips(line)) return false;
    reader->skip = 0;
    if (header != TRN_HEADER_AUTO) return header == TRN_HEADER_SKIP;
    strncpy(first, line, sizeof first - 1);
    first[sizeof first - 1] = '\0';
    return trn_edges_is_heading(first, NULL);
}

static trn_status_t take_line(void *user, char *line, int64_t length, int64_t offset) {
    trn_edges_reader_t *reader = user;
    if (strlen(line) != (size_t)length) return trn_fail(TRN_INPUT, "the line has a NUL byte");
    if (reader->skip < 0 && skips_of_pipe(reader, line)) return TRN_OK;
    if (offset < reader->skip) return TRN_OK;
    reader->offset = offset;
    return trn_edges_line(reader, line, length);
}

/* This rank's part of a file: the bytes of a plain one are cut evenly, what can only be read whole
 * is one rank's. Local. */
static trn_status_t read_part(trn_edges_reader_t *reader, const trn_input_t *input) {
    const trn_numbering_t *names = &reader->edges->side[0].names;
    int64_t first = trn_part_start(input->bytes, names->ranks, names->rank);
    int64_t end = trn_part_start(input->bytes, names->ranks, names->rank + 1);
    if (trn_input_whole(input)) {
        int owner = input->stream ? 0 : reader->number % names->ranks;
        if (owner != names->rank) return TRN_OK;
        first = 0;
        end = INT64_MAX;
    }
    if (input->stream) reader->skip = reader->edges->how.header == TRN_HEADER_KEEP ? 0 : -1;
    return trn_lines_each(input, first, end, LINE_BYTES, take_line, reader);
}

/* That lists are not pairs with further columns. Collective, for the readers' counts. */
static trn_status_t judge_layout(const trn_edges_reader_t *reader) {
    const trn_edges_t *edges = reader->edges;
    int64_t low = reader->lines > 0 ? reader->least : INT64_MAX, high = reader->most;
    int64_t lines = reader->lines;
    MPI_Allreduce(MPI_IN_PLACE, &low, 1, MPI_INT64_T, MPI_MIN, edges->comm);
    MPI_Allreduce(MPI_IN_PLACE, &high, 1, MPI_INT64_T, MPI_MAX, edges->comm);
    MPI_Allreduce(MPI_IN_PLACE, &lines, 1, MPI_INT64_T, MPI_SUM, edges->comm);
    if (edges->how.layout != TRN_EDGES_AUTO || lines < 2 || low < high || low < 3) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: each of its %lld lines has %lld fields, which may be a %s and its %ss, or "
                    "one pair and more columns; say --layout lists or --layout pairs",
                    edges->file[reader->number].path, (long long)lines, (long long)low,
                    trn_edges_thing(edges, 0), trn_edges_thing(edges, 1));
}

/* Read file `number`. Collective. */
static trn_status_t read_file(trn_edges_t *edges, int number, const trn_input_t *input) {
    trn_edges_reader_t reader = {.edges = edges, .number = number};
    trn_status_t status = TRN_OK;
    if (!input->stream && edges->side[0].names.rank == 0)
        status = find_heading(edges, input, &reader.skip);
    TRN_AGREE(edges->comm, status);
    MPI_Bcast(&reader.skip, 1, MPI_INT64_T, 0, edges->comm);
    status = read_part(&reader, input);
    trn_wait_all(edges->comm); /* one compressed file keeps one rank busy */
    TRN_AGREE(edges->comm, status);
    return judge_layout(&reader);
}

/* Sides ---------------------------------------------------------------------------------------- */

/* Words of this rank's names: all, numbers of any kind, those of digits alone. */
static void sort_names(const trn_numbering_t *names, int64_t counts[3]) {
    enum { LONGEST = 64 };
    counts[0] = trn_words_size(names->words);
    for (int64_t id = 0; id < counts[0]; id++) {
        int64_t length, digits = 0;
        char text[LONGEST];
        const char *word = trn_words_bytes(names->words, id, &length);
        while (digits < length && word[digits] >= '0' && word[digits] <= '9')
            digits++;
        counts[2] += digits == length;
        snprintf(text, sizeof text, "%.*s", (int)(length < LONGEST ? length : LONGEST), word);
        counts[1] += digits == length || (length < LONGEST && trn_field_is_number(text));
    }
}

/* Where all fields are numbers, the first in the files that numbers nothing is a slip: the rank
 * that has read it says where it stands. Local. */
static trn_status_t refuse_odd(const trn_edges_t *edges, int side, const trn_input_t *input) {
    const trn_edges_side_t *it = &edges->side[side];
    int file = (int)(it->odd >> TRN_EDGES_FILE_SHIFT);
    int64_t offset = it->odd - ((int64_t)file << TRN_EDGES_FILE_SHIFT);
    trn_status_t status = trn_edges_refuse_number(edges, side, it->odd_text);
    return trn_fail_prefix(status, "%s:%lld: ", edges->file[file].path,
                           (long long)trn_text_lines(&input[file], offset) + 1);
}

/* Names some of which are numbers may come of a slip in a file of numbers; where all are, some of a
 * kind that numbers nothing, they do. Collective. */
static trn_status_t judge_names(const trn_edges_t *edges, int side, const trn_input_t *input) {
    const trn_edges_side_t *it = &edges->side[side];
    const char *path = edges->file[0].path, *thing = trn_edges_thing(edges, side);
    int64_t counts[3] = {0}, first = it->odd < 0 ? INT64_MAX : it->odd;
    if (edges->how.ids != TRN_IDS_AUTO) return TRN_OK;
    sort_names(&it->names, counts);
    MPI_Allreduce(MPI_IN_PLACE, counts, 3, MPI_INT64_T, MPI_SUM, edges->comm);
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT64_T, MPI_MIN, edges->comm);
    bool slip = counts[0] == counts[1] && first < INT64_MAX;
    TRN_AGREE(edges->comm, slip && it->odd == first ? refuse_odd(edges, side, input) : TRN_OK);
    if (counts[2] > 0 && counts[2] < counts[0] && it->names.rank == 0)
        trn_log(TRN_LOG_WARN, "graph",
                "%s: some %ss are numbers and some are not: all are taken as names; --ids names "
                "says that this is meant, --ids numbers names the first that is none",
                path, thing);
    return TRN_OK;
}

/* Names that this rank had no part in deciding upon. Collective. */
static trn_status_t settle_names(trn_edges_t *edges, int side, const trn_input_t *input) {
    trn_edges_side_t *it = &edges->side[side];
    trn_status_t status = it->named ? TRN_OK : trn_edges_to_names(edges, side);
    TRN_AGREE(edges->comm, status);
    TRN_TRY(judge_names(edges, side, input));
    TRN_TRY(trn_numbering_settle(&it->names));
    for (int f = 0; f < edges->files; f++) {
        trn_edges_file_t *file = &edges->file[f];
        for (int64_t e = 0; e < file->count; e++) {
            if (side == 0) file->from[e] = (int32_t)it->names.number[file->from[e]];
            if (side == edges->how.bipartite && file->to[e] != TRN_EDGES_NONE)
                file->to[e] = (int32_t)it->names.number[file->to[e]];
        }
    }
    trn_numbering_forget(&it->names);
    it->count = it->names.total;
    it->feed = (trn_numbering_feed_t){.names = &it->names};
    return TRN_OK;
}

/* Numbers of all ranks together. Collective. */
static trn_status_t settle_side(trn_edges_t *edges, int side, const trn_input_t *input) {
    trn_edges_side_t *it = &edges->side[side];
    if (trn_any(edges->comm, it->named)) return settle_names(edges, side, input);
    trn_numbering_free(&it->names);
    MPI_Allreduce(MPI_IN_PLACE, &it->count, 1, MPI_INT64_T, MPI_MAX, edges->comm);
    return TRN_OK;
}

/* Edges of weight 0 and things without edges have been numbered, and go. Collective, for the sums.
 */
static trn_status_t close_file(trn_edges_t *edges, trn_edges_file_t *file,
                               const trn_input_t *input) {
    int64_t kept = 0, path = 0;
    for (int64_t e = 0; e <= file->count; e++) {
        while (path < file->paths && file->end[path] == e)
            file->end[path++] = kept;
        if (e == file->count) break;
        if (file->to[e] == TRN_EDGES_NONE || (file->weight && file->weight[e] == 0)) continue;
        file->from[kept] = file->from[e];
        if (file->weight) file->weight[kept] = file->weight[e];
        file->to[kept++] = file->to[e];
    }
    file->count = kept;
    int64_t sums[2] = {kept, file->zero};
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, edges->comm);
    file->all = sums[0];
    file->zero = sums[1];
    if (file->all > 0) return TRN_OK;
    bool empty = !input->stream && input->stamp.bytes == 0;
    return trn_fail(TRN_INPUT, "%s: %s%s; give one with a line for each edge", file->path,
                    empty ? "the file is empty" : "holds no edges",
                    file->zero > 0 ? " but some of weight 0" : "");
}

static trn_status_t create_names(trn_edges_t *edges) {
    for (int s = 0; s < 2; s++) {
        TRN_TRY(trn_numbering_create(&edges->side[s].names, edges->comm));
        edges->side[s].named = edges->how.ids == TRN_IDS_NAMES;
        edges->side[s].odd = -1;
    }
    return TRN_OK;
}

/* Collective. */
static trn_status_t read_text(trn_edges_t *edges) {
    trn_input_t *input = NULL;
    trn_status_t status = create_names(edges);
    if (status == TRN_OK)
        status = trn_alloc_zero(&input, edges->files, sizeof *input, "files of edges");
    TRN_OR(done, trn_agree(edges->comm, status));
    for (int f = 0; f < edges->files; f++)
        input[f].path = edges->file[f].path;
    TRN_OR(done, trn_inputs_look(edges->comm, edges->files, input));
    for (int f = 0; f < edges->files; f++)
        TRN_OR(done, read_file(edges, f, &input[f]));
    for (int s = 0; s < 1 + edges->how.bipartite; s++)
        TRN_OR(done, settle_side(edges, s, input));
    for (int f = 0; f < edges->files; f++)
        TRN_OR(done, close_file(edges, &edges->file[f], &input[f]));
done:
    trn_free(&input);
    return status;
}

/* All of it ------------------------------------------------------------------------------------ */

/* *matrix: whether the file is read as a matrix, by its first bytes. Local. */
static trn_status_t is_matrix(const char *path, bool *matrix) {
    const trn_file_format_t *format = NULL;
    *matrix = trn_path_has_member(path);
    if (*matrix) return TRN_OK;
    TRN_TRY(trn_format_by_head(path, &format));
    *matrix = format != NULL;
    return TRN_OK;
}

trn_status_t trn_edges_read(trn_edges_t *edges, MPI_Comm comm, const trn_edges_how_t *how,
                            int files, const char *const *paths) {
    int matrix = 0, rank; /* the first file that is one, counted from 1 */
    *edges = (trn_edges_t){.comm = comm, .how = *how, .files = files};
    MPI_Comm_rank(comm, &rank);
    if (files > TRN_EDGES_FILES)
        return trn_fail(TRN_USAGE, "%d files of edges; give at most %d", files,
                        (int)TRN_EDGES_FILES);
    trn_status_t status = trn_alloc_zero(&edges->file, files, sizeof *edges->file, "files");
    for (int f = 0; f < files && status == TRN_OK; f++) {
        bool one = false;
        edges->file[f].path = paths[f];
        if (rank == 0) status = is_matrix(paths[f], &one);
        if (one && matrix == 0) matrix = f + 1;
    }
    TRN_AGREE(comm, status);
    MPI_Bcast(&matrix, 1, MPI_INT, 0, comm);
    if (matrix == 0 && how->relation)
        return trn_fail(TRN_USAGE, "--relation: %s is no knowledge graph", paths[0]);
    if (matrix == 0) return read_text(edges);
    edges->matrix = true;
    if (files == 1) return trn_edges_read_matrix(edges);
    return trn_fail(TRN_INPUT,
                    "%s: is not text; matrices of several files cannot be numbered "
                    "together: give lines of edges",
                    paths[matrix - 1]);
}

void trn_edges_file_free(trn_edges_file_t *file) {
    trn_free(&file->from);
    trn_free(&file->to);
    trn_free(&file->weight);
    trn_free(&file->end);
    file->count = 0;
}

void trn_edges_free(trn_edges_t *edges) {
    for (int f = 0; edges->file && f < edges->files; f++)
        trn_edges_file_free(&edges->file[f]);
    trn_free(&edges->file);
    for (int s = 0; s < 2; s++) {
        trn_edges_side_t *side = &edges->side[s];
        trn_numbering_feed_free(&side->feed);
        trn_numbering_free(&side->names);
        trn_free(&side->rows.block);
        trn_rows_close(&side->rows.rows);
        trn_free(&side->block);
        trn_store_close(&side->graph);
    }
}

/* Names ---------------------------------------------------------------------------------------- */

trn_status_t trn_edges_names(void *self, const char *name, int64_t first, int64_t count,
                             const char *const **names) {
    trn_edges_side_t *side = self;
    if (side->rows.rows) return trn_rows_feed(&side->rows, name, first, count, names);
    if (!side->graph) return trn_numbering_feed(&side->feed, name, first, count, names);
    trn_free(&side->block);
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_store_read_some_strings(side->graph, "/entity/names", first, count, &side->block));
    *names = (const char *const *)side->block;
    return TRN_OK;
}

trn_status_t trn_edges_declare_names(trn_edges_side_t *side, trn_store_t *store,
                                     const char *dataset) {
    int64_t bytes;
    if (!side->named) return TRN_OK;
    TRN_TRY(trn_names_bytes(trn_edges_names, side, side->count, &bytes));
    return trn_store_strings_from(store, dataset, side->count, bytes, trn_edges_names, side);
}
