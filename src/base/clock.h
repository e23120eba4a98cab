/* clock.h: time and memory of this process. All functions Local; none fails. */
#ifndef TRN_BASE_CLOCK_H
#define TRN_BASE_CLOCK_H

#include <stdint.h>

/* Seconds of a clock that never goes back; only differences mean anything. */
double trn_seconds(void);

/* CPU seconds (user + system, all threads) of this process so far. */
double trn_cpu_seconds(void);

/* Peak resident bytes of this process (getrusage). */
int64_t trn_peak_rss(void);

/* Resident bytes now; 0 where the system does not tell. */
int64_t trn_rss(void);

/* The same with memory that n processes share counted as 1/n of it each; 0 where the system does
 * not tell. Cost: a walk over the page tables. */
int64_t trn_pss(void);

/* Start the peak anew from the present amount, where the system allows that. */
void trn_peak_rss_reset(void);

/* UTC time now as "2026-11-23T09:31:47Z" into text[21]. */
void trn_utc(char text[21]);

#endif
