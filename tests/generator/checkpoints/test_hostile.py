"""Files made to do harm: none runs anything, and each is refused soon, in little memory, with a reason."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint
from tests.builders import checkpoints as writers
from tests.builders.checkpoints import lively
from tests.generator.checkpoints import hostile

ROOT = Path(__file__).parents[3]


def run(*args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LATENTVJ_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, timeout=300, cwd=folder, env=environment, check=False
    )


def test_nothing_runs_and_everything_is_refused(tmp_path):
    """The judge works under a limit of 300 MB: a file that takes more ends in MemoryError, not in a refusal.

    It tries the readers of checkpoints and those of boundaries, flows and mappers; as .npy the file holds an object.
    """
    canary, files = tmp_path / "canary", tmp_path / "files"
    files.mkdir()
    tried = {}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    for number, (name, data) in enumerate(hostile.files(str(canary))):
        for suffix, content in ((".pkl", data), (".npy", header.getvalue() + data)):
            path = files / f"{number:03}{suffix}"
            path.write_bytes(content)
            tried[path.name] = name
    assert not canary.exists(), "writing the files must not run them"
    done = run(str(Path(__file__).parent / "judge.py"), str(files), folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    found = {(tried[key.split()[0]], key): result for key, result in report["files"].items()}
    wrong = {which: became for which, (became, _) in found.items() if not became.startswith("refused: ")}
    assert wrong == {}
    slow = {which: seconds for which, (_, seconds) in found.items() if seconds > 3}
    assert slow == {}
    assert not report["torch"], "a bad file must not cost the import of torch"
    assert not canary.exists()
    assert len(report["files"]) == 5 * len(tried) // 2 > 500
    for became, _ in report["files"].values():
        assert "\n" not in became
        assert len(became) < 400


def test_program_text_in_a_good_file_is_hashed_and_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))
    canary, network = tmp_path / "canary", lively(hostile.SMALL)
    source = f"import os\nos.system('touch {canary}')\n"
    (tmp_path / "good.pkl").write_bytes(writers.nvidia(network, source=source))
    loaded = checkpoint.load(tmp_path / "good.pkl")
    ws = network.mapping(torch.zeros(1, 4))
    assert torch.allclose(checkpoint.build(loaded).synthesis(ws), network.synthesis(ws), atol=1e-5)
    assert [source.class_name for source in loaded.sources] == ["Generator"]
    assert not canary.exists()


@pytest.mark.parametrize("data", [hostile.raw_call("os", "system", "touch canary"), b"\x80\x04N."])
def test_the_command_says_one_line_and_exits_with_2(tmp_path, data):
    (tmp_path / "evil.pkl").write_bytes(data)
    done = run("-m", "engine", "model", "info", "evil.pkl", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "evil.pkl" in done.stderr
    assert not (tmp_path / "canary").exists()


def test_an_unknown_class_may_stand_where_the_generator_is_not(tmp_path):
    """A discriminator of another family, say: its records stay opaque, and are no reason to refuse."""
    other = writers.stub("training.discriminators", "Other")
    network = lively(hostile.SMALL)
    root = {"_init_args": (), "_init_kwargs": writers.nvidia_kwargs(hostile.SMALL)}
    d, inside = other(), other()
    inside.value = torch.zeros(2)
    d.parts = [inside, {"a": other}]
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict, other):
        top = {"D": d, "G_ema": writers.module_tree(network.state_dict(), {"": root})}
        data = pickle.dumps(top, 4)
    (tmp_path / "good.pkl").write_bytes(data)
    assert checkpoint.load(tmp_path / "good.pkl", cache=False).family == "stylegan2"
