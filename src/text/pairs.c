/* pairs.c: the whole set is looked at before a line is believed: what parts its fields, and in
 * which column the score stands, must hold for all lines. */
#include "text/pairs.h"

#include "base/mem.h"
#include "text/number.h"
#include "text/rules.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST = 64 /* columns that are looked at */, BLANKS = ' ' };

typedef struct line {
    char *text; /* not blank, no comment */
    long long number;
} line_t;

typedef struct field {
    char *at;
    int64_t length;
} field_t;

typedef struct parser {
    const char *path;
    line_t *line; /* [count] */
    int64_t count;
    char separator;
    int64_t first; /* 1 if line 0 is a header, else 0 */
} parser_t;

/* A NUL is no blank, though strchr would find it. */
static bool is_blank(char c) {
    return c && strchr(TRN_BLANKS, c);
}

/* "# ..." and "##..." are comments; "#word ..." is a word. */
static bool is_comment(const char *line) {
    return line[0] == '#' && (!line[1] || line[1] == '#' || is_blank(line[1]));
}

/* Find the lines that say something; each is ended by NUL, without blanks around it. */
static trn_status_t find_lines(parser_t *p, char *text) {
    int64_t most = 1;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        most++;
    TRN_TRY(trn_alloc(&p->line, most, sizeof *p->line, "lines of a set"));
    for (long long number = 1; text; number++) {
        char *line = text + strspn(text, TRN_BLANKS), *end = strchr(text, '\n');
        text = end ? end + 1 : NULL;
        if (!end) end = line + strlen(line);
        while (end > line && is_blank(end[-1]))
            end--;
        *end = '\0';
        if (end > line && !is_comment(line)) p->line[p->count++] = (line_t){line, number};
    }
    return TRN_OK;
}

/* The fields of a line, at most MOST of them kept; returns how many there are. */
static int64_t split(const parser_t *p, int64_t line, field_t field[MOST]) {
    char stops[] = {p->separator, '\0'};
    const char *until = p->separator == BLANKS ? TRN_BLANKS : stops;
    char *at = p->line[line].text;
    for (int64_t count = 0;; at++) {
        at += strspn(at, p->separator == '\t' ? " \v\f\r" : TRN_BLANKS);
        char *stop = at + strcspn(at, until), *end = stop;
        while (end > at && is_blank(end[-1]))
            end--;
        if (count < MOST) field[count] = (field_t){at, end - at};
        count++;
        at = stop;
        if (!*at) return count;
    }
}

/* True if the whole field is a finite number. */
static bool is_number(const field_t *field, double *value) {
    if (field->length == 0) return false;
    const char *end = trn_number_real(field->at, value);
    return end == field->at + field->length && isfinite(*value);
}

/* Whether every line has three fields at least with this separator; `exactly`: the three of a plain
 * set, where only the first line may be without its number. */
static bool parts_all(const parser_t *p, char separator, bool exactly) {
    parser_t with = *p;
    with.separator = separator;
    for (int64_t i = 0; i < p->count; i++) {
        field_t field[MOST];
        double value;
        int64_t count = split(&with, i, field);
        if (exactly ? count != 3 || (i > 0 && !is_number(&field[2], &value)) : count < 3)
            return false;
    }
    return true;
}

/* What stands in every line decides: a comma inside a word does not make a file of commas. Plain
 * lines of three come before tabs, so that two tabs in a row are no empty field. */
static char choose_separator(const parser_t *p) {
    if (parts_all(p, ';', false)) return ';';
    if (parts_all(p, ',', false)) return ',';
    if (parts_all(p, BLANKS, true)) return BLANKS;
    return parts_all(p, '\t', false) ? '\t' : BLANKS;
}

/* The column behind the words, from 0, that is a number most often, the first of equal ones. A
 * header may stand in line 0, so that it does not count if there are others. */
static int64_t find_column(const parser_t *p) {
    int64_t numbers[MOST] = {0}, best = 2;
    for (int64_t i = p->count > 1 ? 1 : 0; i < p->count; i++) {
        field_t field[MOST];
        double value;
        int64_t count = split(p, i, field);
        for (int64_t c = 2; c < count && c < MOST; c++)
            numbers[c] += is_number(&field[c], &value);
    }
    for (int64_t c = 3; c < MOST; c++)
        if (numbers[c] > numbers[best]) best = c;
    return best;
}

/* The column of that name in line 0, which then is a header. */
static trn_status_t find_name(parser_t *p, const char *name, int64_t *column) {
    field_t field[MOST];
    int64_t count = split(p, 0, field);
    p->first = 1;
    for (*column = 2; *column < count && *column < MOST; ++*column) {
        const field_t *f = &field[*column];
        if ((int64_t)strlen(name) == f->length && strncasecmp(f->at, name, (size_t)f->length) == 0)
            return TRN_OK;
    }
    return trn_fail(TRN_INPUT, "%s:%lld: no column '%s'; the first line has: %s", p->path,
                    p->line[0].number, name, p->line[0].text);
}

/* *column, from 0, as asked for or found; p->first = 1 if there is a header. */
static trn_status_t place_score(parser_t *p, const char *wanted, int64_t *column) {
    field_t field[MOST];
    double value;
    if (!wanted) {
        *column = find_column(p);
    } else {
        const char *end = trn_number_whole(wanted, column);
        if (!end || *end) return find_name(p, wanted, column);
        if (--*column < 2 || *column >= MOST)
            return trn_fail(TRN_USAGE, "--score-column: %s: %s; give 3 to %d, or a name", wanted,
                            *column < 2 ? "a word stands there" : "too many", MOST);
    }
    bool there = split(p, 0, field) > *column;
    if (!there && wanted)
        return trn_fail(TRN_INPUT, "%s:%lld: %lld fields, but the score is wanted from column %s",
                        p->path, p->line[0].number, (long long)split(p, 0, field), wanted);
    p->first = p->count > 1 && there && !is_number(&field[*column], &value);
    return TRN_OK;
}

/* Line `i` into a pair; its words are cut off only now, for the line was looked at again and again.
 */
static trn_status_t read_pair(const parser_t *p, int64_t i, int64_t column, trn_word_pair_t *pair) {
    field_t field[MOST];
    int64_t count = split(p, i, field);
    long long number = p->line[i].number;
    if (count <= column)
        return trn_fail(TRN_INPUT, "%s:%lld: %lld fields; a line must be WORD WORD SCORE%s",
                        p->path, number, (long long)count,
                        column > 2 ? ", or have its columns" : "");
    if (!is_number(&field[column], &pair->score))
        return trn_fail(TRN_INPUT,
                        "%s:%lld: the score '%.*s' is not a number; mend the line, or name the "
                        "column with --score-column",
                        p->path, number,
                        (int)(field[column].length < 40 ? field[column].length : 40),
                        field[column].at);
    for (int w = 0; w < 2; w++) {
        if (field[w].length == 0)
            return trn_fail(TRN_INPUT, "%s:%lld: a word is empty; mend the line", p->path, number);
        field[w].at[field[w].length] = '\0';
        pair->word[w] = field[w].at;
    }
    return TRN_OK;
}

/* The header, if there is one, names the score; all other lines are pairs. */
static trn_status_t parse(parser_t *p, trn_pairs_t *pairs, const char *wanted) {
    field_t field[MOST];
    int64_t column;
    p->separator = choose_separator(p);
    TRN_TRY(place_score(p, wanted, &column));
    if (p->count == p->first) return trn_fail(TRN_INPUT, "%s: holds no word pairs", p->path);
    TRN_TRY(trn_alloc(&pairs->pair, p->count - p->first, sizeof *pairs->pair, "word pairs"));
    pairs->column = column + 1;
    pairs->columns = split(p, p->first, field);
    for (int64_t i = p->first; i < p->count; i++)
        TRN_TRY(read_pair(p, i, column, &pairs->pair[pairs->count++]));
    if (p->first == 0) return TRN_OK;
    split(p, 0, field);
    field[column].at[field[column].length] = '\0';
    pairs->header = field[column].at;
    return TRN_OK;
}

trn_status_t trn_pairs_parse(trn_pairs_t *pairs, const char *path, char *text, const char *column) {
    parser_t p = {.path = path};
    trn_status_t status = find_lines(&p, text);
    if (status == TRN_OK && p.count == 0)
        status = trn_fail(TRN_INPUT, "%s: holds no word pairs", path);
    if (status == TRN_OK) status = parse(&p, pairs, column);
    trn_free(&p.line);
    return status;
}

void trn_pairs_free(trn_pairs_t *pairs) {
    trn_free(&pairs->pair);
    *pairs = (trn_pairs_t){0};
}
