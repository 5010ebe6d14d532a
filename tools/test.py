#!/usr/bin/env python3
"""Set everything up, then check it: ruff, mypy and pytest. Arguments go to pytest: `tools/test.py -k layers`.

pytest runs twice at the same time: the tests of the group `together` in as many processes as there are cores, and those
of the group `alone` (tests/groups.py) in one. These measure time or hold a device, and mostly wait; the others and mypy
have so low a priority that they compute only while these wait.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
if sys.version_info < (3, 11):  # noqa: UP036 (an older one hands over here, before it reads newer syntax)
    from tools.setup.newer_python import start

    sys.exit(start(__file__, sys.argv[1:]))
from tools.setup import environment

LOW = "15"  # niceness; beside it a process of niceness 0 gets about 97 % of a core
MOST_WORKERS = 8  # processes; more would only wait for the slowest file
TYPES_ONCE = ["--cache-dir", os.devnull]  # of mypy in a clone that is checked once: nobody reads what it would keep
NOTHING_TO_RUN = 5  # pytest's exit code where no test was left
ENDED = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")  # in the order of pytest's closing line


def cores() -> int:
    """Return how many cores this process may use: in a container fewer than the host has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def variables() -> dict[str, str]:
    """Return the variables of the checks: those of .venv, and what makes machines alike."""
    env = environment.variables()
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # what the first run compiled, all that start later load
    env.setdefault("OMP_NUM_THREADS", str(min(cores(), 8)))
    env.setdefault("JACK_NO_AUDIO_RESERVATION", "1")  # jackd without a session bus
    env.setdefault("PYTHONUNBUFFERED", "1")
    if not glob.glob("/dev/nvidia[0-9]*") and not glob.glob("/dev/dri/renderD*"):
        env.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    return env


@dataclass(frozen=True)
class Result:
    """How a check ended."""

    name: str
    code: int
    seconds: float
    words: str = ""  # what it said, if that is not on the terminal yet


def check(name: str, arguments: list[str], quiet: bool = False, low: bool = False) -> Result:
    """Run one check with its words on the terminal; with ``quiet`` they are in the result. ``low``: its priority."""
    line = f"== {name} {' '.join(arguments)}"
    if not quiet:
        print(line, flush=True)
    began = time.monotonic()
    nice = ["nice", "-n", LOW] if low and shutil.which("nice") else []
    command = [*nice, str(environment.PYTHON), "-m", name, *arguments]
    done = subprocess.run(
        command, cwd=environment.ROOT, env=variables(), text=True, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
    )  # fmt: skip
    return Result(name, done.returncode, time.monotonic() - began, f"{line}\n{done.stdout}" if quiet else "")


@dataclass(frozen=True)
class Run:
    """A run of pytest: how it ended, and the tally that tests/groups.py wrote of it."""

    code: int
    seconds: float
    words: str  # what it said, if that is not on the terminal yet
    found: dict[str, bool]  # every test that was asked for: is it of the group alone?
    run: frozenset[str]
    ended: dict[str, int]  # "passed": how many, and so on


class Tests:
    """Both runs of pytest, and what came of them together."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        """``arguments`` are the user's; the tallies lie in ``folder``."""
        self._arguments, self._folder = arguments, folder
        self.runs: list[Run] = []

    def together(self) -> None:
        """Run the tests that may have others beside them."""
        workers = min(cores(), MOST_WORKERS)
        self._run("together", ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else [], low=True)

    def alone(self) -> None:
        """Run the others; what pytest says is in the run."""
        self._run("alone", [], quiet=True)

    def _run(self, group: str, how: list[str], quiet: bool = False, low: bool = False) -> None:
        path = self._folder / f"{group}.json"
        # -qq leaves the closing line out: `end` prints one for both. A file without = would pass for one of tests.
        words = ["-qq", "--group", group, f"--tally={path}", *how, *self._arguments]
        result = check("pytest", words, quiet, low)
        # A run that ended early has left no tally.
        told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"found": {}, "run": [], "ended": {}}
        run = frozenset(told["run"])
        self.runs.append(Run(result.code, result.seconds, result.words, told["found"], run, told["ended"]))

    def end(self) -> Result:
        """Print the closing line for both runs; a test that neither has had is a failure."""
        code = max((run.code for run in self.runs if run.code != NOTHING_TO_RUN), default=NOTHING_TO_RUN)
        seconds = max(run.seconds for run in self.runs)
        found = {name for run in self.runs for name in run.found}
        missed = found - frozenset[str]().union(*(run.run for run in self.runs))
        if code == 0 and missed:
            print(f"{len(missed)} tests were not run: {' '.join(sorted(missed)[:5])}", file=sys.stderr)
            code = 1
        ended = {name: sum(run.ended.get(name, 0) for run in self.runs) for name in ENDED}
        counts = ", ".join(f"{count} {name}" for name, count in ended.items() if count)
        print(f"{counts or 'no tests ran'} in {seconds:.2f}s", flush=True)
        return Result("pytest", code, seconds)


def main() -> int:
    """Set up, run the three checks, and say how they went; 0 only if all passed."""
    try:
        environment.ready(test=True)
        ruff = check("ruff", ["check", "."])
        form = check("ruff", ["format", "--check", "."])
        with ThreadPoolExecutor(2) as beside, tempfile.TemporaryDirectory() as folder:
            tests = Tests(sys.argv[1:], Path(folder))
            alone = beside.submit(tests.alone)
            how = TYPES_ONCE if os.environ.get("CI") else []  # pyproject.toml names the folders
            types = beside.submit(check, "mypy", how, quiet=True, low=True)
            tests.together()
            alone.result()
            mypy = types.result()
            print(mypy.words + "".join(run.words for run in tests.runs), end="", flush=True)
            results = [ruff, form, mypy, tests.end()]
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    said = [f"{one.name} {f'FAILED ({one.code})' if one.code else 'ok'} {one.seconds:.0f} s" for one in results]
    print("== " + ", ".join(said), flush=True)
    return 0 if all(one.code == 0 for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
