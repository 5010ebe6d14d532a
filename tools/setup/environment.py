"""Make .venv and everything in it: what start.py and test.py do first. Standard library only.

Each step prints what it does; the installers' own output goes to .venv-setup.log. The last step writes a
stamp into .venv. Where the stamp is right, nothing is checked again and a start costs a few milliseconds.
An interrupted set-up leaves a mark and no stamp, and the next set-up makes .venv anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.system import graphics_cards
from engine.system.torch_build import PYTHONS, Choice, choose, named
from tools.setup import extras, installer, shell, system_parts, torch_wheel
from tools.setup.commands import LOG, PYTHON, ROOT, VENV, last_words, run, say, stop, variables
from tools.setup.installer import Installer
from tools.setup.system_parts import Part

__all__ = ["PYTHON", "ROOT", "ready", "say", "variables"]

LOCK, DEV_LOCK = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
MARK = VENV / ".setup-unfinished"
ASKED = VENV / ".torch-asked"  # the build of torch that the user asked for with --torch
STEPS = 2  # version of the steps below; a higher one brings older environments up to date
MANAGED = "3.12"  # the Python that uv brings where this one is too new

PROBE = "import aubio, av, glfw, moderngl, numpy, PIL, platformdirs, psutil, pynvml, rich, safetensors, torch"
# For the tests at once with all that their processes would otherwise compile one after the other.
PROBES_OF_TESTS = (f"{PROBE}, torch._dynamo", "import hypothesis, onnx, onnxruntime, pytest, scipy.signal, xdist")


def ready(test: bool = False, also: Sequence[str] = (), torch: str | None = None) -> None:
    """Return once .venv holds what the engine needs, and with ``test`` what its tests need on top.

    The extra that fits the machine and those in ``also`` are installed where they can be. ``torch`` is the build of
    torch that is asked for by name; "auto" chooses anew.
    """
    stamp = VENV / (".ready-for-tests" if test else ".ready")
    try:
        if torch is not None or not PYTHON.exists() or MARK.exists() or _read(stamp) != fingerprint(test):
            set_up(test, torch)
        fits = extras.fitting(torch_wheel.installed_build(VENV))
        extras.install(ROOT, VENV, [fits, *also], lambda: installer.find(PYTHON, run), run, say)
    except OSError as error:  # a read-only checkout, a full disk
        stop(f"the set-up cannot go on: {error}")


def set_up(test: bool, torch: str | None = None) -> None:
    """Do all the steps: the system's parts, .venv, the packages, the stamps."""
    if VENV.parent != ROOT:
        say(f"the checkout cannot be written to: what is installed goes into {VENV.parent}")
        VENV.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("", encoding="utf-8")
    build = system_parts.parts_to_install(system_parts.wheels_are_missing(), test)
    uv = installer.uv_on_path()
    needed = [] if uv else system_parts.parts_to_make_an_environment()
    install_parts([*needed, *build, *system_parts.parts_to_run()])
    if test:
        install_parts(system_parts.parts_to_test())
    make_environment(uv)
    MARK.touch()
    install_packages(test, torch)
    MARK.unlink()
    (VENV / ".ready").write_text(fingerprint(test=False), encoding="utf-8")
    if test:
        (VENV / ".ready-for-tests").write_text(fingerprint(test=True), encoding="utf-8")
    say("ready")
    if advice := shell.advice(PYTHON.parent, os.environ):
        say(advice)


def fingerprint(test: bool) -> str:
    """Return what the stamp must say: locks, the Python of .venv, where the checkout is, whether a GPU is there."""
    facts = [str(STEPS), str(ROOT), os.path.realpath(PYTHON), _read(VENV / "pyvenv.cfg")]
    facts += [str(graphics_cards.nvidia_is_here()), _read(ASKED)]
    facts += [_read(lock) for lock in ([LOCK, DEV_LOCK, extras.lock_of(ROOT, "tensorrt")] if test else [LOCK])]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def install_parts(parts: Sequence[Part]) -> None:
    """Install what is missing of the system's parts, or say the one line that does."""
    wanted = system_parts.missing(parts)
    if not wanted:
        return
    names = ", ".join(part.name for part in wanted)
    prefix = system_parts.apt_prefix()
    if prefix is not None:
        say(f"installing {names} with apt-get: {' '.join(system_parts.packages(wanted))}")
        commands = system_parts.apt_commands(prefix, wanted)
        if run(commands["install"]) != 0:  # a fresh machine has no package lists, an old machine has stale ones
            say("fetching apt-get's package lists first")
            run(commands["update"])
            run(commands["install"])
        wanted = system_parts.missing(wanted)
    names = ", ".join(part.name for part in wanted)
    line = system_parts.line_to_run(wanted)
    # Only on Debian is it certain that a part is missing; elsewhere pip decides.
    if any(part.needed for part in wanted) and system_parts.has_apt():
        why = "this user may not install it" if prefix is None else f"apt-get says: {last_words()}"
        stop(f"missing: {names} ({why}). Run this line, then start again:\n  {line}")
    if wanted:
        say(f"going on without {names}; to have it: {line}")


def make_environment(uv: str | None) -> None:
    """Make .venv unless a sound one is there: with ``uv``, a program, or with Python's own venv."""
    version = sys.version.split()[0]
    too_new = sys.version_info[:2] > PYTHONS[1]
    if too_new and uv is None:
        newest = "{}.{}".format(*PYTHONS[1])
        stop(f"latentvj's packages are for Python 3.11 to {newest}; this is {version}. Install {newest}, or uv, which "
             "brings one (docs.astral.sh/uv), and start again")  # fmt: skip
    if VENV.exists():
        broken = "an earlier set-up was interrupted" if MARK.exists() else _what_is_broken(uv)
        if not broken:
            return
        say(f"{broken}: making .venv anew")
        shutil.rmtree(VENV)
    else:
        say(f"making .venv with Python {MANAGED if too_new else version}{' by uv' if uv else ''}")
    # A start from inside another environment still builds on the real Python.
    base = getattr(sys, "_base_executable", None) or sys.executable
    by_uv = [uv or "uv", "venv", "--python", MANAGED if too_new else base, str(VENV)]
    if run(by_uv if uv else [base, "-m", "venv", str(VENV)]) != 0:
        stop(f"{'uv' if uv else 'Python'} could not make {VENV}: {last_words()}")


def _what_is_broken(uv: str | None) -> str:
    if not PYTHON.exists():
        return ".venv has no Python"
    check = f"import sys{'' if uv else ', pip'}; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, check=False)
    except OSError:
        return ".venv's Python does not start"
    return ".venv's Python is broken or too old" if done.returncode else ""


def install_packages(test: bool, torch: str | None) -> None:
    """Install torch and the locked packages, then the engine itself in place, and see that they import."""
    chosen = installer.find(PYTHON, run)
    say(f"installing with {chosen.name}{f': {chosen.why}' if chosen.why else ''}")
    install_torch(chosen, torch)
    say("installing the pinned packages (torch is large: minutes on a first start)")
    if system_parts.wheels_are_missing():
        say("  moderngl is compiled: there is no ready-made one for this processor, which costs half a minute")
    # The lock of the tests names all that they need. It is installed beside the rest: pip takes one core.
    of_tests = [chosen.install("--no-deps", "-r", str(DEV_LOCK))] if test else []
    if any(at_once(chosen.install("-r", str(LOCK)), *of_tests)):
        MARK.unlink()  # the installer ended by itself and left nothing half done
        stop(f"{chosen.name} could not install the packages: {last_words()} (all of it: {LOG})")
    say("installing the command vj")
    if VENV.parent != ROOT:
        link()
    elif run(chosen.editable(ROOT)) != 0:
        stop(f"{chosen.name} could not install latentvj itself: {last_words()} (all of it: {LOG})")
    say("trying the packages")
    if any(at_once(*([str(PYTHON), "-c", each] for each in (PROBES_OF_TESTS if test else [PROBE])))):
        stop(f"the packages do not import: {last_words()} (start again to make .venv anew)")


def at_once(*commands: Sequence[str]) -> list[int]:
    """Run commands at the same time; return their exit codes."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda command: run(command, progress=True), commands))


def link() -> None:
    """Make a checkout that cannot be written to importable, and its command vj: setuptools would write into it."""
    for packages in (*VENV.glob("lib/python3*/site-packages"), *VENV.glob("Lib/site-packages")):
        (packages / "latentvj.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    if os.name == "nt":
        (PYTHON.parent / "vj.cmd").write_text(f'@"{PYTHON}" -P -m engine %*\n', encoding="utf-8")
    else:
        command = PYTHON.parent / "vj"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -P -m engine "$@"\n', encoding="utf-8")
        command.chmod(0o755)


def install_torch(chosen: Installer, asked: str | None) -> None:
    """Install the torch that fits this machine, or the one that is asked for by name, now or at an earlier start."""
    if asked is not None:
        ASKED.write_text("" if asked == "auto" else asked, encoding="utf-8")
    wanted = _read(ASKED) or ("auto" if asked else "")
    if not wanted and (sources := installer.sources()):
        # The user has set up a mirror, a folder of wheels or a constraint. That decides which torch there is.
        say(f"torch comes from where packages come from here ({', '.join(sources)}); another: start.py --torch=NAME")
        return
    torch_wheel.install(_choice(wanted or "auto"), LOCK, VENV, chosen, run, say)


def _choice(wanted: str) -> Choice:
    """Return the build of torch; where there is none for this machine, that is the end."""
    machine = graphics_cards.machine(_python_of_environment())
    try:
        choice = choose(machine) if wanted == "auto" else named(wanted, machine)
    except ValueError as error:
        ASKED.unlink(missing_ok=True)
        stop(str(error))
    if choice.missed:
        say(f"note: {choice.missed}")
    return choice


def _python_of_environment() -> tuple[int, int] | None:
    found = re.search(r"^version\w* *= *(\d+)\.(\d+)", _read(VENV / "pyvenv.cfg"), re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None
