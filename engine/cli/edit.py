"""``vj edit``: moves a point of a model along named attributes, along boundaries of other programs, or by a flow."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError
from engine.cli import arguments
from engine.cli.amounts import amount, file_index, layer_range
from engine.cli.say import say
from engine.generator.attributes import boundary_files
from engine.generator.attributes.attribute import METHODS
from engine.generator.attributes.boundary import Array, Boundary, conditional, move, unit_z
from engine.generator.attributes.side_file import Attributes
from engine.generator.points import read_array
from engine.system.files import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj edit`` takes."""
    parser.add_argument("ws", type=arguments.path, nargs="?", metavar="WS.npy", help="[w_dim], [num_ws, w_dim] or more")
    parser.add_argument("--z", type=arguments.path, metavar="Z.npy", help="instead: z, for boundaries in z")
    parser.add_argument("-o", "--output", type=arguments.path, required=True, metavar="OUT.npy")
    parser.add_argument("--model", default="fruit", help="whose attributes (fruit)")
    arguments.add_assume(parser)
    parser.add_argument(
        "--attribute",
        type=amount,
        action="append",
        default=[],
        metavar="NAME=X",
        help="move an attribute of the model by X standard deviations; repeatable",
    )
    parser.add_argument("--method", choices=METHODS, default="boundary", help="how attributes are moved (boundary)")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME|FILE[#INDEX]",
        help="leave this attribute alone: it is projected out; repeatable",
    )
    parser.add_argument(
        "--boundary",
        type=amount,
        action="append",
        default=[],
        metavar="FILE[#INDEX]=X",
        help="go to the signed distance X, or by X, from a boundary of another program; repeatable",
    )
    parser.add_argument(
        "--layers", type=layer_range, metavar="A:B", help="boundaries move these layers only, B excluded"
    )
    parser.add_argument("--space", choices=("w", "w+"), help="what the file holds (w where all rows are equal)")
    parser.add_argument("--flow", type=arguments.path, metavar="FILE.pt", help="edit by a flow of StyleFlow")
    parser.add_argument("--context-from", type=arguments.path, metavar="A.npy", help="what the flow takes w for")
    parser.add_argument("--context-to", type=arguments.path, metavar="B.npy", help="what it makes of it")


def run(args: argparse.Namespace) -> int:
    """Move the point and write it; UserError on anything that does not fit."""
    if args.output.suffix.lower() != ".npy":
        raise UserError(f"{args.output}: an edited point is a .npy: name it {args.output.stem}.npy")
    if (args.ws is None) == (args.z is None):
        raise UserError("vj edit: give WS.npy, or --z Z.npy, and not both")
    edited = moved(args)
    if not np.isfinite(edited).all():
        raise UserError("vj edit: this goes so far that the point's numbers are infinite; ask for less")
    write_whole(args.output, _save, edited)
    say(f"{args.output}: written")
    return 0


@np.errstate(over="ignore", invalid="ignore")  # the numbers are looked at afterwards
def moved(args: argparse.Namespace) -> NDArray[np.float32]:
    """Return the point where the arguments move it; UserError where they do not say that."""
    if args.flow is not None:
        edited = by_flow(args)
    elif not args.attribute and not args.boundary:
        raise UserError("vj edit: nothing to do: --attribute NAME=X, --boundary FILE=X, or --flow FILE with contexts")
    elif not args.attribute and (names := [text for text in args.keep if not _is_file(text)]):
        raise UserError(f"--keep {names[0]}: there is no such file; a name is for --attribute")
    elif args.z is not None:
        edited = edit_z(args)
    else:
        edited = edit_w(args)
    return edited.astype(np.float32)


def _save(path: Path, array: NDArray[np.float32]) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def by_flow(args: argparse.Namespace) -> Array:
    """Return the points of the file with another context, by a published flow."""
    if args.attribute or args.boundary or args.ws is None:
        raise UserError("--flow: it edits WS.npy by its contexts alone; leave --attribute, --boundary and --z out")
    if args.context_from is None or args.context_to is None:
        raise UserError("--flow: say what w has and what it is to have: --context-from A.npy --context-to B.npy")
    import torch

    from engine.generator.attributes import flow_files

    given, contexts = (
        read_array(args.ws),
        [read_array(path).reshape(-1) for path in (args.context_from, args.context_to)],
    )
    flow = flow_files.read(args.flow)
    if given.shape[-1:] != (flow.w_dim,) or given.ndim > 3:
        raise UserError(f"{args.ws}: has shape {list(given.shape)}, and this flow wants w of {flow.w_dim} numbers")
    for path, context in zip((args.context_from, args.context_to), contexts, strict=True):
        if len(context) != flow.context:
            raise UserError(f"{path}: holds {len(context)} numbers, and this flow's contexts have {flow.context}")
    rows = torch.from_numpy(given.reshape(1, -1, flow.w_dim).astype(np.float32))
    with torch.inference_mode():
        source, target = (torch.from_numpy(context.astype(np.float32))[None] for context in contexts)
        edited = flow.edit(rows, source, target).double().numpy()
    if not np.isfinite(edited).all():
        raise UserError(f"{args.flow}: these contexts lead nowhere; are they in the units that the flow learnt with?")
    return np.asarray(edited.reshape(given.shape))


def edit_z(args: argparse.Namespace) -> Array:
    """Return the z of the file on the sphere, at the asked distances from boundaries in z."""
    if args.attribute or args.space or args.layers:
        raise UserError("--z: attributes, layers and --space are of w; a z takes --boundary FILE=X")
    given = read_array(args.z)
    if given.ndim > 2:
        raise UserError(f"{args.z}: has shape {list(given.shape)}, and z is [z_dim] or [n, z_dim]")
    codes = unit_z(given.reshape(-1, given.shape[-1]).astype(np.float64))
    for boundary, far in _boundaries(args, given.shape[-1], 1, args.z):
        codes = np.stack([move(code, boundary, far, True) for code in codes])
    return codes.reshape(given.shape)


def edit_w(args: argparse.Namespace) -> Array:
    """Return the points of the file, moved by all that is asked: attributes first."""
    given = read_array(args.ws)
    shape, width = given.shape, given.shape[-1]
    if given.ndim > 3:
        raise UserError(f"{args.ws}: has shape {list(shape)}, and w is [w_dim], [num_ws, w_dim] or [n, num_ws, w_dim]")
    rows_are_codes = args.space == "w" and given.ndim == 2
    codes: Array = given.astype(np.float64).reshape(-1, *((1, width) if rows_are_codes else (1, *shape)[-2:]))
    single = [args.space == "w" or (args.space is None and bool((code == code[:1]).all())) for code in codes]
    if args.attribute:
        codes = _by_attributes(args, codes)
    for boundary, far in _boundaries(args, width, codes.shape[1], args.ws):
        codes = np.stack([move(code, boundary, far, one) for code, one in zip(codes, single, strict=True)])
    if codes.size != given.size:  # a single w became one for each layer
        if np.abs(codes - codes[:, :1]).max() > 1e-6:
            raise UserError(f"{args.ws}: this moves the layers differently: give ws [num_ws, w_dim], not one w")
        codes = codes[:, :1]
    return np.asarray(codes.reshape(shape))


def _is_file(text: str) -> bool:
    return file_index(text)[0].is_file()


def _by_attributes(args: argparse.Namespace, codes: Array) -> Array:
    """Return codes [n, num_ws, w_dim] moved by the attributes; a code of one row becomes one of all layers."""
    from engine.generator.attributes.editing import edit
    from engine.generator.attributes.opening import open_attributes
    from engine.show.opening import find_model

    attributes = open_attributes(find_model(args.model), tuple(args.assume or ()))
    num_ws, width = attributes.num_ws, attributes.w_dim
    if codes.shape[2] != width or codes.shape[1] not in (1, num_ws):
        theirs = f"{codes.shape[1]} x {codes.shape[2]}"
        raise UserError(f"{args.ws}: these w are {theirs}, and those of {args.model} are {num_ws} x {width}")
    codes = np.repeat(codes, num_ws, axis=1) if codes.shape[1] != num_ws else codes
    changes: dict[str, float] = {}
    for each in args.attribute:
        changes[each.text] = changes.get(each.text, 0.0) + each.amount
    kept = [_kept(text, attributes, args) for text in dict.fromkeys(args.keep)]
    return edit(codes, attributes, changes, args.method, kept) if changes else codes


def _kept(text: str, attributes: Attributes, args: argparse.Namespace) -> Array:
    """Return the direction [num_ws, w_dim] that a text after --keep means."""
    if not _is_file(text):
        return attributes.find(text, f"--keep {text}").direction.astype(np.float64)
    rows = _boundary(text, attributes.w_dim, attributes.num_ws, args.ws).rows
    return np.repeat(rows[None], attributes.num_ws, axis=0) if rows.ndim == 1 else rows


def _boundaries(args: argparse.Namespace, width: int, num_ws: int, codes: Path) -> Iterator[tuple[Boundary, float]]:
    """Yield the boundaries of the command line, without what is to be kept, and how far to go."""
    kept = [_boundary(text, width, num_ws, codes) for text in dict.fromkeys(args.keep) if _is_file(text)]
    for each in args.boundary:
        found = _boundary(each.text, width, num_ws, codes)
        if args.layers is not None:
            if args.layers[1] > num_ws:
                raise UserError(f"--layers {args.layers[0]}:{args.layers[1]}: {codes} has {num_ws} layers")
            found = replace(found, layers=tuple(range(*args.layers)))
        try:
            yield conditional(found, kept), each.amount
        except ValueError:
            raise UserError(f"--boundary {each.text}: nothing is left of it; keep fewer boundaries") from None


def _boundary(text: str, width: int, num_ws: int, codes: Path) -> Boundary:
    """Return the boundary in FILE#INDEX; UserError where it does not fit codes of that width and number of layers."""
    path, index = file_index(text)
    found = boundary_files.read(path, index, num_ws)
    if found.rows.ndim == 1 and found.width == num_ws * width > width:  # InterFaceGAN's of w+, in one row
        found = replace(found, rows=found.rows.reshape(num_ws, width), has_distance=False)
    if found.width != width:
        raise UserError(f"{path}: a boundary of width {found.width}; {codes} holds numbers of width {width}")
    if found.rows.ndim == 2 and len(found.rows) != num_ws:
        raise UserError(f"{path}: a boundary of {len(found.rows)} layers; {codes} has {num_ws}")
    return found
