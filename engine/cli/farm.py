"""``vj render --ray``: a film over the machines of a Ray cluster. Each makes ranges of frames; all are joined here.

What is made is kept in a folder beside the film until the film is complete, so the same command goes on after an
interruption with what is missing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.borders.errors import UserError, first_line
from engine.cli import farm_worker, handover
from engine.cli.farm_worker import Made, Order
from engine.cli.ranges import LATE, Range, Ranges, Worker
from engine.stage.recording import part as parts
from engine.stage.recording.part import Part
from engine.system.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_INPUT = 2  # the exit code of a command that names what is wrong
WAIT = 0.5  # seconds between two looks at the cluster
MEMORY_OF_ONE = 3 << 30  # bytes of memory for one process; a node gets as many processes as fit
LEAST_SECONDS = 1.5  # of film; no range is shorter
Ref: TypeAlias = Any  # Ray's reference to what a task will return
Ray: TypeAlias = Any  # the module: it is imported only where it is asked for


@dataclass(slots=True)
class Task:
    """A range under way."""

    worker: int
    given: Range
    begun: float  # monotonic seconds


@dataclass(slots=True)
class Farm:
    """The workers of a cluster, and the ranges of a film that they make."""

    ray: Ray
    ranges: Ranges
    folder: Path
    words: tuple[str, ...]
    traced: bool
    files: Mapping[str, str]
    expected: Mapping[str, str]
    tell: Callable[[str], None]
    progress: Callable[[int, float | None], None]  # frames made, and the seconds that are left
    workers: dict[int, Worker] = field(default_factory=dict)
    tasks: dict[Ref, Task] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # nodes that cannot make parts, and why
    sent: Ref = None  # the files, for nodes that have them not
    numbers: int = 0
    gpus: dict[int, float] = field(default_factory=dict)  # of each worker

    def run(self) -> None:
        """Make every range; UserError where no node can."""
        try:
            while self.ranges.done < self.ranges.frames:
                self._look_for_nodes()
                for number in self._idle():
                    self._give(number)
                if not self.tasks:
                    self._check_nodes()
                    time.sleep(WAIT)
                    continue
                done, _ = self.ray.wait(list(self.tasks), num_returns=1, timeout=WAIT)
                for ref in done:
                    self._take(ref)
                self.progress(self.ranges.done, self._left())
        finally:
            for ref in self.tasks:
                self.ray.cancel(ref, force=True)

    def _look_for_nodes(self) -> None:
        """Take the workers of nodes that have come, and let go of those that are lost."""
        alive = {node["NodeID"]: node for node in self.ray.nodes() if node["Alive"]}
        for number, worker in [*self.workers.items()]:
            if worker.node not in alive:
                del self.workers[number]
        known = {worker.node for worker in self.workers.values()}
        for name, node in alive.items():
            if name in known or name in self.refused:
                continue
            given = node["Resources"]
            gpus = int(given.get("GPU", 0))
            roomy = max(1, int(given.get("memory", MEMORY_OF_ONE) // MEMORY_OF_ONE))
            count = gpus or min(int(given.get("CPU", 0)), roomy)
            for _ in range(count):
                self.workers[self.numbers] = Worker(name)
                self.gpus[self.numbers] = 1.0 if gpus else 0.0
                self.numbers += 1

    def _idle(self) -> list[int]:
        busy = {task.worker for task in self.tasks.values()}
        return [number for number in self.workers if number not in busy]

    def _give(self, number: int) -> None:
        """Give a worker that is idle its next range, or one that another worker is slow with."""
        worker = self.workers[number]
        states = handed_over(self.folder)
        given = self.ranges.next(number, list(self.workers.values()), worker, states)
        if given is None:
            given = self.ranges.again(number, self._late())
        if given is None:
            return
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        before = max((frames for frames in states if frames <= given[0]), default=None)
        state = b"" if before is None else states[before].read_bytes()
        order = Order(self.words, given, self.traced, self.files, state)
        at = NodeAffinitySchedulingStrategy(worker.node, soft=False)
        task = self.ray.remote(farm_worker.serve).options(
            num_cpus=0 if self.gpus[number] else 1, num_gpus=self.gpus[number], max_retries=0, scheduling_strategy=at
        )
        ref = task.remote(order, [self.sent])
        self.tasks[ref] = Task(number, given, time.monotonic())

    def _late(self) -> list[Range]:
        """Return the ranges that take much longer than a worker of the usual rate would take, the longest first."""
        rates = [worker.rate for worker in self.workers.values() if worker.rate is not None]
        if not rates:
            return []
        usual, now = sum(rates) / len(rates), time.monotonic()
        waits = [(now - each.begun - LATE * (each.given[1] - each.given[0]) / usual, each.given) for each in
                 self.tasks.values()]  # fmt: skip
        return [given for beyond, given in sorted(waits, reverse=True) if beyond > 0.0]

    def _take(self, ref: Ref) -> None:
        """Take what a worker has made; what is lost goes back to what is left."""
        task = self.tasks.pop(ref)
        worker, name = self.workers.get(task.worker), self._named(task.given)
        try:
            made: Made = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            again = self.ranges.lost(task.worker, counts=worker is not None)
            self.tell(f"frames {name}: lost ({first_line(error)}); they are made again")
            if not again:
                raise UserError(f"frames {name} failed again and again: {first_line(error)}") from error
            return
        if made.code == BAD_INPUT:
            self._refuse(task, made)
            return
        if made.code != 0:  # killed, or crashed: here or elsewhere it may work
            self.tell(f"frames {name}: ended with {made.code} ({made.line}); they are made again")
            if not self.ranges.lost(task.worker):
                raise UserError(f"frames {name} failed again and again: {made.line}")
            return
        part = self._keep(task.given, made)
        if worker is not None:
            worker.measured(task.given[1] - task.given[0], made.seconds)
        if part is None:
            self._refuse(task, made)
            return
        self.ranges.succeeded(task.worker)
        for other, twin in [*self.tasks.items()]:  # a slow worker was still busy with it
            if twin.given == task.given:
                self.ray.cancel(other, force=True)
                del self.tasks[other]
                self.ranges.under_way.pop(twin.worker, None)

    def _keep(self, given: Range, made: Made) -> Part | None:
        """Write a part to the folder; None where it was made from something else than this machine would make it."""
        path = self.folder / f"{given[0]:07}-{given[1]:07}{parts.SUFFIX}"
        write_whole(path, lambda place: place.write_bytes(made.part))
        if self.traced:
            write_whole(path.with_suffix(".jsonl"), lambda place: place.write_bytes(made.trace))
        if made.state:
            write_whole(path.with_suffix(handover.SUFFIX), lambda place: place.write_bytes(made.state))
        found = parts.read(path)
        if dict(found.made_from) != dict(self.expected):
            path.unlink()
            return None
        return found

    def _refuse(self, task: Task, made: Made) -> None:
        """Leave out a node that cannot make parts; UserError where it is the input's fault, and not the node's."""
        why = made.line if made.code else "its engine, or a file of its own, is another than here"
        again = self.ranges.lost(task.worker)
        worker = self.workers.get(task.worker)
        if worker is not None:
            self.refused[worker.node] = why
            self.tell(f"node {self._address(worker.node)}: left out: {why}")
            self.workers = {number: each for number, each in self.workers.items() if each.node != worker.node}
        if not self.workers or not again:
            raise UserError(f"frames {self._named(task.given)}: {why}")

    def _check_nodes(self) -> None:
        if not self.workers and self.refused:
            raise UserError(next(iter(self.refused.values())))

    def _address(self, node: str) -> str:
        return next((n["NodeManagerAddress"] for n in self.ray.nodes() if n["NodeID"] == node), node[:8])

    def _left(self) -> float | None:
        """Return the seconds that the rest will take by what was measured."""
        rates = [worker.rate for worker in self.workers.values() if worker.rate is not None]
        return (self.ranges.frames - self.ranges.done) / sum(rates) if rates else None

    @staticmethod
    def _named(given: Range) -> str:
        return f"{given[0]}:{given[1]}"


def handed_over(folder: Path) -> dict[int, Path]:
    """Return what the parts in ``folder`` hand over, by how many of the film's frames lie before; names tell it."""
    found = {path.stem.partition("-")[2]: path for path in folder.glob(f"*{handover.SUFFIX}")}
    return {int(end): path for end, path in found.items() if end.isdecimal()}


def load_ray(address: str | None) -> Ray:
    """Connect to the cluster at ``address``, to the one that RAY_ADDRESS names, or begin one on this machine."""
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray: pip install 'latentvj[farm]'") from None
    try:
        ray.init(address=address, include_dashboard=None if address else False, log_to_driver=False, logging_level=40)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"--ray-address {address}: no Ray cluster there: {first_line(error)}") from error
    return ray


def made_before(folder: Path, expected: Mapping[str, str], frames: int) -> list[tuple[Path, Part]]:
    """Return the parts of the same film that lie in ``folder``, none over another."""
    found: list[tuple[Path, Part]] = []
    due = 0
    for path in sorted(folder.glob(f"*{parts.SUFFIX}")):
        try:
            part = parts.read(path)
        except UserError:
            continue
        if part.of == frames and dict(part.made_from) == dict(expected) and part.frames[0] >= due:
            found.append((path, part))
            due = part.frames[1]
    return found


def join_traces(folder: Path, ranges: Sequence[Range], trace: Path) -> None:
    """Write the traces of all parts, one after the other."""

    def write(place: Path) -> None:
        with place.open("wb") as out:
            for begin, end in ranges:
                out.write((folder / f"{begin:07}-{end:07}.jsonl").read_bytes())

    write_whole(trace, write)


def clear(folder: Path) -> None:
    """Remove the parts of a film that is complete."""
    shutil.rmtree(folder, ignore_errors=True)
