"""Every window is a whole `Window`: all that a show calls on one is there, called alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.borders.contracts import Window
from engine.borders.errors import UserError
from engine.stage.operator.opening import open_operator
from engine.stage.windows.headless import HeadlessWindow
from engine.stage.windows.video_file import VideoWindow
from engine.stage.windows.window import GlfwWindow
from tests.builders import warm
from tests.builders.contract import lacking, unlike
from tests.builders.show import ROOT, screen
from tests.parts import need

WINDOWS = (HeadlessWindow, VideoWindow, GlfwWindow)


@pytest.mark.parametrize("window", WINDOWS)
def test_every_method_is_called_as_the_contract_says(window: type) -> None:
    assert unlike(window, Window) == []


def test_a_window_that_nobody_sees_answers_everything(open_window) -> None:
    window: Window = open_window(32, 16)
    assert lacking(window, Window) == []
    assert (window.size, window.wall, window.paced, window.closed) == ((32, 16), None, False, False)
    assert (window.keys(), window.clicks(), window.waiting()) == ((), (), False)
    window.point(True)
    with pytest.raises(UserError, match="--headless"):
        open_operator(window)
    window.abort()
    window.close()


def test_a_film_answers_everything(tmp_path: Path) -> None:
    window: Window = VideoWindow(tmp_path / "film.mp4", (32, 16), 25)
    assert lacking(window, Window) == []
    assert (window.refresh_rate, window.wall) == (25, None)
    window.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_window_on_a_display_answers_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with screen(tmp_path, "320x200x24") as display:
        monkeypatch.setenv("DISPLAY", f":{display.number}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        window: Window = GlfwWindow((160, 100), "test")
        assert lacking(window, Window) == []
        assert window.wall is window
        window.abort()
        window.close()


SHOWS = ("render demo -o {}/o.mp4 --seconds 0.2", "rehearse demo --headless --mute --seconds 1")
LOADED_BY = """
import json, os, sys
from engine.cli.main import main
before = set()
for words in json.loads(sys.argv[1]):
    code = main(words)
    loaded = {name for name in sys.modules if name.partition(".")[0] == "glfw"}
    print(json.dumps([code, sorted(loaded - before)]), flush=True)
    before |= loaded
os._exit(0)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """Play every show of SHOWS in one process; return of each its exit code and what it loaded of glfw."""
    need("EGL")
    folder = tmp_path_factory.mktemp("loaded")
    small = ["--size", "64x64", "--resolution", "32", "--backend", "plain"]
    asked = json.dumps([[*words.format(folder).split(), *small] for words in SHOWS])
    done = warm.python("-c", LOADED_BY, asked, cwd=ROOT, timeout=240)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert (done.returncode, len(lines)) == (0, len(SHOWS)), done.stderr
    return dict(zip(SHOWS, lines, strict=True))


@pytest.mark.parametrize("words", SHOWS)
def test_a_show_without_a_window_does_not_load_glfw(words: str, loaded: dict[str, list[object]]) -> None:
    assert loaded[words] == [0, []]
