"""Hashes of entities by plain means: python3 nodepiece_reference.py GRAPH.h5 HASH.h5

Shortest paths by scipy, PageRank by solving its equations with numpy; compares every number."""
import sys

import h5py
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path

with h5py.File(sys.argv[1]) as f:
    train = f["/train"][:].astype(int)
    entities, relations = len(f["/entity/names"]), len(f["/relation/names"])
with h5py.File(sys.argv[2]) as f:
    anchors = f["/anchors"][:].astype(int)
    near, distance = f["/hash/anchor"][:], f["/hash/distance"][:]
    context = f["/hash/relation"][:]
    farthest = f.attrs["farthest"]

ends = np.concatenate([train[:, [0, 2]], train[:, [2, 0]]])
types = np.concatenate([train[:, 1], relations + train[:, 1]])
links = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (entities, entities))
degree = np.asarray(links.sum(axis=1)).ravel()

# Anchors, in reverse: most links, most PageRank of the others, drawn.
share = -(-2 * len(anchors) // 5)
order = anchors[::-1]
assert len(set(order)) == len(order)
assert (order[:share] == np.lexsort((np.arange(entities), -degree))[:share]).all()
walk = (links.multiply(1 / np.maximum(degree, 1)[:, None])).T.toarray()
walk[:, degree == 0] = 1 / entities
rank = np.linalg.solve(np.eye(entities) - 0.85 * walk, np.full(entities, 0.15 / entities))
rest = rank.copy()
rest[order[:share]] = -1
second = order[share:2 * share]
assert (np.diff(rest[second]) <= 1e-9).all(), "anchors by PageRank fall"
others = np.setdiff1d(np.arange(entities), order[:2 * share])
assert rest[second].min() >= rest[others].max() - 1e-9, "none of more PageRank is left out"

# The nearest, of equals by place.
paths = shortest_path(links, unweighted=True, indices=anchors).T
k = near.shape[1]
for e in range(entities):
    places = np.lexsort((np.arange(len(anchors)), paths[e]))[:k]
    reached = np.isfinite(paths[e][places])
    assert (near[e] == np.where(reached, places, len(anchors))).all(), e
    assert (distance[e] == np.where(reached, paths[e][places], 0)).all(), e
assert distance.max() == farthest

# Relation types: all of them if they are few, else different ones of them.
m = context.shape[1]
for e in range(entities):
    has = np.unique(types[ends[:, 0] == e])
    some = context[e][context[e] < 2 * relations]
    assert (np.diff(some) > 0).all() and np.isin(some, has).all(), e
    assert len(some) == min(m, len(has)), e
    assert (context[e][len(some):] == 2 * relations).all(), e
print("equal:", entities, "entities")
