"""What the arguments of a run read: the files that they name, and the files that those name in turn.

A file that is missing or broken yields what was found of it; the part that opens it says what is wrong.
"""

from __future__ import annotations

import glob
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from engine.borders.errors import UserError
from engine.borders.preset import ISF
from engine.cli.amounts import file_index
from engine.control.presets import preset as presets
from engine.control.presets import setlist
from engine.control.presets.isf import isf_of
from engine.show.open_style import split_share
from engine.show.opening import find_model, find_song, preset_folders
from engine.system import user_folders
from engine.system.files import beside, expanded, is_file, is_path, read_text
from engine.system.run_files import Use


def file_of(what: str, text: str) -> Iterator[Use]:
    """Yield the file that an argument names."""
    yield Use(what, expanded(text))


def _indexed(what: str, text: str) -> Iterator[Use]:
    yield Use(what, file_index(text)[0])


def _weights(what: str, text: str) -> Iterator[Use]:
    """Yield a style network's file; Magenta's checkpoints are named by the part that their files have in common."""
    path = expanded(text)
    yield Use(what, path)
    for part in path.parent.glob(f"{glob.escape(path.name)}.*"):
        yield Use(what, part)


def _style(what: str, text: str) -> Iterator[Use]:
    yield Use(what, expanded(split_share(text)[0]))


def _song(what: str, text: str) -> Iterator[Use]:
    yield Use(what, find_song(text))


def _model(what: str, text: str) -> Iterator[Use]:
    path = find_model(text)
    yield Use(what, path)
    for companion in path.parent.glob(f"{glob.escape(path.stem)}.*.safetensors"):  # its calibration, its attributes
        yield Use(f"a file of {what}", companion)
    for companion in (path.with_name(f"{path.stem}.matte.toml"), path.with_name(f"{path.name}.toml")):
        yield Use(f"a file of {what}", companion)


def _folder(what: str, text: str) -> Iterator[Use]:
    for path in expanded(text).rglob("*"):
        yield Use(what, path)


def _pictures(what: str, text: str) -> Iterator[Use]:
    """Yield a picture, or those of a folder, but not of the folders in it: it may be the performer's home."""
    path = expanded(text)
    for each in path.iterdir() if path.is_dir() else (path,):
        yield Use(what, each)


def _preset(what: str, text: str) -> Iterator[Use]:
    path = presets.find_file(text, preset_folders())
    yield Use(what, path)
    document = tomllib.loads(read_text(path, what))
    if isinstance(model := document.get("model"), str):
        with suppress(UserError):
            yield from _model("the model", presets.model_of(model, path))
    latent, passes = document.get("latent", {}), document.get("passes", [])
    for seed in [*latent.get("seeds", []), *latent.get("mix_seeds", [])]:
        if isinstance(seed, str):
            yield Use("a file of w", beside(seed, path))
            yield Use("a file of w", user_folders.data("kept") / seed)
    painted = document.get("style", {})
    for name in (painted.get("weights"), *painted.get("styles", [])):
        if isinstance(name, str) and is_file(beside(name, path)):
            yield Use("a file of the style", beside(name, path))
    for name in passes:
        if isinstance(name, str):
            yield from _drawn("a shader", presets.pass_of(name, path))
    if isinstance(behind := document.get("background", {}).get("source"), str):
        drawn = behind.startswith(ISF)
        yield from _drawn("a shader", isf_of(behind, path)) if drawn else [Use("the background", beside(behind, path))]


def _drawn(what: str, shown: str) -> Iterator[Use]:
    """Yield the file of a pass or of an ISF shader, which is named by its whole path where it is the performer's."""
    if is_path(file := shown.removeprefix(ISF)):
        yield Use(what, Path(file if shown.startswith(ISF) else f"{file}{presets.PASS_SUFFIX}"))


def _setlist(what: str, text: str) -> Iterator[Use]:
    path = expanded(text)
    yield Use(what, path)
    for cue in tomllib.loads(read_text(path, what)).get("cues", []):
        if isinstance(name := cue.get("preset"), str):
            with suppress(*BROKEN):
                yield from _preset("a preset", setlist.preset_of(name, path))
        if isinstance(between := cue.get("transition"), str):
            yield from _drawn("a shader", isf_of(between, path))


def _replay(what: str, text: str) -> Iterator[Use]:
    path = expanded(text)
    yield Use(what, path)
    for line in read_text(path, what).splitlines():
        if not line.startswith('{"i"'):
            yield from _logged(json.loads(line))


def _logged(row: dict[str, Any]) -> Iterator[Use]:
    """Yield what a line of a gesture log names: its head, a cue or a recording."""
    if row.get("song"):
        yield Use("the song", find_song(row["song"]))
    if "recording" in row:
        yield Use("the recording", Path(row["recording"]))
    if "path" in row.get("model", {}):
        yield Use("the model", Path(row["model"]["path"]))
    for preset in (row.get("preset"), row.get("cue")):
        if preset and preset.get("path"):
            yield from _preset("a preset", preset["path"])


# What a file that is no such file raises.
BROKEN = (OSError, UserError, ValueError, TypeError, AttributeError, RecursionError)

Reader: TypeAlias = Callable[[str, str], Iterator[Use]]
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "song": _song,
        "preset": _preset,
        "model": _model,
        "models": _model,
        "checkpoint": _model,
        "setlist": _setlist,
        "replay": _replay,
        "shaders": _folder,
        "weights": _weights,
        "styles": _style,
        "picture": _pictures,
        "photographs": _pictures,
        "inbox": _folder,
        "boundary": _indexed,
        "keep": _indexed,
    }
)
