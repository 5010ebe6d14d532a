"""Lessons have the renderer's labels; a recogniser learns, is folded, and knows the default model's fruit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint
from engine.generator.perceptual.names import ATTRIBUTES, KINDS
from engine.generator.perceptual.recogniser import Recogniser, shipped
from tools.fruit import render
from tools.fruit.mapping import parameters_of
from tools.judge.recogniser import Second
from tools.recognise.augment import augmented
from tools.recognise.lessons import Lessons, draw, labels
from tools.recognise.student import Student, contrast, losses
from tools.recognise.teach import PLANS, Run, same_kind

FRUIT = Path(__file__).parents[3] / "presets/models/fruit.safetensors"


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    pictures = np.random.default_rng(0).integers(0, 255, (64, 64, 64, 3), dtype=np.uint8)
    return Lessons(draw(0, 64), pictures)


def test_a_label_is_what_the_knob_does() -> None:
    theta = np.zeros((3, render.THETA), np.float32)
    theta[0, KINDS.index("apple")] = theta[1, KINDS.index("melon")] = theta[2, KINDS.index("orange")] = 1
    theta[:, len(KINDS) + render.KNOBS.index("yaw")] = 0.5
    theta[:, len(KINDS) + render.KNOBS.index("leaf")] = -1
    found = dict(zip(ATTRIBUTES, labels(theta).T, strict=True))
    assert found["turn"] == pytest.approx(0.35)
    assert found["slice"] == pytest.approx([0, 1, 0])
    assert found["stem"] == pytest.approx([0.42, 0, 0])  # an orange's is too thin to be drawn, and no leaf is left
    assert KINDS == render.KINDS


def test_the_wilder_half_reaches_further_and_the_seed_decides() -> None:
    theta = draw(3, 400)
    usual, wild = theta[::2, len(KINDS) :], theta[1::2, len(KINDS) :]
    assert np.abs(usual).max() <= 1
    assert np.abs(wild).max() > 1.2
    assert (render.weights(theta) > 0).sum(1).max() <= 2
    np.testing.assert_array_equal(theta, draw(3, 400))


def test_augmentation_is_drawn_by_its_generator_and_stays_in_range(lessons: Lessons) -> None:
    first, again = (augmented(lessons.pictures[:8], np.random.default_rng(4)) for _ in range(2))
    assert first.shape == (8, 3, 64, 64)
    assert float(first.abs().max()) <= 1
    torch.testing.assert_close(first, again)


@pytest.mark.parametrize("name", list(PLANS))
def test_a_folded_recogniser_tells_what_the_student_told(name: str, lessons: Lessons, tmp_path: Path) -> None:
    run = Run(PLANS[name], tmp_path, lessons)
    run.step(1000)
    run.save()
    again = Run(PLANS[name], tmp_path, lessons)  # goes on from the snapshot
    assert again.seen == run.seen > 0
    folded = again.student.folded(PLANS[name].network())
    x = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        kinds, _, _, identity = run.student.eval()(x)
        found = folded.recognise(x)
    torch.testing.assert_close(found.kinds, kinds, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.identity, identity, atol=1e-5, rtol=0)


@pytest.mark.parametrize("network", [Recogniser, Second])
def test_every_part_of_the_loss_reaches_the_maps(network: type[Recogniser] | type[Second], lessons: Lessons) -> None:
    truth = labels(lessons.theta), lessons.theta[:, len(KINDS) :], render.weights(lessons.theta)
    tensors = [torch.from_numpy(part[:8]) for part in truth]
    student = Student(network(), torch.from_numpy(truth[0]))
    found = losses(student, augmented(lessons.pictures[:8], np.random.default_rng(0)), *tensors)
    first = student.network.convolutions[0].weight
    for part in found.values():
        (gradient,) = torch.autograd.grad(part, first, retain_graph=True)
        assert float(gradient.abs().max()) > 0


def test_contrast_and_its_measure_prefer_kinds_apart() -> None:
    kind = torch.tensor([0, 0, 1, 1, 2, 2])
    share = torch.nn.functional.one_hot(kind, 11).float()
    apart = torch.nn.functional.one_hot(kind, 4).float()
    mixed = apart.roll(1, 0)
    assert float(contrast(apart, share)) < float(contrast(mixed, share))
    assert same_kind(apart, kind) == 1.0
    assert same_kind(mixed, kind) < 0.6


def test_the_shipped_one_knows_the_fruit_of_the_default_model() -> None:
    network = checkpoint.build(checkpoint.load(FRUIT, cache=False)).eval()
    z = torch.randn(40, 32, generator=torch.Generator().manual_seed(1))
    kind = parameters_of(z)[:, : len(KINDS)]
    pure = kind.amax(1) > 0.95
    with torch.no_grad():
        pictures = network.synthesize(network.map(z[pure]), stop_at=64)
        found = shipped().recognise(pictures).kinds
    assert float((found.argmax(1) == kind[pure].argmax(1)).float().mean()) > 0.9
