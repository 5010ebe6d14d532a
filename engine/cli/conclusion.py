"""What a show says at its end."""

from __future__ import annotations

import signal

from engine.borders.contracts import Window
from engine.cli.say import say
from engine.loop import perform
from engine.rig import Rig
from engine.show.meter import Meter
from engine.show.room import room
from engine.system import leaving

LOST = 1  # exit code of a show that lost its display


def conclude(rig: Rig) -> None:
    """Say how the show ran, and what it left behind."""
    say(summary(rig.meter))
    films = rig.parts.bus.summary() if rig.parts.bus is not None else []
    for line in [*(line for line in rig.parts.notices.rest() if line not in films), *films]:
        say(line)


def goes_on(window: Window) -> bool:
    """Return whether a show plays on: its window is open, and no signal has asked it to end."""
    return not window.closed and leaving.asked() is None and not leaving.lost()


def play(opened: Rig) -> int:
    """Play a show to its end, close it, and say how it went; return the exit code."""
    with leaving.calmly():
        with opened as rig, room(lambda: rig.picture.model):
            perform(rig)
        conclude(rig)
    asked = leaving.asked()
    if leaving.lost():
        say(f"ended: {leaving.lost()} is gone")
        return LOST
    if asked == signal.SIGINT:
        return 130
    if asked is not None:
        say(leaving.why(asked))
    return 0


def summary(meter: Meter) -> str:
    """Return one line on how the show ran and what held it back."""
    fps, stages = meter.fps(), meter.stages_ms()
    slowest = max(stages, key=lambda stage: stages[stage])
    line = (
        f"{meter.frames} frames, {fps['median']:.1f} fps (slowest 1 %: {fps['p1']:.1f}); "
        f"a frame takes {meter.frame_ms()['p50']:.1f} ms, most of it {slowest} ({stages[slowest]:.1f} ms)"
    )
    if meter.period is not None:
        line += f"; {meter.late} late, {meter.missed} refreshes without a new picture"
    if meter.between:
        made = meter.generated_fps()["median"]
        line += f"; generated at {made:.1f} fps, {meter.between} crossfades in between"
    offset = meter.offset_ms()
    return line + (f"; picture against sound {offset['median']:+.1f} ms" if offset else "")
