/* io/text/magic: files of other formats are called by their names, and text is left in peace. */
#include "io/text/magic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Bytes at the start, and perhaps more of them at a place behind. */
typedef struct sample {
    const char *bytes;
    size_t length;
    const char *what; /* part of the name; NULL: text */
} sample_t;

#define SAMPLE(bytes, what)                                                                        \
    { bytes, sizeof bytes - 1, what }

static const sample_t samples[] = {
    SAMPLE("\xba\x16\x4f\x2f\x0c\0\0\0", "fastText"),
    SAMPLE("PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0c\0\0\0weights0.npy",
           "NumPy archive"),
    SAMPLE("PK\x03\x04\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x12\0archive/data.pklFB",
           "PyTorch"),
    SAMPLE("PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml",
           "Office"),
    SAMPLE("PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt",
           "a zip archive"),
    SAMPLE("PK\x03\x04", NULL), /* too short to be one */
    SAMPLE("\x80\x04\x95\x0a\0\0\0\0\0\0\0", "pickle"),
    SAMPLE("\x80\x02]q\0.", "pickle"),
    SAMPLE("7z\xbc\xaf\x27\x1c\0\x04", "7z"),
    SAMPLE("Rar!\x1a\x07\x01\0", "rar"),
    SAMPLE("\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x30", "lzma"),
    SAMPLE("\x5d\0\0\x80\0\x10\0\0\0\0\0\0\0\0\x30", "lzma"),
    SAMPLE("]no lzma, text", NULL),
    SAMPLE("\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\"", "safetensors"),
    SAMPLE("\x89HDF\r\n\x1a\n\0\0", "HDF5"),
    SAMPLE("\x93NUMPY\x01\0", "NumPy array"),
    SAMPLE("PAR1\x15\x04\x15\x10", "Parquet"),
    SAMPLE("PAR1 and PAR2 are words of a text\n", NULL),
    SAMPLE("ARROW1\0\0\xff\xff", "Arrow"),
    SAMPLE("\x89PNG\r\n\x1a\n", "PNG"),
    SAMPLE("\xff\xd8\xff\xe0", "JPEG"),
    SAMPLE("%PDF-1.4\n%", "PDF"),
    SAMPLE("\x7f"
           "ELF\x02\x01",
           "ELF"),
    SAMPLE("GGUF\x03\0\0\0", "GGUF"),
    SAMPLE("GGUF is a format\n", NULL),
    SAMPLE("SQLite format 3\0\x10", "SQLite"),
    SAMPLE("\xff\xfe"
           "a\0b\0",
           "UTF-16"),
    SAMPLE("\xfe\xff\0a\0b", "UTF-16"),
    SAMPLE("\xff\xfe\0\0a\0\0\0", "UTF-32"),
    SAMPLE("a\0 \0b\0\n\0", "UTF-16 text (little"),
    SAMPLE("\0a\0 \0b\0\n", "UTF-16 text (big"),
    SAMPLE("a\0b\0\0\0", NULL), /* binary, but which? */
    SAMPLE("\x04\x22\x4d\x18\x64\x40", "lz4"),
    SAMPLE("BZh91AY&SY\0\0", "bzip2"),
    SAMPLE("BZh is a word, BZh9 too\n", NULL),
    SAMPLE("version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
    SAMPLE("", NULL),
    SAMPLE("a", NULL),
    SAMPLE("plain words\n", NULL),
    SAMPLE("\xef\xbb\xbfwords with a mark\n", NULL),
    SAMPLE("3 2\nword \x01\x02\x03\x04\x05\x06\x07\x08\n", NULL), /* word2vec binary */
};

static void every_format_has_a_name_and_a_cure(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const char *what = "none", *cure = NULL;
        bool found = trn_magic_find(samples[i].bytes, samples[i].length, &what, &cure);
        if (found != (samples[i].what != NULL)) fail_msg("sample %zu: %s", i, what);
        if (!found) continue;
        if (!strstr(what, samples[i].what)) fail_msg("'%s' is not '%s'", what, samples[i].what);
        assert_true(strlen(cure) > 5);
        assert_int_equal(trn_magic_refuse("f", "text", samples[i].bytes, samples[i].length),
                         TRN_INPUT);
        assert_non_null(strstr(trn_message(), what));
        assert_non_null(strstr(trn_message(), cure));
    }
}

static void a_tar_archive_says_so_late(void **state) {
    (void)state;
    char head[TRN_MAGIC_BYTES] = "notes.txt";
    const char *what, *cure;
    assert_false(trn_magic_find(head, sizeof head, &what, &cure));
    memcpy(head + 257, "ustar", 6);
    assert_true(trn_magic_find(head, sizeof head, &what, &cure));
    assert_non_null(strstr(what, "tar"));
    assert_false(trn_magic_find(head, 261, &what, &cure));
}

/* No prefix of a file makes the look read behind it (for the sanitizers), or name another format
 * than the whole does. */
static void prefixes_are_safe(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (size_t length = 0; length <= samples[i].length; length++) {
            char *copy = test_malloc(length ? length : 1);
            memcpy(copy, samples[i].bytes, length);
            const char *what, *cure;
            (void)trn_magic_find(copy, length, &what, &cure);
            (void)trn_coding_of(copy, length);
            (void)trn_mark_bytes(copy, length);
            test_free(copy);
        }
}

static void what_can_be_read_compressed(void **state) {
    (void)state;
    static const struct {
        sample_t head;
        trn_coding_t coding;
    } cases[] = {
        {SAMPLE("\x1f\x8b\x08", ""), TRN_CODING_GZIP},
        {SAMPLE("BZh91AY&SY", ""), TRN_CODING_BZIP2},
        {SAMPLE("BZh1\x17rE8P\x90", ""), TRN_CODING_BZIP2},
        {SAMPLE("BZh91A", ""), TRN_CODING_BZIP2}, /* cut short */
        {SAMPLE("BZh9 words", ""), TRN_CODING_NONE},
        {SAMPLE("BZh0"
                "1AY&SY",
                ""),
         TRN_CODING_NONE},
        {SAMPLE("BZh", ""), TRN_CODING_NONE},
        {SAMPLE("\xfd"
                "7zXZ\0",
                ""),
         TRN_CODING_XZ},
        {SAMPLE("\x28\xb5\x2f\xfd", ""), TRN_CODING_ZSTD},
        {SAMPLE("\x50\x2a\x4d\x18", ""), TRN_CODING_ZSTD},
        {SAMPLE("\x5f\x2a\x4d\x18", ""), TRN_CODING_ZSTD},
        {SAMPLE("\x60\x2a\x4d\x18", ""), TRN_CODING_NONE},
        {SAMPLE("", ""), TRN_CODING_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(trn_coding_of(cases[i].head.bytes, cases[i].head.length), cases[i].coding);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_a_name_and_a_cure),
        cmocka_unit_test(a_tar_archive_says_so_late),
        cmocka_unit_test(prefixes_are_safe),
        cmocka_unit_test(what_can_be_read_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
