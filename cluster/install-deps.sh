#!/bin/sh
# Install the Debian 12 packages that Trunnion needs, and only those that are missing.
#   sh cluster/install-deps.sh            to build and run
#   sh cluster/install-deps.sh --tests    also what the tests use
# Needs root or sudo only when something is missing; a second run changes nothing.
set -eu

packages="gcc libc6-dev make cmake git pkg-config libopenmpi-dev openmpi-bin libhdf5-openmpi-dev
    libopenblas-openmp-dev liblapack-dev libscalapack-openmpi-dev libjansson-dev libxxhash-dev
    libzstd-dev libutf8proc-dev zlib1g-dev libbz2-dev liblzma-dev librandom123-dev hdf5-tools python3
    python3-h5py xz-utils ca-certificates"
test_packages="libcmocka-dev shellcheck clang-format-14 groff-base util-linux zstd
    valgrind python3-scipy cppcheck iproute2 munge slurmctld slurmd slurm-client
    wordnet-base"

if [ "${1:-}" = --tests ]; then
    packages="$packages $test_packages"
elif [ $# -gt 0 ]; then
    echo "usage: install-deps.sh [--tests]" >&2
    exit 2
fi
if ! command -v apt-get >/dev/null; then
    echo "install-deps.sh: no apt-get here; install by hand: $packages" >&2
    exit 1
fi

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-deps.sh: needs root or sudo for: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
echo "installing:$missing"
# A fresh machine or container has no package lists yet.
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$as_root apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install $missing >/dev/null
