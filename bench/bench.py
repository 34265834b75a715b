#!/usr/bin/python3
"""bench/bench.py: houseprice beside scikit-learn, on the same rows

    bench/bench.py [--large] [--quick] [--write FILE]

Runs inside "make bench" (tools/bench.sh), which gives it a private server by
way of PGHOST and so on, with the extension, table houses and
synthetic_houses() in it.

What is compared takes turns: ours, theirs, ours, theirs, ...; the table shows
the median of each, their ratio, and the range of the ratios of neighbours,
which tells how far to believe it.  CPU time is that of this process plus that
of the server's backend, all threads of both, by the kernel's clock of each
process: whoever works, it is counted.  See README.md beside this file.
"""

import argparse
import ctypes
import datetime
import io
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from statistics import mean, median, stdev

import numpy
import psycopg2
import sklearn
from sklearn.ensemble import RandomForestRegressor

COLUMNS = ["lot_area", "year_built", "first_flr_sf", "second_flr_sf",
           "full_bath", "bedroom_abv_gr", "tot_rms_abv_grd"]

# Rows of synthetic_houses() -> sum of the hashes of their text.  Another sum
# means other houses: figures from before cannot be compared with those to come.
CHECKSUMS = {100000: 421011488403488388133, 1000000: -630554950838114912294}

# ---- instruments ------------------------------------------------------------


def cpu_clock(pid):
    """The CPU clock of a process, all its threads, past and present."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return clock.value


def peak_memory(pid):
    """The most memory that a process has ever had resident, in MB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) / 1024


def machine_seconds():
    """CPU seconds that anything on this machine has used since it started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, *interrupts_and_stolen = map(int, stat.readline().split()[1:9])
    return sum((user, nice, system, *interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


class Server:
    """A connection whose backend can be watched."""

    opened = []

    def __init__(self):
        Server.opened.append(self)
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.pid = self.connection.get_backend_pid()
        self.clock = cpu_clock(self.pid)
        self.run("SET client_min_messages = warning")
        # one process works, so that threads are what is compared
        self.run("SET max_parallel_workers_per_gather = 0")

    def run(self, sql):
        """Runs a statement; the first column of its first row, if any."""
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0] if self.cursor.description else None

    def copy_out(self, table, where="true"):
        """ids, features and prices: rows out by COPY, the fastest way there is."""
        text = io.BytesIO()
        self.cursor.copy_expert(
            f"COPY (SELECT id, {', '.join(COLUMNS)}, price FROM {table} WHERE {where})"
            " TO STDOUT (DELIMITER ' ')", text)
        rows = numpy.fromstring(text.getvalue(), sep=" ").reshape(-1, len(COLUMNS) + 2)
        return (rows[:, 0].astype(int), rows[:, 1:-1].astype(numpy.float32, order="C"),
                rows[:, -1].copy())

    def copy_in(self, table, ids, predictions):
        text = "".join(f"{i}\t{p!r}\n" for i, p in zip(ids.tolist(), predictions.tolist()))
        self.cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(text))


def take_turns(server, works, repeats):
    """{name: work} -> {name: [(CPU seconds, wall seconds), ...]}"""
    spent = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            cpu = -time.process_time() - time.clock_gettime(server.clock)
            wall = -time.perf_counter()
            work()
            wall += time.perf_counter()
            cpu += time.process_time() + time.clock_gettime(server.clock)
            spent[name].append((cpu, wall))
    return spent


def our_seconds():
    """CPU seconds of this process, its children and its backends."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.process_time() + children.ru_utime + children.ru_stime
            + sum(time.clock_gettime(server.clock) for server in Server.opened))


def ratio(ours, theirs):
    """Ratio of the medians, and the range of the ratios of neighbours."""
    pairs = [a / b for a, b in zip(ours, theirs)]
    return median(ours) / median(theirs), f"{min(pairs):.2f}–{max(pairs):.2f}"


# ---- the two sides, with equal settings -------------------------------------


def ours(trees, seed=0):
    """Parameters of the notebook's forest: full trees, every feature."""
    return (f"hp_forest(trees => {trees}, min_leaf => 1, feature_fraction => 1,"
            f" exclude => '{{id}}', seed => {seed})")


def theirs(trees, threads, seed=0):
    return RandomForestRegressor(
        n_estimators=trees, min_samples_leaf=1, max_features=1.0,
        n_jobs=threads, random_state=seed)


# ---- what is measured -------------------------------------------------------


class Bench:
    """The tables of the report; each method adds lines to one of them."""

    def __init__(self, server):
        self.server = server
        self.tables = defaultdict(list)
        self.losses = []

    def add(self, table, *cells):
        print("bench:", cells[0], file=sys.stderr)
        self.tables[table].append([str(cell) for cell in cells])

    def judge(self, what, value):
        """Remembers where we need more than they do; the ratio as text."""
        if round(value, 2) > 1:
            self.losses.append((value, what))
        return f"{value:.2f}"

    def race(self, work, threads, repeats, our_work, their_work):
        self.server.run(f"SET houseprice.threads = {threads}")
        spent = take_turns(self.server, {"ours": our_work, "theirs": their_work}, repeats)
        for clock, name in enumerate(("CPU", "wall")):
            a, b = ([run[clock] for run in spent[side]] for side in ("ours", "theirs"))
            value, spread = ratio(a, b)
            self.add("times", work, threads, name, f"{median(a):.3f}", f"{median(b):.3f}",
                     self.judge(f"{work}, threads: {threads}, {name} time", value), spread)

    def train(self, title, table, trees, repeats):
        _, features, prices = self.server.copy_out(table)
        sql = f"SELECT hp_train(h, 'price', {ours(trees)}) IS NULL FROM {table} h"
        for threads in (1, 2):
            self.race(f"train {trees} trees, {title}", threads, repeats,
                      lambda: self.server.run(sql),
                      lambda: theirs(trees, threads).fit(features, prices))

    def table_to_table(self, title, table, trees, repeats):
        server = self.server

        def in_sql():
            server.run("DROP TABLE IF EXISTS priced")
            server.run(f"CREATE TABLE priced AS SELECT id, hp_predict(m.model, h) AS price"
                       f" FROM {table} h, (SELECT hp_train(h, 'price', {ours(trees)})"
                       f" AS model FROM {table} h) m")

        def in_python(threads):
            server.run("DROP TABLE IF EXISTS priced")
            server.run("CREATE TABLE priced (id bigint, price float8)")
            ids, features, prices = server.copy_out(table)
            forest = theirs(trees, threads).fit(features, prices)
            server.copy_in("priced", ids, forest.predict(features))

        for threads in (1, 2):
            self.race(f"table to table, {trees} trees, {title}", threads, repeats,
                      in_sql, lambda: in_python(threads))

    def store_model(self, table, trees, seed=0, where="true"):
        """Table model, with one row.  ANALYZE, or a thousand are expected."""
        self.server.run("DROP TABLE IF EXISTS model")
        self.server.run(f"CREATE TABLE model AS SELECT hp_train(h, 'price',"
                        f" {ours(trees, seed)}) AS model FROM {table} h WHERE {where}")
        self.server.run("ANALYZE model")

    def predict(self, title, table, trees, repeats):
        server = self.server
        _, features, prices = server.copy_out(table)
        self.store_model(table, trees)
        forest = theirs(trees, os.cpu_count()).fit(features, prices)
        forest.n_jobs = 1
        sql = "SELECT sum(hp_predict(m.model, h)) FROM {} h, model m"
        spent = take_turns(server, {
            "form": lambda: server.run(f"SELECT count(h) FROM {table} h"),
            "ours": lambda: server.run(sql.format(table)),
            "theirs": lambda: forest.predict(features).sum(),
            "our first": lambda: server.run(sql.format(f"(SELECT * FROM {table} LIMIT 1)")),
            "their first": lambda: forest.predict(features[:1])}, repeats)
        cpu = {side: [cpu for cpu, _ in runs] for side, runs in spent.items()}
        per_row = (f"{1e6 * median(cpu[side]) / len(prices):.2f}"
                   for side in ("form", "ours", "theirs"))
        one_row = (f"{1e3 * median(cpu[side]):.1f}" for side in ("our first", "their first"))
        work = f"{trees} trees, {title}"
        value, spread = ratio(cpu["ours"], cpu["theirs"])
        first, _ = ratio(cpu["our first"], cpu["their first"])
        self.add("predictions", work, *per_row,
                 self.judge(f"predict all rows, {work}", value), spread,
                 *one_row, self.judge(f"predict one row, {work}", first))

    def accuracy(self, title, table, trees, seeds):
        server = self.server
        _, features, prices = server.copy_out(table, "hp_split(id, 0.75)")
        _, unseen, actual = server.copy_out(table, "NOT hp_split(id, 0.75)")
        a, b, our_nodes, their_nodes = [], [], 0, 0
        for seed in range(seeds):
            self.store_model(table, trees, seed, "hp_split(id, 0.75)")
            a.append(server.run(f"SELECT hp_mae(price, hp_predict(m.model, h))"
                                f" FROM {table} h, model m WHERE NOT hp_split(id, 0.75)"))
            our_nodes += server.run("SELECT (hp_model_info(model)->'nodes')::int FROM model")
            forest = theirs(trees, os.cpu_count(), seed).fit(features, prices)
            b.append(float(abs(forest.predict(unseen) - actual).mean()))
            their_nodes += sum(tree.tree_.node_count for tree in forest.estimators_)
        work = f"{trees} trees, {title}"
        error = (f"{mean(x):,.0f}" + (f" ± {stdev(x):,.0f}" if seeds > 1 else "")
                 for x in (a, b))
        nodes = (f"{n / seeds / trees:,.0f}" for n in (our_nodes, their_nodes))
        self.add("errors", work, seeds, *error,
                 self.judge(f"error, {work}", mean(a) / mean(b)), *nodes)

    def memory(self, title, table, trees):
        """A fresh backend and a fresh Python, each from table to model."""
        fresh = Server()
        fresh.run("SET houseprice.threads = 2")
        fresh.run(f"SELECT count(h) FROM {table} h")  # now shared buffers are counted
        before = peak_memory(fresh.pid)
        fresh.run(f"SELECT hp_train(h, 'price', {ours(trees)}) IS NULL FROM {table} h")
        peak = peak_memory(fresh.pid)
        python = subprocess.run(
            [sys.executable, __file__, "--peer-memory", table, str(trees)],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        their_before, their_peak = map(float, python.split())
        work = f"train {trees} trees, {title}"
        growth = (peak - before) / (their_peak - their_before)
        self.add("memory", work, *(f"{x:.0f}" for x in (before, peak, their_before, their_peak)),
                 self.judge(f"memory added, {work}", growth),
                 self.judge(f"memory of the process, {work}", peak / their_peak))


def peer_memory(table, trees):
    """Memory of a Python that has read nothing yet, and its peak in training."""
    server = Server()
    before = peak_memory("self")
    _, features, prices = server.copy_out(table)
    theirs(trees, 2).fit(features, prices)
    print(before, peak_memory("self"))


# ---- report -----------------------------------------------------------------


def layout(rows, *title):
    """A Markdown table that also reads well on a terminal."""
    widths = [max(map(len, column)) for column in zip(title, *rows)]
    rows = [title, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)


def machine():
    """The class of machine: no names."""
    with open("/proc/cpuinfo") as file:
        cpuinfo = file.read()
    model = re.search(r"model name\s*: (.*)", cpuinfo) or [platform.machine()] * 2
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    shared = ", a virtual machine on a shared host" if " hypervisor" in cpuinfo else ""
    return f"{os.cpu_count()} cores of {model[1]}, {memory:.0f} GB{shared}"


def report(bench, arguments, minutes, others):
    run, tables = bench.server.run, bench.tables
    ours_version = run("SELECT extversion FROM pg_extension WHERE extname = 'houseprice'")
    losses = [f"- {value:.2f} × theirs: {what}" for value, what in sorted(bench.losses)[::-1]]
    lost = "\n".join(losses) or "Nowhere in this run."
    return f"""# Benchmarks

Written by `make bench BENCH_ARGS="{arguments}"`; what is measured and how to read it: [bench/README.md](../bench/README.md).
Ratios are ours / theirs in the same run: below 1 we need less, above 1 we need more.

- {datetime.date.today()}, {minutes:.0f} minutes, on {machine()}; Linux {platform.release().split("-")[0]}
- other programs meanwhile used {100 * others:.0f} % of the processors: the more, the less the wall times mean
- houseprice {ours_version}, PostgreSQL {run("SHOW server_version").split()[0]}
- scikit-learn {sklearn.__version__}, NumPy {numpy.__version__}, Python {platform.python_version()}

## Time, in seconds

{layout(tables["times"], "work", "threads", "clock", "houseprice", "scikit-learn", "ratio",
        "range")}

## Prediction, CPU time in one thread: µs per row for the whole table, then ms for one row alone

{layout(tables["predictions"], "model", "count(h)", "hp_predict", "scikit-learn", "ratio",
        "range", "one row", "scikit-learn", "ratio")}

## Error on rows held out (MAE in dollars), and the size of the trees

{layout(tables["errors"], "model", "seeds", "houseprice", "scikit-learn", "ratio",
        "nodes per tree", "scikit-learn")}

## Peak memory from table to model, in MB, two threads

{layout(tables["memory"], "work", "backend before", "peak", "Python before", "peak",
        "ratio of growth", "ratio of peaks")}

## Where we lose

{lost}
"""


def make_tables(server, sizes):
    server.run(f"CREATE TABLE ames AS SELECT row_number() OVER () AS id,"
               f" {', '.join(COLUMNS)}, sale_price AS price FROM houses")
    server.run("VACUUM ANALYZE ames")
    for table, rows in sizes.items():
        server.run(f"CREATE TABLE {table} AS SELECT * FROM synthetic_houses({rows})")
        server.run(f"VACUUM ANALYZE {table}")
        checksum = int(server.run(f"SELECT sum(hashtextextended(h::text, 0)) FROM {table} h"))
        if checksum != CHECKSUMS.get(rows, checksum):
            sys.exit(f"The {rows} synthetic houses have changed: checksum {checksum}")


def main():
    parser = argparse.ArgumentParser(description="houseprice beside scikit-learn")
    parser.add_argument("--large", action="store_true", help="a million rows, too")
    parser.add_argument("--quick", action="store_true",
                        help="tries the instruments: few rows, no repeats")
    parser.add_argument("--write", metavar="FILE", help="writes the report there, too")
    parser.add_argument("--peer-memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer_memory:
        return peer_memory(options.peer_memory[0], int(options.peer_memory[1]))

    started, others = time.time(), machine_seconds() - our_seconds()
    bench = Bench(Server())
    repeats, rows = (1, 5000) if options.quick else (5, 100000)
    make_tables(bench.server, {"synthetic": rows, **({"large": 1000000} if options.large else {})})
    ames = "Ames 2,930 × 7", "ames"
    bench.train(*ames, 10, repeats)
    bench.train(*ames, 100, repeats)
    bench.predict(*ames, 100, repeats)
    bench.accuracy(*ames, 10, 4 * repeats)
    bench.accuracy(*ames, 100, repeats)
    sizes = [(f"{rows:,} × 7", "synthetic", repeats, 3)]
    if options.large:
        sizes.append(("1,000,000 × 7", "large", 3, 1))
    for title, table, runs, seeds in sizes:
        bench.train(title, table, 10, runs)
        bench.predict(title, table, 10, runs)
        bench.table_to_table(title, table, 10, runs)
        bench.accuracy(title, table, 10, seeds)
        bench.memory(title, table, 10)

    elapsed = time.time() - started
    others = (machine_seconds() - our_seconds() - others) / elapsed / os.cpu_count()
    text = report(bench, " ".join(sys.argv[1:]), elapsed / 60, others)
    print(text)
    if options.write:
        with open(options.write, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
