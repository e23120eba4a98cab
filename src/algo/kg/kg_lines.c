/* kg_lines.c: reads small files of facts and questions, and numbers their names. */
#include "algo/kg/kg_lines.h"

#include "algo/common/names.h"
#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RELATION = 1 /* its column */ };

static trn_status_t cut_line(trn_kg_lines_t *l, int64_t number, char *text, int64_t length) {
    const trn_triple_format_t tabs = {"\t", l->form.keep_blanks};
    trn_triple_row_t row;
    int64_t i = l->count++;
    if (trn_triple_line(text, length, &tabs, &row) != TRN_OK)
        return trn_fail(TRN_INPUT,
                        "%s:%" PRId64 ": must be head, relation, tail between tabs, none empty",
                        l->path, number);
    l->line[i] = number;
    for (int at = 0; at < TRN_TRIPLE_COLUMNS; at++) {
        l->name[i][at] = text + (row.column[at] - text);
        l->name[i][at][row.bytes[at]] = '\0';
    }
    return TRN_OK;
}

static trn_status_t cut_lines(trn_kg_lines_t *l, const char *what) {
    const trn_triple_format_t tabs = {"\t", l->form.keep_blanks};
    int64_t most = 1, number = 0;
    for (const char *c = l->text; *c; c++)
        most += *c == '\n';
    TRN_TRY(trn_alloc(&l->line, most, sizeof *l->line, l->path));
    TRN_TRY(trn_alloc(&l->name, most, sizeof *l->name, l->path));
    for (char *line = l->text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        number++;
        if ((number == 1 && l->form.header) || trn_triple_blank(line, (int64_t)length, &tabs))
            continue;
        TRN_TRY(cut_line(l, number, line, (int64_t)length));
    }
    if (l->count == 0) return trn_fail(TRN_INPUT, "%s: holds no %s", l->path, what);
    return trn_alloc(&l->number, l->count, sizeof *l->number, l->path);
}

/* Names of both kinds in lists of their own, and room for their numbers. */
typedef struct lists {
    char **entity, **relation; /* [2 count]: heads and tails in turn; [count] */
    int32_t *entities, *relations;
} lists_t;

static trn_status_t list_names(lists_t *lists, const trn_kg_lines_t *l) {
    TRN_TRY(trn_alloc(&lists->entity, 2 * l->count, sizeof(char *), "names"));
    TRN_TRY(trn_alloc(&lists->relation, l->count, sizeof(char *), "names"));
    TRN_TRY(trn_alloc(&lists->entities, 2 * l->count, sizeof(int32_t), "names"));
    TRN_TRY(trn_alloc(&lists->relations, l->count, sizeof(int32_t), "names"));
    for (int64_t i = 0; i < l->count; i++) {
        lists->entity[2 * i] = l->name[i][0];
        lists->relation[i] = l->name[i][RELATION];
        lists->entity[2 * i + 1] = l->name[i][2];
    }
    return TRN_OK;
}

static trn_status_t find_names(const trn_kg_lines_t *l, MPI_Comm comm, const trn_kg_t *kg) {
    lists_t lists = {0};
    trn_status_t status;
    TRN_OR(done, trn_agree(comm, list_names(&lists, l)));
    TRN_OR(done, trn_names_find(kg->store, comm, "/relation/names", l->count, lists.relation,
                                lists.relations));
    TRN_OR(done, trn_names_find(kg->store, comm, "/entity/names", 2 * l->count, lists.entity,
                                lists.entities));
    for (int64_t i = 0; i < l->count; i++)
        l->number[i] =
            (trn_triple_t){lists.entities[2 * i], lists.relations[i], lists.entities[2 * i + 1]};
done:
    trn_free(&lists.entity);
    trn_free(&lists.relation);
    trn_free(&lists.entities);
    trn_free(&lists.relations);
    return status;
}

trn_status_t trn_kg_lines_read(trn_kg_lines_t *lines, MPI_Comm comm, const char *path,
                               const char *what, const trn_kg_form_t *form, const trn_kg_t *kg) {
    *lines = (trn_kg_lines_t){.path = path, .form = *form};
    TRN_TRY(trn_share_file(comm, path, &lines->text));
    TRN_AGREE(comm, cut_lines(lines, what));
    return find_names(lines, comm, kg);
}

trn_status_t trn_kg_lines_unknown(const trn_kg_lines_t *lines, MPI_Comm comm, const trn_kg_t *kg,
                                  int64_t i, int at, int64_t count, char *const *more) {
    bool relation = at == RELATION;
    char where[4096];
    trn_triple_row_t row;
    for (int c = 0; c < TRN_TRIPLE_COLUMNS; c++) {
        row.column[c] = lines->name[i][c];
        row.bytes[c] = (int64_t)strlen(row.column[c]);
    }
    if (lines->line[i] == 1 && trn_triple_is_heading(&row, "hrt"))
        return trn_fail(TRN_INPUT, "%s:1: looks like a line of headings; --header leaves it out",
                        lines->path);
    snprintf(where, sizeof where, "%s:%" PRId64, lines->path, lines->line[i]);
    return trn_names_unknown(kg->store, comm, relation ? "/relation/names" : "/entity/names", where,
                             lines->name[i][at], relation ? "relation" : "entity", count, more);
}

void trn_kg_lines_free(trn_kg_lines_t *lines) {
    trn_free(&lines->text);
    trn_free(&lines->line);
    trn_free(&lines->name);
    trn_free(&lines->number);
    *lines = (trn_kg_lines_t){0};
}
