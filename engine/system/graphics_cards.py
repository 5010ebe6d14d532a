"""The graphics cards of this machine and their drivers. Standard library only: the set-up asks before torch is there.

NVIDIA's cards are named by ``nvidia-smi``, the others by Linux's sysfs or the registry of Windows.
"""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ANSWER_SECONDS = 2.0  # s; for all that nvidia-smi is asked: a driver that is broken lets it wait for ever
NEWEST = "index,name,driver_version,compute_cap"  # fields; nvidia-smi of a driver before 510 knows no compute_cap
OLDER = "index,name,driver_version"
VENDORS = {"10de": "nvidia", "1002": "amd", "8086": "intel"}  # by PCI number
MAKERS = {"nvidia": "an NVIDIA", "amd": "an AMD", "intel": "an Intel", "apple": "an Apple"}
DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card."""

    vendor: str  # "nvidia", "amd", "intel" or "apple"
    name: str
    driver: str | None = None  # version, of NVIDIA's only
    compute: tuple[int, int] | None = None  # NVIDIA's compute capability
    target: str | None = None  # AMD's architecture, such as gfx1100, where the compute driver names it
    number: int | None = None  # NVIDIA's index: it is CUDA's where CUDA_DEVICE_ORDER is PCI_BUS_ID

    @property
    def words(self) -> str:
        """Return the card and its driver as a line has them."""
        return f"{self.name}, driver {self.driver}" if self.driver else self.name


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides which build of torch a machine can use."""

    system: str  # "Linux", "Windows" or "Darwin"
    processor: str  # "x86_64" or "arm64"
    python: tuple[int, int]
    cards: tuple[Card, ...] = ()


def machine(python: tuple[int, int] | None = None) -> Machine:
    """Return this machine; it takes ANSWER_SECONDS at most."""
    processor = platform.machine().lower()
    processor = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}.get(processor, processor)
    system = platform.system()
    return Machine(system, processor, python or sys.version_info[:2], cards(system, processor))


def cards(system: str, processor: str) -> tuple[Card, ...]:
    """Return the cards of this machine, NVIDIA's first."""
    if system == "Darwin":
        return (Card("apple", "Apple's GPU"),) if processor == "arm64" else ()
    others = list(_registry() if system == "Windows" else _sysfs())
    told = _nvidia_smi() if _has_nvidia(others) else ()
    return (*told, *(card for card in others if not (told and card.vendor == "nvidia")))


def nvidia_is_here() -> bool:
    """Return whether an NVIDIA driver is installed; cheap, for every start."""
    return bool(glob.glob("/dev/nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


def _has_nvidia(found: list[Card]) -> bool:
    return nvidia_is_here() or any(card.vendor == "nvidia" for card in found)


def _nvidia_smi() -> tuple[Card, ...]:
    """Return what nvidia-smi tells; nothing where it is missing, fails or hangs."""
    program, left = shutil.which("nvidia-smi"), ANSWER_SECONDS
    if program is None:
        return ()
    for fields in (NEWEST, OLDER):
        try:
            done = subprocess.run(
                [program, f"--query-gpu={fields}", "--format=csv,noheader"],
                capture_output=True, text=True, errors="replace", timeout=left, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ()
        if done.returncode == 0:
            return tuple(_told(done.stdout))
        left = ANSWER_SECONDS / 2
    return ()


def _told(text: str) -> Iterator[Card]:
    for line in text.splitlines():
        index, name, driver, *rest = [field.strip() for field in line.split(",")] + [""] * 3
        if not index.isdecimal():
            continue
        capability = re.fullmatch(r"(\d+)\.(\d+)", rest[0] if rest else "")
        compute = (int(capability[1]), int(capability[2])) if capability else None
        yield Card("nvidia", name, driver or None, compute, number=int(index))


def _sysfs(root: Path = Path("/sys")) -> Iterator[Card]:
    """Yield the cards that Linux has a driver for. Only AMD's compute driver names an architecture."""
    targets = list(_amd_targets(root))
    for folder in sorted(root.glob("class/drm/card[0-9]*")):
        if "-" in folder.name:  # an output of a card
            continue
        vendor = VENDORS.get(_line(folder / "device/vendor").removeprefix("0x"))
        if vendor is not None:
            device = _line(folder / "device/device").removeprefix("0x")
            target = targets.pop(0) if vendor == "amd" and targets else None
            driver = _line(root / "module/nvidia/version") if vendor == "nvidia" else ""
            yield Card(vendor, f"{MAKERS[vendor].partition(' ')[2]} GPU {device}", driver or None, target=target)


def _amd_targets(root: Path) -> Iterator[str]:
    """Yield the architectures of AMD's cards as ROCm writes them: 110000 is gfx1100, 90010 is gfx90a."""
    for path in sorted(root.glob("class/kfd/kfd/topology/nodes/*/properties")):
        found = re.search(r"^gfx_target_version (\d+)$", _text(path), re.MULTILINE)
        number = int(found[1]) if found else 0
        if number:  # a processor's node has 0
            yield f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"


def _line(path: Path) -> str:
    return _text(path).strip()


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _registry() -> Iterator[Card]:
    """Yield the display adapters of Windows."""
    for number, name, version in _adapters():
        if card := windows_card(number.lower(), name, version):
            yield card


def _adapters() -> Iterator[tuple[str, str, str]]:
    """Yield PCI number, name and driver's version of each adapter that the registry has."""
    if sys.platform == "win32":
        import winreg

        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, DISPLAY_CLASS) as adapters:
            for index in range(64):
                with suppress(OSError), winreg.OpenKey(adapters, f"{index:04d}") as adapter:
                    number, name, version = (
                        str(winreg.QueryValueEx(adapter, key)[0])
                        for key in ("MatchingDeviceId", "DriverDesc", "DriverVersion")
                    )
                    yield number, name, version
    yield from ()


def windows_card(number: str, name: str, version: str) -> Card | None:
    """Return the card of a PCI number that holds ``ven_10de``; NVIDIA's 32.0.15.8088 is its driver 580.88."""
    found = re.search(r"ven_([0-9a-f]{4})", number)
    vendor = VENDORS.get(found[1]) if found else None
    if vendor is None:
        return None
    digits = "".join(version.split(".")[-2:])[-5:]
    driver = f"{digits[:3]}.{digits[3:]}" if vendor == "nvidia" and len(digits) == 5 and digits.isdecimal() else None
    return Card(vendor, name, driver)


def order_as_nvidia_smi() -> None:
    """Make CUDA count its devices as nvidia-smi does, so that ``cuda:1`` is the card that ``vj devices`` calls 1."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
