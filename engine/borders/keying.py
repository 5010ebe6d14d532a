"""What is known of a model's background: what its pictures are keyed by."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]  # sRGB, 0..1


@dataclass(frozen=True, slots=True)
class Keying:
    """How a model's subject is told from its background. Lengths are shares of the picture's shorter side.

    ``background`` None: the colour that most of the picture's border has, measured in every frame. ``own`` models paint
    their own alpha, over this background (None: black). ``tolerance`` is how far a colour may be from the background's
    and still belong to it, 0..1; ``shadow`` how dark the background may become with its hue kept. Whatever lies in the
    outer ``margin`` is background. A ``pocket`` is the side of the smallest square of pure background that counts
    although no way leads there from the border; 0: none does. A pixel that is more opaque than one beside it by more
    than a ``step``, 0..1, is the subject's edge and no shadow's, however grey it is; 0: shadows may end as sharply.
    A ``passage`` is the width of the widest pale part of a subject, between strong colours, that opens to the floor; 0:
    no subject has one.
    """

    background: Colour | None = None
    own: bool = False
    tolerance: float = 0.1
    shadow: float = 0.0
    margin: float = 1.0 / 256.0
    pocket: float = 0.0
    step: float = 0.0
    passage: float = 0.0
