"""The side file of attributes, the mapper and the flow in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.borders.errors import UserError
from engine.generator.attributes import side_file
from engine.generator.attributes.attribute import check_name
from engine.generator.attributes.flow import Probed
from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.ode import integrate, solve
from tests.builders.attributes import made

NUM_WS, W_DIM = 6, 24


def test_what_is_written_is_read(tmp_path: Path):
    before = made()
    path = tmp_path / "m.attributes.safetensors"
    side_file.write(path, before)
    after = side_file.read_for(tmp_path / "m.pkl", before.sha256, NUM_WS, W_DIM)
    assert list(after.each) == ["ripe", "turn"]
    for name, attribute in before.each.items():
        same = after.each[name]
        np.testing.assert_array_equal(same.direction, attribute.direction)
        assert replace(same, direction=attribute.direction, leaks=attribute.leaks) != same  # compared by identity
        told = ("name", "scale", "mean", "sd", "unit", "spread", "origin")
        assert [getattr(same, key) for key in told] == [getattr(attribute, key) for key in told]
        assert dict(same.leaks) == dict(attribute.leaks)
    ws, change = torch.randn(2, NUM_WS, W_DIM), torch.tensor([[1.0, 0.0], [-1.0, 2.0]])
    assert before.mapper is not None
    assert before.flow is not None
    assert after.mapper is not None
    assert after.flow is not None
    assert after.mapper.names == ("ripe", "turn")
    torch.testing.assert_close(after.mapper.edit(ws, change), before.mapper.edit(ws, change))
    torch.testing.assert_close(after.flow(ws, change), before.flow(ws, change))


def test_a_model_without_a_side_file_has_no_attributes(tmp_path: Path):
    found = side_file.read_for(tmp_path / "m.pkl", "cd" * 32, NUM_WS, W_DIM)
    assert not found.each
    with pytest.raises(UserError, match="no attributes yet"):
        found.find("ripe", "--attribute ripe")


@pytest.mark.parametrize(
    ("sizes", "says"),
    [(("ab" * 32, NUM_WS, 32), "of 6 x 24 "), (("00" * 32, NUM_WS, W_DIM), "another SHA-256")],
)
def test_the_file_of_another_model_is_refused(tmp_path: Path, sizes: tuple[str, int, int], says: str):
    side_file.write(side_file.beside(tmp_path / "m.pkl"), made())
    with pytest.raises(UserError, match=says) as caught:
        side_file.read_for(tmp_path / "m.pkl", *sizes)
    assert str(caught.value).startswith(str(tmp_path / "m.attributes.safetensors"))


def broken(about: dict, state: dict[str, torch.Tensor]) -> list[tuple[dict, dict[str, torch.Tensor]]]:
    """Return damaged versions of a file's parts."""
    first = about["attributes"][0]

    def with_first(**changes: object) -> dict:
        return about | {"attributes": [first | changes]}

    return [
        (about | {"form": 99}, state),
        (about | {"num_ws": "6"}, state),
        (about | {"attributes": {"ripe": 1}}, state),
        (with_first(name="../ripe"), state),
        (with_first(name="mapper"), state),
        (with_first(scale=None), state),
        (with_first(leaks={"turn": "much"}), state),
        (about | {"attributes": [first, first]}, state),
        (about | {"mapper": ["ripe"]}, state),
        (about, {k: v for k, v in state.items() if k != "ripe.direction"}),
        (about, state | {"ripe.direction": torch.zeros(NUM_WS, W_DIM + 1)}),
        (about, state | {"turn.direction": torch.full((NUM_WS, W_DIM), torch.nan)}),
        (about, state | {"mapper.middle.weight": torch.zeros(3, 3)}),
        (about, {k: v for k, v in state.items() if k != "flow.ode.layers.0.gate.weight"}),
    ]


def test_a_damaged_file_is_one_line(tmp_path: Path):
    path = tmp_path / "m.attributes.safetensors"
    side_file.write(path, made())
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()[side_file.KEY])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for bad_about, bad_state in broken(about, state):
        save_file(bad_state, path, metadata={side_file.KEY: json.dumps(bad_about)})
        with pytest.raises(UserError, match=r"m\.attributes\.safetensors: ") as caught:
            side_file.read(path)
        assert "\n" not in str(caught.value)
    for rubbish in (b"", b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{", path.read_bytes()[:-9]):
        path.write_bytes(rubbish)
        with pytest.raises(UserError, match=r"m\.attributes\.safetensors: "):
            side_file.read(path)


@pytest.mark.parametrize("name", ["Ripe", "mapper", "a.b", "", "x" * 33, "9lives"])
def test_a_name_that_no_parameter_has_is_refused(name: str):
    with pytest.raises(UserError, match="--name"):
        check_name(name)
    assert check_name("ripe_2") == "ripe_2"


def test_no_change_returns_w_itself_and_the_layers_differ():
    mapper = made().mapper
    assert mapper is not None
    ws = torch.randn(3, NUM_WS, W_DIM)
    assert torch.equal(mapper.edit(ws, torch.zeros(3, 2)), ws)
    moved = mapper.edit(ws[:1, :1].repeat(1, NUM_WS, 1), torch.ones(1, 2)) - ws[:1, :1]
    assert bool(((moved[0, 0] - moved[0, 1]).abs() > 0.1).any())


def test_a_new_mapper_is_the_boundary_method():
    mapper = Mapper(("ripe",), NUM_WS, W_DIM)
    step = torch.randn(1, NUM_WS, W_DIM)
    mapper.directions.data.copy_(step)
    ws = torch.randn(1, NUM_WS, W_DIM)
    torch.testing.assert_close(mapper.edit(ws, torch.tensor([[1.5]])), ws + 1.5 * step)


def test_an_ode_is_solved_both_ways():
    # dx/dt = -10 x + t has a closed solution: c exp(-10 t) + t / 10 - 1 / 100.
    x, end = torch.tensor([1.0], dtype=torch.float64), 2.0
    exact = 1.01 * np.exp(-10 * end) + end / 10 - 0.01
    slope = lambda t, at: -10 * at + t  # noqa: E731
    assert float(solve(slope, x, 0.0, end, 1e-9)) == pytest.approx(exact, abs=1e-7)
    coarse = abs(float(integrate(slope, x, 0.0, end, 32)) - exact)
    fine = abs(float(integrate(slope, x, 0.0, end, 64)) - exact)
    assert coarse / fine > 12  # of order 4


def test_one_w_for_all_layers_is_edited_as_each_of_them():
    flow = made().flow
    assert flow is not None
    ws, source, target = torch.randn(2, 1, W_DIM), torch.zeros(2, 2), torch.ones(2, 2)
    other = torch.cat((ws, ws, ws + 0.5), dim=1)
    alike = flow.edit(ws.expand(-1, 3, -1), source, target)
    torch.testing.assert_close(alike[:, :2], flow.edit(other, source, target)[:, :2], atol=1e-5, rtol=1e-5)


def test_the_flow_goes_back_and_its_density_is_the_change_of_volume():
    flow = made().flow
    assert flow is not None
    ws, context = torch.randn(1, 1, W_DIM), torch.randn(1, 2)
    torch.testing.assert_close(flow.invert(flow(ws, context), context), ws, atol=1e-4, rtol=1e-4)
    jacobian = torch.autograd.functional.jacobian(lambda w: flow(w, context), ws)
    volume = torch.linalg.slogdet(jacobian.reshape(W_DIM, W_DIM))[1]
    noise = flow(ws, context)
    wanted = volume - 0.5 * (noise.square() + np.log(2 * np.pi)).sum()
    # The mean over the axes, each as long as there are axes, is the exact trace.
    probed = Probed(torch.eye(W_DIM)[:, None] * W_DIM**0.5, 16)
    found = flow.log_prob(ws.repeat(W_DIM, 1, 1), context.repeat(W_DIM, 1), probed).mean()
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=1e-4)
