/* store_queue.c: rows are copied into a queue, and a thread takes them out and works on them, while
 * the caller goes on. The queue knows nothing of what the work is. Only one thread touches it at a
 * time: the caller until the start and after the join, the thread between; but `ready`. */
#include "base/mem.h"
#include "io/store/store_impl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE = 512 };

struct trn_queue {
    trn_kept_t *kept; /* [count]; what each one holds is the queue's, until it is worked on */
    int64_t count, capacity;
    trn_queue_work_t work;
    void *self;
    pthread_t thread;
    bool running; /* the thread has to be joined */
    atomic_bool ready;
    trn_status_t status; /* of the thread, and its message, which is otherwise the thread's alone */
    char message[MESSAGE];
};

trn_status_t trn_queue_create(trn_queue_t **queue) {
    return trn_alloc_zero(queue, 1, sizeof **queue, "a save behind");
}

/* The copy is made last and counted after it, so that a failure leaves the queue whole. */
trn_status_t trn_queue_keep(trn_queue_t *queue, int entry, int64_t first, int64_t rows,
                            int64_t row_bytes, const void *data) {
    trn_kept_t it = {entry, first, rows, NULL};
    TRN_TRY(trn_grow(&queue->kept, &queue->capacity, queue->count + 1, sizeof *queue->kept,
                     "a save behind"));
    TRN_TRY(trn_alloc(&it.data, rows, (size_t)row_bytes, "the copy of a save behind"));
    memcpy(it.data, data, (size_t)(rows * row_bytes));
    queue->kept[queue->count++] = it;
    return TRN_OK;
}

/* The thread. After a failure the rest is left: trn_queue_free frees it. trn_message() is the
 * thread's own, hence the copy. */
static void *work_through(void *argument) {
    trn_queue_t *queue = argument;
    for (int64_t i = 0; i < queue->count && queue->status == TRN_OK; i++) {
        queue->status = queue->work(queue->self, &queue->kept[i]);
        trn_free(&queue->kept[i].data);
    }
    if (queue->status == TRN_OK) queue->status = queue->work(queue->self, NULL);
    if (queue->status != TRN_OK)
        snprintf(queue->message, sizeof queue->message, "%s", trn_message());
    atomic_store(&queue->ready, true); /* last of all: who sees it may join without waiting */
    return NULL;
}

trn_status_t trn_queue_start(trn_queue_t *queue, trn_queue_work_t work, void *self) {
    queue->work = work;
    queue->self = self;
    queue->running = pthread_create(&queue->thread, NULL, work_through, queue) == 0;
    return queue->running ? TRN_OK : trn_fail(TRN_MEMORY, "no thread to be had to save behind");
}

bool trn_queue_ready(const trn_queue_t *queue) {
    return atomic_load(&queue->ready);
}

trn_status_t trn_queue_join(trn_queue_t *queue) {
    if (queue->running) pthread_join(queue->thread, NULL);
    queue->running = false;
    return queue->status == TRN_OK ? TRN_OK : trn_fail(queue->status, "%s", queue->message);
}

void trn_queue_free(trn_queue_t **queue) {
    trn_queue_t *it = *queue;
    if (!it) return;
    if (it->running) pthread_join(it->thread, NULL);
    for (int64_t i = 0; i < it->count; i++)
        trn_free(&it->kept[i].data);
    trn_free(&it->kept);
    trn_free(queue);
}
