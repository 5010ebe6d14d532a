"""Boundaries of other programs: every format, against the programs' own outputs.

Files made to do harm are tried with these readers in `checkpoints/test_hostile.py`.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.generator import directions
from engine.generator.attributes.boundary import Boundary, conditional, move, project
from engine.generator.attributes.boundary_files import read

DATA = Path(__file__).parents[2] / "data" / "attributes"
RNG = np.random.default_rng(3)


def case(name: str) -> Any:
    return np.load(DATA / f"{name}.ref.npz")


def test_conditional_boundaries_are_those_of_interfacegan():
    ref = case("interfacegan")
    b = [ref[f"b{i}"][0] for i in range(3)]
    np.testing.assert_allclose(project(b[0], b[1:2]), ref["proj1"][0], atol=1e-9)
    np.testing.assert_allclose(project(b[0], b[1:3]), ref["proj2"][0], atol=1e-9)


def test_more_than_two_conditions_are_all_kept():
    rows = RNG.standard_normal((5, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rest = project(rows[0], list(rows[1:]))
    np.testing.assert_allclose(rows[1:] @ rest, 0.0, atol=1e-9)
    two = project(rows[0], [rows[1], rows[2], rows[2]])  # the same by the normal equations
    np.testing.assert_allclose(two, project(rows[0], [rows[1], rows[2]]), atol=1e-6)
    np.testing.assert_allclose(project(rows[0], [rows[1], rows[1]]), project(rows[0], [rows[1]]), atol=1e-6)
    with pytest.raises(ValueError, match="nothing is left"):
        project(rows[0], [rows[0]])


def test_a_layer_that_a_condition_leaves_alone_stays_as_it_is():
    rows, kept = RNG.standard_normal((2, 3, 8))
    kept[1] = 0.0
    left = conditional(Boundary(rows), [Boundary(kept)])
    np.testing.assert_array_equal(left.rows[1], rows[1])
    np.testing.assert_allclose((left.rows * kept).sum(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(left.rows, axis=1), np.linalg.norm(rows, axis=1))


def test_sefa_and_rosinality_factors_are_those_of_the_programs():
    ref = case("sefa")
    names = [name for name in ref.files if name.startswith("W:")]
    weights = [torch.from_numpy(ref[name]) for name in names]
    found, values = directions.factorise(
        [w for n, w in zip(names, weights, strict=True) if "output" not in n or "3" in n]
    )
    order = np.argsort(-ref["eigvals_all"])
    assert np.abs((found.numpy() * ref["eigvecs_all"][order]).sum(axis=1)).min() > 1 - 1e-4
    np.testing.assert_allclose(values.numpy(), ref["eigvals_all"][order], atol=1e-4)
    for index in (0, 5):
        mine = read(DATA / "factor_rosinality.pt", index)
        np.testing.assert_allclose(mine.rows, ref["rosinality_eigvec"][:, index], atol=1e-6)
        assert not mine.has_distance


def test_a_component_of_ganspace_goes_by_its_deviation(tmp_path: Path):
    path = DATA / "stylegan2-test_style_ipca_c8_n6000_w.npz"
    file = np.load(path)
    component = read(path, 3)
    np.testing.assert_allclose(component.rows, file["lat_comp"][3, 0], atol=1e-7)
    w = RNG.standard_normal((6, 24))
    moved = move(w, Boundary(component.rows, component.unit, (1, 2)), 1.5, False)
    wanted = w.copy()
    wanted[1:3] += 1.5 * file["lat_stdev"][3] * file["lat_comp"][3, 0]
    np.testing.assert_allclose(moved, wanted, atol=1e-5)
    with pytest.raises(UserError, match="8 directions"):
        read(path, None)


@pytest.mark.parametrize("layers", ["0-2,5", [0, 1, 2, 5]])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_dictionary_of_in_domain_inversion_has_its_layers(tmp_path: Path, layers: object, protocol: int):
    rows = RNG.standard_normal((1, 8, 48)).astype(np.float32)
    path, held = tmp_path / "style.npy", np.empty((), dtype=object)
    held[()] = {"boundary": rows, "meta_data": {"manipulate_layers": layers}}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(held, file, protocol)
    code = RNG.standard_normal((8, 48))
    wanted = code.copy()
    wanted[[0, 1, 2, 5]] += 2.0 * rows[0][[0, 1, 2, 5]]
    np.testing.assert_allclose(move(code, read(path, None), 2.0, False), wanted, atol=1e-6)


def test_directions_of_e4e_and_anycost(tmp_path: Path):
    age, attributes = torch.randn(1, 24) * 3, torch.nn.functional.normalize(torch.randn(3, 1, 24), dim=2)
    torch.save(age, tmp_path / "age.pt")
    torch.save(OrderedDict(zip(("00_a", "01_b", "02_c"), attributes, strict=True)), tmp_path / "boundary.pt")
    long = read(tmp_path / "age.pt", None)
    np.testing.assert_allclose(long.rows, age[0].double().numpy())
    assert not long.has_distance
    unit = read(tmp_path / "boundary.pt", 2)
    np.testing.assert_allclose(unit.rows, attributes[2, 0].double().numpy())
    assert unit.has_distance
    with pytest.raises(UserError, match="#0 to FILE#2"):
        read(tmp_path / "boundary.pt", 3)


def test_rows_for_each_layer_and_rows_of_many(tmp_path: Path):
    rows = RNG.standard_normal((6, 24))
    np.save(tmp_path / "rows.npy", rows)
    np.testing.assert_array_equal(read(tmp_path / "rows.npy", None, 6).rows, rows)
    np.testing.assert_array_equal(read(tmp_path / "rows.npy", 4, 6).rows, rows[4])
    np.save(tmp_path / "fortran.npy", np.asfortranarray(rows))
    np.testing.assert_array_equal(read(tmp_path / "fortran.npy", 4).rows, rows[4])
    np.savez(tmp_path / "many.npz", names=np.arange(3.0), eigvecs=rows)
    np.testing.assert_array_equal(read(tmp_path / "many.npz", 5).rows, rows[5])


def bad_files() -> dict[str, bytes]:
    """Files that are no boundary, by name."""
    found = {"empty.npy": b"", "text.npy": b"hello", "cut.npy": b"\x93NUMPY\x01\x00\x76\x00{'descr'"}
    arrays = {"words": np.array(["a"]), "whole": np.arange(4), "nan": np.full(4, np.nan), "zero": np.zeros((1, 4)),
              "deep": np.ones((1, 1, 1, 4)), "scalar": np.float64(1.0)}  # fmt: skip
    for name, array in arrays.items():
        out = io.BytesIO()
        np.save(out, array)
        found[f"{name}.npy"] = out.getvalue()
    out = io.BytesIO()
    np.savez(out, lat_comp=np.ones((2, 1, 4)))
    found["half.npz"] = out.getvalue()
    found["cut.npz"] = out.getvalue()[:-30]
    torch.save({"w": torch.arange(4)}, out := io.BytesIO())
    found["whole.pt"] = out.getvalue()
    found["huge.npy"] = bytes(arrays_header((1 << 40,)))
    return found


def arrays_header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


@pytest.mark.parametrize(("name", "data"), bad_files().items())
def test_what_is_no_boundary_is_refused_in_one_line(tmp_path: Path, name: str, data: bytes):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=name) as caught:
        read(tmp_path / name, None)
    assert "\n" not in str(caught.value)
