"""What killed JACK servers leave behind is removed, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.builders import jack_registry


def test_the_dead_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "process_iter", lambda _attributes: [])
    left = ["jack-shm-registry", "jack-0-3", "jack_sem.0_vj_system", "jack_vj_0_0"]
    for name in [*left, "other"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "jack_db-0").mkdir()
    (tmp_path / "jack_db-0" / "__db.001").touch()
    assert jack_registry.forget_dead_servers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert not jack_registry.forget_dead_servers(tmp_path)


def test_a_living_server_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = SimpleNamespace(info={"name": "jackd"})
    monkeypatch.setattr(psutil, "process_iter", lambda _attributes: [one])
    (tmp_path / "jack-shm-registry").write_bytes(b"x")
    assert not jack_registry.forget_dead_servers(tmp_path)
    assert (tmp_path / "jack-shm-registry").exists()
