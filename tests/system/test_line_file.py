"""A file that grows line by line: whole lines, whoever reads them and however slowly."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.system.line_file import LineFile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no named pipes")
LINE = "a line of a trace, as long as they are " * 40


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Let what waits for ever fail."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("tell", [None, print])
def test_a_pipe_without_a_reader_is_refused_and_not_waited_for(pipe: Path, tell: object) -> None:
    with pytest.raises(UserError, match=r"pipe\.jsonl: cannot write the trace: nobody reads this pipe"):
        LineFile(pipe, "the trace", tell)  # type: ignore[arg-type]


def test_a_reader_that_stops_reading_costs_a_show_lines_and_no_time(pipe: Path) -> None:
    told: list[str] = []
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(pipe, "the trace", told.append)
    assert all(file.write(f"{number} {LINE}") for number in range(200))  # more than a pipe holds
    assert told == [f"{pipe}: is not read fast enough: lines of the trace are left out"]
    held = os.read(reader, 1 << 20)
    assert file.write("after")
    lines = (held + os.read(reader, 1 << 20)).decode().splitlines()
    assert lines[:-1] == [f"{number} {LINE}" for number in range(len(lines) - 1)]
    assert lines[-1] == "after"
    os.close(reader)
    assert not file.write("nobody is there any more")
    assert len(told) == 2
    assert "the trace ends here" in told[1]
    file.close()


def test_without_a_show_a_slow_reader_gets_every_line(pipe: Path) -> None:
    reader, got = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), bytearray()
    file = LineFile(pipe, "the trace", None)
    os.set_blocking(reader, True)

    def read() -> None:
        while data := os.read(reader, 4096):
            got.extend(data)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(200):
        file.write(f"{number} {LINE}")
    file.close()
    thread.join()
    os.close(reader)
    assert got.decode().splitlines() == [f"{number} {LINE}" for number in range(200)]
