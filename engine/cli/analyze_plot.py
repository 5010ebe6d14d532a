"""The picture of an analysis: lines of song, each a waveform with its onsets and beats over what else is heard."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.audio.songs.song import AnySong
from engine.borders.features import BANDS as SEVEN
from engine.borders.features import AudioFeatures
from engine.borders.sound import mono
from engine.control.routing.sources import AUDIO_SOURCES

WIDTH, MARGIN, HEAD = 1800, 84, 78  # pixels
WAVE, BAND, GAP = 130, 30, 54  # heights of a waveform, of one band, of the space under a line of song
SCALE = 2  # times; the picture is drawn this much larger and shrunk, for smooth edges
COLUMNS = int((WIDTH - MARGIN // 2 - MARGIN) * SCALE)  # of a line's waveform
LINE_SECONDS, MOST_LINES = 16.0, 12  # of song in a line; a longer song gets longer lines
MOST = 3.0  # times as usual: the top of a band
BACKGROUND, PANEL, GRID, TEXT, FAINT = "#12141a", "#191c24", "#2b303c", "#e6e8ee", "#8a91a3"
WAVEFORM, ONSET, BEAT, BAR = "#5b6b8c", "#ffb454", "#7fd4ff", "#f5f7ff"
BANDS = (("treble", "#c792ea"), ("mid", "#7fd1a0"), ("bass", "#f07178"))
ROWS = (*BANDS, ("seven", TEXT), ("drums", TEXT), ("loudness", "#9aa7c7"), ("flux", "#e0b0c8"), ("pitch", TEXT))
DRUMS = (("hat", "#c792ea"), ("snare", "#7fd1a0"), ("kick", "#f07178"))  # from the top of their row
SURE = "#3d475c"  # of a bar: under the line, before what is sure of a beat
RISING, FALLING, DROP = "#ffb454", "#4f6fa8", "#ff5370"  # under the loudness: how it builds up; over it: a drop


def draw(song: AnySong, result: dict[str, Any], heard: Sequence[AudioFeatures]) -> Image.Image:
    """Return the picture of a song, its contract dictionary and all its hops."""
    seconds = max(song.duration, 1e-3)
    lines = min(MOST_LINES, max(1, math.ceil(seconds / LINE_SECONDS)))
    per_line = max(seconds / lines, 1e-3)
    height = HEAD + lines * (WAVE + len(ROWS) * BAND + GAP) + 8
    sheet = _Sheet(WIDTH, height)
    _draw_head(sheet, song, result)
    waves = [_wave(song, index * per_line, per_line) for index in range(lines)]
    peak = max(float(np.abs(wave).max(initial=0.0)) for wave in waves) or 1.0
    for index in range(lines):
        top = HEAD + index * (WAVE + len(ROWS) * BAND + GAP)
        line = _Line(sheet, top, index * per_line, per_line)
        line.draw_frame()
        line.draw_waveform(waves[index] / peak)
        here = [hop for hop in heard if line.begins <= hop.time <= line.ends]
        line.draw_bands(here)
        line.draw_seven(here)
        line.draw_drums(here)
        line.draw_loudness(here)
        line.draw_confidence(here)
        line.draw_marks(result, seconds)
    return sheet.image.resize((WIDTH, height), Image.Resampling.LANCZOS)


def _wave(song: AnySong, start: float, seconds: float) -> NDArray[np.float32]:
    """Return the most and the least of the samples in each column of a line, float32 [columns, 2]."""
    edges = ((start + np.arange(COLUMNS + 1) / COLUMNS * seconds) * song.samplerate).astype(int)
    rows: list[tuple[float, float]] = []
    for begin, end in pairwise(edges):
        part = mono(song.read(int(begin), int(max(end, begin + 1))))
        if len(part):
            rows.append((float(part.max()), float(part.min())))
    return np.array(rows, np.float32).reshape(-1, 2)


class _Sheet:
    """A canvas that is drawn on in the final picture's pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * SCALE, height * SCALE), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fill a rectangle."""
        self._draw.rectangle([left * SCALE, top * SCALE, right * SCALE, bottom * SCALE], fill=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        """Draw a polyline."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, fill=colour, width=max(1, round(width * SCALE)))

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Fill a polygon."""
        if len(points) > 2:
            self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=colour)

    def text(self, x: float, y: float, words: str, colour: str, size: int, anchor: str = "la") -> float:
        """Write a line and return where it ends."""
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((x * SCALE, y * SCALE), words, fill=colour, font=font, anchor=anchor)
        return x + self._draw.textlength(words, font=font) / SCALE


def _draw_head(sheet: _Sheet, song: AnySong, result: dict[str, Any]) -> None:
    """Write what the song is, and the legend."""
    sheet.text(MARGIN, 16, song.path.name, TEXT, 22)
    facts = [
        f"{int(song.duration // 60)}:{song.duration % 60:04.1f}",
        f"{song.samplerate} Hz",
        f"{result['bpm']:.1f} bpm" if result["bpm"] else "no tempo",
        f"{len(result['onsets'])} onsets",
        f"{len(result['beats'])} beats",
    ]
    sheet.text(MARGIN, 46, "   ".join(facts), FAINT, 14)
    x = WIDTH - MARGIN - 385.0
    for words, colour in (("onset", ONSET), ("beat", BEAT), ("bar", BAR), *BANDS):
        sheet.box(x, 50, x + 10, 60, colour)
        x = sheet.text(x + 15, 46, words, FAINT, 14) + 16


class _Line:
    """One line of song."""

    def __init__(self, sheet: _Sheet, top: float, start: float, seconds: float) -> None:
        self._sheet, self._top, self._start, self._seconds = sheet, top, start, seconds
        self.begins, self.ends = start, start + seconds
        self._left, self._right = float(MARGIN), float(WIDTH - MARGIN // 2)
        self._bottom = top + WAVE + len(ROWS) * BAND

    def _x(self, time: float) -> float:
        return self._left + (time - self._start) / self._seconds * (self._right - self._left)

    def draw_frame(self) -> None:
        """Draw the panel, the seconds and the names of the rows."""
        self._sheet.box(self._left, self._top, self._right, self._bottom, PANEL)
        step = next((s for s in (0.5, 1, 2, 5, 10, 15, 30, 60, 120) if self._seconds / s <= 20), 300)
        first, end = self._start / step - 1e-9, (self._start + self._seconds) / step + 1e-9
        for i in range(math.ceil(first), math.floor(end) + 1):
            x = self._x(i * step)
            self._sheet.line([(x, self._top), (x, self._bottom)], GRID)
            self._sheet.text(x, self._bottom + 18, f"{i * step:g} s", FAINT, 12, "ma")
        for row, (name, colour) in enumerate(ROWS):
            y = self._top + WAVE + row * BAND
            self._sheet.line([(self._left, y), (self._right, y)], GRID)
            self._sheet.text(self._left - 10, y + BAND / 2, name, colour, 13, "rm")
        self._sheet.text(self._left - 10, self._top + WAVE / 2, "sound", FAINT, 13, "rm")

    def draw_waveform(self, wave: NDArray[np.float32]) -> None:
        """Draw the most and the least of every column [columns, 2], -1..1."""
        middle, reach = self._top + WAVE / 2, WAVE / 2 - 8
        for column, (most, least) in enumerate(wave):
            x = self._left + column / SCALE
            self._sheet.line([(x, middle - float(most) * reach), (x, middle - float(least) * reach)], WAVEFORM, 0.5)

    def _base(self, name: str) -> float:
        """Return the lower edge of a row."""
        return self._top + WAVE + (1 + [row for row, _ in ROWS].index(name)) * BAND

    def _hill(self, here: Sequence[AudioFeatures], heights: Sequence[float], base: float, colour: str) -> None:
        """Fill what lies between ``base`` and ``heights`` (pixels) of the hops."""
        hill = [(self._x(hop.time), base - height) for hop, height in zip(here, heights, strict=True)]
        if hill:
            self._sheet.area([(hill[0][0], base), *hill, (hill[-1][0], base)], colour)

    def draw_bands(self, here: Sequence[AudioFeatures]) -> None:
        """Draw treble, mid and bass as hills."""
        for name, colour in BANDS:
            source = AUDIO_SOURCES[f"audio.{name}"]
            heights = [min(source(hop), MOST) / MOST * (BAND - 4) for hop in here]
            self._hill(here, heights, self._base(name), colour)

    def draw_seven(self, here: Sequence[AudioFeatures]) -> None:
        """Draw the seven bands as strips, the lowest below, the brighter the louder; and the pitch class by its hue."""
        base, pitch = self._base("seven") - 1.0, self._base("pitch")
        high = (BAND - 2.0) / len(SEVEN)
        step = max(1, len(here) // COLUMNS * SCALE)
        for hop, following in pairwise(here[::step]):
            left, right = self._x(hop.time), self._x(following.time)
            for number, value in enumerate(hop.bands):
                share = min(value, MOST) / MOST
                if share > 0.05:
                    bottom = base - number * high
                    self._sheet.box(left, bottom - high, right, bottom, _shade(0.6 - 0.07 * number, 0.45, share))
            self._sheet.box(left, pitch - BAND / 2, right, pitch - 4, _shade(hop.pitch_class, 0.6, 0.8))

    def draw_drums(self, here: Sequence[AudioFeatures]) -> None:
        """Draw strikes of hat, snare and kick as ticks, taller the harder."""
        high = (BAND - 2.0) / len(DRUMS)
        for number, (name, colour) in enumerate(DRUMS):
            base, source = self._base("drums") - BAND + 1.0 + (number + 1) * high, AUDIO_SOURCES[f"audio.{name}"]
            for hop in here:
                if (hard := source(hop)) > 0.0:
                    x = self._x(hop.time)
                    self._sheet.line([(x, base), (x, base - high * (0.3 + 0.7 * hard))], colour, 1.5)

    def draw_loudness(self, here: Sequence[AudioFeatures]) -> None:
        """Draw loudness and flux as hills; under the loudness where it leads, over it drops."""
        base, room = self._base("loudness") - 5.0, BAND - 9.0
        loudness = AUDIO_SOURCES["audio.loudness"]
        self._hill(here, [loudness(hop) * room for hop in here], base, dict(ROWS)["loudness"])
        self._hill(here, [-4.0 * max(0.0, hop.energy_trend) for hop in here], base, RISING)
        self._hill(here, [4.0 * min(0.0, hop.energy_trend) for hop in here], base, FALLING)
        self._hill(here, [hop.spectral_flux * (BAND - 4) for hop in here], self._base("flux"), dict(ROWS)["flux"])
        for hop in here:
            if hop.drop > 0.0:
                x = self._x(hop.time)
                self._sheet.box(x - 1.5, base - room, x + 1.5, base + 4.0, DROP)

    def draw_confidence(self, here: Sequence[AudioFeatures]) -> None:
        """Draw under the line, behind the beats, how sure the ears are of them, and before it of the bars."""
        self._hill(here, [10 * hop.beat_confidence for hop in here], self._bottom + 13, GRID)
        self._hill(here, [10 * hop.bar_confidence for hop in here], self._bottom + 13, SURE)

    def draw_marks(self, result: dict[str, Any], end: float) -> None:
        """Draw onsets, taller and brighter the stronger they are; beats as dots under the line, a bar's taller."""
        middle = self._top + WAVE / 2
        for onset in result["onsets"]:
            if self._start <= onset["time"] < self._start + self._seconds:
                reach = (WAVE / 2 - 2) * (0.35 + 0.65 * onset["strength"])
                x = self._x(onset["time"])
                self._sheet.line([(x, middle - reach), (x, middle + reach)], ONSET, 1.5)
        for beat in result["beats"]:
            if self._start <= beat < min(end, self._start + self._seconds):
                x = self._x(beat)
                self._sheet.box(x - 2.5, self._bottom + 5, x + 2.5, self._bottom + 10, BEAT)
        for begins in result["downbeats"]:
            if self._start <= begins < min(end, self._start + self._seconds):
                x = self._x(begins)
                self._sheet.box(x - 2.5, self._bottom + 1, x + 2.5, self._bottom + 14, BAR)


def _shade(hue: float, saturation: float, value: float) -> str:
    """Return a colour, each 0..1, as #rrggbb."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue, saturation, value))
