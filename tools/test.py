#!/usr/bin/env python3
"""Set everything up, then check it: ruff, mypy and pytest. Arguments go to pytest: `tools/test.py -k layers`."""

import glob
import os
import subprocess
import sys
import time
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (this is where an older one learns of it)
    sys.stderr.write("latentvj needs Python 3.11 or newer; this is %d.%d\n" % sys.version_info[:2])  # noqa: UP031
    sys.exit(2)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.setup import environment as setup_env


def environment() -> dict[str, str]:
    """Return the variables the checks run with: those of .venv, and what keeps machines alike."""
    env = setup_env.environment()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    env.setdefault("OMP_NUM_THREADS", str(min(cores, 8)))  # not the host's cores when a container has two
    env.setdefault("JACK_NO_AUDIO_RESERVATION", "1")  # jackd without a session bus
    env.setdefault("PYTHONUNBUFFERED", "1")
    if not glob.glob("/dev/nvidia[0-9]*") and not glob.glob("/dev/dri/renderD*"):
        env.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    return env


def check(name: str, arguments: list[str]) -> tuple[str, int, float]:
    """Run one check with its words on the terminal; return its name, exit code and seconds."""
    print(f"== {name} {' '.join(arguments)}", flush=True)
    began = time.monotonic()
    command = [str(setup_env.PYTHON), "-m", name, *arguments]
    code = subprocess.run(command, cwd=setup_env.ROOT, env=environment(), check=False).returncode
    return name, code, time.monotonic() - began


def main() -> int:
    """Set up, run the three checks, and say how they went; 0 only if all passed."""
    try:
        setup_env.ready(test=True)
        results = [
            check("ruff", ["check", "."]),
            check("mypy", ["engine", "tools"]),
            check("pytest", ["-q", *sys.argv[1:]]),
        ]
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    said = [f"{name} {'ok' if code == 0 else f'FAILED ({code})'} {took:.0f} s" for name, code, took in results]
    print("== " + ", ".join(said), flush=True)
    return 0 if all(code == 0 for _, code, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
