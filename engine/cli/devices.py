"""``vj devices``: what this machine has, and what each will be used for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

from engine.borders.errors import UserError
from engine.cli import remembered
from engine.system import user_folders

HEADINGS = {"samplerate": "Hz", "refresh_rate": "Hz", "channels": "ch", "host_api": "system"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj devices`` takes."""
    parser.add_argument("--json", action="store_true", help="as JSON")
    remembered.add_forget(parser)


def run(args: argparse.Namespace) -> int:
    """Print what this machine has."""
    if args.forget:
        user_folders.forget()
    return report(as_json=args.json)


def report(*, as_json: bool) -> int:
    """Print the audio inputs and outputs, MIDI ports, displays and the GPU."""
    found = survey()
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for title, part in found.items():
        table = Table(title=title, title_justify="left", show_edge=False)
        rows = part["found"]
        cells = [{name: _cell(value) for name, value in row.items()} for row in rows] or [{"nothing": part["reason"]}]
        columns = [name for name in cells[0] if any(row[name] for row in cells)]  # eighty columns are few
        for name in columns:
            table.add_column(HEADINGS.get(name, name.replace("_", " ")))
        for row in cells:
            table.add_row(*(row[name] for name in columns))
        console.print(table, "")
        if hint := part.get("hint"):
            print(f"{hint}\n")
    if found["remembered"]["found"]:
        print("A show without flags takes what is remembered. --forget, here or at a show, forgets it.")
    return 0


def survey() -> dict[str, dict[str, Any]]:
    """Return {kind: {"found": [rows], "reason": why there are none}}."""
    # The picture's way before the generator: OpenGL's context has to be there before CUDA's.
    return {
        "sound": _sound(), "MIDI": _midi(), "video": _video(), "displays": _displays(), "picture": _texture(),
        "generator": _gpu(),
        "remembered": _remembered(),
    }  # fmt: skip


def _remembered() -> dict[str, Any]:
    rows = [{"what": remembered.CHOICES[name], "is": text or "wherever there is room"} for name, text in
            remembered.kept().items()]  # fmt: skip
    return {"found": rows, "reason": "nothing yet: a show remembers what its flags have chosen"}


def _sound() -> dict[str, Any]:
    from engine.audio.inputs import devices

    listed = devices.list_devices()
    rows = [{"kind": "in", **asdict(device), "used_for": _ear(device)} for device in listed.inputs]
    rows += [
        {"kind": "out", **asdict(device), "used_for": "vj rehearse" if device.default else ""}
        for device in listed.outputs
    ]
    return {"found": rows, "reason": listed.reason or "", "hint": devices.loopback_hint(listed.inputs)}


def _ear(device: Any) -> str:
    """Say what an input is good for."""
    what = "what this computer plays" if device.loopback else ""
    return ", ".join(filter(None, ["vj live" if device.default else "", what]))


def _midi() -> dict[str, Any]:
    from engine.control.hands import midi_ports
    from engine.system.quiet import quiet_stderr

    with quiet_stderr():  # ALSA and JACK each complain when they are not there
        listed = midi_ports.list_ports()
    return {"found": [{**asdict(port), "used_for": "MIDI in"} for port in listed.ports], "reason": listed.reason}


def _video() -> dict[str, Any]:
    from engine.stage.video.cameras import cameras

    rows = [
        {"number": number, **asdict(camera), "used_for": f"--video-in {number}"}
        for number, camera in enumerate(cameras())
    ]
    return {"found": rows, "reason": "no camera is plugged in; a film's file is a video, too"}


def _displays() -> dict[str, Any]:
    from engine.stage.windows import window

    listed, reason = window.displays()
    return {"found": [_row(display) for display in listed], "reason": reason}


PATHS = {
    "cuda-gl": "CUDA writes into OpenGL's pixel buffer: no copy through the machine's memory",
    "pinned": "an asynchronous copy through page-locked memory",
    "upload": "a plain upload",
}


def _texture() -> dict[str, Any]:
    """Bring a small frame to the window as the show would, and say which way it went and why."""
    import torch

    from engine.generator.backends.devices import choose
    from engine.stage.passes.texture import FrameTexture

    try:
        with _context() as (ctx, where):
            texture, device = FrameTexture(ctx), choose(None)
            texture.write(torch.zeros(64, 64, 4, dtype=torch.uint8, device=device))
            row = {
                "way": texture.path,
                "meaning": PATHS[texture.path],
                "why": texture.reason,
                "opengl": str(ctx.info["GL_RENDERER"]),
                "tried": where,
            }
            texture.close()
    except UserError as error:
        return {"found": [], "reason": str(error)}
    return {"found": [row], "reason": ""}


@contextmanager
def _context() -> Iterator[tuple[Any, str]]:
    """Open OpenGL as a show would: an unseen window on the display, or without one. UserError where there is none."""
    from engine.stage.windows import displays, headless
    from engine.stage.windows import gl_window as surface

    try:
        displays.acquire()
    except UserError:
        ctx = headless.headless_context()
        yield ctx, "without a display"
        ctx.release()
        return
    try:
        handle = surface.create((16, 16), "latentvj")
        ctx = surface.context(handle, vsync=False)
        yield ctx, "on the display"
        ctx.release()
        surface.destroy(handle)
    finally:
        displays.release()


def _gpu() -> dict[str, Any]:
    from engine.generator.backends import report

    return {"found": [asdict(row) for row in report.rows()], "reason": ""}


def _row(device: Any) -> dict[str, Any]:
    return asdict(device) if is_dataclass(device) and not isinstance(device, type) else dict(device)


def _cell(value: Any) -> str:
    return {True: "yes", False: ""}.get(value, str(value)) if isinstance(value, bool) else str(value)
