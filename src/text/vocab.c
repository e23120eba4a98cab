/* vocab.c: a vocabulary is one arena of words in their order, made of records that came from other
 * ranks or of a list. */
#include "text/vocab.h"

#include "base/mem.h"
#include "text/list.h"

#include <stdlib.h>
#include <string.h>

/* A word on its way between ranks. Records are whole multiples of 8 bytes, so that the next one's
 * counts are aligned wherever a message begins that is. */
typedef struct record {
    int64_t count, length;
    char bytes[];
} record_t;

int64_t trn_vocab_record_bytes(int64_t length) {
    return (int64_t)sizeof(record_t) + (length + 7) / 8 * 8;
}

/* The filling is set, too: no uninitialized memory travels. */
char *trn_vocab_pack(char *to, const char *bytes, int64_t length, int64_t count) {
    record_t head = {.count = count, .length = length};
    int64_t filled = trn_vocab_record_bytes(length) - (int64_t)sizeof head;
    memcpy(to, &head, sizeof head);
    memset(to + sizeof head, 0, (size_t)filled);
    memcpy(to + sizeof head, bytes, (size_t)length);
    return to + sizeof head + filled;
}

/* Equal words of several ranks add up. */
trn_status_t trn_vocab_unpack(const char *data, int64_t bytes, trn_words_t *words) {
    for (const char *end = data + bytes; data < end;) {
        const record_t *record = (const record_t *)data;
        int32_t id;
        TRN_TRY(trn_words_add(words, record->bytes, record->length,
                              trn_words_hash(record->bytes, record->length), record->count, &id));
        data += trn_vocab_record_bytes(record->length);
    }
    return TRN_OK;
}

/* A total order: words differ, so ties of counts end at the bytes. So the vocabulary does not
 * depend on the order in which ranks sent their words, nor on the sort. */
static int by_count_then_bytes(const void *left, const void *right) {
    const record_t *a = *(const record_t *const *)left, *b = *(const record_t *const *)right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    int64_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->bytes, b->bytes, (size_t)shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* A vocabulary with room for `size` words of `bytes` bytes, terminators included. */
static trn_status_t allocate(trn_vocab_t **vocab, int64_t size, int64_t bytes) {
    TRN_TRY(trn_alloc_zero(vocab, 1, sizeof **vocab, "a vocabulary"));
    trn_vocab_t *v = *vocab;
    v->size = size;
    trn_status_t status = trn_alloc(&v->words, size, sizeof *v->words, "the vocabulary");
    if (status == TRN_OK) status = trn_alloc_zero(&v->counts, size, sizeof *v->counts, "counts");
    if (status == TRN_OK) status = trn_alloc(&v->arena, bytes, 1, "the vocabulary");
    if (status != TRN_OK) trn_vocab_destroy(vocab);
    return status;
}

/* Append a word to the arena and return the place behind it. */
static char *set_word(trn_vocab_t *vocab, int64_t at, char *to, const char *bytes, int64_t length,
                      int64_t count) {
    memcpy(to, bytes, (size_t)length);
    to[length] = '\0';
    vocab->words[at] = to;
    vocab->counts[at] = count;
    return to + length + 1;
}

/* Pointers to records are sorted, not the records. */
trn_status_t trn_vocab_create(trn_vocab_t **vocab, const char *data, int64_t bytes, int64_t cap) {
    const record_t **records;
    int64_t number = 0, letters = 0;
    *vocab = NULL;
    for (const char *at = data; at < data + bytes; number++)
        at += trn_vocab_record_bytes(((const record_t *)at)->length);
    TRN_TRY(trn_alloc(&records, number, sizeof(record_t *), "the vocabulary's order"));
    for (int64_t i = 0; i < number; i++) {
        records[i] = (const record_t *)data;
        data += trn_vocab_record_bytes(records[i]->length);
    }
    qsort(records, (size_t)number, sizeof *records, by_count_then_bytes);
    /* A cap may part words of equal counts; which of them stay is told by their bytes. */
    if (cap > 0 && number > cap) number = cap;
    for (int64_t i = 0; i < number; i++)
        letters += records[i]->length + 1;
    trn_status_t status = allocate(vocab, number, letters);
    if (status == TRN_OK) {
        char *to = (*vocab)->arena;
        for (int64_t i = 0; i < number; i++)
            to = set_word(*vocab, i, to, records[i]->bytes, records[i]->length, records[i]->count);
    }
    trn_free(&records);
    return status;
}

/* Copy a word table, whose words are distinct and in order, to a vocabulary. */
static trn_status_t from_words(trn_vocab_t **vocab, const trn_words_t *words) {
    int64_t size = trn_words_size(words), letters = 0, length;
    for (int64_t id = 0; id < size; id++) {
        trn_words_bytes(words, id, &length);
        letters += length + 1;
    }
    TRN_TRY(allocate(vocab, size, letters));
    char *to = (*vocab)->arena;
    for (int64_t id = 0; id < size; id++) {
        const char *bytes = trn_words_bytes(words, id, &length);
        to = set_word(*vocab, id, to, bytes, length, 0);
    }
    return TRN_OK;
}

typedef struct parser {
    trn_words_t *words;
    trn_tokens_t *tokens; /* writes words as a corpus would have them */
    const trn_token_options_t *options;
    char *scratch; /* of trn_word_admit */
    trn_vocab_report_t *report;
} parser_t;

/* A listed word as the corpus would have it, or nothing if the rules leave it out. */
static trn_status_t add_listed(parser_t *p, const char *word, int64_t length, int64_t line) {
    int32_t id;
    if (memchr(word, 0, (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; is this a binary file?");
    TRN_TRY(trn_word_admit(&p->options->rules, TRN_TOKEN_BYTES, &word, &length, p->scratch,
                           &p->report->malformed));
    if (length == 0) return TRN_OK;
    TRN_TRY(trn_tokens_rewrite(p->tokens, &word, &length));
    uint64_t hash = trn_words_hash(word, length);
    if (trn_words_find(p->words, word, length, hash) < 0)
        return trn_words_add(p->words, word, length, hash, 0, &id);
    if (p->report->repeated++ == 0) p->report->line = line;
    return TRN_OK;
}

/* Every line; the file's name and the line go before what is wrong with a word. */
static trn_status_t read_list(parser_t *p, const char *name, const char *text, int64_t bytes) {
    trn_list_t list = trn_list_begin(name, text, bytes);
    const char *word;
    int64_t length;
    for (;;) {
        TRN_TRY(trn_list_next(&list, &word, &length));
        if (!word) return TRN_OK;
        trn_status_t status = length ? add_listed(p, word, length, list.line) : TRN_OK;
        if (status == TRN_INPUT)
            return trn_fail_prefix(status, "%s:%lld: ", name, (long long)list.line);
        TRN_TRY(status);
    }
}

trn_status_t trn_vocab_parse(trn_vocab_t **vocab, const char *name, const char *text, int64_t bytes,
                             const trn_token_options_t *options, trn_vocab_report_t *report) {
    parser_t p = {.options = options, .report = report};
    trn_status_t status;
    *vocab = NULL;
    TRN_OR(done, trn_words_create(&p.words));
    TRN_OR(done, trn_tokens_create(&p.tokens, p.words, options));
    TRN_OR(done, trn_alloc(&p.scratch, 3 * TRN_TOKEN_BYTES, 1, "a word"));
    TRN_OR(done, read_list(&p, name, text, bytes));
    status = from_words(vocab, p.words);
done:
    trn_words_destroy(&p.words);
    trn_tokens_destroy(&p.tokens);
    trn_free(&p.scratch);
    return status;
}

void trn_vocab_destroy(trn_vocab_t **vocab) {
    if (!*vocab) return;
    trn_free(&(*vocab)->words);
    trn_free(&(*vocab)->counts);
    trn_free(&(*vocab)->arena);
    trn_free(vocab);
}
