"""The backends, a row each, best first: selection, the command line, the sweep and error texts read this table.

A new backend is one module with `refusal` and `open_blocks` (a `Builder`), one function that imports it, and one row.
Importing this table imports neither torch nor a backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.generator.backends.blocks import Blocks
    from engine.generator.backends.prepare import Prepared
    from engine.generator.networks.network import Network
    from engine.generator.player import Player

PRECISIONS = ("fp32", "bf16", "fp16")
OTHER_DEVICES = ("fp32",)  # the precision that every device has

# What each kind of device multiplies in, best first; a CPU computes fp16 hundreds of times slower than fp32.
DEVICE_PRECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cpu": ("bf16", "fp32"), "cuda": ("fp16", "fp32", "bf16")}
)
DEVICE_NAMES: Mapping[str, str] = MappingProxyType({"cpu": "a CPU", "cuda": "an NVIDIA GPU"})


class Builder(Protocol):
    """The module of a backend that builds blocks, while another one plays."""

    def refusal(self, prepared: Prepared, precision: str) -> str | None:
        """Say in a few words why this backend cannot play a network on this machine, or None."""
        ...

    def open_blocks(self, prepared: Prepared, precision: str) -> Blocks:
        """Build; for any thread. Unavailable or ImportError where that turns out to be impossible."""
        ...


Opener = Callable[["Network", str, int | None], "Player"]  # network on its device, precision, resolution


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to play a network: either `opener` opens a player at once, or `builder` builds while `meanwhile` plays.

    Both import their module, and with it torch, when they are called.
    """

    name: str
    devices: tuple[str, ...] = ()  # kinds of device it plays on; empty is any
    precisions: tuple[str, ...] = PRECISIONS
    opener: Callable[[], Opener] | None = None
    builder: Callable[[], Builder] | None = None
    meanwhile: str | None = None
    automatic: bool = True  # "auto" may choose it
    every_family: bool = False  # plays networks without modulated blocks, too

    def fits(self, device: str, network: Network | None = None) -> bool:
        """Return whether it plays on this kind of device, and networks like ``network``."""
        return (not self.devices or device in self.devices) and (
            network is None or self.every_family or bool(network.blocks)
        )

    def precisions_on(self, device: str) -> tuple[str, ...]:
        """Return what it multiplies in on this kind of device, best first."""
        return tuple(name for name in DEVICE_PRECISIONS.get(device, OTHER_DEVICES) if name in self.precisions)


def _native() -> Builder:
    from engine.generator.backends.native import native

    return native


def _inductor() -> Builder:
    from engine.generator.backends import inductor

    return inductor


def _openvino() -> Builder:
    from engine.generator.backends import openvino

    return openvino


def _graph() -> Opener:
    from engine.generator.backends.cuda_graphs import open_graph

    return open_graph


def _tensorrt() -> Builder:
    from engine.generator.backends import tensorrt

    return tensorrt


def _eager() -> Opener:
    from engine.generator.incremental import open_eager

    return open_eager


def _plain() -> Opener:
    from engine.generator.plain import open_plain

    return open_plain


ROWS = (
    Backend("native", ("cpu",), ("fp32", "bf16"), builder=_native, meanwhile="eager"),
    Backend("inductor", ("cpu",), ("fp32", "bf16"), builder=_inductor, meanwhile="eager"),
    Backend("openvino", ("cpu",), ("fp32", "bf16"), builder=_openvino, meanwhile="eager"),
    Backend("graph", ("cuda",), opener=_graph),
    Backend("tensorrt", ("cuda",), ("fp16", "fp32"), builder=_tensorrt, meanwhile="graph", automatic=False),
    Backend("eager", opener=_eager),
    Backend("plain", precisions=("fp32",), opener=_plain, every_family=True),
)
BACKENDS: Mapping[str, Backend] = MappingProxyType({row.name: row for row in ROWS})


def fitting(device: str, network: Network | None = None) -> tuple[str, ...]:
    """Return the names of the backends for this kind of device, and for ``network`` where it is given, best first."""
    return tuple(row.name for row in ROWS if row.fits(device, network))


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence has them: "a, b or c"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
