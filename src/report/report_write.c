/* report_write.c: the page: one pass over the runs for each of its tables and charts. */
#define _POSIX_C_SOURCE 200809L
#include "report/report.h"

#include "base/mem.h"
#include "report/chart.h"
#include "report/groups.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 64 };

static const char style[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Trunnion "
    "report</title>\n"
    "<style>\nbody{font:15px/1.45 system-ui,sans-serif;max-width:76em;margin:2em auto;padding:0 "
    "1em;"
    "color:#222;background:#fff}\nh2{margin-top:2em}table{border-collapse:collapse;font-size:13px}"
    "\n"
    "td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}\n"
    "td:first-child,th:first-child,td.text{text-align:left}.wide{overflow-x:auto}\n"
    "code{font-size:12px}svg{width:100%;max-width:60em;margin:1em 0}svg text{font-size:12px;"
    "fill:currentColor}\n.head text{font-weight:600;font-size:14px}.grid{stroke:#8884;fill:none}"
    ".line{fill:none;stroke-width:1.8}\n@media(prefers-color-scheme:dark){body{color:#ddd;"
    "background:#181818}td,th{border-color:#444}}\n</style></head><body>\n<h1>Trunnion "
    "report</h1>\n";

/* What a run said of itself at its start, and at its end; NULL if it did not. */
static const json_t *manifest(const json_t *run, const char *key) {
    return json_object_get(json_object_get(run, "manifest"), key);
}

static const json_t *summary(const json_t *run, const char *key) {
    return json_object_get(json_object_get(run, "summary"), key);
}

static const char *verb_of(const json_t *run) {
    const char *verb = json_string_value(manifest(run, "verb"));
    return verb ? verb : "?";
}

static int64_t ranks_of(const json_t *run) {
    return json_integer_value(manifest(run, "ranks"));
}

/* As runs are called in charts: number in the log and ranks. */
static void name_run(const json_t *run, char name[NAME]) {
    int64_t ranks = ranks_of(run);
    snprintf(name, NAME, "#%lld, %lld rank%s",
             (long long)json_integer_value(json_object_get(run, "number")), (long long)ranks,
             ranks == 1 ? "" : "s");
}

/* Tables --------------------------------------------------------------------------------------- */

/* Text to the left and escaped, numbers to the right with four digits. */
static void cell(FILE *to, const json_t *value) {
    bool text = json_is_string(value);
    fputs(text ? "<td class=\"text\">" : "<td>", to);
    if (text)
        trn_html_text(to, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_number(value))
        fprintf(to, "%.4g", json_number_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", to);
    fputs("</td>", to);
}

/* The program by its name alone: the path says nothing about the run. */
static void command_line(FILE *to, const json_t *argv) {
    size_t i;
    const json_t *word;
    fputs("<td class=\"text\"><code>", to);
    json_array_foreach(argv, i, word) {
        const char *text = json_string_value(word),
                   *slash = text && i == 0 ? strrchr(text, '/') : NULL;
        if (i > 0) fputc(' ', to);
        trn_html_text(to, slash ? slash + 1 : text);
    }
    fputs("</code></td>", to);
}

/* Machine and libraries are those of the first run; then a line a run. A run that was killed has no
 * summary. */
static void list_runs(FILE *to, const json_t *runs) {
    size_t i;
    const json_t *run, *first = json_array_get(runs, 0);
    fputs("<p>", to);
    trn_html_text(to, json_string_value(manifest(first, "cpu")));
    fputs(", ", to);
    trn_html_text(to, json_string_value(json_object_get(manifest(first, "libraries"), "mpi")));
    fputs(", ", to);
    trn_html_text(to, json_string_value(json_object_get(manifest(first, "libraries"), "blas")));
    fputs("</p>\n<div "
          "class=\"wide\"><table><tr><th>run</th><th>verb</th><th>ranks</th><th>threads</th>"
          "<th>began</th><th>seconds</th><th>CPU s</th><th>peak MB</th><th>came "
          "to</th><th>command</th>"
          "</tr>\n",
          to);
    json_array_foreach(runs, i, run) {
        fputs("<tr>", to);
        cell(to, json_object_get(run, "number"));
        cell(to, manifest(run, "verb"));
        cell(to, manifest(run, "ranks"));
        cell(to, manifest(run, "threads"));
        cell(to, manifest(run, "time"));
        cell(to, summary(run, "total_seconds"));
        cell(to, summary(run, "cpu_seconds"));
        fprintf(to, "<td>%.0f</td>", 1e-6 * json_number_value(summary(run, "peak_resident")));
        if (json_object_get(run, "summary"))
            cell(to, summary(run, "status"));
        else
            fputs("<td class=\"text\">no end</td>", to);
        command_line(to, manifest(run, "argv"));
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

/* Columns are the keys of the first case, which all cases of a benchmark have. */
static void list_cases(FILE *to, const json_t *run, const json_t *cases) {
    size_t i;
    const char *key;
    json_t *row, *value;
    char name[NAME];
    name_run(run, name);
    fprintf(to, "<h3>%s: ", name);
    trn_html_text(to, verb_of(run));
    fputs("</h3>\n<div class=\"wide\"><table><tr>", to);
    json_object_foreach(json_array_get(cases, 0), key, value) {
        fputs("<th>", to);
        trn_html_text(to, key);
        fputs("</th>", to);
    }
    fputs("</tr>\n", to);
    json_array_foreach(cases, i, row) {
        fputs("<tr>", to);
        json_object_foreach(row, key, value) {
            cell(to, value);
        }
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

static void list_benchmarks(FILE *to, const json_t *runs) {
    size_t i;
    const json_t *run;
    bool head = false;
    json_array_foreach(runs, i, run) {
        const json_t *cases = json_object_get(summary(run, "result"), "cases");
        if (json_array_size(cases) == 0) continue;
        if (!head) fputs("<h2>Benchmarks</h2>\n", to);
        head = true;
        list_cases(to, run, cases);
    }
}

/* Curves --------------------------------------------------------------------------------------- */

/* Lines of one chart; points of all lie one after the other in x and y. */
typedef struct lines {
    trn_series_t *series;
    char (*name)[NAME];
    double *x, *y;
    int64_t count, points;
} lines_t;

/* Room for so many lines with so many points in all; pointers into x and y stay valid because
 * nothing grows. */
static trn_status_t lines_create(lines_t *l, int64_t series, int64_t points) {
    *l = (lines_t){0};
    TRN_TRY(trn_alloc(&l->series, series, sizeof *l->series, "a chart"));
    TRN_TRY(trn_alloc(&l->name, series, sizeof *l->name, "a chart"));
    TRN_TRY(trn_alloc(&l->x, points, sizeof *l->x, "a chart"));
    return trn_alloc(&l->y, points, sizeof *l->y, "a chart");
}

static void lines_free(lines_t *l) {
    trn_free(&l->series);
    trn_free(&l->name);
    trn_free(&l->x);
    trn_free(&l->y);
}

static void add_point(lines_t *l, double x, double y) {
    l->x[l->points] = x;
    l->y[l->points++] = y;
    l->series[l->count].count++;
}

/* Begin the next line; close_line keeps it. */
static char *open_line(lines_t *l) {
    l->series[l->count] =
        (trn_series_t){.name = l->name[l->count], .x = l->x + l->points, .y = l->y + l->points};
    return l->name[l->count];
}

static void close_line(lines_t *l) {
    l->count++;
}

/* One chart of a list over epochs, for all runs (of one verb) that have two of its points. */
static trn_status_t curve(FILE *to, const trn_report_t *report, const json_t *runs,
                          trn_report_list_t list) {
    static const char *const names[TRN_REPORT_LISTS] = {"loss", "mrr"};
    size_t i;
    const json_t *run;
    char title[2 * NAME];
    lines_t l;
    trn_status_t status = lines_create(&l, (int64_t)json_array_size(runs), 0);
    json_array_foreach(runs, i, run) {
        int64_t number = json_integer_value(json_object_get(run, "number")) - 1;
        const trn_report_curve_t *c = &report->curves[TRN_REPORT_LISTS * number + list];
        if (status != TRN_OK || c->count < 2) continue;
        name_run(run, l.name[l.count]);
        l.series[l.count] = (trn_series_t){l.name[l.count], c->count, c->epoch, c->value};
        close_line(&l);
    }
    snprintf(title, sizeof title, "%.40s: %s%s", verb_of(json_array_get(runs, 0)),
             list == TRN_REPORT_MRR ? "valid " : "", names[list]);
    if (status == TRN_OK) trn_chart_lines(to, title, "epoch", names[list], l.count, l.series);
    lines_free(&l);
    return status;
}

/* trn_groups frees the key, so strdup. */
static trn_status_t key_of_verb(const json_t *run, char **key) {
    *key = strdup(verb_of(run));
    return *key ? TRN_OK : trn_fail(TRN_MEMORY, "no memory for a verb's name");
}

/* Curves of one verb share a chart: what other verbs call loss is another thing. */
static trn_status_t curves(FILE *to, const trn_report_t *report) {
    size_t i;
    json_t *groups;
    const json_t *same;
    fputs("<h2>Learning</h2>\n", to);
    TRN_TRY(trn_groups(report->runs, key_of_verb, &groups));
    trn_status_t status = TRN_OK;
    json_array_foreach(groups, i, same) {
        for (int list = 0; list < TRN_REPORT_LISTS && status == TRN_OK; list++)
            status = curve(to, report, same, (trn_report_list_t)list);
    }
    json_decref(groups);
    return status;
}

/* Scaling -------------------------------------------------------------------------------------- */

/* What a run took: training alone where its result says so. */
static double seconds_of(const json_t *run) {
    const json_t *own = json_object_get(summary(run, "result"), "seconds");
    return json_number_value(own ? own : summary(run, "total_seconds"));
}

/* Only those can be compared by time. */
static bool finished(const json_t *run) {
    return json_integer_value(summary(run, "exit")) == 0 && seconds_of(run) > 0;
}

/* Runs are alike if all is the same but the number of ranks and what says where results go. */
static trn_status_t key_of_kind(const json_t *run, char **key) {
    static const char *const free_keys[] = {"output",     "log-json", "trace",      "json",
                                            "progress",   "quiet",    "config",     "checkpoint",
                                            "time-limit", "resume",   "save-behind"};
    *key = NULL;
    if (!finished(run)) return TRN_OK;
    json_t *rest = json_copy((json_t *)manifest(run, "parameters"));
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        json_object_del(rest, free_keys[i]);
    json_t *kind = json_pack("[s, O?, o?]", verb_of(run), manifest(run, "threads"), rest);
    if (kind) *key = json_dumps(kind, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(kind);
    return *key ? TRN_OK : trn_fail(TRN_MEMORY, "no memory to compare runs");
}

static int by_ranks(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int64_t left = ranks_of(x), right = ranks_of(y);
    if (left == right) { /* in the order of the log */
        left = json_integer_value(json_object_get(x, "number"));
        right = json_integer_value(json_object_get(y, "number"));
    }
    return (left > right) - (left < right);
}

/* The speed-up of runs that are alike, over the first of them with the fewest ranks; none if all
 * have as many. `sorted` has room for them. */
static void speed_up(lines_t *l, const json_t *runs, const json_t **sorted) {
    size_t i, count = json_array_size(runs);
    char name[NAME];
    for (i = 0; i < count; i++)
        sorted[i] = json_array_get(runs, i);
    qsort(sorted, count, sizeof *sorted, by_ranks);
    const json_t *base = json_array_get(runs, 0), *fewest = sorted[0];
    if (ranks_of(sorted[count - 1]) == ranks_of(fewest)) return;
    name_run(base, name);
    snprintf(open_line(l), NAME, "%.28s as %.28s", verb_of(base), name);
    for (i = 0; i < count; i++)
        add_point(l, (double)ranks_of(sorted[i]),
                  seconds_of(fewest) * (double)ranks_of(fewest) / seconds_of(sorted[i]));
    close_line(l);
}

/* The line of what would be fair: as many times faster as there are more ranks. */
static void add_ideal(lines_t *l) {
    double least = INFINITY, most = 0;
    for (int64_t i = 0; i < l->points; i++) {
        least = fmin(least, l->x[i]);
        most = fmax(most, l->x[i]);
    }
    strcpy(open_line(l), "ideal");
    add_point(l, least, least);
    add_point(l, most, most);
    close_line(l);
}

/* At most one line for each run and the ideal one, which has two points. */
static trn_status_t scaling(FILE *to, const json_t *runs) {
    int64_t count = (int64_t)json_array_size(runs);
    size_t i;
    lines_t l;
    json_t *kinds = NULL;
    const json_t *same, **sorted = NULL;
    trn_status_t status = lines_create(&l, count + 1, count + 2);
    if (status == TRN_OK) status = trn_alloc(&sorted, count, sizeof *sorted, "a chart");
    if (status == TRN_OK) status = trn_groups(runs, key_of_kind, &kinds);
    json_array_foreach(kinds, i, same) {
        speed_up(&l, same, sorted);
    }
    if (l.count > 0) {
        add_ideal(&l);
        fputs("<h2>Scaling</h2>\n", to);
        trn_chart_lines(to, "Speed-up of runs alike but for the number of ranks", "ranks",
                        "speed-up", l.count, l.series);
    }
    json_decref(kinds);
    trn_free(&sorted);
    lines_free(&l);
    return status;
}

/* Phases --------------------------------------------------------------------------------------- */

/* Bars of mean seconds over ranks, split into inside of MPI and the rest. */
static void phases(FILE *to, const json_t *run) {
    enum { MOST = 64, PARTS = 2 };
    static const char *const names[PARTS] = {"inside MPI", "else"};
    double part[MOST][PARTS];
    trn_bar_t bar[MOST];
    int64_t count = 0;
    size_t i;
    const json_t *phase;
    char name[NAME], title[3 * NAME];
    json_array_foreach(summary(run, "phases"), i, phase) {
        const char *text = json_string_value(json_object_get(phase, "phase"));
        double all = json_number_value(json_object_get(phase, "seconds_mean"));
        double inside = json_number_value(json_object_get(phase, "mpi_seconds_mean"));
        if (!text || count == MOST || (strcmp(text, "(none)") != 0 && all <= 0)) continue;
        part[count][0] = inside;
        part[count][1] = all > inside ? all - inside : 0;
        bar[count] = (trn_bar_t){strcmp(text, "(none)") == 0 ? "whole run" : text, part[count]};
        count++;
    }
    if (count < 2) return;
    name_run(run, name);
    snprintf(title, sizeof title, "%s: %.60s", name, verb_of(run));
    trn_chart_bars(to, title, "seconds, mean of ranks; a phase holds those within it", PARTS, names,
                   count, bar);
}

trn_status_t trn_report_write(FILE *to, const trn_report_t *report) {
    const json_t *runs = report->runs;
    size_t i;
    const json_t *run;
    fputs(style, to);
    list_runs(to, runs);
    TRN_TRY(curves(to, report));
    TRN_TRY(scaling(to, runs));
    fputs("<h2>Phases</h2>\n", to);
    json_array_foreach(runs, i, run) {
        phases(to, run);
    }
    list_benchmarks(to, runs);
    fputs("</body></html>\n", to);
    return TRN_OK;
}
