/* synonyms.h: words of other programs for options and verbs that have other names here. */
#ifndef TRN_CLI_PARAM_SYNONYMS_H
#define TRN_CLI_PARAM_SYNONYMS_H

/* The i-th name that an option called `word` elsewhere may have here, the likeliest first; NULL
 * after the last. Local. */
const char *trn_option_synonym(const char *word, int i);

/* What to call here for what is called `word` elsewhere ("pca": "svd --center"), or NULL. Local. */
const char *trn_verb_synonym(const char *word);

#endif
