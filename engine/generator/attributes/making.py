"""Attributes made of what is at hand: a boundary of another program, a normal that was found, measured on sampled w."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch

from engine.borders.errors import UserError
from engine.generator.attributes.attribute import Attribute
from engine.generator.attributes.boundary import Array, Boundary
from engine.generator.attributes.side_file import Attributes
from engine.generator.directions import sample_w
from engine.generator.networks.network import Network

SAMPLES = 10_000  # w whose projections are measured


def from_boundary(name: str, boundary: Boundary, network: Network, space: str, origin: str) -> Attribute:
    """Return the attribute of a boundary of the network's w or z.

    It is not known how much of the attribute a distance is. So 1 is one standard deviation of the projections of
    sampled w. A step across a boundary in z becomes the mean step that it is in w, and 1 is a step of 1 in z, a
    standard deviation. UserError where it does not fit the network.
    """
    if space == "z":
        if boundary.rows.ndim != 1 or boundary.width != network.z_dim:
            raise UserError(f"{origin}: a boundary of width {boundary.width}; z of this model has {network.z_dim}")
        step = _step_in_w(boundary.rows, network)
        made = measured(name, step, network, origin, boundary.layers)
        return replace(made, scale=float(np.linalg.norm(step)))
    rows = boundary.rows
    if rows.ndim == 1 and len(rows) == network.num_ws * network.w_dim > network.w_dim:
        rows = rows.reshape(network.num_ws, network.w_dim)
    if rows.shape[-1] != network.w_dim or (rows.ndim == 2 and len(rows) != network.num_ws):
        theirs, ours = "x".join(map(str, rows.shape)), f"{network.num_ws}x{network.w_dim}"
        raise UserError(f"{origin}: a boundary of width {theirs}; w of this model are {ours}")
    return measured(name, rows, network, origin, boundary.layers)


def measured(name: str, rows: Array, network: Network, origin: str, layers: Sequence[int] | None = None) -> Attribute:
    """Return the attribute along ``rows`` [w_dim] or [num_ws, w_dim], as long as w's projections spread."""
    direction = np.repeat(rows[None], network.num_ws, axis=0) if rows.ndim == 1 else rows.copy()
    if layers is not None:
        still = [layer for layer in range(network.num_ws) if layer not in layers]
        direction[still] = 0.0
    lengths = np.linalg.norm(direction, axis=1, keepdims=True)
    direction = np.divide(direction, lengths, out=np.zeros_like(direction), where=lengths > 0)
    if not direction.any():
        raise UserError(f"{origin}: none of its layers is one of this model's {network.num_ws}")
    made = Attribute(name, direction.astype(np.float32), 1.0, origin=origin)
    along = sample_w(network, SAMPLES).double().numpy() @ made.normal.astype(np.float64)
    mean, sd = float(along.mean()), max(float(along.std()), 1e-9)
    return replace(made, scale=sd, mean=mean, sd=sd)


@torch.inference_mode()
def _step_in_w(normal: Array, network: Network) -> Array:
    """Return the mean change [w_dim] of w for a step along the unit ``normal`` [z_dim] in z.

    z is normal, so that the mean derivative along n is the covariance of w with z.n (Stein 1981).
    """
    z = np.random.RandomState(0).randn(SAMPLES, network.z_dim).astype(np.float32)
    parts = torch.split(torch.from_numpy(z), 1000)
    w = torch.cat([network.map(part.to(network.device))[:, 0].double().cpu() for part in parts]).numpy()
    distance = z @ (normal / np.linalg.norm(normal))
    return np.asarray((w - w.mean(axis=0)).T @ (distance - distance.mean()) / SAMPLES)


def added(attributes: Attributes, attribute: Attribute, replacing: bool) -> Attributes:
    """Return the attributes with one more; UserError where there is one of its name and it is not to be replaced."""
    if attribute.name in attributes.each and not replacing:
        raise UserError(f"--name {attribute.name}: the model has that attribute; take another name, or add --replace")
    return replace(attributes, each=MappingProxyType({**attributes.each, attribute.name: attribute}))
