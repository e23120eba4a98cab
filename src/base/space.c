/* space.c: address space below the limit, by getrlimit and what the kernel has counted. */
#include "base/space.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Whether there is a limit on address space (ulimit -v). */
static bool limited(int64_t *limit) {
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY) return false;
    *limit = space.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)space.rlim_cur;
    return true;
}

/* The kernel holds the first number of statm, in pages, against the limit. */
static int64_t in_use(void) {
    long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm) return 0;
    if (fscanf(statm, "%lld", &pages) != 1) pages = 0;
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

int64_t trn_space_left(void) {
    int64_t limit, used;
    if (!limited(&limit)) return INT64_MAX;
    used = in_use();
    return used < limit ? limit - used : 0;
}

/* Refused ahead with the number that would do: libraries that meet the limit themselves end the
 * process. */
trn_status_t trn_space_expect(int64_t bytes, const char *what) {
    int64_t limit = 0, left = trn_space_left();
    if (left == INT64_MAX || left - TRN_SPACE_RESERVE >= bytes || !limited(&limit)) return TRN_OK;
    int64_t wanted = limit - left + bytes + TRN_SPACE_RESERVE;
    return trn_fail(TRN_MEMORY,
                    "address space for %s: the limit of %lld kB leaves %lld MiB, not %lld; raise "
                    "it (ulimit -v %lld), or use fewer threads",
                    what, (long long)limit >> 10, (long long)left >> 20,
                    (long long)(bytes + TRN_SPACE_RESERVE) >> 20, (long long)(wanted >> 10) + 1);
}

/* Each arena of malloc reserves 64 MiB of address space, so under a limit there shall be one. */
trn_status_t trn_space_start(int64_t bytes, const char *what) {
#ifdef __GLIBC__
    if (trn_space_left() != INT64_MAX) mallopt(M_ARENA_MAX, 1);
#endif
    return trn_space_expect(bytes, what);
}
