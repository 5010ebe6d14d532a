"""What the CUDA path computes, on a CPU where it can be; the graphs themselves need a GPU (benchmarks/gpu_check)."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from engine.borders.errors import out_of_memory
from engine.borders.tick import REST
from engine.generator.backends.cuda_graphs import GraphPlayer, fuse
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import StyleGAN2
from tests.builders.networks import KNOBS, VARIANTS, draw, network, signal_to_noise


def generator(net: StyleGAN2, dtype: torch.dtype, fused: bool) -> IncrementalPlayer:
    blocks = EagerBlocks(prepare(net, normalize=dtype == torch.float16), dtype)
    if fused:
        fuse(blocks)  # not compiled: the same arithmetic
    return IncrementalPlayer(net, blocks)


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda s: "-".join(map(str, s.values())))
def test_the_fused_arithmetic_is_the_networks(settings):
    net = network(**settings)
    ws = draw(net)
    assert torch.allclose(generator(net, torch.float32, True).image(ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_fp16_survives_loud_styles(fused):
    """Styles and weights far beyond what training gives: without normalisation the sums leave fp16's range."""
    net = network(img_resolution=16, channels=(64, 48, 32), conv_clamp=256.0)
    for name, parameter in net.named_parameters():
        if name.endswith("affine.weight") and "torgb" not in name:
            parameter.mul_(300)
        elif "conv" in name and name.endswith(".weight"):
            parameter.mul_(20)
    ws = draw(net)
    got = generator(net, torch.float16, fused).image(ws)
    assert bool(torch.isfinite(got).all())
    assert signal_to_noise(net.synthesis(ws), got) > 40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_knob_turn_captures_nothing():
    from engine.generator.backends.select import open_generator
    from tests.builders.params import Params

    net = network()
    graph = open_generator(net, device="cuda")
    ws = draw(net)[0].numpy()
    graph(ws, KNOBS, REST)
    captured = graph.captures
    for strength in (0.0, 0.5, 2.0):
        graph(ws * strength, Params({"noise.strength": strength}), REST)
    assert graph.captures == captured


class Graphless(GraphPlayer):
    """The GPU's generator, as far as it can be had without one; its way of recording is the real one."""

    def __init__(self, net: StyleGAN2) -> None:
        IncrementalPlayer.__init__(self, net, EagerBlocks(prepare(net), torch.float32))
        self._graphs, self._records, self.captures, self.device_seconds = OrderedDict(), True, 0, 0.01


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: graphs are recorded")
def test_where_no_graph_can_be_recorded_frames_are_run_without():
    """NOT run on a GPU: that a recording breaks off there, and what state it leaves behind, is not tested."""
    net = network()
    graph, plain = Graphless(net), generator(net, torch.float32, False)
    sizes = graph.sizes
    graph.prepare_sizes(sizes)
    (note,) = graph.take_notes()
    assert note.startswith("no CUDA graph can be recorded, plays on without: ")
    assert "\n" not in note
    assert graph.resolution == sizes[-1]
    assert (graph.backend, graph.device_seconds) == ("eager", None)
    for seed in range(3):
        ws = draw(net, seed)[0].numpy()
        assert torch.equal(graph(ws, KNOBS, REST), plain(ws, KNOBS, REST))
    graph.adopt(EagerBlocks(prepare(net), torch.float32))  # what was built beside is taken all the same
    assert torch.equal(graph(ws, KNOBS, REST), plain(ws, KNOBS, REST))
    assert graph.take_notes() == ()


def test_memory_that_runs_out_while_a_graph_is_recorded_is_told_as_that(monkeypatch):
    graph = Graphless(network())
    monkeypatch.setattr(graph, "_capture", lambda key: torch.empty(2**55, dtype=torch.uint8))
    with pytest.raises(RuntimeError) as error:
        graph(draw(graph.network)[0].numpy(), KNOBS, REST)
    assert out_of_memory(error.value)
    assert graph.backend == "graph", "graphs were given up for want of memory"
