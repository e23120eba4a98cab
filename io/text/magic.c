/* magic.c: the one table of formats that are told by their first bytes (magic.h), so that a file of
 * another kind is called by its name and not "invalid UTF-8".
 *
 * Signatures of printable letters might begin a text as well: those count only if one of the next
 * bytes is a control character that no text has. */
#include "io/text/magic.h"

#include <stdint.h>
#include <string.h>

enum {
    BINARY_WITHIN = 24, /* bytes behind a printable signature in which a control must stand */
    ZIP_NAME = 30,      /* where the name of a zip archive's first member begins */
    WIDE_BYTES = 64     /* looked at to tell UTF-16 without a mark */
};

static const char unpack[] = "unpack it and give what is inside";
static const char text_wanted[] = "give the text itself";

typedef struct magic {
    size_t at, length;
    const char *bytes;
    bool printable; /* count it only with a control character behind it */
    const char *what, *cure;
} magic_t;

#define MAGIC(at, bytes, what, cure)                                                               \
    { at, sizeof bytes - 1, bytes, false, what, cure }
#define PRINTABLE(at, bytes, what, cure)                                                           \
    { at, sizeof bytes - 1, bytes, true, what, cure }

/* The first that fits wins: UTF-32 before UTF-16, whose mark it begins with. */
static const magic_t formats[] = {
    MAGIC(0, "\xff\xfe\0\0", "UTF-32 text", "convert it with iconv -f UTF-32 -t UTF-8"),
    MAGIC(0, "\0\0\xfe\xff", "UTF-32 text", "convert it with iconv -f UTF-32 -t UTF-8"),
    MAGIC(0, "\xff\xfe", "UTF-16 text", "convert it with iconv -f UTF-16 -t UTF-8"),
    MAGIC(0, "\xfe\xff", "UTF-16 text", "convert it with iconv -f UTF-16 -t UTF-8"),
    MAGIC(0, "\xba\x16\x4f\x2f", "a fastText model",
          "give its vectors, the .vec file beside it or `fasttext print-word-vectors`"),
    MAGIC(0, "\x93NUMPY", "a NumPy array (.npy)",
          "give text, or name it .npy if a matrix is meant"),
    MAGIC(0, "\x89HDF\r\n\x1a\n", "an HDF5 file", "give text, or name it .h5 if a matrix is meant"),
    MAGIC(0, "7z\xbc\xaf\x27\x1c", "a 7z archive", unpack),
    MAGIC(0, "Rar!\x1a\x07", "a rar archive", unpack),
    MAGIC(0, "PK\x05\x06", "an empty zip archive", text_wanted),
    MAGIC(257, "ustar", "a tar archive", unpack),
    MAGIC(0, "\x1f\x8b", "compressed with gzip", "decompress it first"),
    MAGIC(0, "\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first"),
    MAGIC(0, "\xfd\x37zXZ", "compressed with xz", "decompress it first"),
    MAGIC(0, "\x04\x22\x4d\x18", "compressed with lz4", "decompress it, or use .gz .bz2 .xz .zst"),
    MAGIC(0, "\x89LZO", "compressed with lzop", "decompress it, or use .gz .bz2 .xz .zst"),
    MAGIC(0, "\x1f\x9d", "compressed with compress (.Z)", "use .gz .bz2 .xz .zst"),
    MAGIC(0, "LZIP\x01", "compressed with lzip", "decompress it, or use .gz .bz2 .xz .zst"),
    MAGIC(0, "\x89PNG\r\n\x1a\n", "a PNG picture", text_wanted),
    MAGIC(0, "\xff\xd8\xff", "a JPEG picture", text_wanted),
    MAGIC(0,
          "\x7f"
          "ELF",
          "a program or library (ELF)", text_wanted),
    MAGIC(0, "SQLite format 3\0", "an SQLite database", "export a table as text"),
    MAGIC(0, "ARROW1\0\0", "an Arrow (Feather) table", "export its columns as text or .npy"),
    MAGIC(0, "FEA1\0", "a Feather table", "export its columns as text or .npy"),
    MAGIC(0, "MATLAB 5.0 MAT-file", "a MATLAB file", "save it as .mtx or .npy"),
    MAGIC(0, "%PDF-", "a PDF document", "extract its text, e.g. with pdftotext"),
    MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", "save it as plain text"),
    MAGIC(0, "version https://git-lfs.github.com/spec/",
          "a pointer of Git LFS, not the file itself", "fetch it with `git lfs pull`"),
    PRINTABLE(0, "PAR1", "a Parquet table", "export its columns as text or .npy"),
    PRINTABLE(0, "GGUF", "a GGUF model", "export its tensors as .npy"),
    PRINTABLE(0, "BZh", "compressed with bzip2", "decompress it first"),
};

/* Line ends, tabs and form feeds stand in texts. */
static bool is_control(unsigned char byte) {
    return byte < ' ' && !(byte >= '\t' && byte <= '\r');
}

static bool control_follows(const unsigned char *head, size_t from, size_t bytes) {
    for (size_t i = from; i < bytes && i < from + BINARY_WITHIN; i++)
        if (is_control(head[i])) return true;
    return false;
}

/* A file cut within its signature fits none. */
static bool fits(const magic_t *magic, const unsigned char *head, size_t bytes) {
    size_t end = magic->at + magic->length;
    return bytes >= end && memcmp(head + magic->at, magic->bytes, magic->length) == 0 &&
           (!magic->printable || control_follows(head, end, bytes));
}

static bool name_has(const char *name, size_t bytes, const char *part) {
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= bytes; i++)
        if (memcmp(name + i, part, length) == 0) return true;
    return false;
}

/* Many formats are zip archives; the name of the first member tells which. */
static bool find_zip(const unsigned char *head, size_t bytes, const char **what,
                     const char **cure) {
    if (bytes < ZIP_NAME || memcmp(head, "PK\x03\x04", 4) != 0) return false;
    size_t length = head[26] | (size_t)head[27] << 8, room = bytes - ZIP_NAME;
    const char *name = (const char *)head + ZIP_NAME;
    if (length > room) length = room;
    *what = "a zip archive";
    *cure = unpack;
    if (name_has(name, length, ".npy")) {
        *what = "a NumPy archive (.npz)";
        *cure = "trunnion convert takes an array out of it, as FILE.npz:NAME";
    } else if (name_has(name, length, "data.pkl")) {
        *what = "a PyTorch file";
        *cure = "trunnion convert takes a tensor out of it, as FILE:TENSOR";
    } else if (name_has(name, length, "[Content_Types].xml")) {
        *what = "an Office document";
        *cure = "save it as plain text";
    }
    return true;
}

/* A pickle of protocol 2 to 5 begins with 0x80 and that number, and no UTF-8 does. */
static bool find_pickle(const unsigned char *head, size_t bytes) {
    return bytes >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

/* Eight bytes of length, below 100 MB by that format's rules, then a JSON object. */
static bool find_safetensors(const unsigned char *head, size_t bytes) {
    return bytes >= 10 && head[8] == '{' && (head[9] == '"' || head[9] == '}') &&
           memcmp(head + 4, "\0\0\0\0", 4) == 0 && head[3] <= 6;
}

/* .lzma has no signature: properties of the usual encoder, a dictionary of 2^n or 2^n + 2^(n-1)
 * bytes, and an unpacked size that is unknown (all ones) or below 2^40. */
static bool find_lzma(const unsigned char *head, size_t bytes) {
    if (bytes < 13 || head[0] != 0x5d) return false;
    uint32_t dictionary =
        head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 | (uint32_t)head[4] << 24;
    uint32_t low = dictionary & (0 - dictionary); /* its lowest bit */
    bool unknown = memcmp(head + 5, "\xff\xff\xff\xff\xff\xff\xff\xff", 8) == 0;
    return dictionary >= 4096 && (dictionary == low || dictionary == 3 * low) &&
           (unknown || memcmp(head + 10, "\0\0\0", 3) == 0);
}

/* Letters of one byte and a NUL in turn, from the first or the second byte on. */
static bool find_wide(const unsigned char *head, size_t bytes) {
    size_t some = bytes < WIDE_BYTES ? bytes & ~(size_t)1 : WIDE_BYTES;
    int nul = some > 0 && head[0] == 0 ? 0 : 1;
    for (size_t i = 0; i < some; i++)
        if ((head[i] == 0) != ((int)(i & 1) == nul) || is_control(head[i]) != (head[i] == 0))
            return false;
    return some >= 4;
}

/* First the table, then formats that are told by more than a fixed signature, from the surest to
 * the vaguest. */
bool trn_magic_find(const void *head, size_t bytes, const char **what, const char **cure) {
    const unsigned char *data = head;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!fits(&formats[i], data, bytes)) continue;
        *what = formats[i].what;
        *cure = formats[i].cure;
        return true;
    }
    if (find_zip(data, bytes, what, cure)) return true;
    if (find_pickle(data, bytes)) {
        *what = "a Python pickle";
        *cure = "save the array with numpy.save as .npy, or the words as text";
    } else if (find_safetensors(data, bytes)) {
        *what = "a safetensors file";
        *cure = "save the tensor with numpy.save as .npy";
    } else if (find_lzma(data, bytes)) {
        *what = "compressed with lzma (.lzma)";
        *cure = "decompress it, or use .gz .bz2 .xz .zst";
    } else if (find_wide(data, bytes)) {
        *what = data[0] ? "UTF-16 text (little-endian, without a mark)"
                        : "UTF-16 text (big-endian, without a mark)";
        *cure = data[0] ? "convert it with iconv -f UTF-16LE -t UTF-8"
                        : "convert it with iconv -f UTF-16BE -t UTF-8";
    } else {
        return false;
    }
    return true;
}

trn_status_t trn_magic_refuse(const char *path, const char *wanted, const void *head,
                              size_t bytes) {
    const char *what, *cure;
    if (!trn_magic_find(head, bytes, &what, &cure)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: is %s, not %s; %s", path, what, wanted, cure);
}

/* Only codings that we decompress; the others are refused by their names. */
trn_coding_t trn_coding_of(const void *head, size_t bytes) {
    const unsigned char *data = head;
    if (bytes >= 2 && memcmp(data, "\x1f\x8b", 2) == 0) return TRN_CODING_GZIP;
    if (bytes >= 6 && memcmp(data, "\xfd\x37zXZ", 6) == 0) return TRN_CODING_XZ;
    if (bytes >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0) return TRN_CODING_ZSTD;
    /* A skippable frame, which may come before others. */
    if (bytes >= 4 && (data[0] & 0xf0) == 0x50 && memcmp(data + 1, "\x2a\x4d\x18", 3) == 0)
        return TRN_CODING_ZSTD;
    /* Level 1 to 9, then the signature of a block or of the end of an empty stream, as much of it
     * as a file that was cut short has. */
    size_t more = bytes < 10 ? bytes - 4 : 6;
    if (bytes >= 4 && memcmp(data, "BZh", 3) == 0 && data[3] >= '1' && data[3] <= '9' &&
        (memcmp(data + 4, "1AY&SY", more) == 0 || memcmp(data + 4, "\x17rE8P\x90", more) == 0))
        return TRN_CODING_BZIP2;
    return TRN_CODING_NONE;
}

/* The byte order mark of UTF-8, which editors of Windows write. */
int trn_mark_bytes(const void *head, size_t bytes) {
    return bytes >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}
