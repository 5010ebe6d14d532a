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
from engine.cli import arguments, remembered
from engine.cli.live import LiveOptions, open_live
from engine.cli.say import say, voice
from engine.generator.backends.report import idle_card
from engine.generator.backends.table import DEVICE_NAMES
from engine.loop import perform
from engine.rig import Rig
from engine.show.meter import Meter
from engine.show.open_window import rate_of
from engine.show.render_size import budget
from engine.system.awake import Awake
from engine.system.torch_build import Idle

if TYPE_CHECKING:
    import torch

SECONDS = 30.0
LOWEST_DBFS = -60.0  # the meter's left end
AUDIBLE_DBFS = -45.0  # the loudest moment must reach this
ENOUGH = 0.9  # of the frames a second that the show is held to
METER_CELLS = 30
OK, CHORE, WRONG = "ok", "DO", "NO"  # the show can go on with it; the performer has to do it; the show cannot go on


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: what was looked at, what was found, and its verdict."""

    what: str
    found: str
    verdict: str = OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj soundcheck`` takes."""
    arguments.add_audio_in(parser)
    arguments.add_hands(parser)
    arguments.add_show(parser)
    arguments.add_window(parser)
    remembered.add_forget(parser)


def run(args: argparse.Namespace) -> int:
    """Play for a while, watching; print the answers. Return 0 when tonight will work, else 1."""
    drawn = sys.stderr.isatty()
    voice.begin(foreign=True)
    options = arguments.options_of(args, LiveOptions)
    options = replace(options, seconds=options.seconds or SECONDS)
    watches: list[Watch] = []

    def watched(ears: LiveEars) -> Watch:
        watches.append(Watch(ears, drawn))
        return watches[0]

    with open_live(options, say, watched) as rig:
        say(f"soundcheck: {options.seconds:g} seconds; play some music, move some knobs")
        perform(rig)
        checks = [*watches[0].checks(), *_hands(rig, options), *_picture(rig, options)]
    if drawn:
        voice.write("\r\x1b[K")
    voice.end()  # what follows is printed
    for check in checks:
        print(f"{check.verdict}  {check.what:<10} {check.found}")
    good = all(check.verdict != WRONG for check in checks)
    if good and any(check.verdict == CHORE for check in checks):
        print("Left for you to do: the lines that say DO.")
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
            voice.write(f"\r\x1b[K[{'#' * filled:<{METER_CELLS}}] {_dbfs(features.rms):6.1f} dBFS")
        return features

    def close(self) -> None:
        """Release the device."""
        self._ears.close()

    def checks(self) -> Iterator[Check]:
        """Yield what there is to say of the input."""
        device = self._ears.device
        if device is None:
            yield Check("sound", "no input: plug one in, or name one with --audio-in (vj devices lists them)", WRONG)
            return
        kind = ", what this computer plays" if device.loopback else ""
        heard = f"{device.name} ({device.host_api}{kind}), {device.samplerate} Hz"
        if self._ears.lost:
            yield Check("sound", f"{heard}: lost just now; look at its cable", WRONG)
        else:
            yield Check("sound", f"hearing {heard}")
        level = f"the loudest moment is {-_dbfs(self._loudest):.1f} dB below full scale"
        if _dbfs(self._loudest) < AUDIBLE_DBFS:
            yield Check("level", f"{level}: too soft; turn the input up, or play something", WRONG)
        else:
            yield Check("level", f"{level}; {self._onsets} onsets heard")


def _hands(rig: Rig, options: LiveOptions) -> Iterator[Check]:
    hands = rig.parts.hands  # the loop's may be shared with the drawing, and are read only
    if ports := hands.ports:
        moved = hands.last_moved
        yield Check("MIDI", f"{', '.join(ports)}; {f'{moved} moved last' if moved else 'no knob has moved yet'}")
    elif options.headless:
        yield Check("MIDI", "no controller is plugged in")
    else:
        yield Check("MIDI", "no controller is plugged in: the keyboard plays the show")


def _picture(rig: Rig, options: LiveOptions) -> Iterator[Check]:
    window, model = rig.window, rig.parts.model
    size, rate = "x".join(str(n) for n in window.size), rate_of(window, options)
    shown = "none (--headless)" if options.headless else f"{size} pixels at {window.refresh_rate:.0f} Hz"
    yield Check("display", shown)
    whole = options.resolution or model.model_resolution
    smaller = f", smaller than the {whole} px asked for to keep the pace" if model.resolution < whole else ""
    yield Check("model", f"{options.model or rig.parts.preset.model}, painted at {model.resolution} px{smaller}")
    yield graphics(_gpu(model.device, window), None if options.device or model.device.type != "cpu" else idle_card())
    yield judged(rig.meter, 1.0 / budget(1.0 / rate, options.fps is not None, model.device.type != "cpu"))
    awake = Awake()
    how = awake.how
    awake.close()
    if how:
        yield Check("sleep", f"the screen saver is held off by {how}")
    else:
        yield Check("sleep", "switch the screen saver and the power saving off: nothing here can do it for you", CHORE)


def judged(meter: Meter, wanted: float) -> Check:
    """Judge the generator's rate against ``wanted``, the frames a second that the governor holds a show to."""
    made, slowest = meter.generated_fps()["median"], meter.frame_ms()["p99"]
    between = f", {meter.fps()['median']:.1f} with the crossfades between them" if meter.between else ""
    figures = f"{made:.1f} a second{between}; one in a hundred takes {slowest:.0f} ms or more"
    if made < ENOUGH * wanted:
        return Check("frames", f"{figures}; a show needs {wanted:.0f}: choose a smaller --resolution or --size", WRONG)
    return Check("frames", f"{figures}; a show needs {wanted:.0f}")


def graphics(found: str, lazy: Idle | None) -> Check:
    """Judge what paints: a GPU that could and stands idle is a NO, with what mends it."""
    if lazy is None:
        return Check("GPU", found)
    return Check("GPU", f"{lazy.card.words} stands idle ({lazy.why}): {lazy.mend}", WRONG)


def _gpu(device: torch.device, window: Window) -> str:
    """Return what paints and what draws."""
    import torch

    renderer = str(window.ctx.info["GL_RENDERER"])
    if device.type in DEVICE_NAMES and device.type not in ("cpu", "cuda"):
        return f"{DEVICE_NAMES[device.type]} paints; the window is drawn by {renderer}"
    if device.type != "cuda":
        return f"none: the processor paints the picture; the window is drawn by {renderer}"
    free, total = torch.cuda.mem_get_info(device)
    memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    return f"{torch.cuda.get_device_name(device)} paints, {memory}; the window is drawn by {renderer}"


def _dbfs(rms: float) -> float:
    return 20.0 * math.log10(max(rms, 1e-6))
