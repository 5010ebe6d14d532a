"""Teach a StyleGAN2 to draw what a renderer draws: learn W from the renderer's own parameters first.

w = A theta + b is affine, so a straight line between two w is a straight line between two sets of parameters,
and truncation towards the mean shrinks the parameters towards their own mean. A performance that moves in W
always shows fruit. The synthesis network learns from L1 on a Laplacian pyramid with the fruit weighted above
the white around it. `tools.fruit.mapping` then fits z -> w and writes the model.

    python -m tools.fruit.distill data/fruit --run data/run --minutes 60 --resolution 64
    python -m tools.fruit.distill data/fruit --run data/run --minutes 60            # goes on from the snapshot, 128 px

Two processes of one thread each are a little faster than one of two threads:

    torchrun --standalone --nproc-per-node 2 -m -- tools.fruit.distill data/fruit --run data/run --threads 1

Ctrl-C saves. log.csv, samples and snapshot.pt lie in the run's folder.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.fruit.shards import Shards
from tools.fruit.student import Plan
from tools.fruit.subject import SUBJECTS
from tools.fruit.timed_run import arguments, sit, surround
from tools.fruit.training import Training
from tools.train.together import together


@dataclass(slots=True)
class Drawing:
    """Learning to draw what the renderer draws, at one of the network's resolutions."""

    run: Training
    resolution: int
    log: str = "log.csv"
    names: tuple[str, ...] = ("loss", "L1")

    def warmth(self) -> float:
        """See Lesson."""
        return 0.1 + self.run.images / 5000

    def step(self, data: Shards, rate: float) -> tuple[float, float]:
        """See Lesson."""
        return self.run.step(*data.draw(self.run.rng, self.run.batch), self.resolution, rate)

    def save(self) -> None:
        """See Lesson."""
        self.run.save()


def main() -> None:
    """Start a run or go on with it."""
    surround("tools.fruit.distill")
    p = arguments(__doc__, batch=16, rate=3e-3, settle=0.0)
    p.add_argument("--resolution", type=int, default=128, help="train the blocks up to this one")
    p.add_argument("--subject", choices=SUBJECTS, default="fruit", help="what a new run draws; an old one knows it")
    a = p.parse_args()
    a.run.mkdir(parents=True, exist_ok=True)
    with together() as here:
        pairs = SUBJECTS[a.subject].pairs
        run = Training(Plan(batch=a.batch, rate=a.rate, subject=a.subject, w_dim=256 + pairs, pairs=pairs), a.run, here)
        sit(Drawing(run, a.resolution), Shards(a.data, pose=0.8, subject=run.subject), a)


if __name__ == "__main__":
    main()
