/* early.h: what must be seen to before the libraries that the program is linked with start up. */
#ifndef TRN_CLI_EARLY_H
#define TRN_CLI_EARLY_H

/* Undo for the program what was only meant for the start of libraries. Local; first thing in main.
 */
void trn_early_done(void);

#endif
