"""What all pictures of one ``vj project`` share: the model, the encoder, what sees, where to begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.borders.errors import UserError
from engine.cli.photograph import paints_faces
from engine.cli.project import ProjectOptions
from engine.cli.say import say
from engine.generator.points import load_one
from engine.show.opening import find_model

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.calibration.calibration import Calibration
    from engine.generator.inversion.encoders.files import EncoderFile
    from engine.generator.inversion.problem import Space
    from engine.generator.networks.network import Network
    from engine.generator.perceptual.distance import Perceptual

DEFAULT_MODEL = "fruit"


@dataclass(frozen=True, slots=True, eq=False)
class Studio:
    """What all pictures of a run share."""

    options: ProjectOptions
    network: Network | None
    encoder: EncoderFile | None
    perceptual: Perceptual | None
    calibration: Calibration | None
    continued: tuple[Tensor, list[Tensor]] | None
    space: Space
    digest: str = ""
    of_faces: bool = False  # the model paints faces, as far as names say


def open_studio(options: ProjectOptions) -> Studio:
    """Open model, encoder, mask and what sees; UserError for anything that does not fit, before a picture is read."""
    from engine.generator.checkpoints import checkpoint
    from engine.generator.inversion.encoders import files, own

    for path in (options.encoder, options.vgg, options.mask, options.continue_from):
        if path is not None and not path.is_file():
            raise UserError(f"{path}: there is no such file: check the name")
    network, digest, model = None, "", None
    if options.model is not None or options.encoder is None:
        model = find_model(options.model or DEFAULT_MODEL)
        found = checkpoint.load(model, assume=options.assume)
        network, digest = checkpoint.build(found), found.sha256
    encoder = None
    if options.encoder is not None:
        encoder = files.load(options.encoder, network)
    elif model is not None and (beside := own.beside(model)).is_file():
        encoder = files.load(beside, network, digest)
    network = network if encoder is None or encoder.network is None else encoder.network
    if network is None and options.steps != 0:
        assert encoder is not None
        raise UserError(f"{encoder.path}: it has no generator in it: name the model with --model, or --steps 0")
    if network is not None and (network.img_channels not in (1, 3) or network.shape[0] != network.shape[1]):
        raise UserError(f"{model}: it paints {network.img_channels} channels of {network.shape}: no photograph fits it")
    if options.steps == 0 and encoder is None and options.continue_from is None:
        raise UserError("--steps 0: that is an encoder's own answer: name one with --encoder")
    if options.recipe == "indomain" and (encoder is None or options.encoder is None):
        raise UserError("--recipe indomain: the encoder is its regulariser: name one with --encoder")
    space = space_of(options)
    continued = None if options.continue_from is None else continue_from(options.continue_from, network)
    if options.mask is not None and network is not None:
        from engine.generator.inversion import pictures

        pictures.mask(options.mask, network.shape)  # refused before anything is done
    return Studio(
        options=options,
        network=network,
        encoder=encoder,
        perceptual=None if options.steps == 0 else seeing(options),
        calibration=None if network is None or model is None else calibration(model, digest, network),
        continued=continued,
        space=space,
        digest=digest,
        of_faces=paints_faces(
            "" if model is None else model.stem, options.model or "", "" if encoder is None else encoder.dataset
        ),
    )


def space_of(options: ProjectOptions) -> Space:
    """Return the space to look in; the projector of StyleGAN2 knows W only."""
    from engine.generator.inversion.projection import RECIPES

    row = RECIPES[options.recipe]
    if options.recipe == "stylegan2" and options.space == "w+":
        raise UserError("--space w+: the recipe stylegan2 looks in W only: leave it out, or take another recipe")
    if options.recipe == "indomain" and options.space == "w":
        raise UserError("--space w: the recipe indomain looks in W+ only: leave it out, or take another recipe")
    return "w" if options.space == "w" else "w+" if options.space == "w+" else row.space


def seeing(options: ProjectOptions) -> Perceptual | None:
    """Return the perceptual network of a recipe; None for pixels only."""
    from engine.generator.perceptual import distance, download, recognised, vgg

    path = options.vgg
    if options.download_vgg and path is None:
        path = download.vgg16(say)
    found: Perceptual | None = None
    if path is not None:
        network = vgg.load(path)
        if options.recipe == "indomain":
            found = distance.CaffeLayer(network)
        elif options.recipe == "image2stylegan":
            found = distance.Vgg16Layers(network)
        else:
            try:
                found = distance.Lpips(network)
            except ValueError as error:
                raise UserError(f"{path}: {error}: give torchvision's VGG16, or fetch it with --download-vgg") from None
    elif options.recipe != "indomain":
        found = recognised.shipped()
    if found is None and options.recipe == "stylegan2":
        raise UserError("--recipe stylegan2: its loss is a perceptual network's: name VGG16 with --vgg")
    return found


def calibration(model: Path, digest: str, network: Network) -> Calibration | None:
    """Return a model's calibration of early pictures, if it has one that fits."""
    from engine.generator.backends.prepare import prepare
    from engine.generator.calibration import files

    if not network.blocks or len(network.stops) < 2:
        return None
    return files.find(model, digest, prepare(network), say)


def continue_from(path: Path, network: Network | None) -> tuple[Tensor, list[Tensor]]:
    """Return the point [1, num_ws, w_dim] of an earlier result, and its noise maps. Raises UserError."""
    import torch

    if network is None:
        raise UserError(f"{path}: there is no model to go on with: name it with --model")
    ws = torch.from_numpy(load_one(path, (network.num_ws, network.w_dim)))
    noises: list[Tensor] = []
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as held:
            layers = network.noises()
            named = [held[f"noise_{i}"] for i in range(len(layers)) if f"noise_{i}" in held.files]
        if len(named) == len(layers) and all(
            a.shape == tuple(layer.const.shape) for a, layer in zip(named, layers, strict=True)
        ):
            noises = [torch.from_numpy(array).float() for array in named]
    return ws, noises
