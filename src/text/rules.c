/* rules.c: words that others wrote, made fit or refused. */
#include "text/rules.h"

#include "text/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Choices were checked when they were parsed; an unknown one would refuse. */
trn_word_rules_t trn_word_rules(const char *invalid, const char *overlong) {
    trn_word_rules_t rules = {TRN_INVALID_REFUSE, TRN_OVERLONG_REFUSE};
    if (strcmp(invalid, "replace") == 0) rules.invalid = TRN_INVALID_REPLACE;
    if (strcmp(invalid, "skip") == 0) rules.invalid = TRN_INVALID_SKIP;
    if (strcmp(overlong, "skip") == 0) rules.overlong = TRN_OVERLONG_SKIP;
    if (strcmp(overlong, "cut") == 0) rules.overlong = TRN_OVERLONG_CUT;
    return rules;
}

/* Bytes of the whole characters among the first `longest` of more: a character that the border
 * parts has its continuation bytes (10xxxxxx) on both sides. Four bytes at most belong together. */
static int64_t whole_characters(const char *bytes, int64_t longest) {
    int64_t cut = longest;
    while (cut > longest - 3 && ((uint8_t)bytes[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

/* word2vec and GloVe cut such words without a word; here somebody must have said so. */
static trn_status_t shorten(const trn_word_rules_t *rules, int64_t longest, const char *bytes,
                            int64_t *length) {
    if (rules->overlong == TRN_OVERLONG_REFUSE)
        return trn_fail(TRN_INPUT,
                        "a word of more than %lld bytes; split the text into words, or give "
                        "--long-words skip or cut",
                        (long long)longest);
    *length = rules->overlong == TRN_OVERLONG_CUT ? whole_characters(bytes, longest) : 0;
    return TRN_OK;
}

/* Length is judged first, on the bytes as they are, so that an endless word is never looked at to
 * its end; what is ill-formed in the part that is cut off does not count. */
trn_status_t trn_word_admit(const trn_word_rules_t *rules, int64_t longest, const char **bytes,
                            int64_t *length, char *scratch, trn_word_counts_t *counts) {
    bool overlong = *length > longest;
    if (overlong) TRN_TRY(shorten(rules, longest, *bytes, length));
    int64_t well = trn_utf8_well(*bytes, *length);
    bool invalid = well < *length;
    if (invalid && rules->invalid == TRN_INVALID_REFUSE)
        return trn_fail(TRN_INPUT,
                        "invalid UTF-8 (byte 0x%02x); convert the text, e.g. with iconv, or give "
                        "--invalid-utf8 replace or skip",
                        (uint8_t)(*bytes)[well]);
    if (invalid && rules->invalid == TRN_INVALID_SKIP) *length = 0;
    if (invalid && rules->invalid == TRN_INVALID_REPLACE) {
        *length = trn_utf8_replace(*bytes, *length, scratch);
        *bytes = scratch;
    }
    counts->overlong += overlong;
    counts->invalid += invalid && !overlong;
    return TRN_OK;
}
