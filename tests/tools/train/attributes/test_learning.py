"""The mapper and the flow learn; a teacher that cannot be asked is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.attributes.flow import Probed
from tools.train.attributes import learn_flow, learn_mapper, teachers
from tools.train.attributes.directions import ridge
from tools.train.attributes.surrogate import Surrogate

DIM, COUNT = 6, 400


@pytest.fixture(scope="module")
def world() -> tuple[learn_mapper.Known, Surrogate, torch.Tensor]:
    """Two attributes of a bent world."""
    torch.manual_seed(0)
    ws = torch.randn(COUNT, DIM)
    surrogate = Surrogate(ws, 2, 4).eval().requires_grad_(False)
    for parameter in surrogate.bent.parameters():
        parameter.mul_(2.5)
    scores, identity = surrogate(ws)
    return learn_mapper.Known.of(ws, scores, identity), surrogate, ridge(ws, scores)


def test_the_mapper_learns_to_move_one_and_leave_the_other(
    world: tuple[learn_mapper.Known, Surrogate, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, surrogate, readout = world
    monkeypatch.setattr(learn_mapper, "RATE", 1e-2)

    def error(mapper: learn_mapper.Mapper) -> float:
        ws, change = known.ws[:, None], torch.tensor([0.8, 0.0]).expand(COUNT, 2)
        moved = surrogate(mapper(ws, mapper.read(ws), change)[:, 0])[0]
        return float((moved - known.scores - change).square().mean())

    untaught = learn_mapper.begin(("a", "b"), known, readout, 1)
    taught = learn_mapper.by_surrogate(("a", "b"), known, surrogate, readout, 60)
    assert error(taught) < 0.7 * error(untaught)
    wide = learn_mapper.widened(taught, 3)
    ws, change = known.ws[:5, None], torch.tensor([[0.5, -0.5]]).expand(5, 2)
    torch.testing.assert_close(wide.edit(ws.expand(-1, 3, -1), change)[:, 2:], taught.edit(ws, change))
    torch.testing.assert_close(taught.edit(ws, torch.zeros(5, 2)), ws)


def test_what_is_asked_stays_within_what_the_samples_have(
    world: tuple[learn_mapper.Known, Surrogate, torch.Tensor],
) -> None:
    known = world[0]
    inside = known.take(((known.scores > known.edges[0]) & (known.scores < known.edges[1])).all(1).nonzero()[:, 0])
    change = learn_mapper.asked(known, torch.Generator().manual_seed(0), inside.scores)
    target = inside.scores + change
    assert bool((target >= known.edges[0] - 1e-5).all() and (target <= known.edges[1] + 1e-5).all())
    assert float(change.abs().mean()) > 0.2


def test_the_flow_begins_as_the_straight_answer_and_learns(
    world: tuple[learn_mapper.Known, Surrogate, torch.Tensor],
) -> None:
    known = world[0]
    probe = torch.randint(0, 2, (COUNT, 1, DIM), generator=torch.Generator().manual_seed(1)).float() * 2 - 1
    likely = []
    for steps in (1, 60):
        flow = learn_flow.learn(("a", "b"), known.ws, known.scores, steps, hidden=(16,))
        found = learn_flow.examine(flow, known.ws, known.scores)
        assert found["round_trip"] < 1e-3
        assert found["probe_r2"] < 0.1
        likely.append(float(flow.log_prob(known.ws[:, None], known.scores, Probed(probe)).mean()))
    assert likely[1] > likely[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "needs a line of names"), ("seed,smile\n1,0.5\n2,much\n", "line 3"), ("smile\n1\n2\n", "needs a line")],
)
def test_a_csv_that_tells_nothing_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"scores\.csv.*{reason}"):
        teachers.read_csv(path)


def test_a_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("seed,smile,age\n3,0.5,40\n9,-1,20\n")
    names, seeds, scores = teachers.read_csv(path)
    assert (names, seeds, scores.tolist()) == (("smile", "age"), [3, 9], [[0.5, 40.0], [-1.0, 20.0]])


def test_a_recogniser_that_is_missing_or_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--names"):
        teachers.open_teacher(str(tmp_path / "x.pt"), [], 64)
    with pytest.raises(UserError, match="no such file"):
        teachers.open_teacher(str(tmp_path / "x.pt"), ["smile"], 64)
