#include "text/vocab.h"

#include "base/mem.h"
#include "text/tokens.h"

#include <stdlib.h>
#include <string.h>

typedef struct record {
    int64_t count, length;
    char bytes[];
} record_t;

int64_t trn_vocab_record_bytes(int64_t length) {
    return (int64_t)sizeof(record_t) + (length + 7) / 8 * 8;
}

char *trn_vocab_pack(char *to, const char *bytes, int64_t length, int64_t count) {
    record_t head = {.count = count, .length = length};
    int64_t filled = trn_vocab_record_bytes(length) - (int64_t)sizeof head;
    memcpy(to, &head, sizeof head);
    memset(to + sizeof head, 0, (size_t)filled);
    memcpy(to + sizeof head, bytes, (size_t)length);
    return to + sizeof head + filled;
}

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

/* The first token of line[bytes]; *length 0 if there is none. */
static const char *first_token(const char *line, int64_t bytes, int64_t *length) {
    static const char blanks[] = " \t\v\f\r";
    const char *end = line + bytes;
    while (line < end && *line && strchr(blanks, *line))
        line++;
    *length = 0;
    while (line + *length < end && !(line[*length] && strchr(blanks, line[*length])))
        (*length)++;
    return line;
}

static trn_status_t add_listed(trn_words_t *words, const char *word, int64_t length) {
    int32_t id;
    uint64_t hash = trn_words_hash(word, length);
    TRN_TRY(trn_token_check(word, length));
    if (trn_words_find(words, word, length, hash) >= 0)
        return trn_fail(TRN_INPUT, "\"%.*s\" stands twice; remove one", (int)length, word);
    return trn_words_add(words, word, length, hash, 0, &id);
}

static trn_status_t read_list(trn_words_t *words, const char *name, const char *text,
                              int64_t bytes) {
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *end = text + bytes;
    if (bytes >= 3 && memcmp(text, byte_order_mark, 3) == 0) text += 3;
    for (int64_t line = 1; text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        int64_t length;
        const char *word = first_token(text, stop - text, &length);
        trn_status_t status = length ? add_listed(words, word, length) : TRN_OK;
        if (status == TRN_INPUT)
            return trn_fail(TRN_INPUT, "%s:%lld: %s", name, (long long)line, trn_message());
        TRN_TRY(status);
        text = stop + 1;
    }
    return TRN_OK;
}

trn_status_t trn_vocab_parse(trn_vocab_t **vocab, const char *name, const char *text,
                             int64_t bytes) {
    trn_words_t *words;
    *vocab = NULL;
    TRN_TRY(trn_words_create(&words));
    trn_status_t status = read_list(words, name, text, bytes);
    if (status == TRN_OK) status = from_words(vocab, words);
    trn_words_destroy(&words);
    return status;
}

void trn_vocab_destroy(trn_vocab_t **vocab) {
    if (!*vocab) return;
    trn_free(&(*vocab)->words);
    trn_free(&(*vocab)->counts);
    trn_free(&(*vocab)->arena);
    trn_free(vocab);
}
