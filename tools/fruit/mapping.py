"""Give a distilled student its mapping network and write the model: z ~ N(0, 1) then samples the fruit.

`parameters_of` fixes what a z means: the first coordinates compete for the kind (mostly one wins clearly), each
of the others is one knob of the renderer, made uniform. StyleGAN's mapping network learns w = A g(z) by
regression for the given minutes. The synthesis network is not changed.

    python -m tools.fruit.mapping data/run --minutes 4 --out presets/models/fruit.safetensors
    python -m tools.fruit.mapping data/run --keep old.safetensors --out new.safetensors  # of a run gone on with
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.layers import Mapping, normalize_2nd_moment
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.points import seeds_to_z
from tools.fruit.render import Pictures, tile
from tools.fruit.student import Plan, Student, finished, lift, move, to_pictures
from tools.fruit.subject import FRUIT, SUBJECTS, Subject

FOREIGN = 0.15  # of the spread of w; a mapping that misses by more was learnt for another run
DECISIVE = 10.0  # steepness of the kinds' softmax; higher values give fewer blends


def parameters_of(z: Tensor, subject: Subject = FRUIT) -> Tensor:
    """Turn z [N, THETA] into theta [N, THETA], smoothly; for z ~ N(0, 1) much like the renderer's samples."""
    u = normalize_2nd_moment(z)
    kinds, knobs = u[:, : subject.kinds], u[:, subject.kinds :]
    return torch.cat(
        (torch.softmax(DECISIVE * kinds, 1), torch.from_numpy(subject.knob_ranges()) * torch.erf(knobs / 2**0.5)), 1
    )


def fit(
    mapping: Mapping, student: Student, minutes: float, subject: Subject = FRUIT, batch: int = 512, rate: float = 2.0
) -> float:
    """Regress the mapping network on w; return the remaining error as a share of the variance of w."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.9, 0.98), fused=True)
    with torch.no_grad():
        mapping.w_avg.copy_(student.embedding(student.embedding.centre[None])[0])
        probe = torch.randn(8192, subject.theta, generator=generator)
        expected = student.embedding(parameters_of(probe, subject))
        spread = expected.var(0).mean()
    start, steps = time.monotonic(), 0
    while (spent := (time.monotonic() - start) / max(minutes * 60, 1e-9)) < 1 and minutes > 0:
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (steps + 1) / 100) * max(1e-3, 1 - spent) ** 1.5
        z = torch.randn(batch, subject.theta, generator=generator)
        with torch.no_grad():
            wanted = student.embedding(parameters_of(z, subject))
        loss = (mapping(z)[:, 0] - wanted).square().mean() / spread
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 500 == 0:
            print(f"mapping: {steps} steps, error {float(loss.detach()):.4f} of the spread", flush=True)
    with torch.no_grad():
        return float((mapping(probe)[:, 0] - expected).square().mean() / spread)


def kept(student: Student, plan: Plan, path: Path, probes: int = 4096) -> StyleGAN2:
    """Return the generator with the mapping of an earlier file of the same run, so that its seeds stay what they were.

    ValueError where that mapping does not lead to the student's w.
    """
    model = checkpoint.build(checkpoint.load(path, cache=False))
    shape = replace(plan, z_dim=SUBJECTS[plan.subject].theta).config()
    if not isinstance(model, StyleGAN2) or (model.config.w_dim, model.config.channels) != (shape.w_dim, shape.channels):
        raise ValueError(f"{path}: not a model of this run")
    model = model.float()
    with torch.no_grad():
        shift = model.mapping.w_avg - student.embedding(student.embedding.centre[None])[0]
        move(student.embedding, student.generator.synthesis, shift)
        z = torch.randn(probes, model.z_dim, generator=torch.Generator().manual_seed(0))
        wanted = student.embedding(parameters_of(z, SUBJECTS[plan.subject]))
        missed = (model.mapping(z)[:, 0] - wanted).square().mean() / wanted.var(0).mean()
    if missed > FOREIGN:
        raise ValueError(f"{path}: its mapping misses this run's w by {float(missed):.2f} of their spread")
    model.synthesis.load_state_dict(student.generator.synthesis.state_dict())
    print(f"mapping kept, error {float(missed):.4f}")
    return model


def build(student: Student, plan: Plan, minutes: float, earlier: Path | None = None) -> StyleGAN2:
    """The whole generator from a student; `earlier` is a file with a mapping state to begin from."""
    subject = SUBJECTS[plan.subject]
    model = StyleGAN2(replace(plan, z_dim=subject.theta).config())
    lift(student.embedding, student.generator.synthesis, subject)
    model.synthesis.load_state_dict(student.generator.synthesis.state_dict())
    if earlier and earlier.exists():
        model.mapping.load_state_dict(torch.load(earlier, weights_only=True))
    print(f"mapping error {fit(model.mapping, student, minutes, subject):.4f}")
    if earlier:
        torch.save(model.mapping.state_dict(), earlier)
    return model


def write_model(model: StyleGAN2, plan: Plan, path: Path) -> None:
    """fp16 safetensors with NVIDIA's names and the settings in the metadata; whole or not at all.

    ValueError, and what lies at ``path`` stays, where a weight is no number or too large for fp16.
    """
    state = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    if broken := [name for name, each in state.items() if not each.isfinite().all()]:
        raise ValueError(f"{path}: not written: {broken[0]} holds what fp16 cannot, the training has failed")
    settings = {
        "z_dim": SUBJECTS[plan.subject].theta,
        "c_dim": 0,
        "w_dim": plan.w_dim,
        "img_resolution": plan.resolution,
        "img_channels": SUBJECTS[plan.subject].channels,
        "mapping_kwargs": {"num_layers": plan.mapping_layers},
        "synthesis_kwargs": {"channel_base": plan.channel_base, "channel_max": plan.channel_max},
    }
    part = path.with_suffix(".part")
    save_file(state, part, metadata={"format": "pt", "init_kwargs": json.dumps(settings)})
    os.replace(part, path)


def grid(path: Path, psi: float, count: int) -> Pictures:
    """Return what the written file draws for the seeds 0..count-1, read by the engine's own loader."""
    model = checkpoint.build(checkpoint.load(path, cache=False))
    z = torch.from_numpy(seeds_to_z(range(count), model.z_dim))
    with torch.no_grad():
        return np.concatenate([to_pictures(model(part, truncation_psi=psi)) for part in torch.split(z, 16)])


def main() -> None:
    """Fit, write, and draw what came out."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder with snapshot.pt from tools.fruit.distill")
    p.add_argument("--minutes", type=float, default=4)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--keep", type=Path, metavar="FILE", help="model that the run goes on from: seeds stay")
    p.add_argument("--sheet", type=Path, help="also draw seeds 0..31 at psi 0.7 here")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    if a.keep and a.keep.resolve() == a.out.resolve():
        p.error(f"--out {a.out} is the model whose mapping is kept: choose another file")
    student, plan, images = finished(a.run)
    try:
        model = kept(student, plan, a.keep) if a.keep else build(student, plan, a.minutes, a.run / "mapping.pt")
        write_model(model, plan, a.out)
    except (UserError, ValueError) as error:
        p.error(str(error))
    for psi in (0.7, 1.0, 0.0):
        tile(grid(a.out, psi, 64 if psi else 1), 8).save(a.run / f"grid-psi{psi}.png")
    if a.sheet:
        tile(grid(a.out, 0.7, 32), 8).save(a.sheet, quality=88)
    print(f"{a.out}: {a.out.stat().st_size / 1e6:.2f} MB after {images} images")


if __name__ == "__main__":
    main()
