"""The files of one run: what its arguments write, and what they read, with the files that those files name."""

from __future__ import annotations

import argparse
import glob
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from engine.borders.errors import UserError
from engine.cli.amounts import Amount, file_index
from engine.cli.places import listed, places
from engine.cli.say import say
from engine.control.presets import preset as presets
from engine.control.presets import setlist
from engine.show.open_style import split_share
from engine.show.opening import find_model, find_song, preset_folders
from engine.system import user_folders
from engine.system.files import beside, expanded, is_path, read_text
from engine.system.part_file import remove_parts
from engine.system.run_files import Use, check, check_places

# Arguments by their name in the namespace: those that a command writes, and what a command reads them as. A test
# holds that every argument that is a path stands in one of the two.
TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "output": "-o",
        "trace": "--trace",
        "log": "--log",
        "record": "--record",
        "json": "--json",
        "plot": "--plot",
        "compare": "--compare",
    }
)
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "song": "the song",
        "preset": "the preset",
        "model": "the model",
        "checkpoint": "the model",
        "models": "a model",
        "setlist": "the setlist",
        "replay": "the gesture log",
        "shaders": "a shader",
        "inbox": "a picture",
        "video_in": "the video",
        "ws": "the file of w",
        "z": "the file of z",
        "boundary": "a boundary",
        "keep": "a boundary",
        "flow": "the flow",
        "context_from": "a context",
        "context_to": "a context",
        "photographs": "a picture",
        "encoder": "the encoder",
        "vgg": "the VGG",
        "mask": "the mask",
        "continue_from": "the result that is continued",
        "picture": "the picture",
        "parts": "a part",
        "weights": "the weights",
        "styles": "a style",
    }
)


def prepare(args: argparse.Namespace) -> None:
    """Check what the run writes against all that it reads, and remove what killed runs left where it writes.

    Raises UserError for a target that cannot be written, that is a file of the run, that another target is, or that
    another run writes.
    """
    given = {name: value for name, value in vars(args).items() if value is not None}
    targets = [Use(TARGETS[name], path) for name in TARGETS for path in written(name, given)]
    if targets:
        check_places(targets)
        check(targets, sources_of(given))
    folders = [target.path.absolute().parent for target in targets]
    for folder in dict.fromkeys([*folders, *(kept_folders() if "preset" in given else ())]):
        for part in remove_parts(folder):
            say(f"{part}: removed, a run that was killed left it")


def written(name: str, given: Mapping[str, object]) -> list[Path]:
    """Return the files that an argument makes the run write; several pictures have a file each in a folder."""
    path, pictures = given.get(name), given.get("photographs")
    if not isinstance(path, Path):
        return []
    if name != "output" or not isinstance(pictures, list):
        return [path]
    found = places(listed(pictures), path, given.get("noise_maps") is True)
    return found if path.is_dir() or found == [path] else []  # a folder that is not there yet holds no input


def kept_folders() -> Iterator[Path]:
    """Yield the folders that shows write to without being told which."""
    yield from (user_folders.pictures(), user_folders.films())
    yield from (user_folders.folder(), user_folders.folder("controllers"), user_folders.state())
    yield from (user_folders.data("kept"), user_folders.data("presets"))


def named(given: Mapping[str, object]) -> Iterator[Use]:
    """Yield the files that arguments name, with those that these files name."""
    for name, what in SOURCES.items():
        for text in _texts(given.get(name)):
            with suppress(*_BROKEN):
                yield from _READERS.get(name, _file)(what, text)


def sources_of(given: Mapping[str, object]) -> Iterator[Use]:
    """Yield what a run with these arguments reads. What is missing or broken is left to the part that opens it."""
    yield from named(given)
    if "preset" in given:  # a show may go to any preset, and remembers its devices
        folders = dict.fromkeys(preset_folders(), "a preset") | {user_folders.folder("controllers"): "a profile"}
        for folder, what in folders.items():
            yield from (Use(what, path) for path in folder.glob("[!.]*.toml"))
        yield Use("the file of what is remembered", user_folders.remembered_file())


def _texts(value: object) -> list[str]:
    """Return the files that an argument names, in words."""
    if isinstance(value, list):
        return [each.text if isinstance(each, Amount) else str(each) for each in value]
    return [] if value is None else str(value).split(",")


def _file(what: str, text: str) -> Iterator[Use]:
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


def _shaders(what: str, text: str) -> Iterator[Use]:
    for path in expanded(text).rglob("*"):
        yield Use(what, path)


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
        if isinstance(name, str) and beside(name, path).is_file():
            yield Use("a file of the style", beside(name, path))
    for name in passes:
        if isinstance(name, str) and is_path(name):
            yield Use("a shader", Path(f"{presets.pass_of(name, path)}.frag"))


def _setlist(what: str, text: str) -> Iterator[Use]:
    path = expanded(text)
    yield Use(what, path)
    for cue in tomllib.loads(read_text(path, what)).get("cues", []):
        if isinstance(name := cue.get("preset"), str):
            with suppress(*_BROKEN):
                yield from _preset("a preset", setlist.preset_of(name, path))


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


_BROKEN = (OSError, UserError, ValueError, TypeError, AttributeError)  # what a file that is no such file raises

Reader: TypeAlias = Callable[[str, str], Iterator[Use]]
_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "song": _song,
        "preset": _preset,
        "model": _model,
        "models": _model,
        "checkpoint": _model,
        "setlist": _setlist,
        "replay": _replay,
        "shaders": _shaders,
        "weights": _weights,
        "styles": _style,
        "inbox": _shaders,
        "boundary": _indexed,
        "keep": _indexed,
    }
)
