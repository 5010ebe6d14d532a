"""Style transfer: what a picture is repainted with. docs/style.md names what is to be had from Python."""

from engine.stage.style.adain import AdaIN, adain, coral, interpolated
from engine.stage.style.arbitrary import Arbitrary, ArbitraryPair
from engine.stage.style.conditional import Conditional
from engine.stage.style.feedforward import TransformerNet
from engine.stage.style.losses import gram, style_distance, total_variation
from engine.stage.style.optimisation import Result, Targets, gatys, layer_losses, targets
from engine.stage.style.painter import Painter, mixed, open_painter
from engine.stage.style.recognition import Mobile, Pool, Vgg

__all__ = [
    "AdaIN",
    "Arbitrary",
    "ArbitraryPair",
    "Conditional",
    "Mobile",
    "Painter",
    "Pool",
    "Result",
    "Targets",
    "TransformerNet",
    "Vgg",
    "adain",
    "coral",
    "gatys",
    "gram",
    "interpolated",
    "layer_losses",
    "mixed",
    "open_painter",
    "style_distance",
    "targets",
    "total_variation",
]
