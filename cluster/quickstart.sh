#!/bin/sh
# From nothing to word embeddings: install packages, build, count, train, look.
#   sh cluster/quickstart.sh [--corpus FILE] [--eval DIR] [--ranks N]
# Without --corpus the text is made from two dictionaries that Debian packages. --eval names a
# directory with word similarity sets (*.ws.tsv) and analogies (*.an.tsv). Runs from anywhere, as
# root or with sudo, and again at will: everything it makes lies in build/.
set -eu
cd_from=$(pwd)
cd "$(dirname "$0")/.."

corpus="" eval="../shared/data/words/eval" ranks=2
while [ $# -gt 0 ]; do
    case $1 in
    --corpus | --eval | --ranks)
        [ $# -ge 2 ] || { echo "quickstart.sh: $1 needs a value" >&2; exit 2; }
        value=$2
        case $value in /*) ;; *) [ "$1" = --ranks ] || value=$cd_from/$value ;; esac
        case $1 in
        --corpus) corpus=$value ;;
        --eval) eval=$value ;;
        --ranks) ranks=$value ;;
        esac
        shift 2
        ;;
    *)
        echo "usage: quickstart.sh [--corpus FILE] [--eval DIR] [--ranks N]" >&2
        exit 2
        ;;
    esac
done

step() { # say and do
    printf '\n$ %s\n' "$*"
    "$@"
}

step sh cluster/install-deps.sh
step cmake --preset release
step cmake --build build/release -j "$(nproc)"

out=build/quickstart
mkdir -p $out
if [ -z "$corpus" ]; then
    corpus=$out/dictionaries.txt
    if [ ! -s $corpus ]; then
        printf '\n$ sh cluster/dictionary-text.sh %s >%s\n' $out/packages $corpus
        sh cluster/dictionary-text.sh $out/packages >$corpus.part
        mv $corpus.part $corpus
    fi
fi

# Open MPI refuses root unless told otherwise; idle ranks should not burn a processor.
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
trunnion=build/release/trunnion
mpi() {
    step mpirun --oversubscribe --bind-to none -n "$ranks" "$trunnion" "$@"
}

mpi cooccur "$corpus" -o $out/counts.h5 --vocab-size 16384
mpi swivel $out/counts.h5 -o $out/words.h5 --dim 128

sets=$(find "$eval" -name '*.ws.tsv' 2>/dev/null | sort)
analogies=$(find "$eval" -name '*.an.tsv' 2>/dev/null | sort)
if [ -n "$sets$analogies" ]; then
    # shellcheck disable=SC2086 # lists of files
    mpi words-eval $out/words.h5 ${sets:+--similarity $sets} ${analogies:+--analogy $analogies}
fi
step $trunnion neighbors $out/words.h5 music river king physician -k 6
step h5ls -r $out/words.h5
cat <<END

\$ python3    # three lines read it back
END
step /usr/bin/python3 -c "import h5py
f = h5py.File('$out/words.h5')
print(f['vocab'].asstr()[:8], f['embedding'].shape, f['embedding'][0, :4])"
