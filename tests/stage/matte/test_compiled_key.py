"""The compiled key against the tensors, byte for byte: one says in two passes what the other says in forty."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.borders.keying import Keying
from engine.stage.matte import compiled_key
from engine.stage.matte.stage import Matte
from engine.system import compiled
from tests.builders.params import Params

needs_compiler = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")

SHAPES = [(256, 256), (128, 200), (101, 77), (64, 9)]
GROUNDS: list[tuple[float, float, float] | None] = [
    (1.0, 1.0, 1.0),
    (0.0, 0.0, 0.0),
    (0.0, 0.8, 0.2),
    (1.0, 0.5, 0.0),
    None,
]


def pictured(shape: tuple[int, int], ground: tuple[float, float, float] | None, seed: int = 3) -> torch.Tensor:
    """Return two speckled balls with rims, one of them pale, on a floor with shadows and unrest, uint8 [H, W, 4]."""
    height, width = shape
    some = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    floor = torch.tensor(ground or (0.7, 0.9, 0.6))[:, None, None]
    floor = floor * (1.0 - 0.4 * torch.exp(-6 * ((x + 0.2) ** 2 + (y - 0.6) ** 2)))
    picture = floor + 0.02 * torch.rand(3, height, width, generator=some)
    for place, size, colour, speckles in ((-0.35, 0.5, (0.7, 0.2, 0.5), 0.3), (0.7, 0.25, (0.8, 0.85, 0.7), 0.1)):
        share = ((size - torch.hypot(x - place, y)) * min(shape) / 2).clamp(0, 1)
        ball = torch.tensor(colour)[:, None, None] + speckles * torch.rand(3, height, width, generator=some)
        picture = share * ball + (1 - share) * picture
    rgba = torch.cat((picture, torch.ones(1, height, width)))
    return (rgba.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous()


def both(frame: torch.Tensor, painted: torch.Tensor, keying: Keying, **values: float) -> tuple[Any, Any]:
    """Return the frame as the compiled code and as tensors key it."""
    params = Params({"picture.matte": 1.0} | {f"picture.{name}": value for name, value in values.items()})
    made = Matte()
    assert made._compiled is not None, "keyed by tensors"
    return made(frame, painted, keying, params), Matte(compiled=False)(frame, painted, keying, params)


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    ("shadow", "pocket", "step", "passage"), [(0.5, 0.027, 0.12, 0.032), (0.0, 0.0, 0.3, 0.1), (0.3, 0.05, 0.0, 0.0)]
)
def test_the_bytes_are_the_tensors(shape, ground, shadow, pocket, step, passage):
    frame = pictured(shape, ground)
    one, other = both(frame, frame, Keying(ground, False, 0.1, shadow, 0.016, pocket, step, passage))
    assert torch.equal(one, other)
    assert (other[..., 3] == 0).any()
    assert (other[..., 3] == 255).any()
    if min(shape) > 50:
        assert ((other[..., 3] > 20) & (other[..., 3] < 235)).any(), "no rim"


@needs_compiler
@pytest.mark.parametrize(
    "values", [{"matte": 0.4}, {"shadow": 0.0}, {"shadow": 0.7, "matte": 0.8}, {"tolerance": 2.0}, {"spread": 1.0}]
)
@pytest.mark.parametrize("styled", [False, True])
def test_the_bytes_are_the_tensors_whatever_the_knobs_say(values, styled):
    frame = pictured((128, 128) if "spread" in values else (128, 160), (1.0, 1.0, 1.0))
    painted = frame
    if styled:
        painted = frame.clone()
        painted[..., :3] = 255 - painted[..., :3].flip(2)
    one, other = both(frame, painted, Keying((1.0, 1.0, 1.0), shadow=0.5, margin=0.016), **values)
    assert torch.equal(one, other)


@needs_compiler
def test_one_key_takes_every_size_and_a_frame_in_another_order():
    made, floor = Matte(), Matte(compiled=False)
    keying, params = Keying((1.0, 1.0, 1.0), shadow=0.5), Params({"picture.matte": 1.0})
    for shape in ((64, 64), (96, 40), (64, 64)):
        frame = pictured(shape, (1.0, 1.0, 1.0))
        turned = frame.transpose(0, 1)
        for each in (frame, turned):
            assert torch.equal(made(each, each, keying, params), floor(each, each, keying, params))


def test_without_a_compiler_the_tensors_key(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert compiled_key.open_key() is None
    frame = pictured((64, 64), (1.0, 1.0, 1.0))
    made = Matte()(frame, frame, Keying((1.0, 1.0, 1.0)), Params({"picture.matte": 1.0}))
    assert made[1, 1, 3] == 0


@needs_compiler
def test_a_folder_that_keeps_nothing_is_no_reason_to_stop(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled_key.open_key() is None
