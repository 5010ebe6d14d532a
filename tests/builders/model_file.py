"""Random networks as files that the engine opens."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from engine.generator.checkpoints import stylegan2_settings as settings
from engine.generator.networks.stylegan2 import Config, StyleGAN2

CONFIG = Config(img_resolution=128, z_dim=16, w_dim=16, channels=(8,) * 6, mapping_features=(16,) * 2)


def save(path: Path, config: Config) -> Path:
    network = StyleGAN2.random(config, 1)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    save_file(state, path, metadata={"init_kwargs": json.dumps(settings.init_kwargs(config))})
    return path
