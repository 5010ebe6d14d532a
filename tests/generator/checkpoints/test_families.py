"""The table of families: every row is whole, and a network is constructed once for a load, however it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.checkpoints.families import ADVICE, FAMILIES, recognise
from engine.generator.networks.network import Network
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.networks.stylegan3 import Config3, StyleGAN3
from tests.builders import checkpoints as writers
from tests.builders import families

TWO = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), mapping_features=(8, 8))
THREE = Config3(img_resolution=32, z_dim=8, w_dim=8, channel_base=512, channel_max=16, num_layers=6)
NETWORKS: dict[str, Network] = {
    "stylegan2": StyleGAN2.random(TWO),
    "stylegan3": StyleGAN3.random(THREE),
    "stylegan": families.stylegan(levels=2),
    "pggan": families.pggan(levels=2),
    "dcgan": families.dcgan(doublings=1),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_is_its_networks(name: str) -> None:
    row, network = FAMILIES[name], NETWORKS[name]
    assert row.name == name
    assert row.title == network.title
    assert recognise(network.state_dict()) == name
    assert row.title in ADVICE


def test_tensors_of_no_family_are_not_recognised() -> None:
    assert recognise(["generator.weight", "mapping.fc0.weight"]) is None


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """Return the list that every construction of a network, or of a part as large as its synthesis, is noted in."""
    made: list[type] = []
    own = nn.Module.__init__

    def noting(self: nn.Module, *args: object, **kwargs: object) -> None:
        if isinstance(self, Network) or type(self).__name__.startswith(("Synthesis2", "Synthesis3", "Mapping")):
            made.append(type(self))
        own(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__init__", noting)
    return made


@pytest.mark.parametrize("kind", ["ours", "nvidia", "tensorflow", "without w_avg", "stylegan3", "from the cache"])
def test_a_network_is_constructed_once_for_a_load(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constructed: list[type]
) -> None:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))
    path, network = tmp_path / "model", StyleGAN2.random(TWO)
    if kind == "ours":
        save_file(network.state_dict(), path)
    elif kind == "stylegan3":
        save_file(StyleGAN3.random(THREE).state_dict(), path, metadata=three_settings())
    elif kind == "tensorflow":
        path.write_bytes(writers.tensorflow(network))
    elif kind == "without w_avg":
        path.write_bytes(writers.rosinality(network, training=True))
    else:
        path.write_bytes(writers.nvidia(network))
    if kind == "from the cache":
        checkpoint.load(path)
    constructed.clear()
    loaded = checkpoint.load(path)
    built = checkpoint.build(loaded)
    networks = [made for made in constructed if issubclass(made, Network)]
    assert networks == [StyleGAN3 if kind == "stylegan3" else StyleGAN2]
    assert len([made for made in constructed if made.__name__ == "Mapping"]) == 1
    assert not built.training
    assert not any(parameter.requires_grad for parameter in built.parameters())
    for name, tensor in built.state_dict().items():
        assert torch.equal(tensor, loaded.state[name]), name


def three_settings() -> dict[str, str]:
    import json

    kwargs = {"channel_base": THREE.channel_base, "channel_max": THREE.channel_max, "num_layers": THREE.num_layers}
    return {"init_kwargs": json.dumps(kwargs | {"mapping_kwargs": {}})}


def test_a_checkpoint_of_a_family_without_a_network_is_read_and_not_built(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"latentvj": '{"family": "pixelcnn"}'})
    loaded = checkpoint.load(path)
    assert (loaded.family, loaded.network, loaded.config) == ("pixelcnn", None, None)
    with pytest.raises(UserError, match=r"no network for pixelcnn yet: use a StyleGAN2, .* or DCGAN checkpoint"):
        checkpoint.build(loaded)
