/* trunnion VERB [options] FILES: the program. The work is in cmd/, one file a verb. */
#include "cli/early.h"
#include "cli/help.h"
#include "cli/launch.h"
#include "cli/verbs.h"

int main(int argc, char **argv) {
    const trn_command_t *verb;
    bool answered;
    int used;
    trn_early_done();
    trn_status_t status = trn_help_answer(argc - 1, argv + 1, &answered);
    if (status == TRN_OK && answered) return TRN_OK;
    if (status == TRN_OK) status = trn_verb_find(argc - 1, argv + 1, &verb, &used);
    if (status == TRN_OK) return (int)trn_launch(verb, argc, argv, 1 + used);
    return (int)trn_launch_refuse(NULL, status);
}
