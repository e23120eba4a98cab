# An installed Trunnion serves: two tiny projects build against it, one through CMake's find_package
# and one through pkg-config; manual, completion and modulefile are there.
. "$(dirname "$0")/lib_program.sh" || exit 1
command -v mpicc >/dev/null || skip "mpicc is not installed"
! grep -q TRUNNION_SANITIZE:BOOL=ON "$(dirname "$TRUNNION")/CMakeCache.txt" ||
    skip "a sanitizer build is not for installing"
prefix=$scratch/prefix
expect 0 "cmake --install" cmake --install "$(dirname "$TRUNNION")" --prefix "$prefix"

mkdir "$scratch/consumer"
cat >"$scratch/consumer/main.c" <<'END'
#include <trunnion.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    trn_status_t status = trn_agree(MPI_COMM_WORLD, trn_fail(TRN_INPUT, "%s", "as wanted"));
    int right = status == TRN_INPUT && trn_part_start(10, 4, 4) == 10;
    MPI_Finalize();
    return right ? 0 : 1;
}
END
cat >"$scratch/consumer/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES C)
find_package(trunnion REQUIRED)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE trunnion::trunnion)
END
cd "$scratch/consumer" || exit 1
expect 0 "find_package" cmake -B build -DCMAKE_PREFIX_PATH="$prefix"
expect 0 "build with find_package" cmake --build build
expect 0 "run, found by find_package" job -n 2 build/consumer

config=$(find "$prefix" -name trunnion.pc)
export PKG_CONFIG_PATH=${config%/*}
expect 0 "pkg-config" pkg-config --cflags --libs trunnion
# shellcheck disable=SC2046 # words are wanted
expect 0 "build with pkg-config" mpicc main.c -o with_pkg_config $(cat "$scratch/out")
expect 0 "run, found by pkg-config" job -n 2 ./with_pkg_config

# A profiler of the user's own sees the calls that the library makes, for the library has none of them.
cat >profiled.c <<'END'
#include <trunnion.h>

static int calls;

int MPI_Allreduce(const void *in, void *out, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    calls++;
    return PMPI_Allreduce(in, out, count, type, op, comm);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    trn_trace_enable(false); /* what once brought wrappers of the library's own */
    trn_trace_begin("phase");
    trn_status_t status = trn_watch_start(MPI_COMM_WORLD, 60); 
    status = trn_agree(MPI_COMM_WORLD, status);
    trn_watch_stop();
    trn_trace_end();
    MPI_Finalize();
    return status == TRN_OK && calls >= 2 ? 0 : 1;
}
END
# shellcheck disable=SC2046 # words are wanted
expect 0 "build with a profiler" mpicc profiled.c -o profiled $(pkg-config --cflags --libs trunnion)
expect 0 "run with a profiler" job -n 2 ./profiled
library=$(find "$prefix" -name libtrunnion.a)
expect_equal "MPI functions in the library" "" "$(nm -g "$library" | grep -E ' [TtWDB] _?P?MPI_')"

# C++: every header has C linkage, once, also when installed over; tests/form/headers.sh compiles each.
if command -v mpicxx >/dev/null; then
    expect 0 "installed again" cmake --install "$(dirname "$TRUNNION")" --prefix "$prefix"
    expect_equal "headers without C linkage, or with it twice" "" "$(find "$prefix/include/trunnion" \
        -name '*.h' ! -name trunnion.h -exec grep -c '^extern "C"' {} + | grep -v ':1$')"
    cp main.c main.cc
    # shellcheck disable=SC2046 # words are wanted
    expect 0 "build in C++" mpicxx -std=c++17 -Wall -Wextra -Werror -DOMPI_SKIP_MPICXX \
        main.cc -o with_cxx $(pkg-config --cflags --libs trunnion)
    expect 0 "run in C++" job -n 1 ./with_cxx
else
    echo "not checked: C++, because there is no mpicxx"
fi

expect 0 "the installed program" "$prefix/bin/trunnion" --version
for file in share/man/man1/trunnion.1 share/bash-completion/completions/trunnion; do
    checks=$((checks + 1))
    [ -s "$prefix/$file" ] || fail "$file is missing or empty"
done
expect_equal "man pages" "$("$TRUNNION" list --names | wc -l)" \
    "$(find "$prefix/share/man/man1" -name 'trunnion-*.1' -size +0 | wc -l)"
finish
