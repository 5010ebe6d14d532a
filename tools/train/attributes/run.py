"""Find a model's attributes by a recogniser, and teach it a mapper and a flow for them.

    python -m tools.train mapper fruit                                          # by our recogniser of fruit
    python -m tools.train mapper m.safetensors --recogniser smile.onnx --names smile,age --side 224
    python -m tools.train mapper m.safetensors --recogniser scores.csv          # columns: seed, and attributes

It draws many w (20,000), asks the recogniser what their pictures show, fits a direction for each attribute, teaches
the mapper and the flow, and writes MODEL.attributes.safetensors beside the model. Attributes that are there stay. The
pictures are kept in the folder of --work, so that the same command goes on after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.attributes import side_file
from engine.generator.attributes.attribute import Attribute
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.points import seeds_to_z
from engine.show.opening import find_model
from tools.train.attributes import learn_flow, learn_mapper, learn_pace, response, surrogate, teachers
from tools.train.attributes.directions import Scale, ridge, svm
from tools.train.attributes.samples import Samples, painted, to_floats
from tools.train.attributes.teachers import OURS, Teacher, Told
from tools.train.sitting import Sitting
from tools.train.together import Together, together

COUNT = 20_000  # w drawn by default
PROBES = 40  # pictures that a direction is measured on
CURVED = 400  # w among which the mapper's curves are measured
PACED = 250  # w that are swept to learn the pace of its sliders
FEWEST_PACED = 50  # w; what fewer tell is worse than nothing
SHARE_PACED = 80  # w drawn for each that is swept, at least: so learning the pace takes no longer than drawing


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser("python -m tools.train.attributes", description=__doc__, formatter_class=form)
    p.add_argument("model", help="a shipped name or a checkpoint")
    p.add_argument("--recogniser", default=OURS, help=f"{OURS}, a TorchScript or ONNX file, or a CSV (default: {OURS})")
    p.add_argument("--names", default="", help="what its outputs are called, with commas")
    p.add_argument("--side", type=int, default=224, help="pixels of the pictures that a foreign one takes")
    p.add_argument("--count", type=int, default=COUNT, help="w to draw")
    p.add_argument("--work", type=Path, help="folder of the pictures (MODEL.attributes-work)")
    p.add_argument("--out", type=Path, help="the side file (beside the model)")
    p.add_argument("--no-mapper", dest="mapper", action="store_false")
    p.add_argument("--no-flow", dest="flow", action="store_false")
    p.add_argument("--fine", type=float, default=120.0, help="seconds that the mapper learns through the generator")
    p.add_argument("--paced", type=int, default=PACED, help="w that are swept for the sliders' pace; 0: not learnt")
    p.add_argument("--accumulate", type=int, default=1, help="pieces in which a process takes its part of a batch")
    p.add_argument("--threads", type=int, default=1)
    return p


def gather(
    a: argparse.Namespace, network: Network, work: Path, here: Together
) -> tuple[Teacher | None, tuple[str, ...], Tensor, Told]:
    """Return the teacher (None: a CSV), the names, ws [N, w_dim] and what is told of them."""
    if a.recogniser.lower().endswith(".csv"):
        names, seeds, scores = teachers.read_csv(Path(a.recogniser))
        with torch.inference_mode():
            ws = network.map(torch.from_numpy(seeds_to_z(seeds, network.z_dim)))[:, 0].float().clone()
        told = teachers.told_of(teachers.open_teacher(OURS, (), 64), list(painted(network, ws)))
        return None, names, ws, Told(scores, told.identity)
    teacher = teachers.open_teacher(a.recogniser, [n for n in a.names.split(",") if n], a.side)
    samples = Samples.open(network, work, a.count, here=here)
    pieces = range(0, len(samples.ws), teachers.BATCH)
    told = teachers.told_of(teacher, [to_floats(samples.pictures[i : i + teachers.BATCH]) for i in pieces])
    return teacher, teacher.names, samples.ws, told


def found(name: str, normal: Tensor, scale: float, ws: Tensor, num_ws: int, spread: float, origin: str) -> Attribute:
    """Return the attribute whose boundary has the unit ``normal`` [w_dim]."""
    along = ws @ normal
    return Attribute(
        name,
        normal[None].expand(num_ws, -1).contiguous().numpy(),
        scale=scale,
        mean=float(along.mean()),
        sd=float(along.std()),
        spread=spread,
        origin=origin,
    )


def measured(each: list[Attribute], ws: Tensor, network: Network, teacher: Teacher, scale: Scale) -> list[Attribute]:
    """Set the scales and the leaks by the recogniser, on pictures moved by one standard deviation either way."""
    names = [attribute.name for attribute in each]
    better = []
    for place, attribute in enumerate(each):
        step = torch.from_numpy(attribute.step[0])
        sides = [scale(teachers.told_of(teacher, list(painted(network, ws + sign * step))).scores) for sign in (1, -1)]
        change = (sides[0] - sides[1]) / 2
        reached = max(float(change[:, place].mean()), 0.2)
        leaks = {n: float(change[:, j].abs().mean()) / reached for j, n in enumerate(names) if j != place}
        better.append(replace(attribute, scale=attribute.scale / reached, leaks=MappingProxyType(leaks)))
    return better


def scorer(network: Network, teacher: Teacher, scale: Scale) -> response.Score:
    """Return what tells of ws [N, num_ws, w_dim], by their pictures."""
    return lambda ws: scale(teachers.told_of(teacher, list(painted(network, ws))).scores)


def run(a: argparse.Namespace) -> int:
    """Do what the arguments say; UserError on bad input."""
    torch.set_num_threads(a.threads)
    with together() as here:
        return _taught(a, here)


def _taught(a: argparse.Namespace, here: Together) -> int:
    here.check(learn_mapper.FINE_BATCH, a.accumulate)
    tell = print if here.writes else (lambda *_args, **_more: None)
    path = find_model(a.model)
    opened = checkpoint.load(path)
    network = checkpoint.build(opened).eval().requires_grad_(False)
    out = a.out or side_file.beside(path)
    before = side_file.read_for(path, opened.sha256, network.num_ws, network.w_dim)
    work = a.work or path.with_suffix(".attributes-work")
    work.mkdir(parents=True, exist_ok=True)
    teacher, names, ws, told = gather(a, network, work, here)
    sitting = Sitting(here, a.accumulate, work / "mapper.pt", f"{opened.sha256} {a.count} {','.join(names)}")
    scale = Scale.of(told.scores)
    scores = scale(told.scores)
    readout = ridge(ws, scores)
    each = []
    for k, name in enumerate(names):
        normal = svm(ws, scores[:, k])
        slope = float(readout[k] @ normal)
        spread, origin = float(scale.sd[k]), teacher.origin if teacher else Path(a.recogniser).name
        each.append(found(name, normal, 1 / max(slope, 1e-6), ws, network.num_ws, spread, f"svm, {origin}"))
    if teacher:
        each = measured(each, ws[:PROBES], network, teacher, scale)
    for attribute in each:
        said = ", ".join(f"{other} {leak:.2f}" for other, leak in attribute.leaks.items())
        tell(f"{attribute.name}: 1 is {attribute.scale:.2f} along its boundary; moves also {said or 'not measured'}")
    known = learn_mapper.Known.of(ws, scores, told.identity)
    mapper = before.mapper
    if a.mapper:
        stand_in, r2 = surrogate.learn(ws, scores, told.identity)
        tell("surrogate: R² " + ", ".join(f"{n} {float(r):.3f}" for n, r in zip(names, r2, strict=True)), flush=True)
        narrow = learn_mapper.by_surrogate(names, known, stand_in, readout, learn_mapper.STEPS, sitting)
        mapper = learn_mapper.widened(narrow, network.num_ws)
        if teacher and teacher.is_smooth:
            steps = learn_mapper.by_generator(mapper, known, network, teacher, scale, a.fine, sitting)
            tell(f"mapper: {steps} steps through the generator", flush=True)
        every = ws[:CURVED, None].expand(-1, network.num_ws, -1)
        score = scorer(network, teacher, scale) if teacher else (lambda ws: stand_in(ws.mean(1))[0])
        unit = response.believed(mapper, every)
        mapper.curves.copy_(response.measured(mapper, every, score, known.edges, unit))
        paced = min(a.paced, len(ws) // SHARE_PACED)
        if paced >= FEWEST_PACED:
            sliders = learn_pace.some(paced, len(names))
            sweeps = learn_pace.swept(mapper, every[:paced], sliders, lambda ws: torch.cat(list(painted(network, ws))))
            mapper.pace = learn_pace.learn(mapper, sweeps)
    flow = before.flow
    if a.flow:
        read = (ws - ws.mean(0)) @ readout.T  # what an edit will be given: the attributes as they are read of w
        flow = learn_flow.learn(names, ws, read)
        tell(f"flow: {learn_flow.examine(flow, ws[-2000:], read[-2000:])}", flush=True)
    if not here.writes:
        return 0
    kept = dict(before.each) | {attribute.name: attribute for attribute in each}
    side_file.write(out, replace(before, each=MappingProxyType(kept), mapper=mapper, flow=flow))
    print(f"{out}: {', '.join(kept)}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input, 130 when it was stopped."""
    try:
        return run(parser().parse_args(argv))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        return 130
