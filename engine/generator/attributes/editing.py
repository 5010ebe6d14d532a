"""Points moved by the attributes of a model: along directions, by the mapper, or by the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError
from engine.generator.attributes.boundary import Array, project_layers
from engine.generator.attributes.side_file import Attributes

if TYPE_CHECKING:
    from torch import Tensor


def edit(ws: Array, attributes: Attributes, changes: Mapping[str, float], method: str, kept: Sequence[Array]) -> Array:
    """Return ws [n, num_ws, w_dim] with every attribute of ``changes`` moved by that many standard deviations.

    ``method`` is one of METHODS. ``kept`` are directions [num_ws, w_dim] that the boundary method leaves alone.
    UserError for a name that is not known, and for a method that the side file has nothing for.
    """
    if method == "boundary":
        found = [attributes.find(name, f"--attribute {name}") for name in changes]
        steps = [step_without(each.direction, each.scale, kept, each.name) for each in found]
        return ws + sum(x * step for x, step in zip(changes.values(), steps, strict=True))
    if kept:
        raise UserError(f"--keep: --method {method} has learnt what to keep; leave --keep out, or take boundary")
    return _by_mapper(ws, attributes, changes) if method == "mapper" else _by_flow(ws, attributes, changes)


def step_without(direction: NDArray[np.floating], scale: float, kept: Sequence[Array], name: str) -> Array:
    """Return what one standard deviation adds to ws, without what ``kept`` would change.

    The rest of a direction reaches less far along it. The step is longer by that: 1 stays one standard deviation.
    """
    rows = direction.astype(np.float64)
    if not kept:
        return rows * scale
    try:
        rest = project_layers(rows, kept)
    except ValueError:
        raise UserError(f"--keep: nothing is left of {name}: keep fewer attributes") from None
    reached = float((rows * rest).sum()) / float((rows * rows).sum())
    if reached < 0.05:
        raise UserError(f"--keep: hardly anything is left of {name}: keep fewer attributes")
    return np.asarray(rest * (scale / reached))


def _by_mapper(ws: Array, attributes: Attributes, changes: Mapping[str, float]) -> Array:
    import torch

    if attributes.mapper is None:
        raise UserError(
            "--method mapper: this model has no mapper; vj attributes MODEL train --method mapper makes one"
        )
    change = _vector(changes, attributes.mapper.names, "mapper")
    with torch.inference_mode():
        points = torch.from_numpy(ws).float()
        return np.asarray(attributes.mapper.edit(points, change.expand(len(ws), -1)).double().numpy())


def _by_flow(ws: Array, attributes: Attributes, changes: Mapping[str, float]) -> Array:
    import torch

    if attributes.flow is None:
        raise UserError("--method flow: this model has no flow; vj attributes MODEL train --method flow makes one")
    change = _vector(changes, attributes.flow.names, "flow")
    with torch.inference_mode():
        source = torch.from_numpy(estimates(ws, attributes, attributes.flow.names)).float()
        moved = attributes.flow.edit(torch.from_numpy(ws).float(), source, source + change)
        return np.asarray(moved.double().numpy())


def _vector(changes: Mapping[str, float], names: Sequence[str], what: str) -> Tensor:
    import torch

    if unknown := [name for name in changes if name not in names]:
        raise UserError(f"--attribute {unknown[0]}: the {what} knows only {', '.join(names)}")
    return torch.tensor([[changes.get(name, 0.0) for name in names]])


def estimates(ws: Array, attributes: Attributes, names: Sequence[str]) -> Array:
    """Return the attributes [n, K] of ws [n, num_ws, w_dim] in standard deviations, as they are read from w alone."""
    import torch

    read: dict[str, Array] = {}
    if attributes.mapper is not None:
        with torch.inference_mode():
            known = attributes.mapper.read(torch.from_numpy(ws).float()).double().numpy()
        read = {name: known[:, i] for i, name in enumerate(attributes.mapper.names)}
    w = ws.mean(axis=1)
    for name in names:
        if name not in read:
            found = attributes.find(name, "the flow")
            read[name] = (w @ found.normal.astype(np.float64) - found.mean) / max(found.sd, 1e-12)
    return np.stack([read[name] for name in names], axis=1)
