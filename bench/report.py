"""bench/report.py: the figures as a Markdown text that also reads well on a terminal"""

import datetime
import os
import platform
import re
import shlex

import targets


def layout(rows, *title):
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


TIMES = ("work", "threads", "peer", "CPU s", "peer's", "ratio", "range",
         "wall s", "peer's", "ratio", "range")

# heading, key of the table, its columns, a sentence below the heading
SECTIONS = [
    ("Training, in seconds", "train", TIMES, ""),
    ("From table to table, in seconds", "end to end", TIMES,
     "Train, predict every row, store the predictions; a peer's rows go out and in by `COPY`."),
    ("Prediction, CPU time in one thread", "predict",
     ("model", "peer", "count(h), µs/row", "hp_predict", "peer's", "ratio", "range",
      "trees alone, ns/row/tree", "peer's", "one row, ms", "peer's", "ratio"), ""),
    ("Prediction in batches, CPU time in one thread", "batch",
     ("model", "peer", "scan, µs/row", "hp_predict_rows", "× the scan", "peer's", "ratio", "range",
      "trees alone, ns/row/tree", "peer's"), ""),
    ("Latency of one prediction, wall time in ms", "latency",
     ("model", "request", "connect", "95 %", "plain", "95 %", "prepared", "95 %"),
     "Median and 95th percentile: connecting first and closing then; over a connection that is open,"
     " as plain SQL; as a prepared statement."),
    ("Latency of one prediction beside peers, wall time in ms", "latency of peers",
     ("model", "peer", "its request", "houseprice", "95 %", "peer's", "95 %", "ratio", "range"),
     "Ours is hp_predict_json, prepared; where the peer reads its model from a file, with connecting."),
    ("Errors on rows held out, in dollars, and the size of trees", "errors",
     ("model", "peer", "seeds", "MAE", "peer's", "ratio", "RMSE", "peer's", "ratio",
      "nodes per tree", "peer's"), ""),
    ("Errors on Kaggle's houses, in dollars", "kaggle",
     ("columns", "side", "model", "MAE", "sd", "RMSLE"),
     "Each of 1,460 sales is predicted by a model of the other four folds; mean and standard deviation"
     " over five repeats, and of the forest of ten over eight seeds each."),
    ("Peak memory from table to model, all threads: growth in MB", "memory",
     ("work", "peer", "private", "growth", "peer's", "ratio", "bytes a row", "peer's"), ""),
]


def section(heading, rows, columns, sentence):
    below = f"{sentence}\n\n" if sentence else ""
    return f"## {heading}\n\n{below}{layout(rows, *columns)}\n"


def numbers_to_reach(figures):
    rows = list(targets.lines(figures))
    measured = [row for row in rows if row[5] != "not in this run"]
    missed = sum(row[5].startswith("missed") for row in measured)
    aims = sum(row[5] == "aim" for row in measured)
    sentence = (f"Of {len(rows)} numbers {len(measured)} were measured: {aims} reach the aim,"
                f" {len(measured) - aims - missed} the must, {missed} miss it. Ours is the worst"
                " over the numbers of threads, the peer's the best.")
    return section("Numbers to reach", rows,
                   ("work", "unit", "must", "aim", "houseprice", "reached", "best peer here"),
                   sentence)


def bullets(lines, none):
    return "\n".join(f"- {line}" for line in lines) or none


def report(bench, arguments, minutes, others, versions):
    run = bench.server.run
    command = f'make bench BENCH_ARGS="{shlex.join(arguments)}"' if arguments else "make bench"
    peers = ", ".join(f"{name} {version}" for name, version in versions.items())
    losses = [f"{value:.2f} × theirs: {what}" for value, what in sorted(bench.losses)[::-1]]
    tables = [section(heading, bench.tables[key], columns, sentence)
              for heading, key, columns, sentence in SECTIONS if key in bench.tables]
    head = f"""# Benchmarks

Written by `{command}`; what is measured and how to read it: [bench/README.md](../bench/README.md).
Ratios are ours / theirs in the same run: below 1 we need less, above 1 we need more.

- {datetime.date.today()}, {minutes:.0f} minutes, on {machine()}; Linux {platform.release().split("-")[0]}
- other programs meanwhile used {100 * others:.0f} % of the processors: the more, the less the times mean
- houseprice {run("SELECT extversion FROM pg_extension WHERE extname = 'houseprice'")}, \
PostgreSQL {run("SHOW server_version").split()[0]}
- {peers}, Python {platform.python_version()}
"""
    lost = f"## Where we lose\n\n{bullets(losses, 'Nowhere in this run.')}\n"
    left_out = f"## Left out\n\n{bullets(bench.left_out, 'Nothing.')}\n"
    return "\n".join([head, numbers_to_reach(bench.figures), *tables, lost, left_out])
