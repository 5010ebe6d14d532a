"""The warps on a GPU, and inside a captured CUDA graph. Skipped where there is none."""

import pytest
import torch

from engine.bench.warps import SETTINGS
from engine.generator.warps.feature_warps import FeatureWarps
from tests.builders.warps import at_layer, card, warp
from tests.parts import need_cuda


@pytest.fixture(autouse=True)
def _gpu() -> None:
    need_cuda()


@pytest.mark.parametrize("name", SETTINGS)
def test_cuda_paints_what_the_cpu_does(name: str) -> None:
    params = at_layer(64, **SETTINGS[name])
    here = warp(card(), params)
    warps = FeatureWarps((64,), "cuda")
    for dtype, gap in ((torch.float32, 1e-3), (torch.float16, 2e-2)):
        warps.reset()
        warps.begin(params, 0.0, 0.0)
        there = warps(64, card().to("cuda", dtype))[0]
        assert there.dtype == dtype
        assert (there.float().cpu() - here).abs().mean() < gap


def test_one_captured_graph_serves_every_position_of_the_knobs() -> None:
    """Under one plan nothing is captured anew: values, the ring's head and a freeze are device memory."""
    x = card().cuda()
    warps, eager = FeatureWarps((64,), "cuda"), FeatureWarps((64,), "cuda")

    def params(i: int) -> object:
        return at_layer(
            64,
            rotate__turns=0.01 * i + 0.005,
            slice__offset=0.1,
            slitscan__strength=0.5 + 0.01 * i,
            freeze__strength=0.5,
            inject__strength=0.1,
            channels__gain=0.5,
        )

    def begin(which: FeatureWarps, i: int) -> None:
        which.begin(params(i), i / 30, 1 / 30)  # type: ignore[arg-type]

    begin(warps, 0)
    begin(eager, 0)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())  # for what begin() copies
    with torch.cuda.stream(stream):
        warps(64, x)
        eager(64, x)
    stream.synchronize()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        seen = warps(64, x)[0]
    plan = warps.plan
    for i in range(1, 40):
        x.copy_(card().roll(i, 3))
        begin(warps, i)
        begin(eager, i)
        assert warps.plan == plan
        graph.replay()
        assert (seen - eager(64, x)[0]).abs().max() < 1e-4
