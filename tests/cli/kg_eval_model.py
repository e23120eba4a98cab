"""Small graphs and models for kg_eval.sh, and link prediction by brute force in numpy.

kg_eval_model.py make DIR          write graph.h5 and a store for each model, norm and side rule
kg_eval_model.py check DIR NAME... compare NAME.json, what kg-eval --json printed, with brute force
kg_eval_model.py predict DIR NAME...       the same of kg-predict's NAME.mark.json (--known mark) and
                                           NAME.exclude.json, and of kg-neighbors' NAME.near.json
"""
import json
import sys

import h5py
import numpy as np

# More entities than a tile has, more queries than a chunk.
ENTITIES, RELATIONS, DIM, LENGTH = 1100, 5, 8, 6
CASES = [(m, n, r) for m, norms in dict(transe="21", transh="21", transr="21", toruse="12e",
                                        distmult="-", complex="-", rotate="12").items()
         for n in norms for r in (0, 1)]


def name_of(case):
    return "%s_%s_%d" % case


def root(f, kind, **attributes):
    f.attrs["trunnion_format"] = np.int64(1)
    f.attrs["kind"] = np.bytes_(kind)
    f.attrs["complete"] = np.int64(1)
    for key, value in attributes.items():
        f.attrs[key] = np.int64(value) if isinstance(value, int) else np.bytes_(value)


def strings(f, name, values):
    f.create_dataset(name, data=[v.encode() for v in values], dtype=h5py.string_dtype())


def names(f, entities=ENTITIES, relations=RELATIONS):
    strings(f, "entity/names", ["entity %d" % i for i in range(entities)])
    strings(f, "relation/names", ["relation/%d" % i for i in range(relations)])


def triples(seed, entities=ENTITIES):
    """Facts in which relation 0 is 1-1, 1 is 1-N, 2 is N-1 and the rest are N-N."""
    rng = np.random.default_rng(seed)
    shift = rng.permutation(entities)
    t = [(i, 0, shift[i]) for i in range(30)]
    t += [(i // 5, 1, shift[i]) for i in range(40)]
    t += [(shift[i], 2, i // 4) for i in range(40)]
    t += [tuple(x) for x in np.c_[rng.integers(100, size=700), rng.integers(3, 5, 700),
                                  rng.integers(90, size=700)]]
    t = np.unique(np.array(t, dtype="i4"), axis=0)
    return t[rng.permutation(len(t))]


def write_graph(path, t, train, valid, entities=ENTITIES, relations=RELATIONS):
    splits = dict(train=t[:train], valid=t[train:train + valid], test=t[train + valid:])
    with h5py.File(path, "w") as f:
        root(f, "kg")
        names(f, entities, relations)
        for split, rows in splits.items():
            f[split] = np.ascontiguousarray(rows, dtype="i4").reshape(-1, 3)
        x = splits["train"]
        f["entity/degree"] = np.c_[np.bincount(x[:, 0], minlength=entities),
                                   np.bincount(x[:, 2], minlength=entities)].astype("i8")
        f["relation/count"] = np.bincount(x[:, 1], minlength=relations).astype("i8")
        of = [np.flatnonzero((x[:, 0] == e) | (x[:, 2] == e)) for e in range(entities)]
        f["index/start"] = np.cumsum([0] + [len(o) for o in of]).astype("i8")
        f["index/triple"] = np.concatenate(of).astype("i8")


def values(case, seed=7):
    """Entities, relations, second rows: some entities are copies, so that there are ties."""
    model, norm, reciprocal = case
    rng = np.random.default_rng(seed)
    rows = RELATIONS * (1 + reciprocal)
    e = rng.normal(size=(ENTITIES, DIM)).astype("f4")
    e[600:800] = e[0:200]
    e[900] = e[20] * np.float32(1 + 2**-22)
    width = dict(rotate=DIM // 2, transr=LENGTH).get(model, DIM)
    r = rng.normal(size=(rows, width)).astype("f4")
    second = None
    if model == "transh":
        second = rng.normal(size=(rows, DIM)).astype("f4")
    if model == "transr":
        second = rng.normal(size=(rows, LENGTH * DIM)).astype("f4")
    return e, r, second


def write_model(path, case, e, r, second, relations=RELATIONS, **more):
    model, norm, reciprocal = case
    with h5py.File(path, "w") as f:
        norm = "2" if norm == "-" else norm
        norm = more.pop("norm", norm)
        root(f, "kg-model", model=model, dim=e.shape[1], relation_dim=LENGTH, norm=norm,
             reciprocal=reciprocal, complex_layout="half")
        names(f, len(e), relations)
        f["entity/values"] = e
        f["relation/values"] = r
        if second is not None:
            f["relation/values2"] = second


def score(case, h, r, second, t):
    """Scores of heads and tails that broadcast, straight from the papers."""
    model, norm, _ = case
    if model == "distmult":
        return (h * r * t).sum(-1)
    half = DIM // 2
    complex_of = lambda x: x[..., :half] + 1j * x[..., half:]
    if model == "complex":
        return (complex_of(h) * complex_of(r) * np.conj(complex_of(t))).sum(-1).real
    if model == "rotate":
        x = np.abs(complex_of(h) * np.exp(1j * r) - complex_of(t))
    elif model == "toruse":
        x = (h + r - t) % 1
        x = np.minimum(x, 1 - x)
        return -{"1": 2 * x, "2": 4 * x * x, "e": (1 - np.cos(2 * np.pi * x)) / 2}[norm].sum(-1)
    elif model == "transh":
        w = second / np.sqrt((second * second).sum())
        across = lambda x: x - (x @ w)[..., None] * w
        x = np.abs(across(h) + r - across(t))
    elif model == "transr":
        m = second.reshape(LENGTH, DIM)
        x = np.abs(h @ m.T + r - t @ m.T)
    else:
        x = np.abs(h + r - t)
    return -x.sum(-1) if norm == "1" else -np.sqrt((x * x).sum(-1))


def rank(case, e, r, second, t, test):
    """[queries x 4]: side (0: tail), relation, better, equal; and raw better, equal; filtered."""
    e, r = e.astype("f8"), r.astype("f8")
    second = None if second is None else second.astype("f8")
    facts = {tuple(x) for x in t.tolist()}
    out = []
    for h, rel, tail in test.tolist():
        for side in (0, 1):
            row, known, target = rel, (h, tail)[side], (tail, h)[side]
            backwards = side
            if side and case[2]:
                row, backwards = rel + RELATIONS, 0
            two = None if second is None else second[row]
            s = (score(case, e, r[row], two, e[known]) if backwards
                 else score(case, e[known], r[row], two, e))
            # Copies of a row tie in fact, whatever numpy's summation makes of them.
            near = np.abs(s - s[target]) <= 1e-12 * np.abs(s).max()
            better, equal = (s > s[target]) & ~near, near.copy()
            equal[target] = False
            free = np.array([((x, rel, tail) if side else (h, rel, x)) not in facts
                             for x in range(len(e))])
            out.append((side, rel, (better & free).sum(), (equal & free).sum(), better.sum(),
                        equal.sum()))
    return np.array(out, dtype="f8")


def figures(better, equal):
    x = 1 + better + equal / 2
    return dict(mrr=(1 / x).mean(), hits1=(x <= 1).mean(), hits3=(x <= 3).mean(),
                hits10=(x <= 10).mean(), mean_rank=x.mean(), mrr_optimistic=(1 / (1 + better)).mean(),
                mrr_pessimistic=(1 / (1 + better + equal)).mean())


def expected(o, facts):
    want = figures(o[:, 2], o[:, 3])
    want["queries"] = len(o)
    want["queries_with_ties"] = int((o[:, 3] > 0).sum())
    for i, side in enumerate(("tail", "head")):
        want["mrr_" + side] = figures(*o[o[:, 0] == i][:, 2:4].T)["mrr"]
    raw = figures(o[:, 4], o[:, 5])
    want.update({"raw_" + k: v for k, v in raw.items()})
    return want


def same(what, got, want):
    assert abs(got - want) <= 1e-12 * max(1, abs(want)), "%s: %r is not %r" % (what, got, want)


def check_tables(got, o, facts):
    kinds = []
    for rel in range(RELATIONS):
        x = facts[facts[:, 1] == rel]
        tails, heads = (len(x) / len(set(x[:, c])) for c in (0, 2))
        kinds.append("%s-%s" % ("1N"[heads >= 1.5], "1N"[tails >= 1.5]))
    assert kinds == ["1-1", "1-N", "N-1", "N-N", "N-N"], kinds
    lines = {line["relation"]: line for line in got["relations"]}
    assert list(lines) == ["relation/%d" % i for i in sorted(set(o[:, 1].astype(int)))]
    for rel in range(RELATIONS):
        mine = o[o[:, 1] == rel]
        line = lines["relation/%d" % rel]
        assert line["category"] == kinds[rel] and line["queries"] == len(mine)
        for key in ("mrr", "hits10", "mean_rank"):
            same("relation %d %s" % (rel, key), line[key], figures(mine[:, 2], mine[:, 3])[key])
    assert len(got["sides"]) == 8
    for line in got["sides"]:
        at = np.array([kinds[int(x)] == line["category"] for x in o[:, 1]])
        mine = o[at & (o[:, 0] == (line["asked"] == "head"))]
        assert line["queries"] == len(mine) > 0
        same("side", line["mrr"], figures(mine[:, 2], mine[:, 3])["mrr"])


TRAIN, VALID = 400, 60


def case_named(name):
    return next(c for c in CASES if name_of(c) == name)


def check(directory, name):
    case, t = case_named(name), triples(3)
    with open("%s/%s.json" % (directory, name), encoding="utf-8") as f:
        got = json.load(f)
    o = rank(case, *values(case), t, t[TRAIN + VALID:])
    for key, value in expected(o, t).items():
        same(name + " " + key, got[key], value)
    assert got["queries_with_ties"] > 0, "the case has no ties"
    check_tables(got, o, t)


def make(directory):
    t = triples(3)
    write_graph(directory + "/graph.h5", t, TRAIN, VALID)
    write_graph(directory + "/untested.h5", t, len(t) - VALID, VALID)
    write_graph(directory + "/other.h5", triples(3, 1099), TRAIN, VALID, entities=1099)
    for case in CASES:
        write_model("%s/%s.h5" % (directory, name_of(case)), case, *values(case))
    write_questions(directory + "/questions.tsv")
    case = CASES[0]
    e, r, second = values(case)
    write_model(directory + "/constant.h5", ("distmult", "2", 0), np.ones_like(e), np.ones_like(r),
                None)
    e[33, 2] = np.nan
    write_model(directory + "/nan.h5", case, e, r, second)
    write_model(directory + "/norm.h5", case, *values(case), norm="7")
    write_model(directory + "/unknown.h5", ("nothing", "2", 0), *values(case))


def best(s, free, top):
    """Numbers of the best, the lower first among equal ones."""
    s = np.where(free, s, -np.inf)
    order = np.argsort(-s, kind="stable")
    return order[free[order]][:top].tolist()


# The last ones, more than are asked at a time, are about copies and entities without facts too.
QUESTIONS = [(5, 3, -1), (-1, 4, 7), (700, 0, -1), (-1, 2, 4), (2, 1, -1), (11, -1, 12)]
QUESTIONS += [(i, 3, -1) for i in range(0, ENTITIES, 2)] + [(-1, 4, i) for i in range(60)]
TOP = 9


def write_questions(path):
    kinds = ("entity %d", "relation/%d", "entity %d")
    with open(path, "w", encoding="utf-8") as f:
        for q in QUESTIONS:
            f.write("\t".join("?" if x < 0 else k % x for k, x in zip(kinds, q)) + "\n")


def predict(directory, name, known):
    case, t = case_named(name), triples(3)
    e, r, second = (None if x is None else x.astype("f8") for x in values(case))
    with open("%s/%s.%s.json" % (directory, name, known), encoding="utf-8") as f:
        got = json.load(f)["answers"]
    two = lambda row: None if second is None else second[row]
    for n, (h, rel, tail) in enumerate(QUESTIONS):
        if rel < 0:
            s = np.array([score(case, e[h], r[x], two(x), e[tail]) for x in range(RELATIONS)])
        elif tail < 0:
            s = score(case, e[h], r[rel], two(rel), e)
        elif case[2]:
            s = score(case, e[tail], r[rel + RELATIONS], two(rel + RELATIONS), e)
        else:
            s = score(case, e, r[rel], two(rel), e[tail])
        asked = np.array((h, rel, tail))
        fact = np.zeros(len(s), bool)
        fact[t[((t == asked) | (asked < 0)).all(1), asked.argmin()]] = True
        free = ~fact if known == "exclude" else np.ones(len(s), bool)
        assert n > 5 or fact.any() or rel < 0 or h == 700, "nothing to leave out"
        # Copies of a row tie; numpy may sum them apart.
        want = best(np.round(s, 9), free, TOP)
        mine, got = got[:len(want)], got[len(want):]
        kind = "relation/%d" if rel < 0 else "entity %d"
        assert [x["answer"] for x in mine] == [kind % i for i in want], (h, rel, tail)
        assert [x["rank"] for x in mine] == list(range(1, len(want) + 1))
        for x, i in zip(mine, want):
            same("score", x["score"], s[i])
            assert x["known"] == fact[i]
    assert not got


NEAR_TO = (3, 650)


def neighbors(directory, name):
    e = values(case_named(name))[0].astype("f8")
    with open("%s/%s.near.json" % (directory, name), encoding="utf-8") as f:
        got = json.load(f)["neighbors"]
    e /= np.sqrt((e * e).sum(1))[:, None]
    assert len(got) == TOP * len(NEAR_TO)
    for n, entity in enumerate(NEAR_TO):
        cosine = e @ e[entity]
        want = best(np.round(cosine, 9), np.arange(len(e)) != entity, TOP)
        mine = got[TOP * n:TOP * (n + 1)]
        assert [x["entity"] for x in mine] == ["entity %d" % i for i in want]
        for x, i in zip(mine, want):
            same("cosine", x["cosine"], cosine[i])


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "cases":
        print(" ".join(name_of(c) for c in CASES))
    for case_name in sys.argv[3:]:
        if sys.argv[1] == "check":
            check(sys.argv[2], case_name)
        elif sys.argv[1] == "predict":
            predict(sys.argv[2], case_name, "mark")
            predict(sys.argv[2], case_name, "exclude")
            neighbors(sys.argv[2], case_name)
