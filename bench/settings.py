"""bench/settings.py: what is trained, written once for both sides

sql() is our side of the settings; peers.py reads the same fields.  The target
is never transformed, unless both sides do it.
"""

from dataclasses import dataclass


def constructor(name, **arguments):
    return f"{name}({', '.join(f'{key} => {value}' for key, value in arguments.items())})"


@dataclass(frozen=True)
class Forest:
    """Full trees: every feature is tried, leaves are split while they can be."""

    trees: int
    extra: bool = False  # extremely randomized trees, each of all rows

    @property
    def title(self):
        return f"{'extra trees' if self.extra else 'forest'} of {self.trees}"

    def sql(self, seed=0, trees=None):
        return constructor("hp_extra_trees" if self.extra else "hp_forest",
                           trees=trees or self.trees, min_leaf=1, feature_fraction=1,
                           log_target="false", exclude="'{id}'", seed=seed)


@dataclass(frozen=True)
class Boosting:
    """Histogram boosting, leaf-wise, without sampling or stopping."""

    trees: int = 100
    leaves: int = 31
    learning_rate: float = 0.1
    l2: float = 1
    min_leaf: int = 20
    bins: int = 255

    @property
    def title(self):
        return f"boosting {self.trees} × {self.leaves}"

    def sql(self, seed=0, trees=None):
        return constructor("hp_boost", rounds=trees or self.trees, max_leaves=self.leaves,
                           learning_rate=self.learning_rate, l2=self.l2, min_leaf=self.min_leaf,
                           max_bins=self.bins, row_fraction=1, feature_fraction=1,
                           early_stopping="false", log_target="false", exclude="'{id}'", seed=seed)


@dataclass(frozen=True)
class Linear:
    """Elastic net on the logarithm of the price; penalties chosen by five
    inner folds, preparation included."""

    title: str = "elastic net"
    trees: int = 0

    def sql(self, seed=0):
        return constructor("hp_linear", log_target="true", exclude="'{id}'", seed=seed)
