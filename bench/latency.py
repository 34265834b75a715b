"""bench/latency.py: one prediction, as long as it takes who waits for it

A request begins in Python with a key or with the values of a house, and ends
there with the price.  Ours is a statement over a connection, theirs a call.
Requests take turns, some at a time: each alone would find the caches of the
processor as the one before left them.
"""

import itertools
import os
import tempfile
from collections import namedtuple
from contextlib import closing

import psycopg2

from instruments import latencies
from peers import FROM_FILE, limit_threads
from targets import number

HOUSES = 200    # different ones are asked for, one after the other
NAME = "price"  # the key of the model
FEW = 2         # turns, where a request takes half a second
ROOM = "512MB"  # as houseprice.model_cache, for a model that its default does not keep

# sql: {0} is what is given of a house, {1} the key of the model
Form = namedtuple("Form", "title sql types given")

JSON = Form("hp_predict_json",
            "SELECT hp_predict_json(m.model, {0}) FROM models m WHERE m.name = {1}",
            ("jsonb", "text"), "json")
PREDICTIONS = [
    Form("hp_predict, row by key",
         "SELECT hp_predict(m.model, h) FROM {table} h, models m WHERE h.id = {0} AND m.name = {1}",
         ("bigint", "text"), "id"),
    Form("hp_predict, values as a row",
         "SELECT hp_predict(m.model, {0}::{table}) FROM models m WHERE m.name = {1}",
         ("{table}", "text"), "row"),
    JSON]
FORMS = [
    Form("no prediction: price by key", "SELECT h.price FROM {table} h WHERE h.id = {0}",
         ("bigint",), "id"),
    Form("no prediction: row by key", "SELECT * FROM {table} h WHERE h.id = {0}",
         ("bigint",), "id"),
    *PREDICTIONS]

WARM = ("plain", "prepared")
WAYS = ("connect", *WARM)


def connect():
    connection = psycopg2.connect("")
    connection.autocommit = True
    return closing(connection)


class Ours:
    """Statements about houses, one after the other."""

    def __init__(self, server, table, ids):
        self.server, self.table = server, table
        one = f"FROM {table.name} h WHERE id IN {tuple(ids)} ORDER BY id"
        self.given = {"id": ids, "row": server.rows(f"SELECT * {one}"),
                      "json": [text for text, in server.rows(f"SELECT to_jsonb(h)::text {one}")]}

    def store_model(self, settings):
        """By key, in a table of its own."""
        run = self.server.run
        run("DROP TABLE IF EXISTS models")
        run("CREATE TABLE models (name text PRIMARY KEY, model hp_model)")
        run(f"INSERT INTO models SELECT '{NAME}', hp_train(h, 'price', {settings.sql()})"
            f" FROM {self.table.name} h")
        run("ANALYZE models")
        run(f"CREATE UNIQUE INDEX IF NOT EXISTS {self.table.name}_id ON {self.table.name} (id)")

    def model_stays(self):
        """In the session's memory, as the setting is by default."""
        return self.server.run("SELECT pg_column_size(model) <="
                               " pg_size_bytes(current_setting('houseprice.model_cache'))"
                               " FROM models")

    def requests(self, forms, ways):
        """{(form, way): function}"""
        self.server.run("DEALLOCATE ALL")
        return {(form, way): self.request(form, way, f"statement_{i}")
                for i, form in enumerate(forms) for way in ways}

    def request(self, form, way, name):
        sql, *types = (text.replace("{table}", self.table.name) for text in (form.sql, *form.types))
        houses = itertools.cycle((house, NAME)[:len(types)] for house in self.given[form.given])
        if way == "prepared":
            self.server.run(f"PREPARE {name} ({', '.join(types)}) AS {sql.format('$1', '$2')}")
            sql = f"EXECUTE {name} ({', '.join(['%s'] * len(types))})"
        else:
            sql = sql.format("%s", "%s")

        def ask(cursor):
            cursor.execute(sql, next(houses))
            return cursor.fetchone()[0]

        def connect_and_ask():
            with connect() as connection:
                return ask(connection.cursor())

        return connect_and_ask if way == "connect" else lambda: ask(self.server.cursor)


def their_requests(peers, table, rows, directory):
    """{(peer, what): function}"""
    names = [name for name, _ in table.columns]
    found = {}
    for i, peer in enumerate(peers):
        requests = peer.requests(names, os.path.join(directory, f"model{i}"))
        for what, request in requests.items():
            houses = itertools.cycle(rows)
            found[peer, what] = lambda request=request, houses=houses: request(next(houses))
    return found


def measure(bench, settings, table, data, peers, turns):
    """A model that does not stay in the session is asked a few times, and then
    as often as others with room for it."""
    step = max(len(data.ids) // HOUSES, 1)
    some = data.part(slice(0, step * HOUSES, step))
    ours = Ours(bench.server, table, some.ids.tolist())
    ours.store_model(settings)
    work = f"{settings.title}, {table.title}"
    limit_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        theirs = their_requests(peers, table, some.matrix.tolist(), directory)
        stays = ours.model_stays()
        report(bench, work, latencies(ours.requests(FORMS, WAYS) | theirs,
                                      turns if stays else FEW))
        if not stays:
            bench.server.run(f"SET houseprice.model_cache = '{ROOM}'")
            in_memory = {(peer, what): request for (peer, what), request in theirs.items()
                         if what != FROM_FILE}
            report(bench, f"{work}, model_cache {ROOM}",
                   latencies(ours.requests(PREDICTIONS, WARM) | in_memory, turns))
            bench.server.run("RESET houseprice.model_cache")
    bench.server.run("DROP TABLE models")


def cells(spent):
    """Median and 95th percentile in milliseconds, as far as there are any."""
    seconds = (spent.median, spent.late) if spent else (None, None)
    return [number(None if each is None else 1e3 * each) for each in seconds]


def report(bench, work, spent):
    """A line for each form of ours, and for each request of a peer beside
    hp_predict_json: prepared, or with connecting where a file is read."""
    forms = dict.fromkeys(who for who, _ in spent if isinstance(who, Form))
    for form in forms:
        bench.add("latency", work, form.title,
                  *(cell for way in WAYS for cell in cells(spent.get((form, way)))))
    for (peer, what), their in spent.items():
        if peer in forms:
            continue
        our = spent[JSON, "connect" if what == FROM_FILE else "prepared"]
        value, spread = our.ratio(their)
        bench.add("latency of peers", work, peer.name, what, *cells(our), *cells(their),
                  bench.judge(f"latency, {work}, {peer.name}, {what}", value), spread)
