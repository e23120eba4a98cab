/* Inputs on all ranks: files that change while they are read are refused by every reader of text on
 * every rank, lists are bounded, and what one rank sees of a pipe holds for all.
 *
 * A change must come at a known place, so this program has a read(2) of its own, in which another
 * program's work is done before a given call on a given file. */
#define _GNU_SOURCE
#include "algo/words/corpus.h"
#include "io/rows/rows.h"
#include "io/share.h"
#include "io/text/input.h"
#include "io/vectors.h"
#include "mpi/agree.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[] = "/tmp/trn_inputs_XXXXXX.mtx"; /* named by rank 0 before the first test */

/* The other program, and signals that break calls off ------------------------------------------ */

static struct {
    int64_t at;    /* before which call on the file, from 1; 0: never */
    int64_t calls; /* so far */
    int64_t bytes; /* to cut the file to */
    bool broken;   /* every call is cut short, and every second one fails with EINTR */
} other;

ssize_t read(int fd, void *buffer, size_t bytes) {
    char link[64], name[4096];
    bool looks = other.at > 0 || other.broken;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = looks ? readlink(link, name, sizeof name - 1) : 0;
    name[length > 0 ? length : 0] = '\0';
    if (strcmp(name, path) != 0) return syscall(SYS_read, fd, buffer, bytes);
    other.calls++;
    if (other.calls == other.at) CHECK(truncate(path, other.bytes) == 0);
    if (other.broken && other.calls % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    size_t some = other.broken ? 1 + (size_t)(other.calls * 7919 % 9973) : bytes;
    return syscall(SYS_read, fd, buffer, some < bytes ? some : bytes);
}

static void name_file(void) {
    int file = rank == 0 ? mkstemps(path, 4) : -1;
    if (rank == 0 && CHECK(file >= 0)) close(file);
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, comm);
}

static void erase(void) {
    MPI_Barrier(comm);
    if (rank == 0) unlink(path);
}

/* Rank 0 writes `count` lines that printf makes of each line's number, behind a first one. */
static void put_lines(const char *first, const char *format, int count) {
    MPI_Barrier(comm);
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        CHECK(file != NULL);
        fputs(first, file);
        for (int i = 1; i <= count; i++)
            fprintf(file, format, i); // NOLINT
        fclose(file);
    }
    MPI_Barrier(comm);
}

static void says(const char *pattern) {
    char text[400];
    snprintf(text, sizeof text, "'%.200s' does not say '%s'", trn_message(), pattern);
    harness_check(strstr(trn_message(), pattern) != NULL, __FILE__, __LINE__, text);
}

/* Readers, collective -------------------------------------------------------------------------- */

static trn_status_t read_corpus(void) {
    static const trn_token_options_t options = {.max_line = 1 << 20};
    trn_corpus_report_t report;
    trn_words_t *words = NULL;
    trn_spool_t *stream = NULL;
    trn_status_t status = trn_words_create(&words);
    if (status == TRN_OK) status = trn_spool_create(&stream, "/tmp", INT64_MAX);
    if (status == TRN_OK)
        status = trn_corpus_read(comm, 1, (char *[]){path}, &options, words, stream, &report);
    trn_spool_destroy(&stream);
    trn_words_destroy(&words);
    return status;
}

static trn_status_t read_vectors_as(trn_format_t format) {
    trn_vectors_t *vectors;
    char **words;
    TRN_TRY(trn_vectors_open(&vectors, comm, path, format, &(trn_word_rules_t){0}, &words));
    int64_t rows = trn_vectors_rows(vectors);
    float *values = malloc((size_t)(rows * trn_vectors_dim(vectors)) * sizeof *values);
    trn_status_t status = trn_agree(comm, trn_vectors_read(vectors, 0, rows, values));
    free(values);
    trn_free(&words);
    trn_vectors_close(&vectors);
    return status;
}
static trn_status_t read_glove(void) {
    return read_vectors_as(TRN_FORMAT_GLOVE);
}
static trn_status_t read_word2vec(void) {
    return read_vectors_as(TRN_FORMAT_WORD2VEC);
}

static trn_status_t read_mtx(void) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){.format = "mtx"}));
    trn_status_t status = trn_rows_verify(rows);
    trn_rows_close(&rows);
    return status;
}

static trn_status_t read_list(void) {
    char *text;
    trn_status_t status = trn_share_file(comm, path, &text);
    trn_free(&text);
    return status;
}

static const struct {
    const char *name;
    trn_status_t (*run)(void);
    const char *first, *format;
} readers[] = {
    {"corpus", read_corpus, "", "words of line %d\n"},
    {"GloVe", read_glove, "", "w%d 1 2 3\n"},
    {"word2vec", read_word2vec, "60000 3\n", "w%d 1 2 3\n"},
    {"coordinate matrix", read_mtx,
     "%%MatrixMarket matrix coordinate real general\n60000 9 60000\n", "%d 1 1.5\n"},
    {"array matrix", read_mtx, "%%MatrixMarket matrix array real general\n60000 1\n", "%d\n"},
    {"list", read_list, "", "word%d\n"},
};
enum { LINES = 60000, READERS = sizeof readers / sizeof *readers };

/* One rank's `at`-th read comes behind the other program's cut. */
static trn_status_t read_cut(int reader, int victim, int64_t at, int64_t bytes) {
    put_lines(readers[reader].first, readers[reader].format, LINES);
    other.calls = 0;
    other.bytes = bytes;
    other.at = rank == victim ? at : 0;
    trn_status_t status = readers[reader].run();
    other.at = 0;
    return status;
}

/* At every read of the first and the last rank: each either is refused, as changed, on all ranks,
 * or was never reached. Cuts are at the start, within and at a line end: all of them whole lines
 * for some reader. */
static void cut_files_are_refused(void) {
    static const int64_t cuts[] = {0, 16, 100000};
    for (int reader = 0; reader < READERS; reader++)
        for (int victim = 0; victim<ranks; victim += ranks> 1 ? ranks - 1 : 1) {
            int64_t before = trn_mem_now();
            bool reached = true;
            for (int64_t at = 1; reached && harness_well(); at++) {
                trn_status_t status = read_cut(reader, victim, at, cuts[at % 3]);
                reached = other.calls >= at;
                MPI_Bcast(&reached, 1, MPI_C_BOOL, victim, comm);
                if (status != (reached ? TRN_INPUT : TRN_OK)) {
                    char note[400];
                    snprintf(note, sizeof note, "%s, read %lld of rank %d: status %d (%.200s)",
                             readers[reader].name, (long long)at, victim, (int)status,
                             trn_message());
                    harness_check(false, __FILE__, __LINE__, note);
                }
                if (reached) says("changed while it was read");
                CHECK(reached || at > 1 || readers[reader].run == read_list);
            }
            CHECK_EQUAL(trn_mem_now(), before);
        }
}

static void broken_reads_change_nothing(void) {
    for (int reader = 0; reader < READERS; reader++) {
        put_lines(readers[reader].first, readers[reader].format, LINES);
        other.calls = 0;
        other.broken = true;
        CHECK_OK(readers[reader].run());
        other.broken = false;
        CHECK(other.calls > 10 || readers[reader].run == read_list);
    }
}

/* A file whose vectors are read after its words were: the second open finds another file. */
static void a_file_that_is_replaced_between_passes_is_refused(void) {
    trn_vectors_t *vectors;
    char **words;
    put_lines("", "w%d 1 2 3\n", 10);
    CHECK_OK(
        trn_vectors_open(&vectors, comm, path, TRN_FORMAT_GLOVE, &(trn_word_rules_t){0}, &words));
    put_lines("", "w%d 3 2 1\n", 10); /* of the same size */
    float values[30];
    CHECK_EQUAL(trn_agree(comm, trn_vectors_read(vectors, 0, 10, values)), TRN_INPUT);
    says("changed while it was read: written to, its size the same");
    trn_vectors_close(&vectors);
    trn_free(&words);
}

/* Lists ---------------------------------------------------------------------------------------- */

/* What is refused must be so within a few megabytes. */
static void refused_list(const char *command, const char *message) {
    char all[512], *text = NULL;
    snprintf(all, sizeof all, "(%s) >%s", command, path);
    MPI_Barrier(comm);
    if (rank == 0) CHECK_EQUAL(system(all), 0);
    MPI_Barrier(comm);
    int64_t before = trn_mem_now();
    trn_mem_reset_peak();
    CHECK_EQUAL(trn_share_file(comm, path, &text), TRN_INPUT);
    CHECK(text == NULL);
    says(message);
    CHECK(trn_mem_peak() - before < 16 << 20);
    CHECK_EQUAL(trn_mem_now(), before);
}

static void no_list_fills_memory(void) {
    refused_list("head -c 30000000 /dev/zero | gzip -1", ":1: holds a NUL byte");
    refused_list("head -c 30000000 /dev/zero | bzip2 -1", ":1: holds a NUL byte");
    refused_list("head -c 30000000 /dev/zero | xz -0", ":1: holds a NUL byte");
    refused_list("head -c 30000000 /dev/zero | zstd -q -1", ":1: holds a NUL byte");
    refused_list("yes a | head -c 30000000 | tr '\\n' ' ' | zstd -qc", ":1: a line of more than");
    refused_list("echo one; head -c 5000000 /dev/zero | tr '\\0' a",
                 ":2: a line of more than 1048576 bytes");
    refused_list("seq 100000; printf 'a\\0b\\n'; seq 10", ":100001: holds a NUL byte");
    refused_list("seq 100000 | gzip; printf 'a\\0b\\n' | gzip", ":100001: holds a NUL byte");
    refused_list("printf '\\377\\376a\\0b\\0'",
                 "is UTF-16 text, not text; convert it with iconv -f UTF-16 -t UTF-8");
}

static void a_list_is_shared(void) {
    char *text;
    put_lines("\xef\xbb\xbfone\n", "word%d\n", 2);
    CHECK_OK(trn_share_file(comm, path, &text));
    CHECK(text && strcmp(text, "one\nword1\nword2\n") == 0);
    trn_free(&text);
    put_lines("", "", 0);
    CHECK_OK(trn_share_file(comm, path, &text));
    CHECK(text && *text == '\0');
    trn_free(&text);
}

static void a_pipe_is_rank_0s(void) {
    trn_input_t inputs[3] = {{.path = path}, {.path = "-"}, {.path = "/dev/null"}};
    put_lines("", "word%d\n", 2);
    CHECK_OK(trn_inputs_look(comm, 3, inputs));
    CHECK_EQUAL(inputs[0].bytes, 12);
    CHECK(!inputs[0].stream && inputs[1].stream && inputs[2].stream);
    inputs[2].path = "-";
    CHECK_EQUAL(trn_inputs_look(comm, 3, inputs), TRN_USAGE);
    says("a pipe that is given twice");
}

HARNESS_MAIN({"name file", name_file}, {"cut files are refused", cut_files_are_refused},
             {"broken reads change nothing", broken_reads_change_nothing},
             {"a file that is replaced between passes is refused",
              a_file_that_is_replaced_between_passes_is_refused},
             {"no list fills memory", no_list_fills_memory}, {"a list is shared", a_list_is_shared},
             {"a pipe is rank 0's", a_pipe_is_rank_0s}, {"erase", erase})
