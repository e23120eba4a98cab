/* schedule.c: when a long job must save, and when it must stop to be done before its time limit. It
 * knows how long a step and a save have taken at most, and stops when the next step and save might
 * not fit. */
#include "base/schedule.h"

#include "base/clock.h"
#include "base/signal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double margin = 10; /* seconds: to end the job and have it queued again */

/* Slurm says the end in seconds since 1970; our clock runs from elsewhere, so what counts is what
 * is left. */
trn_status_t trn_time_limit(const char *text, double *limit) {
    char *end;
    *limit = 0;
    if (strcmp(text, "none") == 0) return TRN_OK;
    if (strcmp(text, "auto") == 0) {
        const char *slurm = getenv("SLURM_JOB_END_TIME");
        long long at = slurm ? strtoll(slurm, &end, 10) : 0;
        if (at > 0 && *end == '\0') *limit = trn_seconds() + difftime((time_t)at, time(NULL));
        return TRN_OK;
    }
    double minutes = strtod(text, &end);
    if (end == text || *end != '\0' || !(minutes > 0) || !isfinite(minutes))
        return trn_fail(TRN_USAGE,
                        "--time-limit: '%s' is no number of minutes; give one above 0, "
                        "auto or none",
                        text);
    *limit = trn_seconds() + 60 * minutes;
    return TRN_OK;
}

/* Until a save has been timed, a twentieth of the job's time is set aside for one. */
void trn_schedule_start(trn_schedule_t *s, double save_minutes, double limit) {
    double now = trn_seconds();
    *s = (trn_schedule_t){.every = 60 * save_minutes, .limit = limit, .saved = now, .asked = now};
    if (limit > now) s->untried = (limit - now) / 20;
}

/* Twice the longest save and step seen: the next may be slower. */
bool trn_schedule_stop(trn_schedule_t *s) {
    if (trn_signal_stop()) return true;
    if (s->limit == 0) return false;
    double now = trn_seconds(), step = now - s->asked;
    if (step > s->longest_step) s->longest_step = step;
    s->asked = now;
    double saving = s->longest_save > 0 ? 2 * s->longest_save : s->untried;
    return s->limit - now < saving + 2 * s->longest_step + margin;
}

bool trn_schedule_save(const trn_schedule_t *s) {
    return s->every > 0 && trn_seconds() - s->saved >= s->every;
}

/* A save is no step: the clock of steps starts anew after it. */
void trn_schedule_saved(trn_schedule_t *s, double began) {
    s->saved = s->asked = trn_seconds();
    if (s->saved - began > s->longest_save) s->longest_save = s->saved - began;
}
