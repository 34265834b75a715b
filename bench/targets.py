"""bench/targets.py: the numbers to reach, from the design brief

A target names figures that the works remember; the least of those that were
measured counts.  It is said in absolute terms, as measured on two cores of a
kind of machine: on another one read the ratios instead.
"""

from collections import namedtuple

import kaggle

# must and aim: at most this; must None: the best peer of the same run
Target = namedtuple("Target", "title unit must aim names")


def train(work, must, aim):
    return Target(f"train {work}", "CPU s", must, aim, [f"train {work}, cpu"])


def accuracy(columns, models, mae, rmsle):
    """must and aim of both errors on Kaggle's folds, for the best of the models."""
    for which, (must, aim) in (("MAE", mae), ("RMSLE", rmsle)):
        title = models[0] if len(models) == 1 else "the best model"
        yield Target(f"Kaggle, {columns}: {title}", which, must, aim,
                     [f"Kaggle {columns}, {model}, {which}" for model in models])


MILLION = "1,000,000 × 7"
BOOSTING = "boosting 100 × 31"

def trees_alone(work):
    """One row after the other, or many together: the better of the two."""
    return [f"trees alone {work}, {form}" for form in ("hp_predict", "hp_predict_rows")]


TARGETS = [
    train("forest of 10, Ames 1,460 × 7", .008, .004),
    train("forest of 100, Ames 1,460 × 7", .08, .04),
    train("forest of 100, 100,000 × 7", 7.5, 4),
    train(f"forest of 100, {MILLION}", 90, 50),
    train(f"{BOOSTING}, {MILLION}", 4.0, 2.6),
    train(f"{BOOSTING}, 10,000,000 × 7", 40, 26),
    train(f"{BOOSTING}, 1,000,000 × 80", 25, 17),
    Target(f"peak memory in training, {BOOSTING}, 10,000,000 × 7", "bytes a row", 60, 32,
           [f"memory {BOOSTING}, 10,000,000 × 7"]),
    Target(f"trees alone, {BOOSTING}, {MILLION}", "ns/row/tree", 6, 3,
           trees_alone(f"{BOOSTING}, {MILLION}")),
    Target(f"trees alone, with NULLs and texts, {BOOSTING}, 100,000 × 80", "ns/row/tree", 8, 3,
           trees_alone(f"{BOOSTING}, 100,000 × 80")),
    Target("trees alone, forest of 100, 100,000 × 7", "ns/row/tree", 100, 60,
           trees_alone("forest of 100, 100,000 × 7")),
    Target(f"sum(hp_predict()) beyond count(h), {BOOSTING}, {MILLION}", "µs/row", .7, .25,
           [f"predict {BOOSTING}, {MILLION} - count(h)"]),
    Target(f"sum over hp_predict_rows(), {BOOSTING}, {MILLION}", "× the scan", 5, 3,
           [f"predict rows {BOOSTING}, {MILLION} / scan"]),
    Target(f"train, predict and store, {BOOSTING}, {MILLION}", "wall s", 4.5, 2.6,
           [f"end to end {BOOSTING}, {MILLION}, wall"]),
    *accuracy(kaggle.NOTEBOOK, ["hp_forest(), 10 full trees"], (None, None), (None, None)),
    *accuracy(kaggle.SEVEN, ["hp_forest()", "hp_boost()", kaggle.BLEND, kaggle.TREES],
              (22300, 22000), (.180, .178)),
    *accuracy(kaggle.ALL, ["hp_boost()"], (15500, 14800), (.130, .124)),
    *accuracy(kaggle.ALL, [kaggle.BLEND], (14500, 14000), (.124, .121)),
    *accuracy(kaggle.ENGINEERED, ["hp_boost()", kaggle.BLEND], (14300, 13300), (.122, .116)),
]


def number(value):
    """Three digits that matter, and all before the point."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f}"


def lines(figures):
    """Cells of the report: target, unit, must, aim, ours, verdict, best peer."""
    for target in TARGETS:
        measured = [figures[name] for name in target.names if name in figures]
        ours, peer = min(measured, key=lambda m: m[0]) if measured else (None, None)
        must = target.must if target.must is not None else peer and peer[0]
        yield [target.title, target.unit, number(must), number(target.aim), number(ours),
               verdict(ours, must, target.aim), f"{number(peer[0])} {peer[1]}" if peer else ""]


def verdict(ours, must, aim):
    if ours is None or must is None:
        return "not in this run"
    if aim is not None and ours <= aim:
        return "aim"
    return "must" if ours <= must else f"missed: {ours / must:.2f} × must"
