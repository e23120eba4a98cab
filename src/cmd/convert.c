/* convert.c: the verb `convert`: an embedding from one file format into another. */
#include "algo/embedding.h"
#include "cmd/command.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {
    {"from", 0, TRN_PARAM_CHOICE, "auto", 0, 0, TRN_FORMAT_NAMES, NULL,
     "format of IN; auto looks at its first bytes and at the ending .bin"},
    {"to", 0, TRN_PARAM_CHOICE, "auto", 0, 0, TRN_FORMAT_NAMES, NULL,
     "format of OUT; auto goes by .h5, .npy, .txt or .vec (word2vec), .bin, .glove"},
    {"vocab", 0, TRN_PARAM_TEXT, NULL, 0, 0, NULL, "FILE",
     "the words of a .npy file, one a line: read if IN is .npy, else written; default "
     "IN.npy.vocab or OUT.npy.vocab"},
    {0}};

static trn_status_t output_format(const trn_run_t *run, trn_format_t *format) {
    *format = trn_format_named(trn_params_text(run->params, "to"));
    if (*format == TRN_FORMAT_AUTO) *format = trn_format_of_name(run->files[1]);
    if (*format != TRN_FORMAT_AUTO) return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "%s: the ending names no format (.h5 .npy .txt .vec .bin .glove); "
                    "give --to",
                    run->files[1]);
}

static trn_status_t convert(trn_run_t *run, trn_embedding_t *embedding, trn_format_t format) {
    const char *names = trn_params_text(run->params, "vocab");
    if (trn_embedding_format(embedding) == TRN_FORMAT_NPY) names = NULL; /* it was for reading */
    TRN_TRY(trn_embedding_load(embedding));
    json_t *made_with = trn_params_json(run->params);
    trn_status_t status =
        trn_embedding_write(embedding, run->files[1], format, names, run->command, made_with);
    json_decref(made_with);
    return status;
}

static trn_status_t run_convert(trn_run_t *run) {
    trn_format_t format, from = trn_format_named(trn_params_text(run->params, "from"));
    TRN_TRY(output_format(run, &format)); /* equal arguments: the same on every rank */
    trn_embedding_t *embedding;
    TRN_TRY(trn_embedding_open(&embedding, run->comm, run->files[0], from,
                               trn_params_text(run->params, "vocab")));
    trn_status_t status = TRN_OK;
    json_object_set_new(run->result, "words", json_integer(trn_embedding_rows(embedding)));
    json_object_set_new(run->result, "dim", json_integer(trn_embedding_dim(embedding)));
    if (trn_params_bool(run->params, "dry-run"))
        trn_embedding_report(embedding, trn_embedding_write_bytes(embedding, format), run->result);
    else
        status = convert(run, embedding, format);
    trn_embedding_destroy(&embedding);
    return status;
}

const trn_command_t trn_command_convert = {
    .name = "convert",
    .summary = "convert an embedding between HDF5, npy, word2vec and GloVe files",
    .files = "IN OUT",
    .description =
        "Reads an embedding in any of the formats and writes it in another. Text is written with "
        "nine digits, so that every float32 comes back as it was. Input may be compressed with "
        "gzip, xz or zstd. OUT appears whole or not at all.",
    .min_files = 2,
    .max_files = 2,
    .params = params,
    .run = run_convert,
};
