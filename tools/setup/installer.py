"""What installs into .venv: uv, which takes seconds, or pip. Standard library only.

pip stays the installer wherever it has settings of its own (an index, wheels in a folder, a constraint, a proxy): uv
reads none of them and would fetch something else from somewhere else, such as three gigabytes of CUDA in place of the
torch that lies beside it. Settings for uv itself (UV_…) decide for uv. LATENTVJ_INSTALLER=pip or =uv decides by hand.
"""

from __future__ import annotations

import configparser
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Settings of pip that change neither where packages come from nor which: they are no reason against uv.
HARMLESS = {
    "break-system-packages", "cache-dir", "config-file", "default-timeout", "disable-pip-version-check",
    "exists-action", "log", "no-cache-dir", "no-color", "no-input", "no-python-version-warning",
    "no-warn-script-location", "progress-bar", "quiet", "require-virtualenv", "retries", "root-user-action",
    "timeout", "use-feature", "verbose",
}  # fmt: skip
# Settings of pip that say where packages come from, or which.
SOURCES = {"index-url", "extra-index-url", "find-links", "no-index", "constraint"}
# Settings of uv that say where packages come from.
UV_SOURCES = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
# Of what is worth no long wait: pip itself waits for minutes on a bad line.
PATIENCE = ("--retries", "1", "--timeout", "20")


@dataclass(frozen=True, slots=True)
class Installer:
    """A program that installs, and its words before the packages."""

    name: str  # "pip" or "uv"
    command: tuple[str, ...]
    why: str = ""  # why it is not uv

    def install(self, *arguments: str) -> list[str]:
        """Return the command that installs into .venv."""
        return [*self.command, *arguments]

    def briefly(self, *arguments: str) -> list[str]:
        """Return the same for what is not worth minutes on a bad line."""
        return [*self.command, *(PATIENCE if self.name == "pip" else ()), *arguments]

    def from_index(self, index: str, *arguments: str) -> list[str]:
        """Return the same with a second index beside the usual one; the best version of both is taken."""
        # uv would otherwise take every package from the first index that knows its name.
        strategy = ("--index-strategy", "unsafe-best-match") if self.name == "uv" else ()
        return self.install("--extra-index-url", index, *strategy, *arguments)

    def editable(self, folder: Path) -> list[str]:
        """Return the command that installs a checkout in place: setuptools is in .venv, so this needs no network."""
        return [*self.command, "--no-deps", "--no-build-isolation", "--editable", str(folder)]


def pip(python: Path, why: str = "") -> Installer:
    """Return the pip of an environment. Like uv it compiles nothing: Python compiles what is imported."""
    return Installer("pip", (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"), why)


def uv(program: str, python: Path) -> Installer:
    """Return uv, installing into the environment of ``python``."""
    return Installer("uv", (program, "pip", "install", "--python", str(python)))


def uv_on_path() -> str | None:
    """Return the uv of this machine where it may be used, else None."""
    return None if why_not_uv() else shutil.which("uv")


def find(python: Path, run: Callable[..., int]) -> Installer:
    """Return uv, that of the machine or one put into .venv, and pip where uv may not be used or cannot be had."""
    if why := why_not_uv():
        return pip(python, why)
    program = shutil.which("uv") or shutil.which("uv", path=str(python.parent))
    if program is None and run(pip(python).briefly("--only-binary", ":all:", "uv")) == 0:
        program = shutil.which("uv", path=str(python.parent))
    return pip(python, "uv cannot be had here") if program is None else uv(program, python)


def sources() -> list[str]:
    """Return the settings that say where packages come from: torch comes from there then, too."""
    named = [name for name in UV_SOURCES if os.environ.get(name)]
    return named or sorted(SOURCES & pip_settings().keys())


def why_not_uv() -> str:
    """Say why pip must install, or return nothing."""
    asked = os.environ.get("LATENTVJ_INSTALLER", "")
    if asked in ("pip", "uv"):
        return "LATENTVJ_INSTALLER says so" if asked == "pip" else ""
    if any(os.environ.get(name) for name in UV_SOURCES):
        return ""
    settings = pip_settings()
    return f"pip has settings here ({', '.join(sorted(settings))})" if settings else ""


def pip_settings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return pip's settings that decide what is installed from where: of its files, then of its variables.

    pip's own `config list` would tell the same, but Debian's Python has no pip before .venv is made.
    """
    variables = os.environ if environment is None else environment
    found: dict[str, str] = {}
    for path in () if variables.get("PIP_CONFIG_FILE") == os.devnull else _files(variables):
        parser = configparser.RawConfigParser()
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            parser.read(path, encoding="utf-8")
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({_key(name): value for name, value in parser.items(section)})
    for name, value in variables.items():
        if name.startswith("PIP_") and value:
            found[_key(name.removeprefix("PIP_"))] = value
    return {name: value for name, value in found.items() if name not in HARMLESS}


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


def _files(variables: Mapping[str, str]) -> list[Path]:
    """Return where pip looks for its settings (pip's manual, Configuration), in its order."""
    home = Path(variables.get("HOME") or variables.get("USERPROFILE") or Path.home())
    if sys.platform == "win32":
        folders = [Path(variables.get("PROGRAMDATA", "C:/ProgramData"), "pip"), home / "pip"]
        folders += [Path(variables["APPDATA"], "pip")] if variables.get("APPDATA") else []
        files = [folder / "pip.ini" for folder in folders]
    else:
        shared = [Path(place, "pip") for place in variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if place]
        config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
        folders = [*shared, Path("/etc"), home / ".pip", config / "pip"]
        if sys.platform == "darwin":
            places = [Path("/Library/Application Support/pip"), home / "Library/Application Support/pip"]
            folders = [*places, home / ".pip", config / "pip"]
        files = [folder / "pip.conf" for folder in folders]
    return [*files, *([Path(variables["PIP_CONFIG_FILE"])] if variables.get("PIP_CONFIG_FILE") else [])]
