"""Before torch is loaded: threads that wait must sleep, or every test that renders burns its neighbours' cores."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from engine.system import user_folders
from engine.system.allocator import tune_allocator
from tests.builders.jack_registry import forget_dead_servers
from tests.collector import for_many_shows

tune_allocator()
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))  # 0: this process runs the tests by itself
if WORKERS:  # each computes with its share of the cores, and so do the programs it starts
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ["OMP_NUM_THREADS"] = str(max(1, cores // WORKERS))
elif sys.platform == "linux":
    forget_dead_servers()
# A shell has what it starts in the background ignore Ctrl+C, and every program that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before its first example Hypothesis reads every module of the tree for constants: seconds on a busy machine, where no
# example has a deadline either.
settings.register_profile("tree", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tree")

pytest_plugins = ["tests.groups"]


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the tests their own folders for what the engine keeps; one process alone has the user's cache."""
    for name in ("LATENTVJ_CACHE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        if WORKERS or name != "LATENTVJ_CACHE":
            os.environ[name] = str(tmp_path_factory.mktemp(name.lower()))


@pytest.fixture(scope="session", autouse=True)
def one_collector() -> Iterator[None]:
    with for_many_shows():
        yield


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Let no test have what the show of another has remembered."""
    if sys.platform == "linux":  # elsewhere the folder is the user's own
        user_folders.forget()
