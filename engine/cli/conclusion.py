"""What a show says at its end."""

from __future__ import annotations

from engine.cli.say import say
from engine.rig import Rig
from engine.show.meter import Meter


def conclude(rig: Rig) -> None:
    """Say how the show ran, and what it left behind."""
    say(summary(rig.meter))
    for line in rig.parts.bus.summary() if rig.parts.bus is not None else ():
        say(line)


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
