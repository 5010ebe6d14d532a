"""Which backend plays a network: as the table of backends says, for this device and what is installed on it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from fractions import Fraction

import torch

from engine.borders.errors import UserError
from engine.generator.aspect import reshape
from engine.generator.backends.blocks import Blocks, Unavailable
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.backends.processor import WITHOUT_BF16, has_fast_bf16, lacks
from engine.generator.backends.table import BACKENDS, DEVICE_NAMES, PRECISIONS, ROWS, Backend, fitting, listed
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.network import Network
from engine.generator.player import Player
from engine.system import torch_import


def open_generator(
    network: Network,
    *,
    device: str = "cpu",
    backend: str = "auto",
    precision: str = "auto",
    resolution: int | None = None,
    aspect: Fraction | None = None,
    fill: str = "mirror",
) -> Player:
    """Return a player for ``network`` that can paint at once; `settle` waits for its final backend.

    ``aspect`` is width / height of its pictures (None: the model's own), see aspect.py, and so is ``fill``.
    ``backend``: "auto", or a name of the table; ``precision``: "auto" is fp16 on CUDA, bf16 on processors that
    multiply it in hardware, else fp32. A processor without instructions for bf16 plays in fp32, with a note, where
    ``backend`` is "auto". UserError names a wish that this machine cannot fulfil.
    """
    for option, wish, known in (("backend", backend, tuple(BACKENDS)), ("precision", precision, PRECISIONS)):
        if wish not in ("auto", *known):
            raise UserError(f"--{option} {wish}: unknown; choose one of auto, {', '.join(known)}")
    if aspect is not None and aspect != 1:
        network = reshape(network, aspect, fill)
    kind = torch.device(device).type
    rows = [row for row in ROWS if row.automatic and row.fits(kind, network)] if backend == "auto" else _wish(backend)
    _check(rows[0], backend, precision, kind, network)
    network = network.eval().requires_grad_(False).to(device)
    return _open(rows, network, backend, precision, resolution, aspect if aspect != 1 else None)


def _wish(name: str) -> list[Backend]:
    """Return the row of that name, and the one that plays until it is built."""
    row = BACKENDS[name]
    return [row] if row.meanwhile is None else [row, BACKENDS[row.meanwhile]]


def _check(row: Backend, backend: str, precision: str, kind: str, network: Network) -> None:
    """UserError for a wish that the table rules out; ``row`` is the first choice."""
    allowed = row.precisions_on(kind)
    if not network.blocks and not (row.fits(kind, network) and precision in ("auto", *allowed)):
        able = [each for each in ROWS if each.fits(kind, network)]
        plays = listed(tuple(f"--backend {each.name} --precision {each.precisions[0]}" for each in able))
        raise UserError(f"this model plays with {plays} only; leave both out")
    if not row.fits(kind, network):
        needs = listed(tuple(DEVICE_NAMES[device] for device in row.devices))
        others = ", ".join(fitting(kind, network))
        raise UserError(f"--backend {backend}: needs {needs}; choose auto, or one of {others}")
    if precision == "fp16" and kind == "cpu":
        raise UserError(f"--precision fp16: a CPU computes it hundreds of times slower; choose {listed(allowed)}")
    if precision not in ("auto", *allowed):
        raise UserError(f"--precision {precision}: {row.name} plays in {listed(allowed)} here; choose one of these")


def _open(
    rows: Sequence[Backend],
    network: Network,
    backend: str,
    precision: str,
    resolution: int | None,
    aspect: Fraction | None,
) -> Player:
    """Open the first of ``rows`` that opens at once; those before it take over when one of them is built."""
    kind = network.device.type
    first = next(index for index, row in enumerate(rows) if row.meanwhile is None)
    chosen = usual_precision(rows[0], kind) if precision == "auto" else precision
    unable = backend == "auto" and kind == "cpu" and lacks(chosen) is not None
    chosen = "fp32" if unable else chosen
    player: Player
    if first == 0:
        player = rows[0].opener().open_player(network, chosen, resolution, aspect)
    else:
        player = standing_in = rows[first].stand_in().open_player(network, chosen, resolution, aspect)
        _improve(standing_in, rows[:first], backend, chosen)
    if unable:
        player.note(f"plays in fp32: {WITHOUT_BF16}")
    return player


def _improve(player: IncrementalPlayer, rows: Sequence[Backend], backend: str, precision: str) -> None:
    """Begin to build the first of ``rows`` that can be, for ``player`` to play on."""
    prepared = player.prepared()
    refused = refusals(prepared, precision, rows)
    better = [row for row in rows if refused[row.name] is None]
    if backend != "auto" and not better:
        raise UserError(f"--backend {backend}: {refused[backend]}; or choose auto")
    if better:
        if better[0].name == "inductor":
            torch_import.bring_all()
        player.improve(_build, better, prepared, precision)


def usual_precision(row: Backend, kind: str) -> str:
    """Return the precision that "auto" means for a backend on this kind of device."""
    allowed = row.precisions_on(kind)
    return "fp32" if kind == "cpu" and not has_fast_bf16() else allowed[0]


def refusals(
    prepared: Prepared, precision: str = "fp32", rows: Sequence[Backend] | None = None
) -> dict[str, str | None]:
    """Say why each backend that builds blocks for this device cannot play a network here, or None; best first."""
    kind = prepared.network.device.type
    asked = [row for row in ROWS if row.fits(kind, prepared.network)] if rows is None else rows
    return {row.name: row.builder().refusal(prepared, precision) for row in asked if row.meanwhile is not None}


def playable(network: Network) -> tuple[str, ...]:
    """Return the names of the backends that can play a network on its device, best first."""
    kind = network.device.type
    refused = refusals(prepare(network)) if network.blocks else {}
    return tuple(name for name in fitting(kind, network) if refused.get(name) is None)


def _build(rows: Sequence[Backend], prepared: Prepared, precision: str) -> Blocks:
    """Build the first of ``rows`` that can be built after all; what the last one raises is raised."""
    makers = [row.builder().open_blocks for row in rows]
    for make in makers[:-1]:
        with contextlib.suppress(Unavailable, ImportError):  # a compiler that is there may still not compile
            return make(prepared, precision)
    return makers[-1](prepared, precision)
