"""The memory that a show shares with its supervisor: who looks at any moment sees what was written, all of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from engine.system.watch import Beat, Watch

WRITER = """
import sys
from engine.system.watch import Beat, Watch
watch = Watch(int(sys.argv[1]))
for frame in range(1, 1 << 40):
    watch.tell(Beat(frame, 1e6 + frame, 5e6, (2.0, 3.0), 4.0))
    watch.keep("kept" if frame % 2 else "was kept")
"""
SECONDS = 1.0


def test_what_is_written_is_never_seen_as_nothing() -> None:
    """Nothing but zeros, and a show that plays was taken for one that hangs: a drill lost knobs by it."""
    watch = Watch.make()
    watch.tell(Beat(1, 1e6, 5e6, (2.0, 3.0), 4.0))
    watch.keep("kept")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(watch.fd)], pass_fds=[watch.fd])
    try:
        while watch.beat.frames < 100:
            assert writer.poll() is None
            time.sleep(0.01)
        seen, end = 0, time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(100):
                beat = watch.beat
                assert beat.frames >= 100
                assert beat.mono >= 1e6
                assert (beat.time, beat.phases, beat.beats) == (5e6, (2.0, 3.0), 4.0)
                assert watch.kept in ("kept", "was kept")
            seen += 100
        assert seen > 1000
    finally:
        writer.kill()
        writer.wait()
        os.close(watch.fd)
