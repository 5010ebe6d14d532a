"""StyleFlow and the unofficial Latent-To-Latent: their files, against what their programs made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.attributes import flow_files, unofficial_mapper

DATA = Path(__file__).parents[2] / "data" / "attributes"


@pytest.fixture(scope="module")
def flow():
    return flow_files.read(DATA / "styleflow_small.pt")


def test_a_published_flow_gives_the_exact_solution(flow):
    ref = np.load(DATA / "styleflow_small.ref.npz")
    w, source, target = (torch.from_numpy(ref[key]) for key in ("w", "context_source", "context_target"))
    source, target = source.reshape(1, -1), target.reshape(1, -1)
    with torch.inference_mode():
        np.testing.assert_allclose(flow.ode.slope(float(ref["vel_t"]), w, source).numpy(), ref["vel"], atol=1e-5)
        np.testing.assert_allclose(flow(w, source).numpy(), ref["z_exact"], atol=1e-5)
        edited = flow.edit(w, source, target)
        np.testing.assert_allclose(edited.numpy(), ref["w_edit_exact"], atol=1e-5)
        np.testing.assert_allclose(flow.edit(edited, target, source).numpy(), ref["w"], atol=1e-5)


def test_the_trace_of_a_published_flow_is_that_of_its_program(flow):
    ref = np.load(DATA / "styleflow_small.ref.npz")
    w, probe = torch.from_numpy(ref["w"]).requires_grad_(True), torch.from_numpy(ref["e"])
    speed = flow.ode.slope(float(ref["vel_t"]), w, torch.from_numpy(ref["context_source"]).reshape(1, -1))
    (turned,) = torch.autograd.grad(speed, w, probe)
    trace = (turned * probe).sum(dim=-1, keepdim=True)
    np.testing.assert_allclose(-trace.numpy(), ref["neg_div"], atol=1e-4)


def test_the_unofficial_mapper_is_that_of_its_program():
    ref = np.load(DATA / "l2l_unofficial.ref.npz")
    state = unofficial_mapper.read(DATA / "latent_model_small.pt")
    w, direction = torch.from_numpy(ref["w"]), torch.from_numpy(ref["direction"])
    edited = unofficial_mapper.edit(state, w, direction, float(ref["factor"]))
    np.testing.assert_allclose(edited.numpy(), ref["w_edit"], atol=1e-5)
