"""The parameter table that every show begins with: the engine's own rows, and those that its parts declare."""

from __future__ import annotations

from engine.borders.params import TABLE, Table

STANDARD: Table = TABLE
