#!/usr/bin/python3
"""Writes test vectors of XGBoost's contributions of features.

    /usr/bin/python3 test/golden/xgboost_shap.py > test/golden/xgboost_shap.txt

Debian's python3-xgboost (1.7.4 when the file was written).  test_shap.c reads
the file, builds the same trees and wants the same contributions as
predict(pred_contribs=True), which computes them in float32.

Four features, of which one has few values; some values are missing.  With the
squared error a node's hessian is the number of its rows, which is what we call
its cover.  A model is

    model NAME TREES ROWS BASE
    tree NODES                          for each tree, then for each node
    left_child cover value              0 for a leaf, whose value it is; of a
        feature missing_left            split value is the threshold: less
                                        goes left.  Children stand side by side
    values contributions bias           a line for each row
"""
import json
import os
import tempfile

import numpy
import xgboost


def draw_table(random, rows, missing):
    x = random.normal(0, 1, (rows, 4)).astype(numpy.float32)
    x[:, 3] = random.integers(0, 5, rows)
    y = 3 * x[:, 0] + x[:, 1] * x[:, 2] + (x[:, 3] > 2) * 2
    y = y + random.normal(0, 0.5, rows)
    x[random.random((rows, 4)) < missing] = numpy.nan
    return x, y


def read_trees(booster):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        booster.save_model(path)
        with open(path) as file:
            model = json.load(file)
    return model["learner"]["gradient_booster"]["model"]["trees"]


def write_tree(tree):
    """Nodes are numbered anew, so that children stand side by side."""
    order = [0]
    for node in order:
        left = tree["left_children"][node]
        if left >= 0:
            order += [left, tree["right_children"][node]]
    place = {node: i for i, node in enumerate(order)}
    print("tree", len(order))
    for node in order:
        left = tree["left_children"][node]
        value = float(numpy.float32(tree["split_conditions"][node]))
        words = [place[left] if left >= 0 else 0,
                 round(tree["sum_hessian"][node]), repr(value)]
        if left >= 0:
            words += [tree["split_indices"][node],
                      int(tree["default_left"][node])]
        print(*words)


def write(name, seed, rows, missing, rounds, settings):
    random = numpy.random.default_rng(seed)
    x, y = draw_table(random, rows, missing)
    base = 1.5
    booster = xgboost.train(
        dict(settings, base_score=base, tree_method="exact"),
        xgboost.DMatrix(x, y),
        rounds,
    )
    others, _ = draw_table(random, 20, missing)
    found = booster.predict(xgboost.DMatrix(others), pred_contribs=True)
    trees = read_trees(booster)
    print("model", name, len(trees), len(others), base)
    for tree in trees:
        write_tree(tree)
    for values, contributions in zip(others, found):
        print(*(repr(float(v)) for v in values),
              *(repr(float(c)) for c in contributions))


def main():
    print("# xgboost", xgboost.__version__)
    write("one_tree", 1, 200, 0, 1, {"max_depth": 4, "eta": 1})
    write("missing", 2, 200, 0.2, 1, {"max_depth": 5, "eta": 1})
    write("boosted", 3, 300, 0.1, 20, {"max_depth": 3, "eta": 0.3})
    write("deep", 4, 150, 0.1, 2,
          {"max_depth": 16, "eta": 0.5, "min_child_weight": 0, "lambda": 0})


main()
