"""Every player is a whole `Model`: what the show, the commands and the bench call is there, typed alike."""

from __future__ import annotations

import inspect

import pytest

from engine.borders.contracts import Model
from engine.generator.backends.cuda_graphs import GraphPlayer
from engine.generator.incremental import IncrementalPlayer
from engine.generator.plain import PlainPlayer
from engine.generator.player import Player
from tests.builders.networks import KNOBS, draw, network, opened

CONTRACT = {name: member for name, member in vars(Model).items() if not name.startswith("_") or name == "__call__"}
SHARED = {name for name, member in CONTRACT.items() if not isinstance(member, property)}


def all_players(base: type[Player] = Player) -> set[type[Player]]:
    return {base, *(player for below in base.__subclasses__() for player in all_players(below))}


def test_the_players_are_these() -> None:
    named = {player.__name__ for player in all_players() if player.__module__.startswith("engine.")}
    assert named == {"Player", "PlainPlayer", "IncrementalPlayer", "GraphPlayer"}


@pytest.mark.parametrize("player", [PlainPlayer, IncrementalPlayer, GraphPlayer])
@pytest.mark.parametrize("name", sorted(SHARED))
def test_every_method_takes_what_the_contract_says(player: type[Player], name: str) -> None:
    wanted, own = inspect.signature(CONTRACT[name]), inspect.signature(getattr(player, name))
    assert [(p.name, p.kind, p.default) for p in own.parameters.values()] == [
        (p.name, p.kind, p.default) for p in wanted.parameters.values()
    ]


@pytest.mark.parametrize("backend", ["plain", "eager", "native"])
def test_a_player_has_every_value_of_the_contract(backend: str) -> None:
    net = network()
    player = PlainPlayer(net) if backend == "plain" else opened(net, backend)
    model: Model = player
    for name in CONTRACT:
        assert hasattr(model, name), name
    assert (model.num_ws, model.w_dim, model.z_dim, model.c_dim) == (10, 32, 32, 0)
    assert (model.model_resolution, model.resolution, model.device.type) == (64, 64, "cpu")
    assert (model.rows, model.aspect, model.device_seconds, model.take_notes()) == ((), None, None, ())
    assert model.w_avg.shape == (32,)
    assert model.resolution in model.sizes


def test_notes_are_given_once() -> None:
    player = PlainPlayer(network())
    player.note("a")
    player.note("b")
    assert player.take_notes() == ("a", "b")
    assert player.take_notes() == ()


def test_a_warp_on_a_block_that_is_not_there_is_noted_once() -> None:
    from engine.borders.tick import Tick

    net = network()
    player, ws = PlainPlayer(net, 16), draw(net)[0].numpy()
    for index in range(30):
        player(ws, KNOBS.changed({"rotate.turns": 0.1, "rotate.layer": 64.0}), Tick(index, index / 30, 1 / 30))
    assert player.take_notes() == ("rotate.layer = 64: no such block is painted; plays at 16 px",)
    for index in range(40):  # a morph glides through what cannot be played, and ends at a block
        knobs = KNOBS.changed({"rotate.turns": 0.1, "rotate.layer": 4.0 + min(12.0, 0.4 * index)})
        player(ws, knobs, Tick(index, index / 30, 1 / 30))
    assert player.take_notes() == ()
