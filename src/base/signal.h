/* signal.h: the wish to stop, as a flag that algorithms vote on at their phase borders. */
#ifndef TRN_BASE_SIGNAL_H
#define TRN_BASE_SIGNAL_H

/* Install handlers: USR1, TERM and INT ask for a stop (a second TERM or INT ends the process);
 * XFSZ and PIPE are ignored, so that a write fails with an errno instead. For programs; the
 * library itself never installs one. Local. */
void trn_signal_install(void);

/* 0, or the number of the signal that asked this process to stop. Local. */
int trn_signal_stop(void);

/* Ask for a stop as a signal would (time limits, tests); 0 takes the wish back. Local. */
void trn_signal_set_stop(int number);

#endif
