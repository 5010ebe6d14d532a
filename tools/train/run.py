"""Train a StyleGAN2, or teach one you have something new, on your pictures or on our renderer.

    python -m tools.train --data photos/ --out runs/mine --resolution 256
    python -m tools.train --data photos.zip --out runs/mine --from ffhq.pkl        # transfer learning
    python -m tools.train --data fruit --out runs/fruit --resolution 128           # the renderer of tools.fruit.render
    torchrun --nproc_per_node 4 -m tools.train --data photos/ --out runs/mine      # several GPUs

The same command again goes on from OUT/snapshot.pt, to the bit where one process computes on a CPU. Ctrl-C saves.
OUT/model.safetensors is for ``vj --model``; log.csv, log.png and samples-*.png show how it goes.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.backends.table import DEVICE_NAMES
from tools.train import snapshot
from tools.train.benchmark import Laps, measure, report
from tools.train.losses import AUGMENTS, Recipe, Share
from tools.train.opening import open_training
from tools.train.pictures import Ledger, Pictures, Source, open_pictures, order
from tools.train.together import together
from tools.train.training import Training

READERS = 4  # threads; they decode pictures
REPORT = 10.0  # seconds; rows of the log come no more often


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser("python -m tools.train", description=__doc__, formatter_class=form)
    p.add_argument(
        "--data",
        required=True,
        help="a folder, zip or tars of pictures, shards of tools.fruit.shards, or: fruit",
    )
    p.add_argument("--out", type=Path, required=True, help="folder of the run; a run that is there goes on")
    p.add_argument("--from", dest="begin", type=Path, metavar="CKPT", help="begin from a StyleGAN2 of any known format")
    p.add_argument("--resolution", type=int, help="pixels of a new network (256)")
    p.add_argument("--kimg", type=float, default=5000.0, help="thousand pictures after which it stops")
    p.add_argument("--snapshot-kimg", type=float, default=50.0, help="thousand pictures between snapshots")
    p.add_argument("--batch", type=int, default=32, help="pictures a step, over all processes")
    p.add_argument("--accumulate", type=int, default=1, help="pieces in which a process takes its part of a batch")
    p.add_argument("--rate", type=float, default=2.5e-3)
    p.add_argument("--r1", type=float, help="weight of R1 (0.0002 R² / batch)")
    p.add_argument("--path", type=float, default=2.0, help="weight of path-length regularisation; 0 leaves it out")
    p.add_argument("--augment", default=AUGMENTS[0], help=f"{', '.join(AUGMENTS)}, or a fixed probability")
    p.add_argument("--mirror", action="store_true", help="flipped pictures are as good")
    p.add_argument("--ema-kimg", type=float, default=10.0, help="half-life of the averaged generator")
    p.add_argument("--channel-base", type=int, default=16384, help="width of a new network: base / resolution…")
    p.add_argument("--channel-max", type=int, default=512, help="… but at most this")
    p.add_argument("--latent", type=int, default=512, help="z_dim and w_dim of a new network")
    p.add_argument("--mapping-layers", type=int, default=8)
    p.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="bf16 on GPUs, fp32 on CPUs")
    p.add_argument("--device", choices=tuple(DEVICE_NAMES))
    p.add_argument("--threads", type=int, help="of the CPU, per process")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--benchmark", type=int, metavar="STEPS", help="measure so many steps, say so, and save nothing")
    return p


class Batches:
    """This process's share of batch after batch; the next is decoded while the present one is learnt from."""

    def __init__(self, source: Source, recipe: Recipe, share: Share) -> None:
        self._source, self._recipe, self._share = source, recipe, share
        self._pool = ThreadPoolExecutor(READERS) if source.parallel else None
        self._ahead: tuple[int, list[Future[Pictures]]] | None = None

    def take(self, images: int) -> Tensor:
        """The batch after ``images`` pictures: [N, 3, R, R], about -1..1."""
        recipe, mine = self._recipe, self._share.slice(self._recipe.batch)
        if self._pool is None:
            pictures = [self._source.picture(number) for number in self._numbers(images)]
        else:
            if self._ahead is None or self._ahead[0] != images:
                self._read_ahead(images)
            assert self._ahead is not None
            pictures = [future.result() for future in self._ahead[1]]
            self._read_ahead(images + recipe.batch)
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        if recipe.mirror:
            flip = np.random.default_rng([recipe.seed, images, 1]).random(recipe.batch) < 0.5
            x = torch.where(torch.from_numpy(flip[mine])[:, None, None, None], x.flip(3), x)
        return x.contiguous()

    def close(self) -> None:
        """Read no further."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _numbers(self, images: int) -> list[int]:
        recipe = self._recipe
        return list(order(self._source, recipe.seed, images, recipe.batch))[self._share.slice(recipe.batch)]

    def _read_ahead(self, images: int) -> None:
        assert self._pool is not None
        self._ahead = images, [self._pool.submit(self._source.picture, number) for number in self._numbers(images)]


class Stop:
    """Set by Ctrl-C or SIGTERM; a second one ends at once."""

    def __init__(self) -> None:
        self.wished = False
        self._previous = {number: signal.signal(number, self._wish) for number in (signal.SIGINT, signal.SIGTERM)}

    def _wish(self, number: int, frame: FrameType | None) -> None:
        self.wished = True
        self.release()

    def release(self) -> None:
        """Let signals do what they did before."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)


def keep(training: Training, out: Path, log: snapshot.Log) -> None:
    """Write everything; the snapshot first."""
    snapshot.save(out / "snapshot.pt", training.state())
    snapshot.export(out / "model.safetensors", training.average)
    snapshot.draw_samples(out / f"samples-{training.images // 1000:06d}k.png", training.average)
    log.plot()


def train(training: Training, source: Source, out: Path, images: float, every: float, bar: Progress | None) -> bool:
    """Train up to ``images`` pictures in all, saving after ``every``; returns whether it was stopped before."""
    stop, batches = Stop(), Batches(source, training.recipe, training.share)
    writes = training.share.rank == 0
    log = snapshot.Log(out, training.steps) if writes else None
    task = bar.add_task("training", total=images, completed=training.images) if bar else None
    begun, marked, kept_at = time.monotonic() - training.seconds, 0.0, training.images
    stopped = False
    try:
        while training.images < images and not stopped:
            told = training.step(batches.take(training.images))
            training.seconds = time.monotonic() - begun
            stopped = training.agree(stop.wished)
            if bar and task is not None:
                said = f"critic {told['critic']:.2f}  generator {told['generator']:.2f}  p {told['p']:.2f}"
                bar.update(task, completed=training.images, description=said)
            if log and (training.seconds - marked > REPORT or training.images >= images or stopped):
                marked = training.seconds
                row = {"step": training.steps, "images": training.images, "seconds": training.seconds, **told}
                log.add([row[name] for name in snapshot.COLUMNS])
            if log and training.images - kept_at >= every:
                kept_at = training.images
                keep(training, out, log)
    finally:
        batches.close()
        stop.release()
    if log and (kept_at != training.images or not (out / "snapshot.pt").exists()):
        keep(training, out, log)
    return stopped


def run(a: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train as the arguments say; 0, or 130 when it was stopped. UserError on bad input or a full disk."""
    device = a.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if a.threads:
        torch.set_num_threads(a.threads)
    with together(device) as here:
        return _taught(a, Share(here.rank, here.of), device, say)


def _taught(a: argparse.Namespace, share: Share, device: str, say: Callable[[str], None]) -> int:
    tell = say if share.rank == 0 else lambda _: None
    if a.benchmark is not None and a.benchmark < 1:
        raise UserError(f"--benchmark {a.benchmark}: measure at least one step")
    try:
        if a.benchmark is None:
            a.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {a.out}: cannot make this folder: {error.strerror}") from error
    laps = None if a.benchmark is None else Laps(device)
    training = open_training(a, share, device, tell, laps)
    ledger = Ledger(tell)
    source = open_pictures(a.data, training.generator.config.img_resolution, ledger)
    if ledger.counts:
        tell(f"{a.data}: {source.count} pictures; {ledger.summary()}")
    if laps is not None:
        with contextlib.closing(Batches(source, training.recipe, share)) as batches:
            rate = measure(training, batches.take, a.benchmark, laps)
        for line in report(rate, laps, a.benchmark):
            tell(line)
        return 0
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} pictures"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, disable=share.rank > 0) as bar:
        stopped = train(training, source, a.out, 1000 * a.kimg, 1000 * a.snapshot_kimg, bar)
    tell(f"{a.out}: {training.images} pictures, {'stopped; the same command goes on' if stopped else 'done'}")
    if ledger.counts:
        tell(f"{a.data}: {ledger.summary()}")
    return 130 if stopped else 0


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    try:
        return run(parser().parse_args(argv), lambda line: print(line, file=sys.stderr, flush=True))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:  # a second Ctrl-C: the files on the disk are whole
        return 130
