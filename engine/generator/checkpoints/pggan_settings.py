"""From what a PGGAN's file holds to its network: sizes of the weights' shapes, the rest of its settings."""

from __future__ import annotations

from typing import cast

import torch

from engine.generator.checkpoints.contents import Found
from engine.generator.checkpoints.families import Whole
from engine.generator.checkpoints.refusals import Refused
from engine.generator.checkpoints.staged_settings import Reading, State, blocks, check, construct, whole
from engine.generator.networks.pggan import PGGAN, Joined, Settings

SHOWN = ("lod", "fused", "joined", "norm_eps", "normalize_latents", "output")


def complete(found: Found, state: State) -> Whole:
    """Return the network, its settings and its weights. Raises Refused."""
    settings = construct("PGGAN", state, lambda: read(found, state))
    network = construct("PGGAN", state, lambda: PGGAN(settings))
    state = dict(state)
    state.setdefault("stages.0.bias", torch.zeros(settings.channels[0]))
    state.setdefault("stages.0.dense_bias", torch.zeros(16 * settings.channels[0]))
    return whole(found, network, settings, check("PGGAN", state, network), SHOWN)


def read(found: Found, state: State) -> Settings:
    """Return the settings: those that the weights' shapes show, and the others from the file."""
    said = Reading(found)
    count, labels = blocks(state, "stages.{}.conv1.conv.weight"), said.whole("labels")
    inputs, label_dim = state["stages.0.dense"].shape[1], said.whole("label_dim", labels)
    if not count or count > 11:
        raise Refused("it has no blocks: it is damaged or no whole generator")
    if label_dim >= inputs or (labels > 0) != (label_dim > 0):
        raise Refused(f"it reads {inputs} numbers, too few for a z and {labels} labels")
    return Settings(
        z_dim=inputs - label_dim,
        c_dim=labels,
        label_dim=label_dim,
        embedded="label" in state,
        img_channels=state[f"stages.{count - 1}.torgb.weight"].shape[0],
        channels=tuple(state[f"stages.{level}.conv1.conv.weight"].shape[0] for level in range(count)),
        fused=said.flags("fused", count),
        joined=cast(Joined, said.choice("joined", "before", ("before", "after", "twice"))),
        normalize_latents=said.flag("normalize_latents", True),
        use_pixel_norm=said.flag("use_pixel_norm", True),
        norm_first=said.flag("norm_first", False),
        first_norm=said.flag("first_norm", True),
        norm_eps=said.number("norm_eps", 1e-8, high=1.0),
        slope=said.number("slope", 0.2, high=1.0),
        output=said.choice("output", "linear", ("linear", "tanh", "sigmoid")),
        lod=said.number("lod", 0.0, high=float(count)),
    )
