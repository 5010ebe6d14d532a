"""A small model with a side file of attributes: what a training would have found, drawn at random."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from engine.generator.attributes import side_file
from engine.generator.attributes.attribute import Attribute
from engine.generator.attributes.flow import Flow
from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.side_file import Attributes
from engine.generator.checkpoints.cache import sha256
from engine.generator.networks.stylegan2 import Config
from tests.builders import model_file

CONFIG = Config(img_resolution=16, z_dim=8, w_dim=24, channels=(8,) * 3, mapping_features=(24,))
NAMES = ("ripe", "turn")


def made(digest: str = "ab" * 32, num_ws: int = 6, w_dim: int = 24, names: tuple[str, ...] = NAMES) -> Attributes:
    """Return attributes with a mapper and a flow."""
    rng = np.random.default_rng(1)
    each = {}
    for name in names:
        row = rng.standard_normal((num_ws, w_dim)).astype(np.float32)
        row /= np.linalg.norm(row, axis=1, keepdims=True)
        each[name] = Attribute(name, row, 2.5, 0.5, 1.5, "turns", 0.2, MappingProxyType({"size": 0.25}), "svm")
    torch.manual_seed(2)
    mapper, flow = Mapper(names, num_ws, w_dim, 16), Flow(names, w_dim, (w_dim, w_dim))
    for module in (mapper, flow):
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    mapper.eval().requires_grad_(False)
    flow.eval().requires_grad_(False)
    return Attributes(digest, num_ws, w_dim, MappingProxyType(each), mapper, flow)


def model_with_attributes(folder: Path) -> tuple[Path, Attributes]:
    """Write a model of 16 px and its side file; return the model's path and what the side file holds."""
    model = model_file.save(folder / "small.safetensors", CONFIG)
    attributes = made(sha256(model, remember=False), CONFIG.num_ws, CONFIG.w_dim)
    side_file.write(side_file.beside(model), attributes)
    return model, attributes
