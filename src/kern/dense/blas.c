/* blas.c: the BLAS that was loaded: its name, its threads, and the memory that it takes unasked. */
#define _GNU_SOURCE
#include "kern/dense/blas.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/space.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Data pointer from dlsym to function pointer without a cast that ISO C forbids. */
#define LOOK_UP(function, name)                                                                    \
    do {                                                                                           \
        void *symbol_ = dlsym(RTLD_DEFAULT, name);                                                 \
        memcpy(&(function), &symbol_, sizeof symbol_);                                             \
    } while (0)

/* Asked of the library itself, and of the loader for its file: which BLAS runs is known at run time
 * only. */
const char *trn_blas_name(void) {
    static char name[512];
    if (name[0]) return name;
    char *(*config)(void) = NULL, *(*core)(void) = NULL;
    LOOK_UP(config, "openblas_get_config");
    LOOK_UP(core, "openblas_get_corename");
    Dl_info info = {0};
    void (*gemm)(void) = NULL;
    LOOK_UP(gemm, "cblas_sgemm");
    void *address;
    memcpy(&address, &gemm, sizeof address);
    const char *file = address && dladdr(address, &info) ? info.dli_fname : "unknown file";
    if (config) /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the first two words tell */
        snprintf(name, sizeof name, "%.*s %s (%s)",
                 (int)(strcspn(config(), " ") + 1 + strcspn(strchr(config(), ' ') + 1, " ")),
                 config(), core ? core() : "", file);
    else
        snprintf(name, sizeof name, "BLAS (%s)", file);
    return name;
}

/* Our threads each call BLAS for themselves; threads of its own would crowd the cores, and split
 * sums. */
void trn_blas_single(void) {
    void (*set_threads)(int) = NULL;
    LOOK_UP(set_threads, "openblas_set_num_threads");
    if (set_threads) {
        set_threads(1);
        return;
    }
    void (*set_blis)(long) = NULL;
    LOOK_UP(set_blis, "bli_thread_set_num_threads");
    if (set_blis) set_blis(1);
}

/* OpenBLAS maps a buffer at the first call of each thread that is inside it at a time, keeps it,
 * and where there is no room tries again without end. 128 MiB is BUFFER_SIZE of its common_*.h for
 * x86 and ARM, the others have at most twice that; a page or two come on top where it falls back to
 * malloc. */
#if defined(__x86_64__) || defined(__aarch64__)
enum { BUFFER = (128 << 20) + (64 << 10) };
#else
enum { BUFFER = (256 << 20) + (64 << 10) };
#endif

/* Only under a limit on address space: otherwise OpenBLAS finds room when it needs it. */
trn_status_t trn_blas_take(int threads) {
    void *(*take)(int) = NULL;
    void (*give)(void *) = NULL;
    void **buffers;
    LOOK_UP(take, "blas_memory_alloc");
    LOOK_UP(give, "blas_memory_free");
    if (!take || !give || trn_space_left() == INT64_MAX) return TRN_OK;
    TRN_TRY(trn_space_expect((int64_t)threads * BUFFER, "OpenBLAS, 128 MiB a thread"));
    TRN_TRY(trn_alloc(&buffers, threads, sizeof *buffers, "buffers of BLAS"));
    for (int t = 0; t < threads; t++)
        buffers[t] = take(0);
    for (int t = 0; t < threads; t++)
        give(buffers[t]);
    trn_free(&buffers);
    return TRN_OK;
}

/* Flop/s of one thread at a product that fits the caches: what a machine can do at best. The
 * fastest of a few, as others may disturb. */
double trn_blas_ceiling(void) {
#ifdef TRN_VALGRIND /* hundreds of times slower, and nobody wants to know */
    enum { N = 64, REPEATS = 1 };
#else
    enum { N = 1024, REPEATS = 4 };
#endif
    static double known; /* 9 Gflop are not worth repeating in one process */
    if (known > 0) return known;
    float *a = NULL;
    if (trn_alloc_zero(&a, 3 * N * N, sizeof *a, "the GEMM yardstick") != TRN_OK) return 0;
    double best = 1e30;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double start = trn_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, a, N, a + N * N, N, 0,
                    a + 2 * N * N, N);
        double seconds = trn_seconds() - start;
        if (seconds < best) best = seconds;
    }
    trn_free(&a);
    return known = 2.0 * N * N * N / best;
}

/* As OpenBLAS does: up to TERMS columns of the left operand, and a small tile of the right one. */
int64_t trn_blas_bytes(int64_t size, int64_t rows, int64_t terms) {
    enum { TERMS = 384, ROWS = 8192, TILE = 768 << 10 };
    return size * (terms < TERMS ? terms : TERMS) * (rows < ROWS ? rows : ROWS) + TILE;
}
