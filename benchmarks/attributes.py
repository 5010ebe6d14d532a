"""Ways to move one attribute and nothing else, compared at equal change: python -m benchmarks.attributes --json F.json

For each picture and attribute the strength is found by bisection at which the attribute moves by one standard
deviation: by the renderer's own numbers, to which w of the default model lead back, or (--by judge) in the eyes of the
judge, a recogniser that no method has learnt from (tools/judge/recogniser.py). Then it is told

- leak: the mean absolute change of the other seven, in standard deviations, by the judge;
- exact: the same by the renderer's own numbers (no recogniser's noise);
- identity: the cosine between the judge's embeddings before and after;
- distance: |w' - w|, in standard deviations of w; cycle: what is left of it when the same is taken back;
- ms: processor time of one edit of one w;
- psnr: against the renderer's own picture with that knob turned, which no collection of photographs has.

As asked: what one standard deviation asked for does, by the same; exact_asked: by the renderer's own numbers. The row
"knob" moves w as the renderer's own knobs do (six attributes have one): its leak is the judge's own error and the
model's. Also: the largest step of a slider swept at 2 Hz, and how often eight sliders at ±2 leave the pictures that the
recogniser knows. Methods are chosen on one half of the pictures (--half choice), and the other is reported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attribute_methods import Method, methods, straight
from benchmarks.attribute_renders import KNOB_OF, Renders, knob_steps
from engine.generator.attributes import side_file
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import Recogniser, shipped
from engine.show.opening import find_model
from engine.system.files import write_whole
from tools.fruit.way import Way
from tools.judge.recogniser import Second, judge, steady
from tools.train.attributes.directions import Scale, ridge
from tools.train.attributes.samples import Samples, draw_ws, painted, to_floats

CHANGE = 1.0  # standard deviations that the judge is to see
ROUNDS, MOST = 5, 4.0  # of the bisection by the judge; strength at its upper end
EXACT_ROUNDS = 11  # of the bisection by the renderer's numbers, which needs no pictures
CLOSE = 0.1  # of a standard deviation; further off, the change was not reached
SEEDS = {"choice": 77_000_001, "report": 88_000_001}  # of the pictures that are edited; the samples have others
FRAMES, RATE = 30, 2.0  # of a second's half at 60 fps; Hz of the sweep
LIVE = ("boundary", "mapper")  # methods that a show plays
EDGE = 0.01  # share of the samples whose kind the recogniser is less sure of


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements need."""

    network: Network
    reader: Recogniser | Second
    scale: Scale
    way: Way
    exact: Scale  # of the renderer's own numbers
    by: str = "judge"  # who says when the change is equal

    def look(self, ws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the attributes in standard deviations, the embeddings and the pictures of ws [N, num_ws, w_dim]."""
        pictures = list(painted(self.network, ws))
        with torch.no_grad():
            found = [steady(self.reader, picture) for picture in pictures]
        told = self.scale(torch.cat([one.attributes for one in found]))
        return told, torch.cat([one.identity for one in found]), torch.cat(pictures)

    def change(self, ws: Tensor, after: Tensor, k: int, before: Tensor) -> Tensor:
        """Return by how much attribute ``k`` has moved [N]; the judge saw ``before`` [N, K]."""
        return self.moved(ws, after)[:, k] if self.by == "renderer" else self.look(after)[0][:, k] - before[:, k]

    def moved(self, ws: Tensor, after: Tensor) -> Tensor:
        """Return by how much the renderer's own numbers differ, in standard deviations [N, K]."""
        return self.exact(self.way.labels(after)) - self.exact(self.way.labels(ws))


def bisected(bench: Bench, method: Method, ws: Tensor, k: int, before: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
    """Return the strengths [N] at which attribute ``k`` moves by CHANGE in the direction ``sign``.

    And how far it moves [N] when CHANGE is asked for.
    """
    asked = torch.zeros(len(ws))
    low, high = torch.zeros(len(ws)), torch.full((len(ws),), MOST)
    for number in range(EXACT_ROUNDS if bench.by == "renderer" else ROUNDS):
        middle = (low + high) / 2 if number else torch.full_like(high, CHANGE)
        moved = bench.change(ws, method.edit(ws, k, sign * middle), k, before) * sign
        asked = asked if number else moved
        enough = moved >= CHANGE
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return sign * (low + high) / 2, asked


def signs(scores: Tensor, edges: Tensor) -> Tensor:
    """Return for each picture and attribute whether it is asked for more or less: [N, K] of ±1, within the edges."""
    sign = torch.ones_like(scores)
    sign[1::2] = -1.0
    sign = torch.where(scores + CHANGE > edges[1], torch.full_like(sign, -1.0), sign)
    return torch.where(scores - CHANGE < edges[0], torch.ones_like(sign), sign)


def compared(bench: Bench, method: Method, ws: Tensor, sign: Tensor, renders: Renders) -> dict[str, object]:
    """Return a method's row: the mean over the attributes, and each of them."""
    told, who, _ = bench.look(ws)
    spread = (ws[:, 0] - ws[:, 0].mean(0)).square().sum(1).mean().sqrt()
    rows: dict[str, dict[str, float]] = {}
    for k, name in enumerate(ATTRIBUTES):
        if method.only and name not in method.only:
            continue
        strengths, asked = bisected(bench, method, ws, k, told, sign[:, k])
        moved = method.edit(ws, k, strengths)
        after, who_after, pictures = bench.look(moved)
        others = torch.arange(len(ATTRIBUTES)) != k
        change = (bench.moved(ws, moved) if bench.by == "renderer" else after - told)[:, k] * sign[:, k]
        back = method.edit(moved, k, -strengths)
        once = method.edit(ws, k, CHANGE * sign[:, k])
        size = (moved - ws).square().sum(2).mean(1).sqrt()
        rows[name] = {
            "leak": float((after - told)[:, others].abs().mean()),
            "exact": float(bench.moved(ws, moved)[:, others].abs().mean()),
            "identity": float((who * who_after).sum(1).mean()),
            "distance": float(size.mean() / spread),
            "cycle": float(((back - ws).square().sum(2).mean(1).sqrt() / size.clamp(min=1e-6)).mean()),
            "strength": float(strengths.abs().mean()),
            "change": float(change.mean()),
            "reached": float((change - CHANGE).abs().lt(CLOSE).float().mean()),
            "as_asked": float(asked.mean()),
            "exact_asked": float((bench.moved(ws, once)[:, k] * sign[:, k]).mean()),
        } | renders.psnr(k, CHANGE * bench.scale.sd[k] * sign[:, k], pictures)
    keys = ("leak", "exact", "identity", "distance", "cycle", "reached", "as_asked", "exact_asked", "psnr")
    means = {key: statistics.mean(row[key] for row in rows.values() if key in row) for key in keys}
    return {"method": method.name, "told": method.told, "ms": timed(method, ws), "mean": means, "attributes": rows}


def timed(method: Method, ws: Tensor, count: int = 20) -> float:
    """Return the median processor time of one edit of one w, ms."""
    one, strength, spent = ws[:1].contiguous(), torch.ones(1), []
    for k in range(count):
        begun = time.process_time()
        method.edit(one, k % len(ATTRIBUTES), strength)
        spent.append(1000 * (time.process_time() - begun))
    return statistics.median(spent)


def swept(bench: Bench, method: Method, ws: Tensor, edges: Tensor) -> dict[str, float]:
    """Return for each attribute the largest step between two pictures of a sweep over ±1, in median steps.

    Of ``ws`` the one is swept that has most room both ways between ``edges`` [2, K]; a slice has none.
    """
    told = bench.look(ws)[0]
    middle = torch.minimum(told - edges[0], edges[1] - told).argmax(0)
    phase = torch.sin(2 * torch.pi * RATE * torch.arange(FRAMES + 1) / (RATE * FRAMES))
    found = {}
    for k, name in enumerate(ATTRIBUTES):
        pictures = bench.look(method.edit(ws[middle[k]].expand(FRAMES + 1, -1, -1), k, phase))[2]
        steps = (pictures[1:] - pictures[:-1]).square().mean((1, 2, 3)).sqrt()
        found[name] = float(steps.max() / steps.median())
    return found


def left(bench: Bench, method: Method, ws: Tensor, threshold: float) -> float:
    """Return the share of ``ws`` whose picture the recogniser does not know with all eight sliders at ±2."""
    rng = torch.Generator().manual_seed(5)
    moved = ws
    for k in range(len(ATTRIBUTES)):
        moved = method.edit(moved, k, 4.0 * torch.randint(2, (len(ws),), generator=rng) - 2.0)
    sure = torch.cat([shipped().recognise(x).kinds.softmax(1).amax(1) for x in painted(bench.network, moved)])
    return float((sure < threshold).float().mean())


@dataclass(frozen=True, slots=True)
class Known:
    """What samples of the model say: the bench, the targets' edges, and which pictures the recogniser knows."""

    bench: Bench
    edges: Tensor
    threshold: float
    readout: Tensor

    @staticmethod
    def of(network: Network, attributes: side_file.Attributes, samples: Samples, by: str) -> Known:
        """Ask the recogniser and the judge; the readout is that of the side file, which more samples have taught."""
        batches = [to_floats(samples.pictures[i : i + 100]) for i in range(0, len(samples.ws), 100)]
        with torch.no_grad():
            first = [shipped().recognise(batch) for batch in batches]
            second = torch.cat([steady(judge(), batch).attributes for batch in batches[:20]])
        sure = torch.cat([one.kinds.softmax(1).amax(1) for one in first])
        scale, way = Scale.of(second), Way.of(network)
        edges = torch.quantile(scale(second), torch.tensor([EDGE, 1 - EDGE]), dim=0)
        bench = Bench(network, judge(), scale, way, Scale.of(way.labels(samples.ws[:, None])), by)
        if attributes.mapper is not None:
            readout = attributes.mapper.readout.sum(1)
        else:
            told = torch.cat([one.attributes for one in first])
            readout = ridge(samples.ws, Scale.of(told)(told))
        return Known(bench, edges, float(torch.quantile(sure, EDGE)), readout)


def run(a: argparse.Namespace) -> dict[str, object]:
    """Measure everything."""
    torch.set_num_threads(1)
    path = find_model("fruit")
    opened = checkpoint.load(path)
    network = checkpoint.build(opened).eval().requires_grad_(False)
    attributes = side_file.read_for(path, opened.sha256, network.num_ws, network.w_dim)
    samples = Samples.open(network, a.work, a.samples)
    known = Known.of(network, attributes, samples, a.by)
    bench = known.bench
    w = draw_ws(network, SEEDS[a.half], max(a.pictures, a.far))
    every = w[:, None].expand(-1, network.num_ws, -1)
    ws = every[: a.pictures]
    sign = signs(bench.look(ws)[0], known.edges)
    renders = Renders.of(bench.way, w[: a.pictures])
    knob = straight(knob_steps(bench.way, bench.exact.sd)[:, None].expand(-1, network.num_ws, -1))
    rows = []
    for method in [
        *methods(network, attributes, samples.ws, known.readout),
        Method("knob", knob, "the renderer's own knob", tuple(KNOB_OF)),
    ]:
        if a.methods and method.name not in a.methods:
            continue
        row = compared(bench, method, ws, sign, renders)
        if method.name in LIVE:
            row["sweep"] = swept(bench, method, ws, known.edges)
        row["left"] = 0.0 if method.only else left(bench, method, every[: a.far], known.threshold)
        rows.append(row)
        print(line(row), flush=True)
    return {
        "half": a.half,
        "by": a.by,
        "pictures": a.pictures,
        "samples": len(samples.ws),
        "baseline_psnr": renders.baseline(bench.look(ws)[2]),
        "threshold": known.threshold,
        "judge_sd": dict(zip(ATTRIBUTES, bench.scale.sd.tolist(), strict=True)),
        "methods": rows,
    }


def line(row: dict[str, object]) -> str:
    """Return a row for people."""
    mean = row["mean"]
    assert isinstance(mean, dict)
    return f"{row['method']}: " + "  ".join(f"{key} {value:.3f}" for key, value in mean.items())


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True, help="folder of samples; missing ones are drawn")
    p.add_argument("--samples", type=int, default=20_000)
    p.add_argument("--pictures", type=int, default=12, help="that are edited")
    p.add_argument("--half", choices=tuple(SEEDS), default="report", help="of the pictures")
    p.add_argument("--by", choices=("renderer", "judge"), default="renderer", help="who says when the change is equal")
    p.add_argument("--methods", nargs="*", default=(), help="only these")
    p.add_argument("--far", type=int, default=64, help="that are edited with all sliders at ±2")
    a = p.parse_args(argv)
    write_whole(a.json, Path.write_text, json.dumps(run(a), indent=1) + "\n")


if __name__ == "__main__":
    main()
