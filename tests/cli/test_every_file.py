"""Every flag of every command that reads or writes a file does it in one way: one table, the same cases for each.

A file that is not there, is a folder or is empty is refused in one line, and so is a place that cannot be written,
before the run begins. A name with a colon, with bytes that are no text, or with ``~`` is a file like any other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.cli.main import COMMANDS, main, parser
from engine.cli.own_files import SOURCES, TARGETS
from engine.show.opening import find_model
from tests.builders.short_song import beginning
from tests.parts import need

DRAWN = ("--size", "32x32", "--resolution", "8", "--backend", "plain")
SMALL = ("--headless", "--seconds", "0.1", *DRAWN)
# What goes before a flag, so that nothing else is missing, by command.
WORDS: dict[str, tuple[str, ...]] = {
    "live": ("live", *SMALL),
    "soundcheck": ("soundcheck", *SMALL),
    "rehearse": ("rehearse", "demo", "--mute", *SMALL),
    "render": ("render", "demo", "-o", "out.mp4", "--seconds", "0.1", *DRAWN),
    "bench": ("bench", "--frames", "1"),
    "join": ("join", "../part.mkv", "-o", "out.mp4"),
    "image": ("image", "-o", "out.png", "--resolution", "8"),
    "project": ("project", "demo", "-o", "out.npy"),
    "analyze": ("analyze", "demo"),
    "model info": ("model", "info"),
    "model convert": ("model", "convert", "fruit", "-o", "out.safetensors"),
    "model compile": ("model", "compile"),
    "attributes": ("attributes",),
    "attributes list": ("attributes", "fruit", "list"),
    "attributes import": ("attributes", "fruit", "import", "../point.npy#0", "--name", "ripe"),
    "attributes measure": ("attributes", "fruit", "measure"),
    "stylize": ("stylize", "demo", "-o", "out.png"),
    "edit": ("edit", "../point.npy", "-o", "out.npy", "--attribute", "ripe=1"),
}
STYLES = Path(__file__).resolve().parents[1] / "data/style"
PHOTO = Path(__file__).resolve().parents[2] / "docs/desktop.jpg"
FLOW = ("edit", "../point.npy", "-o", "out.npy", "--flow", "../flow.pt", "--context-from", "../point.npy",
        "--context-to", "../point.npy")  # fmt: skip
# The same for arguments that stand for others, or beside others.
INSTEAD = {
    ("join", "parts"): ("join", "-o", "out.mp4"),
    ("edit", "output"): ("edit", "../point.npy", "-o", "out.npy", "--boundary", "../boundary.npy=1"),
    ("stylize", "weights"): ("stylize", str(PHOTO), "-o", "out.png"),
    ("stylize", "styles"): (
        "stylize",
        str(PHOTO),
        "-o",
        "out.png",
        "--weights",
        str(STYLES / "decoder.pth"),
        "--vgg",
        str(STYLES / "vgg_normalised.pth"),
    ),
    ("stylize", "vgg"): ("stylize", str(PHOTO), "-o", "out.png", "--weights", str(STYLES / "decoder.pth")),
    ("stylize", "output"): ("stylize", str(PHOTO), "-o", "out.png"),
    ("edit", "ws"): ("edit", "-o", "out.npy", "--attribute", "ripe=1"),
    ("edit", "z"): ("edit", "-o", "out.npy", "--boundary", "boundary.npy=1"),
    **{("edit", dest): FLOW for dest in ("flow", "context_from", "context_to")},
}
long = pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="a second each: LATENTVJ_LONG=1 runs them")
ODD = "Band: \udcff \u00e4"  # a colon, a byte that is no text, a letter beyond ASCII


def flags() -> Iterator[tuple[str, str, str]]:
    """Yield the command, the argument's name and its flag ("" where it has none) of all that is a file."""
    for command in COMMANDS:
        yield from _flags(parser(command), command, "")


def _flags(found: argparse.ArgumentParser, command: str, asked: str) -> Iterator[tuple[str, str, str]]:
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from _flags(sub, command, f"{asked} {name}".strip())
        elif asked.split(" ")[0] == command and action.nargs != 0 and action.dest in {**SOURCES, **TARGETS}:
            yield asked, action.dest, next(iter(action.option_strings), "")


FILES = [*flags()]
MANY = ("boundary", "keep")  # several, or with a number behind: tests of their own
READ = [each for each in FILES if each[1] in SOURCES and each[1] not in MANY]
WRITTEN = [each for each in FILES if each[1] in TARGETS]
SUFFIX = {"song": ".wav", "preset": ".toml", "setlist": ".toml", "model": ".safetensors", "models": ".safetensors",
          "checkpoint": ".pkl", "replay": ".jsonl", "ws": ".npy", "z": ".npy",
          "context_from": ".npy", "context_to": ".npy", "continue_from": ".npy"}  # fmt: skip


def words(command: str, dest: str, flag: str, file: str) -> list[str]:
    """Return the command line in which ``file`` stands at the flag."""
    before = [*INSTEAD.get((command, dest), WORDS[command])]
    if command == "attributes":
        return [command, file, "list"]
    if flag:
        if flag in before:
            at = before.index(flag)
            del before[at : at + 2]
        return [*before, flag, file, *(["--sweep"] if flag in ("--plot", "--models") and command == "bench" else [])]
    return [*(word for word in before if word not in ("demo", "fruit")), file]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film's only part."""
    need("EGL")
    path = tmp_path_factory.mktemp("part") / "part.mkv"
    assert main(["render", "demo", "--frames", "0:3", "-o", str(path), "--seconds", "0.1", *DRAWN]) == 0
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    if "-join-" in request.node.name.replace("[", "-"):
        shutil.copy(request.getfixturevalue("part"), tmp_path.parent)
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path.parent / "point.npy", np.zeros((14, 256), np.float32))
    np.save(tmp_path.parent / "boundary.npy", np.ones((1, 256)))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path.parent / f"{tmp_path.name}-settings"))  # what shows remember
    return tmp_path


def refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which a command line is refused."""
    capsys.readouterr()
    assert main(given) == 2, given
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.strip().splitlines() if not line.startswith("remembered:")]
    assert len(lines) == 1, lines
    return lines[0]


def test_every_command_with_files_is_in_the_table() -> None:
    assert {command for command, _, _ in FILES} == set(WORDS)


CASES = [(*each, kind) for each in READ for kind in ("missing", "folder", "empty")]


@pytest.mark.parametrize(
    ("command", "dest", "flag", "kind"),
    [
        case for case in CASES if case[1] not in ("shaders", "inbox") or case[3] == "missing"
    ],  # a folder is what it takes
)
def test_a_file_that_cannot_be_read_is_refused_by_its_name(
    folder: Path, command: str, dest: str, flag: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"a {kind} file{SUFFIX.get(dest, '')}"
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "empty":
        (folder / name).touch()
    assert name in refused(words(command, dest, flag, name), capsys)


PLACES = [(*each, kind) for each in WRITTEN for kind in ("nowhere", "folder")]


@pytest.mark.parametrize(
    ("command", "dest", "flag", "kind"),
    [case for case in PLACES if case[::3] != ("project", "folder") or case[2] != "-o"],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_run(
    folder: Path, command: str, dest: str, flag: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "nowhere/a file.mp4" if kind == "nowhere" else "a folder.mp4"
    if kind == "folder":
        (folder / name).mkdir()
    line = refused(words(command, dest, flag, name), capsys)
    assert name in line
    assert line.startswith(flag)
    assert [path.name for path in folder.iterdir()] == ([name] if kind == "folder" else [])


def test_odd_names_and_the_home_folder_are_files_like_any_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("EGL")
    song = shutil.move(beginning(folder, 3.0), folder / f"{ODD}.wav")
    assert main(["analyze", f"./{song.name}", "--json", f"~/{ODD}.json", f"--plot=~/{ODD}.png"]) == 0
    assert json.loads((folder / f"{ODD}.json").read_text())["samplerate"] == 48000
    assert (folder / f"{ODD}.png").stat().st_size > 1000
    assert main(["model", "convert", "fruit", "-o", f"~/{ODD}.safetensors"]) == 0
    np.save(folder / f"{ODD}.npy", np.zeros((1, 32), np.float32))
    assert main(["image", "--model", f"~/{ODD}.safetensors", f"--z=~/{ODD}.npy", "--resolution", "8",
                 "-o", f"./{ODD}-still.png"]) == 0  # fmt: skip
    (folder / f"{ODD}.toml").write_text("[latent]\nseeds = [1, 2]\n", encoding="utf-8")
    (folder / f"{ODD}-set.toml").write_text('[[cues]]\npreset = "~/plain: one.toml"\n', encoding="utf-8")
    (folder / "plain: one.toml").write_text("\ufeff[latent]\nseeds = [3, 4]\n", encoding="utf-8")
    show = [
        "rehearse",
        song.name,
        "--mute",
        *SMALL,
        "--seconds",
        "1.5",
        f"--record=~/{ODD}.mp4",
        "--trace",
        f"~/{ODD}.jsonl",
    ]
    assert main([*show, "--setlist", f"{ODD}-set.toml", "--log", f"./{ODD}-log.jsonl"]) == 0
    for name in (f"{ODD}-still.png", f"{ODD}.jsonl", f"{ODD}-log.jsonl", f"{ODD}.mp4"):
        assert (folder / name).stat().st_size > 200, name
    assert main(["render", f"~/{song.name}", "--replay", f"~/{ODD}-log.jsonl", *DRAWN, "-o", f"{ODD}-again.mp4"]) == 0
    assert main(["render", song.name, "--preset", f"~/{ODD}.toml", "--seconds", "0.1", *DRAWN,
                 "-o", f"~/{ODD}-film.mp4"]) == 0  # fmt: skip
    for name in (f"{ODD}-again.mp4", f"{ODD}-film.mp4"):
        assert (folder / name).stat().st_size > 200, name
    assert find_model(f"{ODD}.safetensors").is_file()
    assert "Traceback" not in capsys.readouterr().err
    assert not [path for path in os.listdir(folder) if "~" in path]


KINDS = {"trace": ".jsonl", "log": ".jsonl", "record": ".mp4", "json": ".json", "plot": ".png",
         "render": ".mp4", "image": ".png", "model convert": ".safetensors", "edit": ".npy",
         "project": ".npy", "compare": ".png"}  # fmt: skip
QUICK = (
    ("live", "record"),
    ("render", "output"),
    ("render", "trace"),
    ("image", "output"),
    ("model convert", "output"),
)
FULL = [
    pytest.param(*each, marks=[] if each[:2] in QUICK else long)
    for each in WRITTEN
    if each[:2] != ("bench", "plot")  # a sweep takes minutes
]


@pytest.mark.skipif(os.name != "posix", reason="files are not limited there")
@pytest.mark.parametrize(("command", "dest", "flag"), FULL)
def test_a_disk_that_is_full_costs_a_line_that_names_the_file(
    folder: Path, command: str, dest: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A show goes on without the file; what makes nothing but the file is refused, and leaves nothing."""
    import resource

    need("EGL")
    name = f"a full disk{KINDS.get(dest) or KINDS[command]}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # bytes of a file; more fails as on a full disk
    try:
        code = main(words(command, dest, flag, name))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"{name}: ")]
    assert len(said) == 1, said
    assert not said[0].startswith(f"{name}: recorded")
    if command in ("live", "rehearse"):
        assert code == 0
    elif command != "soundcheck":
        assert code == 2
        assert dest == "trace" or {path.name for path in folder.iterdir()} <= {".cache", "intel"}
