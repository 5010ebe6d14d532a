"""One sound server for all tests here: libjack does not survive the death of one it has known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.controller import Knobs
from tests.builders.sound_server import Show, SoundServer
from tests.parts import need

FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here holds a sound server, and most measure time."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker("alone")


@pytest.fixture(scope="session")
def server() -> Iterator[SoundServer]:
    need("jackd", "libjack", "portaudio")
    pytest.importorskip("jack")
    server = SoundServer(period=1024)  # jackd's own default, and easy on a busy machine
    yield server
    server.close()


@pytest.fixture
def show(server: SoundServer, tmp_path: Path) -> Iterator:
    """Start ``vj live`` with arguments; it is gone after the test."""
    need("EGL")
    shows: list[Show] = []

    def start(*arguments: str, warm: bool = True) -> Show:
        shows.append(Show(tmp_path, server.env, *arguments, warm=warm))
        return shows[-1]

    yield start
    for one in shows:
        one.kill()


@pytest.fixture
def knobs(server: SoundServer) -> Iterator[Knobs]:
    knobs = Knobs()
    yield knobs
    knobs.unplug()
