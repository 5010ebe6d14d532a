"""What could play the generator on this machine, what will, and why not what is faster."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.generator.backends.devices import choose, usable
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import refusals, usual_precision
from engine.generator.backends.table import ROWS, Backend
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.system.graphics_cards import Card, Machine, machine
from engine.system.torch_build import KINDS, Idle, idle

CHECKOUT = Path(__file__).resolve().parents[3]
SMALLEST = Config(img_resolution=8, channels=(16, 16), w_dim=16, z_dim=16)  # a network to ask the backends about


@dataclass(frozen=True, slots=True)
class Row:
    """A device: what torch can do with it, what plays on it, and what is in the way of more."""

    device: str
    torch: str
    used_for: str
    why: str
    mend: str = ""


def idle_card(here: Machine | None = None) -> Idle | None:
    """Return the GPU that stands idle here, None where none does."""
    return idle(here or machine(), usable(), torch.__version__, _installer())


def rows(here: Machine | None = None) -> list[Row]:
    """Return a row for every graphics card, and one for the processor."""
    here = here or machine()
    kind, lazy = choose(None), idle_card(here)
    found = [_card(card, kind, lazy) for card in here.cards]
    backend, why = _backend("cpu")
    used = f"the generator, by {backend}" if kind == "cpu" else ""
    threads = f"{torch.get_num_threads()} threads"
    return [*found, Row(f"processor {here.processor}, {threads}", f"torch {torch.__version__}", used, why)]


def _card(card: Card, kind: str, lazy: Idle | None) -> Row:
    own = KINDS[card.vendor]
    if own not in usable():
        mend = lazy.mend if lazy is not None and lazy.card == card else ""
        why = lazy.why if lazy is not None and lazy.card == card else "torch has nothing for it"
        return Row(card.words, "nothing", "the window" if own != "cuda" else "", why, mend)
    backend, why = _backend(own)
    first = own == kind and card.number in (None, 0)
    used = f"the generator, by {backend}" if first else f"--device {own}:{card.number}" if card.number else ""
    return Row(card.words, _ability(own), used, why if first else "")


def _ability(kind: str) -> str:
    """Return what torch plays a kind of device through."""
    if kind == "cuda":
        return f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"
    return {"mps": "Metal", "xpu": "XPU"}.get(kind, kind)


def _backend(kind: str) -> tuple[str, str]:
    """Return the backend that "auto" takes on a kind of device, and why none before it in the table."""
    if kind != "cpu":
        best = next(row for row in ROWS if row.automatic and row.fits(kind))
        return (
            f"{best.name}, {usual_precision(best, kind)}",
            "" if kind == "cuda" else "no graphs and no engines here yet",
        )
    asked = [row for row in ROWS if row.automatic and row.fits(kind)]
    refused = refusals(prepare(StyleGAN2.random(SMALLEST).eval()), usual_precision(asked[0], kind))
    best = next(row for row in asked if refused.get(row.name) is None)
    missed = [_refusal(row, refused) for row in asked[: asked.index(best)]]
    return f"{best.name}, {usual_precision(best, kind)}", "; ".join(missed)


def _refusal(row: Backend, refused: dict[str, str | None]) -> str:
    return f"not {row.name}: {refused[row.name]}"


def _installer() -> str | None:
    """Return the command that installs another torch where this one is; None in a checkout, which has its set-up."""
    return None if (CHECKOUT / "tools" / "start.py").exists() else f'"{sys.executable}" -m pip install'
