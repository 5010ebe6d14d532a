"""Parameters of the standard table, for tests that name a few of them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.borders import params
from engine.borders.params import Table
from engine.show.table import standard

TABLE: Table = standard()


class Params(params.Params):
    """Params of the standard table."""

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        super().__init__({} if values is None else values, TABLE)
