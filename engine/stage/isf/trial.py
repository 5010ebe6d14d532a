"""A shader that is new draws its first picture in a process of its own, before a show takes it.

Software OpenGL has no limit of its own: a loop that never ends would hold the show for ever, and a driver that dies
would take the show with it. Here it costs a line. The two seconds count from the moment when everything is compiled.
Software OpenGL compiles as it first draws, and that has a longer limit of its own.

usage of the process: ``python -m engine.stage.isf.trial`` reads requests from standard input, a JSON line each,
{"path", "size": [width, height], "pictures"}. It answers with {"error": "" or the line for the performer} when the
shader is compiled, and then with {"error", "drawn": whether the picture shows anything}.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import numpy as np

from engine.borders.errors import UserError, first_line
from engine.stage.isf.files import Shader, read
from engine.stage.passes.canvas import Size, in_software
from engine.stage.passes.source import ShaderError
from engine.system.processor_time import processor_seconds

SECONDS = 2.0  # s; a first picture takes no longer
START_SECONDS = 60.0  # s; the process is ready by then, on a machine that has other things to do
ROOT = str(Path(__file__).resolve().parents[3])
COMPILE_SECONDS = 60.0  # s; a driver takes no longer to compile a shader
PATIENCE = 5.0  # times; in software a shader that has not had its seconds of the processor may wait this much longer
POLL_SECONDS = 0.2  # s; from one look at the processor's time to the next
READY, IN_SOFTWARE = "ready", "ready in software"
SEEN = 2.0 / 255.0  # 0..1; a picture without a brighter point shows nothing


class TrialRoom:
    """The process, for as many shaders as there are to try. It begins with the first one; use it with ``with``."""

    def __init__(self, seconds: float = SECONDS, compile_seconds: float = COMPILE_SECONDS) -> None:
        """``seconds`` is what a shader may take for its first picture, ``compile_seconds`` before that."""
        self._seconds, self._compile_seconds = seconds, compile_seconds
        self._child: subprocess.Popen[str] | None = None
        self._said: queue.Queue[str] = queue.Queue()
        self._in_software = False  # whether the processor draws

    def __enter__(self) -> TrialRoom:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def try_out(self, shader: Shader, size: Size, pictures: int = 1) -> bool:
        """Draw so many pictures of ``size`` with the shader; return whether anything is seen on the last one.

        ShaderError, one line, for a shader that does not compile, does not draw or takes too long.
        """
        child = self._open()
        assert child.stdin is not None
        asked = {"path": str(shader.path.absolute()), "size": size, "pictures": pictures}
        with contextlib.suppress(OSError):  # it died: there will be no answer either
            child.stdin.write(json.dumps(asked) + "\n")
            child.stdin.flush()
        self._answer(shader, self._compile_seconds, "to compile")
        return bool(self._answer(shader, self._seconds, "to draw: a loop that does not end?")["drawn"])

    def _answer(self, shader: Shader, seconds: float, what: str) -> dict[str, object]:
        """Return what the process says within ``seconds``; ShaderError where that is an error, or nothing."""
        try:
            line = self._line(seconds)
        except queue.Empty:
            self.close()
            raise ShaderError(f"{shader.path}: takes longer than {seconds:g} seconds {what}") from None
        if not line:
            self.close()
            raise ShaderError(f"{shader.path}: OpenGL died of it")
        answer: dict[str, object] = json.loads(line)
        if answer["error"]:
            raise ShaderError(str(answer["error"]))
        return answer

    def _line(self, seconds: float) -> str:
        """Return the process's next line; queue.Empty after ``seconds``.

        Where the processor draws and has other things to do, they are seconds of the processor's.
        """
        assert self._child is not None
        pid = self._child.pid
        begun = processor_seconds(pid) if self._in_software else None
        with contextlib.suppress(queue.Empty):
            return self._said.get(timeout=seconds)
        patience = time.monotonic() + (PATIENCE - 1.0) * seconds
        while begun is not None and time.monotonic() < patience:
            used = processor_seconds(pid)
            if used is None or used - begun >= seconds:
                break
            with contextlib.suppress(queue.Empty):
                return self._said.get(timeout=POLL_SECONDS)
        return self._said.get_nowait()

    def _open(self) -> subprocess.Popen[str]:
        """Return the process, ready to draw."""
        if self._child is not None:
            return self._child
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._said = queue.Queue()
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.stage.isf.trial"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._child.stdout is not None
        threading.Thread(target=_listen, args=(self._child.stdout, self._said), name="isf trial", daemon=True).start()
        try:
            line = self._said.get(timeout=START_SECONDS)
        except queue.Empty:
            line = ""
        self._in_software = line.strip() == IN_SOFTWARE
        if line.strip() not in (READY, IN_SOFTWARE):
            self.close()
            raise ShaderError("shaders cannot be tried: a process that draws them does not start")
        return self._child

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()


def _listen(stream: IO[str], said: queue.Queue[str]) -> None:
    """Hand over every line, and "" at the end."""
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile
        for line in iter(stream.readline, ""):
            said.put(line)
    said.put("")


def serve() -> None:
    """Be the process: draw what is asked for, until nobody asks any more."""
    from engine.stage.isf.first_picture import FirstPicture
    from engine.stage.windows.headless import headless_context

    ctx = headless_context()
    _say(IN_SOFTWARE if in_software(ctx) else READY)
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        first = None
        try:
            first = FirstPicture(ctx, read(Path(asked["path"])), (asked["size"][0], asked["size"][1]))
            _say(json.dumps({"error": ""}))
            picture = first.draw(asked["pictures"])
            seen = bool(np.nan_to_num(picture).max() > SEEN)
            _say(json.dumps({"error": "", "drawn": seen}))
        except UserError as error:
            _say(json.dumps({"error": str(error)}))
        except Exception as error:  # noqa: BLE001 - whatever a driver says costs a line
            _say(json.dumps({"error": f"{asked['path']}: {first_line(error)}"}))
        if first is not None:
            first.release()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    serve()
