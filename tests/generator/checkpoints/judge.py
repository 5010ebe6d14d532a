"""Run as a process of its own: load each file in a folder, and report what became of it, as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

LIMIT = 300 << 20

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    # Address space, not just resident memory: what is asked for counts, even if it is never touched.
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    from engine.borders.errors import UserError
    from engine.generator.attributes import boundary_files, flow_files, unofficial_mapper
    from engine.generator.checkpoints import checkpoint

    readers = {
        "checkpoint": lambda path: checkpoint.load(path, cache=False),
        "boundary": lambda path: boundary_files.read(path, 0),
        "flow": flow_files.read,
        "mapper": unofficial_mapper.read,
    }
    report = {}
    for path in sorted(folder.iterdir()):
        for what, read in readers.items():
            if path.suffix == ".npy" and what != "boundary":
                continue
            began, became = time.process_time(), "loaded"
            try:
                read(path)
            except UserError as error:
                became = f"refused: {error}"
            except MemoryError:
                became = "out of memory"
            except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to say which file did it
                became = f"{type(error).__name__}: {error}"
            report[f"{path.name} {what}"] = (became, time.process_time() - began)
    print(json.dumps({"files": report, "torch": "torch" in sys.modules}))
