#include "io/manifest.h"

#include "base/clock.h"
#include "base/emit.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

/* Model name of the first processor. */
static void find_cpu(char *text, size_t size) {
    snprintf(text, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file) fclose(file);
}

/* "Open MPI v4.1.4, ...": the first clause of the library's own version string. */
static void find_mpi(char *text, size_t size) {
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    snprintf(text, size, "%.*s", (int)strcspn(version, ",\n"), version);
}

/* The different ones of names[ranks][MPI_MAX_PROCESSOR_NAME]; ranks of a host mostly lie together.
 */
static json_t *distinct(const char *names, int ranks) {
    json_t *hosts = json_array();
    for (int r = 0; r < ranks; r++) {
        const char *name = names + (size_t)r * MPI_MAX_PROCESSOR_NAME;
        bool seen = false;
        for (size_t i = json_array_size(hosts); i > 0 && !seen; i--)
            seen = strcmp(json_string_value(json_array_get(hosts, i - 1)), name) == 0;
        if (!seen) json_array_append_new(hosts, trn_json_text(name));
    }
    return hosts;
}

trn_status_t trn_manifest(MPI_Comm comm, json_t *into) {
    int rank, ranks, length;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    char mine[MPI_MAX_PROCESSOR_NAME] = "", *names = NULL;
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_alloc(&names, ranks, sizeof mine, "host names");
    TRN_AGREE(comm, status);
    MPI_Get_processor_name(mine, &length);
    MPI_Gather(mine, sizeof mine, MPI_CHAR, names, sizeof mine, MPI_CHAR, 0, comm);
    if (rank == 0) {
        char cpu[256], mpi[256], now[21];
        find_cpu(cpu, sizeof cpu);
        find_mpi(mpi, sizeof mpi);
        trn_utc(now);
        json_t *part =
            json_pack("{s:s, s:s, s:s, s:o, s:i, s:o, s:{s:s, s:s, s:s}}", "version", TRN_VERSION,
                      "commit", TRN_COMMIT, "time", now, "cpu", trn_json_text(cpu), "ranks", ranks,
                      "hosts", distinct(names, ranks), "libraries", "mpi", mpi, "blas",
                      trn_blas_name(), "jansson", jansson_version_str());
        if (!part || json_object_update(into, part) != 0)
            status = trn_fail(TRN_MEMORY, "manifest: no memory for %d host names; use fewer ranks",
                              ranks);
        json_decref(part);
    }
    trn_free(&names);
    return trn_agree(comm, status);
}
