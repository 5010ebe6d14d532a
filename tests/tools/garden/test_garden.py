"""Flowers on black: seeded, distinct, with a mask that ends before the border; from bud to wilt as one parameter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import StyleGAN2
from tools.fruit import mapping
from tools.fruit.losses import pyramid_loss
from tools.fruit.mapping import build, parameters_of, write_model
from tools.fruit.student import Plan, Student
from tools.fruit.subject import FRUIT, GARDEN
from tools.fruit.training import Training
from tools.garden import resume, sliders
from tools.garden.__main__ import stages
from tools.garden.botany import NAMES, THETA
from tools.garden.kinds import KINDS, Array
from tools.garden.render import Pictures, Studio, mean_theta, sample, weights

TINY = Plan(resolution=16, channel_base=128, channel_max=8, w_dim=16, mapping_layers=2, batch=4, subject="garden")
PAIRED = replace(TINY, w_dim=16 + GARDEN.pairs, pairs=GARDEN.pairs)


def pure(*kinds: str, **knobs: float) -> Array:
    """One picture of each kind: [len(kinds), THETA]."""
    theta = np.zeros((len(kinds), THETA), np.float32)
    theta[np.arange(len(kinds)), [KINDS.index(k) for k in kinds]] = 1
    for name, value in knobs.items():
        theta[:, NAMES.index(name)] = value
    return theta


@pytest.fixture(scope="module")
def studio() -> Studio:
    """A small studio, shared: its programs take a moment to compile."""
    return Studio(48)


@pytest.fixture(scope="module")
def pictures(studio: Studio) -> Pictures:
    """Every kind once."""
    return studio.render(pure(*KINDS))


def test_twelve_kinds_and_a_name_per_number() -> None:
    assert len(KINDS) == 12
    assert len(NAMES) == THETA == len(set(NAMES)) == sample(np.random.default_rng(0), 2).shape[1]


def test_kinds_compete_and_survive_truncation() -> None:
    theta = np.eye(THETA, dtype=np.float32)[: len(KINDS)]
    truncated = mean_theta() + 0.7 * (theta - mean_theta())
    assert (weights(truncated).argmax(1) == np.arange(len(KINDS))).all()
    assert weights(truncated).max(1).min() > 0.95


def test_kinds_differ(pictures: Pictures) -> None:
    flat = pictures[..., :3].reshape(len(KINDS), -1).astype(np.float32)
    apart = np.abs(flat[:, None] - flat[None]).mean(-1) + 1e3 * np.eye(len(KINDS))
    assert apart.min() > 4, "two kinds look the same"


def test_light_lies_on_black_inside_the_mask_and_ends_before_the_border(pictures: Pictures) -> None:
    light, mask = pictures[..., :3].max(-1), pictures[..., 3]
    assert (light <= mask.astype(int) + 1).all()
    border = np.concatenate([pictures[:, [0, -1]].reshape(12, -1), pictures[:, :, [0, -1]].reshape(12, -1)], 1)
    assert border.max() <= 2
    covered = (mask > 128).mean((1, 2))
    assert covered.min() > 0.05
    assert covered.max() < 0.65
    assert np.quantile(light[mask > 128], 0.99) > 200, "the full range is used"


def test_the_same_parameters_draw_the_same_flower(studio: Studio) -> None:
    theta = pure("rose", "dandelion", dew=0.4)
    assert np.array_equal(studio.render(theta), studio.render(theta))


@pytest.mark.parametrize("kind", ["rose", "dahlia", "lily"])
def test_a_bud_is_smaller_than_its_bloom(studio: Studio, kind: str) -> None:
    bud, bloom = (studio.render(pure(kind, bloom=b))[0, ..., 3].astype(float).sum() for b in (-1.0, 0.0))
    assert bud < 0.5 * bloom


@pytest.mark.parametrize("knob", NAMES[len(KINDS) :])
def test_every_knob_shows(studio: Studio, knob: str) -> None:
    kind = "dandelion" if knob == "stamens" else "rose" if knob in ("count", "layers") else "poppy"
    low, high = (studio.render(pure(kind, **{knob: v})).astype(float) for v in (-0.6, 0.6))
    assert np.abs(low - high).mean() > 0.05


def test_a_small_step_in_theta_is_a_small_step_in_the_picture(studio: Studio) -> None:
    one, other = pure("rose", "dahlia")
    way = np.stack([one + (other - one) * t for t in (0.40, 0.42, 0.44)])
    drawn = studio.render(way.astype(np.float32)).astype(np.float32)
    assert np.abs(np.diff(drawn, axis=0)).mean((1, 2, 3)).max() < 6


def test_a_run_of_four_channels_learns_and_goes_on(tmp_path: Path, studio: Studio) -> None:
    torch.set_num_threads(1)
    run = Training(TINY, tmp_path)
    theta = sample(np.random.default_rng(0), 4)
    pictures = studio.render(theta)
    before = [run.step(theta, pictures, 16, 3e-3)[0] for _ in range(5)]
    assert before[-1] < before[0]
    run.save()
    again = Training(Plan(batch=4), tmp_path)
    assert again.plan.subject == "garden"
    assert again.subject is GARDEN
    assert run.student(torch.from_numpy(theta), 16).shape == (4, 4, 16, 16)


def test_what_lies_around_counts_least() -> None:
    target = torch.full((1, 4, 32, 32), -1.0)
    target[:, :, 8:24, 8:24] = 0.5
    inside, outside = target.clone(), target.clone()
    inside[:, :, 12:20, 12:20] += 0.2
    outside[:, :, 0:8, 0:8] += 0.2
    assert pyramid_loss(inside, target, ground=-1.0)[0] > 2 * pyramid_loss(outside, target, ground=-1.0)[0]


def test_the_file_has_four_channels_and_z_means_kinds(tmp_path: Path) -> None:
    model = StyleGAN2.random(replace(TINY, z_dim=THETA).config(), 0)
    write_model(model, TINY, tmp_path / "m.safetensors")
    read = checkpoint.build(checkpoint.load(tmp_path / "m.safetensors", cache=False))
    assert read.img_channels == 4
    shares = parameters_of(torch.randn(64, THETA, generator=torch.Generator().manual_seed(0)), GARDEN)
    assert shares.shape == (64, THETA)
    assert torch.allclose(shares[:, : len(KINDS)].sum(1), torch.ones(64))
    assert Student(TINY).embedding.linear.in_features == GARDEN.theta != FRUIT.theta


@pytest.mark.parametrize("plan", [TINY, PAIRED], ids=["plain", "pairs"])
def test_a_run_goes_on_from_the_file_and_its_sliders(tmp_path: Path, plan: Plan) -> None:
    """Runs outlive folders: the model and its sliders hold all that the pictures of theta depend on."""
    run = Training(plan, tmp_path / "old")
    run.folder.mkdir()
    run.save()
    path = tmp_path / "garden.safetensors"
    write_model(build(run.average, plan, 0.0), plan, path)
    sliders.main([str(run.folder), str(path)])
    assert resume.main([str(path), str(tmp_path / "new"), "--images", "400"]) == 0
    again = Training(TINY, tmp_path / "new")
    theta = torch.from_numpy(sample(np.random.default_rng(1), 3))
    with torch.no_grad():
        off = (again.student(theta, 16) - run.average(theta, 16)).abs().mean()
    assert off < 0.01, "more than fp16 rounds off"
    assert again.images == 400
    assert not any(bias.any() for bias in again.student.embedding.biases())


def test_a_model_gone_on_with_keeps_its_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Training(PAIRED, tmp_path / "old")
    run.folder.mkdir()
    run.save()
    path, later = tmp_path / "garden.safetensors", tmp_path / "later.safetensors"
    write_model(build(run.average, PAIRED, 0.0), PAIRED, path)
    sliders.main([str(run.folder), str(path)])
    resume.main([str(path), str(tmp_path / "new")])
    written = ["--keep", str(path), "--out", str(later)]
    for given, said in ((written, "misses this run's w"), ([*written[:3], str(path)], "choose another file")):
        monkeypatch.setattr("sys.argv", ["mapping", str(tmp_path / "new"), *given])
        with pytest.raises(SystemExit, match="2"):  # this mapping was never taught; what is read is not written
            mapping.main()
        assert said in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["mapping", str(tmp_path / "new"), *written])
    monkeypatch.setattr(mapping, "FOREIGN", 1e9)
    mapping.main()
    old, new = (checkpoint.build(checkpoint.load(each, cache=False)).float() for each in (path, later))
    z = torch.randn(4, old.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(old.map(z), new.map(z))
        assert (old(z) - new(z)).abs().mean() < 0.02, "more than fp16 rounds off"


def test_a_sitting_goes_on_with_the_largest_size_that_there_is(tmp_path: Path) -> None:
    """A run from the file alone has no smaller one before it: nothing begins anew."""

    def names(resolution: int, minutes: float) -> list[str]:
        run = tmp_path / f"run{resolution}"
        run.mkdir(exist_ok=True)
        torch.save({"seconds": 60 * minutes}, run / "snapshot.pt")
        return [stage.name for stage in stages(tmp_path)]

    assert [stage.name for stage in stages(tmp_path)] == ["where", "coarse", "medium", "fine"]
    assert names(128, 40) == ["coarse", "medium", "fine"]
    assert names(128, 180) == ["fine"]
    assert names(128, 40) == ["coarse", "medium", "fine"]
    assert names(256, 0) == ["fine"]
    assert names(256, 480) == []


def test_another_seeds_sliders_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Training(replace(PAIRED, seed=1), tmp_path / "old")
    run.folder.mkdir()
    run.save()
    path = tmp_path / "garden.safetensors"
    write_model(build(run.average, PAIRED, 0.0), PAIRED, path)
    sliders.main([str(run.folder), str(path)])
    with pytest.raises(SystemExit):
        resume.main([str(path), str(tmp_path / "new")])
    assert "not of this model's seed" in capsys.readouterr().err


def test_a_kinds_own_knobs_are_told_and_shrink_with_truncation() -> None:
    embedding = Student(PAIRED).embedding
    rose, tulip = (torch.from_numpy(pure(kind, curl=0.5)) for kind in ("rose", "tulip"))
    straight = [torch.from_numpy(pure(kind, curl=0.0)) for kind in ("rose", "tulip")]
    moved = [embedding(curled) - embedding(calm) for curled, calm in zip((rose, tulip), straight, strict=True)]
    assert torch.allclose(moved[0][:, :16], moved[1][:, :16], atol=1e-5)
    assert (moved[0] - moved[1])[:, 16:].norm() > 0.5 * moved[0].norm()
    mean = torch.from_numpy(mean_theta())[None]
    theta = torch.from_numpy(sample(np.random.default_rng(3), 20))
    short = embedding(mean + 0.7 * (theta - mean))
    assert torch.allclose(short, embedding(mean) + 0.7 * (embedding(theta) - embedding(mean)), atol=1e-4)


def test_a_slider_changes_the_number_that_it_is_called_after(tmp_path: Path) -> None:
    """w moved along `bloom` is the w of a theta whose bloom alone is another."""
    student = Student(TINY)
    made = sliders.sliders(student, GARDEN, NAMES, 6)
    bloom, theta = made["bloom"], torch.from_numpy(sample(np.random.default_rng(2), 3))
    later = theta.clone()
    later[:, NAMES.index("bloom")] += bloom.spread
    assert torch.allclose(
        student.embedding(theta) + torch.from_numpy(bloom.step[0]), student.embedding(later), atol=1e-5
    )
    assert len(made) == THETA
    assert bloom.step.shape == (6, TINY.w_dim)
