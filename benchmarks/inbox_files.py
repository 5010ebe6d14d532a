"""Fifty files as they are dropped on a show: photographs, and what is none; all made here but `--photos`."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

COUNT = 50
JOINS, REFUSED, NEITHER = "joins", "refused", "neither"


def pictures(photos: Sequence[Path]) -> Iterator[Image.Image]:
    """Return pictures without end: the given ones, and such as no program has painted, all different."""
    for path in photos:
        with Image.open(path) as file:
            yield file.convert("RGB").resize((1200, 800))
    number = 0
    while True:
        number += 1
        dice = np.random.default_rng(number)
        small = Image.fromarray(dice.integers(0, 256, (6, 9, 3), np.uint8))
        yield small.resize((900, 600), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    """Return a picture as a file's bytes."""
    held = io.BytesIO()
    picture.save(held, format=kind, **more)
    return held.getvalue()


def odd(seen: Iterator[Image.Image], huge: int) -> dict[str, tuple[bytes, str]]:
    """Return the files of unusual kinds: bytes and what is to come of them, by name. ``huge`` is a side in pixels."""
    one = next(seen)
    jpeg, turned = encoded(one, "JPEG", quality=90), Image.Exif()
    turned[0x0112] = 6  # a camera held upright
    deep = np.asarray(next(seen).convert("L"), np.uint16) * 257
    clear = next(seen).convert("RGBA")
    clear.putalpha(Image.radial_gradient("L").resize(clear.size))
    frames = [next(seen).convert("P") for _ in range(3)]
    return {
        "huge.png": (encoded(next(seen).resize((huge, huge)), "PNG", compress_level=1), JOINS),
        "huge.jpg": (encoded(next(seen).resize((huge, huge * 3 // 4)), "JPEG", quality=70), JOINS),
        "moving.gif": (encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), JOINS),
        "print.jpg": (encoded(next(seen).convert("CMYK"), "JPEG"), JOINS),
        "deep.png": (encoded(Image.fromarray(deep), "PNG"), JOINS),
        "turned.jpg": (encoded(next(seen), "JPEG", exif=turned), JOINS),
        "clear.png": (encoded(clear, "PNG"), JOINS),
        "scan.tif": (encoded(next(seen), "TIFF"), JOINS),
        "web.webp": (encoded(next(seen), "WEBP"), JOINS),
        "grey.png": (encoded(next(seen).convert("L"), "PNG"), JOINS),
        "ink.png": (encoded(next(seen).convert("1"), "PNG"), JOINS),
        "thin.png": (encoded(next(seen).resize((3, 900)), "PNG"), JOINS),
        "the singer's Ünicode 名 (1).jpg": (encoded(next(seen), "JPEG"), JOINS),
        "once.jpg": (jpeg, JOINS),
        "twice.jpg": (jpeg, JOINS),
        "grows.jpg": (encoded(next(seen), "JPEG", quality=95), JOINS),
        "paper.pdf": (b"%PDF-1.7\n" + b"1 0 obj\n" * 500, REFUSED),
        "words.jpg": (b"these are words and no picture\n" * 40, REFUSED),
        "broken.jpg": (jpeg[: len(jpeg) // 2], REFUSED),
        "noise.png": (b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(4000), REFUSED),
        "empty.jpg": (b"", REFUSED),
        "song.mp3": (b"ID3\x04" + random.Random(2).randbytes(9000), REFUSED),
        "page.html": (b"<!doctype html><p>404", REFUSED),
    }


def drop(folder: Path, photos: Sequence[Path] = (), huge: int = 12_000, count: int = COUNT) -> dict[str, str]:
    """Put the files into a folder; return what is to come of each, by name. `grows.jpg` is half there: see `grow`."""
    seen = pictures(photos)
    files = odd(seen, huge)
    while len(files) < count - 2:
        files[f"photograph {len(files)}.jpg"] = (encoded(next(seen), "JPEG", quality=88), JOINS)
    wanted = {name: what for name, (_, what) in files.items()}
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data[: len(data) // 2] if name == "grows.jpg" else data)
    (folder.parent / "rest").write_bytes(files["grows.jpg"][0][len(files["grows.jpg"][0]) // 2 :])
    (folder / "album").mkdir()
    os.mkfifo(folder / "pipe.png")
    return wanted | {"album": REFUSED, "pipe.png": REFUSED}


def grow(folder: Path) -> None:
    """Add the other half of `grows.jpg`."""
    with (folder / "grows.jpg").open("ab") as file:
        file.write((folder.parent / "rest").read_bytes())
