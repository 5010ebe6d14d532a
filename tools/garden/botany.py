"""From the parameters of a picture to one flower: its petals, filaments and stem, as the shaders take them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tools.garden import kinds as table
from tools.garden.kinds import INKS, KINDS, PETAL_AT, REST_AT, SLOTS, THREAD_AT, Array

# Place, size and turn in the picture are the player's: the engine moves, zooms and turns any model, and a network that
# need not learn them has room for petals.
KNOBS = ("view", "bloom", "count", "curl", "length", "width", "frill", "layers", "hue", "saturation", "value", "heart",
         "stamens", "stem", "dew", "light", "rim")  # fmt: skip
NAMES = KINDS + KNOBS
POSE, POSE_RANGE = KNOBS[:1], 0.6  # share of the scale from which `sample` draws the pose
# Shares of `sample`: a blend of two kinds and the mean of all had four times the squared error of one kind, and are on
# the wall for moments.
BLENDS, TRUNCATED, NEAREST = 0.10, 0.30, 0.12
THETA = len(NAMES)


def smooth(low: float, high: float, x: float | Array) -> Array:
    """Return GLSL's smoothstep."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


@dataclass(frozen=True, slots=True)
class Flower:
    """One flower, mixed from its kinds and turned by its knobs."""

    petals: Array  # [SLOTS, len(PETAL)], elevation and curve at the given bloom
    threads: Array  # [THREADS, len(THREAD)]
    rest: dict[str, float]
    hues: Array  # body and tip, linear: [2, 3]
    inks: dict[str, Array]
    knob: dict[str, float]
    frame: Array  # the flower's axes in view space, scaled: [3, 3]
    origin: Array  # its foot in view space: [3]
    wilt: float


def turn_x(a: float) -> Array:
    """Return a rotation that brings up to the viewer."""
    c, s = math.cos(a), math.sin(a)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]], np.float32)


def opened(petals: Array, knob: dict[str, float], count: float) -> tuple[Array, float]:
    """Bring a flower's petals [SLOTS, A] to its bloom; returns them and how far it has wilted, 0..1."""
    at, p = PETAL_AT, petals.copy()
    order, bloom = p[:, at["order"]], knob["bloom"]
    wilted = float(smooth(0.45, 1.1, bloom))
    # The outer petals open first. A bud is not quite shut, or it would be a green ball whatever it is.
    opening = smooth(0, 1, np.clip((bloom + 1.0) * (0.95 + 0.5 * np.clip(order, 0, 1)) + 0.06, 0, 1))
    leaf = p[:, at["leaf"]]
    for wide, shut in (("elevation", "shut"), ("curve", "shut_curve")):
        target = np.minimum(p[:, at[shut]], p[:, at[wide]]) if wide == "elevation" else p[:, at[shut]]
        p[:, at[wide]] = target + opening * (p[:, at[wide]] - target)
    p[:, at["tip"]] *= opening
    p[:, at["cup"]] += (1 - opening) * 0.7 * np.sign(p[:, at["cup"]])
    p[:, at["frill"]] *= opening
    p[:, at["length"]] *= 0.80 + 0.20 * opening
    real = 1 - np.clip(leaf, 0, 1)
    p[:, at["elevation"]] += real * wilted * (18 + 40 * np.clip(order, 0, 1)) + real * 9 * knob["layers"] * (
        0.3 + order
    )
    p[:, at["curve"]] += real * (wilted * 40 + 16 * knob["curl"])
    p[:, at["tip"]] += real * (wilted * 55 + 34 * knob["curl"])
    p[:, at["cup"]] += real * wilted * 0.9
    p[:, at["frill"]] = np.maximum(0, p[:, at["frill"]] + real * (0.045 * knob["frill"] + 0.10 * wilted))
    p[:, at["length"]] *= (1 - 0.14 * wilted) * (1 + 0.13 * real * knob["length"])
    p[:, at["width"]] *= (1 - 0.22 * wilted) * (1 + 0.18 * real * knob["width"])
    if count > 0:
        there = smooth(0, 1, np.clip(count * (1 + 0.12 * knob["count"] - 0.12) - np.arange(SLOTS) + 1.0, 0, 1))
        p[:, at["length"]] *= np.where(leaf > 0.5, 1, np.maximum(there, np.arange(SLOTS) >= count))
    return p, wilted


class Botany:
    """From theta to flowers."""

    def __init__(self) -> None:
        self.petals, self.threads, self.rest, self.hues, self.inks = table.everything()

    def flower(self, row: Array, share: Array) -> Flower:
        """Mix one flower of parameters [THETA] and shares [kinds]."""
        knob = dict(zip(NAMES, row.tolist(), strict=True))
        rest = dict(zip(REST_AT, np.tensordot(share, self.rest, 1).tolist(), strict=True))
        present = np.where(self.petals[:, :, PETAL_AT["length"]] > 0, 1.0, 0.0)
        petals = np.tensordot(share, self.petals, 1)
        petals[:, PETAL_AT["width"]] *= 0.35 + 0.65 * (share @ present)
        petals, wilt = opened(petals, knob, rest["petal_count"])
        hue = knob["hue"]
        low, mid, high = (np.tensordot(share, self.hues[:, i], 1) for i in range(3))
        other = low if hue < 0 else high
        hues = mid + float(smooth(0.12, 0.72, abs(hue))) * (other - mid)
        inks = dict(zip(INKS, np.tensordot(share, self.inks, 1), strict=True))
        grey = hues @ np.array([0.3, 0.6, 0.1], np.float32)
        hues = np.clip(grey[:, None] + (1.22 + 0.22 * knob["saturation"]) * (hues - grey[:, None]), 0, 1)
        hues = hues * (1 + 0.16 * knob["value"])
        tilt = math.radians(rest["tilt"] + rest["tilt_range"] * knob["view"] / POSE_RANGE)
        scale = rest["scale"]
        frame = turn_x(tilt)
        middle = frame @ np.array([0, rest["middle"], 0], np.float32)
        lift = 0.05 + 0.16 * math.cos(tilt)  # seen from the side there is a stem below
        origin = np.array([0, lift, 0], np.float32) - scale * middle
        threads = np.tensordot(share, self.threads, 1)
        knobs = scale * frame
        return Flower(
            petals,
            threads,
            rest,
            np.asarray(hues, np.float32),
            inks,
            knob,
            np.asarray(knobs, np.float32),
            np.asarray(origin, np.float32),
            wilt,
        )


def petal_data(flower: Flower) -> tuple[Array, Array]:
    """Return the instances of petal.glsl [n, 20] of the flower's petals, and of its sepals."""
    p, at = flower.petals, PETAL_AT
    p = p[p[:, at["length"]] > 0.02]
    phase = (np.arange(len(p)) * 2.399963 + 0.7).astype(np.float32)
    degrees = np.float32(math.pi / 180)
    columns = [p[:, at["azimuth"]] * degrees, p[:, at["root"]], p[:, at["height"]], p[:, at["elevation"]] * degrees,
               p[:, at["curve"]] * degrees, p[:, at["tip"]] * degrees, p[:, at["length"]], p[:, at["width"]],
               p[:, at["cup"]], p[:, at["fold"]], p[:, at["base"]], p[:, at["end"]],
               p[:, at["notch"]], p[:, at["frill"]], p[:, at["roll"]] * degrees, p[:, at["tone"]],
               phase, p[:, at["order"]], p[:, at["leaf"]], np.zeros(len(p), np.float32)]  # fmt: skip
    return np.stack(columns, 1).astype(np.float32), p


def stem_points(flower: Flower) -> tuple[Array, Array, Array]:
    """Return the stem's control points in view space: it leaves the flower along its axis and bends down."""
    axis = flower.frame[:, 1]
    foot = flower.origin - 0.02 * axis
    side = 0.30 * flower.knob["stem"]
    knee = foot - 0.75 * axis + np.array([0, -0.12, 0], np.float32)
    end = np.array([0.75 * foot[0] + side, -1.15, min(float(knee[2]), -0.1)], np.float32)
    return foot, np.asarray(knee, np.float32), end


def thread_data(flower: Flower) -> tuple[Array, Array]:
    """Return the instances of thread.glsl [n, 19] and of pappus.glsl [m, 8]."""
    t, at, knob = flower.threads, THREAD_AT, flower.knob
    t = t[t[:, at["length"]] > 0.01]
    scale = float(np.linalg.norm(flower.frame[:, 0]))
    open_ = float(smooth(-1.0, -0.15, knob["bloom"]))
    az = np.radians(t[:, at["azimuth"]])
    elevation = t[:, at["elevation"]] * (0.35 + 0.65 * open_)
    length = t[:, at["length"]] * (0.55 + 0.45 * open_) * (1 + 0.14 * knob["stamens"])
    away = flower.wilt * np.mod(np.arange(len(t)) * 0.618034, 1) * (t[:, at["pappus"]] > 0.02)  # seeds fly off
    radial = np.stack([np.sin(az), np.zeros_like(az), -np.cos(az)], 1)
    up = np.array([0, 1, 0], np.float32)

    def along(angle: Array) -> Array:
        return np.asarray(
            np.sin(np.radians(angle))[:, None] * radial + np.cos(np.radians(angle))[:, None] * up, np.float32
        )

    root = t[:, at["root"], None] * radial + t[:, at["height"], None] * up
    first, last = along(elevation - 0.5 * t[:, at["bend"]]), along(elevation + 0.5 * t[:, at["bend"]])
    knee = root + 0.5 * length[:, None] * first
    end = knee + 0.5 * length[:, None] * last
    drift = np.asarray(away[:, None] * (0.5 * along(elevation) + np.array([0.35, 0.25, 0.0], np.float32)), np.float32)
    points = [(x @ flower.frame.T + flower.origin) for x in (root + drift, knee + drift, end + drift)]
    big = 1 + 0.35 * knob["stamens"]
    tone = t[:, at["tone"], None]
    ink = (1 - tone) * flower.inks["thread"] + tone * flower.inks["lip"]
    head = (1 - tone) * flower.inks["anther"] + tone * (0.5 * flower.inks["lip"] + 0.2)
    thick = t[:, at["thick"]] * scale
    rows = [
        points[0],
        thick,
        points[1],
        t[:, at["knob"]] * scale * big,
        points[2],
        thick * 0.8,
        ink,
        t[:, at["tone"]],
        head,
    ]
    data = np.concatenate([x[:, None] if x.ndim == 1 else x for x in rows], 1)
    foot, middle, low = stem_points(flower)
    fat = flower.rest["stem"] * scale * 1.25
    green = np.array([0.045, 0.125, 0.03], np.float32)
    stem = np.concatenate([foot, [fat], middle, [0.0], low, [fat * 1.1], green, [0.0], green])
    size = t[:, at["pappus"]] * scale * (0.25 + 0.75 * open_)
    hairs = np.concatenate(
        [
            points[2] + 0.02 * (points[2] - points[1]),
            size[:, None],
            points[2] - points[1] + 1e-4,
            (np.arange(len(t)) * 1.7)[:, None],
        ],
        1,
    )
    hairs = hairs[size > 0.02]
    return np.concatenate([stem[None], data]).astype(np.float32), hairs[np.argsort(hairs[:, 2])].astype(np.float32)
