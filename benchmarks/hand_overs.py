"""Count how many calls a frame costs, and through how many hands a value goes: ``python -m benchmarks.hand_overs``.

Three counts, each printed with the list it was counted from. Only functions whose file lies under ``engine/`` count.
``--tree FOLDER`` counts in another checkout, an older one too.

ENGINE CALLS A FRAME: Python's own "call" events (``sys.setprofile``) in the main thread, comprehensions and the steps
of generators included, from one step of the loop's ``for`` to the next; the median of 100 frames of ``vj bench`` with
the default preset, after 20 frames. Python 3.11 is the yardstick: 3.12 calls no comprehensions.

FRAMES BETWEEN LOOP AND MODEL: the Python frames on the stack below ``loop.perform``, down to and with the model's own
``__call__`` (the first one in ``engine/generator/``), when a frame is generated.

HAND-OVERS from a sound to a pixel and from a CC to a pixel, in one frame of ``vj live`` (a JACK server without
hardware, a client that clicks, another that turns a knob). The way is cut where the value is turned into another one
(a block into features, features into parameters, parameters into ws, ws into a frame, the frame into a texture, the
texture into the picture). For every such stage the stack is taken at the moment when its value comes into being: from
``loop.perform``, or a thread's first engine function, to the function that makes the value (the innermost one that
constructs or returns that very object, or that calls OpenGL). What goes on inside the object that makes it, and what
happens beside the way (trace, overlay, governor), is not on the stack and does not count.

    calls       every call on these stacks from one object to another. A method that calls its own object, a function
                that calls one of its own module, a method of the value itself, and a comprehension, are no other
                object. A closure or a lambda belongs to the object whose method wrote it.
    hand-overs  the objects that the value comes to, each counted once, when it comes there first. A value that is
                handed back to an object it has been at (Picture, Faults, Picture again) makes a call, no hand-over.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from statistics import median
from types import FrameType
from typing import Any

SKIPPED, COUNTED = 20, 100  # frames
TOP = 20  # functions that are listed
COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")
COMMANDS = ("engine.cli.main:main", "engine.__main__:main")  # the first that is there
SERVERS = ("tests.builders.sound_server:SoundServer", "tests.live.sound_server:SoundServer")
CC_SECONDS = 0.21  # between two turns of the knob
VALUES = {"Block", "AudioFeatures", "Received", "Message", "Move", "Controls", "Params", "ndarray", "Tensor"}


@dataclass(frozen=True, slots=True)
class Call:
    """One engine function on a stack."""

    owner: str  # the object's class, or the module
    identity: object  # the object's id, or the module's file
    function: str
    file: str  # within engine/


@dataclass(frozen=True, slots=True)
class Happening:
    """Something on the way of a value, with the stack it happened on, outermost first."""

    kind: str  # made | given | write | render | present
    name: str  # of the value's class
    value: object
    thread: str
    stack: tuple[Call, ...]
    target: int = 0  # the framebuffer that is drawn to


@dataclass(slots=True)
class Frame:
    """What happened in one frame, and what the loop held at its end."""

    happenings: list[Happening]
    held: dict[str, Any]


class Tree:
    """A checkout: what is the engine in it, and where a frame of its loop begins."""

    def __init__(self, folder: Path) -> None:
        self.engine = str(folder / "engine") + os.sep
        self.loop = self.engine + "loop.py"
        source = ast.parse(Path(self.loop).read_text(encoding="utf-8"))
        self.step = next(node.lineno for node in ast.walk(source) if isinstance(node, ast.For))

    def performs(self, frame: FrameType | None) -> bool:
        """Whether this is the loop."""
        return frame is not None and frame.f_code.co_name == "perform" and frame.f_code.co_filename == self.loop

    def begins(self, frame: FrameType) -> bool:
        """Whether the loop asks its clock for the next frame with this call."""
        return self.performs(frame.f_back) and frame.f_back is not None and frame.f_back.f_lineno == self.step

    def stack(self, frame: FrameType | None) -> tuple[Call, ...]:
        """Return the engine functions from the loop, or a thread's first, to ``frame``."""
        calls: list[Call] = []
        while frame is not None and not self.performs(frame):
            code = frame.f_code
            if code.co_filename.startswith(self.engine) and code.co_name not in COMPREHENSIONS:
                file = code.co_filename.removeprefix(self.engine)
                me = frame.f_locals.get("self")
                owner, identity = (Path(file).stem, file) if me is None else (type(me).__name__, id(me))
                calls.append(Call(owner, identity, code.co_qualname.rpartition(".")[2], file))
            frame = frame.f_back
        return tuple(reversed(calls))


@dataclass(slots=True)
class CallCount:
    """A profiler that counts engine calls frame by frame."""

    tree: Tree
    frames: list[Counter[tuple[str, str]]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _depth: int = 0

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """See sys.setprofile."""
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(self.tree.engine):
            return
        if event == "return":
            self._depth -= 1
            return
        if self.tree.begins(frame):
            self.frames.append(Counter())
            self.depths.append(0)
            self._depth = 0
        self._depth += 1
        if self.frames:
            self.frames[-1][file.removeprefix(self.tree.engine), frame.f_code.co_qualname] += 1
            self.depths[-1] = max(self.depths[-1], self._depth)

    def figures(self) -> dict[str, Any]:
        """Return the count of the frames that count."""
        frames = self.frames[-COUNTED - 1 : -1]  # the last one is cut off by the end of the run
        depths = self.depths[-COUNTED - 1 : -1]
        totals = sorted(frame.total() for frame in frames)
        typical = next(frame for frame in frames if frame.total() == totals[len(totals) // 2])
        parts = Counter[str]()
        for (_, function), count in typical.items():
            parts["comprehensions"] += count * function.endswith(COMPREHENSIONS)
            parts["lambdas"] += count * function.endswith("<lambda>")
        return {
            "frames": len(frames),
            "engine_calls": {"median": totals[len(totals) // 2], "least": totals[0], "most": totals[-1]},
            "files": len({file for file, _ in typical}),
            "depth": median(depths),
            **parts,
            "top": [f"{count:4d}  {file}  {function}" for (file, function), count in typical.most_common(TOP)],
        }


@dataclass(slots=True)
class Ways:
    """A profiler that notes where values are made and given on; in every thread of a live show."""

    tree: Tree
    frames: list[Frame] = field(default_factory=list)
    _now: list[Happening] = field(default_factory=list)

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """See sys.setprofile."""
        code = frame.f_code
        inside = code.co_filename.startswith(self.tree.engine)
        if event == "return":
            if inside and type(arg).__name__ in VALUES:
                self._note("made", arg, self.tree.stack(frame))
        elif event == "call" and inside:
            if self.tree.begins(frame):
                assert frame.f_back is not None
                self.frames.append(Frame(self._now, dict(frame.f_back.f_locals)))
                self._now = []
                del self.frames[:-200]
            if code.co_name == "present":
                self._note("present", None, self.tree.stack(frame))
            for name in code.co_varnames[1 : code.co_argcount]:
                if type(frame.f_locals.get(name)).__name__ == "Block":
                    self._note("given", frame.f_locals[name], self.tree.stack(frame))
        elif event == "call" and code.co_name == "__init__" and code.co_filename == "<string>":  # of a dataclass
            self._note("made", frame.f_locals["self"], self.tree.stack(frame.f_back))
        elif event == "call" and code.co_varnames[:1] == ("_cls",):  # of a named tuple
            name = frame.f_locals["_cls"].__name__
            self._now.append(Happening("made", name, None, _thread(), self.tree.stack(frame.f_back)))
        elif (
            event == "call" and code.co_name in ("write", "render") and f"{os.sep}moderngl{os.sep}" in code.co_filename
        ):
            target = frame.f_locals["self"].ctx.fbo.glo if code.co_name == "render" else 0
            self._note(code.co_name, frame.f_locals["self"], self.tree.stack(frame.f_back), target)

    def _note(self, kind: str, value: object, stack: tuple[Call, ...], target: int = 0) -> None:
        if stack:
            self._now.append(Happening(kind, type(value).__name__, value, _thread(), stack, target))

    def figures(self) -> dict[str, Any]:
        """Return the ways in a frame that has a CC, a block, and a frame of the model."""
        frame = next((one for one in reversed(self.frames[1:-1]) if not _absent(one)), None)
        if frame is None:
            raise SystemExit(f"no frame has it all; the last one lacks {_absent(self.frames[-2])}")
        to_pixel = list(_to_pixel(frame))
        heard, turned = list(_heard(frame)), list(_turned(frame))
        between = next(stack for what, stack in to_pixel if what == "frame")
        return {
            "frames_between_loop_and_model": len(between),
            "loop_to_model": " > ".join(f"{call.owner}.{call.function}" for call in between),
            "sound_to_pixel": hand_overs([*heard, *to_pixel]),
            "cc_to_pixel": hand_overs([*turned, *to_pixel]),
        }


def _thread() -> str:
    return threading.current_thread().name


def _absent(frame: Frame) -> set[tuple[str, str]]:
    """Return what a frame lacks that a sound and a CC went through."""
    made = {(one.kind, one.name) for one in frame.happenings}
    return {("made", "Received"), ("made", "Move"), ("given", "Block"), ("made", "Tensor")} - made


def _first(frame: Frame, fits: Callable[[Happening], bool]) -> tuple[Call, ...]:
    return next((one.stack for one in frame.happenings if fits(one)), ())


def _heard(frame: Frame) -> Iterator[tuple[str, tuple[Call, ...]]]:
    """Yield the stages from the device's callback to the features that the loop gets."""
    blocks = [one for one in frame.happenings if one.name == "Block"]
    device = next(one.thread for one in blocks if one.kind == "made" and one.value is None)
    yield "block, from the device", max((one.stack for one in blocks if one.thread == device), key=len)
    yield "block, taken", _first(frame, lambda one: one.name == "Block" and one.thread != device and one.kind == "made")
    main = threading.main_thread().name
    yield (
        "features of a hop",
        _first(frame, lambda one: one.name == "AudioFeatures" and one.thread not in (main, device)),
    )
    yield "features", _held(frame, "AudioFeatures")


def _turned(frame: Frame) -> Iterator[tuple[str, tuple[Call, ...]]]:
    """Yield the stages from the driver's queue to the controls that the loop gets."""
    for name in ("Received", "Message", "Move"):
        yield name.lower(), _first(frame, lambda one, name=name: one.name == name)  # type: ignore[misc]
    yield "controls", _held(frame, "Controls")


def _to_pixel(frame: Frame) -> Iterator[tuple[str, tuple[Call, ...]]]:
    """Yield the stages in the main thread that every way has in common."""
    yield "params", _held(frame, "Params")
    yield "ws", _held(frame, "ndarray")
    stack = _held(frame, "Tensor")
    model = next(i for i, call in enumerate(stack) if call.file.startswith("generator") and call.function == "__call__")
    yield "frame", stack[: model + 1]
    yield "texture", _first(frame, lambda one: one.kind == "write")
    shown = next(value for value in frame.held.values() if type(value).__name__ == "Framebuffer").glo
    yield "picture", _first(frame, lambda one: one.kind == "render" and one.target == shown)
    yield "presented", max((one.stack for one in frame.happenings if one.kind == "present"), key=len)


def _held(frame: Frame, name: str) -> tuple[Call, ...]:
    """Return the stack on which the value of class ``name`` that the loop held came into being."""
    value = next(value for value in frame.held.values() if type(value).__name__ == name)
    return _first(frame, lambda one: one.kind == "made" and one.value is value)


def hand_overs(stages: list[tuple[str, tuple[Call, ...]]]) -> dict[str, Any]:
    """Return the calls from object to object and the objects that are met, counted and listed."""
    met: dict[object, str] = {}
    lines, calls = [], 0
    for what, stack in stages:
        before: object = "loop"
        words: list[tuple[str, str]] = []
        for call in stack:
            if call.owner in VALUES:
                continue
            if call.identity != before and not (call.identity == call.file and words and words[-1][1] == call.file):
                calls += 1
                new = call.identity not in met
                met.setdefault(call.identity, call.owner)
                words.append((f"{'*' if new else ''}{call.owner}.{call.function}", call.file))
                before = call.identity
        lines.append(f"{what}: {' > '.join(word for word, _ in words) or '(not there)'}")
    return {"hand_overs": len(met), "calls": calls, "way (* counts)": lines}


@contextmanager
def profiled(hook: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    """Let ``hook`` see every Python call: of this thread, of those that begin now, and of PortAudio's."""
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
    """Return the first of ``names`` (module:name) that this tree has."""
    for name in names:
        try:
            return resolve_name(name)
        except (ImportError, AttributeError):
            continue
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
