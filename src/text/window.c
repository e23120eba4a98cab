/* window.c: the choice of the unit. Counts are summed in int64, in which addition is exact and does
 * not care for its order; so parts of a corpus can be counted anywhere and added in any order. */
#include "text/window.h"

/* lcm(1..size), or 0 from 2^53 on. With it as the unit every weight 1/o is a whole number of units,
 * so that sums are exact and their order does not matter. It passes 2^53 at size 41. */
static int64_t lcm_up_to(int64_t size) {
    int64_t lcm = 1;
    for (int64_t o = 2; o <= size; o++) {
        int64_t a = lcm, b = o;
        while (b) {
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (lcm >= (INT64_C(1) << 53) / (o / a)) return 0;
        lcm *= o / a;
    }
    return lcm;
}

/* Without an exact unit a weight is the nearest whole number of units: off by half a unit, 2^-33 of
 * a count, and the same for every pair at that distance. */
static void set_unit(trn_window_t *window, int64_t unit) {
    const trn_window_options_t *options = &window->options;
    window->unit = unit;
    window->weight[0] = options->diagonal ? unit : 0;
    for (int64_t o = 1; o <= options->size; o++)
        window->weight[o] = options->harmonic ? (unit + o / 2) / o : unit;
}

/* A bound of any row's, column's or cell's sum. */
static double bound(const trn_window_t *window, int64_t most) {
    double occurrence = (double)window->weight[0];
    for (int64_t o = 1; o <= window->options.size; o++)
        occurrence += 2.0 * (double)window->weight[o];
    return occurrence * (double)most;
}

trn_status_t trn_window_init(trn_window_t *window, const trn_window_options_t *options,
                             int64_t most) {
    if (options->size < 1 || options->size > TRN_WINDOW_MAX)
        return trn_fail(TRN_USAGE, "window: %lld is not within 1 .. %d", (long long)options->size,
                        TRN_WINDOW_MAX);
    window->options = *options;
    int64_t unit = options->harmonic ? lcm_up_to(options->size) : 1;
    if (unit) set_unit(window, unit);
    if (unit && bound(window, most) < 0x1p53) return TRN_OK;
    unit = INT64_C(1) << 32; /* a power of two: scaling by it rounds nothing */
    do {
        set_unit(window, unit);
        unit /= 2;
    } while (bound(window, most) >= 0x1p62);
    return TRN_OK;
}

/* Below 2^53 units both conversions are exact, and the quotient is one rounding of the true count.
 */
double trn_window_value(const trn_window_t *window, int64_t units) {
    return (double)units / (double)window->unit;
}
