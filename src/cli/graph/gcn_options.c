/* gcn_options.c: from options to a training of embeddings, and from its report to the result. */
#include "cli/graph/gcn_options.h"

#include <string.h>

trn_gcn_options_t trn_gcn_options(const trn_params_t *p) {
    double valid = trn_params_real(p, "valid");
    bool ngcf = strcmp(trn_params_text(p, "method"), "ngcf") == 0;
    bool mean = ngcf && trn_params_choice(p, "adjacency") == 0;
    return (trn_gcn_options_t){.dim = trn_params_int(p, "dim"),
                               .layers = trn_params_int(p, "layers"),
                               .epochs = trn_params_int(p, "epochs"),
                               .batch = trn_params_int(p, "batch"),
                               .others = trn_params_int(p, "negatives"),
                               .rate = trn_params_real(p, "learning-rate"),
                               .decay = trn_params_real(p, "decay"),
                               .start = ngcf ? 0 : 0.1, /* as published */
                               .kind = mean ? TRN_BIPARTITE_MEAN : TRN_BIPARTITE_SYM,
                               .ngcf = ngcf,
                               .drop = ngcf ? trn_params_real(p, "dropout") : 0,
                               .seed = (uint64_t)trn_params_int(p, "seed"),
                               .valid = valid,
                               .look = valid > 0 ? trn_params_int(p, "look") : 0,
                               .patience = trn_params_int(p, "patience")};
}

trn_status_t trn_gcn_note(trn_run_t *run, const trn_gcn_report_t *r, int64_t held) {
    TRN_TRY(
        trn_run_note(run, json_pack("{s:I, s:I, s:f, s:f, s:f}", "epochs", (json_int_t)r->epochs,
                                    "steps", (json_int_t)r->steps, "loss", r->loss, "seconds",
                                    r->seconds, "cpu_seconds", r->cpu_seconds)));
    if (held == 0) return TRN_OK;
    return trn_run_note(run,
                        json_pack("{s:I, s:I, s:f}", "held_out", (json_int_t)held, "best_epoch",
                                  (json_int_t)r->best_epoch, "held_out_recall", r->best));
}
