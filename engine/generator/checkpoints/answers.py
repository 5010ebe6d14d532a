"""What a file does not say and its user does: a small TOML beside it, and ``--assume`` on the command line.

    model.pth.toml        labels = 8
    --assume labels=8

A converted copy holds the answers, so nobody is asked twice.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.borders.errors import UserError
from engine.system.files import decoded

KEYS: Mapping[str, str] = {
    "labels": "classes whose one-hot label lies behind z: 8",
    "size": "pixels of the picture, height x width: 28 or 34x45",
    "layers": "stride/padding of every transposed convolution, height x width: 1/0,2/1,2x3/1x2",
    "output": "nonlinearity of the picture: tanh, linear or sigmoid",
    "fused": "whether upsampling and convolution are one step: true or false",
    "step": "resolution that a training had come to, in pixels: 32",
}
FLAG = "--assume"
TOO_LARGE = 1 << 16  # bytes; a longer file of answers is refused


@dataclass(slots=True)
class Answers:
    """Answers by key, as text, and the keys that a reader has asked for."""

    said: Mapping[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def get(self, key: str, form: str) -> str | None:
        """Return the answer, None where there is none. ValueError where it does not match ``form``."""
        self.asked.add(key)
        value = self.said.get(key)
        if value is not None and not re.fullmatch(form, value):
            raise ValueError(f"{FLAG} {key}={value}: write {KEYS[key]}")
        return value

    def whole(self, key: str) -> int | None:
        """Return an answer that is a whole number."""
        value = self.get(key, r"\d{1,6}")
        return None if value is None else int(value)

    @property
    def unused(self) -> str:
        """The answers that this file does not need, for people to read."""
        return ", ".join(sorted(self.said.keys() - self.asked))

    @property
    def digest(self) -> str:
        """What tells copies of one file with other answers apart; empty without answers."""
        if not self.said:
            return ""
        return "-" + hashlib.sha256(json.dumps(dict(sorted(self.said.items()))).encode()).hexdigest()[:12]


def read(path: Path, given: Iterable[str] = ()) -> Answers:
    """Return the answers for the checkpoint ``path``: ``given`` ("key=value") go over the file beside it. UserError."""
    said = _beside(Path(f"{path}.toml"))  # the folder "." has no name to put it behind
    for text in given:
        key, equals, value = text.partition("=")
        if key not in KEYS or not equals or not value:
            raise UserError(f"{FLAG} {text}: write one of {', '.join(f'{name}=…' for name in KEYS)}")
        said[key] = value.strip()
    return Answers(said)


def _beside(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > TOO_LARGE:
            raise UserError(f"{path}: this is no file of answers: it is too long")
        held = tomllib.loads(decoded(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{path}: cannot read it: {str(error)[:80]}") from error
    said = {}
    for key, value in held.items():
        if key not in KEYS:
            raise UserError(f"{path}: unknown key {key[:40]}: choose from {', '.join(KEYS)}")
        if not isinstance(value, str | int) or (isinstance(value, bool) and key != "fused"):
            raise UserError(f"{path}: {key}: write {KEYS[key]}")
        said[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return said
