"""bench/peers.py: the libraries beside us, with our settings

A peer is made with settings, and then:

    rows = peer.rows(data)                   in the form it likes, not timed
    peer.fit(rows, prices, threads, seed)
    peer.predict(rows, threads)
    peer.requests(names, file)               {what: function of a row's values}

Each gets the element type and the layout that it works in, so that nothing is
converted while the clock runs.
"""

import copy
import os
import pickle
import subprocess
import tempfile
from contextlib import closing

import numpy
import pandas
import sklearn
import xgboost
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (ExtraTreesRegressor, HistGradientBoostingRegressor,
                              RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNetCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from settings import Boosting, Forest, Linear

try:
    import lightgbm  # not in Debian, welcome where it is
except ImportError:
    lightgbm = None


threads_now = None


def limit_threads(threads):
    """For libraries that are told so by threadpoolctl only, which takes longer
    than a prediction for one row: when it is another number than before."""
    global threads_now
    if threads != threads_now:
        threadpool_limits(threads)
        threads_now = threads


# The request that begins without a model in memory.
FROM_FILE = "model read from a file"


class Peer:
    """What most peers have in common: they are scikit-learn regressors."""

    pid = "self"  # whose memory it takes
    dtype = numpy.float32

    def __init__(self, settings):
        self.settings = settings
        self.levels = []
        self.model = None

    def rows(self, data):
        self.levels = data.levels
        return data.matrix.astype(self.dtype, copy=False)

    def fit(self, rows, prices, threads, seed=0):
        self.model = self.regressor(prices, threads, seed)
        limit_threads(threads)
        self.model.fit(rows, prices)

    def predict(self, rows, threads):
        limit_threads(threads)
        return self.model.predict(rows)

    def requests(self, names, file):
        """What a service may do to predict one row, in the threads that the
        caller set: from its values, texts as codes already, to a number."""
        def array(values):
            return numpy.array([values], self.dtype)

        def from_file(values):
            with open(file, "rb") as saved:
                return pickle.load(saved).predict(array(values))[0]

        with open(file, "wb") as saved:
            pickle.dump(self.model, saved, pickle.HIGHEST_PROTOCOL)
        named = self.named(names)
        return {"NumPy array": lambda values: self.model.predict(array(values))[0],
                "pandas data frame": lambda values: named.predict(
                    pandas.DataFrame([values], columns=names))[0],
                FROM_FILE: from_file}

    def named(self, names):
        """The model as if it had been trained on a data frame."""
        model = copy.copy(self.model)
        model.feature_names_in_ = numpy.array(names, object)
        return model

    def nodes(self):
        return None

    def close(self):
        pass


class ScikitForest(Peer):
    name = "scikit-learn"

    def regressor(self, prices, threads, seed):
        kind = ExtraTreesRegressor if self.settings.extra else RandomForestRegressor
        return kind(n_estimators=self.settings.trees, min_samples_leaf=1, max_features=1.0,
                    n_jobs=threads, random_state=seed)

    def predict(self, rows, threads):
        self.model.n_jobs = threads
        return self.model.predict(rows)

    def requests(self, names, file):
        self.model.n_jobs = 1
        return super().requests(names, file)

    def nodes(self):
        return sum(tree.tree_.node_count for tree in self.model.estimators_)


class Ranger(Peer):
    """In a process of its own, fed by files."""

    name = "ranger"

    def __init__(self, settings):
        super().__init__(settings)
        script = os.path.join(os.path.dirname(__file__), "ranger.R")
        self.process = subprocess.Popen(["Rscript", "--vanilla", script], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.ask("version")  # now it is R, no longer a shell
        self.pid = self.process.pid
        self.files = tempfile.TemporaryDirectory()
        self.matrices = 0

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"ranger died of: {words}")
        return answer

    def rows(self, data):
        name, file = f"m{self.matrices}", os.path.join(self.files.name, "matrix")
        self.matrices += 1
        table = numpy.column_stack((data.matrix, data.prices))
        table.ravel(order="F").tofile(file)
        self.ask("read", name, file, *table.shape)
        os.remove(file)
        return name

    def fit(self, rows, prices, threads, seed=0):
        # 0 would be any seed
        self.ask("fit", rows, self.settings.trees, int(self.settings.extra), threads, seed + 1)

    def predict(self, rows, threads):
        file = os.path.join(self.files.name, "predictions")
        self.ask("predict", rows, threads, file)
        return numpy.fromfile(file)

    def nodes(self):
        return int(self.ask("nodes"))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.files.cleanup()


class XGBoost(Peer):
    name = "XGBoost"

    def regressor(self, prices, threads, seed):
        our = self.settings
        return xgboost.XGBRegressor(
            n_estimators=our.trees, max_leaves=our.leaves, max_depth=0, grow_policy="lossguide",
            tree_method="hist", max_bin=our.bins, learning_rate=our.learning_rate,
            reg_lambda=our.l2, min_child_weight=our.min_leaf, base_score=prices.mean(),
            enable_categorical=True, feature_types=["c" if n else "q" for n in self.levels],
            n_jobs=threads, random_state=seed)

    def predict(self, rows, threads):
        self.model.set_params(n_jobs=threads)
        return self.model.predict(rows)

    def requests(self, names, file):
        """By XGBoost's own interface, which is faster than the one it has in
        scikit-learn's manner; the file is of its binary form, the fastest to read."""
        booster, types = self.model.get_booster(), self.model.feature_types
        booster.set_param({"nthread": 1})
        file += ".ubj"
        booster.save_model(file)

        def array(values):
            return numpy.array([values], self.dtype)

        def from_file(values):
            read = xgboost.Booster({"nthread": 1}, model_file=file)
            return read.inplace_predict(array(values))[0]

        return {"inplace_predict": lambda values: booster.inplace_predict(array(values))[0],
                "DMatrix": lambda values: booster.predict(xgboost.DMatrix(
                    array(values), nthread=1, feature_types=types, enable_categorical=True))[0],
                FROM_FILE: from_file}


class HistGradientBoosting(Peer):
    """scikit-learn's.  It knows categories, but not more of them than bins:
    others are numbers to it, as OrdinalEncoder would make them."""

    name = "scikit-learn"
    dtype = numpy.float64

    def regressor(self, prices, threads, seed):
        our = self.settings
        return HistGradientBoostingRegressor(
            max_iter=our.trees, max_leaf_nodes=our.leaves, max_bins=our.bins,
            learning_rate=our.learning_rate, l2_regularization=our.l2,
            min_samples_leaf=our.min_leaf, early_stopping=False,
            categorical_features=[0 < n <= our.bins for n in self.levels], random_state=seed)


class LightGBM(Peer):
    name = "LightGBM"

    def regressor(self, prices, threads, seed):
        our = self.settings
        return lightgbm.LGBMRegressor(
            n_estimators=our.trees, num_leaves=our.leaves, max_bin=our.bins,
            learning_rate=our.learning_rate, reg_lambda=our.l2, min_child_samples=our.min_leaf,
            min_child_weight=0, n_jobs=threads, random_state=seed, verbose=-1)

    def fit(self, rows, prices, threads, seed=0):
        self.model = self.regressor(prices, threads, seed)
        self.model.fit(rows, prices,
                       categorical_feature=[i for i, n in enumerate(self.levels) if n])

    def predict(self, rows, threads):
        return self.model.predict(rows, num_threads=threads)

    def named(self, names):
        return self.model  # it does not ask


class ElasticNet(Peer):
    """scikit-learn's, with the preparation that hp_linear brings along."""

    name = "scikit-learn"
    dtype = numpy.float64

    def regressor(self, prices, threads, seed):
        return elastic_net(self.levels, threads, seed)


def elastic_net(levels, threads, seed=0):
    """One-hot categories, rare ones pooled; numbers with missing ones set to
    the median and flagged, sizes on the log scale; log price."""
    texts = [i for i, n in enumerate(levels) if n]
    numbers = [i for i, n in enumerate(levels) if not n]
    prepare = ColumnTransformer([
        ("texts", OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist"), texts),
        ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True),
                                  FunctionTransformer(log_of_skewed), StandardScaler()), numbers)],
        sparse_threshold=0)
    net = ElasticNetCV(l1_ratio=[0.1, 0.5, 0.9], cv=5, n_jobs=threads, random_state=seed,
                       max_iter=5000)
    return TransformedTargetRegressor(make_pipeline(prepare, net), func=numpy.log1p,
                                      inverse_func=numpy.expm1)


def log_of_skewed(columns):
    """log1p of columns without negative values: a matter of taste elsewhere,
    right for areas and money, nearly nothing for years."""
    return numpy.where((columns >= 0).all(axis=0), numpy.log1p(numpy.maximum(columns, 0)), columns)


def versions():
    with closing(Ranger(None)) as process:
        ranger = process.ask("version")
    found = {"scikit-learn": sklearn.__version__, "XGBoost": xgboost.__version__,
             "ranger": ranger, "NumPy": numpy.__version__}
    if lightgbm:
        found["LightGBM"] = lightgbm.__version__
    return found


def kinds_of_peers(settings):
    """Those that can do the same."""
    return {Forest: [ScikitForest, Ranger], Linear: [ElasticNet],
            Boosting: [XGBoost, HistGradientBoosting] + [LightGBM] * bool(lightgbm)}[type(settings)]
