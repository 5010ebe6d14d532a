"""Which frames are recorded ahead of a governor's step, with graphs that run their frame again on a CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from engine.borders.tick import Tick
from engine.generator.backends.cuda_graphs import STAMPS, GraphPlayer
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.noise import MAPS, Fields
from engine.generator.warps.feature_warps import FeatureWarps
from tests.builders.networks import draw, network
from tests.builders.params import Params

GOVERNED = (16, 32, 64)


class Again:
    """A graph: replayed, it paints its frame once more into the same memory."""

    def __init__(self, paint: Callable[[], Tensor], levels: int, player: GraphPlayer) -> None:
        self._paint, self._levels, self._player = paint, levels, player
        self.frame = paint()

    def replay(self) -> None:
        assert self._player._levels == self._levels, "another size's graph"
        self.frame.copy_(self._paint())


class Stamp:
    """An event of a device that is always done."""

    def record(self) -> None: ...

    def query(self) -> bool:
        return True

    def elapsed_time(self, other: Stamp) -> float:
        return 1.0


class OnCpu(GraphPlayer):
    """The GPU's player, but for its graphs, its pinned memory and its events."""

    def __init__(self, net: StyleGAN2) -> None:
        blocks = EagerBlocks(prepare(net), torch.float32)
        IncrementalPlayer.__init__(self, net, blocks)
        self.warps = FeatureWarps(net.bends, graphs=True)
        self._graphs, self._records, self.captures = OrderedDict(), True, 0
        self._painted = self._again = self._tries = self._turn = self._frames = 0
        self._recorder = self.record
        self._grain_at = self.num_ws * self.w_dim
        size = self._grain_at + len(net.resolutions) * MAPS
        self._host, self._inputs = [torch.zeros(size) for _ in range(8)], torch.zeros(size)
        self._drawn = Fields(blocks, len(net.resolutions))
        self._stamps = [(Stamp(), Stamp()) for _ in range(STAMPS)]
        self._governed, self._due, self._due_for = (), [], None

    def record(self, paint: Callable[[], Tensor]) -> tuple[Again, Tensor]:
        graph = Again(paint, self._levels, self)
        return graph, graph.frame


def play(player: IncrementalPlayer, frames: int, **knobs: float) -> list[Tensor]:
    params, ws = Params({name.replace("__", "."): value for name, value in knobs.items()}), draw(player.network)[0]
    return [player(ws.numpy(), params, Tick(i, i / 60, 1 / 60)).clone() for i in range(frames)]


@pytest.fixture
def opened() -> OnCpu:
    player = OnCpu(network())
    play(player, 1)
    player.prepare_sizes(GOVERNED)
    assert player.captures == 3
    play(player, 3)
    assert player.captures == 3, "what is there is not recorded again"
    return player


def step(player: OnCpu, size: int, **knobs: float) -> int:
    """Step to a size as a governor does; return how many graphs that frame and the next had to record."""
    before = player.captures
    player.set_resolution(size)
    play(player, 2, **knobs)
    return player.captures - before


def test_a_backend_that_takes_over_has_every_governed_size_a_few_frames_later(opened: OnCpu) -> None:
    """TensorRT does, in mid-show: a step in a late second finds its graph."""
    opened.adopt(EagerBlocks(opened.blocks.prepared, torch.float32))
    play(opened, 1)
    assert opened.captures == 5, "the present size, and one more in each frame"
    play(opened, 3)
    assert opened.captures == 6
    assert [step(opened, size) for size in (16, 32, 64)] == [0, 0, 0]


def test_the_warps_of_another_preset_are_recorded_at_every_governed_size(opened: OnCpu) -> None:
    opened.reach(("rotate", "swirl"))
    knobs = {"rotate__turns": 0.1, "rotate__layer": 8.0, "swirl__layer": 16.0}
    wanted = IncrementalPlayer(opened.network, EagerBlocks(opened.blocks.prepared, torch.float32))
    got = play(opened, 5, **knobs)
    assert opened.captures == 6
    for size in (32, 16, 64):
        assert step(opened, size, **knobs) == 0
    assert all(int((a.int() - b.int()).abs().max()) <= 1 for a, b in zip(got, play(wanted, 5, **knobs), strict=True))


def test_a_warp_on_a_large_block_keeps_its_memory(opened: OnCpu) -> None:
    """A smaller size would move it to another block: nothing is recorded there ahead, and nothing again and again."""
    opened.reach(("slitscan",))
    knobs = {"slitscan__strength": 1.0, "slitscan__layer": 32.0}
    play(opened, 4, **knobs)
    captures, held = opened.captures, opened.warps.memory_bytes()
    assert held > 0
    assert captures == 3 + 2, "64 and 32 px"
    play(opened, 8, **knobs)
    assert (opened.captures, opened.warps.memory_bytes()) == (captures, held)


def test_no_memory_ahead_of_a_step_leaves_the_show_as_it_is(opened: OnCpu, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, record = len(opened.network.resolutions), opened.record

    def short(paint: Callable[[], Tensor]) -> tuple[Again, Tensor]:
        if opened._levels < whole:
            raise MemoryError
        return record(paint)

    monkeypatch.setattr(opened, "_recorder", short)
    opened.adopt(EagerBlocks(opened.blocks.prepared, torch.float32))
    assert play(opened, 4)[-1].shape == (64, 64, 4)
    assert (opened.captures, opened.resolution, opened.take_notes()) == (4, 64, ())
