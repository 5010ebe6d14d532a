"""What a show's flags chose is there at the next show without flags, is told, and is forgotten when that is asked."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli import arguments, remembered
from engine.cli.live import LiveOptions
from engine.cli.main import main, parser, recall
from engine.cli.say import say
from engine.control.presets import preset as presets
from engine.show.opening import preset_folders
from engine.show.table import standard
from engine.system import user_folders


class Wall:
    """As much of a window on a display as is remembered."""

    display = "DP-1"

    @property
    def wall(self) -> Wall:
        return self


class NoWall:
    """A show without a window."""

    wall = None


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


def begin(*words: str) -> tuple[LiveOptions, argparse.Namespace]:
    """Return the options of a show with these flags."""
    args = parser("live").parse_args(["live", *words])
    recall(args)
    return arguments.options_of(args, LiveOptions), args


def play(*words: str, heard: str | None = None, window: object = NoWall) -> LiveOptions:
    """Let a show begin with these flags, and return its options."""
    options, _ = begin(*words)
    for line in options.remembered:
        say(line)
    remembered.remember(options, window(), heard)  # type: ignore[operator]
    return options


def test_what_flags_chose_is_there_without_them_and_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    play("--audio-in", "usb", "--midi", "nano", "--size", "640x480", "--display", "1", "--operator", "--preset",
         "tidal", "--takeover", "jump", heard="USB Codec: 2 in", window=Wall)  # fmt: skip
    assert capsys.readouterr().err == "", "the first time nothing was remembered"
    again = play(window=Wall)
    assert (again.audio_in, again.midi, again.display, again.operator) == ("USB Codec: 2 in", "nano", "DP-1", "")
    assert (again.size, again.preset, again.takeover) == ((640, 480), "tidal", "jump")
    assert again.recalled == set(remembered.CHOICES) - {"setlist", "video_in"}
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in ("USB Codec: 2 in", "nano", "DP-1", "640x480", "tidal", "jump", "--forget"))
    assert json.loads(user_folders.remembered_file().read_text())["display"] == "DP-1"


def test_a_show_without_flags_remembers_nothing() -> None:
    options = play(window=Wall, heard="Built-in")
    assert options.preset == "default"
    assert not user_folders.remembered_file().exists()


def test_the_default_preset_can_be_chosen() -> None:
    play("--preset", "tidal")
    assert play("--preset", "default").preset == "default"
    assert begin()[1].recalled == {"preset"}


def test_a_preset_and_a_setlist_go_over_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "friday.toml").write_text('[[cues]]\npreset = "tidal"\n')
    monkeypatch.chdir(tmp_path)
    play("--preset", "market")
    play("--setlist", "friday.toml")
    monkeypatch.chdir("/")
    assert (play().setlist, play().preset) == (tmp_path / "friday.toml", "default")
    assert play("--preset", "pond").setlist is None
    assert (play().setlist, play().preset) == (None, "pond")


def test_a_preset_of_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    monkeypatch.chdir(tmp_path)
    play("--preset", "mine.toml")
    monkeypatch.chdir("/")
    assert play().preset == str(tmp_path / "mine.toml")


def test_what_is_gone_costs_a_line_and_nothing_takes_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset, setlist = tmp_path / "mine.toml", tmp_path / "friday.toml"
    preset.write_text('name = "mine"\n')
    setlist.write_text('[[cues]]\npreset = "tidal"\n')
    for words in (("--preset", str(preset)), ("--setlist", str(setlist))):
        play(*words)
        Path(words[1]).unlink()
        capsys.readouterr()
        options = play()
        assert (options.preset, options.setlist, options.recalled) == ("default", None, frozenset())
        assert [words[1] in line for line in capsys.readouterr().err.splitlines()] == [True, True]


def test_a_show_without_a_window_leaves_the_window_alone() -> None:
    play("--size", "640x480", "--display", "0", window=Wall)
    headless = play("--headless", "--size", "64x64")
    assert (headless.size, headless.display) == ((64, 64), None)
    assert play("--headless").size is None
    assert play(window=Wall).size == (640, 480)


def test_a_show_that_is_taken_up_has_its_journals_preset() -> None:
    play("--preset", "tidal", "--takeover", "jump", "--midi", "nano")
    assert begin("--resume")[1].recalled == {"midi"}


def test_what_is_refused_gets_one_line_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    play("--preset", "tidal")
    assert main(["live", "--headless", "--setlist", "gone.toml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "gone.toml" in line


def test_a_remembered_file_that_is_broken_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "friday.toml").write_text('[[cues]]\npreset = "nowhere"\n')
    play("--setlist", str(tmp_path / "friday.toml"))
    capsys.readouterr()
    assert main(["live", "--headless"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "friday.toml" in line
    assert "'nowhere'" in line
    assert line.endswith("; it is remembered, --forget starts without")
    assert main(["live", "--headless", "--setlist", str(tmp_path / "friday.toml")]) == 2
    assert "it is remembered" not in capsys.readouterr().err


def test_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    play("--preset", "tidal")
    assert play("--forget").preset == "default"
    assert not user_folders.remembered_file().exists()
    assert capsys.readouterr().err == ""


def test_what_an_editor_has_marked_is_remembered_all_the_same() -> None:
    user_folders.save(user_folders.remembered_file(), "\ufeff" + json.dumps({"preset": "tidal"}))
    assert play().preset == "tidal"
    assert user_folders.remembered() == {"preset": "tidal"}


@pytest.mark.parametrize("text", ["", "[]", '{"size": "9x9", "takeover": "up", "preset": 3, "midi": ""}', '{"size": "'])
def test_a_broken_memory_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    user_folders.save(user_folders.remembered_file(), text)
    assert play().recalled == frozenset()
    assert capsys.readouterr().err == ""


def test_a_preset_that_was_gone_to_by_hand_is_the_last_one(tmp_path: Path) -> None:
    options = play()
    default, tidal = (presets.find(name, preset_folders(), standard()) for name in ("default", "tidal"))
    remembered.remember_preset(options, default, default)
    assert not user_folders.remembered_file().exists()
    remembered.remember_preset(replace(options, setlist=tmp_path / "friday.toml"), default, tidal)
    assert not user_folders.remembered_file().exists(), "a setlist changes presets by itself"
    remembered.remember_preset(options, default, tidal)
    assert play().preset == "tidal"


@pytest.mark.parametrize("words", [["render", "demo", "-o", "x.mp4"], ["bench"]])
def test_only_shows_take_what_is_remembered(words: list[str]) -> None:
    play("--preset", "tidal")
    args = parser(words[0]).parse_args(words)
    recall(args)
    assert args.preset == "default"


def test_devices_say_what_is_remembered(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.devices._texture", lambda: {"found": [], "reason": "not looked at"})
    play("--preset", "tidal")
    assert main(["devices"]) == 0
    said = capsys.readouterr().out
    assert "tidal" in said
    assert "--forget" in said
    assert main(["devices", "--forget"]) == 0
    assert "tidal" not in capsys.readouterr().out


def test_a_camera_is_remembered_by_its_name_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    options, _ = begin("--video-in", "0")
    remembered.remember(options, NoWall(), seen="Cam Link 4K")  # type: ignore[arg-type]
    again, args = begin()
    assert again.video_in == "Cam Link 4K"
    assert "video_in" in again.recalled, "it is waited for where it is not plugged in"
    assert "video Cam Link 4K" in args.remembered[0]
    remembered.remember(begin()[0], NoWall(), seen="another")  # type: ignore[arg-type]
    assert begin()[0].video_in == "Cam Link 4K", "what no flag chose is not kept"
