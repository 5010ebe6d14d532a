"""Make .venv and everything in it: what start.py and test.py do first. Standard library only.

Each step prints what it does; the installers' own output goes to .venv-setup.log. The last step writes a
stamp into .venv. Where the stamp is right, nothing is checked again and a start costs a few milliseconds.
An interrupted set-up leaves a mark and no stamp, and the next set-up makes .venv anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tools.setup import extras, system_parts
from tools.setup.system_parts import Part

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK, DEV_LOCK = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
LOG = ROOT / ".venv-setup.log"
MARK = VENV / ".setup-unfinished"
STEPS = 1  # version of the steps below; a higher one brings older environments up to date
BEGAN = time.monotonic()

# Modules without a wheel on some platform that is not Linux: the engine runs without them.
UNWHEELED = {"pyaudio": ("PyAudio", "no sound devices"), "rtmidi": ("python-rtmidi", "no MIDI")}
PROBE = "import aubio, av, glfw, moderngl, numpy, PIL, platformdirs, psutil, pynvml, rich, safetensors, torch"


def say(text: str) -> None:
    """Print one line of progress, with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    """End with one line that says what to do, exit code 2."""
    print(text, file=sys.stderr, flush=True)
    raise SystemExit(2)


def variables() -> dict[str, str]:
    """Return the variables of a process that runs inside .venv."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = str(PYTHON.parent) + os.pathsep + env.get("PATH", "")
    return env


def ready(test: bool = False, also: Sequence[str] = ()) -> None:
    """Return once .venv holds what the engine needs, and with ``test`` what its tests need on top.

    The extra that fits the machine and those in ``also`` are installed where they can be.
    """
    stamp = VENV / (".ready-for-tests" if test else ".ready")
    try:
        if not PYTHON.exists() or MARK.exists() or _read(stamp) != fingerprint(test):
            set_up(test)
        extras.install(ROOT, VENV, [extras.fitting(), *also], pip_install(), run, say)
    except OSError as error:  # a read-only checkout, a full disk
        stop(f"the set-up cannot go on: {error}")


def set_up(test: bool) -> None:
    """Do all the steps: the system's parts, .venv, the packages, the stamps."""
    LOG.write_text("", encoding="utf-8")
    build = system_parts.parts_to_install(system_parts.wheels_are_missing())
    install_parts([*system_parts.parts_to_make_an_environment(), *build, *system_parts.parts_to_run()])
    if test:
        install_parts(system_parts.parts_to_test())
    make_environment()
    MARK.touch()
    install_packages([LOCK, DEV_LOCK] if test else [LOCK])
    MARK.unlink()
    (VENV / ".ready").write_text(fingerprint(test=False), encoding="utf-8")
    if test:
        (VENV / ".ready-for-tests").write_text(fingerprint(test=True), encoding="utf-8")
    say("ready")


def fingerprint(test: bool) -> str:
    """Return what the stamp must say: the locks, the Python that .venv is made of, where the checkout is."""
    facts = [str(STEPS), str(ROOT), os.path.realpath(PYTHON), _read(VENV / "pyvenv.cfg")]
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


def make_environment() -> None:
    """Make .venv unless a sound one is there."""
    if VENV.exists():
        broken = "an earlier set-up was interrupted" if MARK.exists() else _what_is_broken()
        if not broken:
            return
        say(f"{broken}: making .venv anew")
        shutil.rmtree(VENV)
    else:
        say(f"making .venv with Python {sys.version.split()[0]}")
    # A start from inside another environment still builds on the real Python.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if run([base, "-m", "venv", str(VENV)]) != 0:
        stop(f"Python could not make {VENV}: {last_words()}")


def _what_is_broken() -> str:
    if not PYTHON.exists():
        return ".venv has no Python"
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, check=False)
    except OSError:
        return ".venv's Python does not start"
    return ".venv's Python is broken or too old" if done.returncode else ""


def install_packages(locks: Sequence[Path]) -> None:
    """Install the locked packages, then the engine itself in place, and see that they import."""
    say("installing the pinned packages (torch is large: minutes on a first start)")
    wanted = [argument for lock in locks for argument in ("-r", str(lock))]
    pip = pip_install()
    if run([*pip, *wanted], progress=True) != 0:
        MARK.unlink()  # pip ended by itself and left nothing half done
        stop(f"pip could not install the packages: {last_words()} (all of it: {LOG})")
    if not system_parts.LINUX:
        build_unwheeled(pip)
    say("installing the command vj")
    # Without dependencies and isolation: setuptools is in the lock, so this step needs no network.
    if run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]) != 0:
        stop(f"pip could not install latentvj itself: {last_words()} (all of it: {LOG})")
    say("trying the packages")
    if run([str(PYTHON), "-c", PROBE]) != 0:
        stop(f"the packages do not import: {last_words()} (start again to make .venv anew)")


def pip_install() -> list[str]:
    """Return the command that installs into .venv."""
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]


def build_unwheeled(pip: Sequence[str]) -> None:
    """Try to build what has no wheel for this Python on Windows or macOS; without it the engine runs too."""
    for module, (name, loss) in UNWHEELED.items():
        if run([str(PYTHON), "-c", f"import {module}"]) == 0:
            continue
        version = re.search(rf"^{name}(==\S+)", _read(LOCK), re.MULTILINE)
        say(f"building {name}: there is no ready-made one for this Python here")
        if run([*pip, "--no-deps", name + (version[1] if version else "")]) != 0:
            hint = "; brew install portaudio, then delete .venv" if sys.platform == "darwin" else ""
            say(f"going on without {name}: {loss}{hint}")


def _news(line: str) -> str:
    """Return what a line of pip's means, if it is worth telling: what is fetched, built, unpacked."""
    if found := re.match(r"\s*Downloading (?:\S*/)?(\S+?)-\d\S* (\(.*\))", line):
        return f"fetching {found[1]} {found[2]}"
    if found := re.match(r"\s*Building wheel for (\S+) .*started", line):
        return f"building {found[1]}"
    return "unpacking them all" if line.startswith("Installing collected") else ""


def run(command: Sequence[str], progress: bool = False) -> int:
    """Run ``command`` with its words in the log; with ``progress`` show what pip fetches and builds."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        try:
            process = subprocess.Popen(
                list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                text=True, errors="replace", env=variables(), cwd=ROOT,
            )  # fmt: skip
        except OSError as error:
            log.write(f"{error}\n")
            return 127
        with process:  # waits, also when Ctrl-C comes
            for line in process.stdout or ():
                log.write(line)
                if progress and (news := _news(line)):
                    say(f"  {news}")
        return process.returncode


def last_words() -> str:
    """Return the last line of the log that says something: usually the error."""
    lines = [line.strip() for line in _read(LOG).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(ERROR|E:|error|fatal)|\w*Error:", line)]
    return (errors or lines or ["no output"])[-1]
