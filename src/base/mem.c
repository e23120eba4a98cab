#define _GNU_SOURCE
#include "base/mem.h"

#include "base/space.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE = 1 << 20, HUGE_PAGE = 2 << 20, HUGE_FROM = 4 << 20 };

/* Lies just before the user's bytes and fills one alignment unit. */
typedef struct header {
    int64_t bytes; /* what was asked for */
    void *base;    /* what to free */
} header_t;

static atomic_llong now, peak, calls, fail_at, limit;

static void count(int64_t bytes) {
    long long total = atomic_fetch_add(&now, bytes) + bytes;
    long long seen = atomic_load(&peak);
    while (total > seen && !atomic_compare_exchange_weak(&peak, &seen, total)) {
    }
}

static void *pointer_get(void *pointer) {
    void *value;
    memcpy(&value, pointer, sizeof value);
    return value;
}

static void pointer_set(void *pointer, void *value) {
    memcpy(pointer, &value, sizeof value);
}

static header_t *header_of(void *data) {
    return (header_t *)((char *)data - TRN_ALIGNMENT);
}

static trn_status_t refuse(int64_t number, size_t size, const char *what) {
    return trn_fail(TRN_MEMORY, "no memory for %s (%lld x %zu bytes); use more ranks or nodes",
                    what, (long long)number, size);
}

/* The limit and the injected failure, for an allocation of number x size = *bytes bytes. */
static trn_status_t allow(int64_t number, size_t size, size_t *bytes, const char *what) {
    long long call = atomic_fetch_add(&calls, 1) + 1, bad = atomic_load(&fail_at);
    if (bad > 0 && call >= bad) return refuse(number, size, what);
    if (number < 0 || __builtin_mul_overflow((size_t)number, size, bytes) ||
        *bytes > INT64_MAX - 2 * HUGE_PAGE)
        return refuse(number, size, what);
    long long cap = atomic_load(&limit), used = atomic_load(&now);
    if (cap > 0 && used + (long long)*bytes > cap)
        return trn_fail(TRN_MEMORY,
                        "%s needs %zu bytes on top of %lld in use, above the limit of %lld; raise "
                        "--memory or use more ranks",
                        what, *bytes, used, cap);
    return TRN_OK;
}

trn_status_t trn_mem_claim(int64_t bytes, const char *what) {
    size_t total;
    TRN_TRY(allow(bytes, 1, &total, what));
    count(bytes);
    return TRN_OK;
}

void trn_mem_unclaim(int64_t bytes) {
    count(-bytes);
}

trn_status_t trn_alloc(void *pointer, int64_t number, size_t size, const char *what) {
    size_t bytes = 0;
    pointer_set(pointer, NULL);
    TRN_TRY(allow(number, size, &bytes, what));
    int huge = bytes >= HUGE_FROM;
    /* Huge blocks: the data starts on a huge page, the header in the page before it. */
    size_t align = huge ? HUGE_PAGE : TRN_ALIGNMENT, lead = huge ? HUGE_PAGE : TRN_ALIGNMENT;
    size_t total = (bytes + lead + align - 1) / align * align;
    if (bytes >= LARGE && trn_space_left() - TRN_SPACE_RESERVE < (int64_t)total)
        return refuse(number, size, what); /* libraries would be left with nothing */
    char *base = aligned_alloc(align, total);
    if (!base) return refuse(number, size, what);
    if (huge) (void)madvise(base + lead, total - lead, MADV_HUGEPAGE);
    char *data = base + lead;
    *header_of(data) = (header_t){.bytes = (int64_t)bytes, .base = base};
    count((int64_t)bytes);
    pointer_set(pointer, data);
    return TRN_OK;
}

trn_status_t trn_alloc_zero(void *pointer, int64_t number, size_t size, const char *what) {
    TRN_TRY(trn_alloc(pointer, number, size, what));
    memset(pointer_get(pointer), 0, (size_t)number * size);
    return TRN_OK;
}

trn_status_t trn_realloc(void *pointer, int64_t number, size_t size, const char *what) {
    void *old = pointer_get(pointer), *fresh;
    TRN_TRY(trn_alloc(&fresh, number, size, what));
    if (old) {
        size_t had = (size_t)header_of(old)->bytes, wanted = (size_t)number * size;
        memcpy(fresh, old, had < wanted ? had : wanted);
        trn_free(&old);
    }
    pointer_set(pointer, fresh);
    return TRN_OK;
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
    free(header->base);
    pointer_set(pointer, NULL);
}

int64_t trn_mem_now(void) {
    return atomic_load(&now);
}
int64_t trn_mem_peak(void) {
    return atomic_load(&peak);
}
void trn_mem_reset_peak(void) {
    atomic_store(&peak, atomic_load(&now));
}
void trn_mem_limit(int64_t bytes) {
#ifdef __GLIBC__
    /* Give big blocks back to the system when they are freed; by default glibc comes to keep tens
     * of megabytes, which are then counted as the process's memory. */
    if (bytes > 0) mallopt(M_MMAP_THRESHOLD, HUGE_FROM);
#endif
    atomic_store(&limit, bytes);
}
int64_t trn_mem_limit_now(void) {
    return atomic_load(&limit);
}
int64_t trn_mem_left(void) {
    long long cap = atomic_load(&limit), used = atomic_load(&now);
    return cap == 0 ? INT64_MAX : used < cap ? cap - used : 0;
}

trn_status_t trn_mem_expect(int64_t bytes, int ranks) {
    long long cap = atomic_load(&limit);
    if (cap == 0 || bytes <= cap) return TRN_OK;
    return trn_fail(TRN_MEMORY,
                    "--memory: each of %d ranks needs %lld bytes, the limit is %lld; raise it or "
                    "use more ranks",
                    ranks, (long long)bytes, cap);
}
int64_t trn_mem_calls(void) {
    return atomic_load(&calls);
}

void trn_mem_fail_at(int64_t n) {
    atomic_store(&fail_at, n > 0 ? atomic_load(&calls) + n : 0);
}
