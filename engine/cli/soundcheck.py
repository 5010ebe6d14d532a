"""``vj soundcheck``: half a minute that answers whether tonight will work."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.audio.inputs.capture import LiveEars
from engine.borders.contracts import Window
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.cli import arguments
from engine.cli.live import LiveOptions, open_live
from engine.cli.say import say, voice
from engine.loop import perform
from engine.rig import Rig
from engine.system.awake import Awake

if TYPE_CHECKING:
    import torch

SECONDS = 30.0
LOWEST_DBFS = -60.0  # the meter's left end
AUDIBLE_DBFS = -45.0  # the loudest moment must reach this
ENOUGH = 0.9  # of the frames asked for
METER_CELLS = 30


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: what was looked at, what was found, and whether the show can go on with it."""

    what: str
    found: str
    good: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj soundcheck`` takes."""
    arguments.add_audio_in(parser)
    arguments.add_hands(parser)
    arguments.add_show(parser)
    arguments.add_window(parser)


def run(args: argparse.Namespace) -> int:
    """Play for a while, watching; print the answers. Return 0 when tonight will work, else 1."""
    voice.begin()
    options = arguments.options_of(args, LiveOptions)
    options = replace(options, seconds=options.seconds or SECONDS)
    say(f"soundcheck: {options.seconds:g} seconds; play some music, move some knobs")
    watches: list[Watch] = []

    def watched(ears: LiveEars) -> Watch:
        watches.append(Watch(ears, sys.stderr.isatty()))
        return watches[0]

    with open_live(options, say, watched) as rig:
        perform(rig)
        checks = [*watches[0].checks(), *_hands(rig), *_picture(rig, options)]
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    for check in checks:
        print(f"{'ok ' if check.good else 'NO '} {check.what:<10} {check.found}")
    good = all(check.good for check in checks)
    print("Tonight will work." if good else "Not yet: see the lines that say NO.")
    return 0 if good else 1


class Watch:
    """Ears that note how loud it gets and draw a meter."""

    def __init__(self, ears: LiveEars, drawn: bool) -> None:
        self._ears, self._drawn = ears, drawn
        self._loudest, self._onsets = 0.0, 0

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what the ears have heard."""
        features = self._ears.latest(tick)
        self._loudest = max(self._loudest, features.rms)
        self._onsets += len(features.onsets)
        if self._drawn and tick.index % 4 == 0:
            filled = round(METER_CELLS * max(0.0, 1.0 - _dbfs(features.rms) / LOWEST_DBFS))
            sys.stderr.write(f"\r\x1b[K[{'#' * filled:<{METER_CELLS}}] {_dbfs(features.rms):6.1f} dBFS")
            sys.stderr.flush()
        return features

    def close(self) -> None:
        """Release the device."""
        self._ears.close()

    def checks(self) -> Iterator[Check]:
        """Yield what there is to say of the input."""
        device = self._ears.device
        if device is None:
            yield Check("sound", "no input; plug one in, or name one with --audio-in", False)
            return
        kind = ", loopback" if device.loopback else ""
        yield Check("sound", f"{device.name} ({device.host_api}{kind}), {device.samplerate} Hz", not self._ears.lost)
        level, heard = _dbfs(self._loudest), f"loudest {_dbfs(self._loudest):.1f} dBFS, {self._onsets} onsets"
        if level < AUDIBLE_DBFS:
            yield Check("level", f"{heard}: too soft, turn the input up or play something", False)
        else:
            yield Check("level", heard)


def _hands(rig: Rig) -> Iterator[Check]:
    ports = rig.hands.ports
    if not ports:
        yield Check("MIDI", "no port; the keyboard plays the show")
        return
    yield Check("MIDI", f"{', '.join(ports)}; last moved: {rig.hands.last_moved or 'nothing yet'}")


def _picture(rig: Rig, options: LiveOptions) -> Iterator[Check]:
    window = rig.window
    size = "x".join(str(n) for n in window.size)
    rate = window.refresh_rate or 0.0
    yield Check("display", f"{'none: headless' if options.headless else size}, {rate:.0f} Hz")
    model = rig.parts.model
    yield Check("model", f"{options.model or rig.parts.preset.model}, {model.resolution} px on {model.device}")
    yield Check("GPU", _gpu(model.device, window))
    fps, wanted = rig.meter.fps(), options.fps or rate
    figures = f"{fps['median']:.1f} fps, p99 of a frame {rig.meter.frame_ms()['p99']:.1f} ms"
    slow = fps["median"] < ENOUGH * wanted
    yield Check("frames", f"{figures}{f': fewer than the {wanted:.0f} asked for' if slow else ''}", not slow)
    awake = Awake()
    how = awake.how
    awake.close()
    yield Check("sleep", f"held off by {how}" if how else "not held off here: switch the screen saver off yourself")


def _gpu(device: torch.device, window: Window) -> str:
    """Return what paints and what draws."""
    import torch

    renderer = str(window.ctx.info["GL_RENDERER"])
    if torch.device(device).type != "cuda":
        return f"none paints, the processor does; drawn by {renderer}"
    free, total = torch.cuda.mem_get_info(device)
    memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    return f"{torch.cuda.get_device_name(device)}, {memory}; drawn by {renderer}"


def _dbfs(rms: float) -> float:
    return 20.0 * math.log10(max(rms, 1e-6))
