"""Which locked packages have no ready-made wheel, for every platform and Python that the README names.

usage: ``python -m benchmarks.wheels [LOCK…]``. uv resolves all locks together with what their packages ask for, by
wheels alone, and downloads none: it asks the package index for names and metadata, once, for it keeps them.
"""

from __future__ import annotations

import argparse
import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("cpu", "cuda", "tensorrt", "directml")
LOCKS = ("requirements.lock", *(f"requirements-{extra}.lock" for extra in EXTRAS))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
AT_ONCE = 4  # resolutions; each waits for the index most of its time
MACOS = "14.0"  # torch's wheels ask for it
MISSING = re.compile(r"(?:Because|and) ([\w.-]+)==\S+ has no (?:usable )?wheels")

# name: sys_platform, platform_machine, and uv's name of it; OpenVINO asks for glibc 2.35 on ARM, Ubuntu's of 2022
PLATFORMS = {
    "Windows": ("win32", "AMD64", "x86_64-pc-windows-msvc"),
    "macOS arm64": ("darwin", "arm64", "aarch64-apple-darwin"),
    "Linux x86-64": ("linux", "x86_64", "x86_64-manylinux_2_34"),
    "Linux aarch64": ("linux", "aarch64", "aarch64-manylinux_2_35"),
}


@dataclass(frozen=True)
class Target:
    """A platform with a Python."""

    platform: str
    python: str

    def fits(self, lock: str) -> bool:
        """Whether the set-up may install a lock there: NVIDIA has no driver for a Mac."""
        return not (lock == "requirements-cuda.lock" and PLATFORMS[self.platform][0] == "darwin")

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


def without_wheel(target: Target, locks: Sequence[str] = LOCKS) -> set[str]:
    """Return the locked packages for which there is no wheel on a platform; uv names one at a time.

    SystemExit with uv's words where the locks do not fit together, or the index cannot be asked.
    """
    found: set[str] = set()
    fitting = [lock for lock in locks if target.fits(lock)]
    while True:
        asked = [package for lock in fitting for package in wanted(lock, target) if _name(package) not in found]
        done = subprocess.run(
            [uv(), "pip", "compile", "--quiet", "--only-binary", ":all:", "--python-platform",
             PLATFORMS[target.platform][2], "--python-version", target.python, "-"],
            input="\n".join(asked), capture_output=True, text=True, check=False,
            env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS},
        )  # fmt: skip
        if done.returncode == 0:
            return found
        named = MISSING.search(" ".join(done.stderr.split()))
        if named is None or named[1] in found:
            raise SystemExit(f"{target}: {done.stderr}")
        found.add(named[1])


def _name(package: str) -> str:
    return package.partition("==")[0].lower().replace("_", "-")


@cache
def uv() -> str:
    """Return the program uv: the machine's, the environment's, or one that pip puts into a folder of its own."""
    program = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if program is None:
        folder = tempfile.mkdtemp(prefix="latentvj-uv-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder, "uv"], check=True)
        program = shutil.which("uv", path=str(Path(folder, "bin")))
    if program is None:
        raise SystemExit("uv cannot be had; it is what resolves for other platforms (docs.astral.sh/uv)")
    return program


def main() -> int:
    """Print the table; 1 where a wheel is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locks", nargs="*", default=LOCKS)
    locks, complete = parser.parse_args().locks, True
    uv()
    targets = [Target(platform, python) for platform in PLATFORMS for python in PYTHONS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for target, found in zip(targets, pool.map(lambda t: without_wheel(t, locks), targets), strict=True):
            complete = complete and not found
            words = ", ".join(sorted(found)) or "all wheels"
            print(f"{target.platform:<14} {target.python}: {words}", flush=True)
    return int(not complete)


if __name__ == "__main__":
    sys.exit(main())
