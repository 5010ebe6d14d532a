"""The ring of the slit-scan: its memory is not cleared, and nothing of it is ever shown."""

from __future__ import annotations

import pytest
import torch

from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.ring import MapRing
from tests.builders.params import Params


def test_an_uncleared_ring_never_shows_what_was_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory full of not-a-number: none of it may reach the picture, however little of a past there is."""
    own = MapRing.__init__

    def dirty(self: MapRing, like: torch.Tensor, slots: int) -> None:
        own(self, like, slots)
        self._table.fill_(float("nan"))

    monkeypatch.setattr(MapRing, "__init__", dirty)
    for graphs in (False, True):
        warps = FeatureWarps((16, 32), graphs=graphs)
        for i in range(80):
            layer = 32 if i < 40 or i > 60 else 16
            strength = float(i % 7 != 3)
            values = {"slitscan.layer": float(layer), "slitscan.strength": strength, "slitscan.axis": float(i % 4)}
            if i == 50:
                warps.reset()
            warps.begin(Params(values), i / 30, 1 / 30)
            out = warps(layer, torch.randn(1, 4, layer, layer))[0]
            assert torch.isfinite(out).all(), i


def test_rgb_that_joins_a_slit_scan_shows_nothing_of_what_was_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    own = MapRing.__init__

    def dirty(self: MapRing, like: torch.Tensor, slots: int) -> None:
        own(self, like, slots)
        self._table.fill_(float("nan"))

    monkeypatch.setattr(MapRing, "__init__", dirty)
    warps = FeatureWarps((16,))
    for i in range(40):
        values = {"slitscan.layer": 16.0, "slitscan.strength": 1.0, "warp.image": float(i >= 20)}
        warps.begin(Params(values), i / 30, 1 / 30)
        out, img = warps(16, torch.randn(1, 4, 16, 16), torch.randn(1, 3, 16, 16))
        assert torch.isfinite(out).all(), i
        assert img is not None
        assert torch.isfinite(img).all(), i
