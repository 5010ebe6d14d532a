"""The device that the generator plays on: the one asked for, or the fastest that torch can use here.

On the devices of CHECKED the very model paints a small picture first, and every warp. Where that fails, or differs
from what the processor paints, the processor plays and a note says why: torch lacks some operators there.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.errors import UserError, first_line
from engine.borders.params import PICTURE_ROWS, TRAVEL_ROWS, Params, Table
from engine.borders.tick import Tick
from engine.generator.backends.select import open_generator
from engine.generator.backends.table import DEVICE_NAMES
from engine.generator.networks.network import Network
from engine.generator.player import Player
from engine.generator.warps.order import WARPS
from engine.generator.warps.rows import ROWS as WARP_ROWS
from engine.system.graphics_cards import order_as_nvidia_smi

CHECKED = ("mps", "xpu")  # kinds of device whose operators are checked before they play
SMALL = 64  # pixels; the most that the check paints, to take a fraction of a second
ALIKE_DB = 25.0  # least ratio of the picture's power to that of its difference; fp16 reaches 40 and more
SEED = 3  # of the picture that is painted
NEEDS = {
    "cuda": "an NVIDIA GPU with its driver, and a torch built for CUDA",
    "mps": "a Mac with Apple's own processor and macOS 14",
    "xpu": "an Intel Arc GPU, and a torch built for XPU",
}

TABLE = Table((*TRAVEL_ROWS, *PICTURE_ROWS, *WARP_ROWS))


def usable() -> tuple[str, ...]:
    """Return the kinds of device that torch can use here, fastest first; the last is "cpu"."""
    found = {
        "cuda": torch.cuda.is_available() and not without_kernels(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    return (*(kind for kind, there in found.items() if there), "cpu")


@functools.cache
def without_kernels() -> str:
    """Return why torch's CUDA cannot play on this machine's card, in a few words; "" where it can.

    An old card has a driver and is "available", and the first kernel fails: torch's wheel has none for it.
    """
    if torch.version.hip is not None:  # AMD's names are others, and its wheels are built card by card
        return ""
    try:
        major, minor = torch.cuda.get_device_capability()
        if has_kernels(major, minor, torch.cuda.get_arch_list()):
            return ""
        name = torch.cuda.get_device_name()
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return f"this torch has no kernels for {name} (compute capability {major}.{minor})"


def has_kernels(major: int, minor: int, built_for: Sequence[str]) -> bool:
    """Return whether a card has kernels among ``built_for``: of its own generation and no newer, or to be compiled."""
    for name in built_for:
        kind, _, digits = name.partition("_")
        number = int("".join(filter(str.isdigit, digits)) or 0)
        own, least = number // 10 == major, number % 10 <= minor
        if (kind == "sm" and own and least) or (kind == "compute" and number <= 10 * major + minor):
            return True
    return False


def choose(asked: str | None) -> str:
    """Return the device to play on: ``asked``, such as "cuda:1", or the fastest. UserError where it is not here."""
    if asked is None:
        return usable()[0]
    kind, _, number = asked.partition(":")
    if number and kind == "cuda":  # before CUDA is begun, as asking for kernels does
        return _able(asked, _only_card(asked, int(number)))
    if _able(asked, kind) not in usable():
        how = "; vj devices says what this machine has, and what would make it play" if kind in NEEDS else ""
        raise UserError(f"--device {asked}: torch cannot use one here (it needs {NEEDS[kind]}){how}")
    return asked


def _able(asked: str, kind: str) -> str:
    """Return ``kind``; UserError where it is CUDA's and its card has no kernels in this torch."""
    if kind == "cuda" and torch.cuda.is_available() and (why := without_kernels()):
        raise UserError(f"--device {asked}: {why}; leave --device away, and the processor plays")
    return kind


@functools.cache  # a show loads several models
def _only_card(asked: str, number: int) -> str:
    """Let CUDA see no card but one. Every thread and library then takes it, whatever they call the first.

    This has to come before CUDA is begun, and counting its devices does not begin it.
    """
    order_as_nvidia_smi()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    cards = [str(card) for card in range(count)] if seen is None else [card.strip() for card in seen.split(",")]
    if number >= count:
        there = "none" if not count else "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UserError(f"--device {asked}: CUDA has {there} here; vj devices lists them")
    os.environ["CUDA_VISIBLE_DEVICES"] = cards[number]
    return "cuda"


def checked(network: Network, device: str, precision: str = "auto") -> tuple[str, str]:
    """Return the device that paints ``network`` as the processor does, and why that is not ``device`` ("" if it is).

    ``network`` lies on the CPU, and does so afterwards.
    """
    kind = torch.device(device).type
    if kind not in CHECKED:
        return device, ""
    network.eval().requires_grad_(False)
    size = max((stop for stop in network.stops if stop <= SMALL), default=min(network.stops))
    z = np.random.default_rng(SEED).standard_normal((1, network.z_dim)).astype(np.float32)
    labels = np.eye(1, network.c_dim, dtype=np.float32) if network.c_dim else None
    try:
        with torch.inference_mode():
            ws = network.map(torch.from_numpy(z), None if labels is None else torch.from_numpy(labels))
            wanted = network.synthesize(ws, stop_at=size)
            backend = "eager" if network.blocks else "plain"
            player = open_generator(network, device=device, backend=backend, precision=precision, resolution=size)
            got = player.image(torch.from_numpy(player.map(z, labels)).to(player.device)).float().cpu()
            _bend(player, ws[0].numpy())
        why = _difference(wanted, got)
    except (RuntimeError, TypeError) as error:  # an operator that is missing there, a type that the device has not
        why = first_line(error)
    network.to("cpu")
    if not why:
        return device, ""
    return "cpu", f"{DEVICE_NAMES[kind]} does not paint this model ({why}): the processor plays"


def _difference(wanted: Tensor, got: Tensor) -> str:
    if not bool(torch.isfinite(got).all()):
        return "its picture is not finite"
    power = float(wanted.square().mean() / (wanted - got).square().mean().clamp(min=1e-20))
    decibels = 10.0 * math.log10(max(power, 1e-20))
    return "" if decibels >= ALIKE_DB else f"its picture is {decibels:.0f} dB near to the processor's"


def _bend(player: Player, ws: NDArray[np.float32]) -> None:
    """Paint a frame with every warp, each on its own: an operator that is missing shows here and not on the stage."""
    for warp in WARPS if player.network.bends else ():
        values = {f"{warp.name}.layer": float(max(player.network.bends[0], 8)), **warp.example}
        player(ws, Params(values, TABLE), Tick(0, 0.0, 0.0)).cpu()
