"""What ends the wait for a frame: a bell rung by another thread, a packet; what is read rings no more."""

from __future__ import annotations

import socket
import threading

import pytest

from engine.control.hands.osc import Osc
from engine.show.arrivals import Arrivals

LONG = 60.0  # s: nobody waits so long


@pytest.fixture
def osc():
    listening = Osc("127.0.0.1", 0)
    yield listening
    listening.close()


def test_nothing_comes() -> None:
    assert not Arrivals(threading.Event(), ()).wait(0.003)
    assert not Arrivals(threading.Event(), (lambda: False,)).wait(0.0)


def test_a_bell_ends_the_wait_and_rings_until_it_is_answered() -> None:
    bell = threading.Event()
    arrivals = Arrivals(bell, ())
    thread = threading.Timer(0.02, bell.set)
    thread.start()
    assert arrivals.wait(LONG)
    thread.join()
    assert arrivals.wait(LONG)
    bell.clear()
    assert not arrivals.wait(0.003)


def test_a_packet_ends_the_wait_until_it_is_read(osc: Osc) -> None:
    arrivals = Arrivals(threading.Event(), (osc.waiting,))
    assert not arrivals.wait(0.003)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"/control/x\0\0,f\0\0\x3f\0\0\0", ("127.0.0.1", osc.port))
        assert arrivals.wait(LONG)
    assert [asked.name for asked in osc.poll()] == ["x"]
    assert not arrivals.wait(0.003)
