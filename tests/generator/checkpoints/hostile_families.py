"""Files of the families before StyleGAN2, made to do harm. See `hostile`."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tests.builders import families as writers
from tests.builders.checkpoints import named, stub

HEAD = b"\x80\x02"


def files(canary: str) -> Iterator[tuple[str, bytes]]:
    """All of them, by what they try."""
    yield from calls(canary)
    yield from look_alikes()
    yield from exhausting()


class Call:
    """Pickled as a call of `os.system`."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.canary}",)


def calls(canary: str) -> Iterator[tuple[str, bytes]]:
    """A good file with one call in it, in every container."""
    call, small = Call(canary), writers.stylegan(levels=2)
    yield "call in static_kwargs", writers.tensorflow_stylegan(small, evil=call)
    yield "call in a PGGAN's static_kwargs", writers.tensorflow_pggan(writers.pggan(levels=2), evil=[call])
    yield "call in a Theano network", writers.theano_pggan(writers.pggan(levels=2), evil={"a": call})
    state = writers.dcgan_state(writers.dcgan(doublings=1))
    config = stub("models.utils.config", "BaseConfig")
    held = config()
    held.__dict__.update(lossCriterion=call)
    with named(config):
        yield "call in a BaseConfig", writers.saved({"config": held, "netG": state})
        yield "call in a legacy BaseConfig", writers.saved({"config": held, "netG": state}, legacy=True)
    yield "call beside netG_state_dict", writers.saved({"netG_state_dict": state, "args": call})
    yield "call in a list of trainables", writers.saved([OrderedDict(), call, OrderedDict()])
    for legacy in (True, False):
        yield (
            f"call in a whole module, {legacy}",
            writers.whole_module({**state, "main.evil": torch.zeros(1)}, legacy, call),
        )
    yield "a function as a pickled module's class", HEAD + b"cos\nsystem\n)\x81."
    yield "a persistent id that names a function", legacy_with(b"(X\x06\x00\x00\x00modulecos\nsystem\nNNtQ.")


def legacy_with(top: bytes) -> bytes:
    """torch's legacy stream with that pickle in it."""
    good = writers.saved({"a": 1}, legacy=True)
    start = good.index(b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s.")
    return good[:start] + HEAD + top + good[start + 21 :]


def look_alikes() -> Iterator[tuple[str, bytes]]:
    """Networks that look like these, and are others."""
    zeros = torch.zeros
    yield "an MLP", writers.saved({"main.0.weight": zeros(256, 64), "main.0.bias": zeros(256)})
    yield "csinva's MLP", writers.saved({"0.weight": zeros(256, 64), "2.weight": zeros(784, 256)})
    yield "a discriminator", writers.saved({"main.0.weight": zeros(8, 3, 4, 4), "main.2.weight": zeros(16, 8, 4, 4)})
    yield (
        "genforce's discriminator",
        writers.saved({"layer0.weight": zeros(8, 8, 3, 3), "input0.weight": zeros(8, 3, 1, 1)}),
    )
    names = ("layers.0.conv_1.weight", "layers.1.conv_1.weight", "rgb_converters.0.weight")
    yield "BMSG-GAN", writers.saved({f"module.{name}": zeros(2, 2, 1, 1) for name in names})
    cls = stub("dnnlib.tflib.network", "Network")
    critic = writers.tensorflow_network(cls, 3, "D_basic", {}, [("lod", np.float32(0))])
    second = writers.tensorflow_network(cls, 3, "G_main", {}, [("lod", np.float32(0))])
    with named(cls):
        yield "a TensorFlow discriminator", pickle.dumps(critic, 4)
        yield "a hollow StyleGAN2 in a StyleGAN container", pickle.dumps((second, second, second), 4)


def exhausting() -> Iterator[tuple[str, bytes]]:
    """Files whose networks would be endless, or of no size at all."""
    small = writers.stylegan(levels=2)
    for name, lod in (("infinite", float("inf")), ("no number", float("nan")), ("negative", -1.0), ("huge", 1e30)):
        small.lod = lod
        yield f"a level of detail that is {name}", writers.tensorflow_stylegan(small)
    layer = torch.zeros(1, 1, 4, 4)
    state = {f"main.{3 * i}.weight": layer for i in range(40)} | {"main.1.running_mean": torch.zeros(1)}
    state |= {f"main.1.{name}": torch.zeros(1) for name in ("weight", "bias", "running_var")}
    yield "a DCGAN of 2^40 pixels", writers.saved(state)
    yield "a Theano network of no size", writers.theano_pggan(writers.pggan(levels=2), resolution=0)
    yield "a Theano network of 2^40 pixels", writers.theano_pggan(writers.pggan(levels=2), resolution=1 << 40)
    yield "a Theano network whose size is text", writers.theano_pggan(writers.pggan(levels=2), resolution="32")
    cls = type("Generator", (torch.nn.Module,), {"__module__": "model", "__qualname__": "Generator"})
    inner: torch.nn.Module = cls()
    for _ in range(30):
        outer = cls()
        outer.add_module("a", inner)
        outer.add_module("b", inner)
        inner = outer
    with named(cls):
        yield "modules shared again and again", writers.saved(inner)
    yield "StyleGAN weights without shape", writers.saved({"synthesis.layer0.const": torch.zeros(())})
    yield (
        "PGGAN weights without shape",
        writers.saved({"layer0.weight": torch.zeros(()), "output0.weight": torch.zeros(())}),
    )
    yield (
        "a generator of nothing",
        writers.saved({"main.0.weight": torch.zeros(0, 0, 4, 4), "main.1.running_mean": torch.zeros(0)}),
    )
