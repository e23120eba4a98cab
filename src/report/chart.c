/* chart.c: lines and bars as SVG, in one pass over what they show. */
#include "report/chart.h"

#include <math.h>
#include <stdbool.h>

/* Places of an SVG, in its units. */
enum {
    WIDTH = 760,
    LEFT = 70,
    RIGHT = 560, /* the legend stands behind */
    TOP = 34,
    BOTTOM = 270,
    HEIGHT = 316,
    TICKS = 5,
    BAR = 22,       /* height of one */
    BAR_LEFT = 190, /* names stand before */
    LEGEND_ROW = 18
};

/* Okabe and Ito's eight colors, which the color-blind tell apart too. */
static const char *color(int64_t i) {
    static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                         "#e69f00", "#56b4e9", "#999999", "#b8a600"};
    return colors[i % 8];
}

void trn_html_text(FILE *to, const char *text) {
    for (const char *c = text ? text : ""; *c; c++) {
        const char *as = *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : NULL;
        if (as || *c == '"')
            fputs(as ? as : "&quot;", to);
        else
            fputc(*c, to);
    }
}

/* Escaped: names come from files. */
static void label(FILE *to, double x, double y, const char *anchor, const char *text) {
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    trn_html_text(to, text);
    fputs("</text>\n", to);
}

/* Four digits are enough to read off an axis. */
static void number(FILE *to, double x, double y, const char *anchor, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    label(to, x, y, anchor, text);
}

/* The i-th square with its color, and what it stands for. */
static void legend(FILE *to, int64_t i, double x, double y, const char *name) {
    fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"%s\"/>\n", x,
            y + LEGEND_ROW * (double)i - 9, color(i));
    label(to, x + 15, y + LEGEND_ROW * (double)i, "start", name);
}

/* As wide as the page allows; the title is also what a pointer shows. */
static void open_svg(FILE *to, double height, const char *title) {
    fprintf(to, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>", WIDTH, height);
    trn_html_text(to, title);
    fputs("</title>\n<g class=\"head\">", to);
    label(to, LEFT, 18, "start", title);
    fputs("</g>\n", to);
}

/* An axis: values [low, high] in steps, all of them multiples of 1, 2 or 5 times a power of ten. */
typedef struct axis {
    double low, high, step;
} axis_t;

/* About TICKS steps; low and high go out to whole steps. The small numbers keep rounding from
 * adding one. */
static axis_t axis_of(double low, double high) {
    if (!(high > low)) high = low + (low != 0 ? fabs(low) : 1);
    double rough = (high - low) / TICKS, power = pow(10, floor(log10(rough)));
    double step = rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10;
    step *= power;
    if (step < 1 && low == floor(low) && high == floor(high)) step = 1; /* these are counts */
    return (axis_t){step * floor(low / step + 1e-9), step * ceil(high / step - 1e-9), step};
}

/* From a value to a place on the page. */
static double place(axis_t a, double value, double from, double to) {
    return from + (value - a.low) / (a.high - a.low) * (to - from);
}

static void draw_axes(FILE *to, axis_t x, axis_t y, const char *x_name, const char *y_name) {
    for (int64_t i = 0; i <= llround((y.high - y.low) / y.step); i++) {
        double value = y.low + (double)i * y.step, at = place(y, value, BOTTOM, TOP);
        fprintf(to, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, at, RIGHT);
        number(to, LEFT - 6, at + 4, "end", value);
    }
    for (int64_t i = 0; i <= llround((x.high - x.low) / x.step); i++) {
        double value = x.low + (double)i * x.step;
        number(to, place(x, value, LEFT, RIGHT), BOTTOM + 18, "middle", value);
    }
    label(to, (LEFT + RIGHT) / 2.0, BOTTOM + 38, "middle", x_name);
    label(to, 4, TOP - 4, "start", y_name);
}

/* A gap where numbers are not finite. Points are marked as long as they can be told apart. */
static void draw_line(FILE *to, axis_t x, axis_t y, const trn_series_t *s, int64_t i) {
    bool pen = false;
    fprintf(to, "<path class=\"line\" stroke=\"%s\" d=\"", color(i));
    for (int64_t k = 0; k < s->count; k++) {
        bool good = isfinite(s->x[k]) && isfinite(s->y[k]);
        if (good)
            fprintf(to, "%c%.1f %.1f", pen ? 'L' : 'M', place(x, s->x[k], LEFT, RIGHT),
                    place(y, s->y[k], BOTTOM, TOP));
        pen = good;
    }
    fputs("\"/>\n", to);
    for (int64_t k = 0; k < s->count && s->count <= 60; k++)
        if (isfinite(s->x[k]) && isfinite(s->y[k]))
            fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n",
                    place(x, s->x[k], LEFT, RIGHT), place(y, s->y[k], BOTTOM, TOP), color(i));
    legend(to, i, RIGHT + 14, TOP + 8, s->name);
}

/* Two passes: the range of what is finite, then the lines. */
void trn_chart_lines(FILE *to, const char *title, const char *x_name, const char *y_name,
                     int64_t count, const trn_series_t *series) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < series[i].count; k++) {
            double at[2] = {series[i].x[k], series[i].y[k]};
            for (int side = 0; side < 2 && isfinite(at[0]) && isfinite(at[1]); side++) {
                low[side] = fmin(low[side], at[side]);
                high[side] = fmax(high[side], at[side]);
            }
        }
    if (!(low[0] <= high[0])) return; /* nothing to show */
    axis_t x = axis_of(low[0], high[0]), y = axis_of(low[1], high[1]);
    double rows = TOP + 8 + LEGEND_ROW * (double)count;
    open_svg(to, rows > HEIGHT ? rows : HEIGHT, title);
    draw_axes(to, x, y, x_name, y_name);
    for (int64_t i = 0; i < count; i++)
        draw_line(to, x, y, &series[i], i);
    fputs("</svg>\n", to);
}

/* Parts lie behind each other; the longest bar sets the scale. */
void trn_chart_bars(FILE *to, const char *title, const char *unit, int64_t parts,
                    const char *const *part_names, int64_t count, const trn_bar_t *bars) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t p = 0; p < parts; p++)
            sum += bars[i].part[p];
        most = fmax(most, sum);
    }
    axis_t x = axis_of(0, most);
    double bottom = TOP + BAR * (double)count + 4, rows = TOP + 8 + LEGEND_ROW * (double)parts;
    open_svg(to, fmax(bottom + 46, rows), title);
    for (int64_t i = 0; i < count; i++) {
        double at = 0, y = TOP + BAR * (double)i;
        label(to, BAR_LEFT - 8, y + 15, "end", bars[i].name);
        for (int64_t p = 0; p < parts; p++) {
            fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
                    place(x, at, BAR_LEFT, RIGHT), y + 3,
                    place(x, bars[i].part[p], 0, RIGHT - BAR_LEFT), BAR - 6, color(p));
            at += bars[i].part[p];
        }
    }
    for (int64_t i = 0; i <= llround((x.high - x.low) / x.step); i++)
        number(to, place(x, (double)i * x.step, BAR_LEFT, RIGHT), bottom + 16, "middle",
               (double)i * x.step);
    label(to, (BAR_LEFT + RIGHT) / 2.0, bottom + 36, "middle", unit);
    for (int64_t p = 0; p < parts; p++)
        legend(to, p, RIGHT + 14, TOP + 8, part_names[p]);
    fputs("</svg>\n", to);
}
