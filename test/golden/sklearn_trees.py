#!/usr/bin/python3
"""Writes test vectors of scikit-learn's DecisionTreeRegressor.

    /usr/bin/python3 test/golden/sklearn_trees.py > test/golden/sklearn_trees.txt

Debian's python3-sklearn (1.2.1 when the file was written).  test_sklearn.c
reads the file and wants the same partitions of the training rows and the same
predictions for rows held out.

Where two features divide a node equally well, scikit-learn takes the one that
its random_state shuffled first, and we the one that a hash says; no such
table is of use here.  So each is tried with many random states, and kept only
if all of them give the same leaves and predictions.  Full trees end in nodes
of two rows, which any feature divides equally well that tells them apart:
they are found among small tables of a few features with few values.

Values are multiples of 1/8 below 2^20, which the float32 of scikit-learn
holds; targets are integers.  A vector is

    tree NAME min_samples_leaf max_depth max_leaf_nodes (0: none)
    size TRAINING_ROWS HELD_OUT_ROWS FEATURES
    values target leaf          a line for each training row
    values prediction           a line for each row held out
"""
import sys

import numpy
import sklearn
from sklearn.tree import DecisionTreeRegressor

STATES = 24


def grow(x, y, held, settings, state):
    tree = DecisionTreeRegressor(random_state=state, **settings)
    tree.fit(x, y)
    leaves = tree.apply(x)
    # leaves by the order in which rows meet them: names differ, sets do not
    first = {}
    numbered = [first.setdefault(leaf, len(first)) for leaf in leaves]
    return numbered, tree.predict(held)


def agreed(x, y, held, settings):
    """Leaves and predictions if no tie is decided by chance, else None."""
    leaves, predictions = grow(x, y, held, settings, 0)
    for state in range(1, STATES):
        other, also = grow(x, y, held, settings, state)
        if other != leaves or (also != predictions).any():
            return None
    return leaves, predictions


def draw_table(random, rows, kinds):
    """kinds: values that each feature has; 0: all differ."""
    columns = []
    for kind in kinds:
        if kind == 0:
            columns.append(random.choice(8 * rows, rows, replace=False) / 8)
        else:
            columns.append(random.integers(0, kind, rows) / 8)
    x = numpy.column_stack(columns)
    effect = sum((i + 1) * x[:, i] for i in range(len(kinds)))
    y = numpy.rint(200 * effect + random.normal(0, 300, rows))
    return x, y


def draw_held(random, x, rows):
    """Values of other rows, moved a little: some lie between thresholds."""
    held = numpy.column_stack(
        [random.choice(x[:, i], rows) for i in range(x.shape[1])]
    )
    return held + random.integers(-3, 4, held.shape) / 8


def write(name, settings, x, y, held, leaves, predictions):
    print(
        "tree",
        name,
        settings.get("min_samples_leaf", 1),
        settings.get("max_depth") or 0,
        settings.get("max_leaf_nodes") or 0,
    )
    print("size", len(x), len(held), x.shape[1])
    for values, target, leaf in zip(x, y, leaves):
        print(*map(repr, map(float, values)), int(target), leaf)
    for values, prediction in zip(held, predictions):
        print(*map(repr, map(float, values)), repr(float(prediction)))


def find(name, count, rows, kinds, settings, seed):
    """Writes so many tables of the kind that have no ties."""
    random = numpy.random.default_rng(seed)
    tried = 0
    while count > 0:
        tried += 1
        if tried > 20000:
            sys.exit(f"{name}: no table without ties")
        x, y = draw_table(random, rows, kinds)
        held = draw_held(random, x, 25)
        found = agreed(x, y, held, settings)
        if found is None:
            continue
        write(name, settings, x, y, held, *found)
        count -= 1


def main():
    print("# scikit-learn", sklearn.__version__)
    find("one_feature_full", 3, 80, [0], {}, 1)
    find("one_feature_repeats_full", 3, 100, [30], {}, 2)
    find("two_features_full", 6, 14, [3, 9], {}, 3)
    find("three_features_full", 4, 11, [2, 3, 12], {}, 4)
    find("leaf_5", 3, 120, [0, 0, 30, 4], {"min_samples_leaf": 5}, 5)
    find("leaf_20", 3, 200, [0] * 5, {"min_samples_leaf": 20}, 6)
    find("depth_4", 3, 150, [0, 50, 0], {"max_depth": 4}, 7)
    find("depth_6_leaf_3", 3, 120, [0, 0, 7],
         {"max_depth": 6, "min_samples_leaf": 3}, 8)
    find("best_first_12", 4, 120, [0, 0, 20], {"max_leaf_nodes": 12}, 9)
    find("best_first_25_leaf_4", 3, 200, [0, 0, 0, 9],
         {"max_leaf_nodes": 25, "min_samples_leaf": 4}, 10)
    find("one_feature_best_first_30", 3, 100, [0], {"max_leaf_nodes": 30}, 11)


main()
