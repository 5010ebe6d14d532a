"""A preset's [style] in a show: painted over, refused in one line, kept by a saved preset, governed first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.borders.preset import Preset, Styling
from engine.control.presets.preset import parse
from engine.control.presets.preset_file import write
from engine.show.open_style import open_look, split_share
from engine.show.render_size import STEP, ladder
from engine.show.table import standard
from engine.stage.style.stage import PresetLook
from tests.builders.style import DECODER, JOHNSON, MAGENTA


class Processor:
    """What opening a style asks of a model."""

    device, precision = torch.device("cpu"), "fp32"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('styles = ["a"]', "'weights' is missing"),
        ('weights = "w"\nsize = 8', "'size' must be whole pixels"),
        ('weights = "w"\nstyles = [1, 2, 3, 4, 5]', "4 at most"),
        ('weights = "w"\nstyles = [true]', "names, numbers or pictures"),
        ('weights = "w"\nstrength = 1', "unknown"),
    ],
)
def test_a_wrong_table_is_refused_with_its_key(tmp_path: Path, table: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as told:
        parse(f'name = "x"\n[style]\n{table}\n', tmp_path / "x.toml", standard())
    assert "x.toml" in str(told.value)


def test_files_lie_beside_the_preset_and_a_saved_preset_names_them_whole(tmp_path: Path) -> None:
    (tmp_path / "my.ckpt").touch()
    text = 'name = "x"\n[style]\nweights = "my.ckpt"\nstyles = [1, "2"]\nsize = 64\n[params.style.mix]\n2 = 0.5\n'
    preset = parse(text, tmp_path / "x.toml", standard())
    assert preset.style == Styling(str(tmp_path / "my.ckpt"), ("1", "2"), 64)
    assert preset.params["style.mix.2"] == 0.5
    again = parse(write(preset, standard()), tmp_path / "other" / "y.toml", standard())
    assert again.style == preset.style


def test_a_missing_or_wrong_style_is_one_line_that_names_the_preset(tmp_path: Path) -> None:
    for styling, says in (
        (Styling("nothing"), "no style network"),
        (Styling(str(MAGENTA), ("9",)), "from 0 to 4"),
        (Styling(str(DECODER)), "needs its encoder"),
        (Styling(str(tmp_path)), "folder"),
    ):
        with pytest.raises(UserError, match=says) as told:
            open_look(Preset("night", style=styling), Processor())  # type: ignore[arg-type]
        assert str(told.value).startswith("night: [style] ")


def test_the_next_preset_takes_the_network_that_plays() -> None:
    first = Preset("a", style=Styling(str(MAGENTA), ("1", "2"), 64))
    look = open_look(first, Processor())  # type: ignore[arg-type]
    second = Preset("b", style=Styling(str(MAGENTA), ("3",), 64))
    again = open_look(second, Processor(), first, look)  # type: ignore[arg-type]
    assert isinstance(look, PresetLook)
    assert again is not None
    assert again.painter is look.painter
    other = open_look(Preset("c", style=Styling(str(JOHNSON))), Processor(), second, again)  # type: ignore[arg-type]
    assert other is not None
    assert other.painter is not look.painter
    assert open_look(Preset("d"), Processor(), first, look) is None  # type: ignore[arg-type]
    painted = look.paint(torch.rand(1, 3, 32, 48), look.code([0.5, 0.5, 1.0, 0.0]))
    assert painted.shape == (1, 3, 32, 48)
    assert np.isfinite(painted.numpy()).all()


def test_the_style_is_made_smaller_before_the_generator() -> None:
    rungs = [divmod(rung, STEP) for rung in ladder((64, 128, 256), (64, 96, 128))]
    assert rungs == [(64, 64), (128, 64), (256, 64), (256, 96), (256, 128)]
    assert [divmod(rung, STEP) for rung in ladder((64, 128), ())] == [(64, 0), (128, 0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [("7", ("7", 1.0)), ("7:.5", ("7", 0.5)), ("a:b.png", ("a:b.png", 1.0)), ("a:b.png:2", ("a:b.png", 2.0))],
)
def test_a_share_stands_behind_the_last_colon_where_a_number_follows(text: str, found: tuple[str, float]) -> None:
    assert split_share(text) == found
