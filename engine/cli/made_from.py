"""What a part of a film says of itself: digests of all that its pictures are made from, and on what they were made."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from engine import __version__
from engine.borders.contracts import Model, Window
from engine.borders.errors import UserError
from engine.borders.options import ShowOptions
from engine.borders.preset import Preset
from engine.show.open_background import drawn_passes
from engine.show.open_keying import SUFFIX as MATTE
from engine.show.open_style import find_weights
from engine.show.opening import find_model
from engine.stage.isf import files
from engine.stage.passes import source
from engine.system import user_folders
from engine.system.files import expanded
from engine.system.resources import resource
from engine.system.telemetry import cpu_name

BESIDE_MODEL = (
    ".calibration.safetensors",
    ".attributes.safetensors",
    MATTE,
)  # what a model's pictures depend on as well


def made_from(
    options: ShowOptions, presets: Iterable[Preset], fps: str, size: tuple[int, int], **read: Path | None
) -> dict[str, str]:
    """Return a digest of everything that the pictures depend on, by what it is.

    ``presets`` are all that are played, ``read`` the song and the like. UserError where one cannot be read.
    """
    presets = list(presets)
    asked = {
        "fps": fps,
        "size": size,
        "resolution": options.resolution,
        "calibration": options.calibration,
        "aspect": str(options.aspect),
        "fill": options.fill,
        "fit": options.fit,
        "seed": options.seed,
        "flash guard": options.flash_guard,
        "assume": options.assume,
        "seconds": options.seconds,
    }
    models = {options.model} if options.model else {preset.model for preset in presets}
    found = {
        "engine": _engine(),
        "options": _digest(json.dumps(asked).encode()),
        "model": _digest(*(_file(path) for name in sorted(models) for path in _model(name))),
        "preset": _digest(*(_preset(preset, options.shaders) for preset in presets)),
    }
    return found | {what: _file(path).hex() for what, path in read.items() if path is not None}


def kind_of(model: Model, window: Window) -> dict[str, str]:
    """Return on what pictures are made: on equal kinds they are equal."""
    device = cpu_name()
    if model.device.type == "cuda":
        import torch

        device = torch.cuda.get_device_name(model.device)
    return {
        "device": device,
        "precision": model.precision,
        "backend": model.backend,
        "torch": version("torch"),
        "OpenGL": str(window.ctx.info["GL_RENDERER"]),
    }


@functools.cache
def _engine() -> str:
    """Return the digest of the engine's own code and shaders."""
    package = Path(__file__).resolve().parents[1]
    code = sorted(path for suffix in ("py", "cpp", "h", "npz") for path in package.rglob(f"*.{suffix}"))
    shaders = sorted(path for path in resource("shaders").rglob("*") if path.is_file())
    return _digest(__version__.encode(), *(path.read_bytes() for path in (*code, *shaders)))


def _model(name: str) -> list[Path]:
    path = find_model(name)
    beside = (path.with_name(f"{path.stem}{suffix}") for suffix in BESIDE_MODEL)
    return [path, *(each for each in beside if each.is_file())]


def _preset(preset: Preset, shaders: Path | None) -> bytes:
    """Return the digest of a preset: its values, and the files that it names."""
    named: list[Path] = []
    for seed in (*preset.latent.seeds, *preset.latent.mix_seeds):
        if isinstance(seed, str):
            folders = (preset.path.parent if preset.path else Path(), user_folders.data("kept"))
            named += [folder / seed for folder in folders if (folder / seed).is_file()][:1]
    if preset.style is not None:
        weights = find_weights(preset.style.weights)
        named += [path for path in (weights, *map(expanded, preset.style.styles)) if path.is_file()]
        named += sorted(weights.parent.glob(f"{weights.name}.*"))  # Magenta's checkpoints are several files
    for name in drawn_passes(preset):
        with suppress(source.ShaderError):  # it is told where the pass is loaded
            named += _shader(name, () if shaders is None else (shaders,))
    if preset.background is not None and (picture := expanded(preset.background.source)).is_file():
        named.append(picture)
    values = replace(preset, name="", description="", path=None, params={}, model="")
    asked = preset.text or repr((values, sorted(preset.params.items())))  # the text names files from where it lies
    return bytes.fromhex(_digest(asked.encode(), *(_file(path) for path in named)))


def _shader(name: str, folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the files of a pass."""
    if files.is_isf(name):
        stamps = files.read(files.find(name, folders)).stamps
        return tuple(path for path, _ in stamps if path.is_file())  # its vertex shader may be there one day
    return source.read(f"{name}.frag", folders).files


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _digest(*contents: bytes) -> str:
    """Return a digest of several contents: blake2b, 16 bytes, in hex."""
    whole = hashlib.blake2b(digest_size=16)
    for content in contents:
        whole.update(len(content).to_bytes(8, "big"))
        whole.update(content)
    return whole.hexdigest()
