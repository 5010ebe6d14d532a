"""The backends, a row each, best first: selection, the command line, the sweep and error texts read this table.

A new backend is one module with `refusal` and `open_blocks` (a `Builder`), and one row.
Importing this table imports neither torch nor a backend.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from fractions import Fraction

    from engine.generator.backends.blocks import Blocks
    from engine.generator.backends.prepare import Prepared
    from engine.generator.incremental import IncrementalPlayer
    from engine.generator.networks.network import Network
    from engine.generator.player import Player

PRECISIONS = ("fp32", "bf16", "fp16")
OTHER_DEVICES = ("fp32",)  # precisions of a device that has no row below

# What each kind of device multiplies in, best first; a CPU computes fp16 hundreds of times slower than fp32.
DEVICE_PRECISIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cpu": ("bf16", "fp32"), "cuda": ("fp16", "fp32", "bf16"), "mps": ("fp16", "fp32"), "xpu": ("fp16", "fp32")}
)
DEVICE_NAMES: Mapping[str, str] = MappingProxyType(
    {"cpu": "a CPU", "cuda": "an NVIDIA GPU", "mps": "Apple's GPU", "xpu": "an Intel GPU"}
)


class Opener(Protocol):
    """The module of a backend that plays at once."""

    @staticmethod
    def open_player(
        network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
    ) -> Player:
        """Return a player for a network, on the device where it lies; UserError for an impossible resolution.

        Its frames are cut to ``aspect``, width / height; None leaves them whole.
        """
        ...


class StandIn(Protocol):
    """The module of a backend that plays at once and takes over better blocks while it plays."""

    @staticmethod
    def open_player(
        network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
    ) -> IncrementalPlayer:
        """See Opener."""
        ...


class Builder(Protocol):
    """The module of a backend that builds blocks, while another one plays."""

    @staticmethod
    def refusal(prepared: Prepared, precision: str) -> str | None:
        """Say in a few words why this backend cannot play a network on this machine, or None."""
        ...

    @staticmethod
    def open_blocks(prepared: Prepared, precision: str) -> Blocks:
        """Build; for any thread. Unavailable or ImportError where that turns out to be impossible."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to play a network. Its module is an `Opener`, or, where there is a `meanwhile`, a `Builder`."""

    name: str
    module: str  # in engine.generator; imported, and with it torch, when it is used
    devices: tuple[str, ...] = ()  # kinds of device it plays on; empty is any
    precisions: tuple[str, ...] = PRECISIONS
    meanwhile: str | None = None  # the backend that plays until this one is built; None: it plays at once
    automatic: bool = True  # "auto" may choose it
    staged: bool = False  # plays networks of staged blocks, too
    every_family: bool = False  # plays any network

    def fits(self, device: str, network: Network | None = None) -> bool:
        """Return whether it plays on this kind of device, and networks like ``network``."""
        return (not self.devices or device in self.devices) and (
            network is None or self.every_family or bool(network.blocks) or (self.staged and network.is_staged)
        )

    def precisions_on(self, device: str) -> tuple[str, ...]:
        """Return what it multiplies in on this kind of device, best first."""
        return tuple(name for name in DEVICE_PRECISIONS.get(device, OTHER_DEVICES) if name in self.precisions)

    def opener(self) -> Opener:
        """Import the module of a backend that plays at once."""
        return cast(Opener, importlib.import_module(f"engine.generator.{self.module}"))

    def stand_in(self) -> StandIn:
        """Import the module of a backend that is another one's ``meanwhile``."""
        return cast(StandIn, importlib.import_module(f"engine.generator.{self.module}"))

    def builder(self) -> Builder:
        """Import the module of a backend that builds."""
        return cast(Builder, importlib.import_module(f"engine.generator.{self.module}"))


ROWS = (
    Backend("native", "backends.native.native", ("cpu",), ("fp32", "bf16"), meanwhile="eager", staged=True),
    Backend("inductor", "backends.inductor", ("cpu",), ("fp32", "bf16"), meanwhile="eager"),
    Backend("openvino", "backends.openvino", ("cpu",), ("fp32", "bf16"), meanwhile="eager"),
    Backend("openvino-gpu", "backends.openvino_gpu", ("cpu",), ("fp32",), meanwhile="eager", automatic=False),
    Backend("directml", "backends.directml", ("cpu",), ("fp32",), meanwhile="eager", automatic=False),
    Backend("graph", "backends.cuda_graphs", ("cuda",), staged=True),
    Backend("tensorrt", "backends.tensorrt", ("cuda",), ("fp16", "fp32"), meanwhile="graph", automatic=False),
    Backend("eager", "incremental", staged=True),
    Backend("plain", "plain", precisions=("fp32",), every_family=True),
)
BACKENDS: Mapping[str, Backend] = MappingProxyType({row.name: row for row in ROWS})


def fitting(device: str, network: Network | None = None) -> tuple[str, ...]:
    """Return the names of the backends for this kind of device, and for ``network`` where it is given, best first."""
    return tuple(row.name for row in ROWS if row.fits(device, network))


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence has them: "a, b or c"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
