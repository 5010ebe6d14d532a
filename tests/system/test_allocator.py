"""What the C library keeps of freed memory, and gives back when it is asked to."""

from __future__ import annotations

import subprocess
import sys

import pytest

HOLES = """
from engine.system import allocator

def used():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous")) / 1024

told = allocator.tune_allocator()
large, small = [], []
for _ in range(64):
    large.append(bytes(1 << 20))
    small.append(bytes(1000))  # lies between two large ones, and stays
full = used()
large.clear()
kept = used()
thread = allocator.give_back_soon(0.0)
if thread is not None:
    thread.join()
print(told.endswith("next frame"), full, kept, used())
"""

LATER = """
soon, later = allocator.give_back_soon(), allocator.give_back_soon(2.0)
same = allocator.give_back_soon(2.0)
full = used()
soon.join()
large.clear()  # as the ring of a slit-scan, seconds after its cue
later.join()
print(told.endswith("next frame"), same, full, used())
"""


def said_by(program: str) -> list[str]:
    """Return what a Python process with ``program`` prints after that it has the settings; skip without glibc."""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    tuned, *said = run.stdout.split()
    if tuned != "True":
        pytest.skip("another C library than glibc")
    return said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_freed_later_is_given_back_later() -> None:
    """What is under way for now does not stand for what is asked for seconds from now."""
    program = HOLES[: HOLES.index("full =")] + LATER
    said = said_by(program)
    assert said[0] == "None"  # one thread for all that is asked for in the same second
    assert float(said[2]) < float(said[1]) - 56.0  # MB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    full, kept, after = map(float, said_by(HOLES))
    assert kept > full - 8.0  # MB; the frames that follow take it again, without the system
    assert after < full - 56.0  # holes among blocks that stay, too


ELSEWHERE = """
import threading
taken = threading.Event(), threading.Event()

def loads():
    blocks = [bytes(1 << 20) for _ in range(48)]
    taken[0].set()
    taken[1].wait()
    blocks.clear()

loader = threading.Thread(target=loads)
loader.start()
taken[0].wait()
full = used()
taken[1].set()
loader.join()
thread = allocator.give_back_soon(0.0)
if thread is not None:
    thread.join()
print(told.endswith("next frame"), full, used())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_thread_took_is_given_back() -> None:
    """A thread that loads a model has no heap of its own, whose free end glibc would keep for ever."""
    full, after = map(float, said_by(HOLES[: HOLES.index("large, small")] + ELSEWHERE))
    assert after < full - 40.0  # MB
