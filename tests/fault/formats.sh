# Files of another kind where text is wanted: every reader of text says what the file is and what to do,
# shows none of its bytes, and takes no more memory than a block of it (a bomb of 300 MB is a small file).
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur kg-import kg-train kg-predict convert words-eval neighbors report
need_python
work=$scratch/work
mkdir "$work"
cd "$scratch" || exit 1
make_corpus corpus 50
awk 'BEGIN { for (i = 0; i < 40; i++) print "e" i "\tr" i % 2 "\te" (i * 7 + 1) % 40 }' >facts.tsv
awk 'BEGIN { for (i = 0; i < 50; i++) print "w" i, i % 7, i % 5, i % 3 }' >e.glove
printf 'w1 w2 3\nw2 w3 1\n' >pairs
printf 'e1\tr0\t?\n' >questions
expect 0 "a graph" ranks 1 kg-import --train facts.tsv -o g.h5 || finish
expect 0 "a model" ranks 1 kg-train g.h5 -o m.h5 --model transe --dim 4 --epochs 1 --quiet || finish
expect 0 "an array" ranks 1 convert e.glove e.npy || finish

# Every reader of text; `@` is its file.
readers='cooccur @ -o work/x.h5
cooccur corpus --vocab @ -o work/x.h5
kg-import --train @ -o work/x.h5
kg-import --train facts.tsv --valid @ -o work/x.h5
kg-predict m.h5 g.h5 @
convert @ work/x.h5
convert @ work/x.h5 --from word2vec
convert e.npy work/x.txt --vocab @
words-eval e.glove --similarity @
words-eval e.glove --analogy @
convert @.mtx work/x.npy
convert @.npy work/x.h5
report @ -o work/r.html
cooccur corpus -o work/x.h5 --config @'

"$python" - <<'END'
import bz2, gzip, io, lzma, os, struct, tarfile, zipfile
import numpy
numpy.savez("npz", a=numpy.zeros((2, 2)))
os.rename("npz.npz", "npz")
with zipfile.ZipFile("zip", "w") as z:
    z.writestr("corpus", "a b c\n" * 9)
open("fasttext", "wb").write(struct.pack("<ii12id", 793712314, 12, 4, 5, 5, 1, 5, 1, 2, 1, 2, 3, 6, 100, 1e-4)
                             + b"\x1b]0;title\x07the\0")
open("utf16", "wb").write("a b c\nd e f\n".encode("utf-16"))
open("utf16le", "wb").write("a b c\nd e f\n".encode("utf-16-le"))
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w:gz") as t:
    t.add("corpus")
open("tgz", "wb").write(tar.getvalue())
open("twice", "wb").write(gzip.compress(bz2.compress(b"a b c\n" * 99)))
open("lzma", "wb").write(lzma.compress(b"a b c\n" * 99, format=lzma.FORMAT_ALONE))
open("png", "wb").write(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x1b[2J")
END
for kind in utf16 fasttext; do gzip -c $kind >$kind.packed; done
head -c 300000000 /dev/zero | tee >(gzip -1 >nul.gz) >(bzip2 -1 >nul.bz2) >(xz -0 >nul.xz) |
    zstd -q -1 >nul.zst
yes 'a' | head -c 300000000 | tr '\n' ' ' | zstd -q -1 >line.zst
sleep 1 # the last of the four may still write
while ! gzip -tq nul.gz || ! bzip2 -tq nul.bz2 || ! xz -tq nul.xz; do sleep 0.3; done 2>/dev/null

# One run alone, with its peak in $scratch/peak (kB).
alone() { # ARGUMENT...
    timeout -k 5 "$(seconds)" "$python" - "$scratch/peak" "$TRUNNION" "$@" <<'END'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
END
}
check() { # FILE PATTERN MEGABYTES
    local line path args
    while read -r line; do
        path=$1
        # The ending alone tells that a file is to be a matrix.
        case $line in *@.*) path=$1.${line#*@.} path=${path%% *}; ln -sf "$1" "$path" ;; esac
        read -ra args <<<"${line/@*([^ ])/$path}"
        expect 3 "$1: $line" alone "${args[@]}" &&
            expect_message "$1: $line" "$2" &&
            expect_only "$1: $line" work
        checks=$((checks + 2))
        LC_ALL=C.UTF-8 grep -qaxE '[[:print:]]*' <(head -n 1 err) || fail "$1: $line: raw bytes shown"
        [ "$(cat peak)" -lt $(($3 * 1024)) ] || fail "$1: $line: $(cat peak) kB"
        rm -f "$work"/*
    done <<<"$readers"
}
shopt -s extglob
check zip 'is a zip archive, not .*; unpack it' 100
check utf16.packed 'is UTF-16 text, not .*; convert it with iconv -f UTF-16 -t UTF-8' 100
check nul.zst ':1: holds a NUL byte|not a .npy file' 100
check line.zst 'line of more than|no line end within|longer than|not a .npy file|token of more than' 350

# What should be a store.
readers='kg-train @ -o work/x.h5
neighbors @.h5 word'
check zip 'is a zip archive, not ' 100
check utf16.packed 'is compressed with gzip, not an HDF5 file|is UTF-16 text' 100

# All readers are one below: the other kinds are shown to two of them.
readers='cooccur @ -o work/x.h5
convert @ work/x.h5'
check fasttext 'is a fastText model, not .*; give its vectors' 100
check fasttext.packed 'is a fastText model' 100
check utf16 'is UTF-16 text, not .*; convert it with iconv -f UTF-16 -t UTF-8' 100
check utf16le 'iconv -f UTF-16LE -t UTF-8' 100
check tgz 'is a tar archive, not .*; unpack it' 100
check twice 'is compressed with bzip2, not .*; decompress it first' 100
check lzma 'is compressed with lzma' 100
check png 'is a PNG picture' 100
readers='cooccur @ -o work/x.h5'
check npz 'NumPy archive \(.npz\), not .*; trunnion convert takes an array' 100
readers+='
convert @ work/x.h5'
for kind in gz bz2 xz; do
    check nul.$kind ':1: holds a NUL byte' 100
done
finish
