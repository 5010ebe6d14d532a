"""Run a bench and a show under a profiler, and print what they count."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from types import FrameType
from typing import Any

import benchmarks.hand_overs as page
from benchmarks.hand_overs.calls import COUNTED, SKIPPED, CallCount
from benchmarks.hand_overs.tree import Tree
from benchmarks.hand_overs.ways import Ways

COMMANDS = ("engine.cli.main:main", "engine.__main__:main")  # vj; the first that is there
SERVERS = ("tests.builders.sound_server:SoundServer", "tests.live.sound_server:SoundServer")
CC_SECONDS = 0.21  # seconds between two turns of the knob


@contextmanager
def profiled(hook: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    """Let ``hook`` see every Python call: of this thread, of those that begin now, and of PortAudio's."""
    os.environ["LATENTVJ_SOUND"] = "pyaudio"
    import pyaudio

    opened: Any = pyaudio.PyAudio.open

    def open_seen(self: Any, *args: Any, **settings: Any) -> Any:
        callback: Any = settings.get("stream_callback")

        def seen(*what: Any) -> Any:
            sys.setprofile(hook)
            return callback(*what)

        return opened(self, *args, **(settings | ({"stream_callback": seen} if callback else {})))

    pyaudio.PyAudio.open = open_seen
    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        pyaudio.PyAudio.open = opened


def first_of(names: tuple[str, ...]) -> Any:
    """Return the first of ``names`` (module:name) that this tree has; an installed engine is another tree."""
    for name in names:
        if Path(*name.partition(":")[0].split(".")).with_suffix(".py").is_file():
            return resolve_name(name)
    raise SystemExit(f"this tree has none of {', '.join(names)}")


def count_calls(tree: Tree, more: list[str]) -> dict[str, Any]:
    """Run the bench and count."""
    count = CallCount(tree)
    vj = first_of(COMMANDS)
    with profiled(count):
        vj(["bench", "--frames", str(SKIPPED + COUNTED), "--size", "160x160", *more])
    return count.figures()


def follow(tree: Tree, seconds: float, more: list[str]) -> dict[str, Any]:
    """Run a show and follow a sound and a CC through it."""
    ways, server = Ways(tree), first_of(SERVERS)(256)
    try:
        server.source("clicks", gap=0.3)
        knobs, over = server.source("knobs", "knobs"), threading.Event()

        def turn() -> None:
            value = 0
            while not over.wait(CC_SECONDS):
                value = (value + 1) % 128
                knobs.send(0xB0, 21, value)

        hand = threading.Thread(target=turn, daemon=True)
        hand.start()
        words = ["live", "--headless", "--audio-in", "clicks", "--midi", "knobs", "--size", "160x160", "--fps", "20"]
        vj = first_of(COMMANDS)
        with tempfile.TemporaryDirectory() as folder, profiled(ways):
            os.environ["XDG_CONFIG_HOME"] = folder
            vj([*words, "--seconds", str(seconds), "--no-governor", "--no-interpolation", *more])
        over.set()
        hand.join()
    finally:
        server.close()
    return ways.figures()


def main() -> int:
    """Count, print, and write the figures."""
    parser = argparse.ArgumentParser(description=page.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=Path.cwd(), help="the checkout to count in; the present folder")
    parser.add_argument("--backend", default="eager", help="of the generator; eager, which every machine has")
    parser.add_argument("--resolution", type=int, help="of the frames; the model's own by default")
    parser.add_argument("--seconds", type=float, default=9.0, help="of the live show")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    folder, file = args.tree.resolve(), args.json and args.json.resolve()
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    more = ["--backend", args.backend] + (["--resolution", str(args.resolution)] if args.resolution else [])
    tree = Tree(folder)
    figures = {
        "command": " ".join(["python", "-m", "benchmarks.hand_overs", *sys.argv[1:]]),
        "python": sys.version.split()[0],
        **count_calls(tree, more),
        **follow(tree, args.seconds, more),
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if file:
        file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # as vj does: a sound server's threads may never end
