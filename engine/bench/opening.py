"""Opens the show's own loop on a fixed clock, with no devices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.audio.songs.song_ears import SongEars
from engine.borders.contracts import Ears
from engine.borders.options import ShowOptions
from engine.borders.tick import Tick
from engine.control.hands.keyboard import Keyboard
from engine.control.routing.desk import Desk
from engine.rig import Rig, assemble
from engine.show.clock import FixedClock
from engine.show.open_window import USUAL_FPS, open_headless
from engine.show.opening import find_preset, open_meter, open_model, open_song
from engine.show.parts import Parts
from engine.show.table import playing_table, table_of

if TYPE_CHECKING:
    from engine.generator.player import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions(ShowOptions):
    """The options of a bench."""

    song: str | None = None
    frames: int | None = None  # decides before ``seconds``


def open_bench(
    options: BenchOptions,
    between: Callable[[Player, FixedClock], Iterable[Tick]],
    model: Player | None = None,
    ears: Ears | None = None,
) -> Rig:
    """Open the loop. ``between(model, clock)`` passes the ticks on and may time other things between them.

    ``model`` is played instead of the one that the options name, and ``ears`` hear instead of the song's own.
    """
    table = table_of(options.shaders)
    preset = find_preset(options, table)
    ears = ears or SongEars(open_song(options.song))
    fps = options.fps or USUAL_FPS
    clock = FixedClock(fps, options.frames / fps if options.frames else options.seconds)
    with contextlib.ExitStack() as stack:
        window = open_headless(options)
        stack.callback(window.close)
        model = model or open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        return assemble(
            Parts(
                options=options,
                preset=preset,
                table=table,
                model=model,
                window=window,
                ears=ears,
                hands=Keyboard(window.keys),
                desk=Desk(preset, playing_table(table, options.shaders, model, preset), options.seed or 0),
                clock=between(model, clock),
                meter=open_meter(options, window),
                stack=stack.pop_all(),
            )
        )
