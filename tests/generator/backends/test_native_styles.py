"""Styles and scales by compiled code are those of the modulation."""

from __future__ import annotations

import pytest
import torch

from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_styles import Styles
from engine.generator.backends.prepare import padded, prepare
from engine.system import compiled
from tests.builders.networks import draw, network

pytestmark = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")


@pytest.mark.parametrize("threads", [1, 2])
def test_every_layers_styles_and_scales_are_the_modulations(threads):
    net = network()
    prepared = prepare(net)
    ws = draw(net)[0]
    wanted, got = prepared.modulation(ws), Styles(prepared, load(), threads)(ws)
    assert [each.shape for each in got] == [each.shape for each in wanted]
    for block in prepared.blocks:
        for plan in (*block.convs, *([] if block.rgb is None else [block.rgb])):
            at = slice(plan.style_at, plan.style_at + padded(plan.fan_in))
            torch.testing.assert_close(got[0][at], wanted[0][at], atol=1e-5, rtol=1e-5)
            if plan.kind != "rgb":
                row = (plan.index, slice(padded(plan.fan_out)))
                torch.testing.assert_close(got[1][row], wanted[1][row], atol=1e-5, rtol=1e-5)
