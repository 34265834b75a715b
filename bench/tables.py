"""bench/tables.py: the tables that are trained on, and their way out to a peer"""

import tempfile

import numpy
import pandas

SEVEN = ["lot_area", "year_built", "first_flr_sf", "second_flr_sf",
         "full_bath", "bedroom_abv_gr", "tot_rms_abv_grd"]
KAGGLE_SEVEN = ["LotArea", "YearBuilt", "1stFlrSF", "2ndFlrSF",
                "FullBath", "BedroomAbvGr", "TotRmsAbvGrd"]

# (features, rows): sum of the hashes of the text of that many first houses.
# Another sum means other houses: figures from before cannot be compared.
CHECKSUMS = {
    (7, 5000): -199328104454152540811,
    (7, 100000): 421011488403488388133,
    (80, 5000): -281970784403516308849,
    (80, 100000): -1332850807056805033929,
}

# How values that CSV would spell out are sent to numpy as numbers.
AS_NUMBER = {
    "bool": "{}::integer",
    "date": "{} - date '1970-01-01'",
    "timestamp": "extract(epoch FROM {})",
}


class Table:
    """A table with columns id and price; all others are features.  Made when
    it is first asked for."""

    def __init__(self, name, title, select, rows=None):
        self.name, self.title, self.select, self.rows = name, title, select, rows
        self.made = False
        self.data = None

    def make(self, server):
        if self.made:
            return
        server.run(f"CREATE TABLE {self.name} AS {self.select}")
        server.run(f"VACUUM ANALYZE {self.name}")
        self.made = True
        self.rows = server.run(f"SELECT count(*) FROM {self.name}")
        self.columns = server.rows(
            "SELECT attname, typname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid"
            f" WHERE attrelid = '{self.name}'::regclass AND attnum > 0"
            " AND attname NOT IN ('id', 'price') ORDER BY attnum")

    def copy_out(self, server, file):
        columns = [AS_NUMBER.get(kind, "{}").format(f'"{name}"') + f' AS "{name}"'
                   for name, kind in self.columns]
        server.cursor.copy_expert(
            f"COPY (SELECT id, hp_split(id, 0.75)::integer AS seen, {', '.join(columns)}, price"
            f" FROM {self.name}) TO STDOUT (FORMAT csv, HEADER)", file)

    def fetch(self, server, dtype=float):
        """The rows as a peer gets them: by COPY, through pandas."""
        texts = [name for name, kind in self.columns if kind == "text"]
        with tempfile.TemporaryFile() as file:
            self.copy_out(server, file)
            file.seek(0)
            frame = pandas.read_csv(file, keep_default_na=False, na_values=[""],
                                    dtype=dict.fromkeys(texts, "category"))
        return Data.of_frame(frame, texts, dtype)

    def fetch_once(self, server):
        """As fetch, but the rows are kept: for what is not measured."""
        if self.data is None:
            self.data = self.fetch(server)
        return self.data

    def forget(self):
        self.data = None


class Data:
    """Rows in a peer's memory: texts as codes, what is missing as NaN.

    levels has the number of a feature's categories, 0 for numbers.  seen are
    the rows that models may learn from when they are tested on the rest."""

    def __init__(self, matrix, prices, levels, ids, seen):
        self.matrix, self.prices, self.levels = matrix, prices, levels
        self.ids, self.seen = ids, seen

    @classmethod
    def of_frame(cls, frame, texts, dtype):
        ids, seen = frame.pop("id").to_numpy(), frame.pop("seen").to_numpy() == 1
        prices = frame.pop("price").to_numpy(float)
        matrix = numpy.empty(frame.shape, dtype, order="C")
        levels = []
        for i, name in enumerate(frame.columns):
            if name in texts:
                matrix[:, i] = frame[name].cat.codes
                matrix[matrix[:, i] < 0, i] = numpy.nan
                levels.append(len(frame[name].cat.categories))
            else:
                matrix[:, i] = frame[name]
                levels.append(0)
        return cls(matrix, prices, levels, ids, seen)

    def part(self, rows):
        return Data(self.matrix[rows], self.prices[rows], self.levels, self.ids[rows],
                    self.seen[rows])


def synthetic(features, rows):
    function = {7: "synthetic_houses", 80: "synthetic_houses_80"}[features]
    return Table(f"houses_{features}_{rows}", f"{rows:,} × {features}",
                 f"SELECT * FROM {function}({rows})", rows)


def ames():
    return Table("ames", "Ames 2,930 × 7",
                 f"SELECT row_number() OVER () AS id, {', '.join(SEVEN)}, sale_price AS price"
                 " FROM houses")


def kaggle():
    columns = (f'coalesce("{name}", 0) AS "{name}"' for name in KAGGLE_SEVEN)
    return Table("kaggle", "Ames 1,460 × 7",
                 f'SELECT "Id" AS id, {", ".join(columns)}, "SalePrice" AS price'
                 " FROM kaggle_train")


def check_houses(server, most):
    """The houses are the ones that earlier figures were measured on."""
    for (features, rows), expected in CHECKSUMS.items():
        if rows > most:
            continue
        table = synthetic(features, rows)
        found = server.run(f"SELECT sum(hashtextextended(h::text, 0)) FROM ({table.select}) h")
        if found != expected:
            raise SystemExit(f"{table.title} synthetic houses have changed: checksum {found}")
