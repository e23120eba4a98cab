"""Damaged copies of a graph and of a model for kg_bad.sh: fresh files that h5py writes, without the
checksums that would give the damage away, so that the readers themselves must notice.

kg_bad.py FROM.h5 TO.h5 WHAT...
"""
import sys

import h5py
import numpy as np

START, TO = sys.argv[1:3]


def put(f, name, edit):
    values = f[name][...]
    values = edit(values)
    del f[name]
    f[name] = values


def cell(row, column, value):
    def edit(x):
        x[row, column] = value
        return x
    return edit


EDITS = {
    "head": lambda f: put(f, "train", cell(-1, 0, f["entity/names"].shape[0])),
    "relation": lambda f: put(f, "valid", cell(2, 1, f["relation/names"].shape[0])),
    "tail": lambda f: put(f, "test", cell(0, 2, -1)),
    "columns": lambda f: put(f, "train", lambda x: x[:, :2]),
    "type": lambda f: put(f, "train", lambda x: x.astype("f8")),
    "empty": lambda f: put(f, "train", lambda x: x[:0]),
    "names": lambda f: put(f, "entity/names", lambda x: x[:-1]),
    "degree": lambda f: put(f, "entity/degree", lambda x: x[1:]),
    "gone": lambda f: f.__delitem__("index/start"),
    "entities": lambda f: put(f, "entity/values", lambda x: x[:-1]),
    "width": lambda f: put(f, "relation/values", lambda x: x[:, :-1]),
    "nan": lambda f: put(f, "relation/values", cell(0, 1, np.nan)),
    "dim": lambda f: f.attrs.__setitem__("dim", np.int64(-8)),
    "huge": lambda f: f.attrs.__setitem__("dim", np.int64(2**62)),
    "model": lambda f: f.attrs.__delitem__("model"),
    "incomplete": lambda f: f.attrs.__setitem__("complete", np.int64(0)),
    "newer": lambda f: f.attrs.__setitem__("trunnion_format", np.int64(99)),
}

with h5py.File(START) as old, h5py.File(TO, "w") as new:
    for key, value in old.attrs.items():
        new.attrs[key] = value
    for group in old:
        if group != "checksum":
            old.copy(group, new)
    for group in ("entity", "relation"):  # checksums of the datasets' own, if any
        for key in list(new[group].attrs):
            del new[group].attrs[key]
    for what in sys.argv[3:]:
        EDITS[what](new)
