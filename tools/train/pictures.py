"""Training pictures: a folder, a zip, tar shards as WebDataset has them, shards of tools.fruit.shards, or a renderer.

Each is addressed by its number, which decides what it is, so the order of a training depends on nothing but its seed.
Whatever cannot be used is named and counted; where nothing is left, that is a UserError.
"""

from __future__ import annotations

import io
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from engine.borders.errors import UserError
from tools.train import tars

Pictures = npt.NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
BROKEN = (OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError, Image.DecompressionBombWarning,
          Image.DecompressionBombError, zipfile.BadZipFile, NotImplementedError, RuntimeError)  # fmt: skip
RENDERERS = ("fruit", "garden")
CACHE = 1_500_000_000  # bytes; no more decoded pictures are kept
SHOWN = 5  # names; of each reason, the first ones are printed and the others counted


class Source(Protocol):
    """Pictures by number: ``count`` of them, or None for endless ones."""

    count: int | None
    parallel: bool  # whether several threads may ask at once

    def picture(self, number: int) -> Pictures:
        """Return [R, R, 3] uint8."""
        ...


class Ledger:
    """What was left out or changed, by reason: some names, and how many in all."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.counts: dict[str, int] = {}

    def note(self, reason: str, name: str) -> None:
        """Count one; the first few are told at once."""
        self.counts[reason] = count = self.counts.get(reason, 0) + 1
        if count <= SHOWN:
            self._tell(f"{name}: {reason}")
        elif count == SHOWN + 1:
            self._tell(f"and more: {reason} (counted, not named)")

    def summary(self) -> str:
        """Return one line, empty where there is nothing to say."""
        return ", ".join(f"{count} × {reason}" for reason, count in self.counts.items())


class Files:
    """The pictures of a folder, a zip or tars, cropped square from the middle and shrunk to ``resolution``."""

    parallel = True

    def __init__(self, path: Path, resolution: int, ledger: Ledger) -> None:
        self.path, self.resolution, self.ledger = path, resolution, ledger
        self._zip: zipfile.ZipFile | None = None
        self._members: dict[str, tars.Member] = {}
        if found := tars.shards_of(path):
            self._members = tars.members(found)
            names = [*self._members]
        elif path.is_dir():
            names = [str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()]
        else:
            try:
                self._zip = zipfile.ZipFile(path)
                names = [entry.filename for entry in self._zip.infolist() if not entry.is_dir()]
            except (zipfile.BadZipFile, OSError) as error:
                raise UserError(f"{path}: no folder and no readable zip of pictures: {error}") from error
        self.names = sorted(filter(self._usable, (n for n in names if not Path(n).name.startswith("."))))
        if not self.names:
            left_out = ledger.summary()
            raise UserError(f"{path}: no usable pictures" + (f" ({left_out})" if left_out else "; it is empty"))
        self.count: int | None = len(self.names)
        self._kept: dict[int, Pictures] = {}
        self._bad: set[int] = set()
        self._lock = threading.Lock()
        self._most = CACHE // (3 * resolution * resolution)

    def _usable(self, name: str) -> bool:
        """Whether a file's header promises a picture that is large enough."""
        if Path(name).suffix.lower() not in SUFFIXES:
            self.ledger.note("no picture by its name, left out", name)
            return False
        try:
            with (
                warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
                self._open(name) as image,
            ):
                width, height = image.size
        except BROKEN:
            self.ledger.note("cannot be read as a picture, left out", name)
            return False
        if min(width, height) < self.resolution:
            self.ledger.note(f"smaller than {self.resolution} px, left out", f"{name} ({width}x{height})")
            return False
        if width != height:
            self.ledger.note("not square, cropped to its middle", f"{name} ({width}x{height})")
        return True

    def _open(self, name: str) -> Image.Image:
        if (member := self._members.get(name)) is not None:
            if member.size > CACHE:
                raise OSError("too large")
            return Image.open(io.BytesIO(tars.read(member)))
        if self._zip is None:
            return Image.open(self.path / name)
        if self._zip.getinfo(name).file_size > CACHE:
            raise OSError("too large")
        return Image.open(io.BytesIO(self._zip.read(name)))

    def picture(self, number: int) -> Pictures:
        """Return picture ``number``; one that proves damaged is counted once, and the next takes its place."""
        count = len(self.names)
        for other in range(number, number + count):
            i = other % count
            if i in self._kept:
                return self._kept[i]
            if i not in self._bad and (found := self._read(i)) is not None:
                return found
        raise UserError(f"{self.path}: not one of its {count} pictures can be decoded")

    def _read(self, i: int) -> Pictures | None:
        try:
            with self._open(self.names[i]) as image:
                pixels = _square(image, self.resolution)
        except BROKEN:
            with self._lock:
                if i not in self._bad:
                    self._bad.add(i)
                    self.ledger.note("is damaged, left out", self.names[i])
            return None
        if len(self._kept) < self._most:
            self._kept[i] = pixels
        return pixels


def _square(image: Image.Image, resolution: int) -> Pictures:
    """The middle square as RGB; what is transparent lies on white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        image = Image.alpha_composite(white, clear)
    rgb = image.convert("RGB")
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    box = (left, top, left + side, top + side)
    small = rgb.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(small)


class Shards:
    """Shards of tools.fruit.shards in a folder; pictures are averaged down to ``resolution``."""

    parallel = False  # threads would be no faster

    def __init__(self, folder: Path, resolution: int) -> None:
        parts = []
        for path in sorted(folder.glob("[0-9]*.npz")):
            try:
                with np.load(path, allow_pickle=False) as shard:
                    parts.append(shard["pictures"])
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise UserError(f"{path}: a damaged shard: delete it and render it again") from error
            side = parts[-1].shape[1]
            if side % resolution:
                raise UserError(f"{path}: holds pictures of {side} px, which {resolution} px do not divide")
        self._pictures: Pictures = np.concatenate(parts)
        self._shrink = self._pictures.shape[1] // resolution
        self.count: int | None = len(self._pictures)

    def picture(self, number: int) -> Pictures:
        """Return picture ``number``."""
        full: Pictures = self._pictures[number]
        s = self._shrink
        if s == 1:
            return full
        side = full.shape[0] // s
        return np.asarray(full.reshape(side, s, side, s, 3).mean((1, 3)).round(), np.uint8)


class Rendered:
    """A renderer of ours by name, endless: picture ``number`` is drawn from it as its seed; colours without a mask."""

    count: int | None = None
    parallel = False  # OpenGL belongs to the thread that opened it

    def __init__(self, name: str, resolution: int) -> None:
        from tools.fruit.subject import SUBJECTS

        self._subject = SUBJECTS[name]
        self._studio = self._subject.studio(resolution)

    def picture(self, number: int) -> Pictures:
        """Render one."""
        theta = self._subject.sample(np.random.default_rng(number), 1)
        drawn: Pictures = self._studio.render(theta)[0, ..., :3]
        return drawn


def open_pictures(name: str, resolution: int, ledger: Ledger) -> Source:
    """Open what ``name`` names: "fruit" or "garden" for a renderer, else a path. UserError says what is wrong."""
    if name in RENDERERS:
        return Rendered(name, resolution)
    path = Path(name)
    if not path.exists():
        raise UserError(
            f"--data {name}: there is no such folder or zip, and no renderer of that name but: {', '.join(RENDERERS)}"
        )
    if path.is_dir() and any(path.glob("[0-9]*.npz")):
        return Shards(path, resolution)
    return Files(path, resolution, ledger)


def order(source: Source, seed: int, first: int, count: int) -> Iterator[int]:
    """Yield the numbers of the ``count`` pictures from position ``first`` on; every pass is shuffled anew."""
    if source.count is None:
        yield from (seed * 1_000_000_007 + position for position in range(first, first + count))
        return
    shuffled: tuple[int, npt.NDArray[np.int64]] | None = None
    for position in range(first, first + count):
        lap, at = divmod(position, source.count)
        if shuffled is None or shuffled[0] != lap:
            shuffled = lap, np.random.default_rng([seed, lap]).permutation(source.count)
        yield int(shuffled[1][at])
