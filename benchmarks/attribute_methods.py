"""The ways to move one attribute of a w that benchmarks.attributes compares, each behind one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generator import directions
from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.side_file import Attributes
from engine.generator.networks.network import Network
from tools.train.attributes.directions import projected, ridge, svm

COMPONENTS = 24  # of GANSpace and SeFa, among which the best for an attribute is looked for

# (ws [N, num_ws, w_dim], attribute, strengths [N]) -> ws'
Edit = Callable[[Tensor, int, Tensor], Tensor]
Together = Callable[[Tensor, Tensor], Tensor]  # (ws [N, num_ws, w_dim], strengths [N, K]) -> ws'


@dataclass(frozen=True, slots=True)
class Method:
    """A way to edit; ``told`` says how its directions were chosen, ``only`` which attributes it has (empty: all).

    One that ``reaches`` what is asked needs no strength to be found. ``together`` moves all attributes at once, by
    strengths [N, K], as a show does.
    """

    name: str
    edit: Edit
    told: str
    only: tuple[str, ...] = ()
    reaches: bool = False
    together: Together | None = None


def straight(steps: Tensor) -> Edit:
    """Return the edit along ``steps`` [K, num_ws, w_dim], one standard deviation long."""
    return lambda ws, k, strengths: ws + strengths[:, None, None] * steps[k]


def mapped(mapper: Mapper, even: bool = True) -> Edit:
    """Return the edit by ``mapper``; ``even`` as in `Mapper.edit`."""

    def edit(ws: Tensor, k: int, strengths: Tensor) -> Tensor:
        change = torch.zeros(len(ws), len(mapper.names))
        change[:, k] = strengths
        with torch.no_grad():
            return mapper.edit(ws, change, even)

    return edit


def chosen(axes: Tensor, readout: Tensor) -> Tensor:
    """Return for each attribute the axis of ``axes`` [M, w_dim] that moves it most beside all that it moves.

    ``readout`` [K, w_dim] reads the attributes from w. The result [K, w_dim] is one standard deviation long.
    """
    moved = axes @ readout.T
    best = (moved.abs() / moved.norm(dim=1, keepdim=True).clamp(min=1e-9)).argmax(0)
    reached = moved[best, torch.arange(len(readout))]
    return axes[best] / torch.where(reached.abs() < 0.02, torch.full_like(reached, 0.02), reached)[:, None]


def taught_exactly(ws: Tensor, labels: Tensor, num_ws: int) -> Method:
    """Return the boundaries that the renderer's own ``labels`` [N, K] of ws [N, w_dim] teach, no recogniser between."""
    normals = torch.stack([svm(ws, labels[:, k]) for k in range(labels.shape[1])])
    slopes = (ridge(ws, labels) * normals).sum(1, keepdim=True).clamp(min=1e-6)
    steps = (normals / slopes)[:, None].expand(-1, num_ws, -1)
    return Method("boundary, exact labels", straight(steps), "SVM as above, by the renderer's own numbers")


def methods(network: Network, attributes: Attributes, ws: Tensor, readout: Tensor) -> list[Method]:
    """Return every method for a model; ``ws`` [N, w_dim] are samples, ``readout`` [K, w_dim] reads attributes."""
    each = list(attributes.each.values())
    layers = network.num_ws
    boundaries = torch.stack([torch.from_numpy(a.step) for a in each])
    normals = torch.stack([torch.from_numpy(a.normal) for a in each])

    def spread(steps: Tensor) -> Tensor:
        return steps[:, None].expand(-1, layers, -1)

    def along(rows: Tensor) -> Tensor:
        """Scale ``rows`` [K, w_dim] so that the ridge reads a change of one."""
        return rows / (rows * readout).sum(1, keepdim=True)

    kept = torch.stack([projected(normals[k], normals[torch.arange(len(normals)) != k]) for k in range(len(normals))])
    ganspace = chosen(torch.from_numpy(directions.ganspace(network, COMPONENTS)), readout)
    sefa = chosen(torch.from_numpy(directions.sefa(network, COMPONENTS)), readout)
    found = [
        Method(
            "boundary",
            straight(boundaries),
            "SVM between the top and the bottom 2 %, as InterFaceGAN",
            together=lambda ws, strengths: ws + torch.einsum("nk,klw->nlw", strengths, boundaries),
        ),
        Method("boundary, projected", straight(spread(along(kept))), "the other seven normals taken out"),
        Method("ridge", straight(spread(along(readout))), "least squares over all samples"),
        Method("GANSpace", straight(spread(ganspace)), f"the best of {COMPONENTS} components for each attribute"),
        Method("SeFa", straight(spread(sefa)), f"the best of {COMPONENTS} eigenvectors for each attribute"),
    ]
    mapper = attributes.mapper
    if attributes.flow is not None:
        flow = attributes.flow

        def flowed(ws: Tensor, k: int, strengths: Tensor) -> Tensor:
            context = mapper.read(ws) if mapper is not None else (ws.mean(1) - mean) @ readout.T
            target = context.clone()
            target[:, k] += strengths
            with torch.no_grad():
                return flow.edit(ws, context, target)

        mean = ws.mean(0)
        found.append(Method("flow", flowed, "StyleFlow, our own, trained on these samples"))
    if mapper is not None:
        told, at_once = "Latent to Latent, our own norms and weights", torch.no_grad()(mapper.edit)
        found.append(Method("mapper", mapped(mapper), told, together=at_once))
    return found
