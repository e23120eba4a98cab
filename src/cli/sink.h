/* sink.h: where the log goes: lines to stderr, events to the file of --log-json. */
#ifndef TRN_CLI_SINK_H
#define TRN_CLI_SINK_H

#include "base/status.h"
#include "cli/param/param.h"

#include <stdbool.h>

/* Send the library's log to stderr (warnings of all ranks; information and progress of rank 0, as
 * --quiet and --progress say) and on rank 0 to --log-json FILE (appended to). `launched`: by MPI,
 * where a terminal cannot be told from a pipe. Fails with TRN_IO. Local. */
trn_status_t trn_sink_open(const trn_params_t *params, int rank, bool launched);

/* Stop logging and close the file. Fails with TRN_IO if it is not complete. Local; fine when
 * nothing is open. */
trn_status_t trn_sink_close(void);

#endif
