"""What the performer's hands did: one immutable Controls a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Controls:
    """Where every control stands, 0..1 by dotted name, and what was pressed since the last frame.

    Names are ``key.SPACE``, ``midi.cc.CHANNEL.CONTROL``, ``midi.knob_1``. ``edges`` holds the names of
    those that went down since the last frame, in order.
    """

    values: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    edges: tuple[str, ...] = ()
