"""Which backend plays: what can, the fastest first, and the next where one cannot after all."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.backends.blocks import Unavailable
from engine.generator.backends.native.native import NativeBlocks
from engine.generator.backends.openvino import OpenVinoBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.backends.processor import multiplies_bf16
from engine.generator.backends.select import open_generator, refusals
from engine.generator.incremental import IncrementalPlayer
from engine.system import compiled
from tests.builders import warm
from tests.builders.networks import WITHOUT_BF16, draw, network, signal_to_noise

has_compiler = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")
has_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra cpu is missing")


@has_compiler
def test_a_network_that_the_compiled_layers_cannot_play_goes_to_the_next():
    assert refusals(prepare(network()))["native"] is None
    refused = refusals(prepare(network(activation="swish")))
    assert refused["native"] == "its nonlinearity is swish"
    assert refused["inductor"] is None


def test_without_a_compiler_only_what_needs_none_is_left(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    refused = refusals(prepare(network()))
    assert refused["native"] == refused["inductor"] == "there is no C++ compiler (g++)"
    for backend in ("native", "inductor"):
        with pytest.raises(UserError, match=f"--backend {backend}: there is no C.. compiler .*choose auto"):
            open_generator(network(), backend=backend)


@has_openvino
def test_a_compiler_that_compiles_nothing_leaves_the_rest():
    """Everything that compiles fails only when it is tried; the generator goes on to what is left."""
    program = (
        "from engine.generator.backends.select import open_generator\n"
        "from tests.builders.networks import network\n"
        "for wish in ('auto', 'native'):\n"
        "    generator = open_generator(network(img_resolution=8, channels=(16, 16)), backend=wish)\n"
        "    generator.settle()\n"
        "    print(generator.backend, list(generator.take_notes()))\n"
    )
    done = warm.python("-c", program, cwd=Path(__file__).parents[3], env={**os.environ, "CXX": "false"}, timeout=240)
    auto, native = done.stdout.splitlines()
    assert auto == "openvino []", done.stderr
    assert native == "eager ['plays on with eager: false does not compile the layers: no message']"


@pytest.fixture(params=[True, False], ids=["this processor", "without oneDNN"])
def has_bf16(request):
    """Whether bf16 can be had: as this processor has it, and as a processor has it that oneDNN does not serve."""
    with torch.backends.mkldnn.flags(enabled=request.param):
        yield multiplies_bf16()


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("backend", ["auto", "native", "openvino", "eager"])
def test_bf16_is_played_or_refused_and_the_precision_told_is_true(has_bf16, backend):
    net = network(img_resolution=16, channels=(64, 64, 48))
    ws = draw(net, n=2)
    if backend in ("native", "openvino") and (refused := refusals(prepare(net), "bf16")[backend]):
        assert refusals(prepare(net))[backend] or (refused.startswith(WITHOUT_BF16) and not has_bf16)
        with pytest.raises(UserError, match=f"--backend {backend}: ") as told:
            open_generator(net, backend=backend, precision="bf16")
        assert "\n" not in str(told.value)
        return
    generator = open_generator(net, backend=backend, precision="bf16")
    generator.settle()
    quality = signal_to_noise(net.synthesis(ws), generator.image(ws))
    if backend == "auto" and not has_bf16:
        assert generator.precision == "fp32"
        assert generator.take_notes() == (f"plays in fp32: {WITHOUT_BF16}",)
        assert quality > 90
    else:
        assert generator.precision == "bf16"
        assert generator.take_notes() == ()
        assert 30 < quality < 90


@has_compiler
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_compiled_layers_in_bf16_are_not_to_be_had_where_they_could_not_run():
    prepared = prepare(network(img_resolution=8, channels=(16, 16)))
    with torch.backends.mkldnn.flags(enabled=False), pytest.raises(Unavailable, match=WITHOUT_BF16):
        NativeBlocks(prepared, 2, bf16=True)


@has_openvino
def test_openvino_tells_the_precision_that_it_took():
    net = network(img_resolution=16, channels=(64, 64, 48))
    ws = draw(net, n=2)
    blocks = OpenVinoBlocks(prepare(net), "bf16", 2)
    quality = signal_to_noise(net.synthesis(ws), IncrementalPlayer(net, blocks).image(ws))
    assert blocks.precision == ("fp32" if quality > 90 else "bf16")


@has_compiler
def test_torch_is_whole_before_a_thread_compiles_with_it(monkeypatch):
    """What a start has left out must not come while two threads import: one would find a module by half."""
    done: list[str] = []
    monkeypatch.setattr("engine.system.torch_import.bring_all", lambda: done.append("all"))
    monkeypatch.setattr(IncrementalPlayer, "improve", lambda _player, _make, *_given: done.append("thread"))
    open_generator(network(), backend="inductor", precision="fp32")
    assert done == ["all", "thread"]
    open_generator(network(), backend="native", precision="fp32")
    assert done == ["all", "thread", "thread"]
