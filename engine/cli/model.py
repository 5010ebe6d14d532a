"""`vj model info`, `convert` and `compile`: what a checkpoint is, the same as safetensors, engines for a GPU."""

from __future__ import annotations

import argparse
import json as json_text
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.borders.errors import UserError
from engine.borders.options import FILLS
from engine.cli import arguments
from engine.generator.backends.table import BACKENDS
from engine.generator.checkpoints.checkpoint import Checkpoint, build, load
from engine.generator.checkpoints.checkpoint import convert as write_converted
from engine.system.resources import find_model as find_shipped

if TYPE_CHECKING:
    from engine.generator.backends.tensorrt_build import Library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj model`` takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="info|convert|compile")
    sub = actions.add_parser("info", help="what a checkpoint is")
    sub.add_argument("checkpoint", type=arguments.path)
    arguments.add_assume(sub)
    sub.add_argument("--json", action="store_true")
    sub = actions.add_parser("convert", help="write it as safetensors")
    sub.add_argument("checkpoint", type=arguments.path)
    arguments.add_assume(sub)
    sub.add_argument("-o", "--output", type=arguments.path, required=True, metavar="X.safetensors")
    sub = actions.add_parser("compile", help="build its TensorRT engines ahead of the show")
    sub.add_argument("checkpoint", type=arguments.path)
    sub.add_argument("--gpu", type=str.lower, metavar="SM", help="sm86, sm89, sm120, …; this machine's by default")
    sub.add_argument("--precision", choices=BACKENDS["tensorrt"].precisions, default="fp16")
    arguments.add_aspect(sub)


def run(args: argparse.Namespace) -> int:
    """Describe, convert or compile a checkpoint."""
    checkpoint = find_shipped(str(args.checkpoint)) or args.checkpoint
    if args.action == "info":
        info(checkpoint, args.json, tuple(args.assume or ()))
    elif args.action == "compile":
        compile_engines(checkpoint, args.gpu, args.precision, args.aspect, args.fill or FILLS[0])
    else:
        convert(checkpoint, args.output, tuple(args.assume or ()))
    return 0


def info(path: str | Path, json: bool = False, assume: tuple[str, ...] = ()) -> None:
    """Print what the checkpoint is, as text or JSON. Raises UserError for a file that is none."""
    facts = describe(load(path, assume=assume))
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


def convert(path: str | Path, out: str | Path, assume: tuple[str, ...] = ()) -> None:
    """Write the checkpoint at `path` as safetensors to `out` and say so. Raises UserError."""
    checkpoint = load(path, assume=assume)
    written = write_converted(checkpoint, out)
    print(f"{written}: {checkpoint.family}, {checkpoint.format}, {written.stat().st_size / 1e6:.1f} MB")


def compile_engines(
    path: str | Path,
    gpu: str | None = None,
    precision: str = "fp16",
    aspect: Fraction | None = None,
    fill: str = FILLS[0],
) -> None:
    """Build the TensorRT engines of a checkpoint ahead of the show and say what was built. Raises UserError.

    ``gpu`` is a compute capability such as "sm86"; None is the GPU in this machine. ``aspect`` and ``fill`` are the
    show's: a wide picture has engines of its own. Engines are blocks', so that every size a governor may choose has
    its own among them. On the GPU they are for they are run once, for what a library compiles only there.
    """
    try:
        from engine.generator.backends.onnx_blocks import block_model
        from engine.generator.backends.tensorrt import check, open_blocks
        from engine.generator.backends.tensorrt_build import Engines
    except ImportError as error:  # onnx belongs to the same extra
        from engine.generator.backends.tensorrt_build import MISSING

        raise UserError(f"vj model compile: {MISSING}") from error
    from engine.generator.aspect import reshape
    from engine.generator.backends.blocks import Unavailable
    from engine.generator.backends.prepare import prepare

    network, half = build(load(path)), precision == "fp16"
    if not BACKENDS["tensorrt"].fits("cuda", network):
        raise UserError(f"{path}: TensorRT cannot play a {network.title} model")
    if aspect is not None and aspect != 1:
        network = reshape(network, aspect, fill)
    prepared = prepare(network, normalize=half)
    try:
        library = check(prepared, precision)
        engines = Engines(library, *_target(library, gpu))
        print(f"{library.name} {library.version}, {engines.gpu}, {precision}, kept in {engines.folder}")
        total = began = time.monotonic()
        for level, block in enumerate(prepared.blocks):
            known = engines.built
            engine = engines.get(block_model(prepared, level, half))
            word = "built in" if engines.built > known else "was there,"
            size = "x".join(map(str, reversed(block.shape)))
            print(f"{size:>9} px {len(engine) / 1e6:8.1f} MB  {word} {time.monotonic() - began:.2f} s")
            began = time.monotonic()
        print(f"{len(prepared.blocks)} engines in {time.monotonic() - total:.1f} s, {engines.built} of them new")
        if engines.gpu == _own():
            began = time.monotonic()
            open_blocks(prepare(network.eval().requires_grad_(False).to("cuda"), normalize=half), precision)
            print(f"run and compared on this GPU in {time.monotonic() - began:.1f} s")
    except Unavailable as error:
        raise UserError(f"vj model compile: {error}") from error


def _target(library: Library, gpu: str | None) -> tuple[str, str]:
    """Return the compute capability to build for and the name of the GPU in this machine, if there is one."""
    import torch

    own = _own()
    if gpu is None and own is None:
        raise UserError("vj model compile: no NVIDIA GPU here; say which to build for: --gpu sm86, sm89 or sm120")
    if not library.rtx and gpu not in (None, own):
        raise UserError(f"vj model compile: {library.name} builds for the GPU in the machine only; leave --gpu out")
    return gpu or str(own), torch.cuda.get_device_name() if own else ""


def _own() -> str | None:
    """Return the compute capability of the GPU in this machine, or None."""
    import torch

    return "sm{}{}".format(*torch.cuda.get_device_capability()) if torch.cuda.is_available() else None


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
        "num_ws": None if checkpoint.network is None else checkpoint.network.num_ws,
        "labels": settings.get("c_dim"),
        "channels": settings.get("img_channels"),
        "parameters": checkpoint.parameters,
        "settings": [{"setting": note.setting, "value": note.value, "how": note.how} for note in checkpoint.notes],
        "sources_not_run": [
            {"class_name": source.class_name, "sha256": source.sha256, "bytes": source.bytes}
            for source in checkpoint.sources
        ],
    }
