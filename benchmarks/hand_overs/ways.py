"""The ways of a sound and of a CC to a pixel."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from benchmarks.hand_overs.tree import Call, Tree

VALUES = {"Block", "AudioFeatures", "Received", "Message", "Move", "Controls", "Params", "ndarray", "Tensor"}


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


def _first_of(frame: Frame, name: str) -> tuple[Call, ...]:
    """Return the stack of the first happening with a value of class ``name``."""
    return _first(frame, lambda one: one.name == name)


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
        yield name.lower(), _first_of(frame, name)
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
