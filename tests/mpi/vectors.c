/* io/vectors: good files in all dialects, and each class of bad file refused on all ranks alike. */
#define _GNU_SOURCE
#include "io/vectors.h"
#include "harness.h"

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

/* Open and read the whole file on every rank. */
static trn_status_t read_file(trn_format_t format) {
    trn_vectors_t *vectors;
    char **words;
    TRN_TRY(trn_vectors_open(&vectors, comm, path, format, &words));
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
        {TRN_FORMAT_GLOVE, "a 1 2\nb 3 4\na 5 6\n", ":3: the word 'a' is there already, in row 1"},
        {TRN_FORMAT_GLOVE, "a 1 2\n\nb 3 4\n", ":2: the line is empty"},
        {TRN_FORMAT_GLOVE, "a\n", "without a vector"},
        {TRN_FORMAT_GLOVE, "a 1\nb\xff 2\n", ":2: the word is not valid UTF-8"},
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
    check_bad(TRN_FORMAT_BINARY, good, 12, "no word where row 2 should begin; truncated");
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
    memcpy(bad + 12, "ab", 2);
    check_bad(TRN_FORMAT_BINARY, bad, SIZE, "'ab' is there already");
    bad[12] = '\xff';
    check_bad(TRN_FORMAT_BINARY, bad, SIZE, "no word where row 2");
    erase();
}

/* Dialects: CRLF, tabs, several and trailing blanks, no last line end. */
static void dialects(void) {
    static const char *const contents[] = {"2 2\na 1 2\nb 3 4\n", "2 2\r\na 1 2\r\nb 3 4\r\n",
                                           "2 2 \na\t1\t2 \nb   3 4", "a 1 2\nb 3 4\n"};
    for (int i = 0; i < 4; i++) {
        put(contents[i], strlen(contents[i]));
        trn_format_t format;
        CHECK_OK(trn_format_of_file(&format, path));
        CHECK_EQUAL(format, i < 3 ? TRN_FORMAT_WORD2VEC : TRN_FORMAT_GLOVE);
        trn_vectors_t *vectors;
        char **words;
        CHECK_OK(trn_vectors_open(&vectors, comm, path, format, &words));
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
    static char names[ROWS][16], text[ROWS * (DIM + 1) * 20];
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
    CHECK((int64_t)sizeof text >= trn_vectors_encode_bound(ROWS, DIM, words) + 64);
    for (int f = 0; f < 3; f++) {
        int64_t bytes = trn_vectors_encode_head(formats[f], ROWS, DIM, text);
        bytes += trn_vectors_encode(formats[f], ROWS, DIM, words, values, text + bytes);
        put(text, (size_t)bytes);
        trn_vectors_t *vectors;
        char **found;
        CHECK_OK(trn_vectors_open(&vectors, comm, path, formats[f], &found));
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
    TRN_TRY(trn_vectors_open(&vectors, comm, path, TRN_FORMAT_GLOVE, &words));
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
             {"dialects", dialects}, {"text keeps floats", text_keeps_floats},
             {"memory runs out", memory_runs_out})
