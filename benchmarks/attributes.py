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
"exact" is what the renderer would do: six attributes have a knob, for the other two the nearest of its pictures is
searched. Nothing else moves there, so that its leak is the judge's own error and the model's; "above" is what a method
leaks more than that. Also: the largest step of a slider swept at 2 Hz, and how often eight sliders at ±2 leave the
pictures that the recogniser knows. Methods are chosen on one part of the pictures (--half choice), another is reported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attribute_methods import Method, methods, taught_exactly
from benchmarks.attribute_play import Familiar, left, swept, told
from benchmarks.attribute_renders import Renders, exactly
from benchmarks.attribute_table import above, line
from engine.generator.attributes import side_file
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import Recogniser
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
SEEDS = {
    "choice": 77_000_001,
    "report": 88_000_001,
    "last": 99_000_001,
    "fresh": 66_000_001,
    "together": 44_000_001,
}  # of the pictures that are edited; the samples have others
EXACT = "exact"  # the row of what the renderer would do
LIVE = ("boundary", "mapper")  # methods that a show plays
POOL = 1000  # w of which the roomiest are swept
TAUGHT = 20_000  # w whose exact attributes are known without a picture
EDGE = 0.01  # share of the samples beyond either edge of a target


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

    def pictures(self, ws: Tensor) -> Tensor:
        """Return the pictures [N, 3, SIDE, SIDE] of ws [N, num_ws, w_dim]."""
        return torch.cat(list(painted(self.network, ws)))

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


def compared(bench: Bench, method: Method, ws: Tensor, sign: Tensor, renders: Renders | None) -> dict[str, object]:
    """Return a method's row: the mean over the attributes, each attribute, and the mean of each picture."""
    told, who, _ = bench.look(ws)
    spread = (ws[:, 0] - ws[:, 0].mean(0)).square().sum(1).mean().sqrt()
    rows: dict[str, dict[str, float]] = {}
    by_picture: dict[str, list[Tensor]] = {"leak": [], "identity": []}
    for k, name in enumerate(ATTRIBUTES):
        if method.only and name not in method.only:
            continue
        if method.reaches:
            strengths, asked = CHANGE * sign[:, k], torch.ones(len(ws))
        else:
            strengths, asked = bisected(bench, method, ws, k, told, sign[:, k])
        moved = method.edit(ws, k, strengths)
        after, who_after, pictures = bench.look(moved)
        others = torch.arange(len(ATTRIBUTES)) != k
        change = (bench.moved(ws, moved) if bench.by == "renderer" else after - told)[:, k] * sign[:, k]
        back = method.edit(moved, k, -strengths)
        once = method.edit(ws, k, CHANGE * sign[:, k])
        size = (moved - ws).square().sum(2).mean(1).sqrt()
        by_picture["leak"].append((after - told)[:, others].abs().mean(1))
        by_picture["identity"].append((who * who_after).sum(1))
        rows[name] = {
            "leak": float(by_picture["leak"][-1].mean()),
            "exact": float(bench.moved(ws, moved)[:, others].abs().mean()),
            "identity": float(by_picture["identity"][-1].mean()),
            "distance": float(size.mean() / spread),
            "cycle": float(((back - ws).square().sum(2).mean(1).sqrt() / size.clamp(min=1e-6)).mean()),
            "strength": float(strengths.abs().mean()),
            "change": float(change.mean()),
            "reached": float((change - CHANGE).abs().lt(CLOSE).float().mean()),
            "as_asked": float(asked.mean()),
            "exact_asked": float((bench.moved(ws, once)[:, k] * sign[:, k]).mean()),
        } | (renders.psnr(k, CHANGE * bench.scale.sd[k] * sign[:, k], pictures) if renders else {})
    keys = ("leak", "exact", "identity", "distance", "cycle", "reached", "as_asked", "exact_asked", "psnr")
    means = {
        key: statistics.mean(found) for key in keys if (found := [row[key] for row in rows.values() if key in row])
    }
    each = {key: [round(x, 4) for x in torch.stack(found).mean(0).tolist()] for key, found in by_picture.items()}
    about = {"method": method.name, "told": method.told, "ms": timed(method, ws)}
    return about | {"mean": means, "attributes": rows, "pictures": each}


def timed(method: Method, ws: Tensor, count: int = 20) -> float:
    """Return the median processor time of one edit of one w, ms."""
    one, strength, spent = ws[:1].contiguous(), torch.ones(1), []
    for k in range(count):
        begun = time.process_time()
        method.edit(one, k % len(ATTRIBUTES), strength)
        spent.append(1000 * (time.process_time() - begun))
    return statistics.median(spent)


@dataclass(frozen=True, slots=True)
class Known:
    """What samples of the model say: the bench, the targets' edges, and which pictures the recogniser knows."""

    bench: Bench
    edges: Tensor
    familiar: Familiar
    readout: Tensor

    @staticmethod
    def of(network: Network, attributes: side_file.Attributes, samples: Samples, by: str) -> Known:
        """Ask the recogniser and the judge; the readout is that of the side file, which more samples have taught."""
        batches = [to_floats(samples.pictures[i : i + 100]) for i in range(0, len(samples.ws), 100)]
        first = told(batches)
        with torch.no_grad():
            second = torch.cat([steady(judge(), batch).attributes for batch in batches[:20]])
        scale, way = Scale.of(second), Way.of(network)
        edges = torch.quantile(scale(second), torch.tensor([EDGE, 1 - EDGE]), dim=0)
        bench = Bench(network, judge(), scale, way, Scale.of(way.labels(draw_ws(network, 0, TAUGHT)[:, None])), by)
        if attributes.mapper is not None:
            readout = attributes.mapper.readout.sum(1)
        else:
            readout = ridge(samples.ws, Scale.of(first.attributes)(first.attributes))
        return Known(bench, edges, Familiar.by(first), readout)


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
    pool = draw_ws(network, SEEDS[a.half] + 1, POOL)

    def wide(w: Tensor) -> Tensor:
        return w[:, None].expand(-1, network.num_ws, -1)

    def attributes_of(w: Tensor) -> Tensor:
        return bench.exact(bench.way.labels(wide(w))) if a.by == "renderer" else bench.look(wide(w))[0]

    ws = wide(w[: a.pictures])
    taught = draw_ws(network, 0, TAUGHT)
    labels = bench.exact(bench.way.labels(wide(taught)))
    edges = torch.quantile(labels, torch.tensor([EDGE, 1 - EDGE]), dim=0) if a.by == "renderer" else known.edges
    sign = signs(attributes_of(w[: a.pictures]), edges)
    placed = attributes_of(pool)
    room = torch.minimum(placed - edges[0], edges[1] - placed)
    renders = Renders.of(bench.way, w[: a.pictures]) if a.psnr else None
    rows = []
    for method in [
        *methods(network, attributes, samples.ws, known.readout),
        taught_exactly(taught, labels, network.num_ws),
        Method(EXACT, exactly(bench.way, bench.exact), "the renderer's knob, or its nearest picture", reaches=True),
    ]:
        if a.methods and method.name not in a.methods:
            continue
        row = compared(bench, method, ws, sign, renders)
        if method.name in LIVE:
            sweeps = swept(bench.pictures, method.edit, wide(pool), room)
            row["sweep"] = {name: asdict(sweep) for name, sweep in sweeps.items()}
            row["left"] = left(bench.pictures, method, wide(w[: a.far]), known.familiar)
        rows.append(row)
        print(line(row), flush=True)
    if rows and rows[-1]["method"] == EXACT:
        for row in rows:
            row["above"] = above(row, rows[-1])
    return {
        "half": a.half,
        "by": a.by,
        "pictures": a.pictures,
        "samples": len(samples.ws),
        "baseline_psnr": renders.baseline(bench.look(ws)[2]) if renders else None,
        "sure": known.familiar.sure,
        "near": known.familiar.near,
        "judge_sd": dict(zip(ATTRIBUTES, bench.scale.sd.tolist(), strict=True)),
        "methods": rows,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True, help="folder of samples; missing ones are drawn")
    p.add_argument("--samples", type=int, default=20_000)
    p.add_argument("--pictures", type=int, default=12, help="that are edited")
    p.add_argument("--half", choices=tuple(SEEDS), default="report", help="of the pictures")
    p.add_argument("--by", choices=("renderer", "judge"), default="renderer", help="who says when the change is equal")
    p.add_argument("--no-psnr", dest="psnr", action="store_false", help="do not render the renderer's own pictures")
    p.add_argument("--methods", nargs="*", default=(), help="only these")
    p.add_argument("--far", type=int, default=64, help="that are edited with all sliders at ±2")
    a = p.parse_args(argv)
    write_whole(a.json, Path.write_text, json.dumps(run(a), indent=1) + "\n")


if __name__ == "__main__":
    main()
