/* log.c: log lines and events go to the sink that was set; to nobody before that. The library
 * itself never prints. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static trn_log_sink_t sink;

void trn_log_to(const trn_log_sink_t *to) {
    sink = to ? *to : (trn_log_sink_t){0};
}

/* Lines are cut at a fixed length, so that logging needs no memory. */
void trn_log(trn_log_level_t level, const char *topic, const char *format, ...) {
    if (!sink.line) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sink.line(sink.user, level, topic, text);
}

/* The format is jansson's; fields are packed only if there is a sink. */
void trn_event(const char *name, const char *format, ...) {
    if (!sink.event) return;
    va_list arguments;
    va_start(arguments, format);
    json_t *fields = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    if (!fields) return; /* out of memory: an event is not worth failing a run for */
    sink.event(sink.user, name, fields);
    json_decref(fields);
}
