"""The time between two frames, cut where the ears heard something new."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

FINE_STEPS = 240  # a second; the grid for oscillators behind an envelope or a curve, which 24 to 120 fps share


@dataclass(frozen=True, slots=True)
class Steps:
    """A frame's steps. Step ``i`` goes from ``moments[i]`` to ``moments[i + 1]``, seconds on the rig's clock.

    ``heard`` is what each step hears, ``struck`` whether an onset came just before it, ``shares`` its part of the
    frame. ``struck_last`` says whether an onset came after the last step. ``beats`` are the beats at ``moments``,
    empty where nothing asks for them, ``bpm`` is their tempo, and ``trust`` (0..1) is how hard they strike; ``bars``
    and ``bar_trust`` likewise.
    """

    moments: list[float]
    heard: list[AudioFeatures]
    struck: list[bool]
    shares: list[float]
    struck_last: bool
    beats: list[float]
    bpm: float
    trust: float
    bars: list[float]
    bar_trust: float


def fold(tick: Tick, heard: AudioFeatures, hops: tuple[AudioFeatures, ...]) -> tuple[AudioFeatures, ...]:
    """Return ``hops`` so that none is lost that is struck: what has no time of its own is struck with the next one.

    ``heard`` is the hop before ``hops``. Live, blocks come late and several hops end in one moment.
    """
    start, end = tick.time - tick.dt, tick.time
    folded, before = [], heard
    for hop in hops:
        late = hop is not before and min(max(hop.time, start), end) <= min(max(before.time, start), end)
        before = hop.after(before) if late else hop
        folded.append(before)
    return tuple(folded)


def cut(
    tick: Tick, heard: AudioFeatures, hops: tuple[AudioFeatures, ...], fine: bool
) -> tuple[list[float], list[AudioFeatures], list[bool], bool]:
    """Return the moments, what is heard and what is struck of a frame's steps, and whether an onset came last.

    ``heard`` is the hop before ``hops``. A hop is known at its end and holds until the next one: never a look ahead.
    ``fine`` cuts on the fine grid as well.
    """
    at, end = tick.time - tick.dt, tick.time
    moments, hears, strikes, struck = [at], [], [], False
    for hop in (*hops, None):
        until = end if hop is None else min(max(hop.time, at), end)
        if fine:
            index = math.floor(at * FINE_STEPS + 1e-6) + 1
            while index < until * FINE_STEPS - 1e-6:
                at, index = index / FINE_STEPS, index + 1
                moments.append(at)
                hears.append(heard)
                strikes.append(struck)
                struck = False
        if until > at:
            moments.append(until)
            hears.append(heard)
            strikes.append(struck)
            struck = False
        at = until
        if hop is not None:
            heard, struck = hop, struck or bool(hop.onsets)
    if tick.dt <= 0.0:
        return [end, end], [heard], [struck], False
    return moments, hears, strikes, struck
