"""An encoder learns from a model's own samples, is kept with its model, and is where a projection begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.inversion.answers import answers
from engine.generator.inversion.coarse import Coarse
from engine.generator.inversion.encoders import files, own
from tests.builders.inversion import network
from tools.train.encoder import lesson, pairs


@pytest.fixture(scope="module")
def samples() -> pairs.Pairs:
    """Few samples of a small model: their pictures are drawn to the 64 px that the encoder sees."""
    coarse = Coarse(network("G_small_state.pt"))
    z = torch.randn(60, 24, generator=torch.Generator().manual_seed(0))
    ws = coarse.network.map(z)[:, 0]
    return pairs.Pairs(ws, np.concatenate([pairs.to_bytes(pairs.painted(coarse, w[None])) for w in ws]))


def test_dense_layers_learn_what_is_known_and_the_file_keeps_it(tmp_path: Path, samples: pairs.Pairs) -> None:
    net, path = network("G_small_state.pt"), tmp_path / "a.encoder.safetensors"
    encoder, average = lesson.begun(net), net.w_avg.float()
    held = pairs.Pairs(samples.ws[:20], samples.pictures[:20])
    left = lesson.learn_dense(encoder, samples, average, 0.4, held)
    assert left < 0.8  # of the spread; an answer of the average leaves 1
    own.save(path, encoder, average, "the model")
    found = files.load(path, net, "the model")
    told = answers(found, held.seen(slice(0, 20)))[0]
    assert told.shape == (20, 8, 24)
    assert torch.allclose(told[:, 0], encoder(held.seen(slice(0, 20)))[:, 0] + average, atol=0.02)
    with pytest.raises(UserError, match="encoder of another model"):
        files.load(path, net, "another model")


def test_pictures_teach_the_whole_encoder(samples: pairs.Pairs) -> None:
    net = network("G_small_state.pt")
    encoder, average = lesson.begun(net), net.w_avg.float()
    before = [p.detach().clone() for p in encoder.parameters()]
    lesson.learn_pictures(encoder, Coarse(net), samples, average, 0.2)
    assert all(p.isfinite().all() for p in encoder.parameters())
    assert not torch.equal(before[-1], list(encoder.parameters())[-1])


def test_a_file_of_pairs_that_is_none_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", ws=np.zeros((3, 24), np.float32), pictures=np.zeros((3, 3, 32, 32), np.uint8))
    with pytest.raises(UserError, match=r"p\.npz: its pictures are \(3, 3, 32, 32\)"):
        pairs.given(tmp_path / "p.npz")
