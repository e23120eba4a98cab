#!/bin/sh
# From nothing to word embeddings: install packages, build, count, train, look.
#   sh cluster/quickstart.sh [--corpus FILE] [--eval DIR] [--ranks N]
# Without --corpus the text is made from two dictionaries that Debian packages. --eval names a
# directory with word similarity sets (*.ws.tsv) and analogies (*.an.tsv). Runs from anywhere, as
# root or with sudo, and again at will: everything it makes lies in build/.
set -eu
cd_from=$(pwd)
cd "$(dirname "$0")/.."

corpus="" eval="" ranks=2
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

if [ -z "$eval" ] && [ -d ../shared/data/words/eval ]; then
    eval=../shared/data/words/eval
elif [ -n "$eval" ] && [ ! -d "$eval" ]; then
    echo "quickstart.sh: --eval $eval: no such directory" >&2
    exit 2
fi
if [ -n "$corpus" ] && [ ! -r "$corpus" ]; then
    echo "quickstart.sh: --corpus $corpus: cannot be read" >&2
    exit 2
fi

step() { # say and do
    printf '\n$ %s\n' "$*"
    "$@"
}

step sh cluster/install-deps.sh
step cmake --preset release
step cmake --build build/release --target trunnion -j "$(nproc)"

out=build/quickstart
mkdir -p $out
own_text=yes
if [ -z "$corpus" ]; then
    own_text=no
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

set --
for file in "$eval"/*.ws.tsv; do
    [ ! -f "$file" ] || set -- "$@" --similarity "$file"
done
for file in "$eval"/*.an.tsv; do
    [ ! -f "$file" ] || set -- "$@" --analogy "$file"
done
[ $# -eq 0 ] || mpi words-eval $out/words.h5 "$@"

words="music river king physician"
if [ $own_text = yes ]; then # words that a text of its own surely has: from the upper part of its vocabulary
    words=$(/usr/bin/python3 -c "import h5py
vocab = h5py.File('$out/words.h5')['vocab'].asstr()[:]
print(*vocab[len(vocab) // 40::len(vocab) // 40 + 1][:4])")
fi
# shellcheck disable=SC2086 # a list of words
step $trunnion neighbors $out/words.h5 $words -k 6
step h5ls -r $out/words.h5
# Three lines of Python read it back (Debian's python3-h5py belongs to /usr/bin/python3).
lines="import h5py
store = h5py.File('$out/words.h5')
print(store['vocab'].asstr()[:8], store['embedding'].shape, store['embedding'][0, :4])"
printf '\n$ python3\n%s\n' "$lines"
/usr/bin/python3 -c "$lines"
