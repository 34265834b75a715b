"""bench/instruments.py: clocks, memory, and a server whose backend is watched

CPU time is that of all who work: this process, the server's backend, and the
peer that is a process of its own, all threads of each, by the kernel's clock
of each process.
"""

import ctypes
import multiprocessing
import os
import re
import resource
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from statistics import median, quantiles

import psycopg2


def cpu_clock(pid):
    """The CPU clock of a process, all its threads, past and present."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return clock.value


def memory(pid, what):
    """A figure of /proc/pid/status in MB: VmHWM, the most that was ever
    resident; RssAnon, what is the process's own at the moment."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(rf"{what}:\s*(\d+) kB", status.read())[1]) / 1024


class PrivatePeak(threading.Thread):
    """Looks at RssAnon of a process every millisecond: "with PrivatePeak(pid) as p"."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.stopped = pid, threading.Event()
        self.before = self.peak = memory(pid, "RssAnon")

    def run(self):
        while not self.stopped.wait(0.001):
            self.peak = max(self.peak, memory(self.pid, "RssAnon"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()


def fresh_processes(count):
    """Pythons that have read nothing yet; if one dies it is an error."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


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

    def rows(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchall()

    def run(self, sql):
        """Runs a statement; the first column of its first row, if any."""
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0] if self.cursor.description else None

    def has(self, function):
        return bool(self.rows(f"SELECT FROM pg_proc WHERE proname = '{function}'"))


def machine_seconds():
    """CPU seconds that anything on this machine has used since it started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, *interrupts_and_stolen = map(int, stat.readline().split()[1:9])
    return sum((user, nice, system, *interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """CPU and wall time of works that take turns."""

    def __init__(self, server):
        self.clocks = {server.clock}

    def watch(self, pid):
        """Counts the CPU time of this process, too."""
        self.clocks.add(cpu_clock(pid))

    def cpu(self):
        return time.process_time() + sum(map(time.clock_gettime, self.clocks))

    def time(self, work):
        cpu, wall = self.cpu(), time.perf_counter()
        work()
        return self.cpu() - cpu, time.perf_counter() - wall

    def take_turns(self, works, repeats):
        """{name: work} -> {name: Spent}"""
        runs = {name: [] for name in works}
        for _ in range(repeats):
            for name, work in works.items():
                runs[name].append(self.time(work))
        return {name: Spent(*map(list, zip(*times))) for name, times in runs.items()}


class Spent:
    """The CPU and wall seconds of each run of a work."""

    def __init__(self, cpu, wall):
        self.runs = {"cpu": cpu, "wall": wall}
        self.cpu, self.wall = median(cpu), median(wall)

    def ratio(self, other, clock="cpu"):
        """Ratio of the medians, and the range of the ratios of neighbours."""
        ours, theirs = self.runs[clock], other.runs[clock]
        pairs = [a / b for a, b in zip(ours, theirs)]
        return median(ours) / median(theirs), f"{min(pairs):.2f}–{max(pairs):.2f}"


class Latency:
    """The wall seconds of single requests, turn by turn."""

    def __init__(self, turns):
        self.turns = list(map(median, turns))
        every = [seconds for turn in turns for seconds in turn]
        self.median = median(every)
        self.late = quantiles(every, n=20)[-1] if len(every) >= 20 else None

    def ratio(self, other):
        """Ratio of the medians, and the range of the ratios of neighbours."""
        pairs = [a / b for a, b in zip(self.turns, other.turns)]
        return self.median / other.median, f"{min(pairs):.2f}–{max(pairs):.2f}"


def latencies(requests, turns, turn=0.02):
    """{name: request} -> {name: Latency}: a turn has as many requests as fit
    into its seconds, at least one.  The first is for warming up.

    Wall time alone: to read the clocks of processes takes as long as some
    requests."""
    def take_turn(request):
        time.sleep(turn / 4)  # a backend that has lost its client is still ending
        spent = []
        while sum(spent) < turn:
            began = time.perf_counter()
            request()
            spent.append(time.perf_counter() - began)
        return spent

    runs = [{name: take_turn(request) for name, request in requests.items()}
            for _ in range(turns + 1)]
    return {name: Latency([run[name] for run in runs[1:]]) for name in requests}


def our_seconds():
    """CPU seconds of this process, its children and its backends."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.process_time() + children.ru_utime + children.ru_stime
            + sum(time.clock_gettime(server.clock) for server in Server.opened))
