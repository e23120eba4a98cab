# A byte order mark at the head of a text, plain or compressed, changes nothing in any reader.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur kg-import kg-train kg-predict convert words-eval report
need_python
cd "$scratch" || exit 1
make_corpus corpus 200
printf 'common0\ncommon1\ncommon2\n' >list
awk 'BEGIN { for (i = 0; i < 40; i++) print "e" i "\tr" i % 2 "\te" (i * 7 + 1) % 40 }' >facts
printf 'e1\tr0\t?\n?\tr1\te3\n' >questions
awk 'BEGIN { for (i = 0; i < 50; i++) print "w" i, i % 7, i % 5, 1 }' >glove
{ echo 50 3; cat glove; } >vectors
awk 'BEGIN { for (i = 0; i < 50; i++) print "w" i }' >names
awk 'BEGIN { for (i = 0; i < 40; i++) print "w" i, "w" i + 1, i % 9 }' >pairs
awk 'BEGIN { for (i = 0; i < 40; i++) print "w" i, "w" i + 1, "w" i + 2, "w" i + 3 }' >analogies
printf '%%%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 2.5\n3 2 -1\n' >matrix
expect 0 "an array" ranks 1 convert glove e.npy || finish
expect 0 "a graph" ranks 1 kg-import --train facts -o g.h5 || finish
expect 0 "a model" ranks 1 kg-train g.h5 -o m.h5 --model transe --dim 4 --epochs 1 --quiet || finish
expect 0 "a log" ranks 1 cooccur corpus -o x.h5 --log-json log || finish

# What the command makes of its file, in $scratch/made.
make() { # ENDING RANKS ARGUMENT...
    rm -f out.*
    expect 0 "${*:2}" ranks "$2" "${@:3}" --quiet || return
    case $1 in
    h5) digest out.h5 >made ;;
    out) sed -E 's/(plain|marked|packed)[.a-z]*//; s/ +/ /g' out | grep -vE 'seconds|bytes|peak' >made ;; # it is printed
    html) sed -E 's|[a-z0-9.]*log[a-z0-9.]*||g' out.html >made ;;
    *) mv "out.$1" made ;;
    esac
}
suffix='' packing=''
# The same with a mark, and with a mark in a compressed file; @ is the file.
with() { # ENDING FILE RANKS ARGUMENT...
    local ending=$1 file=$2 n=$3
    shift 3
    local way path
    for way in plain marked packed; do
        path=$way$suffix
        case $way in
        plain) cp "$file" "$path" ;;
        marked) { printf '\xef\xbb\xbf'; cat "$file"; } >"$path" ;;
        packed) path=$path$packing; { printf '\xef\xbb\xbf'; cat "$file"; } | gzip -c >"$path" ;;
        esac
        make "$ending" "$n" "${@/#@/$path}" || return
        if [ $way = plain ]; then
            mv made wanted
        else
            checks=$((checks + 1))
            cmp -s wanted made || fail "$way $file: $*: another result"
        fi
    done
}
with h5 corpus 3 cooccur @ -o out.h5 --min-count 1
printf 'min-count = 3\nwindow = 2\n' >settings
with h5 settings 2 cooccur corpus -o out.h5 --config @
with h5 list 2 cooccur corpus --vocab @ -o out.h5
with h5 facts 3 kg-import --train @ -o out.h5
with out questions 2 kg-predict m.h5 g.h5 @
with h5 glove 2 convert @ out.h5
with h5 vectors 2 convert @ out.h5
with h5 names 2 convert e.npy out.h5 --vocab @
with out pairs 2 words-eval glove --similarity @
with out analogies 2 words-eval glove --analogy @
with html log 1 report @ -o out.html
suffix=.mtx packing=.gz
with npy matrix 2 convert @ out.npy
finish
