/* transplant_lists.c: lists that rank 0 reads, looks up in the names of rows, and shares. */
#include "algo/vectors/transplant_lists.h"

#include "algo/rows/row_names.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "mpi/large.h"
#include "text/lookup.h"
#include "text/rules.h"

#include <string.h>

static int rank_of(MPI_Comm comm) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return rank;
}

/* Names ---------------------------------------------------------------------------------------- */

/* That no name is there twice. Rank 0. */
static trn_status_t check_twice(const trn_name_list_t *list) {
    trn_lookup_t *lookup;
    int64_t twice;
    TRN_TRY(trn_lookup_create(&lookup, list->count, list->name, false, &twice));
    int64_t first = twice >= 0 ? trn_lookup_find(lookup, list->name[twice]) : 0;
    trn_lookup_destroy(&lookup);
    if (twice < 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: '%.60s' is there already, in line %lld; name it once",
                    list->path, (long long)list->line[twice], list->name[twice],
                    (long long)list->line[first]);
}

/* Rank 0. */
static trn_status_t read_distinct(trn_name_list_t *list, const char *path) {
    TRN_TRY(trn_name_list_read(list, path));
    if (list->count == 0) return trn_fail(TRN_INPUT, "%s: holds no names; give one a line", path);
    return check_twice(list);
}

/* *names = those of rank 0's list, on every rank. Collective. */
static trn_status_t share_names(MPI_Comm comm, const trn_name_list_t *list, int64_t *count,
                                char ***names) {
    char *text = NULL;
    int64_t bytes = 0, used = 0;
    trn_status_t status = TRN_OK;
    *names = NULL;
    if (rank_of(comm) == 0) {
        *count = list->count;
        bytes = trn_strings_bytes(list->count, list->name);
        status = trn_alloc(&text, bytes, 1, "names of rows");
        for (int64_t i = 0; i < list->count && status == TRN_OK; i++) {
            size_t length = strlen(list->name[i]) + 1;
            memcpy(text + used, list->name[i], length);
            used += (int64_t)length;
        }
    }
    status = trn_agree(comm, status);
    MPI_Bcast(count, 1, MPI_INT64_T, 0, comm);
    if (status == TRN_OK) status = trn_share(comm, &text, &bytes, "names of rows");
    if (status == TRN_OK) status = trn_agree(comm, trn_strings_make(*count, text, bytes, names));
    trn_free(&text);
    if (status != TRN_OK) trn_free(names);
    return status;
}

trn_status_t trn_target_read(trn_target_t *target, MPI_Comm comm, const char *path) {
    trn_name_list_t list = {0};
    *target = (trn_target_t){0};
    trn_status_t status = trn_agree(comm, rank_of(comm) == 0 ? read_distinct(&list, path) : TRN_OK);
    if (status == TRN_OK) status = share_names(comm, &list, &target->count, &target->names);
    trn_name_list_free(&list);
    return status;
}

/* Overlap -------------------------------------------------------------------------------------- */

/* A list on rank 0, and the rows of both sides of its lines. */
typedef struct pairs {
    trn_name_list_t list;
    int64_t count;            /* of lines, on every rank */
    int64_t *target, *source; /* [count] on rank 0 */
} pairs_t;

static void pairs_free(pairs_t *p) {
    trn_name_list_free(&p->list);
    trn_free(&p->target);
    trn_free(&p->source);
}

/* Cut what stands behind the tab to one name, without blanks at its ends. */
static void trim_rest(trn_name_list_t *list) {
    for (int64_t i = 0; i < list->count; i++) {
        char *text = list->rest[i] + strspn(list->rest[i], TRN_BLANKS), *end = text + strlen(text);
        while (end > text && strchr(TRN_BLANKS, end[-1]))
            *--end = '\0';
        list->rest[i] = text;
    }
}

/* Rank 0: lines NEW<tab>OLD. */
static trn_status_t read_pairs(pairs_t *p, const char *path) {
    TRN_TRY(trn_name_list_read(&p->list, path));
    trim_rest(&p->list);
    TRN_TRY(trn_alloc(&p->target, p->list.count, sizeof *p->target, "rows of names"));
    return trn_alloc(&p->source, p->list.count, sizeof *p->source, "rows of names");
}

/* Rows of names among those of a list. Rank 0. */
static trn_status_t find_in_list(const trn_target_t *target, int64_t count, char *const *name,
                                 int64_t *row) {
    trn_lookup_t *lookup;
    TRN_TRY(trn_lookup_create(&lookup, target->count, target->names, false, NULL));
    for (int64_t i = 0; i < count; i++)
        row[i] = trn_lookup_find(lookup, name[i]);
    trn_lookup_destroy(&lookup);
    return TRN_OK;
}

/* Collective. */
static trn_status_t find_targets(const trn_target_t *target, MPI_Comm comm, int64_t count,
                                 char *const *name, int64_t *row) {
    if (target->rows) return trn_row_names_find(target->rows, comm, count, name, row);
    bool first = rank_of(comm) == 0;
    return trn_agree(comm, first ? find_in_list(target, count, name, row) : TRN_OK);
}

/* Rank 0: line i names a row that there is not. */
static trn_status_t unknown(const pairs_t *p, int64_t i, const char *name, const char *side) {
    return trn_fail(TRN_INPUT, "%s:%lld: no %s row is called '%.60s'", p->list.path,
                    (long long)p->list.line[i], side, name);
}

/* Rank 0. */
static trn_status_t fill_overlap(const pairs_t *p, int64_t *overlap) {
    for (int64_t i = 0; i < p->count; i++) {
        if (p->target[i] < 0) return unknown(p, i, p->list.name[i], "target");
        if (p->source[i] < 0) return unknown(p, i, p->list.rest[i], "source");
        if (overlap[p->target[i]] >= 0)
            return trn_fail(TRN_INPUT, "%s:%lld: target row '%.60s' has a source row already",
                            p->list.path, (long long)p->list.line[i], p->list.name[i]);
        overlap[p->target[i]] = p->source[i];
    }
    return TRN_OK;
}

/* Out of a file; overlap is filled on rank 0. Collective. */
static trn_status_t overlap_of_file(int64_t *overlap, MPI_Comm comm, const char *path,
                                    const trn_target_t *target, trn_rows_t *source) {
    pairs_t p = {0};
    bool first = rank_of(comm) == 0;
    trn_status_t status;
    TRN_OR(done, trn_agree(comm, first ? read_pairs(&p, path) : TRN_OK));
    p.count = p.list.count;
    MPI_Bcast(&p.count, 1, MPI_INT64_T, 0, comm);
    TRN_OR(done, find_targets(target, comm, p.count, p.list.name, p.target));
    TRN_OR(done, trn_row_names_find(source, comm, p.count, p.list.rest, p.source));
    status = trn_agree(comm, first ? fill_overlap(&p, overlap) : TRN_OK);
done:
    pairs_free(&p);
    return status;
}

/* By equal names. Collective. */
static trn_status_t overlap_of_names(int64_t *overlap, MPI_Comm comm, const trn_target_t *target,
                                     trn_rows_t *source) {
    char **names = NULL;
    if (!trn_rows_about(source)->named)
        return trn_fail(TRN_INPUT, "%s: has no names for its rows, so none can be equal",
                        trn_rows_path(source));
    if (!target->rows)
        return trn_row_names_find(source, comm, target->count, target->names, overlap);
    TRN_TRY(trn_rows_names(target->rows, &names));
    trn_status_t status = trn_row_names_find(source, comm, target->count, names, overlap);
    trn_free(&names);
    return status;
}

trn_status_t trn_overlap_read(int64_t *overlap, MPI_Comm comm, const char *path,
                              const trn_target_t *target, trn_rows_t *source) {
    for (int64_t i = 0; i < target->count; i++)
        overlap[i] = -1;
    TRN_TRY(path ? overlap_of_file(overlap, comm, path, target, source)
                 : overlap_of_names(overlap, comm, target, source));
    trn_bcast_large(comm, target->count, MPI_INT64_T, overlap);
    return TRN_OK;
}

/* Pieces --------------------------------------------------------------------------------------- */

void trn_pieces_free(trn_piece_list_t *pieces) {
    trn_free(&pieces->names);
    trn_free(&pieces->start);
    trn_free(&pieces->id);
}

/* Rank 0: cut the rests of lines into names of pieces. */
static trn_status_t cut_pieces(const trn_name_list_t *list, trn_piece_list_t *pieces,
                               char ***piece) {
    int64_t all = 0, at = 0;
    /* A piece has a letter and a blank at least, but for the last one of a line. */
    for (int64_t i = 0; i < list->count; i++)
        all += (int64_t)strlen(list->rest[i]) / 2 + 1;
    TRN_TRY(trn_alloc(&pieces->start, list->count + 1, sizeof *pieces->start, "pieces"));
    TRN_TRY(trn_alloc(piece, all, sizeof **piece, "pieces"));
    pieces->start[0] = 0;
    for (int64_t i = 0; i < list->count; i++) {
        for (char *text = list->rest[i] + strspn(list->rest[i], TRN_BLANKS); *text;) {
            size_t length = strcspn(text, TRN_BLANKS), blank;
            blank = strspn(text + length, TRN_BLANKS);
            (*piece)[at++] = text;
            text += length + blank;
            if (blank > 0) (*piece)[at - 1][length] = '\0';
        }
        if (at == pieces->start[i])
            return trn_fail(TRN_INPUT, "%s:%lld: '%.60s' has no pieces; write 'NEW<tab>PIECE ...'",
                            list->path, (long long)list->line[i], list->name[i]);
        pieces->start[i + 1] = at;
    }
    return trn_alloc(&pieces->id, at, sizeof *pieces->id, "pieces");
}

/* Rank 0. */
static trn_status_t read_pieces(trn_name_list_t *list, const char *path, trn_piece_list_t *pieces,
                                char ***piece) {
    TRN_TRY(read_distinct(list, path));
    return cut_pieces(list, pieces, piece);
}

static trn_status_t check_pieces(const trn_name_list_t *list, const trn_piece_list_t *pieces,
                                 char *const *piece) {
    for (int64_t i = 0; i < list->count; i++)
        for (int64_t p = pieces->start[i]; p < pieces->start[i + 1]; p++)
            if (pieces->id[p] < 0)
                return trn_fail(TRN_INPUT, "%s:%lld: no source row is called '%.60s'", list->path,
                                (long long)list->line[i], piece[p]);
    return TRN_OK;
}

/* Rank 0's arrays on every rank. Collective. */
static trn_status_t share_pieces(MPI_Comm comm, trn_piece_list_t *pieces, int64_t all) {
    int64_t bytes[2] = {(pieces->count + 1) * (int64_t)sizeof(int64_t),
                        all * (int64_t)sizeof(int64_t)};
    TRN_TRY(trn_share(comm, &pieces->start, &bytes[0], "pieces"));
    return trn_share(comm, &pieces->id, &bytes[1], "pieces");
}

trn_status_t trn_pieces_read(trn_piece_list_t *pieces, MPI_Comm comm, const char *path,
                             trn_rows_t *source) {
    trn_name_list_t list = {0};
    char **piece = NULL;
    bool first = rank_of(comm) == 0;
    int64_t all = 0;
    trn_status_t status;
    *pieces = (trn_piece_list_t){0};
    TRN_OR(done, trn_agree(comm, first ? read_pieces(&list, path, pieces, &piece) : TRN_OK));
    if (first) all = pieces->start[list.count];
    MPI_Bcast(&all, 1, MPI_INT64_T, 0, comm);
    /* One pass over the names of the source for the pieces of all lines. */
    TRN_OR(done, trn_row_names_find(source, comm, all, piece, pieces->id));
    TRN_OR(done, trn_agree(comm, first ? check_pieces(&list, pieces, piece) : TRN_OK));
    TRN_OR(done, share_names(comm, &list, &pieces->count, &pieces->names));
    status = share_pieces(comm, pieces, all);
done:
    trn_name_list_free(&list);
    trn_free(&piece);
    if (status != TRN_OK) trn_pieces_free(pieces);
    return status;
}
