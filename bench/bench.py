#!/usr/bin/python3
"""bench/bench.py: houseprice beside the libraries that people would leave the database for

    bench/bench.py [--large] [--huge] [--quick] [--only REGEX] [--kaggle DIR] [--write FILE]

Runs inside "make bench" (tools/bench.sh), which gives it a private server by
way of PGHOST and so on, with the extension, table houses, synthetic_houses()
and synthetic_houses_80() in it.  See README.md beside this file.
"""

import argparse
import os
import re
import sys
import time

import kaggle
import report
import tables
from instruments import machine_seconds, our_seconds
from peers import versions
from settings import Boosting, Forest, Linear
from works import Bench

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CORES = os.cpu_count()


def arguments():
    parser = argparse.ArgumentParser(description="houseprice beside its peers")
    parser.add_argument("--large", action="store_true",
                        help="also a million rows for the forests and for 80 columns")
    parser.add_argument("--huge", action="store_true", help="also ten million rows")
    parser.add_argument("--quick", action="store_true",
                        help="tries the instruments: few rows, no repeats")
    parser.add_argument("--only", metavar="REGEX", default="",
                        help="only works whose names match; names are printed as they begin")
    parser.add_argument("--kaggle", metavar="DIR", default="../shared/data/ames",
                        help="where Kaggle's train.csv and folds.csv are")
    parser.add_argument("--write", metavar="FILE", help="writes the report there, too")
    return parser.parse_args()


class Plan:
    """The works, in order: (name, work)."""

    def __init__(self, bench, options):
        self.bench, self.options, self.works = bench, options, []
        self.repeats = 1 if options.quick else 3

    def add(self, kind, settings, table, *arguments):
        name = f"{kind.__name__} {settings.title}, {table.title}"
        self.works.append((name, table, lambda: kind(settings, table, *arguments)))

    def houses_of_ames(self, table):
        bench = self.bench
        for trees in (10, 100):
            self.add(bench.train, Forest(trees), table, (1, CORES), self.repeats)
        self.add(bench.predict, Forest(100), table, self.repeats)
        self.add(bench.holdout, Forest(10), table, 4 * self.repeats)
        self.add(bench.holdout, Forest(100), table, self.repeats)

    def forests(self, table):
        bench, large = self.bench, table.rows > 100000
        self.add(bench.train, Forest(10), table, (CORES,), 1 if large else self.repeats)
        if large:
            # in one model they would be larger than a model may be
            self.add(bench.train, Forest(100), table, (CORES,), 1, 1, 4)
            return
        self.add(bench.train, Forest(100), table, (CORES,), 1)
        self.add(bench.train, Forest(10, extra=True), table, (CORES,), 1)
        self.add(bench.table_to_table, Forest(10), table, (CORES,), 1)
        self.add(bench.predict, Forest(100), table, self.repeats, 1)
        self.latency(Forest(100), table, 1)
        self.add(bench.holdout, Forest(10), table, self.repeats)
        self.add(bench.holdout, Forest(10, extra=True), table, self.repeats)
        self.add(bench.memory, Forest(10), table)

    def boosting(self, table, repeats, more=True):
        bench, settings = self.bench, Boosting()
        self.add(bench.train, settings, table, (1, CORES), repeats)
        self.add(bench.holdout, settings, table, 1)
        if more:
            self.add(bench.predict, settings, table, self.repeats)
            self.add(bench.table_to_table, settings, table, (CORES,), 1)
        self.add(bench.memory, settings, table)

    def latency(self, settings, table, most_peers=None):
        self.add(self.bench.latency, settings, table, 5 * self.repeats, most_peers)

    def linear(self, table):
        self.add(self.bench.train, Linear(), table, (CORES,), 1)
        self.add(self.bench.holdout, Linear(), table, 1)

    def run(self):
        """Those that are asked for; a table's rows are kept while it is worked on."""
        wanted = re.compile(self.options.only)
        last = None
        for name, table, work in self.works:
            if not wanted.search(name):
                continue
            if last is not None and last is not table:
                last.forget()
            last = table
            with self.bench.may_fail(name):
                work()


def make_plan(bench, options, has_kaggle):
    plan = Plan(bench, options)
    many, more = (5000, 20000) if options.quick else (100000, 1000000)
    plan.houses_of_ames(tables.ames())
    if has_kaggle:
        plan.houses_of_ames(tables.kaggle())
    hundred = tables.synthetic(7, many)
    plan.forests(hundred)
    plan.boosting(hundred, plan.repeats)
    plan.latency(Boosting(), hundred)
    million = tables.synthetic(7, more)
    plan.boosting(million, plan.repeats - 1 or 1)
    eighty = tables.synthetic(80, many)
    plan.boosting(eighty, plan.repeats - 1 or 1)
    plan.latency(Boosting(), eighty)
    plan.linear(tables.synthetic(80, many // 10))
    if options.large:
        plan.forests(million)
        plan.boosting(tables.synthetic(80, more), 1)
    if options.huge:
        plan.boosting(tables.synthetic(7, 10 * more), 1, more=False)
    return plan


def main():
    options = arguments()
    started, others = time.time(), machine_seconds() - our_seconds()
    bench = Bench()
    tables.check_houses(bench.server, 5000 if options.quick else 100000)
    files = kaggle.Files(os.path.join(TOP, options.kaggle))
    if files.missing:
        bench.leave_out(f"Kaggle's houses: no {' and no '.join(files.missing)} in {options.kaggle}")
    else:
        files.load(bench.server, TOP)
    make_plan(bench, options, not files.missing).run()
    if not files.missing and re.search(options.only, "kaggle"):
        kaggle.accuracy(bench, files, 1 if options.quick else 5)

    elapsed = time.time() - started
    others = (machine_seconds() - our_seconds() - others) / elapsed / CORES
    text = report.report(bench, sys.argv[1:], elapsed / 60, others, versions())
    print(text)
    if options.write:
        with open(options.write, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
