/* tokens.c: one pass over the bytes, a table look-up each; words are or-ed together from the
 * classes of their bytes, so that plain ASCII words, nearly all, cost no second look. */
#include "text/tokens.h"

#include "base/mem.h"
#include "text/lower.h"
#include "text/normalize.h"
#include "text/utf8.h"

#include <string.h>

/* What a byte means; a token's bytes are or-ed together to tell how it must be treated. */
enum { SPACE = 1, NEWLINE = 2, NUL = 4, HIGH = 8, UPPER = 16, STOP = SPACE | NEWLINE | NUL };

enum {
    PENDING = 32,                   /* tokens hashed ahead of their look-up, to hide cache misses */
    CARRY = TRN_TOKEN_BYTES + 1,    /* of these the last says that there are more */
    REPAIRED = 3 * TRN_TOKEN_BYTES, /* every byte may become U+FFFD */
    LOWERED = REPAIRED + REPAIRED / 2, /* trn_lower_room */
};

typedef struct pending {
    const char *bytes;
    int64_t length;
    uint64_t hash;
    int64_t place; /* in the caller's ids */
} pending_t;

struct trn_tokens {
    trn_words_t *words;
    trn_token_options_t options;
    uint8_t class_of[256];
    bool line_open;     /* words since the last break */
    int64_t line;       /* newlines since begin */
    int64_t line_bytes; /* of the present line in former feeds */
    int64_t lines, total;
    pending_t pending[PENDING];
    int npending;
    int64_t carried; /* bytes of a token cut by the end of a feed, in carry[] */
    unsigned carried_class;
    char carry[CARRY];
    trn_word_counts_t malformed;
    char *repaired;  /* [REPAIRED] a word without ill-formed bytes; NULL: never asked for */
    char *lowered;   /* [LOWERED]; NULL: case stays */
    int32_t *points; /* [trn_normalize_room(LOWERED)]; NULL: form stays */
};

/* Capital letters are a class only if they will be lowered. */
static void classify(uint8_t class_of[256], bool lowercase) {
    memset(class_of, 0, 256);
    memset(class_of + 128, HIGH, 128);
    for (const char *blank = TRN_BLANKS; *blank; blank++)
        class_of[(uint8_t)*blank] = SPACE;
    class_of['\n'] = NEWLINE;
    class_of[0] = NUL;
    for (int letter = 'A'; letter <= 'Z' && lowercase; letter++)
        class_of[letter] = UPPER;
}

trn_status_t trn_tokens_create(trn_tokens_t **tokens, trn_words_t *words,
                               const trn_token_options_t *options) {
    TRN_TRY(trn_alloc_zero(tokens, 1, sizeof **tokens, "a tokenizer"));
    trn_tokens_t *t = *tokens;
    t->words = words;
    t->options = *options;
    classify(t->class_of, options->lowercase);
    trn_tokens_begin(t);
    trn_status_t status = TRN_OK;
    if (options->rules.invalid == TRN_INVALID_REPLACE)
        status = trn_alloc(&t->repaired, REPAIRED, 1, "mending words");
    if (status == TRN_OK && options->lowercase)
        status = trn_alloc(&t->lowered, LOWERED, 1, "lowering words");
    if (status == TRN_OK && options->nfc)
        status = trn_alloc(&t->points, trn_normalize_room(LOWERED), sizeof *t->points,
                           "normalizing words");
    if (status != TRN_OK) trn_tokens_destroy(tokens);
    return status;
}

void trn_tokens_destroy(trn_tokens_t **tokens) {
    if (!*tokens) return;
    trn_free(&(*tokens)->repaired);
    trn_free(&(*tokens)->lowered);
    trn_free(&(*tokens)->points);
    trn_free(tokens);
}

void trn_tokens_begin(trn_tokens_t *tokens) {
    tokens->line_open = false;
    tokens->line = tokens->line_bytes = tokens->carried = 0;
    tokens->npending = 0;
}

trn_status_t trn_token_check(const char *bytes, int64_t length) {
    if (length > TRN_TOKEN_BYTES)
        return trn_fail(TRN_INPUT, "a token of more than %d bytes; split the text into words",
                        TRN_TOKEN_BYTES);
    if (memchr(bytes, 0, (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; is this a binary file?");
    int64_t well = trn_utf8_well(bytes, length);
    if (well == length) return TRN_OK;
    return trn_fail(TRN_INPUT, "invalid UTF-8 (byte 0x%02x); convert the text, e.g. with iconv",
                    (uint8_t)bytes[well]);
}

/* Lowering comes first: the lower case of a normalized word need not be normalized, as a capital J
 * with a caron is two code points and the small one is one. */
trn_status_t trn_tokens_rewrite(trn_tokens_t *t, const char **bytes, int64_t *length) {
    if (t->lowered) {
        *length = trn_lower_bytes(*bytes, *length, t->lowered);
        *bytes = t->lowered;
    }
    if (!t->points) return TRN_OK;
    *length = trn_normalize_bytes(*bytes, *length, true, t->points);
    if (*length < 0)
        return trn_fail(TRN_INPUT, "cannot normalize a word; give the text normalized");
    *bytes = (const char *)t->points;
    return TRN_OK;
}

/* A word outside the caller's text, which will not be there later. */
static trn_status_t look_up(trn_tokens_t *t, const char *bytes, int64_t length, int32_t *id) {
    return trn_words_add(t->words, bytes, length, trn_words_hash(bytes, length), 1, id);
}

/* Their slots are on their way from memory since they were hashed. */
static trn_status_t look_up_pending(trn_tokens_t *t, int32_t *ids) {
    for (int i = 0; i < t->npending; i++) {
        const pending_t *p = &t->pending[i];
        TRN_TRY(trn_words_add(t->words, p->bytes, p->length, p->hash, 1, &ids[p->place]));
    }
    t->npending = 0;
    return TRN_OK;
}

/* One whole token of the or-ed class `kind`; its bytes stay until the end of the feed if `stable`.
 */
static trn_status_t take(trn_tokens_t *t, const char *bytes, int64_t length, unsigned kind,
                         bool stable, int32_t *ids, int64_t *count) {
    const char *given = bytes;
    if (length > TRN_TOKEN_BYTES || (kind & HIGH))
        TRN_TRY(trn_word_admit(&t->options.rules, TRN_TOKEN_BYTES, &bytes, &length, t->repaired,
                               &t->malformed));
    if (kind & (UPPER | HIGH)) TRN_TRY(trn_tokens_rewrite(t, &bytes, &length));
    if (length == 0) return TRN_OK;
    t->line_open = true;
    t->total++;
    int64_t place = (*count)++;
    if (bytes != given || !stable) return look_up(t, bytes, length, &ids[place]);
    pending_t *p = &t->pending[t->npending++];
    *p = (pending_t){bytes, length, trn_words_hash(bytes, length), place};
    trn_words_prefetch(t->words, p->hash);
    return t->npending == PENDING ? look_up_pending(t, ids) : TRN_OK;
}

/* Keep the piece of a token that a feed's end cut off, if it is not overlong already; of that no
 * more than tells where to cut it. An endless one that will be refused is so at once. */
static trn_status_t carry(trn_tokens_t *t, const char *bytes, int64_t length, unsigned kind) {
    int64_t had = t->carried < CARRY ? t->carried : CARRY, room = CARRY - had;
    memcpy(t->carry + had, bytes, (size_t)(length < room ? length : room));
    t->carried_class = (t->carried ? t->carried_class : 0) | kind;
    t->carried += length;
    if (t->carried < CARRY || t->options.rules.overlong != TRN_OVERLONG_REFUSE) return TRN_OK;
    const char *word = t->carry;
    int64_t bytes_kept = CARRY;
    return trn_word_admit(&t->options.rules, TRN_TOKEN_BYTES, &word, &bytes_kept, NULL,
                          &t->malformed);
}

/* A token that went over the border of two feeds is whole now. */
static trn_status_t take_carried(trn_tokens_t *t, int32_t *ids, int64_t *count) {
    int64_t length = t->carried;
    t->carried = 0;
    return take(t, t->carry, length, t->carried_class, false, ids, count);
}

/* Only a line with words gets a break: an empty one parts nothing that the line before has not. */
static void end_line(trn_tokens_t *t, int32_t *ids, int64_t *count) {
    if (t->line_open) ids[(*count)++] = TRN_BREAK;
    t->line_open = false;
    t->line_bytes = 0;
    t->line++;
    t->lines++;
}

/* Counted over feeds, so that the limit does not depend on how the text is cut. */
static trn_status_t check_line(const trn_tokens_t *t, int64_t bytes) {
    if (bytes <= t->options.max_line) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "a line of more than %lld bytes; break the text into lines or raise --max-line",
                    (long long)t->options.max_line);
}

/* A stretch up to (not including) a stop byte or the end of the feed has been scanned. */
static trn_status_t end_stretch(trn_tokens_t *t, const char *bytes, int64_t length, unsigned kind,
                                bool at_end, int32_t *ids, int64_t *count) {
    if (!at_end && t->carried == 0)
        return length ? take(t, bytes, length, kind, true, ids, count) : TRN_OK;
    if (length) TRN_TRY(carry(t, bytes, length, kind));
    return at_end ? TRN_OK : take_carried(t, ids, count);
}

trn_status_t trn_tokens_feed(trn_tokens_t *tokens, const char *data, int64_t bytes, int32_t *ids,
                             int64_t *count) {
    trn_tokens_t *t = tokens;
    const char *at = data, *end = data + bytes, *line = data;
    *count = 0;
    while (at < end) {
        const char *start = at;
        unsigned kind = 0, stop = 0;
        while (at < end && !((stop = t->class_of[(uint8_t)*at]) & STOP)) {
            kind |= stop;
            at++;
        }
        /* The classes of a word's bytes, or-ed, say all that must be known of it. */
        TRN_TRY(end_stretch(t, start, at - start, kind, at == end, ids, count));
        if (at == end) break;
        at++;
        if (stop & NUL) return trn_fail(TRN_INPUT, "a NUL byte; is this a binary file?");
        if (stop & NEWLINE) {
            TRN_TRY(check_line(t, t->line_bytes + (at - line)));
            end_line(t, ids, count);
            line = at;
        }
    }
    t->line_bytes += end - line;
    TRN_TRY(check_line(t, t->line_bytes));
    return look_up_pending(t, ids);
}

trn_status_t trn_tokens_finish(trn_tokens_t *tokens, int32_t *ids, int64_t *count) {
    *count = 0;
    if (tokens->carried) TRN_TRY(take_carried(tokens, ids, count));
    if (tokens->line_bytes > 0) end_line(tokens, ids, count);
    return TRN_OK;
}

int64_t trn_tokens_line(const trn_tokens_t *tokens) {
    return tokens->line + 1;
}
int64_t trn_tokens_lines(const trn_tokens_t *tokens) {
    return tokens->lines;
}
int64_t trn_tokens_total(const trn_tokens_t *tokens) {
    return tokens->total;
}
trn_word_counts_t trn_tokens_malformed(const trn_tokens_t *tokens) {
    return tokens->malformed;
}
