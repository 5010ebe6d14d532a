"""``vj devices``: what this machine has, and what each will be used for."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any


def run(*, as_json: bool) -> int:
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
        for column in rows[0] if rows else ["nothing"]:
            table.add_column(column.replace("_", " "))
        for row in rows or [{"nothing": part["reason"]}]:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table, "")
    return 0


def survey() -> dict[str, dict[str, Any]]:
    """Return {kind: {"found": [rows], "reason": why there are none}}."""
    return {"sound": _sound(), "MIDI": _midi(), "displays": _displays(), "generator": _gpu()}


def _sound() -> dict[str, Any]:
    from engine.audio import devices

    listed = devices.list_devices()
    rows = [{"kind": "in", **asdict(device), "used_for": _ear(device)} for device in listed.inputs]
    rows += [
        {"kind": "out", **asdict(device), "used_for": "vj rehearse" if device.default else ""}
        for device in listed.outputs
    ]
    return {"found": rows, "reason": listed.reason or ""}


def _ear(device: Any) -> str:
    """Say what an input is good for."""
    what = "what this machine plays" if device.loopback else ""
    return ", ".join(filter(None, ["vj live" if device.default else "", what]))


def _midi() -> dict[str, Any]:
    from engine.audio.portaudio import quiet_stderr
    from engine.control import midi_ports

    with quiet_stderr():  # ALSA and JACK each complain when they are not there
        return midi_ports.survey()


def _displays() -> dict[str, Any]:
    from engine.stage import window

    listed, reason = window.displays()
    return {"found": [_row(display) for display in listed], "reason": reason}


def _gpu() -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return {"found": [{"device": name, "used_for": "the generator"} for name in names], "reason": ""}
    import platform

    threads = torch.get_num_threads()
    name = platform.processor() or platform.machine()
    row = {"device": f"CPU {name}, {threads} threads", "used_for": "the generator (no NVIDIA GPU)"}
    return {"found": [row], "reason": ""}


def _row(device: Any) -> dict[str, Any]:
    return asdict(device) if is_dataclass(device) and not isinstance(device, type) else dict(device)


def _cell(value: Any) -> str:
    return {True: "yes", False: ""}.get(value, str(value)) if isinstance(value, bool) else str(value)
