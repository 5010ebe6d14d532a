"""Which locked packages have no ready-made wheel, for every platform and Python that the README names.

usage: ``python -m benchmarks.wheels [LOCK…]``; it asks the package index for names only (pip's dry run).

pip judges markers by the Python that runs it, so the markers of a lock are judged here.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-cpu.lock", "requirements-cuda.lock", "requirements-tensorrt.lock")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MANYLINUX = (5, 12, 17, 24, 26, 27, 28, 31, 34)  # minor versions of glibc that a wheel may ask for


def manylinux(machine: str) -> tuple[str, ...]:
    """Return pip's tags of a Linux with glibc 2.34."""
    old = [f"manylinux{name}_{machine}" for name in ("1", "2010", "2014")]
    return (*(f"manylinux_2_{minor}_{machine}" for minor in MANYLINUX), *old)


def macos(*kinds: str) -> tuple[str, ...]:
    """Return pip's tags of a macOS 14."""
    return tuple(f"macosx_{major}_0_{kind}" for major in (11, 12, 13, 14) for kind in kinds)


# name: sys_platform, platform_machine, and pip's tags
PLATFORMS = {
    "Windows": ("win32", "AMD64", ("win_amd64",)),
    "macOS arm64": ("darwin", "arm64", macos("arm64", "universal2")),
    "Linux x86-64": ("linux", "x86_64", manylinux("x86_64")),
    "Linux aarch64": ("linux", "aarch64", manylinux("aarch64")),
}


@dataclass(frozen=True)
class Target:
    """A platform with a Python."""

    platform: str
    python: str

    def environment(self) -> dict[str, str]:
        """Return what markers ask for."""
        system, machine, _ = PLATFORMS[self.platform]
        names = {"win32": "Windows", "darwin": "Darwin", "linux": "Linux"}
        return {
            "sys_platform": system, "platform_machine": machine, "platform_system": names[system],
            "os_name": "nt" if system == "win32" else "posix", "python_version": self.python,
            "python_full_version": f"{self.python}.0", "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }  # fmt: skip


def wanted(lock: str, target: Target) -> Iterator[str]:
    """Yield the packages that a lock wants on a platform, as ``name==version``."""
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(target.environment()):
            yield f"{requirement.name}{requirement.specifier}"


def without_wheel(packages: list[str], target: Target) -> list[str]:
    """Return those of ``packages`` for which pip finds no wheel there; it names one at a time."""
    tags = [part for tag in PLATFORMS[target.platform][2] for part in ("--platform", tag)]
    found: list[str] = []
    while True:
        left = [package for package in packages if package not in found]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps",
                 "--target", folder, "--python-version", target.python, "--only-binary", ":all:", *tags, *left],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode == 0:
            return found
        named = re.search(r"No matching distribution found for (\S+)", done.stderr)
        if named is None or named[1] not in left:
            raise SystemExit(done.stderr)
        found.append(named[1])


def main() -> int:
    """Print the table; 1 where a wheel is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locks", nargs="*", default=LOCKS)
    locks, complete = parser.parse_args().locks, True
    for target in (Target(platform, python) for platform in PLATFORMS for python in PYTHONS):
        packages = list(dict.fromkeys(package for lock in locks for package in wanted(lock, target)))
        found = without_wheel(packages, target)
        complete = complete and not found
        print(f"{target.platform:<14} {target.python}: {', '.join(found) or 'all wheels'}", flush=True)
    return int(not complete)


if __name__ == "__main__":
    sys.exit(main())
