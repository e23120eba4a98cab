#include "text/tokens.h"

#include "base/mem.h"

#include <string.h>
#include <utf8proc.h>

/* What a byte means; a token's bytes are or-ed together to tell how it must be treated. */
enum { SPACE = 1, NEWLINE = 2, NUL = 4, HIGH = 8, UPPER = 16, STOP = SPACE | NEWLINE | NUL };

/* PENDING tokens are hashed ahead of their look-up, to hide the cache misses. A folded token is at
 * most FOLD_GROWTH times as many code points as it had bytes. */
enum { PENDING = 32, FOLD_GROWTH = 4, FOLD_ROOM = TRN_TOKEN_BYTES * FOLD_GROWTH };

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
    bool file_start;    /* a byte order mark may come */
    bool line_open;     /* words since the last break */
    int64_t line;       /* newlines since begin */
    int64_t line_bytes; /* of the present line in former feeds */
    int64_t lines, total;
    pending_t pending[PENDING];
    int npending;
    int64_t carried; /* bytes of a token cut by the end of a feed, in carry[] */
    unsigned carried_class;
    char carry[TRN_TOKEN_BYTES];
    int32_t *fold; /* [FOLD_ROOM + 1] code points, then in place UTF-8; NULL: no folding */
};

static void classify(uint8_t class_of[256], bool lowercase) {
    memset(class_of, 0, 256);
    memset(class_of + 128, HIGH, 128);
    for (const char *space = " \t\v\f\r"; *space; space++)
        class_of[(uint8_t)*space] = SPACE;
    class_of['\n'] = NEWLINE;
    class_of[0] = NUL;
    for (int letter = 'A'; letter <= 'Z' && lowercase; letter++)
        class_of[letter] = UPPER;
}

trn_status_t trn_tokens_create(trn_tokens_t **tokens, trn_words_t *words,
                               const trn_token_options_t *options) {
    TRN_TRY(trn_alloc_zero(tokens, 1, sizeof **tokens, "a tokeniser"));
    trn_tokens_t *t = *tokens;
    t->words = words;
    t->options = *options;
    classify(t->class_of, options->lowercase);
    trn_tokens_begin(t, true);
    if (!options->lowercase && !options->nfc) return TRN_OK;
    trn_status_t status = trn_alloc(&t->fold, FOLD_ROOM + 1, sizeof *t->fold, "case folding");
    if (status != TRN_OK) trn_tokens_destroy(tokens);
    return status;
}

void trn_tokens_destroy(trn_tokens_t **tokens) {
    if (!*tokens) return;
    trn_free(&(*tokens)->fold);
    trn_free(tokens);
}

void trn_tokens_begin(trn_tokens_t *tokens, bool file_start) {
    tokens->file_start = file_start;
    tokens->line_open = false;
    tokens->line = tokens->line_bytes = tokens->carried = 0;
    tokens->npending = 0;
}

static trn_status_t too_long(void) {
    return trn_fail(TRN_INPUT, "a token of more than %d bytes; split the text into words",
                    TRN_TOKEN_BYTES);
}

trn_status_t trn_token_check(const char *bytes, int64_t length) {
    if (length > TRN_TOKEN_BYTES) return too_long();
    if (memchr(bytes, 0, (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; is this a binary file?");
    for (int64_t at = 0; at < length;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)bytes + at, length - at, &code);
        if (used < 1)
            return trn_fail(TRN_INPUT,
                            "invalid UTF-8 (byte 0x%02x); convert the text, e.g. with iconv",
                            (uint8_t)bytes[at]);
        at += used;
    }
    return TRN_OK;
}

/* Fold and normalise a valid token; *bytes then points into t->fold. */
static trn_status_t fold(trn_tokens_t *t, const char **bytes, int64_t *length) {
    int options = (t->options.lowercase ? UTF8PROC_CASEFOLD : 0) |
                  (t->options.nfc ? UTF8PROC_STABLE | UTF8PROC_COMPOSE : 0);
    utf8proc_ssize_t codes = utf8proc_decompose((const utf8proc_uint8_t *)*bytes, *length, t->fold,
                                                FOLD_ROOM, (utf8proc_option_t)options);
    if (codes >= 0 && codes <= FOLD_ROOM)
        codes = utf8proc_reencode(t->fold, codes, (utf8proc_option_t)options);
    if (codes < 0 || codes > FOLD_ROOM * (int64_t)sizeof *t->fold)
        return trn_fail(TRN_INPUT, "cannot fold or normalise a token; give the text normalised");
    *bytes = (const char *)t->fold;
    *length = codes;
    return TRN_OK;
}

static trn_status_t look_up(trn_tokens_t *t, const char *bytes, int64_t length, int32_t *id) {
    return trn_words_add(t->words, bytes, length, trn_words_hash(bytes, length), 1, id);
}

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
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (t->file_start && length >= 3 && memcmp(bytes, byte_order_mark, 3) == 0)
        bytes += 3, length -= 3;
    t->file_start = false;
    if (length > TRN_TOKEN_BYTES) return too_long();
    if (kind & HIGH) TRN_TRY(trn_token_check(bytes, length));
    bool folds = (kind & UPPER) || (t->fold && (kind & HIGH));
    if (folds) TRN_TRY(fold(t, &bytes, &length));
    if (length == 0) return TRN_OK;
    t->line_open = true;
    t->total++;
    int64_t place = (*count)++;
    if (folds || !stable) return look_up(t, bytes, length, &ids[place]);
    pending_t *p = &t->pending[t->npending++];
    *p = (pending_t){bytes, length, trn_words_hash(bytes, length), place};
    trn_words_prefetch(t->words, p->hash);
    return t->npending == PENDING ? look_up_pending(t, ids) : TRN_OK;
}

/* Keep the piece of a token that a feed's end cut off. */
static trn_status_t carry(trn_tokens_t *t, const char *bytes, int64_t length, unsigned kind) {
    if (t->carried + length > TRN_TOKEN_BYTES) return too_long();
    memcpy(t->carry + t->carried, bytes, (size_t)length);
    t->carried_class = (t->carried ? t->carried_class : 0) | kind;
    t->carried += length;
    return TRN_OK;
}

static trn_status_t take_carried(trn_tokens_t *t, int32_t *ids, int64_t *count) {
    int64_t length = t->carried;
    t->carried = 0;
    return take(t, t->carry, length, t->carried_class, false, ids, count);
}

static void end_line(trn_tokens_t *t, int32_t *ids, int64_t *count) {
    if (t->line_open) ids[(*count)++] = TRN_BREAK;
    t->line_open = false;
    t->file_start = false;
    t->line_bytes = 0;
    t->line++;
    t->lines++;
}

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
