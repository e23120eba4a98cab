# The rooms: a file includes only headers of its own room and of those that its room may look into, the
# rooms form no circle, MPI and HDF5 stay where they belong, and no room has more than 16 sources. Nor
# do files form circles by what they define and use of each other.
. "$(dirname "$0")/lib.sh" || exit 1

# ROOM: rooms it may look into, beside itself; `x/*` is every room below x. A floor rests on those above
# it in this list, so a new room is a line here. ARCHITECTURE.md says what lives where.
rooms='
base:
text graph kern: base
kern/dense: base
kern/sparse: base kern
kern/search: base kern kern/dense kern/sparse
kern/train: base kern kern/dense kern/search
model: base kern kern/* text graph
mpi: base kern kern/* text graph
mpi/dense mpi/sparse: base kern kern/* text graph mpi
io/text: base kern kern/* text graph mpi mpi/*
io: base kern kern/* text graph mpi mpi/* io/text
io/store: base kern kern/* text graph mpi mpi/* io io/text
io/foreign: base kern kern/* text graph mpi mpi/* io io/text io/store
io/formats: base kern kern/* text graph mpi mpi/* io io/text io/store io/foreign
io/rows: base kern kern/* text graph mpi mpi/* io io/text io/formats
algo/common: base kern kern/* text graph model mpi mpi/* io io/*
algo/matrix algo/vectors algo/words algo/graph algo/kg: base kern kern/* text graph model mpi mpi/* io io/* algo/common
algo/matrix/product algo/matrix/spectral algo/matrix/factor: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/matrix
algo/matrix/factor: algo/matrix/spectral
algo/rows algo/map algo/cluster: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/matrix algo/matrix/spectral
algo/map algo/cluster algo/vectors algo/matrix/factor: algo/rows
algo/vectors: algo/matrix algo/matrix/spectral
algo/map: algo/cluster
algo/words: algo/vectors
algo/graph: algo/matrix algo/matrix/* algo/kg algo/rows
algo/graph/eval algo/graph/recommend algo/graph/snapshots: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/matrix algo/matrix/* algo/rows algo/cluster algo/graph
algo/graph/lightgcn: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/matrix algo/matrix/* algo/rows algo/graph algo/graph/recommend
algo/kg/import algo/kg/answer: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/kg
algo/kg/train: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/kg algo/kg/answer
algo/kg/buckets algo/kg/nodepiece: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/kg algo/kg/train
algo/kg/ask: base kern kern/* text graph model mpi mpi/* io io/* algo/common algo/kg algo/kg/answer algo/kg/nodepiece
report: base kern kern/* text graph model mpi mpi/* io io/* algo/*
cli/param: base io/text
cli: base kern kern/* text graph model mpi mpi/* io io/* algo/* report cli/param
cli/kg cli/rows cli/graph: base kern kern/* text graph model mpi mpi/* io io/* algo/* cli cli/param
cmd cmd/words cmd/vectors cmd/matrix cmd/rows cmd/graph cmd/kg: base kern kern/* text graph model mpi mpi/* io io/* algo/* report cli cli/*
cmd/bench/contest: base kern kern/* text graph model mpi mpi/* io io/* algo/* report cli cli/*
cmd/bench: base kern kern/* text graph model mpi mpi/* io io/* algo/* report cli cli/* cmd/bench/contest
main: cli
'
# algo/words reads vectors of any file to judge them; training looks at valid facts as kg-eval does.

# Circles of files that are left, each by its first file; none may be added.
circles='
src/cli/help.c
src/cli/param/param.c
io/rows/rows.c
io/foreign/foreign_child.c
src/algo/kg/import/kg_import_estimate.c
src/algo/matrix/spectral/svd.c
'
# help and man name exit codes and common options for each other, param parses its own rows, rows are
# written as they are read, the process that reads foreign files sends by what starts it, import
# estimates by reading, svd and Krylov end with the same steps.

check_circles() {
    # shellcheck disable=SC2016 # awk's own $
    # Comments and strings out of the way, then every word that may be a name of ours.
    find src mpi io -name '*.c' | sort | xargs awk -v circles="$circles" '
        FNR == 1 { inside = 0 }
        {
            line = $0
            gsub(/"([^"\\]|\\.)*"/, "", line)
            if (inside && !sub(/^.*\*\//, "", line)) next
            inside = 0
            gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", line)
            if (sub(/\/\*.*/, "", line)) inside = 1
            # What stands in the first column defines, but for what is static.
            defines = line ~ /^[a-z]/ && line !~ /^(static|typedef|extern|struct [a-z_]+ \{)/
            first = 1
            while (match(line, /trn_[a-z0-9_]+/)) {
                name = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                if (defines && name !~ /_t$/ && (line ~ /^\(/ || line ~ /^ = /) && first) {
                    owner[name] = FILENAME
                    first = 0
                } else if (!((FILENAME, name) in uses)) {
                    uses[FILENAME, name] = 1
                    words[FILENAME] = words[FILENAME] " " name
                }
            }
            files[FILENAME] = 1
        }
        # Whether `goal` can be reached from `from`.
        function reaches(from, goal,   list, n, i) {
            if (been[from]++) return 0
            n = split(rests[from], list, " ")
            for (i = 1; i <= n; i++)
                if (list[i] == goal || reaches(list[i], goal)) return 1
            return 0
        }
        END {
            for (file in files) {
                n = split(words[file], list, " ")
                for (i = 1; i <= n; i++) {
                    other = owner[list[i]]
                    if (other != "" && other != file && !((file, other) in edge)) {
                        edge[file, other] = 1
                        rests[file] = rests[file] " " other
                    }
                }
            }
            for (file in files) {
                split("", been)
                if (reaches(file, file)) turning[file] = 1
            }
            # A circle by its first file: each other one of it reaches that, and is reached.
            for (file in turning) {
                head = file
                for (other in turning) {
                    if (other >= head) continue
                    split("", been)
                    if (!reaches(file, other)) continue
                    split("", been)
                    if (reaches(other, file)) head = other
                }
                members[head] = members[head] " " file
            }
            for (head in members)
                if (!index("\n" circles, "\n" head "\n"))
                    print head ":1: these files form a circle:" members[head]
        }'
}

check() {
    cd "$1" || exit
    check_circles
    grep -rnoE '^ *# *include *(<[^>]*>|"[^"]*")' src mpi io | sed -E 's/ *# *include *//' |
        awk -F : -v rooms="$rooms" '
            BEGIN {
                count = split(rooms, lines, "\n")
                for (i = 1; i <= count; i++) {
                    split(lines[i], side, ":")
                    names = split(side[1], name, " ")
                    for (j = 1; j <= names; j++) may[name[j]] = may[name[j]] " " side[2] " "
                }
            }
            function breach(what) { print $1 ":" $2 ": " what }
            # Room of a path: src/base/x.c -> base, io/x.c -> io, src/x.c -> main.
            function room(path) {
                sub(/^src\//, "", path)
                return sub(/\/[^\/]*$/, "", path) ? path : "main"
            }
            function allowed(here, there,   list, n, i) {
                if (here == there || index(may[here], " " there " ")) return 1
                n = split(may[here], list, " ")
                for (i = 1; i <= n; i++)
                    if (list[i] ~ /\*$/ && index(there "/", substr(list[i], 1, length(list[i]) - 1)) == 1)
                        return 1
                return 0
            }
            # Whether `goal` can be reached from `from`, by what is included today.
            function reaches(from, goal,   list, n, i) {
                if (from == goal) return 1
                if (been[from]++) return 0
                n = split(looks[from], list, " ")
                for (i = 1; i <= n; i++)
                    if (reaches(list[i], goal)) return 1
                return 0
            }
            {
                here = room($1)
                header = substr($3, 2, length($3) - 2)
                if ($3 ~ /^</) {
                    if (header == "mpi.h" && here !~ /^(mpi|io|algo|report|cli|cmd)/)
                        breach("<mpi.h> is for mpi and the floors above it, not for " here)
                    if (header ~ /^hdf5/ && $1 != "io/store/store_hdf_impl.h")
                        breach("only io/store/store_hdf_impl.h includes HDF5")
                    next
                }
                if (header == "version.h" || header == "simd_sets.inc") next # made by CMake
                there = room(header)
                if (there ~ /^\.\./ || there == "main")
                    breach($3 " is not named by its room")
                else if (!(here in may))
                    breach("the room " here " is not in the list of rooms")
                else if (!allowed(here, there))
                    breach(here " must not include " $3 " of " there)
                if (here != there && !index(looks[here], " " there " ")) {
                    looks[here] = looks[here] " " there " "
                    example[here, there] = $1 ":" $2
                }
            }
            END {
                for (pair in example) {
                    split(pair, ends, SUBSEP)
                    split("", been)
                    if (reaches(ends[2], ends[1]))
                        print example[pair] ": " ends[1] " and " ends[2] " form a circle"
                }
            }'
    find src mpi io -name '*.c' | sed -E 's|/[^/]*$||' | sort | uniq -c |
        awk '$1 > 16 { print $2 ":1: " $1 " sources in one room, at most 16; cut it by subject" }'
}

plant_mpi_in_base() { echo '#include <mpi.h>' >>"$1/src/base/clock.c"; }
plant_upward() { echo '#include "io/store/store.h"' >>"$1/mpi/dist.c"; }
plant_sideways() { echo '#include "kern/dense/gemm.h"' >"$1/src/text/planted.c"; }
plant_sideways_in_algo() { echo '#include "algo/words/swivel.h"' >"$1/src/algo/matrix/planted.c"; }
plant_model_knows_mpi() { echo '#include "mpi/agree.h"' >"$1/src/model/planted.h"; }
plant_hdf5() { echo '#include <hdf5.h>' >>"$1/io/planted.c"; }
plant_relative() { echo '#include "../base/mem.h"' >>"$1/mpi/dist.c"; }
plant_circle() { echo '#include "algo/kg/train/kg_train.h"' >>"$1/src/algo/kg/answer/kg_rank.h"; }
plant_unknown_room() { mkdir "$1/src/attic" && echo '#include "base/mem.h"' >"$1/src/attic/x.c"; }
plant_circle_of_files() {
    echo 'int trn_planted_a(void) { return trn_planted_b(); }' >"$1/mpi/planted_a.c"
    echo 'int trn_planted_b(void) { return trn_planted_a(); }' >"$1/src/base/planted_b.c"
}
plant_crowd() { for i in $(seq 17); do echo >"$1/src/algo/common/planted$i.c"; done; }

form_test
