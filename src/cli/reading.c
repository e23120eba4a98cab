/* reading.c: parameters to a trn_reading_t, and its counts to the result. */
#include "cli/reading.h"

#include <string.h>

trn_reading_t trn_reading_of(const trn_params_t *params, const char *format) {
    return (trn_reading_t){
        .format = trn_format_named(trn_params_text(params, format)),
        .names = trn_params_text(params, "vocab"),
        .rules = trn_word_rules(trn_params_text(params, "invalid-utf8"),
                                trn_params_text(params, "long-words")),
        .refuse_repeated = strcmp(trn_params_text(params, "repeated-words"), "refuse") == 0,
    };
}

trn_status_t trn_reading_check(const trn_params_t *params, const trn_embedding_t *embedding) {
    if (trn_embedding_format(embedding) == TRN_FORMAT_NPY) return TRN_OK;
    return trn_params_idle(params, "vocab", "on a file that has its words itself");
}

void trn_reading_note(const trn_embedding_t *embedding, json_t *result) {
    trn_reading_counts_t counts = trn_embedding_counts(embedding);
    if (counts.repeated)
        json_object_set_new(result, "repeated_words", json_integer(counts.repeated));
    if (counts.malformed.invalid)
        json_object_set_new(result, "invalid_words", json_integer(counts.malformed.invalid));
    if (counts.malformed.overlong)
        json_object_set_new(result, "long_words", json_integer(counts.malformed.overlong));
}
