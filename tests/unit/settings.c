/* algo/common/settings: settings to text and back, and what is told of differences. */
#include "algo/common/settings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct values {
    int64_t dim;
    uint64_t seed, digest;
    double rate, dropout[2];
    float margin;
    bool own;
    enum { FIRST, SECOND } loss;
    char norm;
    const char *model, *start;
    double late;
} values_t;

#define AT(field) offsetof(values_t, field)
static const trn_setting_t table[] = {
    {"model", "--model", TRN_SETTING_TEXT, AT(model), NULL, NULL},
    {"dim", "--dim", TRN_SETTING_INT, AT(dim), NULL, NULL},
    {"norm", "--norm", TRN_SETTING_LETTER, AT(norm), NULL, NULL},
    {"seed", "--seed", TRN_SETTING_SEED, AT(seed), NULL, NULL},
    {"digest", "the hashes", TRN_SETTING_HASH, AT(digest), NULL, NULL},
    {"rate", "--learning-rate", TRN_SETTING_REAL, AT(rate), NULL, NULL},
    {"dropout", "--a-dropout,--b-dropout", TRN_SETTING_PAIR, AT(dropout), NULL, NULL},
    {"margin", "--margin", TRN_SETTING_FLOAT, AT(margin), NULL, NULL},
    {"loss", "--loss", TRN_SETTING_CHOICE, AT(loss), "softmax|bce", NULL},
    {"own", "--self-negative", TRN_SETTING_FLAG, AT(own), NULL, "0"},
    {"late", "--late", TRN_SETTING_REAL, AT(late), NULL, "0"},
    {"start", "--start-from", TRN_SETTING_REST, AT(start), NULL, NULL},
    {0}};

static const values_t before = {.dim = 200,
                                .seed = UINT64_MAX,
                                .digest = 0xabc,
                                .rate = 0.1,
                                .dropout = {0, 0.25},
                                .margin = 0.3f,
                                .norm = '2',
                                .model = "complex"};
static const char text_before[] =
    "model=complex dim=200 norm=2 seed=18446744073709551615 digest=0000000000000abc "
    "rate=0.10000000000000001 dropout=0,0.25 margin=0.300000012 loss=0 start=";

static void writes(void **state) {
    (void)state;
    char text[400];
    values_t v = before;
    assert_int_equal(trn_settings_text(table, &v, text, sizeof text), TRN_OK);
    assert_string_equal(text, text_before);
    v.own = true;
    v.start = "my dim=7 file";
    assert_int_equal(trn_settings_text(table, &v, text, sizeof text), TRN_OK);
    assert_string_equal(strstr(text, " loss"), " loss=0 own=1 start=my dim=7 file");
    assert_int_equal(trn_settings_check(table, &v, "c.h5", text), TRN_OK);
    assert_int_equal(trn_settings_text(table, &v, text, 40), TRN_INTERNAL);
}

static const char *difference(const values_t *v, const char *text) {
    return trn_settings_check(table, v, "c.h5", text) == TRN_USAGE ? trn_message() : "same";
}

static void names_what_differs(void **state) {
    (void)state;
    values_t v = before;
    assert_string_equal(difference(&v, text_before), "same");
    v.rate = 0.25;
    v.loss = SECOND;
    v.late = 3;
    assert_string_equal(difference(&v, text_before),
                        "c.h5: the checkpoint was made with other settings: --learning-rate 0.1, "
                        "now 0.25; --loss softmax, now bce; --late 0, now 3; give the same ones, "
                        "or --resume never");
    v = before;
    v.rate = nextafter(0.1, 1);
    assert_non_null(strstr(difference(&v, text_before),
                           "--learning-rate 0.10000000000000001, now 0.10000000000000002;"));
    v = before;
    v.start = "a b";
    assert_non_null(strstr(difference(&v, text_before), ": --start-from none, now a b;"));
}

/* Texts of former programs: bare words, keys that lack, keys that came later. */
static void reads_old_texts(void **state) {
    (void)state;
    values_t v = before;
    v.own = true;
    assert_string_equal(difference(&v, "model=complex dim=200 own start="), "same");
    assert_string_equal(difference(&before, "model=complex dim=200 late=0 own=0 start="), "same");
    assert_non_null(strstr(difference(&before, "dim=200 own"), "--self-negative 1, now 0"));
    assert_non_null(
        strstr(difference(&before, "dim=200 newer=3 x"),
               "settings: newer, which this program does not know; x, which this program"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes),
                                       cmocka_unit_test(names_what_differs),
                                       cmocka_unit_test(reads_old_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
