"""Run the steps one after the other, each in a process of its own, and say how they went. Standard library only."""

from __future__ import annotations

import argparse
import contextlib
import ctypes.util
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.steps import NO_GPU, STEPS, TESTS, TESTS_SECONDS, Step, chosen

LIMIT = 530.0  # seconds; for the whole run, the start and the tests included
DRY_PATIENCE = 4.0  # times a step's own limit; a machine that runs other tests beside a dry run is slow
CARRIED = ("platformdirs", "moderngl", "glcontext")
NEEDED = ("torch", "numpy", "PIL", *CARRIED)
CUDA_CORE = "1.2"  # the oldest version whose OpenGL calls were tried
SHOWN = 400  # characters; of each line of results that is shown at the end


def main() -> int:
    """Run everything; 0 if all went well, 1 if something failed or missed its bound, 2 where there is no GPU."""
    began = time.monotonic()
    args = _arguments()
    try:
        steps = chosen(args.steps)
    except (KeyError, ValueError) as error:
        print(f"gpu_check: {error.args[0]}", file=sys.stderr)
        return 2
    out = Path(os.environ.get("OUT") or ".").resolve()
    out.mkdir(parents=True, exist_ok=True)
    print(f"gpu_check: {out}/results.jsonl, {out}/all.log")
    print("\n".join(what_to_carry()), flush=True)
    preload()
    patience = DRY_PATIENCE if os.environ.get("DRY") else 1.0
    end, before = began + float(os.environ.get("LIMIT") or LIMIT), len(results(out))
    for step in steps:
        code = run(step, out, min(step.seconds * patience, end - time.monotonic()))
        if code == NO_GPU:
            print("gpu_check: no CUDA GPU here; nothing was checked (DRY=1 tries the script)", file=sys.stderr)
            return 2
    if not args.steps:
        run_tests(out, min(TESTS_SECONDS, end - time.monotonic()))
    return show(results(out)[before:])


def _arguments() -> argparse.Namespace:
    names = ", ".join(f"{step.name}:{step.seconds:g}" for step in STEPS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_check",
        description="Run what can only be run on a CUDA GPU; bash benchmarks/gpu_check/run.sh sets what it needs.",
    )
    wished = os.environ.get("STEPS", "").split()
    parser.add_argument("steps", nargs="*", default=wished, metavar="NAME[:SECONDS]", help=f"some of {names}")
    return parser.parse_args()


def what_to_carry() -> list[str]:
    """Return the lines that say what a machine without a network needs to be given."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    missing += [] if ctypes.util.find_library("EGL") else ["libEGL (Debian: libegl1, libglvnd0)"]
    return [
        f"carry: wheels of {', '.join(CARRIED)}; of cuda-core where it is older than {CUDA_CORE}",
        f"carry: missing here: {', '.join(missing) or 'nothing'}; cuda-core here: {installed('cuda-core')}",
    ]


def preload() -> None:
    """Import torch once, for every step: they are forks of this process. It must not touch the GPU here."""
    modules = ("torch", "torch._dynamo.utils", "benchmarks.gpu_check.players") if os.environ.get("DRY") else ("torch",)
    with contextlib.suppress(ImportError):  # the steps say so themselves
        for module in modules:
            importlib.import_module(module)


def installed(package: str) -> str:
    """Return the version of ``package``, or "none"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def run(step: Step, out: Path, seconds: float) -> int:
    """Run one step in a process of its own; return its exit code. What goes wrong is a line of the results."""
    if seconds <= 0:
        _note(out, step.name, error="not begun: the time is up")
        return 1
    print(f"== {step.name}, {seconds:.0f} s", flush=True)
    child = os.fork()
    if child == 0:
        os.setsid()  # compilers that it starts end with it
        os._exit(_be(step, out))
    code = _wait(child, seconds)
    if code is None:
        _note(out, step.name, error=f"killed after {seconds:.3g} s")
    elif code < 0:
        _note(out, step.name, error=f"ended by {signal.Signals(-code).name}")
    return 1 if code is None else code


def _be(step: Step, out: Path) -> int:
    """Be the step: everything it prints goes to all.log."""
    with (out / "all.log").open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    print(f"== {step.name}", flush=True)
    from benchmarks.gpu_check import step as steps

    return steps.perform(step, out)


def _wait(child: int, seconds: float) -> int | None:
    """Return the exit code of ``child``, or None if it had to be killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_tests(out: Path, seconds: float) -> None:
    """Run the tests that need a GPU; in a dry run only see whether they are there."""
    if seconds <= 0:
        return _note(out, "tests", error="not begun: the time is up")
    if os.environ.get("DRY"):
        lost = [name for name in TESTS if not Path(name).is_file()]
        return _note(out, "tests", **({"error": f"no file {lost}"} if lost else {"done": True}))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=--import-mode=importlib",
        "-rf",
    ]
    with (out / "all.log").open("a", encoding="utf-8") as log:
        try:
            code = subprocess.run([*command, *TESTS], stdout=log, stderr=log, timeout=seconds, check=False).returncode
        except subprocess.TimeoutExpired:
            return _note(out, "tests", error=f"killed after {seconds:.0f} s")
    tail = (out / "all.log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
    return _note(out, "tests", **({"done": True} if code == 0 else {"error": f"exit code {code}"}), tail=tail)


def _note(out: Path, step: str, **what: Any) -> None:
    """Add a line about a step that could not do it itself."""
    with (out / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **what}) + "\n")


def results(out: Path) -> list[str]:
    """Return the lines of results.jsonl so far."""
    file = out / "results.jsonl"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def show(lines: list[str]) -> int:
    """Print the results in short, then what failed; return the exit code."""
    print("\n".join(line[:SHOWN] for line in lines))
    failed = []
    for line in map(json.loads, lines):
        failed += [f"{line['step']}: {line['error']}"] if "error" in line else []
        failed += [f"{line['step']}: {miss}" for miss in line.get("missed", ())]
    print("\n".join(failed) or "gpu_check: everything holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
