"""A graph with planted rules and models for kg_rules.sh, and the rules by brute force.

kg_rules_model.py make DIR                        write graph.h5 and MODEL.h5
kg_rules_model.py check DIR MODEL K LENGTHS INV   compare MODEL.json, what kg-rules printed
"""
import itertools
import json
import sys

import h5py
import numpy as np

NAMES = ["parent", "grandparent", "great_grandparent", "child", "friend", "likes", "never"]
R, N, DIM = len(NAMES), 120, 12
MODELS = ["transe", "distmult", "complex", "rotate", "transh", "broken", "other"]


def facts():
    """Trees of parents with some grandparents left out, so that confidences are not all 1."""
    rng = np.random.default_rng(5)
    people = N - 10  # the last are liked by people only, and have no facts of their own
    parent = {(i, c) for i in range(people) for c in (3 * i + 1, 3 * i + 2) if c < people}
    grand = {(x, z) for x, y in parent for y2, z in parent if y == y2}
    great = {(x, z) for x, y in grand for y2, z in parent if y == y2}
    kept = [{p for p in sorted(s) if rng.random() < share} for s, share in
            ((grand, 0.8), (great, 0.7), ({(b, a) for a, b in parent}, 0.9))]
    friend = {tuple(map(int, rng.integers(people, size=2))) for _ in range(60)}
    likes = {(int(rng.integers(people)), people + int(rng.integers(10))) for _ in range(80)}
    never = {(N - 1, N - 2)}
    return [parent] + kept + [friend, likes, never]


def root(f, kind, **attributes):
    f.attrs["trunnion_format"] = np.int64(1)
    f.attrs["kind"] = np.bytes_(kind)
    f.attrs["complete"] = np.int64(1)
    for key, value in attributes.items():
        f.attrs[key] = np.int64(value) if isinstance(value, int) else np.bytes_(value)


def names(f, relations=NAMES):
    for name, values in (("entity", ["e%d" % i for i in range(N)]), ("relation", relations)):
        f.create_dataset(name + "/names", data=[v.encode() for v in values],
                         dtype=h5py.string_dtype())


def write_graph(path):
    t = np.array([(x, r, y) for r, s in enumerate(facts()) for x, y in sorted(s)], dtype="i4")
    t = t[np.random.default_rng(1).permutation(len(t))]
    at = [np.flatnonzero((t[:, 0] == e) | (t[:, 2] == e)) for e in range(N)]
    with h5py.File(path, "w") as f:
        root(f, "kg")
        names(f)
        f["train"] = t
        f["valid"] = f["test"] = np.zeros((0, 3), "i4")
        f["entity/degree"] = np.array([[np.sum(t[:, 0] == e), np.sum(t[:, 2] == e)]
                                       for e in range(N)], "i8")
        f["relation/count"] = np.bincount(t[:, 1], minlength=R).astype("i8")
        f["index/start"] = np.cumsum([0] + [len(a) for a in at]).astype("i8")
        f["index/triple"] = np.concatenate(at).astype("i8")


def parameters(model):
    """Relations in which grandparent is nearly parent after parent, and so on."""
    rng = np.random.default_rng(MODELS.index(model) + 10)
    width = DIM // 2 if model == "rotate" else DIM
    w = rng.normal(size=(R, width))
    step = {"distmult": lambda a, b: a * b, "complex": product}.get(model, lambda a, b: a + b)
    w[1] = step(w[0], w[0]) + 0.01 * rng.normal(size=width)
    w[2] = step(step(w[0], w[0]), w[0]) + 0.01 * rng.normal(size=width)
    return w.astype("f4")


def write_model(path, model):
    kind = {"broken": "transe", "other": "transe"}.get(model, model)
    w = parameters(model)
    with h5py.File(path, "w") as f:
        root(f, "kg-model", model=kind, dim=DIM, relation_dim=DIM,
             norm="2", reciprocal=0, complex_layout="half", created_by="test")
        names(f, NAMES[:-1] + ["another"] if model == "other" else NAMES)
        f["entity/values"] = np.ones((N, DIM), "f4")
        if model == "broken":
            w[3, 4] = np.nan
        f["relation/values"] = w
        if model == "transh":
            f["relation/values2"] = w


def product(a, b):
    h = len(a) // 2
    z = (a[:h] + 1j * a[h:]) * (b[:h] + 1j * b[h:])
    return np.concatenate([z.real, z.imag])


def atoms(model):
    """Relations, then the same the other way round, ready to be composed."""
    w = parameters(model).astype("f8")
    if model == "transe":
        return np.concatenate([w, -w])
    if model == "rotate":
        w = np.concatenate([np.cos(w), np.sin(w)], axis=1)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    back = w.copy()
    if model != "distmult":
        back[:, w.shape[1] // 2:] *= -1
    return np.concatenate([w, back])


def chain(model, rows):
    x = rows[0]
    for a in rows[1:]:
        x = x + a if model == "transe" else x * a if model == "distmult" else product(x, a)
    return x if model == "transe" else x / np.linalg.norm(x)


def follow(a, b):
    return {(x, z) for x, y in a for y2, z in b if y == y2}


def brute_force(model, nearest, lengths, inverse):
    forth = facts()
    pairs = forth + [{(y, x) for x, y in s} for s in forth]
    first, last = [{x for x, _ in s} for s in pairs], [{y for _, y in s} for s in pairs]
    w, known, rules = atoms(model), {}, {}
    for head, length in itertools.product(range(R), lengths):
        bodies = []
        for body in itertools.product(range(2 * R if inverse else R), repeat=length):
            if body == (head,) or not first[head] & first[body[0]] or not last[head] & last[body[-1]]:
                continue
            if all(last[a] & first[b] for a, b in zip(body, body[1:])):
                bodies.append((np.linalg.norm(chain(model, w[list(body)]) - w[head]), body))
        for distance, body in sorted(bodies)[:nearest]:
            for n in range(1, length + 1):
                if body[:n] not in known:
                    known[body[:n]] = (pairs[body[0]] if n == 1 else
                                       follow(known[body[:n - 1]], pairs[body[n - 1]]))
            joined = known[body]
            support = len(joined & pairs[head])
            if support:
                rules[(head, body)] = dict(
                    distance=distance, support=support, body_pairs=len(joined),
                    confidence=support / len(joined),
                    pca=support / sum(x in first[head] for x, _ in joined),
                    coverage=support / len(pairs[head]))
    return rules


def check(directory, model, nearest, lengths, inverse):
    wanted = brute_force(model, nearest, lengths, inverse)
    with open("%s/%s.json" % (directory, model)) as f:
        rows = json.load(f)["rules"]
    got = {(NAMES.index(r["head"]), tuple(NAMES.index(b["relation"]) + R * b["inverse"]
                                          for b in r["body"])): r for r in rows}
    assert len(got) == len(rows) == len(wanted), (len(rows), len(wanted))
    assert set(got) == set(wanted), set(got) ^ set(wanted)
    for key, rule in wanted.items():
        for name, value in rule.items():
            assert abs(got[key][name] - value) < 1e-9, (key, name, got[key][name], value)
    order = [(NAMES.index(r["head"]), -r["confidence"]) for r in rows]
    assert order == sorted(order)
    print(len(rows), "rules")


if sys.argv[1] == "make":
    write_graph(sys.argv[2] + "/graph.h5")
    for name in MODELS:
        write_model("%s/%s.h5" % (sys.argv[2], name), name)
else:
    check(sys.argv[2], sys.argv[3], int(sys.argv[4]), [int(c) for c in sys.argv[5]],
          sys.argv[6] == "yes")
