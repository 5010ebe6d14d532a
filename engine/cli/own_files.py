"""The files of one run: what its arguments write, and what they read. `named_files` has what those files name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from engine.cli.amounts import Amount
from engine.cli.named_files import BROKEN, READERS, file_of
from engine.cli.places import listed, named_alike, places, preview_of
from engine.cli.say import say
from engine.show.opening import preset_folders
from engine.system import user_folders
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
    targets += unasked(given)
    if targets:
        check_places(targets)
        check(targets, sources_of(given))
    folders = [target.path.absolute().parent for target in targets]
    for folder in dict.fromkeys([*folders, *(kept_folders() if "preset" in given else ())]):
        for part in remove_parts(folder):
            say(f"{part}: removed, a run that was killed left it")


def written(name: str, given: Mapping[str, object]) -> list[Path]:
    """Return the files that an argument makes the run write; several pictures have a file each in a folder."""
    path, pictures, picture = given.get(name), given.get("photographs"), given.get("picture")
    if not isinstance(path, Path):
        return []
    if name == "output" and isinstance(picture, Path) and picture.is_dir():
        return named_alike(listed([picture]), path, ".png") if path.is_dir() else []
    if name != "output" or not isinstance(pictures, list):
        return [path]
    found = places(listed(pictures), path, given.get("noise_maps") is True)
    return found if path.is_dir() or found == [path] else []  # a folder that is not there yet holds no input


def unasked(given: Mapping[str, object]) -> Iterator[Use]:
    """Yield what a run writes beside its results, under names that it makes of theirs."""
    output = given.get("output")
    results = written("output", given) if "photographs" in given else [output]
    for result in results:
        if isinstance(result, Path) and given.get("preview") is True:
            yield Use("--preview", preview_of(result))
        if isinstance(result, Path) and given.get("tune") is True:
            from engine.generator.inversion import tuning  # it loads torch, as tuning does anyway

            yield Use("--tune", tuning.beside(result))


def kept_folders() -> Iterator[Path]:
    """Yield the folders that shows write to without being told which."""
    yield from (user_folders.pictures(), user_folders.films())
    yield from (user_folders.folder(), user_folders.folder("controllers"), user_folders.state())
    yield from (user_folders.data("kept"), user_folders.data("presets"))


def named(given: Mapping[str, object]) -> Iterator[Use]:
    """Yield the files that arguments name, with those that these files name."""
    for name, what in SOURCES.items():
        for text in _texts(given.get(name)):
            with suppress(*BROKEN):
                yield from READERS.get(name, file_of)(what, text)


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
