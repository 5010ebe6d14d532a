"""``python -m tools.train [WHAT] …``: one launcher for all that is taught; see run.py for the generator.

    python -m tools.train --data photos/ --out runs/mine                     # a generator
    python -m tools.train encoder fruit --work data/encoder --out FILE       # a model's own encoder
    python -m tools.train mapper fruit                                       # its sliders' boundaries, mapper and flow
    python -m tools.train style --content photos/ --styles a.png --out DIR   # a style network
    python -m tools.train recogniser --lessons data/lessons --run DIR        # the recogniser of fruit

``torchrun --nproc_per_node N -m tools.train [WHAT] …`` does the same on several cards or machines.
"""

from __future__ import annotations

import importlib
import sys

TAUGHT = {
    "generator": "tools.train.run",
    "encoder": "tools.train.encoder.run",
    "mapper": "tools.train.attributes.run",
    "style": "tools.style.run",
    "recogniser": "tools.recognise.teach",
}  # what is taught -> the module whose main() does it

if __name__ == "__main__":
    words = sys.argv[1:]
    what = words.pop(0) if words[:1] and words[0] in TAUGHT else "generator"
    sys.exit(importlib.import_module(TAUGHT[what]).main(words))
