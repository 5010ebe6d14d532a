"""The default model's flow goes there and back, and moves one attribute with less of the others than the boundary."""

from __future__ import annotations

import numpy as np
import torch

from engine.generator.attributes import editing, side_file
from engine.generator.checkpoints import checkpoint
from engine.show.opening import find_model
from tools.fruit.way import Way
from tools.train.attributes.directions import Scale
from tools.train.attributes.samples import draw_ws

SEED = 31_337  # of w that the flow has not learnt


def test_the_shipped_flow_tilts_a_fruit_and_little_else():
    path = find_model("fruit")
    opened = checkpoint.load(path)
    network = checkpoint.build(opened).eval().requires_grad_(False)
    attributes = side_file.read_for(path, opened.sha256, network.num_ws, network.w_dim)
    flow, way = attributes.flow, Way.of(network)
    assert flow is not None
    assert attributes.mapper is not None
    ws = draw_ws(network, SEED, 6)[:, None].expand(-1, network.num_ws, -1)
    context = attributes.mapper.read(ws)
    with torch.inference_mode():
        torch.testing.assert_close(flow.invert(flow(ws[:, :1], context), context), ws[:, :1], atol=1e-3, rtol=0)
    scale = Scale.of(way.labels(draw_ws(network, 0, 2000)[:, None]))
    points, before = np.asarray(ws.double()), scale(way.labels(ws))
    tilt = flow.names.index("tilt")
    leaks = {}
    for method in ("flow", "boundary"):
        moved = editing.edit(points, attributes, {"tilt": 1.0}, method, ())
        change = scale(way.labels(torch.from_numpy(moved).float())) - before
        assert bool((change[:, tilt] - 1).abs().lt(0.4).all())
        others = torch.arange(len(flow.names)) != tilt
        leaks[method] = float((change[:, others].abs() / change[:, tilt : tilt + 1]).mean())
    assert leaks["flow"] < 0.7 * leaks["boundary"]
