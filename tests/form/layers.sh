# The floors: a file includes only headers of its own floor and of those below it (DESIGN: base <
# {kern, text, graph} < {model, mpi} < io < algo < cmd < main), and MPI and HDF5 stay in their rooms.
. "$(dirname "$0")/lib.sh" || exit 1

check() {
    cd "$1" || exit
    grep -rnoE '^ *# *include *(<[^>]*>|"[^"]*")' src mpi io | sed -E 's/ *# *include *//' |
        awk -F : -v main="$(cd src && echo *.h)" '
            BEGIN { # rooms that a room may look into
                may["base"] = " base "
                split("kern text graph", side, " ")
                for (i in side) may[side[i]] = " base " side[i] " "
                may["model"] = " base kern text graph model "
                may["mpi"] = " base kern text graph mpi "
                may["io"] = " base kern text graph model mpi io "
                may["algo"] = may["io"] "algo "
                may["cmd"] = may["algo"] "cmd "
                may["main"] = may["cmd"] "main "
            }
            function breach(what) { print $1 ":" $2 ": " what }
            {
                # src/base/x.c -> base, io/x.c -> io, src/x.c -> main
                depth = split($1, path, "/")
                here = path[1] != "src" ? path[1] : depth > 2 ? path[2] : "main"
                header = substr($3, 2, length($3) - 2)
                if ($3 ~ /^</) {
                    if (header == "mpi.h" && here !~ /^(mpi|io|algo|cmd|main)$/)
                        breach("<mpi.h> is for mpi and the floors above it, not for " here)
                    if (header ~ /^hdf5/ && $1 != "io/store_hdf_impl.h")
                        breach("only io/store_hdf_impl.h includes HDF5")
                    next
                }
                if (header == "version.h" || header == "simd_sets.inc") next # made by CMake
                there = header ~ /\// ? substr(header, 1, index(header, "/") - 1) : "main"
                if (there == ".." || (there == "main" && !index(" " main " ", " " header " ")))
                    breach($3 " is named neither by floor nor as a file of src/")
                else if (!index(may[here], " " there " "))
                    breach(here " must not include " $3 " of " there)
            }'
}

plant_mpi_in_base() { echo '#include <mpi.h>' >>"$1/src/base/clock.c"; }
plant_upward() { echo '#include "io/store.h"' >>"$1/mpi/dist.c"; }
plant_sideways() {
    mkdir -p "$1/src/text" && echo '#include "kern/gemm.h"' >"$1/src/text/planted.c"
}
plant_model_knows_mpi() {
    mkdir -p "$1/src/model" && echo '#include "mpi/agree.h"' >"$1/src/model/planted.h"
}
plant_hdf5() { echo '#include <hdf5.h>' >>"$1/io/planted.c"; }
plant_relative() { echo '#include "../base/mem.h"' >>"$1/mpi/dist.c"; }

form_test
