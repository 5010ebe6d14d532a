"""What the arguments of tools.train open: a recipe, networks new or known, a training that goes on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from engine.borders.errors import UserError
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tools.train import discriminator, snapshot
from tools.train.losses import AUGMENTS, Recipe, Share
from tools.train.training import Training


def recipe_of(a: argparse.Namespace, resolution: int) -> Recipe:
    """How the arguments want it trained. UserError when they do not make sense."""
    r1 = 0.0002 * resolution * resolution / a.batch if a.r1 is None else a.r1
    if a.augment not in AUGMENTS:
        try:
            if not 0 <= float(a.augment) <= 1:
                raise ValueError
        except ValueError:
            raise UserError(f"--augment {a.augment}: say {', '.join(AUGMENTS)}, or a probability 0..1") from None
    if a.batch < 1 or not a.rate > 0 or r1 < 0 or a.path < 0 or a.ema_kimg < 0:
        raise UserError("--batch and --rate must be more than 0, --r1, --path and --ema-kimg at least 0")
    return Recipe(
        batch=a.batch,
        rate=a.rate,
        r1=r1,
        path=a.path,
        average=1000 * a.ema_kimg,
        augment=a.augment,
        mirror=a.mirror,
        seed=a.seed,
    )


def check_share(batch: int, of: int) -> None:
    """UserError unless ``of`` processes can share a batch in whole groups (see discriminator.spread)."""
    each, rest = divmod(batch, of)
    if rest or (each > discriminator.GROUP and each % discriminator.GROUP) or (of > 1 and each % discriminator.GROUP):
        raise UserError(
            f"--batch {batch}: {of} process{'es' if of > 1 else ''} can share multiples of {discriminator.GROUP * of}"
        )


def open_networks(a: argparse.Namespace, tell: Callable[[str], None]) -> tuple[StyleGAN2, discriminator.Discriminator]:
    """Make the networks, or read those to begin from. UserError when they do not fit the arguments."""
    if a.begin is None:
        size = a.resolution or 256
        try:
            levels = [2**k for k in range(2, size.bit_length())]
            widths = tuple(max(1, min(a.channel_base // r, a.channel_max)) for r in levels)
            config = Config(img_resolution=size, z_dim=a.latent, w_dim=a.latent, channels=widths,
                            mapping_features=(a.latent,) * a.mapping_layers)  # fmt: skip
        except (ValueError, IndexError) as error:
            raise UserError(f"--resolution {size}: {error}") from None
        return StyleGAN2.random(config, a.seed), discriminator.make(config.channels, 3, a.seed + 1)
    generator = snapshot.open_generator(a.begin)
    config = generator.config
    if a.resolution not in (None, config.img_resolution):
        raise UserError(
            f"--resolution {a.resolution}: {a.begin} paints {config.img_resolution} px and is trained at that; leave "
            "--resolution out, or train a new network"
        )
    state = snapshot.find_critic(a.begin)
    if state is not None:
        try:
            widths = tuple(state[f"b{r}.conv0.weight"].shape[0] for r in config.resolutions[1:])
            critic = discriminator.make((state["b4.fc.bias"].shape[0], *widths), 3, a.seed + 1)
            critic.load_state_dict(state)
            tell(f"{a.begin}: with its discriminator")
            return generator, critic
        except (KeyError, RuntimeError):
            tell(f"{a.begin}: its discriminator is of another kind")
    tell(f"{a.begin}: begins with a fresh discriminator")
    return generator, discriminator.make(config.channels, 3, a.seed + 1)


def open_training(
    a: argparse.Namespace,
    share: Share,
    device: str,
    tell: Callable[[str], None],
    lap: Callable[[str], None] | None = None,
) -> Training:
    """The training in OUT, or a new one; it tells ``lap`` the parts of its steps."""
    path = a.out / "snapshot.pt"
    state: dict[str, Any] | None = None
    if path.exists():
        state = snapshot.load(path)
        config = snapshot.settings_of(state["config"])
        if a.resolution not in (None, config.img_resolution):
            raise UserError(f"--resolution {a.resolution}: the run in {a.out} has {config.img_resolution} px")
        generator = StyleGAN2(config, initialize=False)
        first = state["critic"]
        channels = (first["b4.fc.bias"].shape[0],
                    *(first[f"b{r}.conv0.weight"].shape[0] for r in config.resolutions[1:]))  # fmt: skip
        critic = discriminator.make(channels, 3, 0)
        generator.load_state_dict(state["generator"])
    else:
        generator, critic = open_networks(a, tell)
    recipe = recipe_of(a, generator.config.img_resolution)
    if state is not None:
        kept = Recipe(**{f.name: state["recipe"][f.name] for f in fields(Recipe) if f.name in state["recipe"]})
        recipe = replace(recipe, seed=kept.seed)
    check_share(recipe.batch, share.of * max(1, a.accumulate))
    precision = ("bf16" if device == "cuda" else "fp32") if a.precision == "auto" else a.precision
    training = Training(generator, critic, recipe, share=share, device=device, precision=precision,
                        accumulate=max(1, a.accumulate), lap=lap)  # fmt: skip
    if state is not None:
        training.restore(state)
        tell(f"{path}: goes on after {training.images} pictures")
    return training
