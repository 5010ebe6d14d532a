"""The recogniser: its maps, its answers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.borders.errors import UserError
from engine.generator.perceptual.names import ATTRIBUTES, KINDS
from engine.generator.perceptual.recogniser import Recogniser, angles_of, read_into, to_side


@pytest.fixture(scope="module")
def untaught() -> Recogniser:
    torch.manual_seed(0)
    return Recogniser().eval().requires_grad_(False)


def test_maps_halve_in_size_at_any_size(untaught: Recogniser) -> None:
    maps = untaught.features(torch.zeros(2, 3, 48, 80))
    assert [tuple(one.shape[2:]) for one in maps] == [(48, 80), (24, 40), (12, 20), (6, 10), (3, 5)]
    assert all((one >= 0).all() for one in maps)


def test_any_size_is_recognised_and_can_be_learnt_through(untaught: Recogniser) -> None:
    small = torch.rand(2, 3, 64, 64) * 2 - 1
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3).requires_grad_()
    found = untaught.recognise(large)
    assert found.kinds.shape == (2, len(KINDS))
    assert found.attributes.shape == (2, len(ATTRIBUTES))
    torch.testing.assert_close(found.identity.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(found.attributes, untaught.recognise(small).attributes, atol=1e-5, rtol=0)
    found.attributes.sum().backward()
    assert large.grad is not None
    assert large.grad.abs().amax() > 0
    assert to_side(torch.zeros(1, 3, 16, 32)).shape == (1, 3, 64, 64)


def test_sine_and_cosine_become_an_angle() -> None:
    told = torch.tensor([[0.1, 0.2, 0.3, 0.5, 0.5, -1.0, 0.0, 0.7, 0.8, 0.9]])
    found = dict(zip(ATTRIBUTES, angles_of(told)[0].tolist(), strict=True))
    assert found == pytest.approx(
        {"ripeness": 0.1, "colour": 0.2, "size": 0.3, "turn": torch.pi / 4, "tilt": -torch.pi / 2,
         "slice": 0.7, "stem": 0.8, "light": 0.9}
    )  # fmt: skip


def test_what_is_no_recogniser_is_refused_by_name(untaught: Recogniser, tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    with pytest.raises(UserError, match=r"some\.safetensors"):
        read_into(Recogniser(), path)
    save_file({"kind.weight": torch.zeros(1)}, path, metadata={"attributes": json.dumps(ATTRIBUTES)})
    with pytest.raises(UserError, match=r"some\.safetensors: not a recogniser's weights"):
        read_into(Recogniser(), path)
    save_file(untaught.state_dict(), path, metadata={"attributes": '["smile"]'})
    with pytest.raises(UserError, match=r"tells smile"):
        read_into(Recogniser(), path)
