/* log.h: the library tells, the program prints.
 *
 * Lines and events go to a sink that the program installs; without one they vanish. */
#ifndef TRN_BASE_LOG_H
#define TRN_BASE_LOG_H

#include <jansson.h>

typedef enum trn_log_level {
    TRN_LOG_WARN,     /* the run goes on, but the user should look */
    TRN_LOG_INFO,     /* what was chosen, what was done */
    TRN_LOG_PROGRESS, /* may be dropped or overwritten by the next one of its topic */
    TRN_LOG_DEBUG
} trn_log_level_t;

/* Where lines and events go. Either function may be NULL. Called on the thread that logs. */
typedef struct trn_log_sink {
    void (*line)(void *user, trn_log_level_t level, const char *topic, const char *text);
    void (*event)(void *user, const char *name, json_t *fields); /* borrows `fields` */
    void *user;
} trn_log_sink_t;

/* Install the sink (NULL: none). Local; not thread-safe: call it before any work starts. */
void trn_log_to(const trn_log_sink_t *sink);

/* Log one line, without newline, under a topic such as "swivel". Local. */
void trn_log(trn_log_level_t level, const char *topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Log one structured event; `format` and what follows are jansson's json_pack for an object,
 * e.g. trn_event("epoch", "{s:i,s:f}", "epoch", 3, "loss", 0.5). Local. */
void trn_event(const char *name, const char *format, ...);

#endif
