/* rows_names.c: the names of rows, from the file or from a list beside it. No rank needs to hold
 * all of them unless it asks for them: rank 0 reads them in blocks and hands them on. */
#include "base/mem.h"
#include "base/strings.h"
#include "io/rows/rows_impl.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/list.h"
#include "text/utf8.h"

#include <limits.h>
#include <string.h>

/* Lists ---------------------------------------------------------------------------------------- */

/* Names one after the other, each ended by NUL. */
typedef struct text {
    char *bytes;
    int64_t used, capacity, count;
} text_t;

static trn_status_t add(text_t *text, const char *name, int64_t length) {
    if (text->used + length + 1 > text->capacity) {
        int64_t capacity = 2 * text->capacity + length + 4096;
        TRN_TRY(trn_realloc(&text->bytes, capacity, 1, "names of rows"));
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->used, name, (size_t)length);
    text->bytes[text->used + length] = '\0';
    if (!trn_utf8_valid(text->bytes + text->used)) return TRN_INPUT;
    text->used += length + 1;
    text->count++;
    return TRN_OK;
}

static trn_status_t add_line(text_t *text, const char *file, int64_t line, const char *name,
                             int64_t length) {
    trn_status_t status = add(text, name, length);
    if (status != TRN_INPUT) return status;
    return trn_fail(TRN_INPUT, "%s:%lld: the name is not valid UTF-8; recode the file with iconv",
                    file, (long long)line);
}

/* Lines with a tab: a name, blanks and all, is what stands before it. */
static trn_status_t take_columns(const char *file, const char *at, text_t *text) {
    for (int64_t line = 1; *at; line++) {
        size_t length = strcspn(at, "\n"), name = strcspn(at, "\t\n");
        if (name == length)
            return trn_fail(TRN_INPUT,
                            "%s:%lld: has no tab, but lines before it have; write 'NAME<tab>...' "
                            "in every line or in none",
                            file, (long long)line);
        TRN_TRY(add_line(text, file, line, at, (int64_t)name));
        at += length + (at[length] == '\n');
    }
    return TRN_OK;
}

/* Other lines: a word, or a word and numbers. Blank lines may stand at the end only. */
static trn_status_t take_words(const char *file, const char *content, text_t *text) {
    trn_list_t list = trn_list_begin(file, content, (int64_t)strlen(content));
    const char *word;
    int64_t length, blank = 0;
    for (;;) {
        TRN_TRY(trn_list_next(&list, &word, &length));
        if (!word) return TRN_OK;
        if (length == 0 && !blank) blank = list.line;
        if (length == 0) continue;
        if (blank)
            return trn_fail(TRN_INPUT, "%s:%lld: the line is blank, where row %lld has its name",
                            file, (long long)blank, (long long)text->count + 1);
        TRN_TRY(add_line(text, file, list.line, word, length));
    }
}

/* Rank 0: the list beside the file. */
static trn_status_t read_list(trn_rows_t *rows) {
    char *content = NULL;
    text_t text = {0};
    TRN_TRY(trn_share_file(MPI_COMM_SELF, rows->names_file, &content));
    const char *begin = content + (strncmp(content, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    bool columns = memchr(begin, '\t', strcspn(begin, "\n")) != NULL;
    trn_status_t status = columns ? take_columns(rows->names_file, begin, &text)
                                  : take_words(rows->names_file, begin, &text);
    trn_free(&content);
    if (status == TRN_OK && text.count != rows->about.rows)
        status = trn_fail(TRN_INPUT, "%s: %lld names for the %lld rows of %s", rows->names_file,
                          (long long)text.count, (long long)rows->about.rows, rows->path);
    if (status == TRN_OK) status = trn_strings_make(text.count, text.bytes, text.used, &rows->list);
    trn_free(&text.bytes);
    return status;
}

/* Blocks --------------------------------------------------------------------------------------- */

trn_status_t trn_rows_names_block(trn_rows_t *rows, int64_t first, int64_t count, char ***names) {
    *names = NULL;
    if (!rows->about.named)
        return trn_fail(TRN_INPUT,
                        "%s: has no names for its rows; give them in a file, one a line, as "
                        "--vocab FILE or as %s.vocab",
                        rows->path, rows->source.path);
    if (!rows->names_file) return rows->source.format->names(&rows->source, first, count, names);
    trn_status_t status = TRN_OK;
    if (rows->rank == 0 && !rows->list) status = read_list(rows);
    if (rows->rank == 0 && status == TRN_OK)
        status = trn_strings_copy(count, rows->list + first, names);
    return trn_agree(rows->comm, status);
}

/* Block number b: its names and how many. Collective. */
static trn_status_t next_block(trn_rows_t *rows, int64_t first, int64_t *count, char ***names) {
    int64_t left = rows->about.rows - first;
    *count = left < TRN_NAMES_BLOCK ? left : TRN_NAMES_BLOCK;
    return trn_rows_names_block(rows, first, *count, names);
}

/* All names on rank 0 as one text. Collective. */
static trn_status_t gather_text(trn_rows_t *rows, text_t *text) {
    int64_t count;
    for (int64_t first = 0; first < rows->about.rows; first += count) {
        char **names;
        TRN_TRY(next_block(rows, first, &count, &names));
        trn_status_t status = TRN_OK;
        for (int64_t i = 0; i < count && rows->rank == 0 && status == TRN_OK; i++)
            status = add(text, names[i], (int64_t)strlen(names[i]));
        trn_free(&names);
        if (status == TRN_INPUT)
            status = trn_fail(TRN_INPUT, "%s: the name of row %lld is not valid UTF-8", rows->path,
                              (long long)(first + text->count % TRN_NAMES_BLOCK + 1));
        TRN_AGREE(rows->comm, status);
    }
    return TRN_OK;
}

trn_status_t trn_rows_names(trn_rows_t *rows, char ***names) {
    text_t text = {0};
    *names = NULL;
    trn_status_t status;
    TRN_OR(done, gather_text(rows, &text));
    TRN_OR(done, trn_share(rows->comm, &text.bytes, &text.used, "names of rows"));
    status =
        trn_agree(rows->comm, trn_strings_make(rows->about.rows, text.bytes, text.used, names));
done:
    trn_free(&text.bytes);
    if (status != TRN_OK) trn_free(names);
    return status;
}

trn_status_t trn_rows_feed(void *self, const char *name, int64_t first, int64_t count,
                           const char *const **names) {
    trn_names_feed_t *feed = self;
    (void)name;
    trn_free(&feed->block);
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_rows_names_block(feed->rows, first, count, &feed->block));
    *names = (const char *const *)feed->block;
    return TRN_OK;
}

/* Each rank its own -----------------------------------------------------------------------------
 */

/* Rows that a rank asked for, and the bytes of their names. */
typedef struct wish {
    int64_t first, count, bytes;
} wish_t;

/* The part of names [first, first + count) that a rank asked for: [*from, *end) of the block. */
static bool overlap(const wish_t *wish, int64_t first, int64_t count, int64_t *from, int64_t *end) {
    *from = wish->first > first ? wish->first - first : 0;
    *end = wish->first + wish->count - first;
    if (*end > count) *end = count;
    return *from < *end;
}

/* Rank 0 counts what everybody will receive. Collective. */
static trn_status_t count_bytes(trn_rows_t *rows, wish_t *wishes) {
    int64_t count, from, end;
    for (int64_t first = 0; first < rows->about.rows; first += count) {
        char **names;
        TRN_TRY(next_block(rows, first, &count, &names));
        for (int r = 0; r < rows->ranks && rows->rank == 0; r++)
            if (overlap(&wishes[r], first, count, &from, &end))
                wishes[r].bytes += trn_strings_bytes(end - from, names + from);
        trn_free(&names);
    }
    return TRN_OK;
}

/* The text of names[from ... end) as one run of bytes: a list of ours lies so already, but where
 * names follow each other is for its maker to know. */
static void pack(char **names, int64_t from, int64_t end, char *to) {
    for (int64_t i = from; i < end; i++) {
        size_t bytes = strlen(names[i]) + 1;
        memcpy(to, names[i], bytes);
        to += bytes;
    }
}

/* Rank 0 reads, the others receive, block by block; a block that cannot be read ends it for all,
 * and nothing else can fail. Collective. */
static trn_status_t hand_out(trn_rows_t *rows, const wish_t *wishes, char *packet, char *text) {
    enum { TAG = 3 };
    int64_t count, from, end;
    for (int64_t first = 0; first < rows->about.rows; first += count) {
        char **names;
        TRN_TRY(next_block(rows, first, &count, &names));
        for (int r = 0; r < rows->ranks && rows->rank == 0; r++) {
            if (!overlap(&wishes[r], first, count, &from, &end)) continue;
            int64_t bytes = trn_strings_bytes(end - from, names + from);
            pack(names, from, end, r == 0 ? text : packet);
            if (r == 0)
                text += bytes;
            else
                MPI_Send(packet, (int)bytes, MPI_BYTE, r, TAG, rows->comm);
        }
        if (rows->rank > 0 && overlap(&wishes[rows->rank], first, count, &from, &end)) {
            MPI_Status message;
            int bytes;
            MPI_Probe(0, TAG, rows->comm, &message);
            MPI_Get_count(&message, MPI_BYTE, &bytes);
            MPI_Recv(text, bytes, MPI_BYTE, 0, TAG, rows->comm, MPI_STATUS_IGNORE);
            text += bytes;
        }
        trn_free(&names);
    }
    return TRN_OK;
}

static trn_status_t make_room(const trn_rows_t *rows, const wish_t *wishes, char **packet,
                              char **text) {
    int64_t most = 0, mine = wishes[rows->rank].bytes;
    for (int r = 0; r < rows->ranks; r++)
        if (wishes[r].bytes > most) most = wishes[r].bytes;
    if (most > INT_MAX)
        return trn_fail(TRN_MEMORY, "%s: %lld bytes of names for one rank; use more ranks",
                        rows->path, (long long)most);
    TRN_TRY(trn_alloc(text, mine, 1, "names of rows"));
    return trn_alloc(packet, rows->rank == 0 ? most : 0, 1, "names of rows");
}

trn_status_t trn_rows_some_names(trn_rows_t *rows, int64_t first, int64_t count, char ***names) {
    wish_t mine = {first, count, 0}, *wishes = NULL;
    char *packet = NULL, *text = NULL;
    *names = NULL;
    trn_status_t status;
    TRN_OR(done, trn_agree(rows->comm, trn_alloc(&wishes, rows->ranks, sizeof *wishes, "names")));
    MPI_Allgather(&mine, 3, MPI_INT64_T, wishes, 3, MPI_INT64_T, rows->comm);
    TRN_OR(done, count_bytes(rows, wishes));
    MPI_Bcast(wishes, 3 * rows->ranks, MPI_INT64_T, 0, rows->comm);
    TRN_OR(done, trn_agree(rows->comm, make_room(rows, wishes, &packet, &text)));
    TRN_OR(done, hand_out(rows, wishes, packet, text));
    status = trn_agree(rows->comm, trn_strings_make(count, text, wishes[rows->rank].bytes, names));
done:
    trn_free(&wishes);
    trn_free(&packet);
    trn_free(&text);
    if (status != TRN_OK) trn_free(names);
    return status;
}

/* Names that a function hands on ----------------------------------------------------------------
 */

trn_status_t trn_names_bytes(trn_names_source_t source, void *self, int64_t rows, int64_t *bytes) {
    *bytes = 0;
    for (int64_t first = 0, count; first < rows; first += count) {
        const char *const *names = NULL;
        count = rows - first < TRN_NAMES_BLOCK ? rows - first : TRN_NAMES_BLOCK;
        TRN_TRY(source(self, "", first, count, &names));
        if (names) *bytes += trn_strings_bytes(count, (char *const *)names);
    }
    return source(self, "", 0, 0, NULL);
}

/* The next block, rank 0's names as one text on every rank. Collective. */
static trn_status_t share_block(MPI_Comm comm, trn_names_source_t source, void *self, wish_t block,
                                text_t *text) {
    const char *const *names = NULL;
    trn_status_t status;
    *text = (text_t){0};
    TRN_TRY(source(self, "", block.first, block.count, &names));
    status = TRN_OK;
    for (int64_t i = 0; names && i < block.count && status == TRN_OK; i++)
        status = add(text, names[i], (int64_t)strlen(names[i]));
    TRN_OR(done, trn_agree(comm, status));
    status = trn_share(comm, &text->bytes, &text->used, "names of rows");
done:
    if (status != TRN_OK) trn_free(&text->bytes);
    return status;
}

trn_status_t trn_names_own(MPI_Comm comm, trn_names_source_t source, void *self, int64_t rows,
                           int64_t first, int64_t count, char ***names) {
    wish_t mine = {first, count, 0};
    text_t all = {0}, text;
    trn_status_t status = TRN_OK;
    *names = NULL;
    for (int64_t at = 0, n, from, end; at < rows && status == TRN_OK; at += n) {
        n = rows - at < TRN_NAMES_BLOCK ? rows - at : TRN_NAMES_BLOCK;
        TRN_OR(done, share_block(comm, source, self, (wish_t){at, n, 0}, &text));
        if (!overlap(&mine, at, n, &from, &end)) from = end = 0;
        const char *name = text.bytes;
        for (int64_t i = 0; i < end && status == TRN_OK; i++, name += strlen(name) + 1)
            if (i >= from) status = add(&all, name, (int64_t)strlen(name));
        trn_free(&text.bytes);
        status = trn_agree(comm, status);
    }
    if (status == TRN_OK)
        status = trn_agree(comm, trn_strings_make(count, all.bytes, all.used, names));
    if (status == TRN_OK) status = source(self, "", 0, 0, NULL);
done:
    trn_free(&all.bytes);
    if (status != TRN_OK) trn_free(names);
    return status;
}
