#include "algo/vectors/embedding_impl.h"

#include "base/mem.h"
#include "io/output.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <string.h>

/* A block as bytes of the file, and room for the largest of all ranks. */
typedef struct packet {
    char *bytes;
    int64_t capacity;
} packet_t;

static int64_t pack(const trn_embedding_t *e, trn_format_t format, int64_t b, packet_t *packet) {
    int64_t rows = trn_embedding_block_rows(e, b);
    const float *values = trn_embedding_block(e, b);
    char *const *words = e->words + (e->first_block + b) * TRN_EMBEDDING_BLOCK;
    if (format != TRN_FORMAT_NPY)
        return trn_vectors_encode(format, rows, e->dim, words, values, packet->bytes);
    int64_t bytes = rows * e->dim * (int64_t)sizeof *values;
    memcpy(packet->bytes, values, (size_t)bytes);
    return bytes;
}

/* Rank 0 writes the blocks in their order. A failure of its disk is kept until the end, so that
 * all messages find their receiver. */
static trn_status_t stream(const trn_embedding_t *e, trn_format_t format, trn_output_t *output,
                           packet_t *packet) {
    enum { TAG = 1 };
    trn_status_t status = TRN_OK;
    if (e->rank != 0) {
        for (int64_t b = 0; b < e->blocks; b++)
            MPI_Send(packet->bytes, (int)pack(e, format, b, packet), MPI_BYTE, 0, TAG, e->comm);
        return TRN_OK;
    }
    int64_t blocks = (e->rows + TRN_EMBEDDING_BLOCK - 1) / TRN_EMBEDDING_BLOCK;
    for (int64_t b = 0; b < blocks; b++) {
        int owner = (int)trn_part_of(blocks, e->ranks, b), got;
        if (owner == 0) {
            got = (int)pack(e, format, b, packet);
        } else {
            MPI_Status message;
            MPI_Recv(packet->bytes, (int)packet->capacity, MPI_BYTE, owner, TAG, e->comm, &message);
            MPI_Get_count(&message, MPI_BYTE, &got);
        }
        if (status == TRN_OK) status = trn_output_write(output, packet->bytes, got);
    }
    return status;
}

/* The most bytes that a block of the file may take: all ranks know all words. */
int64_t trn_embedding_write_bytes(const trn_embedding_t *e, trn_format_t format) {
    int64_t most = 0;
    for (int64_t row = 0; row < e->rows && format != TRN_FORMAT_H5; row += TRN_EMBEDDING_BLOCK) {
        int64_t rows = e->rows - row < TRN_EMBEDDING_BLOCK ? e->rows - row : TRN_EMBEDDING_BLOCK;
        int64_t bound = trn_vectors_encode_bound(rows, e->dim, e->words + row);
        if (bound > most) most = bound;
    }
    return most;
}

static trn_status_t make_packet(const trn_embedding_t *e, trn_format_t format, packet_t *packet) {
    packet->capacity = trn_embedding_write_bytes(e, format);
    if (packet->capacity > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: dimension %lld is too large to be written as text", e->path,
                        (long long)e->dim);
    return trn_alloc(&packet->bytes, packet->capacity, 1, "a block to write");
}

/* Rank 0: the file and what stands before the first row. */
static trn_status_t begin(const trn_embedding_t *e, const char *path, trn_format_t format,
                          trn_output_t **output) {
    TRN_TRY(trn_output_create(output, path));
    if (format == TRN_FORMAT_NPY) {
        char header[TRN_NPY_HEADER];
        trn_npy_header(TRN_F32, e->rows, e->dim, header);
        return trn_output_write(*output, header, TRN_NPY_HEADER);
    }
    char head[64];
    return trn_output_write(*output, head, trn_vectors_encode_head(format, e->rows, e->dim, head));
}

/* Rank 0: the words of a .npy file, a line each. */
static trn_status_t write_names(const trn_embedding_t *e, const char *path, const char *names) {
    char *file = NULL;
    trn_output_t *output = NULL;
    trn_status_t status;
    TRN_OR(done, trn_embedding_names_file(path, names, &file));
    TRN_OR(done, trn_output_create(&output, file));
    for (int64_t i = 0; i < e->rows; i++) {
        TRN_OR(done, trn_output_write(output, e->words[i], (int64_t)strlen(e->words[i])));
        TRN_OR(done, trn_output_write(output, "\n", 1));
    }
done:
    status = trn_output_close(&output, status);
    trn_free(&file);
    return status;
}

static trn_status_t write_plain(const trn_embedding_t *e, const char *path, trn_format_t format,
                                const char *names) {
    trn_output_t *output = NULL;
    packet_t packet = {0};
    trn_status_t status = trn_vectors_writable(format, e->rows, e->words, path);
    if (status == TRN_OK) status = make_packet(e, format, &packet);
    if (status == TRN_OK && e->rank == 0) status = begin(e, path, format, &output);
    status = trn_agree(e->comm, status);
    if (status == TRN_OK) status = stream(e, format, output, &packet);
    if (e->rank == 0 && status == TRN_OK && format == TRN_FORMAT_NPY)
        status = write_names(e, path, names);
    status = trn_output_close(&output, status);
    trn_free(&packet.bytes);
    return trn_agree(e->comm, status);
}

static trn_status_t write_store(const trn_embedding_t *e, const char *path, const char *created_by,
                                const json_t *params) {
    trn_store_t *store = NULL;
    trn_status_t status;
    TRN_OR(failed, trn_store_create(&store, e->comm, path, "embedding", created_by, params, 0));
    TRN_OR(failed, trn_store_dataset(store, "/embedding", TRN_F32, e->rows, e->dim));
    TRN_OR(failed, trn_store_strings(store, "/vocab", e->rows, (const char *const *)e->words));
    TRN_OR(failed, trn_store_begin(store));
    int64_t first = e->first_block * TRN_EMBEDDING_BLOCK, rows = 0;
    for (int64_t b = 0; b < e->blocks; b++)
        rows += trn_embedding_block_rows(e, b);
    if (rows > 0) status = trn_store_write(store, "/embedding", first, rows, e->values);
    return trn_store_commit_replace(&store, status);
failed:
    trn_store_abandon(&store);
    return status;
}

trn_status_t trn_embedding_write(const trn_embedding_t *e, const char *path, trn_format_t format,
                                 const char *names, const char *created_by, const json_t *params) {
    if (format == TRN_FORMAT_H5) return write_store(e, path, created_by, params);
    return write_plain(e, path, format, names);
}
