"""The composition root: puts together what a command has opened.

``live``, ``rehearse``, ``render`` and ``bench`` differ in which clock, ears, hands and window they open; the loop
does not see it.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType

from engine.borders.contracts import Cues, Ears, Hands, Path, Window
from engine.borders.cue import Ready
from engine.borders.made import Before
from engine.borders.tick import Tick
from engine.show.attendance import attend
from engine.show.latch import Latch
from engine.show.meter import Meter
from engine.show.open_cues import open_cues
from engine.show.open_latch import open_latch
from engine.show.open_picture import first_picture, open_atelier, open_overlay, open_picture, open_view, travelled
from engine.show.open_walk import open_walk
from engine.show.parts import Overlay, Parts, Route, Travel
from engine.show.picture import Picture
from engine.show.resuming import keep_journal, take_up
from engine.show.room import room
from engine.show.service import Service


@dataclass(slots=True)
class Rig:
    """Every part of a show, by the name the loop calls it."""

    clock: Iterable[Tick]
    before: Before
    cues: Cues
    take: Callable[[Ready], None]
    ears: Ears
    hands: Hands
    route: Route
    travel: Travel
    path: Path
    picture: Picture
    latch: Latch
    overlay: Overlay
    window: Window
    service: Service
    meter: Meter
    parts: Parts

    def __enter__(self) -> Rig:
        # What is open stays open: looking through it again and again would cost the collector whole frames.
        gc.collect()
        gc.freeze()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.unfreeze()
        self.parts.stack.__exit__(kind, error, trace)


def assemble(parts: Parts) -> Rig:
    """Put the rest around ``parts``; what is open is closed with the rig, or now where something goes wrong.

    UserError with a size that would fit where memory does not suffice.
    """
    with room(lambda: parts.model), contextlib.ExitStack() as opened:
        opened.push(parts.stack)
        parts.stack.callback(parts.ears.close)
        path = travelled(parts)
        take_up(parts, path)
        ears, hands, latch = open_latch(parts)
        picture = open_picture(parts, latch)
        parts.stack.callback(picture.close)
        first_picture(parts, picture)
        cues, take = open_cues(parts, path, picture)
        atelier = open_atelier(parts, picture, path)
        view = open_view(parts, picture, atelier)
        service = attend(parts, picture, path, view, atelier)
        keep_journal(parts, path, service)
        overlay = open_overlay(parts, view, picture.faults)
        parts.stack.callback(parts.meter.close)
        travel = open_walk(parts, path)
        opened.pop_all()
    return Rig(
        clock=parts.clock,
        before=parts.before,
        cues=cues,
        take=take,
        ears=ears,
        hands=hands,
        route=parts.desk if parts.log is None else parts.log.heard(parts.desk),
        travel=travel if parts.watch is None else parts.watch(travel),
        path=path,
        picture=picture,
        latch=latch,
        overlay=overlay,
        window=parts.window,
        service=service,
        meter=parts.meter,
        parts=parts,
    )
