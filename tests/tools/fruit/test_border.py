"""The finest block learns that the picture goes on beyond its border; nothing else of the network moves."""

import numpy as np
import torch

from tools.fruit.border import going_on, teach
from tools.fruit.render import sample
from tools.fruit.student import Plan, Student

PLAN = Plan(resolution=16, channel_base=128, channel_max=16, w_dim=16, mapping_layers=2, batch=2)


def test_what_goes_on_repeats_what_is_inside() -> None:
    picture = torch.arange(36.0).reshape(1, 1, 6, 6)
    on = going_on(picture, 2)
    assert torch.equal(on[..., 2:4, 2:4], picture[..., 2:4, 2:4])
    assert torch.equal(on[0, 0, :3, :3], picture[0, 0, 2, 2].expand(3, 3))
    assert torch.equal(on[0, 0, 3], picture[0, 0, 3, [2, 2, 2, 3, 3, 3]])


def test_the_border_is_taught_and_the_blocks_before_are_left_alone() -> None:
    torch.manual_seed(1)
    student = Student(PLAN)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    theta = torch.from_numpy(sample(np.random.default_rng(3), 8))

    def off() -> float:
        with torch.no_grad():
            drawn = student(theta, 16).clamp(-1, 1)
        return float((drawn - going_on(drawn, 1)).abs().sum())

    first = off()
    losses = teach(student, PLAN, 0.05, rate=1e-2)
    assert losses[-1] < losses[0]
    assert off() < 0.95 * first
    moved = {name for name, value in student.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(".b16." in name for name in moved)
