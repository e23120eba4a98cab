/* nodes.c: see nodes.h. Rank 0 sees the names of a graph, 4096 at a time. */
#include "algo/graph/nodes.h"

#include "algo/graph/edges_impl.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strings.h"
#include "io/share.h"
#include "io/text/fields.h"
#include "mpi/agree.h"
#include "text/lookup.h"
#include "text/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 4096 };

/* Reading -------------------------------------------------------------------------------------- */

static trn_status_t add_word(trn_node_list_t *list, char *word, int64_t line, int64_t *room) {
    int64_t lines = *room;
    TRN_TRY(trn_grow(&list->word, room, list->count + 1, sizeof *list->word, "nodes"));
    TRN_TRY(trn_grow(&list->line, &lines, list->count + 1, sizeof *list->line, "nodes"));
    list->letters += (int64_t)strlen(word);
    list->line[list->count] = line;
    list->word[list->count++] = word;
    return TRN_OK;
}

static trn_status_t cut_line(trn_node_list_t *list, char *line, int64_t number, const char *what,
                             int64_t *room) {
    size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
    if (trn_edges_skips(line)) return TRN_OK;
    line += strspn(line, " ");
    int fields = 0;
    char mark = trn_fields_mark(line), *at = line;
    for (char *field; (field = trn_field_next(&at, mark)) != NULL; fields++)
        TRN_TRY(add_word(list, field, number, room));
    if (fields == list->columns) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: the line has %d field%s; each %s is a line of %d",
                    list->where, (long long)number, fields, fields == 1 ? "" : "s", what,
                    list->columns);
}

static trn_status_t cut_lines(trn_node_list_t *list, const char *what) {
    static const char mark[] = "\xef\xbb\xbf"; /* of the order of bytes */
    int64_t number = 0, room = 0;
    char *line = list->text;
    if (strncmp(line, mark, sizeof mark - 1) == 0) line += sizeof mark - 1;
    for (char *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        TRN_TRY(cut_line(list, line, ++number, what, &room));
    }
    if (list->count == 0) return trn_fail(TRN_INPUT, "%s: holds no %s", list->where, what);
    return trn_alloc(&list->node, list->count, sizeof *list->node, "nodes");
}

trn_status_t trn_node_list_read(trn_node_list_t *list, MPI_Comm comm, const char *path, int columns,
                                const char *what) {
    *list = (trn_node_list_t){.where = path, .columns = columns};
    TRN_TRY(trn_share_file(comm, path, &list->text));
    return trn_agree(comm, cut_lines(list, what));
}

trn_status_t trn_node_list_words(trn_node_list_t *list, const char *option, int columns, int count,
                                 char *const *words) {
    int64_t bytes = 1, room = 0;
    *list = (trn_node_list_t){.where = option, .columns = columns};
    for (int i = 0; i < count; i++)
        bytes += (int64_t)strlen(words[i]) + 1;
    TRN_TRY(trn_alloc(&list->text, bytes, 1, "nodes"));
    char *to = list->text;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(words[i]) + 1;
        memcpy(to, words[i], length);
        for (char *save, *word = strtok_r(to, " \t", &save); word;
             word = strtok_r(NULL, " \t", &save))
            TRN_TRY(add_word(list, word, 0, &room));
        to += length;
    }
    if (list->count == 0 || list->count % columns != 0)
        return trn_fail(TRN_USAGE, "%s: %lld nodes; give %d at a time", option,
                        (long long)list->count, columns);
    return trn_alloc(&list->node, list->count, sizeof *list->node, "nodes");
}

void trn_node_list_free(trn_node_list_t *list) {
    trn_free(&list->word);
    trn_free(&list->line);
    trn_free(&list->node);
    trn_free(&list->text);
    list->count = 0;
}

/* Finding -------------------------------------------------------------------------------------- */

/* Rank 0 sees a name. */
typedef trn_status_t see_t(void *self, int64_t number, const char *name);

/* Show all names in order. Collective. */
static trn_status_t see_all(trn_edges_side_t *side, MPI_Comm comm, see_t *see, void *self) {
    trn_status_t status = TRN_OK;
    int rank;
    MPI_Comm_rank(comm, &rank);
    for (int64_t first = 0; first < side->count && status == TRN_OK; first += PART) {
        const char *const *names = NULL;
        int64_t count = side->count - first < PART ? side->count - first : PART;
        status = trn_edges_names(side, "", first, count, &names);
        for (int64_t i = 0; rank == 0 && i < count && status == TRN_OK; i++)
            status = see(self, first + i, names[i]);
        status = trn_agree(comm, status);
    }
    const char *const *none;
    (void)trn_edges_names(side, "", 0, 0, &none);
    return status;
}

/* "FILE:7" or "--option". */
static void tell_where(const trn_node_list_t *list, int64_t i, char *where, size_t size) {
    if (list->line[i] > 0)
        snprintf(where, size, "%.3000s:%lld", list->where, (long long)list->line[i]);
    else
        snprintf(where, size, "%.3000s", list->where);
}

static trn_status_t grade(const trn_node_list_t *list, int64_t i) {
    return list->line[i] > 0 ? TRN_INPUT : TRN_USAGE;
}

typedef struct guess {
    const char *typed;
    char name[TRN_NEAREST_LONGEST + 1];
    trn_nearest_t best;
} guess_t;

static trn_status_t guess(void *self, int64_t number, const char *name) {
    guess_t *g = self;
    (void)number;
    trn_nearest_try(&g->best, g->typed, name);
    if (g->best.name == name) {
        snprintf(g->name, sizeof g->name, "%s", name);
        g->best.name = g->name;
    }
    return TRN_OK;
}

/* Collective. */
static trn_status_t refuse(const trn_node_list_t *list, int64_t i, MPI_Comm comm,
                           trn_edges_side_t *side, int64_t nodes) {
    char where[4096];
    guess_t g = {.typed = list->word[i]};
    tell_where(list, i, where, sizeof where);
    if (!side->named)
        return trn_fail(grade(list, i), "%s: %.200s: no such node; the graph has 0 to %lld", where,
                        list->word[i], (long long)nodes - 1);
    TRN_TRY(see_all(side, comm, guess, &g));
    MPI_Bcast(g.name, sizeof g.name, MPI_CHAR, 0, comm);
    return trn_fail(grade(list, i), "%s: %.200s: no such node in the graph%s%s%s", where,
                    list->word[i], *g.name ? "; did you mean '" : "", g.name, *g.name ? "'?" : "");
}

static void find_numbers(trn_node_list_t *list, int64_t nodes) {
    for (int64_t i = 0; i < list->count; i++) {
        const char *word = list->word[i];
        int64_t number = -1;
        const char *end = *word >= '0' && *word <= '9' ? trn_number_whole(word, &number) : NULL;
        list->node[i] = end && !*end && number < nodes ? (int32_t)number : -1;
    }
}

typedef struct finder {
    trn_lookup_t *wanted;
    int32_t *node;
} finder_t;

static trn_status_t find(void *self, int64_t number, const char *name) {
    const finder_t *f = self;
    int64_t at = trn_lookup_find(f->wanted, name);
    if (at >= 0 && f->node[at] < 0) f->node[at] = (int32_t)number;
    return TRN_OK;
}

/* Collective. */
static trn_status_t find_names(trn_node_list_t *list, MPI_Comm comm, trn_edges_side_t *side) {
    finder_t f = {.node = list->node};
    int rank;
    MPI_Comm_rank(comm, &rank);
    for (int64_t i = 0; i < list->count; i++)
        list->node[i] = -1;
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_lookup_create(&f.wanted, list->count, list->word, false, NULL);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = see_all(side, comm, find, &f);
    /* The table knows only the first of equal words. */
    for (int64_t i = 0; rank == 0 && i < list->count && status == TRN_OK; i++)
        list->node[i] = list->node[trn_lookup_find(f.wanted, list->word[i])];
    MPI_Bcast(list->node, (int)list->count, MPI_INT32_T, 0, comm);
    trn_lookup_destroy(&f.wanted);
    return status;
}

trn_status_t trn_node_list_find(trn_node_list_t *list, MPI_Comm comm, trn_edges_side_t *side,
                                int64_t nodes) {
    if (side->named)
        TRN_TRY(find_names(list, comm, side));
    else
        find_numbers(list, nodes);
    for (int64_t i = 0; i < list->count; i++)
        if (list->node[i] < 0) return refuse(list, i, comm, side, nodes);
    return TRN_OK;
}

trn_status_t trn_node_list_unique(const trn_node_list_t *list, int64_t nodes) {
    enum { BITS = 8 };
    char where[4096];
    uint8_t *seen;
    TRN_TRY(trn_alloc_zero(&seen, nodes / BITS + 1, 1, "nodes"));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < list->count && status == TRN_OK; i++) {
        uint8_t bit = (uint8_t)(1 << list->node[i] % BITS), *at = &seen[list->node[i] / BITS];
        tell_where(list, i, where, sizeof where);
        if (*at & bit)
            status = trn_fail(grade(list, i), "%s: %.200s is there before; give each node once",
                              where, list->word[i]);
        *at |= bit;
    }
    trn_free(&seen);
    return status;
}

/* Names back ----------------------------------------------------------------------------------- */

typedef struct keeper {
    trn_labels_t *labels;
    int64_t at; /* the next that is wanted */
    char *text;
    int64_t bytes, room;
} keeper_t;

static trn_status_t keep(void *self, int64_t number, const char *name) {
    keeper_t *k = self;
    if (k->at == k->labels->count || k->labels->number[k->at] != number) return TRN_OK;
    int64_t length = (int64_t)strlen(name) + 1;
    TRN_TRY(trn_grow(&k->text, &k->room, k->bytes + length, 1, "names"));
    memcpy(k->text + k->bytes, name, (size_t)length);
    k->bytes += length;
    k->at++;
    return TRN_OK;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Distinct numbers, ascending. Local. */
static trn_status_t list_numbers(trn_labels_t *labels, int64_t count, const int32_t *numbers) {
    TRN_TRY(trn_alloc(&labels->number, count, sizeof *labels->number, "names"));
    for (int64_t i = 0; i < count; i++)
        labels->number[i] = numbers[i];
    qsort(labels->number, (size_t)count, sizeof *labels->number, ascending);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || labels->number[i] != labels->number[labels->count - 1])
            labels->number[labels->count++] = labels->number[i];
    return TRN_OK;
}

trn_status_t trn_node_names(trn_edges_side_t *side, MPI_Comm comm, int64_t count,
                            const int32_t *numbers, trn_labels_t *labels) {
    keeper_t k = {.labels = labels};
    int rank;
    *labels = (trn_labels_t){0};
    if (!side->named) return TRN_OK;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = rank == 0 ? list_numbers(labels, count, numbers) : TRN_OK;
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = see_all(side, comm, keep, &k);
    if (status == TRN_OK && rank == 0)
        status = trn_strings_make(labels->count, k.text, k.bytes, &labels->name);
    trn_free(&k.text);
    return trn_agree(comm, status);
}
