"""What a run writes is never what it reads, never two things at once, and never what another run writes."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli import arguments
from engine.cli.main import COMMANDS, main, parser
from engine.cli.own_files import SOURCES, TARGETS, kept_folders
from engine.gesture.writer import GestureLog
from engine.show.trace import Trace
from engine.stage.recording.movie import Movie
from engine.system.part_file import PartFile
from tests.builders.show import vj_here

SHOW = ("live", "--headless")


def actions(found: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of a parser and of the parsers below it."""
    for action in found._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from actions(sub)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_that_is_a_path_is_known_as_read_or_written(command: str) -> None:
    for action in actions(parser(command)):
        if action.type in (Path, arguments.path):
            assert action.type is arguments.path, f"{action.dest}: ~ is not expanded"
            assert (action.dest in TARGETS) != (action.dest in SOURCES), action.dest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a show's folder, which is the current one, with a file of every kind that a show reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    (tmp_path / "mine.safetensors").write_bytes(b"model")
    (tmp_path / "mine.calibration.safetensors").write_bytes(b"side")
    (tmp_path / "me.npy").write_bytes(b"w")
    for name in ("me.png", "pattern.png", "varied.ckpt.index", "d.pth", "v.pth"):
        (tmp_path / name).write_bytes(b"a file")
    for name in ("behind.mp4", "mine.matte.toml", "mine.safetensors.toml", "waves.fs", "hinge.fs", "glow.frag"):
        (tmp_path / name).write_bytes(b"a file")
    (tmp_path / "a.toml").write_text(
        'model = "mine.safetensors"\npasses = ["isf:waves.fs", "./glow"]\n[latent]\nseeds = [1, "me.npy"]\n'
        '[background]\nsource = "behind.mp4"\n',
        encoding="utf-8",
    )
    (tmp_path / "set.toml").write_text(
        '[[cues]]\npreset = "a.toml"\nmorph = 1\ntransition = "isf:hinge.fs"\n', encoding="utf-8"
    )
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.png").write_bytes(b"a picture")
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders/glow.frag").write_text("#version 330 core\n", encoding="utf-8")
    (tmp_path / "log.jsonl").write_text('{"gesture_log":1,"song":"song.wav","model":{"path":"mine.safetensors"}}\n')
    return tmp_path


OWN = [
    (("render", "song.wav", "-o"), "song.wav", "the song"),
    (("render", "song.wav", "-o", "o.mp4", "--trace"), "song.wav", "the song"),
    (("rehearse", "song.wav", "--mute", "--headless", "--record"), "song.wav", "the song"),
    (("analyze", "song.wav", "--json"), "song.wav", "the song"),
    (("analyze", "song.wav", "--plot"), "song.wav", "the song"),
    ((*SHOW, "--preset", "a.toml", "--trace"), "a.toml", "the preset"),
    ((*SHOW, "--preset", "a.toml", "--log"), "mine.safetensors", "the model"),
    ((*SHOW, "--preset", "a.toml", "--log"), "mine.calibration.safetensors", "the model"),
    ((*SHOW, "--preset", "a.toml", "--trace"), "me.npy", "a file of w"),
    ((*SHOW, "--preset", "a.toml", "--record"), "behind.mp4", "the background"),
    (("render", "song.wav", "--preset", "a.toml", "-o"), "behind.mp4", "the background"),
    ((*SHOW, "--preset", "a.toml", "--trace"), "waves.fs", "a shader"),
    ((*SHOW, "--preset", "a.toml", "--trace"), "glow.frag", "a shader"),
    ((*SHOW, "--preset", "a.toml", "--trace"), "mine.matte.toml", "a file of the model"),
    ((*SHOW, "--model", "mine.safetensors", "--log"), "mine.safetensors.toml", "a file of the model"),
    ((*SHOW, "--setlist", "set.toml", "--trace"), "hinge.fs", "a shader"),
    ((*SHOW, "--setlist", "set.toml", "--trace"), "set.toml", "the setlist"),
    ((*SHOW, "--setlist", "set.toml", "--trace"), "me.npy", "a file of w"),
    ((*SHOW, "--setlist", "set.toml", "--record"), "a.toml", "a preset"),
    ((*SHOW, "--shaders", "shaders", "--trace"), "shaders/glow.frag", "a shader"),
    ((*SHOW, "--model", "mine.safetensors", "--trace"), "mine.safetensors", "the model"),
    (("bench", "--model", "mine.safetensors", "--json"), "mine.safetensors", "the model"),
    (("bench", "--sweep", "--models", "fruit,mine.safetensors", "--plot"), "mine.safetensors", "a model"),
    (("image", "--ws", "me.npy", "-o"), "me.npy", "the file of w"),
    (("image", "--z", "me.npy", "-o"), "me.npy", "the file of z"),
    (("model", "convert", "mine.safetensors", "-o"), "mine.safetensors", "the model"),
    (("stylize", "me.png", "-o"), "me.png", "the picture"),
    (("stylize", "me.png", "--style", "pattern.png:0.5", "-o"), "pattern.png", "a style"),
    (("stylize", "me.png", "--weights", "varied.ckpt", "-o"), "varied.ckpt.index", "the weights"),
    (("stylize", "me.png", "--weights", "d.pth", "--vgg", "v.pth", "-o"), "v.pth", "the VGG"),
    (("render", "--replay", "log.jsonl", "-o"), "log.jsonl", "the gesture log"),
    (("render", "--replay", "log.jsonl", "-o"), "song.wav", "the song"),
    (("render", "--replay", "log.jsonl", "-o"), "mine.safetensors", "the model"),
]


@pytest.mark.parametrize(("words", "target", "what"), OWN, ids=lambda value: " ".join(value) if value else "")
def test_a_target_that_the_run_reads_is_refused(
    folder: Path, words: tuple[str, ...], target: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / target).read_bytes()
    suffix = Path(target).suffix
    os.symlink(folder / target, folder / f"link{suffix}")
    os.link(folder / target, folder / f"hard{suffix}")
    other = Path(target).with_name(Path(target).name.upper())
    names = (target, f"./shaders/../{target}", str(folder / target), f"link{suffix}", f"hard{suffix}", str(other))
    for name in names:
        assert main([*words, name]) == 2, name
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert f" {name.removeprefix('./')}: is " in line
        assert what in line
    assert (folder / target).read_bytes() == before


BESIDE = [
    (("stylize", "me.preview.png", "-o", "me.png", "--preview"), "me.preview.png", "--preview", "the picture"),
    (("stylize", "photos", "-o", "out"), "out/one.png", "-o", "a style"),
    (("stylize", "photos", "-o", "photos"), "photos/one.png", "-o", "the picture"),
    (("project", "me.preview.png", "-o", "me.npy", "--preview"), "me.preview.png", "--preview", "a picture"),
    (("project", "me.png", "-o", "me.npy", "--tune"), "me.tuned.safetensors", "--tune", "the model"),
    (("project", "photos", "-o", "out", "--preview"), "out/one.preview.png", "--preview", "the mask"),
]


@pytest.mark.parametrize(("words", "target", "flag", "what"), BESIDE, ids=lambda value: " ".join(value))
def test_a_file_whose_name_the_run_makes_itself_is_none_that_it_reads(
    folder: Path, words: tuple[str, ...], target: str, flag: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A preview, a tuned model, the pictures of a folder: nobody has named them, and they are written all the same."""
    (folder / "out").mkdir()
    (folder / target).write_bytes(b"the performer's")
    named = {"a style": ("--style", target), "the model": ("--model", target), "the mask": ("--mask", target)}
    assert main([*words, *named.get(what, ())]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"{flag} {target}: is {what} of this very run")
    assert (folder / target).read_bytes() == b"the performer's"


TWICE = [
    (*SHOW, "--trace", "x.jsonl", "--log", "x.jsonl"),
    (*SHOW, "--trace", "x.jsonl", "--log", "X.jsonl"),
    (*SHOW, "--trace", "x.mp4", "--record", "./x.mp4"),
    ("render", "demo", "-o", "x.mp4", "--trace", "shaders/../x.mp4"),
    ("analyze", "demo", "--json", "x", "--plot", "x"),
    ("bench", "--json", "x", "--plot", "x"),
    ("bench", "--json", "x", "--trace", "x"),
]


@pytest.mark.parametrize("words", TWICE, ids=" ".join)
def test_two_outputs_of_one_name_are_refused(
    folder: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    there = sorted(folder.iterdir())
    assert main([*words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "name one file for each" in line
    assert sorted(folder.iterdir()) == there


def test_two_outputs_may_go_to_the_same_device(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rehearse", "none.wav", "--mute", "--headless", "--trace", os.devnull, "--log", os.devnull]
    assert main(words) == 2
    assert "none.wav" in capsys.readouterr().err


def test_a_file_that_another_run_writes_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, log = Trace(folder / "t.jsonl"), GestureLog(folder / "g.jsonl", print)
    log.begin({})
    film = Movie(folder / "o.mp4", (64, 64), 30.0)
    for words in ([*SHOW, "--trace", "t.jsonl"], [*SHOW, "--log", "g.jsonl"], ["render", "demo", "-o", "o.mp4"]):
        capsys.readouterr()
        assert main(words) == 2
        assert "another run is writing this file" in capsys.readouterr().err
    trace.close()
    log.close()
    film.abort()
    assert (folder / "g.jsonl").read_text(encoding="utf-8").startswith('{"gesture_log"')


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_writes_is_not(folder: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from engine.system.part_file import PartFile;"
        "PartFile(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [str(root / ".venv/bin/python"), "-c", script, str(folder / "old.mp4")]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(root)}, check=False)
    (left,) = folder.glob(".old.mp4.*.part.mp4")
    running = PartFile(folder / "new.mp4")
    others = [folder / name for name in (".mine.part", ".download.iso.4711.part", ".film.mp4.12.part.mp4")]
    for other in others:
        other.touch()
    done = vj_here("analyze", folder / "none.wav", "--json", folder / "f.json")
    assert done.returncode == 2
    assert f"{left}: removed" in done.stderr
    assert not left.exists()
    assert running.part.exists()
    assert all(other.exists() for other in others)  # other programs' and the performer's
    running.discard()


def test_a_show_removes_what_was_left_in_the_folders_that_it_writes_to_by_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(variable, str(folder / "home"))
    left = [place / ".keep-001.png.4711.vj.part.png" for place in kept_folders()]
    for part in left:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    assert main([*SHOW, "--setlist", "none.toml"]) == 2
    said = capsys.readouterr().err
    for part in left:
        assert not part.exists()
        assert f"{part}: removed" in said


NUMBERS = [
    (*SHOW, "--seed", "-1"),
    (*SHOW, "--seed", "4294967296"),
    (*SHOW, "--seed", "1.5"),
    (*SHOW, "--fps", "nan"),
    (*SHOW, "--fps", "-3"),
    (*SHOW, "--fps", "x"),
    (*SHOW, "--fps", "1e300"),
    ("render", "demo", "-o", "o.mp4", "--fps", "1e-9"),
    ("render", "demo", "-o", "o.mp4", "--fps", "1000.5"),
    (*SHOW, "--seconds", "0"),
    (*SHOW, "--seconds", "inf"),
    (*SHOW, "--osc-port", "-1"),
    (*SHOW, "--size", "-5x10"),
    ("render", "demo", "-o", "o.mp4", "--seed", "-1"),
    ("rehearse", "demo", "--seed", "-1"),
    ("bench", "--frames", "-1"),
    ("bench", "--frames", "0"),
    ("image", "-o", "o.png", "--seed", "-1"),
    ("image", "-o", "o.png", "--seed", "\u00b2"),
    ("image", "-o", "o.png", "--seed", "1..\u00b2"),
    ("image", "-o", "o.png", "--seed", "9" * 5000),
    ("image", "-o", "o.png", "--psi", "nan"),
    ("image", "-o", "o.png", "--label", "-1"),
]


@pytest.mark.parametrize("words", NUMBERS, ids=" ".join)
def test_a_number_that_cannot_be_is_refused_by_its_flag(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words[-2] in line
    assert list(tmp_path.iterdir()) == []
