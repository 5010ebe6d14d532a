"""The fast generators against the readable network: parity, block caching, knobs, memory."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import weakref

import numpy as np
import psutil
import pytest
import torch

from engine.borders.errors import UserError
from engine.borders.tick import REST, Tick
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.native.native import NativeBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.backends.processor import multiplies_bf16, rendering_threads
from engine.generator.backends.select import open_generator
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.modulated_textbook import reference_image
from engine.generator.plain import PlainPlayer
from engine.system import compiled
from tests.builders.blocks import Failing
from tests.builders.networks import KNOBS, VARIANTS, WIDTHS, WITHOUT_BF16, draw, network, opened, signal_to_noise
from tests.builders.params import Params

BACKENDS = ("eager", "native")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("settings", VARIANTS, ids=lambda s: "-".join(map(str, s.values())))
def test_fp32_is_the_network(settings, backend):
    net = network(**settings)
    ws = draw(net, n=2)
    assert torch.allclose(opened(net, backend).image(ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)
    assert torch.allclose(reference_image(net, ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", [{"activation": "swish"}, {"resample_filter": (1.0, 2.0, 1.0)}])
def test_what_the_compiled_layers_cannot_play_is_played_by_torch(settings):
    net = network(**settings)
    ws = draw(net)
    with pytest.raises(UserError, match="--backend native"):
        open_generator(net, backend="native")
    generator = open_generator(net, backend="eager", precision="fp32")
    assert torch.allclose(generator.image(ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra cpu is not installed")
def test_openvino_is_the_network():
    net = network(img_resolution=16, channels=WIDTHS[:3])
    ws = draw(net)
    generator = opened(net, "openvino")
    assert torch.allclose(generator.image(ws), net.synthesis(ws), atol=1e-4, rtol=1e-4)
    frame, knobs = generator(ws[0].numpy(), KNOBS, REST), Params({"noise.strength": 0.0})
    assert int((frame.int() - to_rgba(net.synthesis(ws)[0]).int()).abs().max()) <= 1
    silent = to_rgba(net.synthesis(ws, noise_mode="none")[0])
    assert int((generator(ws[0].numpy(), knobs, REST).int() - silent.int()).abs().max()) <= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_fp32_is_the_original_program(pair, backend):
    net, ref = pair
    got = opened(net, backend).image(ref["ws_psi1"])
    assert float((got - ref["img_psi1"]).abs().max()) < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
def test_bf16_keeps_its_distance_from_noise(backend):
    net = network(channels=(64, 64, 48, 32, 32))
    ws = draw(net, n=3)
    got = opened(net, backend, "bf16").image(ws)
    assert signal_to_noise(net.synthesis(ws), got) > (44 if backend == "native" else 38)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_resolution_is_the_networks_own(backend):
    net = network()
    ws = draw(net)
    generator = opened(net, backend)
    for resolution in (8, 64, 16, 32, 64):  # at any moment, in any order
        generator.set_resolution(resolution)
        wanted = net.synthesis(ws, stop_at=resolution)
        assert torch.allclose(generator.image(ws), wanted, atol=1e-4, rtol=1e-4)
        frame = generator(ws[0].numpy(), KNOBS, REST)
        assert frame.shape == (resolution, resolution, 4)
        assert int((frame.int() - to_rgba(wanted[0]).int()).abs().max()) <= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_blocks_left_out_make_no_difference(backend):
    """A journey that moves now all, now only fine layers, the noise, the size and the warps."""
    net = network()
    fast, fresh = opened(net, backend), opened(net, backend)
    steps = np.random.default_rng(0)
    ws = draw(net)[0].numpy().copy()
    for index in range(40):
        first = int(steps.integers(0, net.config.num_ws + 1))
        ws[first:] += steps.normal(size=ws[first:].shape).astype(np.float32) * 0.1
        if index % 9 == 8:
            fast.set_resolution(int(steps.choice([16, 32, 64])))
        turned = 0.1 * (index % 7 == 3)
        knobs = Params(
            {"noise.strength": float(index // 10), "rotate.turns": turned, "rotate.layer": float(8 << index % 3)}
        )
        fresh._forget()  # computes every block
        fresh.set_resolution(fast.resolution)
        tick = Tick(index, index / 30, 1 / 30)
        assert torch.equal(fast(ws, knobs, tick), fresh(ws, knobs, tick)), index


@pytest.mark.parametrize("backend", BACKENDS)
def test_warps_do_what_they_do_to_the_network(backend):
    net = network()
    fast, ws = opened(net, backend), draw(net)
    plain = PlainPlayer(net)
    knobs = Params({"rotate.turns": 0.13, "rotate.layer": 16.0})
    plain.warps.begin(knobs, 0.0, 1 / 30)
    wanted = to_rgba(net.synthesis(ws, hook=plain.warps)[0])
    got = fast(ws[0].numpy(), knobs, Tick(0, 0.0, 1 / 30))
    assert int((got.int() - wanted.int()).abs().max()) <= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_noise_knob_scales_the_models_own(backend):
    net = network()
    generator, ws = opened(net, backend), draw(net)
    got = {s: generator(ws[0].numpy(), Params({"noise.strength": s}), REST).clone() for s in (0.0, 1.0, 2.5)}
    none = to_rgba(net.synthesis(ws, noise_mode="none")[0])
    assert int((got[0.0].int() - none.int()).abs().max()) <= 1
    for name, parameter in net.named_parameters():
        if name.endswith("noise_strength"):
            parameter.mul_(2.5)
    louder = to_rgba(net.synthesis(ws)[0])
    assert int((got[2.5].int() - louder.int()).abs().max()) <= 1
    assert not torch.equal(got[1.0], got[2.5])


@pytest.mark.parametrize("backend", BACKENDS)
def test_random_noise_is_the_networks(backend):
    net = network()
    ws = draw(net)
    got = opened(net, backend).image(ws, "random", torch.Generator().manual_seed(3))
    wanted = net.synthesis(ws, "random", torch.Generator().manual_seed(3))
    assert torch.allclose(got, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_far_out_latents_stay_finite(backend, precision):
    generator = opened(network(), backend, precision)
    for seed in range(4):
        assert bool(torch.isfinite(generator.image(draw(generator.network, seed, psi=2.0))).all())


def test_the_first_frame_does_not_wait_and_the_swap_is_seamless():
    if compiled.compiler() is None:
        pytest.skip("no C++ compiler on this machine")
    net = network()
    generator = open_generator(net, backend="native", precision="fp32")
    ws = draw(net)[0].numpy()
    frames = [generator(ws, KNOBS, REST) for _ in range(3)]
    generator.settle()
    frames.append(generator(ws, KNOBS, REST))
    assert generator.backend == "native"
    assert all(int((frame.int() - frames[0].int()).abs().max()) <= 1 for frame in frames)


def test_a_backend_that_cannot_be_built_leaves_the_picture_alone():
    net = network()
    generator = open_generator(net, backend="eager", precision="fp32")

    def broken():
        raise RuntimeError("no such luck")

    generator.improve(broken)
    generator.settle()
    assert generator.backend == "eager"
    assert generator.take_notes() == ("plays on with eager: no such luck",)


def test_a_backend_that_fails_in_mid_frame_is_replaced_within_it():
    net = network()
    broken = Failing(prepare(net), 7, KeyError("whatever a driver\nraises"))  # in the third block of the second frame
    failing, plain = IncrementalPlayer(net, broken), opened(net, "eager")
    for seed in range(4):
        ws = draw(net, seed)[0].numpy()
        assert torch.equal(failing(ws, KNOBS, REST), plain(ws, KNOBS, REST))
        assert failing.backend == ("eager" if seed else "failing")
    (note,) = failing.take_notes()
    assert note.startswith("failing failed, plays on with eager: ")
    assert "\n" not in note


def test_memory_that_runs_out_is_no_fault_of_the_backend():
    """A smaller size helps against that, plain PyTorch would not: the loop decides."""
    net = network()
    generator = IncrementalPlayer(net, Failing(prepare(net), 3, MemoryError()))
    with pytest.raises(MemoryError):
        generator(draw(net)[0].numpy(), KNOBS, REST)
    assert generator.backend == "failing"


class Watched(EagerBlocks):
    """Plain PyTorch that knows, when a block runs again, whether its last result is still in memory."""

    def __init__(self, prepared):
        super().__init__(prepared, torch.float32)
        self.last, self.runs, self.kept = {}, 0, 0

    def run(self, level, x, img, given):
        self.runs += 1
        self.kept += level in self.last and self.last[level]() is not None
        features, picture = super().run(level, x, img, given)
        self.last[level] = weakref.ref(features)
        return features, picture


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_player_that_is_replaced_is_freed_at_once(backend):
    """A show that goes round through presets of many models has few objects, and the collector seldom runs."""
    generator = opened(network(), backend)
    generator(draw(generator.network)[0].numpy(), KNOBS, REST)
    gone, collects = weakref.ref(generator), gc.isenabled()
    gc.disable()
    try:
        del generator
        assert gone() is None
    finally:
        if collects:
            gc.enable()


def test_a_frame_needs_no_more_memory_than_the_first():
    net = network()
    blocks = Watched(prepare(net))
    generator = IncrementalPlayer(net, blocks)
    for seed in range(3):
        generator(draw(net, seed)[0].numpy(), KNOBS, REST)
    assert (blocks.runs, blocks.kept) == (3 * len(net.config.resolutions), 0)


def test_leaving_waits_for_a_fit_under_way():
    """A thread that is cut off inside PyTorch ends the process with an abort."""
    program = (
        "import torch\n"
        "from tests.builders.networks import network\n"
        "from engine.generator.calibration.calibration import Calibration\n"
        "from engine.generator.incremental import open_player\n"
        "def fit():\n"
        "    x = torch.randn(1, 64, 64, 64)\n"
        "    for _ in range(100):\n"
        "        x = torch.nn.functional.conv2d(x, torch.ones(64, 64, 3, 3) / 576, padding=1)\n"
        "    print('fitted')\n"
        "    return Calibration(generator.blocks.prepared)\n"
        "generator = open_player(network(), 'fp32')\n"
        "generator.calibrate(Calibration(generator.blocks.prepared), fit)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "fitted\n"), done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_stays_flat(backend):
    net = network(channels=(16, 16, 16, 16, 16))
    generator, process = opened(net, backend), psutil.Process()
    path = draw(net, n=40).numpy()
    for ws in path:
        generator(ws, KNOBS, REST)

    def grown() -> int:
        """Return the bytes that 200 frames add; the rest of the process may add some once, a leak adds them always."""
        gc.collect()
        before = process.memory_info().rss
        for _ in range(5):
            for ws in path:
                generator(ws, KNOBS, REST)
        return process.memory_info().rss - before

    assert any(grown() < 3e6 for _ in range(3))


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"precision": "fp16"}, "--precision fp16"),
        ({"precision": "int8"}, "--precision int8"),
        ({"backend": "graph"}, "--backend graph"),
        ({"backend": "magic"}, "--backend magic"),
        ({"resolution": 100}, "--resolution 100"),
        ({"resolution": 128}, "--resolution 128"),
    ],
)
def test_impossible_wishes_are_named(wish, told):
    with pytest.raises(UserError, match=told):
        open_generator(network(), **wish)


def test_threads_leave_a_core_for_sound():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert rendering_threads() == (cores if cores <= 2 else cores - 1)


@pytest.mark.skipif(not multiplies_bf16(), reason=WITHOUT_BF16)
def test_every_convolution_may_be_left_to_bf16_matrix_units():
    if compiled.compiler() is None:
        pytest.skip("no C++ compiler on this machine")
    net = network(channels=(64, 64, 48, 32, 32))
    ws, prepared = draw(net), prepare(net)
    got = IncrementalPlayer(net, NativeBlocks(prepared, 2, bf16=True, all_bf16=True)).image(ws)
    assert signal_to_noise(net.synthesis(ws), got) > 38


def test_a_plain_still_is_true_fp32(monkeypatch):
    """cuDNN's default is TF32 on newer cards: ten bits where the reference says fp32."""
    net, seen = network(), []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    synthesize = net.synthesize
    monkeypatch.setattr(
        net, "synthesize", lambda *args: (seen.append(torch.backends.cudnn.allow_tf32), synthesize(*args))[1]
    )
    PlainPlayer(net).image(draw(net))
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32
