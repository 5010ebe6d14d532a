"""What stands on the audience's picture: nothing that the show has to say."""

from __future__ import annotations

from pathlib import Path

import pytest

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
