/* chart.h: small charts as SVG in a page of HTML that needs no other file. All functions Local;
 * what goes wrong shows in the stream's error flag. */
#ifndef TRN_REPORT_CHART_H
#define TRN_REPORT_CHART_H

#include <stdint.h>
#include <stdio.h>

/* A line: y[count] over x[count], both borrowed; what is not finite is left out. */
typedef struct trn_series {
    const char *name;
    int64_t count;
    const double *x, *y;
} trn_series_t;

/* A bar of stacked parts, each 0 or more. */
typedef struct trn_bar {
    const char *name;
    const double *part;
} trn_bar_t;

/* Text with what HTML would take for its own escaped; "" for NULL. Local. */
void trn_html_text(FILE *to, const char *text);

/* `count` lines with points, axes from round number to round number, and a legend. Local. */
void trn_chart_lines(FILE *to, const char *title, const char *x_name, const char *y_name,
                     int64_t count, const trn_series_t *series);

/* `count` bars, each of `parts` stacked parts of one unit, and a legend. Local. */
void trn_chart_bars(FILE *to, const char *title, const char *unit, int64_t parts,
                    const char *const *part_names, int64_t count, const trn_bar_t *bars);

#endif
