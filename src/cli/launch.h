/* launch.h: one verb from its command line to its exit code. */
#ifndef TRN_CLI_LAUNCH_H
#define TRN_CLI_LAUNCH_H

#include "cli/command.h"

/* Run `verb` with arguments argv[skip..argc), argv[0] being the program. A process that is alone
 * ends here without MPI if the command line is wrong; else MPI is started, the verb run, its result
 * printed by rank 0 on stdout, its failure by rank 0 on stderr, and MPI ended. Returns the exit
 * code, equal on all ranks. Collective, equal arguments, although MPI starts inside. */
trn_status_t trn_launch(const trn_command_t *verb, int argc, char **argv, int skip);

/* Print the last failure, which every rank has found by itself, once; returns `status`. A launcher
 * ends the job at the first rank that fails, so the ranks end together. `verb` may be NULL.
 * Collective, although MPI starts inside. */
trn_status_t trn_launch_refuse(const char *verb, trn_status_t status);

#endif
