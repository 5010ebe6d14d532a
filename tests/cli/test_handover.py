"""What a part hands over to the next one: the memory of passes, styles and the flash guard, and when it is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.cli import handover
from engine.stage.passes.flashes import Flashes
from engine.stage.recording import part
from tests.builders.short_song import beginning
from tests.builders.show import trace, vj_here

WEIGHTS = Path(__file__).resolve().parents[1] / "data/style/transformer_small.pth"
SHADER = """/*{"ISFVSN": "2", "INPUTS": [{"NAME": "inputImage", "TYPE": "image"}],
"PASSES": [{"TARGET": "kept", "PERSISTENT": true, "FLOAT": true}, {}]}*/
void main() {
    vec4 before = IMG_NORM_PIXEL(kept, isf_FragNormCoord), now = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord);
    gl_FragColor = PASSINDEX == 0 ? mix(now, before, 0.7) : before;
}
"""
PRESET = f"""
name = "endless"
passes = ["trails", "isf:Kept.fs", "grade"]
[latent]
seeds = [17, 204, 88]
[style]
weights = "{WEIGHTS}"
size = 48
[params]
speed = 0.4
[params.style]
calm = 0.3
[params.trails]
amount = 1.0
seconds = 0.3
zoom = 0.5
[params.noise]
drift = 1.0
"""
ASKED = ("--seconds", "0.8", "--fps", "30", "--size", "32x32", "--resolution", "8", "--backend", "plain")
CUTS = ((0, 20), (20, 24))  # the second one's guard sees what is before frame 20, and no more


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the preset, a film of it, its trace, and its first part."""
    folder = tmp_path_factory.mktemp("endless")
    (folder / "shaders").mkdir()
    (folder / "shaders/Kept.fs").write_text(SHADER)
    (folder / "endless.toml").write_text(PRESET)
    beginning(folder, 1.0)
    assert render(folder, folder / "whole.mp4")[0] == 0
    code, said = render(folder, folder / "first.mkv", "--frames", "0:20")
    assert code == 0, said
    return folder


def render(folder: Path, output: Path, *more: object) -> tuple[int, str]:
    """Render to ``output`` with a trace beside it; return the exit code and what was said."""
    given = (folder / "beginning.wav", "--preset", folder / "endless.toml", "--shaders", folder / "shaders", *ASKED)
    done = vj_here("render", *given, "-o", output, "--trace", f"{output}.jsonl", "--trace-pictures", *more)
    return done.returncode, done.stdout + done.stderr


def pictures(output: Path) -> dict[int, str]:
    return {row["index"]: row["picture_hash"] for row in trace(Path(f"{output}.jsonl"))}


def second(film: Path, folder: Path, *states: Path, more: tuple[str, ...] = ()) -> str:
    """Render the second part in ``folder``, beside copies of ``states``; return what was said."""
    for state in states:
        (folder / state.name).write_bytes(state.read_bytes())
    code, said = render(film, folder / "second.mkv", "--frames", "20:24", *more)
    assert code == 0, said
    whole = pictures(film / "whole.mp4")
    assert pictures(folder / "second.mkv") == {index: whole[index] for index in range(20, 24)}
    assert len({*whole.values()}) == 24
    return said


def test_a_part_goes_on_where_the_one_before_has_ended(film: Path, tmp_path: Path) -> None:
    said = second(film, tmp_path, film / "first.state")
    assert "frames 20:24: goes on from frame 20, by first.state" in said
    assert "before them are made too" not in said  # nothing was generated, painted or drawn but its own frames
    assert not (tmp_path / "second.state").exists()  # nothing follows the film's last part


def test_without_the_part_before_all_is_made_and_told_with_the_passes_name(film: Path, tmp_path: Path) -> None:
    said = second(film, tmp_path, more=("--no-flash-guard",))
    assert "20 before them are made too, 500%" in said
    assert "trails" in said
    assert "isf:Kept.fs" in said
    assert "style.calm" in said


def test_what_another_film_remembers_is_not_taken(film: Path, tmp_path: Path) -> None:
    state = film / "first.state"
    given = part.read(film / "first.mkv")
    other = part.Part(
        frames=given.frames, of=given.of, fps=given.fps, made_from={**given.made_from, "model": "x"}, kind=given.kind
    )
    slow = part.Part(
        frames=given.frames, of=given.of, fps=given.fps, made_from=given.made_from, kind={**given.kind, "device": "x"}
    )
    wanted = part.Part(frames=(20, 24), of=given.of, fps=given.fps, made_from=given.made_from, kind=given.kind)
    lines: list[str] = []
    for name, one in (("a", other), ("b", slow)):
        handover.write(tmp_path / f"{name}.state", one, {})
    (tmp_path / "c.state").write_bytes(state.read_bytes()[:100])
    assert handover.find(tmp_path, wanted, lines.append) is None
    assert [line.split("/")[-1].split(":")[0] for line in lines] == ["b.state", "c.state"]
    (tmp_path / "d.state").write_bytes(state.read_bytes())
    found = handover.find(tmp_path, wanted, lines.append)
    assert found is not None
    assert found.frames == 20


def test_a_memory_that_was_cut_short_costs_a_line_and_time(film: Path, tmp_path: Path) -> None:
    whole = (film / "first.state").read_bytes()
    (tmp_path / "torn.state").write_bytes(whole[: len(whole) // 2])
    assert "torn.state: cannot be read" in second(film, tmp_path)


def test_a_guard_goes_on_as_if_it_had_seen_it_all() -> None:
    rng = np.random.default_rng(4)
    seen = [rng.integers(0, 256, (13, 24, 3)).astype(np.uint8) * np.uint8(n % 2) for n in range(40)]
    one, other = Flashes(), Flashes()
    one.pass_by(-0.1)
    for n, picture in enumerate(seen[:25]):
        one.see(picture, n / 10)
    other.recall({name: each.copy() for name, each in one.memory().items()})
    answers = []
    for n, picture in enumerate(seen[25:], 25):
        answers.append(one.see(picture, n / 10))
        assert (other.see(picture, n / 10), other.may, other.must) == (answers[-1], one.may, one.must)
    assert any(answers)
