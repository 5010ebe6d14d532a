"""The sweep on a network of a few channels: every case is a row, and what it says of it is so."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import generator_sweep as sweep
from engine.generator.networks.stylegan2 import Config

TINY = Config(16, channels=(8, 8, 8), z_dim=8, w_dim=8)


def test_every_case_is_measured_against_the_reference():
    told: list[str] = []
    cases = [sweep.Case("tiny", TINY, size, "eager", precision) for size in (16, 8) for precision in ("fp32", "bf16")]
    result = sweep.sweep(cases, rounds=2, tell=told.append)
    assert len(told) == len(result["rows"]) == 4
    for case, row in zip(cases, result["rows"], strict=True):
        assert (row["render_resolution"], row["precision"]) == (case.resolution, case.precision)
        assert row["fps"] == pytest.approx(row["reference"]["ratio"] * row["reference"]["fps"], rel=0.01)
        assert row["snr_db"] > (90 if case.precision == "fp32" else 30)
        assert 0 < row["first_frame_s"] <= row["ready_s"]
    assert result["rows"][0]["gflop_per_frame"] >= result["rows"][2]["gflop_per_frame"]
    assert result["machine"]["threads"] == torch.get_num_threads()


def test_the_file_names_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sweep.py", "--resolutions", "8"])
    threads = torch.get_num_threads()
    path = tmp_path / "sweep.json"
    try:
        sweep.main(["--resolutions", "8", "--backends", "eager", "--precisions", "fp32", "--rounds", "1",
                    "--threads", "1", "--clock", "cpu", "--json", str(path)])  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    found = json.loads(path.read_text())
    assert found["command"] == "python -m benchmarks.generator_sweep --resolutions 8"
    assert found["clock"] == "cpu"
