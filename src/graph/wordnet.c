#include "graph/wordnet.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES = 255, VERBS = 1, ADVERBS = 3 };

typedef struct relation {
    const char *symbol, *name;
    bool inverse;
} relation_t;

static const relation_t relations[] = {
    {"!", "antonym", false},
    {"@", "hypernym", false},
    {"@i", "instance_hypernym", false},
    {"~", "hyponym", true},
    {"~i", "instance_hyponym", true},
    {"%m", "member_meronym", false},
    {"%s", "substance_meronym", false},
    {"%p", "part_meronym", false},
    {"#m", "member_holonym", true},
    {"#s", "substance_holonym", true},
    {"#p", "part_holonym", true},
    {"=", "attribute", false},
    {"+", "derivationally_related", false},
    {";c", "domain_topic", false},
    {";r", "domain_region", false},
    {";u", "domain_usage", false},
    {"-c", "domain_topic_member", true},
    {"-r", "domain_region_member", true},
    {"-u", "domain_usage_member", true},
    {"*", "entailment", false},
    {">", "cause", false},
    {"^", "also_see", false},
    {"$", "verb_group", false},
    {"&", "similar_to", false},
    {"<", "participle_of", false},
    {"\\", "pertainym", false}, /* of an adverb: see below */
};

const char *trn_wordnet_file(int file) {
    static const char *const names[] = {"data.noun", "data.verb", "data.adj", "data.adv"};
    return names[file];
}

const char *trn_wordnet_letter(int file) {
    static const char *const letters[] = {"n", "v", "a", "r"};
    return letters[file];
}

bool trn_wordnet_comment(const char *line, int64_t length) {
    return length >= 2 && line[0] == ' ' && line[1] == ' ';
}

/* Cut the next field, up to a space, into text[]; `what` names it in the message. */
static trn_status_t take(trn_synset_t *synset, char text[FIELD_BYTES + 1], const char *what) {
    const char *at = synset->next;
    while (at < synset->end && *at != ' ')
        at++;
    int64_t bytes = at - synset->next;
    if (bytes == 0)
        return trn_fail(TRN_INPUT, "the line ends before %s; take WordNet's file as it comes",
                        what);
    if (bytes > FIELD_BYTES)
        return trn_fail(TRN_INPUT, "%s has more than %d bytes", what, FIELD_BYTES);
    memcpy(text, synset->next, (size_t)bytes);
    text[bytes] = '\0';
    synset->next = at < synset->end ? at + 1 : at;
    return TRN_OK;
}

/* A field of exactly `digits` digits to that base. */
static trn_status_t take_number(trn_synset_t *synset, int digits, int base, const char *what,
                                int64_t *number) {
    char text[FIELD_BYTES + 1];
    TRN_TRY(take(synset, text, what));
    const char *set = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    if ((int)strlen(text) != digits || (int)strspn(text, set) != digits)
        return trn_fail(TRN_INPUT, "'%s' stands where %s was expected, %d digits", text, what,
                        digits);
    *number = strtoll(text, NULL, base);
    return TRN_OK;
}

/* An adjective's word may end with (p), (a) or (ip): where in a sentence it may stand. */
static int bare_bytes(const char *word) {
    int bytes = (int)strlen(word);
    const char *mark = strrchr(word, '(');
    return mark && mark > word && word[bytes - 1] == ')' ? (int)(mark - word) : bytes;
}

trn_status_t trn_synset_read(trn_synset_t *synset, const char *line, int64_t length,
                             int64_t offset) {
    char text[FIELD_BYTES + 1];
    int64_t number, words, pointers;
    *synset = (trn_synset_t){.next = line, .end = line + length};
    TRN_TRY(take_number(synset, 8, 10, "the synset's offset", &number));
    if (number != offset)
        return trn_fail(TRN_INPUT,
                        "the synset calls itself %08lld but stands at byte %lld; take WordNet's "
                        "file as it comes",
                        (long long)number, (long long)offset);
    TRN_TRY(take_number(synset, 2, 10, "the lexicographer's file", &number));
    TRN_TRY(take(synset, text, "the synset's type"));
    TRN_TRY(take_number(synset, 2, 16, "the number of words", &words));
    if (words == 0) return trn_fail(TRN_INPUT, "the synset has no words");
    for (int64_t i = 0; i < words; i++) {
        const char *word = synset->next;
        TRN_TRY(take(synset, text, "a word"));
        if (i == 0) {
            synset->word = word;
            synset->word_bytes = bare_bytes(text);
        }
        TRN_TRY(take_number(synset, 1, 16, "a word's sense", &number));
    }
    TRN_TRY(take_number(synset, 3, 10, "the number of pointers", &pointers));
    synset->pointers = (int)pointers;
    return TRN_OK;
}

trn_status_t trn_synset_pointer(trn_synset_t *synset, int file, trn_synset_pointer_t *pointer) {
    char symbol[FIELD_BYTES + 1], letter[FIELD_BYTES + 1];
    int64_t words;
    *pointer = (trn_synset_pointer_t){.file = -1};
    TRN_TRY(take(synset, symbol, "a pointer's symbol"));
    TRN_TRY(take_number(synset, 8, 10, "a pointer's offset", &pointer->offset));
    TRN_TRY(take(synset, letter, "a pointer's part of speech"));
    TRN_TRY(take_number(synset, 4, 16, "a pointer's words", &words));
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        if (strcmp(relations[i].symbol, symbol) == 0) {
            pointer->name = relations[i].name;
            pointer->inverse = relations[i].inverse;
        }
    if (!pointer->name) return trn_fail(TRN_INPUT, "unknown pointer symbol '%s'", symbol);
    if (file == ADVERBS && strcmp(symbol, "\\") == 0) pointer->name = "derived_from_adjective";
    for (int i = 0; i < TRN_WORDNET_FILES; i++)
        if (strcmp(trn_wordnet_letter(i), letter) == 0) pointer->file = i;
    if (strcmp(letter, "s") == 0) pointer->file = 2; /* satellites are adjectives */
    if (pointer->file < 0)
        return trn_fail(TRN_INPUT, "unknown part of speech '%s' of a pointer", letter);
    synset->pointers--;
    return TRN_OK;
}

trn_status_t trn_synset_finish(trn_synset_t *synset, int file) {
    char text[FIELD_BYTES + 1];
    int64_t frames = 0, number;
    if (file == VERBS) TRN_TRY(take_number(synset, 2, 10, "the number of frames", &frames));
    for (int64_t i = 0; i < frames; i++) {
        TRN_TRY(take(synset, text, "a frame"));
        TRN_TRY(take_number(synset, 2, 10, "a frame's number", &number));
        TRN_TRY(take_number(synset, 2, 16, "a frame's word", &number));
    }
    TRN_TRY(take(synset, text, "the gloss"));
    if (strcmp(text, "|") != 0)
        return trn_fail(TRN_INPUT, "'%s' stands where the gloss was expected; a count is wrong",
                        text);
    return TRN_OK;
}
