"""Python processes that have torch at once: each is a fork of one process that has loaded it and done nothing else.

To load torch takes two to three seconds of a core, longer than most of what is tested in such a process. A fork has
the folder, the variables, the arguments and the way to end of a program that was started from a shell.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PRELOADED = ("torch", "numpy", "av", "moderngl", "PIL.Image", "rich.progress")


def python(
    *words: object, cwd: Path, env: dict[str, str] | None = None, timeout: int = 120
) -> subprocess.CompletedProcess[str]:
    """Run Python to its end; ``words`` are ``-m MODULE``, ``-c SCRIPT`` or a file, then the program's arguments."""
    arguments = [str(word) for word in words]
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        order = {"words": arguments, "cwd": str(cwd), "env": dict(os.environ if env is None else env),
                 "out": str(out), "err": str(err), "timeout": timeout}  # fmt: skip
        code = _server().ask(order)
        said = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
    if code == -signal.SIGALRM:
        raise subprocess.TimeoutExpired(arguments, timeout, *said)
    return subprocess.CompletedProcess(arguments, code, *said)


class Server:
    """The process that is forked."""

    def __init__(self) -> None:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.close)

    def ask(self, order: dict[str, object]) -> int:
        """Return the exit code of a fork that follows ``order``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that is forked has ended"
        return int(answer)

    def close(self) -> None:
        """Let it end."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=10)


@functools.cache
def _server() -> Server:
    return Server()


def serve() -> None:
    """Follow orders until there are no more. A fork returns from here as well, or raises what its program raises."""
    for name in PRELOADED:
        __import__(name)
    assert not any(name.partition(".")[0] in ("engine", "tools", "tests") for name in sys.modules)
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would have one of several threads"
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            become(**json.loads(line))
            break
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(words: list[str], cwd: str, env: dict[str, str], out: str, err: str, timeout: int) -> None:
    """Be the program that the order names; a signal ends it when its time is up."""
    signal.alarm(timeout)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    files = os.open(os.devnull, os.O_RDONLY), *(os.open(path, os.O_WRONLY | os.O_CREAT) for path in (out, err))
    for number, file in enumerate(files):
        os.dup2(file, number)
    kind, rest = words[0], words[1:]
    folder = str(Path(kind).parent) if kind not in ("-c", "-m") else cwd
    sys.path[:0] = [folder, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    if kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve()
