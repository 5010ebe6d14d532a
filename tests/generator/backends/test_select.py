"""Which backend plays: what can, the fastest first, and the next where one cannot after all."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.generator.backends.native import native_build
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import open_generator, refusals
from tests.builders.networks import network

has_compiler = pytest.mark.skipif(native_build.compiler() is None, reason="no C++ compiler on this machine")
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
    env = os.environ | {"CXX": "false"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=Path(__file__).parents[3], capture_output=True, text=True,
        timeout=240, check=False,
    )
    auto, native = done.stdout.splitlines()
    assert auto == "openvino []", done.stderr
    assert native == "eager ['plays on with eager: false does not compile the layers: no message']"
