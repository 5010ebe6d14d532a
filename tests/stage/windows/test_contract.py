"""Every window is a whole `Window`: all that a show calls on one is there, called alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.borders.contracts import Window
from engine.borders.errors import UserError
from engine.stage.operator.opening import open_operator
from engine.stage.windows.headless import HeadlessWindow
from engine.stage.windows.video_file import VideoWindow
from engine.stage.windows.window import GlfwWindow
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
    assert (window.size, window.on_screen, window.paced, window.closed) == ((32, 16), False, False, False)
    assert (window.keys(), window.clicks(), window.waiting()) == ((), (), False)
    window.point(True)
    with pytest.raises(UserError, match="--headless"):
        open_operator(window)
    window.abort()
    window.close()


def test_a_film_answers_everything(tmp_path: Path) -> None:
    window: Window = VideoWindow(tmp_path / "film.mp4", (32, 16), 25)
    assert lacking(window, Window) == []
    assert (window.refresh_rate, window.on_screen) == (25, False)
    window.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_window_on_a_display_answers_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with screen(tmp_path, "320x200x24") as display:
        monkeypatch.setenv("DISPLAY", f":{display.number}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        window: Window = GlfwWindow((160, 100), "test")
        assert lacking(window, Window) == []
        assert window.on_screen
        window.abort()
        window.close()


@pytest.mark.parametrize(
    "words", ["render demo -o {}/o.mp4 --seconds 0.2", "rehearse demo --headless --mute --seconds 1"]
)
def test_a_show_without_a_window_does_not_load_glfw(words: str, tmp_path: Path) -> None:
    need("EGL")
    program = (
        "import os, sys; from engine.cli.main import main; code = main(sys.argv[1:]);"
        "print([name for name in sys.modules if name.partition('.')[0] == 'glfw']); sys.stdout.flush(); os._exit(code)"
    )
    small = ["--size", "64x64", "--resolution", "32", "--backend", "plain"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words.format(tmp_path).split(), *small],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr
