"""What the CUDA path computes, on a CPU where it can be; the graphs themselves need a GPU (benchmarks/gpu_check)."""

from __future__ import annotations

import subprocess
import threading
from collections import OrderedDict

import pytest
import torch

from engine.borders.errors import out_of_memory
from engine.borders.tick import REST
from engine.generator import cuda
from engine.generator.backends import fused as fusing
from engine.generator.backends import half_check
from engine.generator.backends.cuda_graphs import TRIES, GraphPlayer
from engine.generator.backends.eager import EagerBlocks, EagerLayer
from engine.generator.backends.fused import FusedLayer, fuse, try_fusing
from engine.generator.backends.half_check import settle_precision
from engine.generator.backends.prepare import prepare
from engine.generator.backends.recorder import Recorder
from engine.generator.calibration.calibration import Calibration
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
        self._painted = self._again = self._tries = 0
        self._recorder = Recorder(self.device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: graphs are recorded")
def test_where_no_graph_can_be_recorded_frames_are_run_without():
    """NOT run on a GPU: that a recording breaks off there, and what state it leaves behind, is not tested."""
    net = network()
    graph, plain = Graphless(net), generator(net, torch.float32, False)
    sizes = graph.sizes
    graph.prepare_sizes(sizes)
    (note,) = graph.take_notes()
    assert note.startswith("no CUDA graph could be recorded, it is tried again: ")
    assert "\n" not in note
    assert graph.resolution == sizes[-1]
    assert graph.backend == "graph", "one failure is no reason to give graphs up"
    for seed in range(3):
        ws = draw(net, seed)[0].numpy()
        assert torch.equal(graph(ws, KNOBS, REST), plain(ws, KNOBS, REST))
    assert graph.take_notes() == ()
    for _ in range(TRIES):
        graph._painted = graph._again  # the frame that tries again
        graph(draw(net)[0].numpy(), KNOBS, REST)
    (note,) = graph.take_notes()
    assert note.startswith("no CUDA graph can be recorded, plays on without: ")
    assert (graph.backend, graph.device_seconds) == ("eager", None)
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


def test_while_another_thread_loads_a_frame_is_run_without_a_graph_and_nobody_waits() -> None:
    graph = Graphless(network())
    held, leave = threading.Event(), threading.Event()

    def load() -> None:
        with cuda.CAPTURE:
            held.set()
            leave.wait(60.0)

    thread = threading.Thread(target=load)
    thread.start()
    assert held.wait(60.0)
    graph(draw(graph.network)[0].numpy(), KNOBS, REST)
    assert graph.take_notes() == (), "it was not even tried"
    leave.set()
    thread.join()
    graph(draw(graph.network)[0].numpy(), KNOBS, REST)
    assert len(graph.take_notes()) == 1


def test_a_fit_is_taken_by_a_still_and_by_settling() -> None:
    net = network()
    graph = Graphless(net)
    fit = Calibration(prepare(net))
    graph.calibrate(Calibration(prepare(net)), lambda: fit)
    graph._background.join()
    assert graph._fitted is fit
    graph.settle()
    assert graph._fitted is None


def test_no_memory_for_other_sizes_is_a_line_and_the_show_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graphless(network())
    monkeypatch.setattr(graph, "_capture", lambda key: torch.empty(2**55, dtype=torch.uint8))
    graph.prepare_sizes(graph.sizes)
    (note,) = graph.take_notes()
    assert note.startswith("there is no memory to prepare other sizes")
    assert graph.resolution == graph.sizes[-1]


@pytest.mark.parametrize("precision", [torch.float32, torch.float16])
def test_a_style_folded_into_the_weight_is_the_same_picture(precision: torch.dtype) -> None:
    """On a GPU the maps are not multiplied in a pass of their own where the weight is smaller than they are."""
    net = network()
    ws = draw(net)
    plain, folded = generator(net, precision, True), generator(net, precision, True)
    assert isinstance(folded.blocks, EagerBlocks)
    for layer in (layer for block in folded.blocks.convs for layer in block):
        layer.fold_style, layer.taps = True, None  # as on a GPU
    assert signal_to_noise(plain.image(ws), folded.image(ws)) > (90 if precision == torch.float32 else 45)


def test_a_compiler_that_fails_in_its_own_way_leaves_the_plain_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher is built at its first call, and what that raises is neither a RuntimeError nor one line."""
    blocks = EagerBlocks(prepare(network()), torch.float32)
    plain = blocks.convs
    monkeypatch.setattr(fusing, "compiled", lambda: None)

    def paint() -> None:
        assert isinstance(blocks.convs[0][0], FusedLayer)
        raise subprocess.CalledProcessError(1, ["gcc", "driver.c"])

    line = try_fusing(blocks, paint)
    assert line is not None
    assert line.startswith("plays without fused kernels: ")
    assert "\n" not in line
    assert blocks.convs is plain


def test_no_layer_is_left_without_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile's own limit is 8 shapes of a function; a 1024-px model has 9, twice over."""
    import torch._dynamo

    kinds = []
    monkeypatch.setattr(torch, "compile", lambda made, **how: kinds.append(how) or made)
    monkeypatch.setattr(FusedLayer, "compiled", FusedLayer.compiled)
    with torch._dynamo.config.patch(recompile_limit=8):  # monkeypatch would leave the setting without a value
        fusing.compiled()
        assert torch._dynamo.config.recompile_limit >= 4 * 9
    assert kinds[1]["options"]["realize_reads_threshold"] > 4, "the rows are read four times, in one kernel"


class Nan16(EagerLayer):
    """A layer of a card whose convolutions of fp16 give NaN."""

    def finish(self, y, scale, bias, noise):
        out = super().finish(y, scale, bias, noise)
        return torch.full_like(out, float("nan")) if self.dtype == torch.float16 else out


def test_a_block_that_is_not_itself_in_fp16_steps_down_and_that_is_kept(tmp_path, monkeypatch):
    net, file = network(), tmp_path / "state" / "precision.json"
    blocks = EagerBlocks(prepare(net, normalize=True), torch.float16)
    assert settle_precision(net, blocks, "a card", file) is None
    for level in (1, 3):
        blocks.step(level, torch.float16, FusedLayer if level == 1 else Nan16)
    monkeypatch.setattr(FusedLayer, "finish", lambda self, y, *_: torch.zeros_like(y))  # compiled wrongly
    line = settle_precision(net, blocks, "another card", file)
    assert blocks.dtypes == [torch.float16] * 5, "what was plain again is itself in fp16"
    assert line == "fp16 does not paint every block of this model on this card: 8 px in plain, 32 px in plain"
    ws = draw(net)
    assert signal_to_noise(net.synthesis(ws), IncrementalPlayer(net, blocks).image(ws)) > 40
    monkeypatch.setattr(half_check, "check", lambda *_: pytest.fail("it was looked at again"))
    again = EagerBlocks(prepare(net, normalize=True), torch.float16)
    assert settle_precision(net, again, "another card", file) == line


def test_where_plain_operators_fail_too_bf16_and_then_fp32_play(tmp_path, monkeypatch):
    net = network()
    blocks = EagerBlocks(prepare(net, normalize=True), torch.float16)
    finish = EagerLayer.finish

    def broken(self, y, *rest):
        out = finish(self, y, *rest)
        wrong = self.dtype in self.plan_fails if hasattr(self, "plan_fails") else False
        return torch.full_like(out, float("nan")) if wrong else out

    fails = {16: (torch.float16,), 64: (torch.float16, torch.bfloat16)}
    made = EagerLayer.__init__

    def init(self, plan, dtype):
        made(self, plan, dtype)
        self.plan_fails = fails.get(plan.shape[0], ())

    monkeypatch.setattr(EagerLayer, "__init__", init)
    monkeypatch.setattr(EagerLayer, "finish", broken)
    blocks = EagerBlocks(prepare(net, normalize=True), torch.float16)
    line = settle_precision(net, blocks, "a card", tmp_path / "precision.json")
    assert line is not None
    assert line.endswith(": 16 px in bf16, 64 px in fp32")
    assert [str(dtype)[6:] for dtype in blocks.dtypes] == ["float16", "float16", "bfloat16", "float16", "float32"]
    ws = draw(net)
    assert signal_to_noise(net.synthesis(ws), IncrementalPlayer(net, blocks).image(ws)) > 30
