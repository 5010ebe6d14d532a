"""What presets look like over a song: light, coverage, motion with loudness, the flash guard, and strips.

    python -m benchmarks.art --json benchmarks/art.json                     # a minute of `show`, the dark presets
    python -m benchmarks.art --guard --song show demo --json FILE           # every preset: the flash guard, motion
    python -m benchmarks.art --strips docs/dark.jpg --thumbnails            # pictures

Every preset plays to the song at 320x180 and 30 pictures a second. The song is heard once, and each model that a preset
names is opened once, at a quarter of its resolution on the processor (--resolution 256 paints all of it).

Light is the mean of the luminance (BT.709, of sRGB values); the darkest and the brightest are its 5th and 99.5th
percentile. Coverage is the share of pixels that were above 0.04 at some time in 16 bars (30 s at 128 bpm): the least of
all such parts. Motion is the mean change of luminance from picture to picture; motion and loudness (rms) are smoothed
over a second before they are correlated. In silence the same preset hears six seconds of nothing; its motion in the
last three is given as a share of that in the song's loudest fifth.

With --pairs 5 only two pictures a thirtieth of a second apart are drawn, five times a second: the same motion, sampled,
at a third of the cost. The flash guard then sees too little to be measured.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.art_play import SIZE, Heard, Painters, Passage, Pictures, play, ticks
from benchmarks.art_strips import strips
from engine.generator.player import Player
from engine.system import resources
from engine.system.files import write_whole

DARK = (
    "neon",
    "rosette",
    "tunnel",
    "afterglow",
    "prism",
    "ink",
    "gather",
    "nocturne",
    "press",
    "duet",
    "visualizer",
    "typeset",
    "unfold",
    "petals",
    "orchids",
    "breath",
)
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
SEEN = 0.04  # luminance; what is darker is black on a wall
SIXTEEN_BARS = 30.0  # seconds, at 128 beats a minute
SILENCE = 6.0  # seconds of nothing; the last three are measured
MINUTE = 60.0  # seconds


class Seen:
    """What is kept of the pictures that go by: no picture but the last."""

    def __init__(self, fps: float, pairs: float | None = None) -> None:
        """``pairs`` a second are seen, or all of ``fps``."""
        self._paired = pairs is not None
        self._window = round(SIXTEEN_BARS * (2 * pairs if pairs else fps))
        self._last: NDArray[np.float32] | None = None
        self._high: NDArray[np.float32] | None = None
        self._levels = np.zeros(256, np.int64)
        self.light, self.motion, self.covered, self.held = list[float](), list[float](), list[float](), list[bool]()

    def __call__(self, picture: Pictures, held: bool) -> None:
        """Take a picture [H, W, 3]."""
        light = picture.astype(np.float32) @ LUMA / 255.0
        self.light.append(float(light.mean()))
        self.held.append(held)
        self._levels += np.bincount((light * 255.0).astype(np.uint8).ravel(), minlength=256)
        if self._last is not None and (not self._paired or len(self.light) % 2 == 0):
            self.motion.append(float(np.abs(light - self._last).mean()))
        self._last = light
        self._high = light if self._high is None else np.maximum(self._high, light)
        if len(self.light) % self._window == 0:
            self.covered.append(float((self._high > SEEN).mean()))
            self._high = None

    def coverage(self) -> float:
        """Return the least share of the wall that was lit at some time in 16 bars."""
        if not self.covered and self._high is not None:
            return float((self._high > SEEN).mean())
        return min(self.covered, default=0.0)

    def percentile(self, share: float) -> float:
        """Return the luminance below which that share of all points lies."""
        shares = np.cumsum(self._levels) / max(1, self._levels.sum())
        return float(np.searchsorted(shares, share)) / 255.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of a preset."""

    light: float
    darkest: float
    brightest: float
    coverage: float
    correlation: float
    motion: float
    silence: float  # motion in silence, as a share of that in the loudest fifth
    held: float  # share of the pictures that the flash guard softened


def smooth(x: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Return the running mean over a second."""
    n = max(1, round(fps))
    return np.convolve(x, np.full(n, 1.0 / n), "valid")


def measure(preset: str, song: Heard, quiet: Heard, painter: Player, fps: float, pairs: float | None) -> Figures:
    """Play a preset to a passage and to silence, and measure it."""
    seen, still, rate = Seen(fps, pairs), Seen(fps, pairs), pairs or fps
    play(preset, song, painter, seen, ticks(song.seconds, fps, pairs))
    play(preset, quiet, painter, still, ticks(quiet.seconds, fps, pairs))
    loud = smooth(song.loudness(rate, round(song.seconds * rate))[-len(seen.motion) :], rate)
    moved = smooth(np.array(seen.motion), rate)
    loudest = float(moved[loud >= np.quantile(loud, 0.8)].mean())
    calm = float(np.mean(still.motion[len(still.motion) // 2 :]))
    return Figures(
        light=round(float(np.mean(seen.light)), 3),
        darkest=round(seen.percentile(0.05), 3),
        brightest=round(seen.percentile(0.995), 3),
        coverage=round(seen.coverage(), 3),
        correlation=round(float(np.corrcoef(loud, moved)[0, 1]), 3),
        motion=round(float(np.mean(seen.motion)), 5),
        silence=round(calm / max(loudest, 1e-9), 3),
        held=round(float(np.mean(seen.held)), 4),
    )


def guarded(preset: str, song: Heard, painter: Player, fps: float, size: tuple[int, int]) -> dict[str, float]:
    """Return the share of pictures that the guard softened, and how much of the song stands still or moves wildly."""
    seen = Seen(fps)
    play(preset, song, painter, seen, ticks(song.seconds, fps), size)
    moved = smooth(np.array(seen.motion), fps)
    return {
        "held": round(float(np.mean(seen.held)), 4),
        "least motion in a second": round(float(moved.min()), 5),
        "motion": round(float(moved.mean()), 5),
        "most motion in a second": round(float(moved.max()), 5),
    }


def write(path: Path, found: dict[str, object]) -> None:
    """Write the figures, whole or not at all."""
    text = json.dumps(found, indent=1) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", help="the dark ones; with --guard all")
    parser.add_argument("--song", nargs="+", default=["show"], help="with --guard several; names or files")
    parser.add_argument("--from", dest="begin", type=float, default=0.0, help="second of the song")
    parser.add_argument("--seconds", type=float, help="a minute; with --guard the whole song")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--pairs", type=float, help="draw so many pairs of pictures a second, not all")
    parser.add_argument("--size", default="320x180", help="pixels of the wall, with --guard")
    parser.add_argument("--resolution", type=int, default=64, help="pixels that the model paints")
    parser.add_argument("--json", type=Path, help="the figures; what is there of other presets stays")
    parser.add_argument("--guard", action="store_true", help="measure how often the flash guard acts")
    parser.add_argument("--strips", type=Path, help="draw a picture instead")
    parser.add_argument("--thumbnails", action="store_true", help="with --strips: write presets/thumbnails as well")
    return parser.parse_args()


def main() -> None:
    """Measure, or draw strips."""
    a = arguments()
    painters = Painters(a.resolution)
    if a.strips:
        strips(a.presets or DARK, a.song[0], painters, a.thumbnails).save(a.strips, quality=84)
        return
    found: dict[str, object] = {}
    if a.json and a.json.exists():
        found = json.loads(a.json.read_text(encoding="utf-8"))
    about = {"fps": a.fps, "pairs": a.pairs, "resolution": a.resolution, "from": a.begin}
    quiet = Heard(Passage("silence", 0.0, SILENCE))
    for name in a.song:
        song = Heard(Passage(name, a.begin, a.seconds or (None if a.guard else MINUTE)))
        for preset in a.presets or (resources.names("presets", ".toml") if a.guard else DARK):
            figures: dict[str, object]
            if a.guard:
                size = tuple(int(side) for side in a.size.split("x"))
                figures = {**guarded(preset, song, painters.of(preset), a.fps, (size[0], size[1]))}
                key = f"{preset}: {Path(name).stem}"
            else:
                figures, key = asdict(measure(preset, song, quiet, painters.of(preset), a.fps, a.pairs)), preset
            wall = a.size if a.guard else "x".join(map(str, SIZE))
            found[key] = {"song": Path(name).stem, "seconds": song.seconds, "wall": wall, **about, **figures}
            print(key, figures, flush=True)
            if a.json:
                write(a.json, found)


if __name__ == "__main__":
    main()
