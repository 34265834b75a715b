#!/usr/bin/python3
"""bench/selection.py: hp_best_features beside three standard ways to choose features

    tools/bench.sh --selection [--peers FILE] [--only REGEX] [--methods REGEX] [--write FILE]

Nested: features are chosen from four fifths of a table, a model with default
settings is trained there on the chosen columns, and its errors on the fifth
that is left are pooled over all five.  The model is ours for every method, so
that nothing but the choice differs.  Needs what bench.py needs: a server by
way of PGHOST and so on, with the extension and table houses in it; Kaggle's
files in ../shared/data/ames are used if they are there.  Of the synthetic
houses there are too few rows to tell all 80 columns apart.

Choosing takes the peers an hour.  With --peers their choices are kept in FILE,
and taken from there the next time.
"""

import argparse
import io
import json
import os
import re
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor

import numpy
import pandas
import psycopg2
import xgboost
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import KFold, train_test_split

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
KAGGLE = os.path.join(TOP, "../shared/data/ames")
FOLDS = 5
SIZES = (7, 15, 30)
LEARNERS = ("hp_forest()", "hp_boost()")
OURS = "hp_best_features"


# ---- tables: a fold and a row each ------------------------------------------


class Table:
    def __init__(self, connection, name, title, target):
        self.connection, self.name, self.title, self.target = connection, name, title, target

    def rows(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def fetch(self):
        file = io.StringIO()
        with self.connection.cursor() as cursor:
            cursor.copy_expert(f"COPY (SELECT fold, (house).* FROM {self.name}) TO STDOUT"
                               " (FORMAT csv, HEADER)", file)
        file.seek(0)
        frame = pandas.read_csv(file, keep_default_na=False, na_values=[""])
        for name in frame.columns:
            if is_date(frame[name]):
                frame[name] = pandas.to_datetime(frame[name]).map(
                    lambda day: day.timestamp(), na_action="ignore")
        return frame


def is_date(column):
    return column.dtype == object and re.match(r"\d{4}-\d\d-\d\d",
                                               str(column.dropna().iloc[0]))


def make_tables(connection):
    """Kaggle's houses with the folds that all figures are measured on, the
    larger table of houses, and houses that never stood."""
    made = []
    with connection.cursor() as cursor:
        if os.path.exists(os.path.join(KAGGLE, "train.csv")):
            subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v",
                            f"train_csv={KAGGLE}/train.csv", "-f", "data/kaggle.sql"],
                           check=True, cwd=TOP)
            folds = pandas.read_csv(os.path.join(KAGGLE, "folds.csv"))
            cursor.execute("CREATE TABLE kaggle_folds (id int, fold int)")
            cursor.executemany("INSERT INTO kaggle_folds VALUES (%s, %s)",
                               folds[["Id", "repeat1"]].to_numpy().tolist())
            cursor.execute('ALTER TABLE kaggle_train RENAME "Id" TO id')
            columns = row_columns(cursor, "kaggle_train", ["id"])
            cursor.execute(f"""CREATE VIEW kaggle_house AS SELECT {columns} FROM kaggle_train;
                CREATE TABLE kaggle AS SELECT fold, ROW({columns})::kaggle_house AS house
                FROM kaggle_train JOIN kaggle_folds USING (id)""")
            made.append(Table(connection, "kaggle", "Kaggle, 1,460 × 79", "SalePrice"))
        cursor.execute("""CREATE TABLE ames AS
            SELECT hp_fold(md5(h::text), 5) AS fold, h AS house FROM houses h""")
        made.append(Table(connection, "ames", "Ames, 2,930 × 73", "sale_price"))
        cursor.execute("SELECT count(*) FROM pg_proc WHERE proname = 'synthetic_houses_80'")
        if cursor.fetchone()[0]:
            cursor.execute("CREATE TABLE made_all AS SELECT * FROM synthetic_houses_80(2000)")
            columns = row_columns(cursor, "made_all", ["id"])
            cursor.execute(f"""CREATE VIEW made_house AS SELECT {columns} FROM made_all;
                CREATE TABLE made AS SELECT hp_fold(id, 5) AS fold,
                ROW({columns})::made_house AS house FROM made_all""")
            made.append(Table(connection, "made", "synthetic, 2,000 × 80", "price"))
    return made


def row_columns(cursor, relation, but):
    cursor.execute("""SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0
        AND NOT attisdropped AND attname <> ALL (%s)""", (relation, but))
    return cursor.fetchone()[0]


# ---- what the peers see ------------------------------------------------------


def binned(column):
    """Ten quantile bins, levels, and one for what is missing."""
    if column.dtype == object or column.nunique() <= 10:
        return column.astype("category").cat.codes.to_numpy()
    return pandas.qcut(column, 10, labels=False, duplicates="drop").fillna(-1).to_numpy(int)


def as_numbers(frame, target):
    """Texts as the mean target of their level, shrunk by ten rows."""
    matrix = numpy.empty(frame.shape)
    for i, name in enumerate(frame.columns):
        column = frame[name]
        if column.dtype == object:
            groups = target.groupby(column.fillna(""))
            means = (groups.sum() + 10 * target.mean()) / (groups.count() + 10)
            column = column.fillna("").map(means)
        elif column.dtype == bool:
            column = column.astype(float)
        matrix[:, i] = column
    return matrix


# ---- the three ways ---------------------------------------------------------


def mrmr(frame, target):
    """Peng, Long, Ding (2005): the most mutual information with the target,
    less the mean of that with those chosen before (MID)."""
    bins = {name: binned(frame[name]) for name in frame.columns}
    goal = binned(target)
    relevance = {name: mutual_info_score(bins[name], goal) for name in bins}
    redundancy = dict.fromkeys(bins, 0.0)
    chosen = []
    while len(chosen) < min(max(SIZES), len(bins)):
        best = max((name for name in bins if name not in chosen),
                   key=lambda name: relevance[name] - redundancy[name] / max(len(chosen), 1))
        chosen.append(best)
        for name in bins:
            redundancy[name] += mutual_info_score(bins[name], bins[best])
    return chosen


def forward_loss(matrix, goal, columns):
    """Of boosted trees, by three folds."""
    loss = 0
    for seen, unseen in KFold(3, shuffle=True, random_state=0).split(matrix):
        model = xgboost.XGBRegressor(n_estimators=60, learning_rate=0.15, max_depth=4,
                                     tree_method="hist", max_bin=64, n_jobs=1)
        model.fit(matrix[numpy.ix_(seen, columns)], goal[seen])
        loss += ((model.predict(matrix[numpy.ix_(unseen, columns)]) - goal[unseen]) ** 2).sum()
    return loss


def greedy_forward(frame, target):
    """The feature with which boosted trees predict best, then the one that
    helps most beside it, and so on."""
    goal = numpy.log(target).to_numpy()
    matrix = as_numbers(frame, pandas.Series(goal, frame.index))
    chosen = []
    while len(chosen) < min(max(SIZES), matrix.shape[1]):
        left = [i for i in range(matrix.shape[1]) if i not in chosen]
        chosen.append(min(left, key=lambda i: forward_loss(matrix, goal, chosen + [i])))
    return [frame.columns[i] for i in chosen]


def permutation_ranking(frame, target):
    """What shuffling each feature costs a forest on rows it has not seen."""
    goal = numpy.log(target).to_numpy()
    matrix = numpy.nan_to_num(as_numbers(frame, pandas.Series(goal, frame.index)), nan=-1)
    seen, unseen, goal_seen, goal_unseen = train_test_split(matrix, goal, random_state=0)
    forest = RandomForestRegressor(200, min_samples_leaf=2, max_features=0.4, random_state=0)
    forest.fit(seen, goal_seen)
    found = permutation_importance(forest, unseen, goal_unseen, n_repeats=10, random_state=0)
    order = numpy.argsort(-found.importances_mean, kind="stable")
    return [frame.columns[i] for i in order[:max(SIZES)]]


PEERS = {"mRMR": mrmr, "greedy forward": greedy_forward, "permutation ranking": permutation_ranking}


def choose(work):
    method, frame, target = work
    started = time.process_time()
    return PEERS[method](frame, target), time.process_time() - started


def their_choices(table, methods):
    """{method: (names of each fold, seconds)}"""
    frame = table.fetch()
    folds, target = frame.pop("fold"), frame.pop(table.target)
    works = [(method, frame[folds != fold], target[folds != fold])
             for method in methods for fold in range(FOLDS)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        found = list(processes.map(choose, works))
    return {method: ([names for names, _ in found[i * FOLDS:(i + 1) * FOLDS]],
                     sum(seconds for _, seconds in found[i * FOLDS:(i + 1) * FOLDS]) / FOLDS)
            for i, method in enumerate(methods)}


# ---- ours, and the errors ----------------------------------------------------


def our_choice(table):
    names, started = [], time.time()
    for fold in range(FOLDS):
        names.append(table.rows(f"""SELECT hp_best_features(house, '{table.target}', {max(SIZES)})
            FROM {table.name} WHERE fold <> {fold}""")[0][0])
    return names, (time.time() - started) / FOLDS


def error(table, names, learner):
    """MAE of models of the first features that each fold has chosen."""
    total = 0
    for fold in range(FOLDS):
        chosen = ", ".join("'" + name.replace("'", "''") + "'" for name in names[fold])
        total += table.rows(f"""
            WITH model AS MATERIALIZED (
                SELECT hp_train(hp_select_features(house, {chosen}), (house)."{table.target}",
                                {learner}) AS m
                FROM {table.name} WHERE fold <> {fold})
            SELECT sum(abs(hp_predict(m, house) - (house)."{table.target}"))
            FROM model, {table.name} WHERE fold = {fold}""")[0][0]
    return total / table.rows(f"SELECT count(*) FROM {table.name}")[0][0]


def compare(table, choices):
    """Rows of the report: an error for each method, and ours against the best."""
    lines = []
    for learner in LEARNERS:
        for size in SIZES:
            errors = {method: error(table, [fold[:size] for fold in names], learner)
                      for method, (names, _) in choices.items()}
            theirs = [value for method, value in errors.items() if method != OURS]
            ratio = errors[OURS] / min(theirs) if theirs else float("nan")
            lines.append([table.title, learner, str(size)] +
                         [f"{value:,.0f}" if value >= 1000 else f"{value:.3f}"
                          for value in errors.values()] + [f"{ratio:.3f}"])
            print(" | ".join(lines[-1]), flush=True)
    return lines


def load(file):
    if file and os.path.exists(file):
        with open(file, encoding="utf-8") as stream:
            return json.load(stream)
    return {}


def main():
    parser = argparse.ArgumentParser(description="hp_best_features beside its peers")
    parser.add_argument("--peers", metavar="FILE", help="where the peers' choices are kept")
    parser.add_argument("--only", metavar="REGEX", default="", help="only tables whose names match")
    parser.add_argument("--methods", metavar="REGEX", default="", help="only peers that match")
    parser.add_argument("--write", metavar="FILE", help="writes the report there, too")
    options = parser.parse_args()
    connection = psycopg2.connect("")
    connection.autocommit = True
    kept = load(options.peers)
    methods = [method for method in PEERS if re.search(options.methods, method)]
    lines, seconds = [], []
    for table in make_tables(connection):
        if not re.search(options.only, table.name):
            continue
        missing = [method for method in methods if method not in kept.get(table.name, {})]
        if missing:
            kept.setdefault(table.name, {}).update(their_choices(table, missing))
        if options.peers:
            with open(options.peers, "w", encoding="utf-8") as stream:
                json.dump(kept, stream)
        choices = {method: kept[table.name][method] for method in methods}
        choices[OURS] = our_choice(table)
        print(table.title, choices[OURS][0][0][:15])
        lines += compare(table, choices)
        seconds.append([table.title] + [f"{cost:.1f}" for _, cost in choices.values()])
    names = methods + [OURS]
    text = report(["table", "model", "features"] + names + ["ours / best"], lines)
    text += "\n" + report(["seconds to choose"] + names, seconds)
    print(text)
    if options.write:
        with open(options.write, "w", encoding="utf-8") as stream:
            stream.write(text)


def report(head, lines):
    return "".join("| " + " | ".join(line) + " |\n"
                   for line in [head, ["---"] * len(head)] + lines)


if __name__ == "__main__":
    main()
