/* signal.h: the wish to stop, as a flag that algorithms vote on at their phase borders. */
#ifndef TRN_BASE_SIGNAL_H
#define TRN_BASE_SIGNAL_H

#include <stdbool.h>

/* Install handlers. With `saves`, USR1, TERM and INT ask for a stop, and a second TERM or INT (not
 * the same one passed on twice within half a second) ends the process. Without, there is nothing to
 * save: TERM and INT end the process at once, USR1 is ignored. Before such an end guarded files are
 * removed. XFSZ and PIPE are ignored, so that a write fails with an errno instead. For programs;
 * the library itself never installs one. Local. */
void trn_signal_install(bool saves);

/* From now on there is nothing to save, as without `saves`: a TERM or INT that came before ends the
 * process now. Local. */
void trn_signal_saves_nothing(void);

/* 0, or the number of the signal that asked this process to stop. Local. */
int trn_signal_stop(void);

/* Ask for a stop as a signal would (tests); 0 takes the wish back. Local. */
void trn_signal_set_stop(int number);

/* Have `path` (borrowed) removed if a signal ends the process: a file not yet whole. It is removed
 * only as long as it is the file open as `fd`, which may be closed by then; with `fd` -1, only if
 * it is a regular file of this user. Release takes the same pointer; one that is not guarded is
 * fine. Local; any thread. Cost: a look at 8 slots; when all are taken the file is left unguarded.
 */
void trn_signal_guard(const char *path, int fd);
void trn_signal_release(const char *path);

#endif
