/* store_bytes.c: bytes of a store and their checksums, read or mapped. */
#define _GNU_SOURCE /* MADV_POPULATE_READ */
#include "base/mem.h"
#include "io/store/store_impl.h"
#include "mpi/watch.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
    HASH_BYTES = 256 << 10, /* read and hashed by turns: fits the second level cache */
    WINDOW_BYTES = 8 << 20, /* mapped at a time */
};

/* Steps fit the second level cache: bytes are hashed while they are still there. */
trn_status_t trn_bytes_hash(int fd, const char *path, int64_t offset, int64_t bytes, char *data,
                            bool keep, uint64_t *sum) {
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (int64_t done = 0; done < bytes; done += HASH_BYTES) {
        int64_t step = bytes - done < HASH_BYTES ? bytes - done : HASH_BYTES;
        char *to = keep ? data + done : data;
        TRN_TRY(trn_bytes_read(fd, path, offset + done, to, step));
        XXH3_64bits_update(&state, to, (size_t)step);
    }
    *sum = XXH3_64bits_digest(&state);
    return TRN_OK;
}

/* The pages were counted as memory of this process when they were mapped. */
void trn_window_close(trn_window_t *window) {
    if (!window->map) return;
    munmap(window->map, (size_t)window->bytes);
    trn_mem_unclaim(window->bytes);
    window->map = NULL;
}

/* Map [offset, ...) up to the window's size or the file's end; its pages count as this process's
 * memory, so that without room for them reading is left to pread, too. Populating tells of bad
 * pages by an error, where touching them would kill the process; then reading is left to pread. */
static void move_window(trn_window_t *window, int64_t offset) {
    trn_window_close(window);
    int64_t size = (int64_t)lseek(window->fd, 0, SEEK_END), page = (int64_t)sysconf(_SC_PAGESIZE);
    window->offset = offset / page * page;
    window->bytes = size - window->offset < WINDOW_BYTES ? size - window->offset : WINDOW_BYTES;
    window->refused = true;
#ifdef MADV_POPULATE_READ
    if (window->bytes <= 0 || !trn_mem_claim_spare(window->bytes)) return;
    void *map =
        mmap(NULL, (size_t)window->bytes, PROT_READ, MAP_SHARED, window->fd, (off_t)window->offset);
    if (map == MAP_FAILED) {
        trn_mem_unclaim(window->bytes);
        return;
    }
    window->map = map;
    window->refused = madvise(map, (size_t)window->bytes, MADV_POPULATE_READ) != 0;
    if (window->refused) trn_window_close(window);
#endif
}

/* Bytes that are hashed are work done: the watchdog is told so here, as trn_bytes_read tells it
 * elsewhere. */
trn_status_t trn_window_hash(trn_window_t *window, int64_t offset, int64_t bytes, char *block,
                             uint64_t *sum) {
    bool inside =
        window->map && offset >= window->offset && offset + bytes <= window->offset + window->bytes;
    if (!inside && !window->refused && bytes <= WINDOW_BYTES / 2) move_window(window, offset);
    if (!window->map || offset + bytes > window->offset + window->bytes)
        return trn_bytes_hash(window->fd, window->path, offset, bytes, block, false, sum);
    *sum = XXH3_64bits(window->map + (offset - window->offset), (size_t)bytes);
    trn_watch_tick();
    return TRN_OK;
}

/* The same buffers and sizes that commit takes: a block to read back, one for border pieces, two
 * checksums a block, and the window. */
int64_t trn_store_write_bytes(int64_t bytes) {
    enum { SUM = 8, METADATA = 64 << 10 };
    int64_t mapped =
        bytes + TRN_BLOCK_BYTES < WINDOW_BYTES ? bytes + TRN_BLOCK_BYTES : WINDOW_BYTES;
    return METADATA + 2 * TRN_BLOCK_BYTES + 2 * SUM * (bytes / TRN_BLOCK_BYTES + 1) + mapped;
}

int64_t trn_store_open_bytes(void) {
    enum { TABLE = 64 << 10 };
    return TABLE + TRN_BLOCK_BYTES;
}

int64_t trn_store_strings_bytes(void) {
    enum { HEAPS = 4 << 20 /* collections of text that its cache keeps */ };
    return HEAPS;
}
