"""``vj attributes``: the named sliders of a model, listed, imported, asked for, trained and measured."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.cli import arguments
from engine.cli.amounts import file_index, layer_range
from engine.cli.say import say
from engine.generator.attributes import side_file
from engine.generator.attributes.attribute import METHODS, Attribute, check_name
from engine.generator.attributes.side_file import Attributes
from engine.show.opening import find_model
from engine.system.resources import resource

if TYPE_CHECKING:
    from engine.generator.networks.network import Network

TEACHER = ("tools", "train", "attributes", "run.py")  # of a checkout
PICTURES = 64  # that a measurement looks at


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj attributes`` takes."""
    parser.add_argument("model", help="a shipped name or a checkpoint")
    arguments.add_assume(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|import|ask|train|measure")
    sub = actions.add_parser("list", help="what its side file holds")
    sub.add_argument("--json", type=arguments.path, metavar="F", help="write it as JSON")
    sub = actions.add_parser("import", help="a boundary or a direction of another program")
    sub.add_argument("boundary", metavar="FILE[#INDEX]")
    _add_name(sub)
    sub.add_argument("--space", choices=("z", "w", "w+"), default="w", help="where it is a boundary (w)")
    sub.add_argument("--layers", type=layer_range, metavar="A:B", help="it moves these layers only, B excluded")
    sub = actions.add_parser("ask", help="find one by answers: which of two pictures shows more of it?")
    sub.add_argument("name", metavar="NAME", help="what it is called")
    sub.add_argument("--replace", action="store_true", help="over one of that name")
    sub.add_argument("--answers", type=arguments.whole(1, 1000), default=40, metavar="N", help="questions at most (40)")
    sub.add_argument("--psi", type=arguments.finite, default=0.8, help="truncation of the pictures (0.8)")
    sub.add_argument("--seed", type=arguments.seed, default=0, help="other pictures")
    sub.add_argument("--simulate", metavar="ATTRIBUTE", help="the recogniser answers, for a trial")
    sub = actions.add_parser("train", help="find them all by a recogniser, with a mapper and a flow")
    sub.add_argument("--recogniser", default="ours", metavar="FILE", help="a TorchScript or ONNX file, or a CSV (ours)")
    sub.add_argument("--names", default="", help="what its outputs are called, with commas")
    sub.add_argument("--side", type=arguments.whole(8, 4096), default=224, help="pixels that it wants (224)")
    sub.add_argument("--count", type=arguments.whole(100, 10**6), default=20_000, help="w to draw (20000)")
    sub.add_argument("--method", action="append", choices=METHODS, help="what is made; all without it; repeatable")
    sub.add_argument("--fine", type=arguments.positive, help="seconds that the mapper learns through the generator")
    sub = actions.add_parser("measure", help="what each changes in the recogniser's eyes; kept in the side file")
    sub.add_argument("--method", choices=("boundary", "mapper"), default="boundary")
    sub.add_argument("--pictures", type=arguments.whole(2, 10_000), default=PICTURES, metavar="N")
    sub.add_argument("--json", type=arguments.path, metavar="F", help="write it as JSON")


def _add_name(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--name", required=True, metavar="N", help="what it is called")
    sub.add_argument("--replace", action="store_true", help="over one of that name")


def run(args: argparse.Namespace) -> int:
    """Do what is asked; UserError on anything that does not fit the model."""
    return ACTIONS[args.action](args)


def opened(args: argparse.Namespace) -> tuple[Path, Network, Attributes]:
    """Return the model's file, its network and its attributes."""
    from engine.generator.checkpoints import checkpoint

    path = find_model(args.model)
    found = checkpoint.load(path, assume=tuple(args.assume or ()))
    network = checkpoint.build(found).eval().requires_grad_(False)
    return path, network, side_file.read_for(path, found.sha256, network.num_ws, network.w_dim)


def keep(path: Path, attributes: Attributes, attribute: Attribute) -> None:
    """Write the model's side file with ``attribute`` and say so."""
    target = side_file.beside(path)
    side_file.write(target, attributes)
    say(f"{target}: attribute.{attribute.name}, 1 is {attribute.scale:.3g} along its direction ({attribute.origin})")


def list_them(args: argparse.Namespace) -> int:
    """Print what the side file holds."""
    _, _, attributes = opened(args)
    for each in attributes.each.values():
        leaks = sorted(each.leaks.items(), key=lambda item: -abs(item[1]))[:3]
        told = ", ".join(f"{name} {value:.2f}" for name, value in leaks) or "not measured"
        size = f"{each.spread:.3g} {each.unit}".strip() if each.spread else "?"
        print(f"{each.name:<16} 1 sd = {size:<12} {each.origin:<24} moves also {told}")
    print(f"mapper: {', '.join(attributes.mapper.names) if attributes.mapper else 'none'}")
    print(f"flow: {', '.join(attributes.flow.names) if attributes.flow else 'none'}")
    if args.json is not None:
        _write_json(args.json, described(attributes))
    return 0


def described(attributes: Attributes) -> dict[str, object]:
    """Return what the side file holds as JSON has it."""
    return {
        "sha256": attributes.sha256,
        "attributes": [
            {"name": a.name, "unit": a.unit, "spread": a.spread, "scale": a.scale, "mean": a.mean, "sd": a.sd,
             "leaks": dict(a.leaks), "origin": a.origin}
            for a in attributes.each.values()
        ],
        "mapper": list(attributes.mapper.names) if attributes.mapper else [],
        "flow": list(attributes.flow.names) if attributes.flow else [],
    }  # fmt: skip


def _write_json(path: Path, what: object) -> None:
    from engine.system.files import write_whole

    write_whole(path, lambda part: part.write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8"))


def import_one(args: argparse.Namespace) -> int:
    """Make an attribute of another program's boundary."""
    from engine.generator.attributes import boundary_files
    from engine.generator.attributes.making import added, from_boundary

    name = check_name(args.name)
    file, index = file_index(args.boundary)
    path, network, attributes = opened(args)
    boundary = boundary_files.read(file, index, None if args.space == "z" else network.num_ws)
    if args.layers is not None:
        boundary = replace(boundary, layers=tuple(range(*args.layers)))
    origin = file.name if index is None else f"{file.name}#{index}"
    made = from_boundary(name, boundary, network, args.space, origin)
    keep(path, added(attributes, made, args.replace), made)
    return 0


def ask(args: argparse.Namespace) -> int:
    """Find an attribute by answers."""
    from engine.cli import ask as asking

    return asking.run(args, *opened(args))


def train(args: argparse.Namespace) -> int:
    """Hand over to tools/train, in a process of its own; its lines and its exit code are those of the command."""
    root = resource().resolve()
    if not root.joinpath(*TEACHER).is_file():
        raise UserError("vj attributes train: training is done by tools/ of a checkout, which is not installed here")
    words = [str(find_model(args.model).resolve()), "--side", str(args.side), "--count", str(args.count)]
    recogniser = args.recogniser if args.recogniser == "ours" else str(Path(args.recogniser).resolve())
    words += ["--recogniser", recogniser, *(["--names", args.names] if args.names else [])]
    if args.method:
        words += [f"--no-{what}" for what in ("mapper", "flow") if what not in args.method]
    if args.fine is not None:
        words += ["--fine", str(args.fine)]
    return subprocess.call([sys.executable, "-m", "tools.train.attributes", *words], cwd=root)


def measure(args: argparse.Namespace) -> int:
    """Print what every attribute changes, and keep it."""
    from engine.generator.attributes.editing import edit
    from engine.generator.attributes.measuring import Meter
    from engine.generator.perceptual.recogniser import shipped

    path, network, attributes = opened(args)
    if not attributes.each:
        raise UserError(f"{args.model}: the model has no attributes yet: vj attributes MODEL import|ask|train")
    meter = Meter(network, shipped(), args.pictures)
    found: dict[str, Attribute] = {}
    rows = []
    for name, each in attributes.each.items():
        result = meter.measure(lambda ws, x, n=name: edit(ws, attributes, {n: x}, args.method, ()))  # type: ignore[misc]
        others = {other: leak for other, leak in result.leak.items() if other != name}
        found[name] = replace(each, leaks=MappingProxyType(others))
        rows.append({"name": name, "reached": result.change.get(name), "change": result.change, "leaks": others})
        own = f"reaches {result.change[name]:.2f}, " if name in result.change else ""
        told = ", ".join(f"{other} {leak:.2f}" for other, leak in sorted(others.items(), key=lambda item: -item[1]))
        print(f"{name:<16} {own}moves also {told}")
    if args.method == "boundary":
        side_file.write(side_file.beside(path), replace(attributes, each=MappingProxyType(found)))
    if args.json is not None:
        _write_json(args.json, rows)
    return 0


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {"list": list_them, "import": import_one, "ask": ask, "train": train, "measure": measure}
)
