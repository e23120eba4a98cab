# The floors: a file includes only headers of its own floor and of those below it (DESIGN: base <
# {kern, text, graph} < {model, mpi} < io < algo < cmd < main), and MPI and HDF5 stay in their rooms.
. "$(dirname "$0")/lib.sh"

# Rooms that a room may look into.
allowed() {
    case $1 in
    base) echo base ;;
    kern | text | graph) echo "base $1" ;;
    model | mpi) echo "base kern text graph $1" ;;
    io) echo "base kern text graph model mpi io" ;;
    algo) echo "base kern text graph model mpi io algo" ;;
    cmd) echo "base kern text graph model mpi io algo cmd" ;;
    main) echo "base kern text graph model mpi io algo cmd main" ;;
    esac
}

# The room of a path relative to the root: src/base/x.c -> base, io/x.c -> io, src/x.c -> main.
room() {
    case $1 in
    src/*/*) echo "$1" | cut -d / -f 2 ;;
    src/*) echo main ;;
    *) echo "${1%%/*}" ;;
    esac
}

check_include() { # ROOT FILE LINE HEADER, the header in its quotes or brackets
    local root=$1 file=$2 line=$3 header=${4:1:-1} here there
    here=$(room "$file")
    case $4 in
    '<mpi.h>')
        case $here in
        mpi | io | algo | cmd | main) ;;
        *) echo "$file:$line: <mpi.h> is for mpi and the floors above it, not for $here" ;;
        esac
        return
        ;;
    '<hdf5'*)
        if [ "$file" != io/store.c ]; then
            echo "$file:$line: only io/store.c includes HDF5"
        fi
        return
        ;;
    '<'*) return ;;
    esac
    case $header in
    version.h | simd_sets.inc) return ;; # made by CMake
    */*) there=${header%%/*} ;;
    *) there=main ;;
    esac
    if [ "$there" = main ] && [ ! -f "$root/src/$header" ] || [ "$there" = .. ]; then
        echo "$file:$line: \"$header\" is named neither by floor nor as a file of src/"
    elif [[ " $(allowed "$here") " != *" $there "* ]]; then
        echo "$file:$line: $here must not include \"$header\" of $there"
    fi
}

check() {
    local root=$1 file line header
    (cd "$root" && grep -rnoE '^ *# *include *(<[^>]*>|"[^"]*")' src mpi io) |
        sed -E 's/ *# *include *//' |
        while IFS=: read -r file line header; do
            check_include "$root" "$file" "$line" "$header"
        done
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
