"""A preset's [latent] table: where the path goes, and how it is travelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from engine.borders.preset import DIRECTIONS, KINDS, SPACES, Latent
from engine.control.presets.reader import Reader

WHERE = "[latent]"


def read_latent(reader: Reader, table: Mapping[str, Any]) -> Latent:
    """Return the table's values, truncation_psi apart (a parameter like any other); UserError names what is wrong."""
    default = Latent()
    reader.check_keys(WHERE, table, [*(field.name for field in fields(Latent)), "truncation_psi"])

    def choice(key: str, allowed: tuple[str, ...]) -> str:
        return reader.choice(WHERE, key, reader.text(WHERE, table, key, getattr(default, key)), allowed)

    return Latent(
        seeds=_seeds(reader, table, "seeds", default.seeds),
        space=choice("space", SPACES),
        spline=choice("spline", KINDS),
        constant_speed=_switch(reader, table, "constant_speed"),
        ping_pong=_switch(reader, table, "ping_pong"),
        mix_seeds=_seeds(reader, table, "mix_seeds", ()),
        directions=choice("directions", DIRECTIONS),
    )


def _seeds(reader: Reader, table: Mapping[str, Any], key: str, default: tuple[int | str, ...]) -> tuple[int | str, ...]:
    if key not in table:
        return default
    seeds = table[key]
    ok = isinstance(seeds, list) and seeds
    if not ok or not all(isinstance(s, int | str) and not isinstance(s, bool) for s in seeds):
        raise reader.fail(WHERE, f"{key!r} must be a list of whole numbers or files of w, at least one", key)
    if any(isinstance(s, int) and not 0 <= s < 2**32 for s in seeds):
        raise reader.fail(WHERE, f"{key!r} must lie between 0 and 4294967295", key)
    return tuple(seeds)


def _switch(reader: Reader, table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise reader.fail(WHERE, f"{key!r} is true or false, not {value!r}", key)
    return value
