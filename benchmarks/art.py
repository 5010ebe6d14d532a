"""What the dark presets look like over a song: light, coverage, motion with loudness, the flash guard, and strips.

    python -m benchmarks.art --song show --from 22 --seconds 24 --json benchmarks/art.json      # figures
    python -m benchmarks.art --strips docs/dark.jpg --thumbnails                                # pictures

Every preset plays a passage of the song at 320x180. Light is the mean of the luminance (BT.709, of sRGB values).

Coverage is the share of pixels that were above 0.04 at some time in 16 bars (30 s at 128 bpm; the whole passage
where that is shorter). Motion is the mean change of luminance from picture to picture, per picture at the given rate;
motion and loudness (rms) are smoothed over a second before they are correlated. In silence the same preset hears five
seconds of nothing; its motion there is given as a share of that in the song's loudest fifth.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.audio.songs import song as songs
from engine.bench.opening import BenchOptions, open_bench
from engine.borders.moment import Moment
from engine.loop import perform
from engine.show.opening import find_song
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
)
SIZE = (320, 180)
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
SEEN = 0.04  # luminance; what is darker is black on a wall
SIXTEEN_BARS = 30.0  # seconds, at 128 beats a minute
HEAD, MARGIN = 20, 4  # pixels of a strip: its title, the room around
THUMBNAIL = 96  # pixels

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Played:
    """A passage as it was drawn."""

    pictures: Pictures  # [n, H, W, 3]
    loudness: NDArray[np.float64]  # rms of each picture's moment
    held: float  # share of the pictures that the flash guard softened


def passage(song: str, begin: float, seconds: float, path: Path) -> Path:
    """Write a part of a song as a WAV file; ``seconds`` of silence where the song is called silence."""
    if song == "silence":
        samples, rate = np.zeros((round(seconds * 44_100), 2), np.float32), 44_100
    else:
        whole = songs.load(find_song(song))
        rate = whole.samplerate
        samples = np.asarray(whole.read(round(begin * rate), round((begin + seconds) * rate)), np.float32)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def play(preset: str, song: Path, seconds: float, fps: float, size: tuple[int, int] = SIZE) -> Played:
    """Play a preset to a sound file on a wall of ``size``."""
    pictures, loudness, held = list[Pictures](), list[float](), list[bool]()
    options = BenchOptions(preset=preset, song=str(song), size=size, fps=fps, seconds=seconds, fit="crop")
    with open_bench(options, lambda _, clock: clock) as rig:
        compositor = rig.picture._compositor

        def watch(_: Moment) -> None:
            pictures.append(rig.window.read_rgba()[..., :3].copy())
            held.append(compositor.guard.holding)

        rig.service.watch(watch)
        perform(rig)
    heard = songs.load(song)
    for i in range(len(pictures)):
        at = round(i / fps * heard.samplerate)
        block = np.asarray(heard.read(max(0, at - heard.samplerate // 20), at + heard.samplerate // 20))
        loudness.append(float(np.sqrt(np.mean(np.square(block)))) if block.size else 0.0)
    return Played(np.stack(pictures), np.array(loudness), float(np.mean(held)))


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of a preset."""

    light: float
    brightest: float  # the 99.5th percentile of luminance
    coverage: float
    correlation: float
    motion: float
    silence: float  # motion in silence, as a share of that in the loudest fifth
    held: float


def smooth(x: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Return the running mean over a second."""
    n = max(1, round(fps))
    return np.convolve(x, np.full(n, 1.0 / n), "valid")


def measure(preset: str, song: Path, quiet: Path, seconds: float, fps: float) -> Figures:
    """Play a preset to a passage and to silence, and measure it."""
    played = play(preset, song, seconds, fps)
    light = played.pictures.astype(np.float32) @ LUMA / 255.0
    motion = np.abs(np.diff(light, axis=0)).mean((1, 2)).astype(np.float64)
    loud = smooth(played.loudness[1:], fps)
    moved = smooth(motion, fps)
    still = play(preset, quiet, 5.0, fps)
    calm = np.abs(np.diff(still.pictures.astype(np.float32) @ LUMA / 255.0, axis=0)).mean((1, 2))[round(3 * fps) :]
    window = min(len(light), round(SIXTEEN_BARS * fps))
    parts = [light[i : i + window].max(0) > SEEN for i in range(0, max(1, len(light) - window + 1), window)]
    loudest = moved[loud >= np.quantile(loud, 0.8)].mean()
    return Figures(
        light=round(float(light.mean()), 3),
        brightest=round(float(np.quantile(light[:: max(1, len(light) // 40)], 0.995)), 3),
        coverage=round(min(float(p.mean()) for p in parts), 3),
        correlation=round(float(np.corrcoef(loud, moved)[0, 1]), 3),
        motion=round(float(motion.mean()), 4),
        silence=round(float(calm.mean() / max(loudest, 1e-9)), 3),
        held=round(played.held, 4),
    )


def strips(presets: Sequence[str], song: Path, quiet: Path, fps: float, small: bool) -> Image.Image:
    """Draw a row for each preset: in silence, then a passage of the song, then ten seconds after its beginning."""
    width, height = 240, 135
    sheet = Image.new("RGB", (5 * (width + MARGIN) + MARGIN, len(presets) * (height + HEAD + MARGIN)), "black")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(resources.resource("shaders", "fonts", "DejaVuSansMono.ttf")), 11)
    for row, preset in enumerate(presets):
        top = row * (height + HEAD + MARGIN)
        still, loud = play(preset, quiet, 3.0, fps), play(preset, song, 12.0, fps)
        taken = [
            still.pictures[-1],
            *(loud.pictures[min(len(loud.pictures) - 1, round(t * fps))] for t in (2.5, 5.0, 7.5, 10.5)),
        ]
        draw.text(
            (MARGIN, top + 4),
            f"{preset}: in silence; 2.5, 5, 7.5 and 10.5 seconds after a cue",
            fill="white",
            font=font,
        )
        for column, picture in enumerate(taken):
            shot = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(shot, (MARGIN + column * (width + MARGIN), top + HEAD))
        if small:
            best = max(taken[1:], key=lambda p: float(p.astype(float).std()))
            high, wide = best.shape[:2]
            middle = Image.fromarray(best[:, (wide - high) // 2 : (wide + high) // 2])
            shot = middle.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            shot.save(resources.resource("presets", "thumbnails", f"{preset}.jpg"), quality=85, optimize=True)
        print(preset, flush=True)
    return sheet


def write(path: Path, found: dict[str, object]) -> None:
    """Write the figures, whole or not at all."""
    text = json.dumps(found, indent=1) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def main() -> None:
    """Measure, or draw strips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=list(DARK))
    parser.add_argument("--song", default="show")
    parser.add_argument("--from", dest="begin", type=float, default=22.0, help="second of the song")
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="the figures; what is there of other presets stays")
    parser.add_argument("--strips", type=Path, help="draw a picture instead")
    parser.add_argument("--thumbnails", action="store_true", help="with --strips: write presets/thumbnails as well")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        quiet = passage("silence", 0.0, 6.0, Path(folder) / "quiet.wav")
        if a.strips:
            song = passage(a.song, 30.0, 14.0, Path(folder) / "loud.wav")
            strips(a.presets, song, quiet, 6.0, a.thumbnails).save(a.strips, quality=84)
            return
        song = passage(a.song, a.begin, a.seconds, Path(folder) / "passage.wav")
        found = json.loads(a.json.read_text(encoding="utf-8")) if a.json and a.json.exists() else {}
        for preset in a.presets:
            figures = asdict(measure(preset, song, quiet, a.seconds, a.fps))
            found[preset] = {"song": a.song, "from": a.begin, "seconds": a.seconds, "fps": a.fps, **figures}
            print(preset, figures, flush=True)
            if a.json:
                write(a.json, found)


if __name__ == "__main__":
    main()
