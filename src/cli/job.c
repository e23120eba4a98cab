/* job.c: the launcher's word against the MPI library's.
 *
 * A launcher tells each process by environment variables how many there are. A process of an MPI
 * that does not understand this launcher starts alone, and N of them would each do the whole job
 * and write the same files. */
#include "cli/job.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int trn_launched_rank(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                        "MV2_COMM_WORLD_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value) return atoi(value);
    }
    return -1;
}

/* Who started us, and by which variable it says how many of us there are. In a batch script of
 * Slurm that no srun started, SLURM_NTASKS says what was asked for, not what runs: only a step has
 * SLURM_STEP_NUM_TASKS. */
typedef struct launcher {
    const char *variable, *name;
    bool slurm;
} launcher_t;

static const launcher_t launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "mpirun of Open MPI", false},
    {"MV2_COMM_WORLD_SIZE", "mpirun of MVAPICH2", false},
    {"PMI_SIZE", "mpiexec of MPICH or Intel MPI", false},
    {"MPI_LOCALNRANKS", "mpiexec of MPICH or Intel MPI", false},
    {"SLURM_STEP_NUM_TASKS", "srun", true},
};

/* The launcher that started several processes although each sees itself alone, or NULL. The nearest
 * one counts: mpirun inside a Slurm step says how many it has started, whatever the step has. */
static const launcher_t *find_stranger(int *size) {
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const char *value = getenv(launchers[i].variable);
        if (!value || (*size = atoi(value)) < 1) continue;
        return *size > 1 ? &launchers[i] : NULL;
    }
    return NULL;
}

trn_status_t trn_job_check(void) {
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int ranks, size, length;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    const launcher_t *launcher = ranks == 1 ? find_stranger(&size) : NULL;
    if (!launcher) return TRN_OK;
    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, ",\n")] = '\0';
    if (!launcher->slurm)
        return trn_fail(TRN_MPI,
                        "%s started %d processes (%s), but each is alone: this program is built "
                        "with %s; start it by the mpirun of that, or unset %s for separate jobs",
                        launcher->name, size, launcher->variable, mpi, launcher->variable);
    return trn_fail(TRN_MPI,
                    "srun started %d tasks (%s), but each is alone, without PMIx: use srun "
                    "--mpi=pmix (srun --mpi=list shows what there is) or mpirun in the batch "
                    "script; or unset %s for separate jobs",
                    size, launcher->variable, launcher->variable);
}
