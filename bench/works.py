"""bench/works.py: what is measured on both sides, each work a few lines of the report

Ours is a statement, theirs a call.  They take turns: ours, theirs, ours, ...
"""

import io
import os
import sys
from collections import defaultdict
from contextlib import closing, contextmanager, ExitStack
from statistics import mean, stdev

import psycopg2

import latency
from instruments import PrivatePeak, Server, Stopwatch, fresh_processes, memory
from peers import kinds_of_peers
from tables import SEVEN

SEEN = "hp_split(id, 0.75)"


class Bench:
    """The tables of the report; each work adds lines to one of them."""

    def __init__(self):
        self.server = Server()
        self.tables = defaultdict(list)
        self.losses = []   # (ratio, what): where we need more than a peer
        self.figures = {}  # what targets.py asks for: name -> ours, best peer's
        self.left_out = []
        self.failed = False
        self.fitted = {}   # peers' models, for the next work with the same

    # ---- what the report is made of -----------------------------------------

    def add(self, table, *cells):
        self.tables[table].append([str(cell) for cell in cells])

    def judge(self, what, value):
        """Remembers where we need more than they do; the ratio as text."""
        if round(value, 2) > 1:
            self.losses.append((value, what))
        return f"{value:.2f}"

    def figure(self, name, ours, theirs=None, peer=None):
        """The worst of ours and the best of theirs, over threads and peers."""
        worst, best = self.figures.get(name, (ours, None))
        if theirs is not None and (best is None or theirs < best[0]):
            best = theirs, peer
        self.figures[name] = max(worst, ours), best

    def leave_out(self, why):
        print("bench: left out:", why, file=sys.stderr)
        self.left_out.append(why)

    @contextmanager
    def may_fail(self, name):
        """A statement that fails costs one work, and the exit status."""
        print("bench:", name, file=sys.stderr)
        try:
            yield
        except psycopg2.Error as error:
            self.failed = True
            self.leave_out(f"{name}: {str(error).splitlines()[0]}")
            if self.server.connection.closed:
                self.server = Server()

    @contextmanager
    def peers(self, settings):
        with ExitStack() as stack:
            yield [stack.enter_context(closing(kind(settings)))
                   for kind in kinds_of_peers(settings)]

    def stopwatch(self, peers=()):
        watch = Stopwatch(self.server)
        for peer in peers:
            if peer.pid != "self":
                watch.watch(peer.pid)
        return watch

    # ---- training ------------------------------------------------------------

    def train(self, settings, table, threads, repeats, most_peers=None, models=1):
        """The aggregate over the table; fit() on a matrix that is in memory.

        models: ours in so many, each with its share of the trees.
        """
        table.make(self.server)
        data = table.fetch_once(self.server)
        learners = [settings.sql()] if models == 1 else \
            [settings.sql(seed, settings.trees // models) for seed in range(models)]
        ours = [f"SELECT hp_train(h, 'price', {learner}) IS NULL FROM {table.name} h"
                for learner in learners]
        with self.peers(settings) as peers:
            peers = peers[:most_peers]
            rows = {peer: peer.rows(data) for peer in peers}
            for count in threads:
                works = {peer: lambda peer=peer: peer.fit(rows[peer], data.prices, count)
                         for peer in peers}
                self.race("train", f"{settings.title}, {table.title}", count, repeats,
                          lambda: [self.server.run(sql) for sql in ours], works)

    def race(self, section, work, threads, repeats, ours, theirs):
        self.server.run(f"SET houseprice.threads = {threads}")
        spent = self.stopwatch(theirs).take_turns({"ours": ours, **theirs}, repeats)
        our = spent.pop("ours")
        for peer, their in spent.items():
            cells = []
            for clock in ("cpu", "wall"):
                value, spread = our.ratio(their, clock)
                what = f"{section} {work}, threads: {threads}, {clock} time, {peer.name}"
                a, b = getattr(our, clock), getattr(their, clock)
                cells += [f"{a:.3f}", f"{b:.3f}", self.judge(what, value), spread]
                self.figure(f"{section} {work}, {clock}", a, b, peer.name)
            self.add(section, work, threads, peer.name, *cells)

    def table_to_table(self, settings, table, threads, repeats):
        """Train, predict all rows, store the predictions with their ids."""
        table.make(self.server)
        table.forget()
        with self.peers(settings) as peers:
            for count in threads:
                works = {peer: lambda peer=peer: self.through_peer(peer, table, count)
                         for peer in peers}
                self.race("end to end", f"{settings.title}, {table.title}", count, repeats,
                          lambda: self.in_one_statement(settings, table), works)

    def in_one_statement(self, settings, table):
        self.server.run("DROP TABLE IF EXISTS priced")
        self.server.run(
            f"CREATE TABLE priced AS SELECT id, hp_predict(m.model, h) AS price FROM {table.name} h,"
            f" (SELECT hp_train(h, 'price', {settings.sql()}) AS model FROM {table.name} h) m")

    def through_peer(self, peer, table, threads):
        self.server.run("DROP TABLE IF EXISTS priced")
        self.server.run("CREATE TABLE priced (id bigint, price float8)")
        data = table.fetch(self.server, peer.dtype)
        rows = peer.rows(data)
        peer.fit(rows, data.prices, threads)
        predictions = peer.predict(rows, threads)
        text = "".join(f"{i}\t{p!r}\n" for i, p in zip(data.ids.tolist(), predictions.tolist()))
        self.server.cursor.copy_expert("COPY priced FROM STDIN", io.StringIO(text))

    # ---- prediction ----------------------------------------------------------

    def store_model(self, name, settings, table, seed=0, where="true", **options):
        """A table with one model in it.  ANALYZE, or a thousand are expected."""
        self.server.run(f"DROP TABLE IF EXISTS {name}")
        self.server.run(
            f"CREATE TABLE {name} AS SELECT hp_train(h, 'price', {settings.sql(seed, **options)})"
            f" AS model FROM {table.name} h WHERE {where}")
        self.server.run(f"ANALYZE {name}")

    def predict(self, settings, table, repeats, most_peers=None):
        """hp_predict() on every row and on one; predict() on the matrix and on
        one row of it, by as many peers as there is time for."""
        table.make(self.server)
        data = table.fetch_once(self.server)
        self.server.run(f"SET houseprice.threads = {os.cpu_count()}")
        self.store_model("model", settings, table)
        self.store_model("stump", settings, table, trees=1)
        self.server.run("SET houseprice.threads = 1")
        with self.peers(settings) as peers:
            works = self.our_predictions(table)
            peers = peers[:most_peers]
            for peer in peers:
                rows, one = peer.rows(data), peer.rows(data.part(slice(0, 1)))
                self.fit_once(peer, rows, data.prices, table)
                works[peer] = lambda peer=peer, rows=rows: peer.predict(rows, 1)
                works[peer, 1] = lambda peer=peer, one=one: peer.predict(one, 1)
            spent = self.stopwatch(peers).take_turns(works, repeats)
            self.report_predictions(settings, table, peers, spent)

    def fit_once(self, peer, rows, prices, table):
        """Trains a peer, unless the work before has; one in a process of its
        own is always trained."""
        key = type(peer), peer.settings, table.name
        if key in self.fitted:
            peer.model = self.fitted[key]
            return
        peer.fit(rows, prices, os.cpu_count())
        if peer.pid == "self":
            self.fitted = {k: model for k, model in self.fitted.items() if k[1:] == key[1:]}
            self.fitted[key] = peer.model

    def our_predictions(self, table):
        """The statements that are timed, by name."""
        one = f"(SELECT * FROM {table.name} LIMIT 1)"
        sql = "SELECT sum(hp_predict(m.model, h)) FROM {} h, {} m"
        statements = {
            "count": f"SELECT count(h) FROM {table.name} h",
            "all": sql.format(table.name, "model"), "one": sql.format(one, "model"),
            "stump all": sql.format(table.name, "stump"), "stump one": sql.format(one, "stump")}
        columns = (name for name, _ in table.columns if name in SEVEN)
        statements["scan"] = f"SELECT {', '.join(f'sum({c})' for c in columns)} FROM {table.name}"
        batch = ("SELECT sum(p.prediction) FROM {} m,"
                 f" hp_predict_rows(m.model, NULL::{table.name}, '{{}}') p")
        statements |= {
            "batch": batch.format("model", table.name), "batch one": batch.format("model", one),
            "batch stump": batch.format("stump", table.name),
            "batch stump one": batch.format("stump", one)}
        return {name: lambda sql=sql: self.server.run(sql) for name, sql in statements.items()}

    def report_predictions(self, settings, table, peers, spent):
        work = f"{settings.title}, {table.title}"
        micro = {name: 1e6 * s.cpu / table.rows for name, s in spent.items()}
        forming, ours = micro["count"], micro["all"]
        # what more trees cost more, without what each statement costs once
        alone, together = (
            1e3 / (settings.trees - 1) * ((micro[model] - micro[once])
                                          - (micro[stump] - micro[stump_once]))
            for model, once, stump, stump_once in (
                ("all", "one", "stump all", "stump one"),
                ("batch", "batch one", "batch stump", "batch stump one")))
        for peer in peers:
            value, spread = spent["all"].ratio(spent[peer])
            one, _ = spent["one"].ratio(spent[peer, 1])
            self.add("predict", work, peer.name, f"{forming:.2f}", f"{ours:.2f}",
                     f"{micro[peer]:.2f}", self.judge(f"predict {work}, {peer.name}", value), spread,
                     f"{alone:.1f}", f"{1e3 * micro[peer] / settings.trees:.1f}",
                     f"{1e3 * spent['one'].cpu:.1f}", f"{1e3 * spent[peer, 1].cpu:.1f}",
                     self.judge(f"predict one row, {work}, {peer.name}", one))
            for form, trees in (("hp_predict", alone), ("hp_predict_rows", together)):
                self.figure(f"trees alone {work}, {form}", trees,
                            1e3 * micro[peer] / settings.trees, peer.name)
        self.figure(f"predict {work} - count(h)", ours - forming)
        self.figure(f"predict rows {work} / scan", spent["batch"].ratio(spent["scan"])[0])
        for peer in peers:
            value, spread = spent["batch"].ratio(spent[peer])
            self.add("batch", work, peer.name, f"{micro['scan']:.2f}", f"{micro['batch']:.2f}",
                     f"{micro['batch'] / micro['scan']:.1f}", f"{micro[peer]:.2f}",
                     self.judge(f"predict rows {work}, {peer.name}", value), spread,
                     f"{together:.1f}", f"{1e3 * micro[peer] / settings.trees:.1f}")

    def latency(self, settings, table, turns, most_peers=None):
        """One house, one price, as a service would ask for it."""
        table.make(self.server)
        data = table.fetch_once(self.server)
        self.server.run(f"SET houseprice.threads = {os.cpu_count()}")
        with self.peers(settings) as peers:
            peers = peers[:most_peers]
            for peer in peers:
                self.fit_once(peer, peer.rows(data), data.prices, table)
            latency.measure(self, settings, table, data, peers, turns)

    # ---- errors --------------------------------------------------------------

    def holdout(self, settings, table, seeds):
        """Errors on the quarter of the rows that nobody learns from."""
        table.make(self.server)
        data = table.fetch_once(self.server)
        seen, unseen = data.part(data.seen), data.part(~data.seen)
        ours = [self.our_errors(settings, table, seed) for seed in range(seeds)]
        with self.peers(settings) as peers:
            for peer in peers:
                rows, rest = peer.rows(seen), peer.rows(unseen)
                theirs = [self.their_errors(peer, rows, seen.prices, rest, unseen.prices, seed)
                          for seed in range(seeds)]
                self.report_errors(settings, table, peer, ours, theirs)

    def our_errors(self, settings, table, seed):
        """Mean absolute error, root of the mean square, nodes."""
        self.server.run(f"SET houseprice.threads = {os.cpu_count()}")
        self.store_model("model", settings, table, seed, SEEN)
        [errors] = self.server.rows(
            "SELECT hp_mae(price, p), hp_rmse(price, p) FROM"
            f" (SELECT price, hp_predict(m.model, h) AS p FROM {table.name} h, model m"
            f" WHERE NOT {SEEN}) predicted")
        nodes = self.server.run("SELECT (hp_model_info(model) ->> 'nodes')::bigint FROM model")
        return *errors, nodes

    def their_errors(self, peer, rows, prices, rest, actual, seed):
        peer.fit(rows, prices, os.cpu_count(), seed)
        difference = peer.predict(rest, os.cpu_count()) - actual
        return abs(difference).mean(), (difference ** 2).mean() ** 0.5, peer.nodes()

    def report_errors(self, settings, table, peer, ours, theirs):
        work = f"{settings.title}, {table.title}"
        cells = []
        for which, name in enumerate(("MAE", "RMSE")):
            a, b = ([run[which] for run in runs] for runs in (ours, theirs))
            value = mean(a) / mean(b)
            self.judge(f"{name} of {work}, {peer.name}", value)
            cells += [mean_and_sd(a), mean_and_sd(b), f"{value:.3f}"]
        nodes = ["" if runs[0][2] is None else
                 f"{mean(run[2] for run in runs) / settings.trees:,.0f}" if settings.trees else ""
                 for runs in (ours, theirs)]
        self.add("errors", work, peer.name, len(ours), *cells, *nodes)

    # ---- memory --------------------------------------------------------------

    def memory(self, settings, table):
        """A fresh backend and fresh peers, each from table to model."""
        table.make(self.server)
        table.forget()
        growth, private = self.our_memory(settings, table)
        work = f"{settings.title}, {table.title}"
        a_row = 2 ** 20 / table.rows
        self.figure(f"memory {work}", growth * a_row)
        for kind in kinds_of_peers(settings):
            with fresh_processes(1) as fresh:
                theirs = fresh.submit(peer_growth, kind, settings, table).result()
            self.add("memory", work, kind.name, f"{private:.0f}", f"{growth:.0f}", f"{theirs:.0f}",
                     self.judge(f"memory of {work}, {kind.name}", growth / theirs),
                     f"{growth * a_row:.0f}", f"{theirs * a_row:.0f}")
            self.figure(f"memory {work}", growth * a_row, theirs * a_row, kind.name)

    def our_memory(self, settings, table):
        fresh = Server()
        fresh.run(f"SET houseprice.threads = {os.cpu_count()}")
        fresh.run(f"SELECT count(h) FROM {table.name} h")  # now shared buffers are counted
        before = memory(fresh.pid, "VmHWM")
        with PrivatePeak(fresh.pid) as private:
            fresh.run(f"SELECT hp_train(h, 'price', {settings.sql()}) IS NULL FROM {table.name} h")
        return memory(fresh.pid, "VmHWM") - before, private.peak - private.before


def peer_growth(kind, settings, table):
    """What a process that has read nothing yet grows by until it has a model."""
    server = Server()
    with closing(kind(settings)) as peer:
        before = memory(peer.pid, "VmHWM")
        data = table.fetch(server, peer.dtype)
        rows, prices = peer.rows(data), data.prices
        del data
        peer.fit(rows, prices, os.cpu_count())
        return memory(peer.pid, "VmHWM") - before


def mean_and_sd(values):
    return f"{mean(values):,.0f}" + (f" ± {stdev(values):,.0f}" if len(values) > 1 else "")
