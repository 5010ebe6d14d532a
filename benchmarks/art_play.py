"""Plays presets to passages of songs for `benchmarks.art`: a song is heard once, one model paints for all presets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs import song as songs
from engine.audio.songs.song_ears import SongEars
from engine.bench.opening import BenchOptions, open_bench
from engine.borders.features import AudioFeatures
from engine.borders.moment import Moment
from engine.borders.options import ModelOptions
from engine.borders.preset import Preset
from engine.borders.sound import Sound
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.loop import perform
from engine.show.opening import find_preset, find_song, open_model
from engine.show.table import standard

SIZE = (320, 180)  # pixels of the wall
RATE = 44_100  # Hz, of silence
SOFTENING = "softening flashes"  # of the picture's states, while the flash guard acts
AROUND = 0.05  # seconds before and after a moment, whose rms is its loudness

Pictures = NDArray[np.uint8]


class Passage:
    """A part of a song as a song of its own; ``silence`` is nothing at all."""

    def __init__(self, song: str, begin: float, seconds: float | None) -> None:
        """``begin`` and ``seconds`` are seconds; None: to the song's end."""
        self._whole: Sound | None = None if song == "silence" else songs.load(find_song(song))
        whole = self._whole
        self.samplerate, self.channels = (whole.samplerate, whole.channels) if whole else (RATE, 2)
        self.duration = seconds or (whole.duration - begin if whole else 0.0)
        self._first = round(begin * self.samplerate)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the samples from ``start`` to ``stop`` [n, channels]."""
        if self._whole is None:
            return np.zeros((max(0, stop - start), 2), np.float32)
        return self._whole.read(self._first + start, self._first + stop)


class Heard:
    """What the ears hear of a passage, hop by hop, analysed once for all presets."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        ears = SongEars(passage)
        self.hop_seconds = ears.hop_length / ears.samplerate
        self.seconds = passage.duration
        self.hops = ears.latest(Tick(0, self.seconds, 0.0)).recent

    def loudness(self, rate_of_pictures: float, count: int) -> NDArray[np.float64]:
        """Return the rms around each of ``count`` moments, so many a second."""
        rate, found = self._passage.samplerate, list[float]()
        around = round(AROUND * rate)
        for i in range(count):
            at = round(i / rate_of_pictures * rate)
            block = np.asarray(self._passage.read(max(0, at - around), at + around), np.float64)
            found.append(float(np.sqrt(np.mean(np.square(block)))) if block.size else 0.0)
        return np.array(found)


class HeardEars:
    """Ears for the loop that return what was heard before: SongEars' features at every tick."""

    def __init__(self, heard: Heard) -> None:
        self._heard, self._returned, self._last = heard, 0, AudioFeatures()

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the last hop that ended by ``tick.time``, with all hops and onsets since the last call."""
        due = max(self._returned, int(tick.time / self._heard.hop_seconds + 1e-6))
        recent = self._heard.hops[self._returned : due]
        self._returned = due
        if recent:
            self._last = recent[-1]
        return replace(self._last, onsets=tuple(o for hop in recent for o in hop.onsets), recent=recent)

    def close(self) -> None:
        """Nothing is open."""


class Painters:
    """The models that presets name, at a reduced resolution on the processor; each is opened once."""

    def __init__(self, resolution: int) -> None:
        """``resolution`` is pixels."""
        self._resolution, self._open = resolution, dict[str, Player]()

    def of(self, preset: str) -> Player:
        """Return the model that a preset plays."""
        model = find_preset(BenchOptions(preset=preset), standard()).model
        if model not in self._open:
            options = ModelOptions(model=model, resolution=self._resolution, device="cpu")
            self._open[model] = open_model(options, Preset("art"))
            self._open[model].settle()
        return self._open[model]


def ticks(seconds: float, fps: float, pairs: float | None = None) -> Iterator[Tick]:
    """Yield the clock's ticks: ``fps`` a second, or ``pairs`` of two a second that are 1 / ``fps`` apart."""
    last, index = 0.0, 0
    for number in range(round(seconds * (pairs or fps))):
        first = number / (pairs or fps)
        for time in (first, first + 1.0 / fps) if pairs else (first,):
            yield Tick(index, time, time - last)
            last, index = time, index + 1


def play(
    preset: str,
    heard: Heard,
    painter: Player,
    see: Callable[[Pictures, bool], None],
    clock: Iterable[Tick],
    size: tuple[int, int] = SIZE,
) -> None:
    """Play a preset to what was heard on a wall of ``size``.

    ``see`` is shown every picture as it goes to the wall, [H, W, 3], and whether the flash guard softens it.
    """
    options = BenchOptions(preset=preset, size=size, fit="crop")
    painter.cut()
    with open_bench(options, lambda *_: clock, painter, HeardEars(heard)) as rig:

        def watch(_: Moment) -> None:
            see(rig.window.read_rgba()[..., :3], SOFTENING in rig.picture.states())

        rig.service.watch(watch)
        perform(rig)
