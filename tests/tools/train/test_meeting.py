"""Processes that begin again on the store of those that died find each other."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from torch._C._distributed_c10d import TCPStore

from tools.train.meeting import meet
from tools.train.together import together


def at(server: TCPStore, seconds: float = 30.0) -> TCPStore:
    """Return a process's own line to the store."""
    return TCPStore("127.0.0.1", server.port, is_master=False, timeout=timedelta(seconds=seconds))


@pytest.fixture
def server() -> TCPStore:
    """Return torchrun's store, which outlives those who meet there."""
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_those_who_come_again_share_a_place_of_their_own(server: TCPStore, first: int) -> None:
    """Whoever comes first finds what the others have left behind when they died."""
    for number in range(3):
        with pytest.raises((TimeoutError, dist.DistStoreError)):  # it dies before the others come
            meet(at(server, 0.2), first, 3)
        with ThreadPoolExecutor(3) as pool:
            order = sorted(range(3), key=lambda rank: rank != first)
            places = dict(zip(order, pool.map(lambda rank: meet(at(server), rank, 3), order), strict=True))
        assert not places[2].check(["address"])  # nothing of the one before
        places[0].set("address", str(number))
        assert places[1].get("address") == places[2].get("address") == str(number).encode()


def test_a_late_first_process_is_waited_for(server: TCPStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(meet, at(server), 1, 2)
        assert not threading.Event().wait(0.3)
        assert not waiting.done()
        meet(at(server), 0, 2).set("address", "here")
        assert waiting.result(30).get("address") == b"here"


def _met(rank: int, port: int, late: int) -> None:
    """Join like a process of torchrun's, ``late`` after the other one; then end without a word."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    time.sleep(0.5 if rank == late else 0.0)
    with together() as here:
        told = torch.ones(1)
        dist.all_reduce(told)
        assert (here.rank, told.item()) == (rank, 2.0)
        os._exit(0)


def test_processes_that_begin_again_call_nobody_who_died(server: TCPStore) -> None:
    """The very processes and sockets: the second two read no address of the first two, whoever is late."""
    forks = torch.multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    for late in (0, 1):
        begun = torch.multiprocessing.start_processes(  # type: ignore[attr-defined, no-untyped-call]
            _met, (server.port, late), 2, join=False, start_method="forkserver"
        )
        until, done = time.monotonic() + 60.0, False
        while not done and time.monotonic() < until:
            done = begun.join(1.0)
        for process in begun.processes:
            process.kill()  # who waits for one that died waits half an hour
        assert done
