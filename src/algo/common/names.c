/* names.c: see names.h. Rank 0 sees a list part by part. */
#include "algo/common/names.h"

#include "base/mem.h"
#include "base/strings.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <stdlib.h>
#include <string.h>

enum { PART = TRN_NAMES_PART };

/* Rank 0 sees a name. */
typedef trn_status_t (*see_t)(void *self, int64_t number, const char *name);

static trn_status_t see_part(trn_store_t *store, const char *list, int64_t first, int64_t count,
                             see_t see, void *self) {
    char **names;
    TRN_TRY(trn_store_read_some_strings(store, list, first, count, &names));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; names && i < count && status == TRN_OK; i++)
        status = see(self, first + i, names[i]);
    trn_free(&names);
    return status;
}

/* Show all names of a list, in order. Collective. */
static trn_status_t see_all(trn_store_t *store, MPI_Comm comm, const char *list, see_t see,
                            void *self) {
    int64_t rows;
    TRN_AGREE(comm, trn_store_need(store, list, TRN_STRING, &rows, 0));
    for (int64_t first = 0; first < rows; first += PART)
        TRN_AGREE(comm, see_part(store, list, first, rows - first < PART ? rows - first : PART, see,
                                 self));
    return TRN_OK;
}

typedef struct finder {
    trn_lookup_t *wanted;
    int32_t *numbers;
} finder_t;

static trn_status_t find(void *self, int64_t number, const char *name) {
    const finder_t *f = self;
    int64_t at = trn_lookup_find(f->wanted, name);
    if (at >= 0 && f->numbers[at] < 0) f->numbers[at] = (int32_t)number;
    return TRN_OK;
}

trn_status_t trn_names_find(trn_store_t *store, MPI_Comm comm, const char *list, int64_t count,
                            char *const *names, int32_t *numbers) {
    finder_t f = {.numbers = numbers};
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status =
        rank == 0 ? trn_lookup_create(&f.wanted, count, names, false, NULL) : TRN_OK;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = -1;
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, see_all(store, comm, list, find, &f));
    /* The table knows only the first of equal names. */
    for (int64_t i = 0; rank == 0 && i < count; i++)
        numbers[i] = numbers[trn_lookup_find(f.wanted, names[i])];
    MPI_Bcast(numbers, (int)count, MPI_INT32_T, 0, comm);
done:
    trn_lookup_destroy(&f.wanted);
    return status;
}

typedef struct guess {
    const char *typed;
    char name[TRN_NEAREST_LONGEST + 1];
    trn_nearest_t best; /* its name is ours */
} guess_t;

static trn_status_t guess(void *self, int64_t number, const char *name) {
    guess_t *g = self;
    (void)number;
    trn_nearest_try(&g->best, g->typed, name);
    if (g->best.name != name) return TRN_OK;
    strcpy(g->name, name); /* no longer than LONGEST, or it were not near */
    g->best.name = g->name;
    return TRN_OK;
}

trn_status_t trn_names_unknown(trn_store_t *store, MPI_Comm comm, const char *list,
                               const char *where, const char *name, const char *kind, int64_t count,
                               char *const *more) {
    guess_t g = {.typed = name};
    TRN_TRY(see_all(store, comm, list, guess, &g));
    for (int64_t i = 0; i < count; i++)
        guess(&g, i, more[i]);
    MPI_Bcast(g.name, sizeof g.name, MPI_CHAR, 0, comm);
    return trn_fail(TRN_INPUT, "%s: %s: no such %s in the graph%s%s%s", where, name, kind,
                    *g.name ? "; did you mean '" : "", g.name, *g.name ? "'?" : "");
}

/* Texts are put together as they come. */
typedef struct reader {
    trn_labels_t *labels;
    int64_t at; /* the next number wanted */
    char *text;
    int64_t bytes, capacity;
} reader_t;

static trn_status_t keep(void *self, int64_t number, const char *name) {
    reader_t *r = self;
    if (r->at == r->labels->count || r->labels->number[r->at] != number) return TRN_OK;
    int64_t length = (int64_t)strlen(name) + 1;
    if (r->bytes + length > r->capacity) {
        r->capacity = 2 * (r->bytes + length);
        TRN_TRY(trn_realloc(&r->text, r->capacity, 1, "names"));
    }
    memcpy(r->text + r->bytes, name, (size_t)length);
    r->bytes += length;
    r->at++;
    return TRN_OK;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The numbers that are wanted, each once. */
static trn_status_t list_wanted(trn_labels_t *labels, int64_t count, const int64_t *numbers) {
    TRN_TRY(trn_alloc(&labels->number, count, sizeof *labels->number, "numbers of names"));
    int64_t *to = labels->number, all = 0;
    for (int64_t i = 0; i < count; i++)
        if (numbers[i] >= 0) to[all++] = numbers[i];
    qsort(to, (size_t)all, sizeof *to, ascending);
    for (int64_t i = 0; i < all; i++)
        if (i == 0 || to[i] != to[i - 1]) to[labels->count++] = to[i];
    return TRN_OK;
}

trn_status_t trn_names_read(trn_store_t *store, MPI_Comm comm, const char *list, int64_t count,
                            const int64_t *numbers, trn_labels_t *labels) {
    reader_t r = {.labels = labels};
    int rank;
    MPI_Comm_rank(comm, &rank);
    *labels = (trn_labels_t){0};
    trn_status_t status = rank == 0 ? list_wanted(labels, count, numbers) : TRN_OK;
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, see_all(store, comm, list, keep, &r));
    if (rank == 0) status = trn_strings_make(labels->count, r.text, r.bytes, &labels->name);
    status = trn_agree(comm, status);
done:
    trn_free(&r.text);
    return status;
}

const char *trn_labels_name(const trn_labels_t *labels, int64_t number) {
    const int64_t *at =
        bsearch(&number, labels->number, (size_t)labels->count, sizeof number, ascending);
    return at ? labels->name[at - labels->number] : NULL;
}

void trn_labels_free(trn_labels_t *labels) {
    trn_free(&labels->number);
    trn_free(&labels->name);
    *labels = (trn_labels_t){0};
}

int64_t trn_names_look_bytes(int64_t rows) {
    enum { HEAP = 1 << 20 /* of the store: where the strings of a collection lie */ };
    int64_t some = rows < PART ? rows : PART, text = some * TRN_NAMES_USUAL;
    return HEAP + 2 * text + some * (int64_t)sizeof(char *);
}

/* Texts double as they come, and are copied into their list. */
void trn_names_read_plan(trn_ledger_t *ledger, int64_t rows, int64_t count) {
    int64_t some = count < rows ? count : rows, text = some * TRN_NAMES_USUAL;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "names", 2 * count, (int64_t)sizeof(int64_t)); /* qsort's copy */
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "names", count, (int64_t)sizeof(int64_t));
    before = *ledger;
    trn_ledger_take(ledger, "names", 2 * text + trn_names_look_bytes(rows), 1);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "names", text + some * (int64_t)sizeof(char *), 1);
}

int64_t trn_names_usual_bytes(int64_t count) {
    return count * TRN_NAMES_USUAL;
}
