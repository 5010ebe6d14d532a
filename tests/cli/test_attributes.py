"""``vj attributes``: list, import, ask, train, measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.cli import ask, attributes
from engine.generator.attributes import side_file
from engine.generator.attributes.asking import Asking
from engine.generator.checkpoints.cache import sha256
from tests.builders import model_file
from tests.builders.attributes import CONFIG, model_with_attributes
from tests.builders.show import vj_here


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*words: object) -> str:
    done = vj_here("attributes", *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_what_is_imported_is_listed_and_measured(folder: Path):
    model = model_file.save(folder / "m.safetensors", CONFIG)
    np.save("b.npy", np.random.default_rng(1).standard_normal((3, CONFIG.w_dim)))
    assert vj_here("attributes", model, "import", "b.npy#2", "--name", "ripe", "--layers", "1:3").returncode == 0
    found = side_file.read(folder / "m.attributes.safetensors")
    assert (found.sha256, found.num_ws, found.w_dim) == (sha256(model, remember=False), CONFIG.num_ws, CONFIG.w_dim)
    assert found.each["ripe"].direction.any(axis=1).tolist() == [False, True, True, False, False, False]
    assert "has that attribute" in refused(model, "import", "b.npy#1", "--name", "ripe")
    assert vj_here("attributes", model, "import", "b.npy#1", "--name", "ripe", "--replace").returncode == 0
    assert "--name Ripe" in refused(model, "import", "b.npy#1", "--name", "Ripe")
    assert "width 24; z of this model has 8" in refused(model, "import", "b.npy#1", "--name", "z", "--space", "z")
    done = vj_here("attributes", model, "measure", "--pictures", "4", "--json", "measured.json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((folder / "measured.json").read_text())
    assert row["name"] == "ripe"
    leaks = side_file.read(folder / "m.attributes.safetensors").each["ripe"].leaks
    assert dict(leaks) == row["leaks"]
    assert set(leaks) == {"ripeness", "colour", "size", "turn", "tilt", "slice", "stem", "light"}
    done = vj_here("attributes", model, "list", "--json", "list.json")
    assert "b.npy#1" in done.stdout
    assert json.loads((folder / "list.json").read_text())["attributes"][0]["leaks"] == row["leaks"]


def test_the_networks_of_a_side_file_stay_when_an_attribute_comes(folder: Path):
    model, before = model_with_attributes(folder)
    np.save("b.npy", np.ones((1, CONFIG.w_dim)))
    assert vj_here("attributes", model, "import", "b.npy", "--name", "extra").returncode == 0
    after = side_file.read(side_file.beside(model))
    assert list(after.each) == [*before.each, "extra"]
    assert after.mapper is not None
    assert after.flow is not None


def test_the_recogniser_may_answer_for_a_trial(folder: Path):
    model = model_file.save(folder / "m.safetensors", CONFIG)
    words = (model, "ask", "ripe", "--simulate", "ripeness")
    assert vj_here("attributes", *words, "--answers", "12").returncode == 0
    assert side_file.read(side_file.beside(model)).each["ripe"].origin == "12 answers"
    assert "too few" in refused(model, "ask", "other", "--simulate", "ripeness", "--answers", "9")
    assert "did you mean 'ripeness'" in refused(model, "ask", "other", "--simulate", "ripenes")


def test_keys_answer_skip_take_back_and_end():
    asking = Asking(np.random.default_rng(1).standard_normal((100, 6)))
    said = iter([ask.LEFT, ask.RIGHT, ask.SKIP, ask.UNDO, ask.LEFT, ask.END])
    questions: list[str] = []

    def answer(_first: int, _second: int, question: str) -> str:
        questions.append(question)
        return next(said)

    ask.converse(asking, answer, "very_ripe", 40)
    assert asking.answers == [True, True]
    assert questions[0] == "1 of 40: which shows more very ripe?"
    assert [question.split()[0] for question in questions] == ["1", "2", "3", "3", "2", "3"]


def test_training_needs_the_tools(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attributes, "resource", lambda: folder)
    assert "tools/ of a checkout" in refused("fruit", "train")
    assert "no attributes yet" in refused(model_file.save(folder / "m.safetensors", CONFIG), "measure")
