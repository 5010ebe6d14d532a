"""Directions: what least squares and the SVM find where the answer is known."""

from __future__ import annotations

import pytest
import torch

from tools.train.attributes.directions import hinge, projected, ridge, svm


@pytest.fixture(scope="module")
def cloud() -> torch.Tensor:
    return torch.randn(2000, 12, generator=torch.Generator().manual_seed(0))


def test_the_svm_satisfies_its_own_conditions(cloud: torch.Tensor) -> None:
    """Karush, Kuhn, Tucker: w = Σ α s x with 0 ≤ α ≤ C, α = 0 beyond the margin, C within, and Σ α s = 0."""
    x, cost = cloud[:80].double(), 0.5
    sign = torch.sign(x[:, 0] + 0.5 * x[:, 1] + 0.4 * cloud[80:160, 2].double())
    w = hinge(x, sign, cost)
    reach = sign * (x @ w)
    offsets = sign - x @ w  # the b at which each sample lies on its margin
    loss = torch.stack([(1 - reach - sign * b).clamp(min=0).sum() for b in offsets])
    b = offsets[loss.argmin()]
    gap = reach + sign * b
    assert (gap < 0.9).any()
    active = (gap - 1).abs() < 0.02
    bound = (gap < 0.98).double() * cost
    rest = w - (bound * sign) @ x  # what the samples on the margin have to make up
    alpha = torch.linalg.lstsq((sign[active, None] * x[active]).T, rest[:, None]).solution[:, 0]
    torch.testing.assert_close((alpha * sign[active]) @ x[active], rest, atol=0.02, rtol=0)


def test_a_boundary_and_least_squares_find_the_axis(cloud: torch.Tensor) -> None:
    axis = torch.nn.functional.normalize(torch.arange(12.0) - 4, dim=0)
    scores = torch.sigmoid(2 * cloud @ axis)
    assert float(svm(cloud, scores, 0.1) @ axis) > 0.97
    fitted = ridge(cloud, scores[:, None])[0]
    assert float(fitted @ axis / fitted.norm()) > 0.99


def test_projection_leaves_the_others_alone(cloud: torch.Tensor) -> None:
    normal = projected(cloud[0], cloud[1:5])
    assert float(normal.norm()) == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(cloud[1:5] @ normal, torch.zeros(4), atol=1e-5, rtol=0)
    assert float(normal @ cloud[0]) > 0
