"""bench/kaggle.py: how accurate models of Kaggle's houses are

On fixed folds: each of the 1,460 sales is predicted by a model of the other
folds, errors are pooled over all sales, and the report has their mean over the
repeats.  Folds report, and choose nothing: no default was picked by them.
"""

import io
import math
import os
import subprocess
import sys
from collections import namedtuple
from statistics import mean, stdev

import numpy
import pandas
import xgboost
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from threadpoolctl import threadpool_limits

from instruments import fresh_processes
from peers import elastic_net
from tables import KAGGLE_SEVEN

FILES = ("train.csv", "folds.csv")
FOLDS = 5
RAW, MADE = "raw", "made"  # tables: 79 columns; with the nine of examples/engineered.sql

MEAN, NOTEBOOK, SEVEN = "none", "the notebook's 7, filled", "7 features"
ALL, ENGINEERED = "all 79", "79 and 9 engineered"
BLEND = "hp_blend(hp_boost(), hp_linear())"
TREES = "hp_blend(hp_boost(), hp_extra_trees())"

# A forest of ten is a matter of luck: so many of each are measured.
SEEDS = 8

# columns: what the models of both sides may use; row: the expression that is
# trained and predicted on; parameters: if other than the model's title, once
# for each of the seeds
Ours = namedtuple("Ours", "columns model rows row parameters seeds", defaults=("house", None, 1))

SELECT_SEVEN = f"""hp_select_features({{}}, {", ".join(f"'{name}'" for name in KAGGLE_SEVEN)})"""

OURS = [
    Ours(MEAN, "hp_mean()", RAW),
    Ours(NOTEBOOK, "hp_forest(), 10 full trees", RAW, SELECT_SEVEN.format("hp_clean(house)"),
         "hp_forest(trees => 10, min_leaf => 1, feature_fraction => 1.0, log_target => false,"
         " seed => {seed})", SEEDS),
    Ours(SEVEN, "hp_forest()", RAW, SELECT_SEVEN.format("house")),
    Ours(SEVEN, "hp_boost()", RAW, SELECT_SEVEN.format("house")),
    Ours(SEVEN, BLEND, RAW, SELECT_SEVEN.format("house")),
    Ours(SEVEN, TREES, RAW, SELECT_SEVEN.format("house")),
    Ours(ALL, "hp_forest()", RAW),
    Ours(ALL, "hp_boost()", RAW),
    Ours(ALL, "hp_linear()", RAW),
    Ours(ALL, BLEND, RAW),
    Ours(ENGINEERED, "hp_boost()", MADE),
    Ours(ENGINEERED, BLEND, MADE),
]


class Files:
    """Kaggle's train.csv and the folds, if they are there."""

    def __init__(self, directory):
        self.train, self.folds = (os.path.join(directory, name) for name in FILES)
        self.missing = [name for name in FILES if not os.path.exists(os.path.join(directory, name))]

    def load(self, server, top):
        """Tables kaggle_train, raw and made.  In the latter each sale is one
        value, column house, beside its folds and without its number."""
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"train_csv={self.train}",
                        "-f", "data/kaggle.sql", "-f", "examples/engineered.sql"],
                       check=True, cwd=top)
        with open(self.folds, encoding="utf-8") as file:
            text = file.read()
        names = text.splitlines()[0].split(",")
        columns = ", ".join(f'"{name}" integer' for name in names)
        server.run(f"CREATE TABLE kaggle_folds ({columns})")
        server.cursor.copy_expert("COPY kaggle_folds FROM STDIN (FORMAT csv, HEADER)",
                                  io.StringIO(text))
        self.repeats = names[1:]
        for name, source in ((RAW, "kaggle_train"), (MADE, "kaggle_engineered")):
            self.fold_in(server, name, source)

    def fold_in(self, server, name, source):
        columns = ", ".join(column for column, in server.rows(
            "SELECT quote_ident(attname) FROM pg_attribute"
            f" WHERE attrelid = '{source}'::regclass AND attnum > 0 AND attname <> 'Id'"
            " ORDER BY attnum"))
        server.run(f"CREATE VIEW {name}_house AS SELECT {columns} FROM {source}")
        server.run(f"CREATE TABLE {name} AS SELECT f.*, ROW({columns})::{name}_house AS house"
                   f' FROM {source} JOIN kaggle_folds f USING ("Id")')
        server.run(f"ANALYZE {name}")


# ---- ours -------------------------------------------------------------------


def our_errors(server, ours, repeat):
    """MAE and RMSLE over all sales, each predicted by the model of other folds,
    for each of the seeds.

    The price is the target by value where the row has no column of this name."""
    target = "'SalePrice'" if ours.row == "house" else '(house)."SalePrice"'
    return [server.rows(f"""
        SELECT hp_mae(price, p), hp_rmsle(price, p)
        FROM (SELECT (t.house)."SalePrice" AS price, hp_predict(m.model, {ours.row}) AS p
              FROM generate_series(0, {FOLDS - 1}) fold,
                   LATERAL (SELECT hp_train({ours.row}, {target},
                                            {(ours.parameters or ours.model).format(seed=seed)})
                                AS model
                            FROM {ours.rows} WHERE {repeat} <> fold OFFSET 0) m,
                   {ours.rows} t
              WHERE t.{repeat} = fold) predicted""")[0] for seed in range(ours.seeds)]


# ---- theirs -----------------------------------------------------------------


def log_price(model):
    return TransformedTargetRegressor(model, func=numpy.log1p, inverse_func=numpy.expm1)


def notebook_forest(_, seed):
    return RandomForestRegressor(n_estimators=10, random_state=seed)


def hist_gradient_boosting(levels, repeat):
    return HistGradientBoostingRegressor(random_state=repeat, categorical_features=[
        n > 0 for n in levels])


def categories(levels):
    return dict(n_jobs=1, tree_method="hist", enable_categorical=True,
                feature_types=["c" if n else "q" for n in levels])


def xgboost_default(levels, repeat):
    return xgboost.XGBRegressor(random_state=repeat, **categories(levels))


def xgboost_like_ours(levels, repeat):
    """Small trees, slow learning, sampled rows and columns, log price."""
    return log_price(xgboost.XGBRegressor(
        n_estimators=500, learning_rate=0.03, max_leaves=8, max_depth=0, grow_policy="lossguide",
        subsample=0.7, colsample_bytree=max(0.25, 3 / len(levels)), min_child_weight=5,
        random_state=repeat, **categories(levels)))


def elastic_net_cv(levels, repeat):
    return elastic_net(levels, 1, repeat)


# names: the columns, if not all; fill: what missing values are set to; make:
# (levels of each column, seed) -> regressor
Peer = namedtuple("Peer", "columns model rows make names fill seeds", defaults=(None, None, 1))

LIKE_OURS = "XGBoost, settings like hp_boost()'s"
NET = "scikit-learn ElasticNetCV"

THEIRS = [
    Peer(MEAN, "the mean", RAW, lambda *_: DummyRegressor()),
    Peer(NOTEBOOK, "scikit-learn, 10 full trees", RAW, notebook_forest, KAGGLE_SEVEN, 0, SEEDS),
    Peer(SEVEN, LIKE_OURS, RAW, xgboost_like_ours, KAGGLE_SEVEN),
    Peer(ALL, "XGBoost", RAW, xgboost_default),
    Peer(ALL, "scikit-learn HistGradientBoosting", RAW, hist_gradient_boosting),
    Peer(ALL, LIKE_OURS, RAW, xgboost_like_ours),
    Peer(ALL, NET, RAW, elastic_net_cv),
    Peer(ENGINEERED, LIKE_OURS, MADE, xgboost_like_ours),
    Peer(ENGINEERED, NET, MADE, elastic_net_cv),
]

# Their geometric mean is a peer, too.
BLENDED = (LIKE_OURS, NET)


def fetch(server, name):
    """The sales as a data frame, ordered by number."""
    file = io.StringIO()
    server.cursor.copy_expert(
        f'COPY (SELECT (house).* FROM {name} ORDER BY "Id") TO STDOUT (FORMAT csv, HEADER)', file)
    file.seek(0)
    return pandas.read_csv(file, keep_default_na=False, na_values=[""])


def as_matrix(frame, fill):
    """Texts as codes and missing values as NaN or the fill; levels per column."""
    matrix, levels = numpy.empty(frame.shape), []
    for i, name in enumerate(frame.columns):
        text = frame[name].dtype == object
        column = frame[name].astype("category") if text else frame[name]
        matrix[:, i] = column.cat.codes if text else column
        levels.append(len(column.cat.categories) if text else 0)
        if text:
            matrix[matrix[:, i] < 0, i] = numpy.nan
    return (matrix if fill is None else numpy.nan_to_num(matrix, nan=fill)), levels


def out_of_fold(peer, frame, folds, seed):
    prices = frame["SalePrice"].to_numpy(float)
    columns = frame[peer.names] if peer.names else frame.drop(columns="SalePrice")
    matrix, levels = as_matrix(columns, peer.fill)
    predictions = numpy.empty(len(prices))
    for fold in range(FOLDS):
        seen = folds != fold
        model = peer.make(levels, seed).fit(matrix[seen], prices[seen])
        predictions[~seen] = model.predict(matrix[~seen])
    return predictions


def errors_of(prices, predictions):
    logs = numpy.log1p(numpy.maximum(predictions, 0)) - numpy.log1p(prices)
    return abs(predictions - prices).mean(), math.sqrt((logs ** 2).mean())


def errors_of_repeat(work):
    """{(columns, model): [(MAE, RMSLE) per seed]}; in one thread, as the sales
    are few."""
    frames, folds, repeat = work
    prices = frames[RAW]["SalePrice"].to_numpy(float)
    with threadpool_limits(1):
        predicted = {(peer.columns, peer.model): [
            out_of_fold(peer, frames[peer.rows], folds, repeat * peer.seeds + i)
            for i in range(peer.seeds)] for peer in THEIRS}
    for columns in (ALL, ENGINEERED):
        [one], [other] = (predicted[columns, model] for model in BLENDED)
        predicted[columns, "both averaged"] = [numpy.sqrt(one * other)]
    return {key: [errors_of(prices, one) for one in found] for key, found in predicted.items()}


def their_errors(server, repeats):
    """{(columns, model): [(MAE, RMSLE) per repeat and seed]}; the repeats side by side."""
    frames = {name: fetch(server, name) for name in (RAW, MADE)}
    folds = [numpy.array([fold for fold, in server.rows(
        f'SELECT {repeat} FROM {RAW} ORDER BY "Id"')]) for repeat in repeats]
    with fresh_processes(os.cpu_count()) as processes:
        found = list(processes.map(errors_of_repeat,
                                   [(frames, fold, i) for i, fold in enumerate(folds)]))
    return {key: [errors for repeat in found for errors in repeat[key]] for key in found[0]}


# ---- both -------------------------------------------------------------------


def accuracy(bench, files, repeats):
    """Adds the table of errors, and a figure for each error of each of ours."""
    bench.server.run(f"SET houseprice.threads = {os.cpu_count()}")
    ours = {}
    for variant in OURS:
        with bench.may_fail(f"Kaggle, {variant.columns}: {variant.model}"):
            ours[variant.columns, variant.model] = [
                errors for repeat in files.repeats[:repeats]
                for errors in our_errors(bench.server, variant, repeat)]
    print("bench: Kaggle, peers", file=sys.stderr)
    theirs = their_errors(bench.server, files.repeats[:repeats])
    for group in dict.fromkeys(variant.columns for variant in OURS):
        for side, errors in (("houseprice", ours), ("peer", theirs)):
            add_errors(bench, group, side, errors)
    for (columns, model), errors in ours.items():
        for which, name in enumerate(("MAE", "RMSLE")):
            best, peer = best_peer(columns, theirs, which)
            bench.figure(f"Kaggle {columns}, {model}, {name}", mean(e[which] for e in errors),
                         best, peer)


def best_peer(columns, theirs, which):
    """Of those with the same columns; for the notebook, whose forest of ten is
    much a matter of luck, what is within one standard deviation will do."""
    best, peer = min((mean(e[which] for e in errors), model)
                     for (group, model), errors in theirs.items() if group == columns)
    if columns == NOTEBOOK:
        errors = [e[which] for e in theirs[columns, peer]]
        best += stdev(errors) if len(errors) > 1 else 0
    return best, peer


def add_errors(bench, columns, side, found):
    for (group, model), errors in found.items():
        if group == columns:
            mae, rmsle = ([e[which] for e in errors] for which in (0, 1))
            sd = f"{stdev(mae):,.0f}" if len(mae) > 1 else ""
            bench.add("kaggle", columns, side, model, f"{mean(mae):,.0f}", sd,
                      f"{mean(rmsle):.4f}")
