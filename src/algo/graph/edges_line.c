/* edges_line.c: lines of text to edges, fields to numbers. What stands in a column counts as
 * numbers until a field is none; then those before it become names, too: a number that is written
 * in the one way that is taken for one can be written back. */
#include "algo/graph/edges_impl.h"
#include "base/mem.h"
#include "io/text/fields.h"
#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Places of names: file, rank, number of the edge on the rank, column. Ranks read parts of a file
 * in their order, so that places ascend as fields do in the files. */
enum { RANK_SHIFT = 40, COLUMNS = 2 };

static int64_t place_of(const trn_edges_t *edges, int number, int64_t edge, int column) {
    int64_t rank = edges->side[0].names.rank;
    return ((int64_t)number << TRN_EDGES_FILE_SHIFT) + (rank << RANK_SHIFT) + COLUMNS * edge +
           column;
}

trn_edges_side_t *trn_edges_side(trn_edges_t *edges, int column) {
    return &edges->side[edges->how.bipartite ? column : 0];
}

const char *trn_edges_thing(const trn_edges_t *edges, int column) {
    const char *thing = edges->how.thing[edges->how.bipartite ? column : 0];
    return thing ? thing : "node";
}

trn_status_t trn_edges_add(trn_edges_t *edges, int number, int32_t from, int32_t to,
                           double weight) {
    trn_edges_file_t *file = &edges->file[number];
    int64_t at = file->count;
    TRN_TRY(trn_grow(&file->from, &file->room, at + 1, sizeof *file->from, "edges"));
    TRN_TRY(trn_grow(&file->to, &file->room_to, at + 1, sizeof *file->to, "edges"));
    if (edges->how.weighted) {
        TRN_TRY(trn_grow(&file->weight, &file->room_weight, at + 1, sizeof *file->weight,
                         "weights of edges"));
        file->weight[at] = weight;
    }
    file->from[at] = from;
    file->to[at] = to;
    file->count++;
    return TRN_OK;
}

/* Numbers and names ---------------------------------------------------------------------------- */

/* What follows the number that `text` begins with, which goes to *number, INT64_MAX at the most;
 * NULL: there is none, or it has a leading zero. */
static const char *whole(const char *text, int64_t *number) {
    enum { DIGITS = 18 };
    const char *at = text;
    int64_t value = 0;
    while (*at >= '0' && *at <= '9' && at - text < DIGITS)
        value = 10 * value + (*at++ - '0');
    if (at == text || (*text == '0' && at - text > 1)) return NULL;
    if (*at >= '0' && *at <= '9') {
        at += strspn(at, "0123456789");
        value = INT64_MAX;
    }
    *number = value;
    return at;
}

/* An end of an edge that is a name by now. */
static trn_status_t rename_end(trn_edges_t *edges, int number, int64_t edge, int column,
                               int32_t *end) {
    char text[16];
    if (*end == TRN_EDGES_NONE) return TRN_OK;
    int length = snprintf(text, sizeof text, "%d", *end);
    return trn_numbering_add(&trn_edges_side(edges, column)->names, text, length,
                             place_of(edges, number, edge, column), end);
}

trn_status_t trn_edges_to_names(trn_edges_t *edges, int side) {
    trn_edges_side_t *it = &edges->side[side];
    it->named = true;
    for (int f = 0; f < edges->files; f++) {
        trn_edges_file_t *file = &edges->file[f];
        for (int64_t e = 0; e < file->count; e++) {
            if (side == 0) TRN_TRY(rename_end(edges, f, e, 0, &file->from[e]));
            if (side == edges->how.bipartite) TRN_TRY(rename_end(edges, f, e, 1, &file->to[e]));
        }
    }
    return TRN_OK;
}

trn_status_t trn_edges_refuse_number(const trn_edges_t *edges, int column, const char *number) {
    const char *thing = trn_edges_thing(edges, column);
    if (number[strspn(number, "0123456789")] == '\0')
        return trn_fail(TRN_INPUT,
                        "%s is 2^31 - 1 or more; numbers of %ss must be below, or be taken as "
                        "names: --ids names",
                        number, thing);
    return trn_fail(TRN_INPUT,
                    "%s, where all fields are numbers, is none of a %s: those are whole and begin "
                    "at 0; --ids names takes all of them as names",
                    number, thing);
}

/* Note a number that numbers nothing: whether it is refused is seen when all fields are known. */
static void note_odd(trn_edges_reader_t *reader, trn_edges_side_t *side, const char *field) {
    bool code = *field == '0' && field[strspn(field, "0123456789")] == '\0'; /* "007" is a name */
    if (side->odd >= 0 || code || !trn_field_is_number(field)) return;
    side->odd = ((int64_t)reader->number << TRN_EDGES_FILE_SHIFT) + reader->offset;
    snprintf(side->odd_text, sizeof side->odd_text, "%s", field);
}

/* *id = the number of a field of the edge that is read next. */
static trn_status_t take_field(trn_edges_reader_t *reader, int column, const char *field,
                               int32_t *id) {
    trn_edges_t *edges = reader->edges;
    trn_edges_side_t *side = trn_edges_side(edges, column);
    int64_t number;
    const char *end = side->named && edges->how.ids == TRN_IDS_NAMES ? NULL : whole(field, &number);
    bool good = end && *end == '\0' && number < INT32_MAX;
    if (!good && edges->how.ids != TRN_IDS_NAMES) note_odd(reader, side, field);
    if (!side->named && good) {
        if (number >= side->count) side->count = number + 1;
        *id = (int32_t)number;
        return TRN_OK;
    }
    if (!good && edges->how.ids == TRN_IDS_NUMBERS)
        return end && *end == '\0'
                   ? trn_edges_refuse_number(edges, column, field)
                   : trn_fail(TRN_INPUT, "'%.100s' is no number from 0, as --ids numbers wants",
                              field);
    if (!side->named) TRN_TRY(trn_edges_to_names(edges, (int)(side - edges->side)));
    if (!*field)
        return trn_fail(TRN_INPUT, "a field is empty; give each %s a name",
                        trn_edges_thing(edges, column));
    int64_t edge = edges->file[reader->number].count;
    return trn_numbering_add(&side->names, field, (int64_t)strlen(field),
                             place_of(edges, reader->number, edge, column), id);
}

/* Lines ---------------------------------------------------------------------------------------- */

bool trn_edges_skips(const char *line) {
    line += strspn(line, " \t\r\v\f");
    return *line == '\0' || *line == '#' || *line == '%';
}

static void count_fields(trn_edges_reader_t *reader, int64_t fields) {
    if (reader->lines++ == 0) reader->least = reader->most = fields;
    if (fields < reader->least) reader->least = fields;
    if (fields > reader->most) reader->most = fields;
}

static trn_status_t parse_weight(const char *field, double *weight) {
    const char *end = trn_number_real(field, weight);
    if (!end || *end != '\0')
        return trn_fail(TRN_INPUT,
                        "the weight '%.100s' is no number; without --weighted, "
                        "--extra-columns leaves the column out",
                        field);
    if (!isfinite(*weight) || *weight < 0)
        return trn_fail(TRN_INPUT, "the weight %.100s is %s; weights must be finite and from 0",
                        field, *weight < 0 ? "negative" : "not finite");
    return TRN_OK;
}

/* The third column and those behind it. */
static trn_status_t finish_pair(trn_edges_reader_t *reader, char *at, char mark, double *weight) {
    const trn_edges_how_t *how = &reader->edges->how;
    if (how->weighted) {
        char *field = trn_field_next(&at, mark);
        if (!field) return trn_fail(TRN_INPUT, "the line has two fields; --weighted wants a third");
        TRN_TRY(parse_weight(field, weight));
    }
    if (!at || how->extra) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "the line has more than %s fields; %s--extra-columns leaves out "
                    "what stands behind",
                    how->weighted ? "three" : "two",
                    how->weighted ? "" : "--weighted takes the third as a weight, ");
}

/* Both ends of an edge. If the second turns numbers into names, the first has to be one, too. */
static trn_status_t take_ends(trn_edges_reader_t *reader, const char *first, const char *second,
                              int32_t end[2]) {
    const trn_edges_side_t *side = trn_edges_side(reader->edges, 0);
    TRN_TRY(take_field(reader, 0, first, &end[0]));
    bool named = side->named;
    TRN_TRY(take_field(reader, 1, second, &end[1]));
    return named == side->named ? TRN_OK : take_field(reader, 0, first, &end[0]);
}

static trn_status_t take_pair(trn_edges_reader_t *reader, const char *first, char *at, char mark) {
    const trn_edges_t *edges = reader->edges;
    double weight = 1;
    int32_t end[2];
    char *field = trn_field_next(&at, mark);
    if (!field)
        return trn_fail(TRN_INPUT, "the line has one field; an edge is a %s and a %s",
                        trn_edges_thing(edges, 0), trn_edges_thing(edges, 1));
    TRN_TRY(take_ends(reader, first, field, end));
    TRN_TRY(finish_pair(reader, at, mark, &weight));
    reader->edges->file[reader->number].zero += weight == 0; /* stays until places are used */
    return trn_edges_add(reader->edges, reader->number, end[0], end[1], weight);
}

/* A thing and those that it has edges to. */
static trn_status_t take_list(trn_edges_reader_t *reader, const char *first, char *at, char mark) {
    int64_t fields = 1;
    int32_t end[2];
    for (char *field; (field = trn_field_next(&at, mark)) != NULL; fields++) {
        if (!*field && !at) break; /* a mark at the end */
        TRN_TRY(take_ends(reader, first, field, end));
        TRN_TRY(trn_edges_add(reader->edges, reader->number, end[0], end[1], 1));
    }
    count_fields(reader, fields);
    if (fields > 1) return TRN_OK;
    TRN_TRY(take_field(reader, 0, first, &end[0]));
    return trn_edges_add(reader->edges, reader->number, end[0], TRN_EDGES_NONE, 0);
}

static bool has_paths(const trn_edges_reader_t *reader) {
    return reader->number >= reader->edges->files - reader->edges->how.paths;
}

/* A path. One of a single node ends where it begins. */
static trn_status_t take_path(trn_edges_reader_t *reader, char *first, char *at, char mark) {
    trn_edges_t *edges = reader->edges;
    trn_edges_file_t *file = &edges->file[reader->number];
    int64_t nodes = 1;
    int32_t end[2];
    const char *before = first;
    for (char *field; (field = trn_field_next(&at, mark)) != NULL; nodes++, before = field) {
        if (!*field && !at) break; /* a mark at the end */
        TRN_TRY(take_ends(reader, before, field, end));
        TRN_TRY(trn_edges_add(edges, reader->number, end[0], end[1], 1));
    }
    if (nodes == 1) {
        TRN_TRY(take_field(reader, 0, first, &end[0]));
        TRN_TRY(trn_edges_add(edges, reader->number, end[0], TRN_EDGES_NONE, 0));
    }
    TRN_TRY(trn_grow(&file->end, &file->room_end, file->paths + 1, sizeof *file->end, "paths"));
    file->end[file->paths++] = file->count;
    return TRN_OK;
}

/* The usual line, two numbers between blanks: whether it was one. */
static bool two_numbers(const trn_edges_reader_t *reader, const char *line, int64_t id[2]) {
    const trn_edges_t *edges = reader->edges;
    if (edges->side[0].named || edges->side[edges->how.bipartite].named || edges->how.weighted ||
        has_paths(reader))
        return false;
    const char *at = whole(line, &id[0]);
    if (!at || (*at != ' ' && *at != '\t')) return false;
    at = whole(at + 1, &id[1]);
    if (!at || id[0] >= INT32_MAX || id[1] >= INT32_MAX) return false;
    return *at == '\0' || (*at == '\r' && at[1] == '\0');
}

trn_status_t trn_edges_line(trn_edges_reader_t *reader, char *line, int64_t length) {
    trn_edges_t *edges = reader->edges;
    int64_t id[2];
    if (two_numbers(reader, line, id)) {
        for (int c = 0; c < 2; c++) {
            trn_edges_side_t *side = trn_edges_side(edges, c);
            if (id[c] >= side->count) side->count = id[c] + 1;
        }
        count_fields(reader, 2);
        return trn_edges_add(edges, reader->number, (int32_t)id[0], (int32_t)id[1], 1);
    }
    if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
    if (trn_edges_skips(line)) return TRN_OK;
    char *at = line + strspn(line, " "), mark = trn_fields_mark(at);
    char *field = trn_field_next(&at, mark);
    if (has_paths(reader)) return take_path(reader, field, at, mark);
    if (edges->how.layout == TRN_EDGES_PAIRS) return take_pair(reader, field, at, mark);
    return take_list(reader, field, at, mark);
}

/* Headings ------------------------------------------------------------------------------------- */

static bool is_usual(const char *field) {
    static const char *const usual[] = {
        "source",  "target",  "src",      "dst",        "from",     "to",     "node",   "node1",
        "node2",   "id1",     "id2",      "user",       "item",     "userid", "itemid", "user_id",
        "item_id", "movieid", "movie_id", "fromnodeid", "tonodeid", "head",   "tail",   "node_1",
        "node_2",  "node_id", "label",    "labels",     "item_ids", "items"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcasecmp(field, usual[i]) == 0) return true;
    return false;
}

/* The first two fields of a line. */
typedef struct front {
    bool usual;   /* headings */
    bool numbers; /* of things */
    bool words;   /* no numbers of any kind: "-1" and "007" are no headings */
} front_t;

static front_t look_at(char *line) {
    int64_t number, fields = 0;
    front_t front = {true, true, true};
    line[strcspn(line, "\r")] = '\0';
    char *at = line + strspn(line, " "), mark = trn_fields_mark(at), *field;
    for (; fields < 2 && (field = trn_field_next(&at, mark)) != NULL; fields++) {
        const char *end = whole(field, &number);
        front.usual = front.usual && is_usual(field);
        front.numbers = front.numbers && end && *end == '\0';
        front.words = front.words && !trn_field_is_number(field);
    }
    front.usual = front.usual && fields == 2;
    return front;
}

bool trn_edges_is_heading(char *first, char *second) {
    front_t front = look_at(first);
    return front.usual || (front.words && second && look_at(second).numbers);
}
