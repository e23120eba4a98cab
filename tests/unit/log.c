/* The log: to whoever listens, or to nobody. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct heard {
    int lines, events;
    char text[2048];
    json_t *fields;
} heard_t;

static void on_line(void *user, trn_log_level_t level, const char *topic, const char *text) {
    heard_t *heard = user;
    heard->lines++;
    snprintf(heard->text, sizeof heard->text, "%d %s: %s", (int)level, topic, text);
}

static void on_event(void *user, const char *name, json_t *fields) {
    heard_t *heard = user;
    heard->events++;
    snprintf(heard->text, sizeof heard->text, "%s", name);
    heard->fields = json_incref(fields);
}

static void test_no_sink(void **state) {
    (void)state;
    trn_log_to(NULL);
    trn_log(TRN_LOG_WARN, "x", "nobody hears %d", 1);
    trn_event("x", "{s:i}", "n", 1);
}

static void test_sink(void **state) {
    (void)state;
    heard_t heard = {0};
    trn_log_to(&(trn_log_sink_t){.line = on_line, .event = on_event, .user = &heard});
    trn_log(TRN_LOG_INFO, "swivel", "epoch %d of %s", 3, "many");
    assert_string_equal(heard.text, "1 swivel: epoch 3 of many");
    trn_event("epoch", "{s:i,s:s}", "epoch", 3, "name", "x");
    assert_string_equal(heard.text, "epoch");
    assert_int_equal(json_integer_value(json_object_get(heard.fields, "epoch")), 3);
    json_decref(heard.fields);
    trn_event("broken", "{s:", "n"); /* a slip in a format must not end the run */
    trn_log_to(NULL);
    trn_log(TRN_LOG_INFO, "swivel", "gone");
    assert_int_equal(heard.lines, 1);
    assert_int_equal(heard.events, 1);
}

static void test_half_sink(void **state) {
    (void)state;
    heard_t heard = {0};
    trn_log_to(&(trn_log_sink_t){.line = on_line, .user = &heard});
    trn_event("x", "{s:i}", "n", 1);
    char longest[3000];
    memset(longest, 'y', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    trn_log(TRN_LOG_WARN, "t", "%s", longest);
    assert_int_equal(strlen(heard.text), strlen("0 t: ") + 1023);
    trn_log_to(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_sink),
        cmocka_unit_test(test_sink),
        cmocka_unit_test(test_half_sink),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
