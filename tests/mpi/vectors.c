/* io/vectors and algo/vectors/embedding: good files in all dialects, each class of bad file refused
 * on all ranks alike, rows that are left out. */
#define _GNU_SOURCE
#include "algo/vectors/embedding.h"
#include "harness.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "io/store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/trn_vectors_XXXXXX"; /* named by rank 0 before the first test */

static void name_file(void) {
    int file = rank == 0 ? mkstemp(path) : -1;
    if (rank == 0 && CHECK(file >= 0)) close(file);
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, comm);
}

/* Rank 0 writes the file when all have read the one before; the others wait. */
static void put(const char *content, size_t bytes) {
    MPI_Barrier(comm);
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(content, 1, bytes, file) == bytes);
        if (file) fclose(file);
    }
    MPI_Barrier(comm);
}

static void erase(void) {
    MPI_Barrier(comm);
    if (rank == 0) unlink(path);
}

static const trn_word_rules_t refuse = {TRN_INVALID_REFUSE, TRN_OVERLONG_REFUSE};

/* Open and read the whole file on every rank. */
static trn_status_t read_file(trn_format_t format) {
    trn_vectors_t *vectors;
    char **words;
    TRN_TRY(trn_vectors_open(&vectors, comm, path, format, &refuse, &words));
    int64_t rows = trn_vectors_rows(vectors), dim = trn_vectors_dim(vectors);
    float *values = malloc((size_t)(rows * dim) * sizeof *values);
    trn_status_t status = trn_vectors_read(vectors, 0, rows, values);
    free(values);
    trn_free(&words);
    trn_vectors_close(&vectors);
    return status;
}

static void check_bad(trn_format_t format, const char *content, size_t bytes, const char *pattern) {
    put(content, bytes);
    int64_t before = trn_mem_now();
    CHECK_EQUAL(read_file(format), TRN_INPUT);
    char text[400];
    snprintf(text, sizeof text, "'%s' does not say '%s'", trn_message(), pattern);
    harness_check(strstr(trn_message(), pattern) && strstr(trn_message(), path), __FILE__, __LINE__,
                  text);
    CHECK_EQUAL(trn_mem_now(), before);
}

static void bad_text(void) {
    static const struct {
        trn_format_t format;
        const char *content, *pattern;
    } cases[] = {
        {TRN_FORMAT_GLOVE, "", "empty"},
        {TRN_FORMAT_WORD2VEC, "", "empty"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3\n", ":2: 1 numbers"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3 4 5\n", ":2: 3 numbers"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3 x\n", ":2: field 3, 'x'"},
        {TRN_FORMAT_GLOVE, "a 1 2\nnew york 3 4\n", ":2: field 2, 'york'"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb nan 4\n", "'nan', is not a finite"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3 -inf\n", "'-inf', is not a finite"},
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3 1e50\n", "'1e50', is not a finite"},
        {TRN_FORMAT_GLOVE, "a 1 2\n\nb 3 4\n", ":2: the line is empty"},
        {TRN_FORMAT_GLOVE, "a\n", "without a vector"},
        {TRN_FORMAT_GLOVE, "a 1\nb\xff 2\n", ":2: invalid UTF-8"},
        {TRN_FORMAT_WORD2VEC, "2 2\na 1 2\n", "promises 2 words, but 1 follow"},
        {TRN_FORMAT_WORD2VEC, "1 2\na 1 2\nb 3 4\n", "promises 1 words, but 2 follow"},
        {TRN_FORMAT_WORD2VEC, "2 3\na 1 2\nb 3 4\n", ":2: 2 numbers"},
        {TRN_FORMAT_WORD2VEC, "2 2\na 1 2\nb 3 4 5\n", ":3: 3 numbers"},
        {TRN_FORMAT_WORD2VEC, "two 2\na 1 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "0 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "-1 2\na 1 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "1 0\na\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "1 2 3\na 1 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "99999999999999999999 2\na 1 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "1 99999999\na 1 2\n", ":1: the first line"},
        {TRN_FORMAT_WORD2VEC, "1000000000 1000000\na 1 2\n", "can hold"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_bad(cases[i].format, cases[i].content, strlen(cases[i].content), cases[i].pattern);
    static const char nul[] = "a 1 2\nb\0 3 4\n";
    check_bad(TRN_FORMAT_GLOVE, nul, sizeof nul - 1, ":2: holds a NUL byte");
    erase();
    CHECK_EQUAL(read_file(TRN_FORMAT_GLOVE), TRN_INPUT);
    CHECK_EQUAL(trn_message_rank(), 0);
}

static void bad_binary(void) {
    static const char good[] = "2 1\nab \0\0\200\77\ncd \0\0\0\100\n";
    enum { SIZE = sizeof good - 1 };
    put(good, SIZE);
    CHECK_OK(read_file(TRN_FORMAT_BINARY));
    put(good, SIZE - 1); /* the last line end may be missing */
    CHECK_OK(read_file(TRN_FORMAT_BINARY));
    check_bad(TRN_FORMAT_BINARY, good, SIZE - 2, "truncated in row 2");
    check_bad(TRN_FORMAT_BINARY, good, 12, "no word where row 2 should begin (an empty word)");
    check_bad(TRN_FORMAT_BINARY, good, 11, "promises 2 words, but 1 follow");
    check_bad(TRN_FORMAT_BINARY, good, 4, "can hold");
    char bad[SIZE + 1];
    memcpy(bad, good, SIZE);
    bad[SIZE] = 'x';
    check_bad(TRN_FORMAT_BINARY, bad, SIZE + 1, "more bytes after");
    bad[SIZE - 2] = '\x7f';
    bad[SIZE - 3] = '\x80'; /* infinity */
    check_bad(TRN_FORMAT_BINARY, bad, SIZE, "row 2 is not finite");
    memcpy(bad, good, SIZE);
    bad[12] = '\xff';
    check_bad(TRN_FORMAT_BINARY, bad, SIZE, "no word where row 2 should begin (invalid UTF-8");
    erase();
}

/* word2vec's records end in a line end, gensim's do not; a word with a blank or a NUL shifts all
 * that follows, which is told at once, at the latest by the end. */
static void binary_out_of_step(void) {
    static const char *const words[] = {"the", "New York", "of", "a"};
    for (int newline = 0; newline < 2; newline++)
        for (int bad = 0; bad < 2; bad++) { /* at first without the blank */
            char content[128] = "4 2\n";
            size_t at = strlen(content);
            for (int w = 0; w < 4; w++) {
                static const float numbers[] = {0.1F, -2000.7F}; /* bytes above 127 among them */
                at += (size_t)sprintf(content + at, "%s ", bad || w != 1 ? words[w] : "New_York");
                memcpy(content + at, numbers, sizeof numbers);
                at += sizeof numbers;
                if (newline) content[at++] = '\n';
            }
            if (bad) {
                check_bad(TRN_FORMAT_BINARY, content, at,
                          newline ? "no word where row 3 should begin (no line end before it): the "
                                    "word of row 2, 'New', holds a blank"
                                  : "no word where row 3 should begin (invalid UTF-8");
                check_bad(
                    TRN_FORMAT_BINARY, "1 1\nNew York \0\0\200\77\n", 18,
                    "byte 12: more bytes after the 1 rows promised; does the last word, 'New'");
            } else {
                put(content, at);
                CHECK_OK(read_file(TRN_FORMAT_BINARY));
            }
        }
    static const char nul[] = "2 1\nab \0\0\200\77\nc\0d \0\0\0\100\n";
    check_bad(TRN_FORMAT_BINARY, nul, sizeof nul - 1, "row 2 should begin (a NUL byte in it)");
    erase();
}

/* A file of vectors, and what is to be found in it. */
static void expect_words(trn_format_t format, const char *content, size_t bytes,
                         const trn_reading_t *how, const char *wanted) {
    trn_embedding_t *e;
    trn_reading_t reading = *how;
    char found[200] = "";
    put(content, bytes);
    if (reading.format == TRN_FORMAT_AUTO) reading.format = format;
    CHECK_OK(trn_embedding_open(&e, comm, path, &reading));
    if (!harness_well()) return;
    CHECK_OK(trn_embedding_load(e));
    for (int64_t i = 0; i < trn_embedding_rows(e) && harness_well(); i++) {
        float row[4];
        trn_embedding_gather(e, 1, &i, row);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s %g,",
                 trn_embedding_words(e)[i], (double)row[0]);
    }
    trn_reading_counts_t c = trn_embedding_counts(e);
    snprintf(found + strlen(found), sizeof found - strlen(found), " %d %d %d", (int)c.repeated,
             (int)c.malformed.invalid, (int)c.malformed.overlong);
    harness_check(strcmp(found, wanted) == 0, __FILE__, __LINE__, found);
    trn_embedding_destroy(&e);
}

#define TEXT(format, text, how, wanted) expect_words(format, text, strlen(text), how, wanted)

static void words_by_the_rules(void) {
    static const trn_reading_t plain = {0}, skip = {.rules = {TRN_INVALID_SKIP, TRN_OVERLONG_SKIP}},
                               mend = {.rules = {TRN_INVALID_REPLACE, TRN_OVERLONG_CUT}};
    static const trn_reading_t strict = {.format = TRN_FORMAT_GLOVE, .refuse_repeated = true};
    static const char odd[] = "a 1\nb\xff 2\nc 3\nb\xfe 4\n";
    TEXT(TRN_FORMAT_GLOVE, odd, &skip, "a 1,c 3, 0 2 0");
    TEXT(TRN_FORMAT_GLOVE, odd, &mend, "a 1,b\ufffd 2,c 3, 1 2 0"); /* then both are one word */
    TEXT(TRN_FORMAT_WORD2VEC, "4 1\na 1\nb 2\na 3\na 4\n\n \r\n", &plain, "a 1,b 2, 2 0 0");
    TEXT(TRN_FORMAT_GLOVE, "\xef\xbb\xbfthe 1\n\v of\f2\n", &plain, "the 1,of 2, 0 0 0");
    TEXT(TRN_FORMAT_WORD2VEC,
         "\xef\xbb\xbf"
         "1 1\nthe 1\n",
         &plain, "the 1, 0 0 0");
    TEXT(TRN_FORMAT_GLOVE, "a\u00a0b 1\nc\u3000 2\n", &plain, "a\u00a0b 1,c\u3000 2, 0 0 0");
    static const char binary[] = "3 1\na\xff \0\0\200\77\nb \0\0\0\100\nb \0\0\200\77\n";
    expect_words(TRN_FORMAT_BINARY, binary, sizeof binary - 1, &skip, "b 2, 1 1 0");
    expect_words(TRN_FORMAT_BINARY, binary, sizeof binary - 1, &mend, "a\ufffd 1,b 2, 1 1 0");

    static char text[TRN_VECTORS_LONGEST_WORD + 100];
    memset(text, 'x', sizeof text);
    strcpy(text + TRN_VECTORS_LONGEST_WORD, "y 1\na 2\n");
    TEXT(TRN_FORMAT_GLOVE, text, &skip, "a 2, 0 0 1");
    check_bad(TRN_FORMAT_GLOVE, text, strlen(text), ":1: a word of more than 65536 bytes");

    trn_embedding_t *e;
    put("a 1\nb 2\na 3\n", 12);
    CHECK_EQUAL(trn_embedding_open(&e, comm, path, &strict), TRN_INPUT);
    CHECK(strstr(trn_message(), ":3: the word 'a' is there already, in row 1"));
    put("\xff 1\n", 4);
    CHECK_EQUAL(trn_embedding_open(&e, comm, path, &skip), TRN_INPUT);
    CHECK(strstr(trn_message(), "no word is left"));
    erase();
}

/* numpy.savetxt: the first column is no word. Numbers of nodes are, and what is said to be. */
static void numbers_for_words(void) {
    static const char matrix[] = "5.0e-01 1.5\n3.5 4.5\n", nodes[] = "34 1.5\n7 4.5\n";
    static const trn_reading_t open = {0}, sure = {.format = TRN_FORMAT_GLOVE};
    trn_embedding_t *e;
    put(matrix, sizeof matrix - 1);
    CHECK_EQUAL(trn_embedding_open(&e, comm, path, &open), TRN_INPUT);
    CHECK(strstr(trn_message(), ":1: every word is a number, the first of them '5.0e-01'"));
    TEXT(TRN_FORMAT_GLOVE, matrix, &sure, "5.0e-01 1.5,3.5 4.5, 0 0 0");
    put(nodes, sizeof nodes - 1);
    CHECK_OK(trn_embedding_open(&e, comm, path, &open));
    if (harness_well()) trn_embedding_destroy(&e);
    erase();
}

/* A store may hold names with blanks: they stay, are found, and no other format takes them. */
static void names_with_blanks(void) {
    static const char *const names[] = {"New York", "the", "Boeing 747", ""};
    static const float values[] = {1, 2, 3, 4};
    static const char *const formats[] = {"word2vec", "binary", "glove", "npy"};
    trn_store_t *store = NULL;
    trn_embedding_t *e;
    char other[64];
    int64_t row = -1;
    erase();
    CHECK_OK(trn_store_create(&store, comm, path, "embedding", "a test", NULL, 0));
    if (!harness_well()) return;
    CHECK_OK(trn_store_dataset(store, "/embedding", TRN_F32, 4, 1));
    CHECK_OK(trn_store_strings(store, "/vocab", 4, names));
    CHECK_OK(trn_store_begin(store));
    if (rank == 0) CHECK_OK(trn_store_write(store, "/embedding", 0, 4, values));
    CHECK_OK(trn_store_commit_replace(&store, TRN_OK));
    CHECK_OK(trn_embedding_open(&e, comm, path, NULL));
    if (!harness_well()) return;
    CHECK_OK(trn_embedding_load(e));
    CHECK_EQUAL(trn_embedding_rows(e), 4);
    CHECK_OK(trn_embedding_find(e, "new york", &row));
    CHECK_EQUAL(row, 0);
    CHECK_OK(trn_embedding_find(e, "New", &row));
    CHECK_EQUAL(row, -1);
    snprintf(other, sizeof other, "%s.other", path);
    for (int f = 0; f < 4; f++) {
        CHECK_EQUAL(trn_embedding_write(e, other, formats[f], NULL, "a test", NULL), TRN_INPUT);
        CHECK(strstr(trn_message(), f < 3
                                        ? "is empty or holds a blank"
                                        : "the name of row 4 is empty")); /* a list takes blanks */
    }
    CHECK(access(other, F_OK) != 0);
    trn_embedding_destroy(&e);
    erase();
}

/* Write vectors with their words to `path`, all rows by rank 0. */
static void write_vectors(int format, int64_t rows, int64_t dim, char *const *words,
                          const float *values) {
    static const char *const formats[] = {"word2vec", "binary", "glove"};
    trn_rows_make_t make = {.format = formats[format],
                            .rows = rows,
                            .cols = dim,
                            .own_first = rank == 0 ? 0 : rows,
                            .own_rows = rank == 0 ? rows : 0,
                            .type = TRN_F32,
                            .names = words};
    trn_rows_out_t *out;
    CHECK_OK(trn_rows_create(&out, comm, path, &make));
    if (!harness_well()) return;
    trn_status_t status = trn_rows_write(out, make.own_first, make.own_rows, TRN_F32, values);
    CHECK_OK(trn_rows_commit(&out, status));
}

/* Every third word comes again later; rows are cut into blocks without those, and each is that of
 * the first such word, whatever the format and however many ranks. */
static void repeated_words_over_blocks(void) {
    enum { ROWS = 3500, DIM = 2 };
    static float values[ROWS * DIM];
    static char names[ROWS][16];
    static char *words[ROWS];
    int64_t kept[ROWS], count = 0;
    for (int i = 0; i < ROWS; i++) {
        bool again = i > 30 && i % 3 == 0;
        words[i] = names[i];
        snprintf(names[i], sizeof names[0], "w%d", again ? i % 30 : i);
        values[i * DIM] = (float)i;
        values[i * DIM + 1] = -1;
        if (!again) kept[count++] = i;
    }
    static const trn_format_t formats[] = {TRN_FORMAT_WORD2VEC, TRN_FORMAT_BINARY,
                                           TRN_FORMAT_GLOVE};
    for (int f = 0; f < 3; f++) {
        write_vectors(f, ROWS, DIM, words, values);
        trn_embedding_t *e;
        trn_reading_t reading = {.format = formats[f]};
        CHECK_OK(trn_embedding_open(&e, comm, path, &reading));
        if (!harness_well()) return;
        CHECK_OK(trn_embedding_load(e));
        CHECK_EQUAL(trn_embedding_rows(e), count);
        for (int64_t b = 0; b < trn_embedding_blocks(e); b++) {
            int64_t first = (trn_embedding_first_block(e) + b) * TRN_EMBEDDING_BLOCK;
            const float *block = trn_embedding_block(e, b);
            for (int64_t i = 0; i < trn_embedding_block_rows(e, b); i++)
                CHECK(block[i * DIM] == (float)kept[first + i] &&
                      strcmp(trn_embedding_words(e)[first + i], names[kept[first + i]]) == 0);
        }
        trn_embedding_destroy(&e);
        erase();
    }
}

/* Dialects: CRLF, tabs, several and trailing blanks, no last line end. */
static void dialects(void) {
    static const char *const contents[] = {"2 2\na 1 2\nb 3 4\n", "2 2\r\na 1 2\r\nb 3 4\r\n",
                                           "2 2 \na\t1\t2 \nb   3 4", "a 1 2\nb 3 4\n"};
    for (int i = 0; i < 4; i++) {
        put(contents[i], strlen(contents[i]));
        const trn_file_format_t *found;
        CHECK_OK(trn_format_of(path, &found));
        if (!harness_well()) return;
        trn_format_t format = trn_format_named(found->name);
        CHECK_EQUAL(format, i < 3 ? TRN_FORMAT_WORD2VEC : TRN_FORMAT_GLOVE);
        trn_vectors_t *vectors;
        char **words;
        CHECK_OK(trn_vectors_open(&vectors, comm, path, format, &refuse, &words));
        if (!harness_well()) return;
        CHECK_EQUAL(trn_vectors_rows(vectors), 2);
        CHECK_EQUAL(trn_vectors_dim(vectors), 2);
        CHECK(strcmp(words[0], "a") == 0 && strcmp(words[1], "b") == 0);
        float values[4] = {0};
        CHECK_OK(trn_vectors_read(vectors, 0, 2, values));
        CHECK(values[0] == 1 && values[1] == 2 && values[2] == 3 && values[3] == 4);
        trn_free(&words);
        trn_vectors_close(&vectors);
        erase();
    }
}

/* Every float32 comes back from text: extreme, denormal and ordinary ones. */
static void text_keeps_floats(void) {
    enum { ROWS = 2500, DIM = 3 };
    static float values[ROWS * DIM], back[ROWS * DIM];
    static char names[ROWS][16];
    static char *words[ROWS];
    uint32_t bits = 1;
    for (int i = 0; i < ROWS * DIM; i++) {
        do
            bits = bits * 1664525 + 1013904223, memcpy(&values[i], &bits, 4);
        while (!isfinite(values[i]));
        words[i / DIM] = names[i / DIM];
        snprintf(names[i / DIM], sizeof names[0], "w%d", i / DIM);
    }
    values[0] = -0.0F;
    values[1] = 1e-45F;
    values[2] = 3.40282347e38F;
    static const trn_format_t formats[] = {TRN_FORMAT_WORD2VEC, TRN_FORMAT_BINARY,
                                           TRN_FORMAT_GLOVE};
    for (int f = 0; f < 3; f++) {
        write_vectors(f, ROWS, DIM, words, values);
        trn_vectors_t *vectors;
        char **found;
        CHECK_OK(trn_vectors_open(&vectors, comm, path, formats[f], &refuse, &found));
        if (!harness_well()) return;
        CHECK_EQUAL(trn_vectors_rows(vectors), ROWS);
        for (int64_t first = 0; first < ROWS; first += TRN_VECTORS_BLOCK) { /* from any block */
            CHECK_OK(trn_vectors_read(vectors, first, ROWS - first, back));
            CHECK(memcmp(back, values + first * DIM, (size_t)(ROWS - first) * DIM * sizeof *back) ==
                  0);
        }
        CHECK(strcmp(found[ROWS - 1], words[ROWS - 1]) == 0);
        trn_free(&found);
        trn_vectors_close(&vectors);
        erase();
    }
}

static trn_status_t open_and_close(void *argument) {
    (void)argument;
    trn_vectors_t *vectors;
    char **words;
    TRN_TRY(trn_vectors_open(&vectors, comm, path, TRN_FORMAT_GLOVE, &refuse, &words));
    trn_free(&words);
    trn_vectors_close(&vectors);
    return TRN_OK;
}

static void memory_runs_out(void) {
    put("a 1 2\nb 3 4\n", 12);
    harness_inject(open_and_close, NULL);
    erase();
}

HARNESS_MAIN({"name file", name_file}, {"bad text", bad_text}, {"bad binary", bad_binary},
             {"binary out of step", binary_out_of_step}, {"words by the rules", words_by_the_rules},
             {"numbers for words", numbers_for_words}, {"names with blanks", names_with_blanks},
             {"repeated words over blocks", repeated_words_over_blocks}, {"dialects", dialects},
             {"text keeps floats", text_keeps_floats}, {"memory runs out", memory_runs_out})
