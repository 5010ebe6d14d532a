"""``vj edit``: a point, moved by what other programs and the model's own side file say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.generator.attributes import side_file
from tests.builders.attributes import model_with_attributes
from tests.builders.show import vj_here

DATA = Path(__file__).parents[1] / "data" / "attributes"
RNG = np.random.default_rng(5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(*words: object) -> NDArray[np.float32]:
    done = vj_here("edit", *words, "-o", "out.npy")
    assert done.returncode == 0, done.stderr
    return np.load("out.npy")


def refused(*words: object) -> str:
    done = vj_here("edit", *words, "-o", "out.npy")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_edits_of_interfacegan(folder: Path):
    ref = np.load(DATA / "interfacegan.ref.npz")
    for name in ("z", "w", "wp", "b0", "b1", "b2"):
        np.save(f"{name}.npy", ref[name])
    for at, far in ((0, -3.0), (9, 3.0)):
        np.testing.assert_allclose(
            edited("--z", "z.npy", "--boundary", f"b0.npy={far}"), ref["lin_z"][at][None], atol=1e-5
        )
        np.testing.assert_allclose(edited("w.npy", "--boundary", f"b0.npy={far}"), ref["lin_w"][at][None], atol=1e-5)
    moved = edited("wp.npy", "--boundary", "b0.npy=-2", "--keep", "b1.npy")
    np.testing.assert_allclose(moved, ref["lin_wp_proj1"][:1], atol=1e-5)
    same = np.repeat(ref["w"], 6, axis=0)  # a w of every layer is a single w
    np.save("same.npy", same)
    np.testing.assert_allclose(
        edited("same.npy", "--boundary", "b0.npy=3"), np.repeat(ref["lin_w"][9:], 6, 0), atol=1e-5
    )
    np.testing.assert_allclose(
        edited("same.npy", "--boundary", "b0.npy=3", "--space", "w+"), same + 3.0 * ref["b0"], atol=1e-5
    )


def test_the_edit_of_a_published_flow_and_back(folder: Path):
    ref = np.load(DATA / "styleflow_small.ref.npz")
    for name in ("w", "context_source", "context_target", "w_edit_exact"):
        np.save(f"{name}.npy", ref[name].astype(np.float32))
    flow = ("--flow", DATA / "styleflow_small.pt")
    there = edited("w.npy", *flow, "--context-from", "context_source.npy", "--context-to", "context_target.npy")
    assert there.shape == ref["w"].shape
    np.testing.assert_allclose(there, ref["w_edit_exact"], atol=2e-4)
    back = edited(
        "w_edit_exact.npy", *flow, "--context-from", "context_target.npy", "--context-to", "context_source.npy"
    )
    np.testing.assert_allclose(back, ref["w"], atol=1e-3)
    np.save("short.npy", np.zeros(3))
    assert "short.npy: holds 3 numbers" in refused(
        "w.npy", *flow, "--context-from", "short.npy", "--context-to", "context_source.npy"
    )


def test_layers_and_several_boundaries(folder: Path):
    w = RNG.standard_normal((6, 24)).astype(np.float32)
    np.save("w.npy", w)
    factors, component = DATA / "factor_rosinality.pt", np.load(DATA / "stylegan2-test_style_ipca_c8_n6000_w.npz")
    both = edited(
        "w.npy", "--boundary", f"{factors}#2=1.5",
        "--boundary", f"{DATA}/stylegan2-test_style_ipca_c8_n6000_w.npz#1=-0.5", "--layers", "1:3",
    )  # fmt: skip
    wanted = w.copy()
    wanted[1:3] += 1.5 * np.load(DATA / "sefa.ref.npz")["rosinality_eigvec"][:, 2]
    wanted[1:3] -= 0.5 * component["lat_stdev"][1] * component["lat_comp"][1, 0]
    np.testing.assert_allclose(both, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("w.npy", "--boundary", f"{DATA}/factor_rosinality.pt#2=1"), "of width 24; w.npy holds numbers of width 8"),
        (("w.npy", "--boundary", "w.npy"), "no number behind ="),
        (("w.npy", "--boundary", "a=b.npy"), "no number behind ="),
        (("w.npy", "--boundary", "nowhere.npy=1"), "nowhere.npy: cannot read it"),
        (("w.npy", "--boundary", "w.npy#9=1"), "FILE#0 to FILE#3"),
        (("w.npy", "--boundary", "w.npy#1=1", "--layers", "2:9"), "--layers 2:9: w.npy has 4 layers"),
        (("w.npy", "--boundary", "w.npy#1=1", "--keep", "w.npy#1"), "nothing is left of it"),
        (("w.npy", "--boundary", "w.npy#1=1", "--keep", "ripe"), "--keep ripe"),
        (("w.npy", "--boundary", "w.npy#1=1e308"), "ask for less"),
        (("w.npy",), "nothing to do"),
        (("--boundary", "w.npy#1=1"), "give WS.npy"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, words: tuple[str, ...], says: str):
    np.save("w.npy", RNG.standard_normal((4, 8)))
    assert says in refused(*words)
    assert not (folder / "out.npy").exists()


def test_attributes_move_a_point_by_standard_deviations(folder: Path):
    model, attributes = model_with_attributes(folder)
    ripe, turn = (attributes.each[name].step.astype(np.float64) for name in ("ripe", "turn"))
    w = RNG.standard_normal((6, 24)).astype(np.float32)
    np.save("w.npy", w)
    on = ("w.npy", "--model", model)
    moved = edited(*on, "--attribute", "ripe=1.5", "--attribute", "turn=-0.5")
    np.testing.assert_allclose(moved, w + 1.5 * ripe - 0.5 * turn, atol=1e-5)
    kept = edited(*on, "--attribute", "ripe=2", "--keep", "turn") - w
    np.testing.assert_allclose((kept * turn).sum(axis=1), 0.0, atol=1e-4)
    assert (kept * ripe).sum() == pytest.approx(2 * (ripe * ripe).sum(), rel=1e-4)  # it still moves by two
    assert attributes.mapper is not None
    change, points = torch.tensor([[0.7, 0.0]]), torch.from_numpy(w)[None]
    mapped = edited(*on, "--attribute", "ripe=0.7", "--method", "mapper")
    np.testing.assert_allclose(mapped, attributes.mapper.edit(points, change)[0].numpy(), atol=1e-5)
    assert np.abs(edited(*on, "--attribute", "ripe=0", "--method", "mapper") - w).max() < 1e-6
    assert attributes.flow is not None
    source = attributes.mapper.read(points)
    flowed = edited(*on, "--attribute", "ripe=0.7", "--method", "flow")
    np.testing.assert_allclose(flowed, attributes.flow.edit(points, source, source + change)[0].numpy(), atol=1e-4)


def test_a_wrong_name_a_wrong_model_a_wrong_width_are_one_line(folder: Path):
    model, attributes = model_with_attributes(folder)
    np.save("w.npy", np.zeros((6, 24)))
    np.save("one.npy", np.zeros(24))
    np.save("wide.npy", np.zeros((6, 32)))
    on = ("--model", model, "--attribute")
    assert "the model has no attribute 'ripr'; did you mean 'ripe'?" in refused("w.npy", *on, "ripr=1")
    assert "these w are 6 x 32, and those of" in refused("wide.npy", *on, "ripe=1")
    assert "give ws [num_ws, w_dim]" in refused("one.npy", *on, "ripe=1")
    assert "--keep: --method mapper" in refused("w.npy", *on, "ripe=1", "--keep", "turn", "--method", "mapper")
    side = side_file.beside(model)
    side_file.write(side, replace(attributes, sha256="00" * 32))
    assert str(side) in refused("w.npy", *on, "ripe=1")
    side_file.write(side, replace(attributes, mapper=None))
    assert "no mapper" in refused("w.npy", *on, "ripe=1", "--method", "mapper")
