"""Packets by the hundred: the same, in the same order, as one by one."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator

import pytest

from engine.control.hands.udp_inbox import BATCH, inbox

LONGEST = 65507  # bytes of a datagram of IPv4


@pytest.fixture(params=["linux", "elsewhere"])
def line(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Callable[..., None], socket.socket]]:
    monkeypatch.setattr("engine.control.hands.udp_inbox.sys.platform", request.param)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        opened.setblocking(False)
        opened.bind(("127.0.0.1", 0))

        def send(*packets: bytes) -> None:
            for packet in packets:
                out.sendto(packet, opened.getsockname())

        yield send, opened


def test_every_packet_comes_whole_in_its_order_and_no_more_than_a_batch_at_once(
    line: tuple[Callable[..., None], socket.socket],
) -> None:
    send, opened = line
    take, chance = inbox(opened), random.Random(3)
    assert take() == []
    sent = [chance.randbytes(chance.choice((0, 1, 24, 200))) for _ in range(100)]
    send(*sent)
    assert take() == sent
    assert take() == []
    longest = chance.randbytes(LONGEST)
    send(longest, b"after")
    assert take() == [longest, b"after"]
    sent = [number.to_bytes(4, "big") for number in range(BATCH + 30)]
    for at in range(0, len(sent), 100):  # a system's buffer may be small
        send(*sent[at : at + 100])
    first = take()
    assert first == sent[: len(first)]
    assert len(first) <= BATCH
    assert take() == sent[BATCH:][: len(sent) - len(first)]
