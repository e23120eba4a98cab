# closure: 50 random digraphs by networkx in one file, all ways and ranks; golden, questions, paths,
# files that are written, what is refused.
. "$(dirname "$0")/lib_program.sh" || exit 1
need closure
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import random
random.seed(3)
with open("fifty.txt", "w") as f:  # node names say their graph; below and above the threshold
    for g in range(50):
        n = random.randint(2, 24)
        for e in range(random.randint(1, 2 * n)):
            print(f"g{g}_{random.randrange(n)}\tg{g}_{random.randrange(n)}", file=f)
        print(f"g{g}_0\tg{g}_1", file=f)
with open("golden.txt", "w") as f:
    print("# i -> j iff (i i + 3 j + i j) mod 11 = 0", file=f)
    for i in range(20):
        for j in range(20):
            if (i * i + 3 * j + i * j) % 11 == 0 and i != j: print(i, j, file=f)
with open("chain.txt", "w") as f:
    for i in range(999): print(i, i + 1, file=f)
PY
cat >check.py <<'PY'
"""What a store of R says, against a set of pairs by walks from every node, or by networkx."""
import collections, json, sys, h5py, numpy as np

def edges(name):
    lines = [l.split() for l in open(name) if not l.startswith("#")]
    return [(l[0], l[1]) for l in lines]

def walks(pairs, hops=None, reflexive=False):
    to = collections.defaultdict(list)
    for a, b in pairs: to[a].append(b)
    R = set()
    for s in {v for p in pairs for v in p}:
        seen, level, n = set(), [s], 0
        while level and (hops is None or n < hops):
            level = list({w for v in level for w in to[v]} - seen)
            seen |= set(level)
            n += 1
        R |= {(s, t) for t in seen | ({s} if reflexive else set())}
    return R

def stored(name, packed=False):
    f = h5py.File(name)
    names = [n.decode() for n in f["vocab"][:]] if "vocab" in f else [str(i) for i in range(f.attrs["rows"])]
    cols = [n.decode() for n in f["nodes"][:]] if "nodes" in f else names
    if packed:
        bits = np.unpackbits(f["bits"][:], axis=1, bitorder="little")[:, :f.attrs["cols"]]
        return {(names[i], cols[j]) for i, j in np.argwhere(bits)}
    p, c = f["row_ptr"][:], f["col"][:]
    assert (f["value"][:] == 1).all()
    return {(names[i], cols[j]) for i in range(len(p) - 1) for j in c[p[i]:p[i + 1]]}

def of_networkx(pairs):
    import networkx as nx
    g = nx.DiGraph(pairs)
    return set(nx.transitive_closure(g, reflexive=False).edges)
PY
check() { # WHAT EXPRESSION
    checks=$((checks + 1))
    "$python" -c "from check import *; sys.exit(0 if $2 else 1)" || fail "$1"
}
bits() { # of what is in a store but its record
    digest "$1" | grep -Ev checksum
}

# The same bits on any ranks and threads, however little memory, and networkx's pairs.
first=""
for n in 1 2 3 7; do
    expect 0 "fifty digraphs on $n ranks" ranks "$n" closure fifty.txt -o "r$n.h5" --quiet
    [ -n "$first" ] || first=$(bits r1.h5)
    expect_equal "fifty digraphs on $n ranks" "$(bits "r$n.h5")" "$first"
done
expect 0 "threads" "$TRUNNION" closure fifty.txt -o rt.h5 --threads 2 --quiet
expect_equal "threads" "$(bits rt.h5)" "$first"
expect 0 "levels" ranks 2 closure fifty.txt -o rl.h5 --longest --quiet
expect_equal "levels" "$(bits rl.h5)" "$first"
check "walks" "stored('r1.h5') == walks(edges('fifty.txt'))"
if "$python" -c 'import networkx' 2>/dev/null; then
    check "networkx" "stored('r1.h5') == of_networkx(edges('fifty.txt'))"
else
    echo "not checked: networkx, which is not installed"
fi
expect 0 "reflexive" ranks 3 closure fifty.txt -o rr.h5 --reflexive --quiet
check "reflexive" "stored('rr.h5') == walks(edges('fifty.txt'), reflexive=True)"
expect 0 "hops" ranks 3 closure fifty.txt -o rh.h5 --hops 3 --quiet
check "hops" "stored('rh.h5') == walks(edges('fifty.txt'), 3)"
expect 0 "rounds" "$TRUNNION" closure fifty.txt -o rh.h5 --rounds 2 --quiet
check "rounds" "stored('rh.h5') == walks(edges('fifty.txt'), 4)"
expect 0 "packed" ranks 2 closure fifty.txt -o rp.h5 --packed --quiet
check "packed" "stored('rp.h5', True) == walks(edges('fifty.txt'))"
expect 0 "undirected" "$TRUNNION" closure fifty.txt -o ru.h5 --no-directed --quiet
check "undirected" "stored('ru.h5') == walks(edges('fifty.txt') + [(b, a) for a, b in edges('fifty.txt')])"
expect 0 "from" ranks 3 closure fifty.txt --from g7_1 g3_0 --quiet -o rf.h5
check "from" "stored('rf.h5') == {p for p in walks(edges('fifty.txt')) if p[0] in ('g7_1', 'g3_0')}"
check "from: order" "h5py.File('rf.h5')['vocab'][0] == b'g7_1'"
expect 0 "closure of the closure" "$TRUNNION" closure r1.h5 -o rc.h5 --quiet
check "closure of the closure" "stored('rc.h5') == stored('r1.h5')"
expect 0 "as text" ranks 2 closure golden.txt -o g.mtx --quiet
expect 0 "other verbs read it" "$TRUNNION" convert g.mtx g.h5 --quiet
expect_equal "pairs as text" "$(grep -c '^[0-9]* [0-9]*$' g.mtx)" 70

# Figures.
figures() { "$python" -c 'import json, sys
j = json.load(open("out"))
print(*[j.get(k) for k in sys.argv[1:]])' "$@"; }
expect 0 "golden" ranks 2 closure golden.txt --longest --json --quiet
expect_equal "golden" "$(figures nodes edges pairs rounds longest)" "20 32 70 3 4"
expect 0 "a path" "$TRUNNION" closure chain.txt --json --quiet
expect_equal "a path" "$(figures pairs components)" "499500 1000"
expect 0 "a circle" "$TRUNNION" closure <(cat chain.txt; echo 999 0) --json --quiet
expect_equal "a circle" "$(figures pairs components)" "1000000 1"
expect 0 "isolated" "$TRUNNION" closure chain.txt --nodes 1005 --reflexive --json --quiet
expect_equal "isolated" "$(figures nodes pairs)" "1005 500505"

# Questions: the lowest of the shortest paths, on any ranks.
printf 'a b\na c\nb d\nc d\nd e\ne d\nx a\nu u\n' >small.txt
printf '# from, to\na\td\na\te\ne,a\nd d\na a\n\nu u\n' >ask.txt
for n in 1 3; do
    expect 0 "questions on $n ranks" ranks "$n" closure small.txt --ask ask.txt --json --quiet
    expect_equal "questions on $n ranks" "$("$python" -c 'import json
for a in json.load(open("out"))["answers"]: print(a["from"], a["to"], a["reachable"], a["length"], *(a["path"] or []), sep=",", end=" ")')" \
        "a,d,True,2,a,b,d a,e,True,3,a,b,d,e e,a,False,None d,d,True,2,d,e,d a,a,False,None u,u,True,1,u,u "
done
expect 0 "questions by option" "$TRUNNION" closure small.txt -q x e -q "a a" --reflexive --quiet
expect_equal "a table for people" "$(grep -A3 answers out)" "answers
  from  to  reachable  length  path
  x     e         yes       4  x > a > b > d > e
  a     a         yes       0  a"
expect 0 "questions in bounds" "$TRUNNION" closure small.txt -q x e --hops 3 --json --quiet
expect_equal "questions in bounds" "$("$python" -c 'import json; print(json.load(open("out"))["answers"][0]["reachable"])')" False

# Paths: s a t shows s t and a t; the graph joins s and e by two observed pairs; p is apart.
printf 's a\na t\nt e\ns p\np q\n' >g.txt
printf 's a t\nt e\na t\n\ns a t\n' >paths.txt
for n in 1 3; do
    expect 0 "paths on $n ranks" ranks "$n" closure g.txt --paths paths.txt --observed --counts -o o.h5 --json --quiet
    expect_equal "paths on $n ranks" "$(figures pairs paths observed_pairs unobserved_pairs steps_outside) $("$python" -c '
import json; j = json.load(open("out"))
print([(d["degree"], d["pairs"]) for d in j["by_degree"]], [(d["edges_from"], d["pairs"], d["unobserved"]) for d in j["by_source_edges"]])
import h5py; f = h5py.File("o.h5"); v = [x.decode() for x in f["vocab"]]; p = f["row_ptr"][:]
print(sorted((v[i], v[f["col"][k]], f["value"][k]) for i in range(len(v)) for k in range(p[i], p[i + 1])))')" \
        "9 4 3 6 0 [(0, 3), (1, 2), (None, 4)] [(1, 4, 2), (2, 5, 4)]
[('e', 't', 1.0), ('t', 'a', 3.0), ('t', 's', 2.0)]"
done
expect 0 "paths alone" "$TRUNNION" closure --paths paths.txt --json --quiet
expect_equal "paths alone" "$(figures nodes edges pairs observed_pairs)" "4 3 6 3"
expect 0 "steps outside" "$TRUNNION" closure g.txt --paths <(printf 's t\n') --json --quiet
expect_equal "steps outside" "$(figures steps_outside observed_pairs unobserved_pairs)" "1 1 8"

# Memory: fewer sources at a time, no other bits; a .mtx file that is too large is refused; a dry run.
expect 0 "little memory" "$TRUNNION" closure fifty.txt -o rm.h5 --memory 8M --quiet
expect_equal "little memory" "$(bits rm.h5)" "$first"
expect 0 "a dry run" "$TRUNNION" closure chain.txt --dry-run --ranks 1-3 --json --quiet
awk 'BEGIN { for (i = 0; i < 6000; i++) print i, (i + 1) % 6000 }' >circle.txt
expect 4 "a text too large" ranks 2 closure circle.txt -o c.mtx --memory 30M --quiet
expect_message "a text too large" '36000000 pairs were counted.*write \.h5.*--memory'

bad() { # CODE PATTERN ARGUMENT...
    for n in 1 3; do
        expect "$1" "${*:3} on $n ranks" ranks "$n" closure "${@:3}" --quiet
        expect_message "${*:3}" "$2"
    done
}
printf 'a\n' >one.txt
printf 'a b c\n' >three.txt
bad 2 'no graph' --nodes 3
bad 2 'either this or' small.txt --hops 2 --rounds 1
bad 2 'rounds' small.txt --rounds -1
bad 2 'needs|without' small.txt --observed
bad 2 'a node|no such node' small.txt --from zz
bad 2 'before' small.txt --from a a
bad 2 '2 at a time' small.txt -q a b c
bad 3 'three.txt:1: the line has 3 fields' small.txt --ask three.txt
bad 3 "ask.txt:2: a: no such node; the graph has 0 to 19" golden.txt --ask ask.txt
bad 3 'one.txt:1: the line has one field' one.txt
bad 3 'holds no edges' --paths one.txt
bad 2 'end the name in .h5' small.txt -o r.npy
finish
