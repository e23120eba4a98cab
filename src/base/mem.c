/* mem.c: see mem.h. Small blocks come from malloc. Large ones are mapped: so that they start on a
 * huge page, grow without a copy, are given back to the system when they are freed (where malloc
 * comes to keep tens of megabytes), and take no more of it than was asked for, to a page. */
#define _GNU_SOURCE
#include "base/mem.h"

#include "base/space.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 1 << 20, HUGE_PAGE = 2 << 20, HUGE_FROM = 4 << 20 };

/* Address sanitizers watch the ends of what malloc gave, and look for pointers there only. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
static const bool maps = false;
#else
static const bool maps = true;
#endif

/* Lies just before the user's bytes and fills one alignment unit. */
typedef struct header {
    int64_t bytes;  /* what was asked for */
    void *base;     /* what to free */
    size_t mapping; /* bytes from `base` on that are mapped; 0: malloc's */
} header_t;

static atomic_llong now, peak, calls, fail_at, limit, of_program, to_look;

/* Lock-free: the peak is raised only where it is still found lower. */
static void count(int64_t bytes) {
    long long total = atomic_fetch_add(&now, bytes) + bytes;
    long long seen = atomic_load(&peak);
    while (total > seen && !atomic_compare_exchange_weak(&peak, &seen, total)) {
    }
}

/* The caller's T* is read and written as bytes: its type is not known here. */
static void *pointer_get(void *pointer) {
    void *value;
    memcpy(&value, pointer, sizeof value);
    return value;
}

static void pointer_set(void *pointer, void *value) {
    memcpy(pointer, &value, sizeof value);
}

/* Just before the data, which alignment leaves room for. */
static header_t *header_of(void *data) {
    return (header_t *)((char *)data - TRN_ALIGNMENT);
}

/* One wording for all, with what was wanted and how much. */
static trn_status_t refuse(int64_t number, size_t size, const char *what) {
    return trn_fail(TRN_MEMORY, "no memory for %s (%lld x %zu bytes); use more ranks or nodes",
                    what, (long long)number, size);
}

/* The limit and the injected failure, for an allocation of number x size = *bytes bytes in place of
 * `former` ones. */
static trn_status_t allow(int64_t number, size_t size, int64_t former, size_t *bytes,
                          const char *what) {
    long long call = atomic_fetch_add(&calls, 1) + 1, bad = atomic_load(&fail_at);
    if (bad > 0 && call >= bad) return refuse(number, size, what);
    if (number < 0 || __builtin_mul_overflow((size_t)number, size, bytes) ||
        *bytes > INT64_MAX - 2 * HUGE_PAGE)
        return refuse(number, size, what);
    long long cap = atomic_load(&limit), used = atomic_load(&now) - former;
    long long most = cap > atomic_load(&to_look) ? cap : atomic_load(&to_look);
    if (cap > 0 && used + (long long)*bytes > most)
        return trn_fail(TRN_MEMORY,
                        "%s needs %zu bytes on top of %lld in use, above the limit of %lld; raise "
                        "--memory or use more ranks",
                        what, *bytes, used, most);
    return TRN_OK;
}

trn_status_t trn_mem_claim(int64_t bytes, const char *what) {
    size_t total;
    TRN_TRY(allow(bytes, 1, 0, &total, what));
    count(bytes);
    return TRN_OK;
}

/* Two threads may both find room for one; the limit then is passed by little, for memory that can
 * be done without. */
bool trn_mem_claim_spare(int64_t bytes) {
    long long cap = atomic_load(&limit);
    if (cap > 0 && atomic_load(&now) + bytes > cap) return false;
    count(bytes);
    return true;
}

void trn_mem_unclaim(int64_t bytes) {
    count(-bytes);
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Address space for `bytes` of data that starts on a huge page, and for the page of the header in
 * front; NULL without room. */
static char *reserve(size_t bytes, size_t *mapping) {
    size_t page = page_size(), whole;
    *mapping = page + round_up(bytes, page);
    whole = *mapping + HUGE_PAGE;
    if (trn_space_left() - TRN_SPACE_RESERVE < (int64_t)whole) return NULL; /* for libraries */
    char *space = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED) return NULL;
    char *base = (char *)round_up((size_t)space + page, HUGE_PAGE) - page;
    size_t before = (size_t)(base - space), behind = whole - *mapping - before;
    if (before > 0) munmap(space, before);
    if (behind > 0) munmap(base + *mapping, behind);
    return base;
}

/* Write the header of a new block; returns its data. */
static void *settle(char *base, size_t lead, size_t bytes, size_t mapping) {
    char *data = base + lead;
    /* With the header's page, for a mapping of two kinds could not be moved in one go. */
    if (mapping > 0) (void)madvise(base, mapping, MADV_HUGEPAGE);
    *header_of(data) = (header_t){.bytes = (int64_t)bytes, .base = base, .mapping = mapping};
    return data;
}

/* The address space is asked for large blocks only: the question costs a read of /proc. */
trn_status_t trn_alloc(void *pointer, int64_t number, size_t size, const char *what) {
    size_t bytes = 0, mapping = 0;
    pointer_set(pointer, NULL);
    TRN_TRY(allow(number, size, 0, &bytes, what));
    bool large = maps && bytes >= HUGE_FROM;
    size_t lead = large ? page_size() : TRN_ALIGNMENT;
    size_t align = bytes >= HUGE_FROM && !large ? HUGE_PAGE : TRN_ALIGNMENT;
    if (align > lead) lead = align;
    if (!large && bytes >= LARGE &&
        trn_space_left() - TRN_SPACE_RESERVE < (int64_t)round_up(bytes + lead, align))
        return refuse(number, size, what); /* libraries would be left with nothing */
    char *base =
        large ? reserve(bytes, &mapping) : aligned_alloc(align, round_up(bytes + lead, align));
    if (!base) return refuse(number, size, what);
    pointer_set(pointer, settle(base, lead, bytes, mapping));
    count((int64_t)bytes);
    return TRN_OK;
}

trn_status_t trn_alloc_zero(void *pointer, int64_t number, size_t size, const char *what) {
    TRN_TRY(trn_alloc(pointer, number, size, what));
    memset(pointer_get(pointer), 0, (size_t)number * size);
    return TRN_OK;
}

/* Change a mapped block to `bytes`, mapped too: pages move, bytes do not. NULL without room. */
static void *remap(header_t old, size_t bytes) {
    size_t mapping, page = page_size();
    char *base = reserve(bytes, &mapping);
    if (!base) return NULL;
    if (mremap(old.base, old.mapping, mapping, MREMAP_MAYMOVE | MREMAP_FIXED, base) == MAP_FAILED) {
        munmap(base, mapping);
        return NULL;
    }
    return settle(base, page, bytes, mapping);
}

/* Large to large is a move of pages, for which nothing is counted twice; else a copy, for which
 * both blocks count until it is done. */
trn_status_t trn_realloc(void *pointer, int64_t number, size_t size, const char *what) {
    void *old = pointer_get(pointer), *fresh;
    size_t bytes = 0, had = old ? (size_t)header_of(old)->bytes : 0;
    if (old && header_of(old)->mapping > 0 && number > 0 && (size_t)number >= HUGE_FROM / size) {
        TRN_TRY(allow(number, size, (int64_t)had, &bytes, what));
        fresh = remap(*header_of(old), bytes);
        if (!fresh) return refuse(number, size, what);
        count((int64_t)bytes - (int64_t)had);
    } else {
        TRN_TRY(trn_alloc(&fresh, number, size, what));
        bytes = (size_t)number * size;
        if (old) memcpy(fresh, old, had < bytes ? had : bytes);
        trn_free(&old);
    }
    pointer_set(pointer, fresh);
    return TRN_OK;
}

/* While growing means copying, double; later pages move and a sixteenth more wastes less. */
trn_status_t trn_grow(void *pointer, int64_t *capacity, int64_t need, size_t size,
                      const char *what) {
    if (need <= *capacity) return TRN_OK;
    bool copied = *capacity < HUGE_FROM / (int64_t)size;
    int64_t wanted = *capacity + (copied ? *capacity : *capacity / 16);
    if (wanted < need) wanted = need;
    TRN_TRY(trn_realloc(pointer, wanted, size, what));
    *capacity = wanted;
    return TRN_OK;
}

int64_t trn_grown_bytes(int64_t count, int64_t size) {
    int64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > INT64_MAX / 2) return INT64_MAX;
    if (bytes >= HUGE_FROM) return bytes + bytes / 16;
    return 2 * bytes < HUGE_FROM ? 2 * bytes : HUGE_FROM;
}

trn_status_t trn_strdup(char **copy, const char *text) {
    int64_t bytes = (int64_t)strlen(text) + 1;
    TRN_TRY(trn_alloc(copy, bytes, 1, "a string"));
    memcpy(*copy, text, (size_t)bytes);
    return TRN_OK;
}

void trn_free(void *pointer) {
    void *data = pointer_get(pointer);
    if (!data) return;
    header_t *header = header_of(data);
    count(-header->bytes);
    if (header->mapping > 0)
        munmap(header->base, header->mapping);
    else
        free(header->base);
    pointer_set(pointer, NULL);
}

int64_t trn_mem_now(void) {
    return atomic_load(&now);
}
int64_t trn_mem_peak(void) {
    return atomic_load(&peak);
}
int64_t trn_mem_before(void) {
    return atomic_load(&of_program);
}
void trn_mem_reset_peak(void) {
    atomic_store(&peak, atomic_load(&now));
}
void trn_mem_limit(int64_t bytes) {
    atomic_store(&of_program, atomic_load(&now));
    atomic_store(&to_look, 0);
    atomic_store(&limit, bytes);
}
void trn_mem_look(int64_t bytes) {
    atomic_store(&to_look, bytes);
}
void trn_mem_planned(void) {
    atomic_store(&to_look, 0);
}
int64_t trn_mem_limit_now(void) {
    return atomic_load(&limit);
}
/* Below the limit; more than there can ever be when there is none. */
int64_t trn_mem_left(void) {
    long long cap = atomic_load(&limit), used = atomic_load(&now);
    return cap == 0 ? INT64_MAX : used < cap ? cap - used : 0;
}

trn_status_t trn_mem_expect(int64_t bytes, int ranks) {
    long long cap = atomic_load(&limit);
    if (cap == 0 || bytes <= cap) {
        trn_mem_planned();
        return TRN_OK;
    }
    return trn_fail(TRN_MEMORY,
                    "--memory: each of %d ranks needs %lld bytes, the limit is %lld; raise it or "
                    "use more ranks",
                    ranks, (long long)bytes, cap);
}
int64_t trn_mem_calls(void) {
    return atomic_load(&calls);
}

/* For tests: the n-th allocation from now on, and all after it, fail. */
void trn_mem_fail_at(int64_t n) {
    atomic_store(&fail_at, n > 0 ? atomic_load(&calls) + n : 0);
}
