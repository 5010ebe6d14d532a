"""Refusals: what a file is when it is no checkpoint for this engine, and what its owner can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError


class Refused(Exception):
    """A file is refused: `reason` says what it is and what to do. `load` adds the file's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def told_by_name(path: Path, inside: str) -> Iterator[None]:
    """Raise UserError, which names ``path``, for what is refused or cannot be read in the body.

    ``inside`` is what to give where the path is a folder.
    """
    try:
        yield
    except Refused as refused:
        raise UserError(f"{path}: {refused.reason}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder: give {inside} in it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that its first bytes show."""

    magic: bytes
    what: str
    advice: str = "give the checkpoint itself (.pkl, .pt or .safetensors)"
    offset: int = 0


AGAIN = "download it again"
EXHAUSTS = "it is made to exhaust the reader, do not use it"
UNTRUSTED = "it carries code instead of weights: do not open it elsewhere, get the model from its author"

FOREIGN = (
    Foreign(
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "run `git lfs pull` where it came from, or download the file from its page",
    ),
    Foreign(b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras), not a StyleGAN"),
    Foreign(b"\x89PNG\r\n", "a PNG picture"),
    Foreign(b"\xff\xd8\xff", "a JPEG picture"),
    Foreign(b"GIF8", "a GIF picture"),
    Foreign(b"RIFF", "a RIFF file (WAV, AVI or WebP)"),
    Foreign(b"OggS", "an Ogg sound file"),
    Foreign(b"fLaC", "a FLAC sound file"),
    Foreign(b"ID3", "an MP3 sound file"),
    Foreign(b"ftyp", "an MP4 video", offset=4),
    Foreign(b"\x1aE\xdf\xa3", "a Matroska video"),
    Foreign(b"%PDF", "a PDF document"),
    Foreign(b"\x7fELF", "a program", "do not run it; give the checkpoint itself"),
    Foreign(b"MZ", "a Windows program", "do not run it; give the checkpoint itself"),
    Foreign(b"#!", "a script", "do not run it; give the checkpoint itself"),
    Foreign(b"\x1f\x8b", "a gzip archive", "unpack it and give the checkpoint inside"),
    Foreign(b"BZh", "a bzip2 archive", "unpack it and give the checkpoint inside"),
    Foreign(b"\xfd7zXZ", "an xz archive", "unpack it and give the checkpoint inside"),
    Foreign(b"(\xb5/\xfd", "a zstd archive", "unpack it and give the checkpoint inside"),
    Foreign(b"7z\xbc\xaf", "a 7-Zip archive", "unpack it and give the checkpoint inside"),
    Foreign(b"Rar!", "a RAR archive", "unpack it and give the checkpoint inside"),
    Foreign(b"ustar", "a tar archive", "unpack it and give the checkpoint inside", offset=257),
    Foreign(b"\x93NUMPY", "a NumPy array", "give it to --z or --ws if it is a latent"),
    Foreign(b"TFL3", "a TensorFlow Lite model", offset=4),
    Foreign(b"GGUF", "a language model (GGUF)"),
)


def refuse_foreign(head: bytes, size: int) -> None:
    """Raise Refused when the first KiB of a file, `head`, shows that it is no checkpoint; `size` is in bytes."""
    if size == 0:
        raise Refused(f"the file is empty: {AGAIN}")
    for kind in FOREIGN:
        if head.startswith(kind.magic, kind.offset):
            raise Refused(f"this is {kind.what}: {kind.advice}")
    if head.strip(b"\0") == b"":
        raise Refused(f"the file holds only zeros, an unfinished download: {AGAIN}")
    if is_onnx(head):
        raise Refused("this is an ONNX graph, which has no mapping network to play: give the checkpoint it came from")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise Refused(
            "this is an HTML page, saved in place of the download: open the link in a browser and "
            "download the file itself"
        )
    if is_text(head):
        raise Refused("this is a text file: give the checkpoint itself (.pkl, .pt or .safetensors)")


def is_onnx(head: bytes) -> bool:
    """Return whether a file is ONNX: protobuf, field 1 (ir_version) a small number, field 2 the producer's name."""
    return len(head) > 4 and head[0] == 0x08 and head[1] < 0x20 and head[2] in (0x12, 0x1A, 0x22, 0x3A)


def is_text(head: bytes) -> bool:
    """Return whether a file is plain text; a text pickle (protocol 0) is not, it has a refusal of its own."""
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < 1024 else "ignore")
    except UnicodeDecodeError:
        return False
    looks_pickled = head[:1] in (b"c", b"(", b"i") and b"\n" in head and head.rstrip().endswith(b".")
    return not looks_pickled and all(ch.isprintable() or ch in "\r\n\t" for ch in text)
