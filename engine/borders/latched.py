"""What a picture is drawn with, read again right before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.params import Params


@dataclass(frozen=True, slots=True)
class Latched:
    """What was heard and touched up to the drawing of a picture, and the parameters it is drawn with.

    ``params`` has the rows of the generator as its frame was made with, and those of the drawing as they stand now.
    """

    features: AudioFeatures
    controls: Controls
    params: Params
