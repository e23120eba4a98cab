# trim: rows that stay are copies, by numbers, counts and names, of every format, at any number of
# ranks the same bytes; several tensors by one list, tied ones once; the way back; and bad lists are
# refused before anything is written.
. "$(dirname "$0")/lib_program.sh" || exit 1
need trim convert
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io' 2>/dev/null || skip "$python lacks h5py, numpy or scipy"
cd "$scratch" || exit 1

cat >make.py <<'END'
import gzip, json, os, struct
import numpy as np, scipy.io, scipy.sparse as sp
random = np.random.default_rng(5)
V, d = 1500, 24
E = random.standard_normal((V, d)).astype("f4")
E[7, 3], E[8, 0], E[1499, 23] = np.nan, -0.0, np.inf # trim makes no sums: all are copied
np.save("E.npy", E)
np.save("b.npy", E[:, 0].copy())
gzip.open("G.npy.gz", "wb").write(open("E.npy", "rb").read())
ids = random.permutation(V)[:200]
ids[:2] = 1499, 7
np.save("ids.npy", ids)
open("ids.txt", "w").write("".join(f"{i}\n" for i in ids))
words = [f"w{i}" for i in range(V)]
words[3] = "New York"
open("E.npy.vocab", "w").write("".join(f"{w}\t{i}\n" for i, w in enumerate(words)))
count = random.integers(0, 40, V)
open("counts.tsv", "w").write("".join(f"{w}\t{c}\n" for w, c in zip(words, count)) + "foreign\t99\n")
np.save("counts.npy", count)
open("some.txt", "w").write("w9\nw1\nw1499\n\n")
open("keep.txt", "w").write("New York\tspecial\nw2\t\n")
S = sp.random(V, 60, 0.1, random_state=0).tocsr()
scipy.io.mmwrite("S.mtx", S, precision=17)
scipy.io.mmwrite("D.mtx", E[:, :5].astype("f8")[np.isfinite(E[:, :5]).all(1)][:300], precision=17)
np.save("sids.npy", np.arange(299, 100, -3))
with open("E.vec", "w") as f:
    f.write(f"{V} 3\n" + "".join(f"w{i} {i} {-i / 8} 1e-3\n" for i in range(V)))

def tensors(path, all):
    head, at, body = {}, 0, b""
    for name, (kind, x) in all.items():
        raw = x.tobytes()
        head[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        body += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)

half = (E.view("u4") >> 16).astype("u2")
tensors("tied.safetensors", {"model.embed_tokens.weight": ("BF16", half), "other": ("F32", E[:4])})
tensors("one.safetensors", {"model.embed_tokens.weight": ("BF16", half)})
tensors("two.safetensors", {"lm_head.weight": ("F16", E.astype("f2")), "lm_head.bias": ("F32", E[:, 1].copy())})
json.dump({"metadata": {}, "weight_map": {"model.embed_tokens.weight": "one.safetensors",
           "lm_head.weight": "two.safetensors", "lm_head.bias": "two.safetensors"}},
          open("model.safetensors.index.json", "w"))
json.dump({"metadata": {}, "weight_map": {"model.embed_tokens.weight": "one.safetensors"}},
          open("half.safetensors.index.json", "w"))
E[8, 0] = 0
np.save("finite.npy", np.nan_to_num(E, posinf=3))
np.save("small.npy", -np.nan_to_num(E, posinf=3)[ids])
END
"$python" make.py || { fail "inputs"; finish; }

# The same bytes at 1, 3 and 7 ranks.
same() { # OUT ARGUMENT...
    local n
    for n in 1 3 7; do
        mkdir -p "at$n"
        expect 0 "$1 at $n ranks" ranks $n trim --quiet "${@:2}" -o "at$n/$1"
    done
    for n in 3 7; do
        [ "$1" != "${1%.h5}" ] || expect 0 "$1 at $n ranks" cmp "at1/$1" "at$n/$1"
    done
}

# Stores tell the command, which names the output: their content is compared.
same list.npy E.npy --ids ids.npy
expect 0 "the map" ranks 3 trim --quiet E.npy --ids ids.txt -o text.h5 --map map.npy
same packed.h5 G.npy.gz --ids ids.npy
same counted.npy E.npy --counts counts.tsv --min 5 --top 100 --keep keep.txt
"$python" -c "import h5py, numpy
h5py.File('counts.h5', 'w')['/n'] = numpy.load('counts.npy')"
same member.npy E.npy --counts counts.h5:/n --min 5 --top 100 --keep keep.txt
expect 0 "counts in a dataset" cmp at1/counted.npy at1/member.npy
expect 0 "a column of counts" ranks 1 trim --quiet E.npy --counts counts.npy --min 5 --top 100 -o column.npy
expect 0 "names" ranks 2 trim --quiet E.npy --vocab some.txt -o named.h5
expect 0 "vectors of words" ranks 2 trim --quiet E.vec --words some.txt -o named.vec
same sparse.mtx S.mtx --ids ids.npy
expect 0 "a sparse store" ranks 1 convert --quiet S.mtx S.h5
expect 0 "its rows" ranks 3 trim --quiet S.h5 --ids ids.npy -o sparse.h5
expect 0 "filled up" ranks 3 trim --quiet S.mtx --ids ids.npy -o filled.npy
same array.npy D.mtx --ids sids.npy
expect 0 "several of one model" ranks 3 trim --json model.safetensors.index.json:model.embed_tokens.weight \
    model.safetensors.index.json:lm_head.weight model.safetensors.index.json:lm_head.bias b.npy --ids ids.npy -o parts
expect_equal "none is tied" "$(grep -c tied out)" 0
cp out parts.json
expect 0 "one tensor named twice" ranks 2 trim --json tied.safetensors:model.embed_tokens.weight \
    ./tied.safetensors:model.embed_tokens.weight tied.safetensors:lm_head.weight --ids ids.npy -o tied
cp out tied.json
expect_only "it is written once" tied model.embed_tokens.weight.safetensors
expect 0 "an index without lm_head" ranks 1 trim --json half.safetensors.index.json:model.embed_tokens.weight \
    half.safetensors.index.json:lm_head.weight --ids ids.npy -o half
expect_only "it is written once, too" half model.embed_tokens.weight.safetensors
same back.npy small.npy --restore finite.npy --ids ids.npy
expect 0 "rows out" ranks 1 trim --quiet E.npy --ids ids.npy -o small.h5
expect 0 "and back by /ids" ranks 3 trim --quiet small.h5 --restore E.npy -o whole.npy
expect 0 "are what they were" cmp whole.npy E.npy
expect 0 "with little memory" ranks 2 trim --quiet E.npy --ids ids.npy --memory 3M -o tight.npy
expect 0 "the same" cmp tight.npy at1/list.npy

cat >compare.py <<'END'
import json, struct
import h5py, numpy as np, scipy.io, scipy.sparse as sp
E, ids = np.load("E.npy"), np.load("ids.npy")
same = lambda a, b: a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
assert same(np.load("at1/list.npy"), E[ids])
place = np.load("map.npy")
assert place.dtype == np.int64 and place.shape == (len(E),)
assert (place[ids] == np.arange(len(ids))).all() and (place < 0).sum() == len(E) - len(ids)
names = [line.split("\t")[0] for line in open("E.npy.vocab")]
with h5py.File("text.h5") as f:
    assert same(f["embedding"][:], E[ids]) and same(f["ids"][:], ids)
    assert [w.decode() for w in f["vocab"]] == [names[i] for i in ids]
    assert f.attrs["kind"] in (b"embedding", "embedding")
for n in 1, 3, 7:
    with h5py.File(f"at{n}/packed.h5") as f:
        assert same(f["matrix"][:], E[ids]) and same(f["ids"][:], ids) and "vocab" not in f
count = np.load("counts.npy")
order = np.lexsort((np.arange(len(E)), -count))
top = np.sort(order[count[order] >= 5][:100])
assert same(np.load("column.npy"), E[top])
assert same(np.load("at1/counted.npy"), E[np.unique(np.r_[top, 2, 3])])
with h5py.File("named.h5") as f:
    assert list(f["ids"]) == [1, 9, 1499] and list(f["vocab"]) == [b"w1", b"w9", b"w1499"]
lines = [line.split() for line in open("named.vec")]
assert lines[0] == ["3", "3"] and [line[0] for line in lines[1:]] == ["w1", "w9", "w1499"]
assert same(np.array([line[1:] for line in lines[1:]], "f4"),
            np.array([[i, -i / 8, 1e-3] for i in (1, 9, 1499)], "f4"))
S = scipy.io.mmread("S.mtx").tocsr()[ids]
assert (scipy.io.mmread("at1/sparse.mtx") != S).nnz == 0 and same(np.load("filled.npy"), S.toarray())
with h5py.File("sparse.h5") as f:
    got = sp.csr_matrix((f["value"][:], f["col"][:], f["row_ptr"][:]), S.shape)
    assert (got != S).nnz == 0 and same(f["ids"][:], ids)
assert same(np.load("at1/array.npy"), scipy.io.mmread("D.mtx")[np.load("sids.npy")])
def tensor(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    (name, head), = json.loads(raw[8:8 + n]).items()
    return name, head["dtype"], head["shape"], raw[8 + n:]
half = (E.view("u4") >> 16).astype("u2")[ids].tobytes()
embed = "model.embed_tokens.weight"
for folder in "parts", "tied", "half":
    assert tensor(f"{folder}/{embed}.safetensors") == (embed, "BF16", [200, 24], half)
assert tensor("parts/lm_head.weight.safetensors") == ("lm_head.weight", "F16", [200, 24], E.astype("f2")[ids].tobytes())
assert tensor("parts/lm_head.bias.safetensors") == ("lm_head.bias", "F32", [200], E[ids, 1].tobytes())
assert same(np.load("parts/b.npy"), E[ids, 0])
told = json.load(open("parts.json"))
assert told["rows_before"] == 1500 and told["rows"] == 200
assert told["bytes_before"] == 1500 * (24 * 4 + 8) and told["bytes"] == 200 * (24 * 4 + 8)
assert len(json.load(open("tied.json"))["tied"]) == 2 and len(json.load(open("tied.json"))["files"]) == 1
whole = np.load("finite.npy")
whole[ids] = np.load("small.npy")
assert same(np.load("at1/back.npy"), whole)
END
expect 0 "they are what they should be" "$python" compare.py

# What is wrong is said in one line, before there is any output.
printf '3\n1\n3\n' >twice.txt
awk 'BEGIN { for (i = 0; i < 200; i++) print i % 199 }' >again.txt
printf '3\n1500\n' >beyond.txt
printf '3\n-1\n' >below.txt
printf '3\n1.5\n' >fraction.txt
printf 'w1\nw77777\n' >unknown.txt
printf 'w1\t5\nw1\t6\n' >again.tsv
printf 'w1\tmany\n' >many.tsv
: >none.txt
"$python" -c 'import numpy as np; np.save("short.npy", np.arange(5)); np.save("two.npy", np.zeros((3, 2)))
np.save("row.npy", np.zeros((1499, 24), "f4")); np.save("wide.npy", np.zeros((200, 25), "f4")); np.save("zero.npy", np.zeros((0, 24), "f4"))
np.save("list0.npy", np.zeros(0, "i8"))'
mkdir full && cp E.npy full
bad() { # CODE PATTERN ARGUMENT...
    expect "$1" "${*:3}" ranks "${n:-1}" trim "${@:3}"
    expect_message "${*:3}" "$2"
}
for n in 1 3; do
    bad 3 'twice.txt: entries 0 and 2 \(from 0\) are both 3' E.npy --ids twice.txt -o no.h5
    bad 3 'beyond.txt: entry 1 \(from 0\) is 1500; there are 1500 rows' E.npy b.npy --ids beyond.txt -o no
    bad 3 "unknown.txt:2: no row of E.npy is called 'w77777'" E.npy --words unknown.txt -o no.h5
    bad 3 'row.npy: has 1499 rows, but E.npy has 1500' E.npy row.npy --ids ids.npy -o no
    bad 3 'wide.npy: has 25 columns, but E.npy has 24' wide.npy --restore E.npy --ids ids.npy -o no.npy
done
n=1
bad 3 'below.txt: entry 1 \(from 0\) is -1' E.npy --ids below.txt -o no.h5
bad 3 'fraction.txt' E.npy --ids fraction.txt -o no.h5
bad 3 'two.npy: 3 x 2; a list' E.npy --ids two.npy -o no.h5
bad 3 'again.tsv:2: .w1. was counted before' E.npy --counts again.tsv -o no.h5
bad 3 'many.tsv:1: .many. is no count' E.npy --counts many.tsv -o no.h5
bad 3 'short.npy: 5 numbers, but E.npy has 1500 rows' E.npy --counts short.npy -o no.h5
bad 3 'no row of the 1500 is left; lower --min' E.npy --counts counts.tsv --min 1000 -o no.h5
bad 3 'no row of the 1500 is left; the list is empty' E.npy --ids list0.npy -o no.h5
bad 3 'no row of the 0 is left' zero.npy --ids list0.npy -o no.h5
bad 3 'again.txt: entries 0 and 199 .from 0. are both 0' small.npy --restore E.npy --ids again.txt -o no.npy
bad 3 'short.npy: 5 numbers, but small.npy has 200 rows' small.npy --restore E.npy --ids short.npy -o no.npy
bad 3 "has no tensor 'lm_head.bias'" tied.safetensors:model.embed_tokens.weight tied.safetensors:lm_head.bias --ids ids.npy -o no
bad 2 'say which rows stay' E.npy -o no.h5
bad 2 'counts' E.npy --ids ids.npy --counts counts.tsv -o no.h5
bad 2 'full/E.npy would be written, but it is read' full/E.npy b.npy --ids ids.npy -o full
bad 2 'would be written twice' E.npy full/E.npy --ids ids.npy -o no
bad 2 'small.npy: is no store with /ids' small.npy --restore E.npy -o no.npy
expect 0 "unknown names left out" ranks 1 trim --json E.npy --words unknown.txt --unknown skip -o one.npy
expect_equal "and counted" "$(grep -o '"unknown_names": 1' out)" '"unknown_names": 1'
expect_equal "nothing was written" "$(find . -name 'no*' ! -name 'none.txt' | tr '\n' ' ')" ""
expect 4 "too little memory" ranks 1 trim E.npy --ids ids.npy --memory 200K -o no.npy
finish
