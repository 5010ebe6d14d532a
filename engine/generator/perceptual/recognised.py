"""The recogniser that comes with the engine, as what sees where there is no VGG16: nothing has to be fetched."""

from __future__ import annotations

from engine.generator.perceptual import recogniser
from engine.generator.perceptual.distance import Mapped


def shipped() -> Mapped:
    """Return it. Its five maps count alike, each of unit length over its channels."""
    return Mapped(recogniser.shipped().features, "the recogniser (VGG16 with --vgg)")
