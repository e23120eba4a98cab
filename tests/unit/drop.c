/* kern/train/drop: what is dropped depends on the place alone, as often as asked; the rest is
 * raised. */
#include "kern/train/drop.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 4003 };

static const trn_drop_t at = {
    .seed = 5, .row = 77, .column = 9, .step = 3, .stream = TRN_RNG_KG_DROPOUT};

static int64_t drop(uint32_t limit, int64_t width, float *x, uint8_t *kept) {
    int64_t dropped = 0;
    for (int64_t k = 0; k < width; k++)
        x[k] = 2;
    trn_drop_row(&at, limit, 1.25f, width, x, kept);
    for (int64_t k = 0; k < width; k++) {
        assert_true(x[k] == 0 || x[k] == 2.5f);
        if (kept) assert_int_equal(kept[k], x[k] > 0);
        dropped += x[k] == 0;
    }
    return dropped;
}

static void drops_as_often_as_asked(void **state) {
    (void)state;
    static float x[WIDTH], part[WIDTH];
    static uint8_t kept[WIDTH];
    assert_int_equal(drop(0, WIDTH, x, kept), 0);
    assert_int_equal(drop(65536, WIDTH, x, NULL), WIDTH);
    int64_t fifth = drop(65536 / 5, WIDTH, x, kept);
    assert_true(fabs((double)fifth - WIDTH / 5.0) < 4 * sqrt(WIDTH * 0.16)); /* 4 sigma */
    drop(65536 / 5, 100, part, NULL); /* a shorter row begins alike */
    assert_memory_equal(part, x, 100 * sizeof *x);
}

static void goes_by_its_place(void **state) {
    (void)state;
    static float x[WIDTH], y[WIDTH];
    drop(30000, WIDTH, x, NULL);
    for (int what = 0; what < 4; what++) {
        trn_drop_t other = at;
        *(what == 0 ? &other.seed : what == 1 ? &other.row : &(uint64_t){0}) += 1;
        *(what == 2 ? &other.column : what == 3 ? &other.step : &(uint32_t){0}) += 1;
        for (int k = 0; k < WIDTH; k++)
            y[k] = 2;
        trn_drop_row(&other, 30000, 1.25f, WIDTH, y, NULL);
        assert_int_not_equal(memcmp(x, y, sizeof x), 0);
        if (what == 2) assert_memory_equal(y, x + 8, (WIDTH - 8) / 8 * 8 * sizeof *x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(drops_as_often_as_asked),
                                       cmocka_unit_test(goes_by_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
