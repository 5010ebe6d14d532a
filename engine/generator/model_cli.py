"""`vj model info` and `vj model convert`: what a checkpoint is, and the same as safetensors."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Any

from engine.generator.checkpoint import Checkpoint, load
from engine.generator.checkpoint import convert as write_converted


def info(path: str | Path, json: bool = False) -> None:
    """Print what the checkpoint is, as text or JSON. Raises UserError for a file that is none."""
    facts = describe(load(path))
    if json:
        print(json_text.dumps(facts, indent=2))
        return
    settings, sources = facts.pop("settings"), facts.pop("sources_not_run")
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):>18}  {value}")
    for note in settings:
        value = "none" if note["value"] is None else note["value"]
        print(f"{note['setting']:>18}  {value}  ({note['how']})")
    for source in sources:
        print(f"{'not run':>18}  source of {source['class_name']}, sha256 {source['sha256']}")


def convert(path: str | Path, out: str | Path) -> None:
    """Write the checkpoint at `path` as safetensors to `out` and say so. Raises UserError."""
    checkpoint = load(path)
    written = write_converted(checkpoint, out)
    print(f"{written}: {checkpoint.family}, {checkpoint.format}, {written.stat().st_size / 1e6:.1f} MB")


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """The facts of a checkpoint as JSON holds them; sizes that a family does not have are null."""
    settings = checkpoint.settings
    return {
        "file": str(checkpoint.path),
        "sha256": checkpoint.sha256,
        "bytes": checkpoint.bytes,
        "format": checkpoint.format,
        "family": checkpoint.family,
        "resolution": settings.get("img_resolution"),
        "z_dim": settings.get("z_dim"),
        "w_dim": settings.get("w_dim"),
        "num_ws": getattr(checkpoint.config, "num_ws", None),
        "labels": settings.get("c_dim"),
        "channels": settings.get("img_channels"),
        "parameters": checkpoint.parameters,
        "settings": [{"setting": note.setting, "value": note.value, "how": note.how} for note in checkpoint.notes],
        "sources_not_run": [
            {"class_name": source.class_name, "sha256": source.sha256, "bytes": source.bytes}
            for source in checkpoint.sources
        ],
    }
