"""A preset's [latent] table: where the path goes, and how it is travelled."""

from __future__ import annotations

from dataclasses import fields

from engine.borders.preset import DIRECTIONS, KINDS, SPACES, Latent
from engine.control.toml.reader import Reader, Toml

WHERE = "[latent]"


def read_latent(reader: Reader, table: Toml) -> Latent:
    """Return the table's values, truncation_psi apart (a parameter like any other); UserError names what is wrong."""
    default = Latent()
    reader.check_keys(WHERE, table, [*(field.name for field in fields(Latent)), "truncation_psi"])
    return Latent(
        seeds=_seeds(reader, table, "seeds", default.seeds),
        space=reader.choice(WHERE, table, "space", SPACES, default.space),
        spline=reader.choice(WHERE, table, "spline", KINDS, default.spline),
        constant_speed=reader.switch(WHERE, table, "constant_speed"),
        ping_pong=reader.switch(WHERE, table, "ping_pong"),
        constant_norm=reader.switch(WHERE, table, "constant_norm"),
        mix_seeds=_seeds(reader, table, "mix_seeds", ()),
        directions=reader.choice(WHERE, table, "directions", DIRECTIONS, default.directions),
    )


def _seeds(reader: Reader, table: Toml, key: str, default: tuple[int | str, ...]) -> tuple[int | str, ...]:
    if key not in table:
        return default
    seeds = table[key]
    if not isinstance(seeds, list) or not seeds or not all(map(_is_seed, seeds)):
        raise reader.fail(WHERE, f"{key!r} must be a list of whole numbers or files of w, at least one", key)
    if any(isinstance(s, int) and not 0 <= s < 2**32 for s in seeds):
        raise reader.fail(WHERE, f"{key!r} must lie between 0 and 4294967295", key)
    return tuple(seeds)


def _is_seed(seed: object) -> bool:
    return isinstance(seed, int | str) and not isinstance(seed, bool)
