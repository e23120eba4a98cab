/* What Open MPI's own thread may still run is there after MPI_Finalize, which unloads it otherwise.
 */
#include "mpi/plugins.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>

/* Mapped parts of plugins. */
static int mapped(void) {
    char line[1024];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        count += strstr(line, "/mca_") != NULL;
    if (maps) fclose(maps);
    return count;
}

int main(void) {
    MPI_Init(NULL, NULL);
    int before = mapped();
    trn_plugins_keep();
    MPI_Finalize();
    if (before == 0) {
        printf("skipped: this MPI has no plugins that are files\n");
        return 77;
    }
    int after = mapped();
    printf("%s: %d mapped parts of plugins, %d after MPI_Finalize\n",
           after < before ? "not ok" : "ok", before, after);
    return after < before;
}
