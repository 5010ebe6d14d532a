"""The sliders of a model: MODEL.attributes.safetensors beside the model.

A side file belongs to one checkpoint and holds its SHA-256 and its sizes. An attribute NAME has the tensor
"NAME.direction" [num_ws, w_dim]; the numbers and words of `Attribute` are JSON in the metadata. The weights of the
mapper are called "mapper.…", those of the flow "flow.…"; either may be missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from engine.borders.errors import UserError, nearest
from engine.generator.attributes.attribute import NAME, RESERVED, Attribute
from engine.generator.checkpoints.contents import Plain
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import Refused
from engine.generator.checkpoints.safetensors_files import map_state, objects, parsed, read_header
from engine.system.files import as_text, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.attributes.flow import Flow
    from engine.generator.attributes.mapper import Mapper

FORM = 1  # of a file; raise it when the meaning of the numbers changes, so that older files are not used
KEY = "latentvj_attributes"
SUFFIX = ".attributes.safetensors"
MAPPER, FLOW = "mapper.", "flow."  # what the names of their weights begin with


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """What a side file holds, with the digest and the sizes of the model that it belongs to."""

    sha256: str
    num_ws: int
    w_dim: int
    each: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))
    mapper: Mapper | None = None
    flow: Flow | None = None

    def find(self, name: str, where: str) -> Attribute:
        """Return the attribute called ``name``; UserError, which begins with ``where``, says which there are."""
        if name in self.each:
            return self.each[name]
        if not self.each:
            raise UserError(f"{where}: the model has no attributes yet: vj attributes MODEL import|ask|train")
        raise UserError(f"{where}: the model has no attribute {name!r}; {nearest(name, self.each)}")


def beside(model: Path) -> Path:
    """Return the path of a model's side file."""
    return model.with_name(model.name.removesuffix(model.suffix) + SUFFIX)


def read_for(model: Path, sha256: str, num_ws: int, w_dim: int) -> Attributes:
    """Return the attributes of a model, none where it has no side file. UserError where that file does not fit it."""
    path = beside(model)
    try:
        found = read(path)
    except FileNotFoundError:
        return Attributes(sha256, num_ws, w_dim)
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error
    if (found.num_ws, found.w_dim) != (num_ws, w_dim):
        theirs, ours = f"{found.num_ws} x {found.w_dim}", f"{num_ws} x {w_dim}"
        raise UserError(
            f"{path}: these attributes are of another model, with w of {theirs} (this one: {ours}); move it"
        )
    if found.sha256 != sha256:
        raise UserError(
            f"{path}: these attributes are of another model (another SHA-256); move it, or train them again"
        )
    return found


def read(path: Path) -> Attributes:
    """Read a side file of any model. Raises UserError, which names it, when it is damaged, and OSError."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        try:
            about = parsed(read_header(Span(file, 0, size)).metadata, KEY)
            if about.get("form") != FORM:
                raise UserError(
                    f"{path}: these are no attributes, or of another version of this program: make them again"
                )
            return _made(about, map_state(path))
        except (Refused, ValueError, TypeError) as error:
            raise UserError(f"{path}: this file of attributes is damaged: make it again") from error


def _made(about: Mapping[str, Plain], state: dict[str, Tensor]) -> Attributes:
    """Return what the metadata and the tensors make. Raises ValueError, TypeError or Refused for anything else."""
    sha256, num_ws, w_dim = about.get("sha256"), about.get("num_ws"), about.get("w_dim")
    if not (isinstance(sha256, str) and isinstance(num_ws, int) and isinstance(w_dim, int)):
        raise ValueError("no model is named")
    if any(not bool(tensor.isfinite().all()) for tensor in state.values()):
        raise ValueError("not all numbers are finite")
    each: dict[str, Attribute] = {}
    for item in objects(dict(about), "attributes"):
        attribute = _attribute(item, state)
        if attribute.direction.shape != (num_ws, w_dim) or attribute.name in each:
            raise ValueError("a direction has another shape")
        each[attribute.name] = attribute
    mapper = _mapper(_part(state, MAPPER), _names(about, "mapper"))
    flow = _flow(_part(state, FLOW), _names(about, "flow"))
    if (mapper is not None and (mapper.num_ws, mapper.w_dim) != (num_ws, w_dim)) or (flow and flow.w_dim != w_dim):
        raise ValueError("the mapper or the flow is of another model")
    return Attributes(sha256, num_ws, w_dim, MappingProxyType(each), mapper, flow)


def _attribute(item: dict[str, Plain], state: dict[str, Tensor]) -> Attribute:
    name, unit, origin, leaks = item.get("name"), item.get("unit", ""), item.get("origin", ""), item.get("leaks", {})
    if not (isinstance(name, str) and NAME.fullmatch(name) and name not in RESERVED):
        raise ValueError("an attribute has no name")
    if not (isinstance(unit, str) and isinstance(origin, str) and isinstance(leaks, dict)):
        raise ValueError("a word is missing")
    direction = state.get(f"{name}.direction")
    if direction is None:
        raise ValueError("a direction is missing")
    numbers = {key: _number(item.get(key)) for key in ("scale", "mean", "sd", "spread")}
    known = MappingProxyType({other: _number(value) for other, value in leaks.items()})
    rows = np.asarray(direction.numpy(), dtype=np.float32)
    return Attribute(name, rows, unit=unit, leaks=known, origin=origin, **numbers)


def _number(value: Plain) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("a number is missing")
    return float(value)


def _names(about: Mapping[str, Plain], what: str) -> list[str]:
    names = about.get(what, [])
    if not isinstance(names, list):
        raise ValueError("names are no list")
    return [name for name in names if isinstance(name, str)]


def _part(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}


def _mapper(state: dict[str, Tensor], names: list[str]) -> Mapper | None:
    from engine.generator.attributes import mapper

    return mapper.from_state(state, names) if state else None


def _flow(state: dict[str, Tensor], names: list[str]) -> Flow | None:
    from engine.generator.attributes import flow

    return flow.from_state(state, names) if state else None


def write(path: Path, attributes: Attributes) -> None:
    """Write a side file, whole or not at all. Raises UserError on failure."""
    import torch
    from safetensors.torch import save_file

    state = {
        f"{a.name}.direction": torch.from_numpy(np.ascontiguousarray(a.direction)) for a in attributes.each.values()
    }
    for start, module in ((MAPPER, attributes.mapper), (FLOW, attributes.flow)):
        if module is not None:
            state |= {
                f"{start}{name}": tensor.detach().cpu().float().contiguous()
                for name, tensor in module.state_dict().items()
            }
    about = {
        "form": FORM,
        "sha256": attributes.sha256,
        "num_ws": attributes.num_ws,
        "w_dim": attributes.w_dim,
        "attributes": [_described(a) for a in attributes.each.values()],
        "mapper": list(attributes.mapper.names) if attributes.mapper is not None else [],
        "flow": list(attributes.flow.names) if attributes.flow is not None else [],
    }

    def save(part: Path) -> None:
        with as_text(part) as name:
            save_file(state, name, metadata={"format": "pt", KEY: json.dumps(about)})

    write_whole(path, save)


def _described(attribute: Attribute) -> dict[str, object]:
    return {
        "name": attribute.name,
        "unit": attribute.unit,
        "origin": attribute.origin,
        "scale": float(attribute.scale),
        "mean": float(attribute.mean),
        "sd": float(attribute.sd),
        "spread": float(attribute.spread),
        "leaks": {name: float(value) for name, value in attribute.leaks.items()},
    }
