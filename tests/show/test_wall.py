"""What stands on the audience's picture: nothing that the show has to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.borders.options import StageOptions
from engine.show.open_window import open_window
from tests.builders.model_file import CONFIG, save
from tests.builders.show import trace, vj_here
from tests.parts import need


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("EGL")
    return save(tmp_path_factory.mktemp("wall") / "model.safetensors", CONFIG)


def render(model: Path, folder: Path, *more: object) -> tuple[list[str], str]:
    """Render a few frames; return the digests of the pictures and what was said."""
    log = folder / f"{len(list(folder.iterdir()))}.jsonl"
    done = vj_here("render", "demo", "-o", folder / "film.mp4", "--model", model, "--size", "64x64", "--resolution", 8,
                   "--seconds", 0.2, "--trace", log, "--trace-pictures", *more)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [row["picture_hash"] for row in trace(log)], done.stderr


def test_what_a_render_has_to_say_goes_to_the_terminal_and_not_into_the_film(model: Path, tmp_path: Path) -> None:
    plain, said = render(model, tmp_path)
    assert "seizures" not in said
    warned, said = render(model, tmp_path, "--no-flash-guard")
    assert said.count("the flash guard is off") == 1
    assert warned == plain
    assert len(set(plain)) > 1


class Opened:
    """What a window was opened with."""

    def __init__(self, *given: object, late: bool = False, **more: object) -> None:
        self.late = late


@pytest.mark.parametrize("given", [{}, {"display": "gone", "recalled": ("display",)}])
def test_no_empty_window_is_seen_before_the_first_picture(monkeypatch: pytest.MonkeyPatch, given: dict) -> None:
    monkeypatch.setattr("engine.stage.windows.window.GlfwWindow", Opened)
    monkeypatch.setattr("engine.stage.windows.displays.is_connected", lambda name: False)
    for full in (False, True):
        assert open_window(StageOptions(**given), "a preset", full, lambda line: None).late
