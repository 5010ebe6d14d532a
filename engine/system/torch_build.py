"""Which build of torch fits a machine: a pure function from its facts to an index of wheels, and why.

The facts, of torch 2.13: its wheels are built for CUDA 12.6 (compute capability 5.0 to 9.0), 13.0 (7.5 and newer),
ROCm 7.2, Intel's XPU and CPUs. PyPI has the CUDA 13.0 build for Linux, and the CPU build for Windows and macOS. CUDA 13
needs driver 580, CUDA 12 driver 525 (docs.nvidia.com, CUDA compatibility, minor versions). Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.system.graphics_cards import Card, Machine

INDEX = "https://download.pytorch.org/whl/"
PYTHONS = ((3, 11), (3, 14))  # the first and the last that all pinned wheels are for
CUDA_13_DRIVER, CUDA_12_DRIVER = 580, 525  # the oldest driver's branch
CUDA_13_COMPUTE, CUDA_12_COMPUTE = ((7, 5), (99, 0)), ((5, 0), (9, 0))  # the first and the last compute capability
ROCM_TARGETS = {
    "gfx908", "gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1150", "gfx1151", "gfx1200",
    "gfx1201",
}  # fmt: skip
# What Intel calls the GPUs that torch's XPU build is for: Arc, also those in a Core Ultra.
XPU_NAME = re.compile(r"\barc\b", re.IGNORECASE)
XPU_NUMBERS = re.compile(
    r"GPU (569|56a|56b|e20|e21|7d4|7d5|7d6|7dd|642|64a|64b|b08|b09)[0-9a-f]$"
)  # Linux's PCI device
BUILDS = ("pypi", "cpu", "cu126", "cu130", "rocm7.2", "xpu")
PLAYS = {
    "cpu": "the processor", "cu126": "CUDA 12.6", "cu130": "CUDA 13.0", "rocm7.2": "ROCm 7.2", "xpu": "Intel's XPU",
}  # fmt: skip


# What may play on a GPU that torch cannot use. Both are written and not run on one.
DIRECTML = "To try DirectML: start.py --directml, then --backend directml"
OPENVINO = "To try the GPU by OpenVINO: --backend openvino-gpu"
KINDS = {"nvidia": "cuda", "amd": "cuda", "intel": "xpu", "apple": "mps"}  # torch's kind of device by vendor


@dataclass(frozen=True, slots=True)
class Choice:
    """A build of torch."""

    build: str  # one of BUILDS
    why: str  # a line: the card that decided, or why none did
    missed: str = ""  # a line: what would make a GPU that stands idle play, with the driver's version where that is it
    card: Card | None = None  # that will play, or could where something is missed

    @property
    def index(self) -> str | None:
        """Return the index of its wheels, None for PyPI."""
        return None if self.build == "pypi" else INDEX + self.build

    def requirement(self, version: str) -> str:
        """Return what an installer is asked for: the very build, so that no other is taken in its place."""
        return f"torch=={version}" if self.index is None else f"torch=={version}+{self.build}"


def choose(machine: Machine) -> Choice:
    """Return the build of torch that plays fastest on ``machine``. ValueError where there is none at all."""
    if machine.system == "Darwin":
        if machine.processor != "arm64":
            raise ValueError(
                "torch has no wheels for Macs with an Intel processor any more; an Apple M1 or newer plays"
            )
        return Choice("pypi", "Apple's GPU plays through Metal (mps)", card=_first(machine, "apple"))
    if _first(machine, "nvidia") is not None:
        return _nvidia(machine)
    found = _amd(machine) or _intel(machine)
    why = "no GPU that torch can use: the processor plays"
    return found or Choice(_plain(machine), f"{why}. {OPENVINO}" if _first(machine, "intel") else why)


def named(build: str, machine: Machine) -> Choice:
    """Return a build that was asked for by name; "auto" chooses. ValueError for another name."""
    if build == "auto":
        return choose(machine)
    if build not in BUILDS:
        raise ValueError(f"--torch={build}: unknown; choose auto, or one of {', '.join(BUILDS)}")
    return Choice(build, "asked for with --torch")


@dataclass(frozen=True, slots=True)
class Idle:
    """A GPU that could play and does not."""

    card: Card
    why: str
    mend: str  # the line to run, or what to install


def idle(machine: Machine, usable: tuple[str, ...], version: str, pip: str | None) -> Idle | None:
    """Return the GPU that stands idle, None where none does or nothing is to be done about it.

    ``usable`` are the kinds of device that torch can use ("cuda" is AMD's, too), ``version`` is torch's, such as
    2.13.0+cpu, and ``pip`` the command that installs; None: the set-up does.
    """
    try:
        choice = choose(machine)
    except ValueError:
        return None
    card = choice.card
    if card is None or KINDS[card.vendor] in usable:
        return None
    if choice.missed:
        return Idle(card, choice.missed, choice.missed)
    public, _, build = version.partition("+")
    wanted = choice.build if choice.index else "cu130" if card.vendor == "nvidia" else ""
    if card.vendor == "apple" or build == wanted or (not build and choice.build == "pypi"):
        return Idle(card, f"torch {version} is built for it, and cannot begin it", "see whether its driver works")
    extra = f"--extra-index-url {choice.index} " if choice.index else ""
    by_pip = f"{pip} --force-reinstall {extra}{choice.requirement(public)}"
    return Idle(card, f"torch {version} cannot use it", by_pip if pip else f"tools/start.py --torch={choice.build}")


def _plain(machine: Machine) -> str:
    """Return the build for CPUs: on Linux PyPI's is two gigabytes of CUDA."""
    return "cpu" if machine.system == "Linux" else "pypi"


def _first(machine: Machine, vendor: str) -> Card | None:
    return next((card for card in machine.cards if card.vendor == vendor), None)


def _nvidia(machine: Machine) -> Choice:
    """Choose by the driver and the newest card that it drives; on a hybrid laptop the other card only shows."""
    cards = [card for card in machine.cards if card.vendor == "nvidia"]
    best = max(cards, key=lambda card: (card.compute is not None, card.compute or (0, 0)))
    branch = int(best.driver.partition(".")[0]) if best.driver and best.driver[:1].isdecimal() else None
    if branch is None:
        why = f"{best.name} is here, but its driver does not answer"
        missed = f"{why}: try nvidia-smi, or install its driver anew"
        return Choice(_plain(machine), f"{why}: the processor plays", missed, best)
    compute = best.compute or ((7, 5) if branch >= CUDA_12_DRIVER else (0, 0))  # untold: what most cards can
    if branch >= CUDA_13_DRIVER and _within(compute, CUDA_13_COMPUTE):
        # PyPI's for Linux is this build, and near; elsewhere PyPI has none with CUDA.
        pypi = machine.system == "Linux" and machine.processor == "x86_64"
        return Choice("pypi" if pypi else "cu130", f"{best.words}: CUDA 13.0", card=best)
    if branch >= CUDA_12_DRIVER and _within(compute, CUDA_12_COMPUTE) and machine.processor == "x86_64":
        return Choice("cu126", f"{best.words}: CUDA 12.6", card=best)
    if compute != (0, 0) and compute < CUDA_12_COMPUTE[0]:
        why = f"{best.words}: too old for torch (compute capability {compute[0]}.{compute[1]}, 5.0 is the first)"
        return Choice(_plain(machine), f"{why}; the processor plays")
    newer = compute != (0, 0) and not _within(compute, CUDA_12_COMPUTE)
    needed = CUDA_13_DRIVER if newer or machine.processor != "x86_64" else CUDA_12_DRIVER
    missed = f"install NVIDIA's driver {needed} or newer: {best.driver} is too old for {best.name}"
    return Choice(_plain(machine), f"{missed}; until then the processor plays", missed, best)


def _within(compute: tuple[int, int], ends: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    return ends[0] <= compute <= ends[1]


def _amd(machine: Machine) -> Choice | None:
    cards = [card for card in machine.cards if card.vendor == "amd"]
    if not cards or machine.processor != "x86_64":
        return None
    if machine.system == "Windows":
        # torch-directml has had no release since 2024 and is for torch 2.4; AMD's own wheels for Windows are previews.
        # ONNX Runtime's DirectML is kept up.
        why = f"{cards[0].name}: no build of torch for AMD on Windows is kept up; the processor plays. {DIRECTML}"
        return _intel(machine) or Choice("pypi", why)
    for card in cards:
        if card.target in ROCM_TARGETS:
            return Choice("rocm7.2", f"{card.name} ({card.target}): ROCm 7.2, a download of 6 GB", card=card)
    if found := _intel(machine):
        return found
    target = cards[0].target
    if target is None:
        missed = f"{cards[0].name}: Linux's compute driver is not there; where /dev/kfd is, ROCm plays"
    else:
        missed = f"{cards[0].name} ({target}): ROCm's torch is not built for it"
    could = target is None
    return Choice("cpu", f"{missed}; the processor plays", missed if could else "", cards[0] if could else None)


def _intel(machine: Machine) -> Choice | None:
    cards = [card for card in machine.cards if card.vendor == "intel"]
    if not cards or machine.processor != "x86_64":
        return None
    for card in cards:
        if XPU_NAME.search(card.name) or XPU_NUMBERS.search(card.name):
            return Choice("xpu", f"{card.name}: Intel's XPU", card=card)
    return None
